use super::*;
use crate::sink::tests::notification;

fn parsed(format: WebhookFormat, of: &Notification) -> Value {
    serde_json::from_str(&render(format, of).1).unwrap()
}

#[test]
fn alertmanagers_body_has_all_its_fields() {
    let firing = parsed(WebhookFormat::Alertmanager, &notification());
    let labels = json!({
        "alertname": "認証\"失敗\n",
        "severity": "critical",
        "team": "soc",
        "user_2e_name": "a<b>\u{202e}",
        "ip": "203.0.113.9",
        "code": i64::MAX.to_string(),
        "ok": "true",
    });
    assert_eq!(firing["version"], "4");
    assert_eq!(firing["status"], "firing");
    assert_eq!(firing["groupKey"], "000000000000000000000000000000ff");
    assert_eq!(firing["truncatedAlerts"], 0);
    assert_eq!(firing["commonLabels"], labels);
    let alert = &firing["alerts"][0];
    assert_eq!(alert["labels"], labels);
    assert_eq!(alert["annotations"]["summary"], "m");
    assert_eq!(alert["startsAt"], "1970-01-01T00:00:01.500Z");
    assert_eq!(alert["endsAt"], NO_TIME);
    assert_eq!(alert["fingerprint"].as_str().map(str::len), Some(16));
    let members: Vec<&str> = firing.as_object().unwrap().keys().map(String::as_str).collect();
    let mut wanted = [
        "version",
        "groupKey",
        "truncatedAlerts",
        "status",
        "receiver",
        "groupLabels",
        "commonLabels",
        "commonAnnotations",
        "externalURL",
        "alerts",
    ];
    wanted.sort_unstable();
    assert_eq!(members, wanted);
    let over = Notification { kind: NotificationKind::Resolved, ..notification() };
    let over = parsed(WebhookFormat::Alertmanager, &over);
    assert_eq!(
        (&over["status"], &over["alerts"][0]["endsAt"]),
        (&json!("resolved"), &json!("1970-01-01T00:00:54Z"))
    );
}

#[test]
fn a_cloud_event_has_what_every_one_must_have() {
    let event = parsed(WebhookFormat::CloudEvents, &notification());
    for (name, want) in [
        ("specversion", "1.0"),
        ("id", "00ff-1"),
        ("source", "/hansho"),
        ("type", "hansho.notification.firing"),
        ("subject", "000000000000000000000000000000ff"),
        ("time", "1970-01-01T00:00:54Z"),
        ("datacontenttype", "application/json"),
        ("severitytext", "CRITICAL"),
    ] {
        assert_eq!(event[name], want, "{name}");
    }
    let is_plain = |name: &String| {
        name.len() <= 20 && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    assert!(event.as_object().unwrap().keys().all(is_plain));
    let text = render(WebhookFormat::CloudEvents, &notification()).1;
    assert!(text.contains("12345678901234567.123456789"), "numbers keep their digits: {text}");
    assert_eq!(event["data"]["alert"], "認証\"失敗\n");
}
