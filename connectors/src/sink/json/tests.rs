//! The document, byte for byte as receivers know it.

use std::sync::Arc;

use model::alert_facts::{AlertFacts, Measurement};
use model::notification::{Digest, MissedDelivery, Notification, NotificationKind};
use model::severity::Severity;
use model::transition::EndReason;

use super::render;
use crate::sink::tests::notification;

/// One document a line, as written by the first release of this form.
const GOLDEN: &str = include_str!("golden.jsonl");

fn digest(is_flapping: bool) -> Option<Arc<Digest>> {
    let alerts = vec![("z".to_owned(), 9), ("a\"".to_owned(), 3)];
    Some(Arc::new(Digest { news: 12, ended: 3, is_flapping, alerts }))
}

fn missed(why: Option<&str>) -> Option<MissedDelivery> {
    Some(MissedDelivery { at: notification().facts.at, why: why.map(str::to_owned) })
}

fn documents() -> Vec<String> {
    let text = |text: &str| Some(text.to_owned());
    let awkward = "m\u{8}\u{c}\u{1f}\u{7f}\t\r\n/\\\u{2028}".to_owned();
    let base = notification();
    let mut all = vec![
        Notification { by: text("b\u{7f}"), message: awkward, ..base.clone() },
        Notification {
            missed: missed(Some("500")),
            reason: Some(EndReason::NoData),
            ..base.clone()
        },
        Notification { missed: missed(None), runbook: text("https://wiki/x"), ..base.clone() },
        Notification { digest: digest(true), labels: Vec::new(), ..base.clone() },
        Notification {
            digest: digest(false),
            facts: AlertFacts { key: Vec::new(), ..base.facts.clone() },
            deadline: None,
            ..base.clone()
        },
        Notification {
            measured: Measurement::default(),
            by: text("b"),
            missed: missed(None),
            digest: digest(true),
            ..base.clone()
        },
    ];
    let kinds = NotificationKind::ALL.into_iter().zip(Severity::ALL.into_iter().cycle());
    all.extend(kinds.map(|(kind, severity)| Notification {
        kind,
        facts: AlertFacts { severity, ..base.facts.clone() },
        ..base.clone()
    }));
    all.iter().map(render).collect()
}

#[test]
fn documents_are_what_they_always_were() {
    assert_eq!(documents(), GOLDEN.lines().collect::<Vec<&str>>());
}
