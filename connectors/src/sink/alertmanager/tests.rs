use model::alert_facts::AlertFacts;

use super::*;
use crate::secret::SecretText;
use crate::sink::http::tests::{CannedAnswer, HttpReceiver, answer};
use crate::sink::tests::notification;

const NOW: Timestamp = Timestamp(600_000);

fn settings(of: &[&HttpReceiver]) -> AlertmanagerSettings {
    let member = |of: &&HttpReceiver| HttpSettings {
        url: SecretText::new(format!("http://{}", of.address)),
        timeout_ms: 5_000,
        ..of.settings()
    };
    AlertmanagerSettings { members: of.iter().map(member).collect() }
}

fn body(request: &str) -> Vec<Value> {
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

#[tokio::test]
async fn an_alert_is_its_labels_and_is_believed_for_some_minutes() {
    let receiver = HttpReceiver::start(answer("200 OK", "", "")).await;
    let sink = AlertmanagerSink::new(&settings(&[&receiver])).unwrap();
    let sent = sink.deliver(&notification(), None, NOW).await;
    assert_eq!(sent, DeliveryResult::Sent { receipt: None });
    let request = receiver.requests().remove(0);
    assert!(request.starts_with("POST /api/v2/alerts HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("content-type: application/json\r\n"), "{request}");
    let want = json!([{
        "labels": {
            "alertname": "認証\"失敗\n",
            "severity": "critical",
            "severity_level": "1",
            "team": "soc",
            "user_2e_name": "a<b>\u{202e}",
            "ip": "203.0.113.9",
            "code": i64::MAX.to_string(),
            "ok": "true",
        },
        "annotations": {
            "incident_id": "000000000000000000000000000000ff",
            "summary": "m",
            "description": "r",
            "value": "12345678901234567.123456789",
            "threshold": "0.05",
            "deadline": "1970-01-01T00:30:54Z",
        },
        "startsAt": "1970-01-01T00:00:01.500Z",
        "endsAt": "1970-01-01T00:14:00Z",
    }]);
    assert_eq!(Value::Array(body(&request)), want);
}

#[test]
fn what_ends_has_ended_and_never_before_it_began() {
    let ended = |at, since| {
        let kind = NotificationKind::Resolved;
        let of = Notification {
            kind,
            facts: AlertFacts {
                at: Timestamp(at),
                since: Timestamp(since),
                ..notification().facts
            },
            ..notification()
        };
        let [alert] = alerts(&of, NOW).try_into().unwrap();
        (alert["startsAt"].clone(), alert["endsAt"].clone())
    };
    let at = |text: &str| json!(text);
    let begin = "1970-01-01T00:00:10Z";
    assert_eq!(ended(20_000, 10_000), (at(begin), at("1970-01-01T00:00:20Z")));
    assert_eq!(ended(5_000, 10_000), (at("1970-01-01T00:00:05Z"), at("1970-01-01T00:00:05Z")));
    // A stamp of the future does not keep it open.
    assert_eq!(ended(700_000, 10_000), (at(begin), at("1970-01-01T00:10:00Z")));
}

#[test]
fn the_alert_of_a_lesser_severity_ends_when_it_rises() {
    let (kind, severity) = (NotificationKind::Changed, Severity::High);
    let all = alerts(
        &Notification {
            kind,
            facts: AlertFacts { severity, ..notification().facts },
            ..notification()
        },
        NOW,
    );
    let brief: Vec<(&str, &str)> = all
        .iter()
        .map(|it| (it["labels"]["severity"].as_str(), it["endsAt"].as_str()))
        .map(|(severity, ends)| (severity.unwrap(), ends.unwrap()))
        .collect();
    let (later, now) = ("1970-01-01T00:14:00Z", "1970-01-01T00:10:00Z");
    assert_eq!(brief, [("high", later), ("medium", now), ("low", now)]);
}

/// Two incidents of a rule must never be one alert there, nor one incident two.
#[test]
fn alerts_are_kept_apart_as_incidents_are() {
    use model::key::KeyValue;
    let of = |value| {
        let key = vec![("a.b".to_owned(), value), ("a_b".to_owned(), KeyValue::Int(1))];
        labels(&Notification {
            facts: AlertFacts { key, ..notification().facts },
            labels: Vec::new(),
            ..notification()
        })
    };
    let values = [KeyValue::Null, KeyValue::Text(String::new()), KeyValue::Text("1".to_owned())];
    let all = values.map(of);
    assert!(all.iter().all(|labels| labels.values().all(|value| value != "")));
    assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2], "{all:?}");
    assert_eq!((&all[2]["a_2e_b"], &all[2]["a__b"]), (&json!("1"), &json!("1")));
}

#[tokio::test]
async fn one_member_that_has_it_is_enough() {
    let good = HttpReceiver::start(answer("200 OK", "", "")).await;
    let bad = HttpReceiver::start(answer("400 Bad Request", "", "\"bad\"")).await;
    let broken = HttpReceiver::start(CannedAnswer::Reset).await;
    let reported = async |of: &[&HttpReceiver]| {
        let sink = AlertmanagerSink::new(&settings(of)).unwrap();
        match sink.deliver(&notification(), None, NOW).await {
            DeliveryResult::Sent { .. } => "sent",
            DeliveryResult::Retry { .. } => "retry",
            DeliveryResult::Reject { .. } => "reject",
        }
    };
    assert_eq!(reported(&[&broken, &bad, &good]).await, "sent");
    assert_eq!(reported(&[&bad, &broken]).await, "retry");
    assert_eq!(reported(&[&bad]).await, "reject");
    assert_eq!((good.requests().len(), bad.requests().len()), (1, 3), "all are told");
}

#[tokio::test]
async fn what_stands_is_said_again_in_batches() {
    let receiver = HttpReceiver::start(answer("200 OK", "", "")).await;
    let sink = AlertmanagerSink::new(&settings(&[&receiver])).unwrap();
    let of = |count: usize| vec![notification(); count];
    assert_eq!(sink.resend(&of(0), NOW).await, DeliveryResult::Sent { receipt: None });
    assert!(receiver.requests().is_empty());
    sink.resend(&of(BATCH_MAX + 1), NOW).await;
    let sizes: Vec<usize> = receiver.requests().iter().map(|it| body(it).len()).collect();
    assert_eq!(sizes, [BATCH_MAX, 1]);
    let failing = HttpReceiver::start(answer("500 Oops", "", "")).await;
    let sink = AlertmanagerSink::new(&settings(&[&failing])).unwrap();
    assert!(matches!(sink.resend(&of(1), NOW).await, DeliveryResult::Retry { .. }));
}

#[test]
fn an_address_may_have_a_path_of_its_own() {
    let place = |url: &str| {
        let http = HttpSettings {
            url: SecretText::new(url),
            headers: Vec::new(),
            timeout_ms: 1,
            allow_private: true,
        };
        preview_url(&http)
    };
    for (url, want) in [
        ("http://a:9093", "http://a:9093/api/v2/alerts"),
        ("http://a:9093/", "http://a:9093/api/v2/alerts"),
        ("https://a/am/", "https://a/am/api/v2/alerts"),
        ("https://a/api/v2/alerts", "https://a/api/v2/alerts"),
    ] {
        assert_eq!(place(url), want);
    }
}

fn preview_url(http: &HttpSettings) -> String {
    HttpClient::below(http, ALERTS_PATH).unwrap().url().to_string()
}
