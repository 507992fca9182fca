use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::sink::tests::notification;

fn parsed(format: Format, of: &Notification) -> Value {
    serde_json::from_str(&written(format, of).1).unwrap()
}

#[test]
fn alertmanagers_body_has_all_its_fields() {
    let firing = parsed(Format::Alertmanager, &notification());
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
    let over = parsed(Format::Alertmanager, &over);
    assert_eq!(
        (&over["status"], &over["alerts"][0]["endsAt"]),
        (&json!("resolved"), &json!("1970-01-01T00:00:54Z"))
    );
}

#[test]
fn a_cloud_event_has_what_every_one_must_have() {
    let event = parsed(Format::CloudEvents, &notification());
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
    let text = written(Format::CloudEvents, &notification()).1;
    assert!(text.contains("12345678901234567.123456789"), "numbers keep their digits: {text}");
    assert_eq!(event["data"]["alert"], "認証\"失敗\n");
}

#[test]
fn names_of_labels_are_told_apart() {
    let cases = [
        ("team", "team"),
        ("user.name", "user_2e_name"),
        ("user_name", "user__name"),
        ("9lives", "_39_lives"),
        ("severity", "_73_everity"),
        ("担当", "_62c5__5f53_"),
        ("", "_0_"),
    ];
    let mut seen = BTreeMap::new();
    for (name, want) in cases {
        assert_eq!(label_name(name), want);
        assert_eq!(seen.insert(want, name), None);
    }
}

proptest! {
    #[test]
    fn a_name_comes_back_from_its_label(name in "[a-z_.\\-0-9担当A-Z ]{0,12}") {
        let label = label_name(&name);
        let mut chars = label.chars();
        let first = chars.next().unwrap();
        prop_assert!(first.is_ascii_alphabetic() || first == '_');
        prop_assert!(chars.all(|c| c.is_ascii_alphanumeric() || c == '_'));
        prop_assert!(!OWN.contains(&label.as_str()));
        prop_assert_eq!(read_label_name(&label), Some(name));
    }
}
