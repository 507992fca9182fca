use model::time::{HOUR_MS, MINUTE_MS};
use model::transition::EpisodeId;

use super::*;
use crate::incident::AlertText;

fn notice(kind: NotificationKind, severity: Severity) -> Notice {
    Notice {
        incident: EpisodeId(0xab),
        kind,
        responds_from: Timestamp(1_000),
        alert: "認証失敗多発".to_owned(),
        severity,
        told: [severity].into_iter().collect(),
        key: Vec::new(),
        at: Timestamp(5_000),
        since: Timestamp(900),
        value: None,
        threshold: None,
        reason: None,
        text: AlertText { message: "m".to_owned(), ..AlertText::default() },
    }
}

fn receivers() -> Receivers {
    let receiver = |name: &str, severities: &[Severity], send_resolved| Receiver {
        name: name.to_owned(),
        severities: severities.iter().copied().collect(),
        send_resolved,
    };
    let list = vec![
        receiver("当番", &[Severity::Critical, Severity::High], true),
        receiver("log", &Severity::ALL, true),
        receiver("siren", &[Severity::Critical], false),
    ];
    Receivers::new(list, Deadlines::default())
}

#[test]
fn severity_and_kind_choose_the_receivers() {
    use NotificationKind::{Firing, Resolved};
    let cases: [(NotificationKind, Severity, &[usize]); 6] = [
        (Firing, Severity::Critical, &[0, 1, 2]),
        (Resolved, Severity::Critical, &[0, 1]),
        (Firing, Severity::High, &[0, 1]),
        (Firing, Severity::Medium, &[1]),
        (Firing, Severity::Low, &[1]),
        (Resolved, Severity::Low, &[1]),
    ];
    let receivers = receivers();
    for (kind, severity, want) in cases {
        let notice = notice(kind, severity);
        let got: Vec<usize> = receivers.route(&notice).map(|(number, _)| number).collect();
        assert_eq!(got, want, "{kind:?} {severity}");
    }
    assert!(Severity::ALL.into_iter().all(|severity| Severities::ALL.contains(severity)));
}

#[test]
fn ids_are_told_apart_by_incident_kind_and_receiver() {
    let receivers = receivers();
    let mut ids: Vec<String> = [NotificationKind::Firing, NotificationKind::Resolved]
        .into_iter()
        .flat_map(|kind| {
            let notice = notice(kind, Severity::High);
            receivers.route(&notice).map(|(_, told)| told.id).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(ids[1], "000000000000000000000000000000ab-firing-125073191daf5431");
    let fits_a_header = |id: &String| id.bytes().all(|byte| byte.is_ascii_graphic());
    assert!(ids.iter().all(fits_a_header));
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

#[test]
fn deadlines_run_from_the_record_that_opened_the_incident() {
    let table = Deadlines::default().with(Severity::Low, Some(5 * HOUR_MS));
    let table = table.with(Severity::Medium, None);
    let cases = [
        (Severity::Critical, Some(30 * MINUTE_MS)),
        (Severity::High, Some(2 * HOUR_MS)),
        (Severity::Medium, None),
        (Severity::Low, Some(5 * HOUR_MS)),
    ];
    for (severity, want_ms) in cases {
        let opened = Timestamp(1_000);
        assert_eq!(table.response_ms(severity), want_ms);
        assert_eq!(table.deadline(severity, opened), want_ms.map(|ms| opened.plus(ms)));
    }
    let notice = notice(NotificationKind::Resolved, Severity::Critical);
    let (_, told) = receivers().route(&notice).next().unwrap();
    assert_eq!(told.deadline, Some(Timestamp(1_000 + 30 * MINUTE_MS)));
}
