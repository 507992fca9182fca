use super::*;
use crate::sink::http::tests::{HttpReceiver, answer};
use crate::sink::tests::notification;

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn parsed(of: &Notification) -> Value {
    serde_json::from_str(&event(of, KEY)).unwrap()
}

#[test]
fn an_event_has_what_pagerduty_asks_for() {
    let runbook = Some("https://wiki.example/auth".to_owned());
    let of = Notification { runbook, ..notification() };
    let event = parsed(&of);
    assert_eq!(event["routing_key"], KEY);
    assert_eq!(event["event_action"], "trigger");
    assert_eq!(event["dedup_key"], "000000000000000000000000000000ff");
    let payload = &event["payload"];
    assert_eq!(payload["summary"], "[L1] 認証\"失敗 : m", "one line");
    let source = format!("user.name=a<b>\u{202e} ip=203.0.113.9 code={} ok=true none=", i64::MAX);
    assert!(payload["source"].as_str().unwrap().starts_with(&source[..30]), "{payload}");
    assert_eq!(payload["severity"], "critical");
    assert_eq!(payload["timestamp"], "1970-01-01T00:00:54Z");
    assert_eq!(payload["custom_details"]["incident"], event["dedup_key"]);
    assert_eq!(event["links"][0]["href"], "https://wiki.example/auth");
}

#[test]
fn kinds_and_severities_are_those_pagerduty_knows() {
    use NotificationKind::{Acknowledged, Again, Changed, Digest, Escalated, Reminder, Resolved};
    let action = |kind| {
        let event = parsed(&Notification { kind, ..notification() });
        (event["event_action"].clone(), event.get("payload").is_some())
    };
    for kind in [NotificationKind::Firing, Changed, Again, Escalated, Reminder, Digest] {
        assert_eq!(action(kind), (json!("trigger"), true), "{kind:?}");
    }
    assert_eq!(action(Acknowledged), (json!("acknowledge"), false));
    assert_eq!(action(Resolved), (json!("resolve"), false));
    let words = Severity::ALL.map(severity);
    assert_eq!(words, ["critical", "error", "warning", "info"]);
}

#[test]
fn what_is_too_long_is_cut_where_it_must_be() {
    let of = Notification { message: "失".repeat(5_000), ..notification() };
    let event = parsed(&of);
    let summary = event["payload"]["summary"].as_str().unwrap();
    assert_eq!(summary.chars().count(), SUMMARY_MAX);
    assert!(summary.ends_with('…'));
    let labels = vec![("note".to_owned(), "x".repeat(EVENT_BYTES_MAX))];
    let of = Notification { labels, ..notification() };
    assert!(super::event(&of, KEY).len() < EVENT_BYTES_MAX);
    let event = parsed(&of);
    assert!(event["payload"].get("custom_details").is_none());
    assert_eq!(event["payload"]["severity"], "critical", "the rest stays");
}

#[tokio::test]
async fn what_it_answers_decides() {
    let cases = [
        ("202 Accepted", "sent"),
        ("400 Bad Request", "reject client"),
        ("429 Too Many Requests", "retry rate_limited"),
        ("500 Oops", "retry server"),
    ];
    for (status, want) in cases {
        let receiver = HttpReceiver::start(answer(status, "", "{}")).await;
        let http = receiver.settings();
        let settings = PagerDutySettings { http, routing_key: SecretText::new(KEY) };
        let got = match PagerDutySink::new(&settings).unwrap().post(&notification()).await {
            DeliveryResult::Sent { .. } => "sent".to_owned(),
            DeliveryResult::Retry { reason, why, .. } => {
                assert!(!why.contains(KEY) && !why.contains("hunter"), "{why}");
                format!("retry {}", reason.name())
            }
            DeliveryResult::Reject { reason, .. } => format!("reject {}", reason.name()),
        };
        assert_eq!(got, want, "{status}");
        let body = receiver.requests()[0].split_once("\r\n\r\n").unwrap().1.to_owned();
        assert_eq!(body, event(&notification(), KEY));
    }
    for bad in ["", "with space", "a\nb"] {
        let receiver = HttpReceiver::start(answer("202 Accepted", "", "")).await;
        let http = receiver.settings();
        let settings = PagerDutySettings { http, routing_key: SecretText::new(bad) };
        assert!(PagerDutySink::new(&settings).is_err(), "{bad:?}");
    }
}
