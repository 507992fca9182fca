use model::alert_facts::AlertFacts;
use model::key::KeyValue;
use model::message::Language;
use model::notification::MissedDelivery;
use model::time::Timestamp;

use super::*;
use crate::sink::http::tests::{HttpReceiver, answer};
use crate::sink::tests::notification;
use crate::sink::text::tests::formatter;

const OK: &str = "{\"ok\":true,\"channel\":\"C042\",\"ts\":\"1503435956.000247\"}";

fn api(receiver: &HttpReceiver) -> SlackSink {
    let http = HttpSettings {
        url: SecretText::new(format!("http://{}/api", receiver.address)),
        headers: Vec::new(),
        ..receiver.settings()
    };
    let token = SecretText::new("xoxb-hunter3");
    let endpoint = SlackEndpoint::Api { http, token, channel: "C1".to_owned() };
    SlackSink::new(&SlackSettings { endpoint, formatter: formatter(Language::Ja) }).unwrap()
}

fn webhook(receiver: &HttpReceiver) -> SlackSink {
    let endpoint = SlackEndpoint::Webhook(receiver.settings());
    SlackSink::new(&SlackSettings { endpoint, formatter: formatter(Language::Ja) }).unwrap()
}

/// Method and body of each request.
fn asked(receiver: &HttpReceiver) -> Vec<(String, Value)> {
    let requests = receiver.requests().into_iter().map(|request| {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let path = head.split(' ').nth(1).unwrap();
        let method = path.rsplit('/').next().unwrap().to_owned();
        (method, serde_json::from_str(body).unwrap())
    });
    requests.collect()
}

#[tokio::test]
async fn the_first_message_is_posted_and_known_by_its_time() {
    let receiver = HttpReceiver::start(answer("200 OK", "", OK)).await;
    let sent = api(&receiver).post(&notification(), None).await;
    assert_eq!(sent, DeliveryResult::Sent { receipt: Some("C042:1503435956.000247".to_owned()) });
    let head = receiver.requests().remove(0);
    assert!(head.contains("authorization: Bearer xoxb-hunter3\r\n"), "{head}");
    assert!(head.contains("content-type: application/json; charset=utf-8\r\n"), "{head}");
    let (method, body) = asked(&receiver).remove(0);
    assert_eq!((method.as_str(), &body["channel"]), ("chat.postMessage", &json!("C1")));
    assert_eq!(body["text"], "[緊急] 認証\"失敗 : m");
    assert_eq!((&body["link_names"], &body["unfurl_links"]), (&json!(false), &json!(false)));
    let attachment = &body["attachments"][0];
    assert_eq!((&attachment["color"], &attachment["fallback"]), (&json!("#D32F2F"), &body["text"]));
    let blocks = &attachment["blocks"];
    assert_eq!(blocks[0]["text"]["text"], "m");
    let fields = blocks[1]["fields"].as_array().unwrap();
    assert_eq!(fields[1]["text"], "*対応期限*\n1970-01-01 09:30:54 +09:00");
    let key = fields[2]["text"].as_str().unwrap();
    assert!(key.starts_with("*キー*\nuser.name=a&lt;b&gt;  ip=203.0.113.9"), "{key}");
    assert_eq!(blocks[2]["type"], "context");
}

/// One message an incident: it shows how things stand, and its thread what happened.
#[tokio::test]
async fn the_message_of_an_incident_is_kept_up_to_date() {
    use NotificationKind::{Acknowledged, Again, Changed, Escalated, Reminder, Resolved};
    let threads = [
        (Acknowledged, None),
        (Changed, Some(true)),
        (Escalated, Some(true)),
        (Reminder, Some(false)),
        (Again, Some(false)),
        (Resolved, Some(false)),
    ];
    for (kind, broadcast) in threads {
        let receiver = HttpReceiver::start(answer("200 OK", "", OK)).await;
        let of = Notification { kind, ..notification() };
        let sent = api(&receiver).post(&of, Some("C7:1.5")).await;
        assert_eq!(sent, DeliveryResult::Sent { receipt: Some("C7:1.5".to_owned()) });
        let asked = asked(&receiver);
        let (method, update) = &asked[0];
        assert_eq!(method, "chat.update");
        assert_eq!((&update["channel"], &update["ts"]), (&json!("C7"), &json!("1.5")));
        let is_over = update["attachments"][0]["color"] == RESOLVED_COLOR;
        assert_eq!(is_over, kind == Resolved);
        let reply = asked.get(1).map(|(method, reply)| {
            assert_eq!(method, "chat.postMessage");
            assert_eq!((&reply["channel"], &reply["thread_ts"]), (&json!("C7"), &json!("1.5")));
            reply["reply_broadcast"].as_bool().unwrap()
        });
        assert_eq!((reply, asked.len()), (broadcast, 1 + usize::from(broadcast.is_some())));
    }
}

#[tokio::test]
async fn what_slack_answers_decides() {
    let cases = [
        ("ratelimited", "retry rate_limited"),
        ("invalid_auth", "retry auth"),
        ("internal_error", "retry server"),
        ("msg_too_long", "reject too_large"),
        ("is_archived", "reject gone"),
        ("channel_not_found", "reject client"),
        ("something_new", "reject client"),
        // To change it is refused, and so is to post it anew.
        ("message_not_found", "reject client"),
    ];
    for (error, want) in cases {
        let body = format!("{{\"ok\":false,\"error\":\"{error}\"}}");
        let receiver = HttpReceiver::start(answer("200 OK", "retry-after: 30\r\n", &body)).await;
        for receipt in [None, Some("C7:1.5")] {
            let got = came_to(&api(&receiver).post(&notification(), receipt).await);
            assert_eq!(got, want, "{error}");
        }
        let posts = asked(&receiver).iter().filter(|it| it.0 == "chat.postMessage").count();
        assert_eq!(posts, if error == "message_not_found" { 2 } else { 1 }, "{error}");
    }
    for (status, body, want) in [
        ("200 OK", "<html>", "retry server"),
        ("429 Too Many Requests", "", "retry rate_limited"),
        ("503 Oops", "", "retry server"),
    ] {
        let receiver = HttpReceiver::start(answer(status, "retry-after: 30\r\n", body)).await;
        assert_eq!(came_to(&api(&receiver).post(&notification(), None).await), want);
    }
    for (status, body, want) in [
        ("200 OK", "ok", "sent"),
        ("404 Not Found", "no_service", "reject gone"),
        ("400 Bad Request", "invalid_payload", "reject client"),
        ("403 Forbidden", "action_prohibited", "retry auth"),
    ] {
        let receiver = HttpReceiver::start(answer(status, "", body)).await;
        assert_eq!(came_to(&webhook(&receiver).post(&notification(), None).await), want);
    }
}

fn came_to(result: &DeliveryResult) -> String {
    match result {
        DeliveryResult::Sent { .. } => "sent".to_owned(),
        DeliveryResult::Retry { reason, why, after_ms } => {
            assert!(!why.contains("hunter"), "{why}");
            let is_reported = *reason == FailureReason::RateLimited;
            assert!(!is_reported || *after_ms == Some(30_000), "{after_ms:?}");
            format!("retry {}", reason.name())
        }
        DeliveryResult::Reject { reason, why } => {
            assert!(!why.contains("hunter"), "{why}");
            format!("reject {}", reason.name())
        }
    }
}

/// Limits as Slack publishes them, and nothing that an event says mentions anybody.
#[tokio::test]
async fn whatever_is_reported_stays_within_what_slack_takes() {
    let receiver = HttpReceiver::start(answer("200 OK", "", OK)).await;
    let nasty = "<!channel> <@U1> @here &amp; \u{0}\u{202e}失敗\n".repeat(400);
    let part = |n: usize| (format!("k{n}"), KeyValue::Text(nasty.clone()));
    let of = Notification {
        facts: AlertFacts {
            alert: nasty.clone(),
            key: (0..50).map(part).collect(),
            ..notification().facts
        },
        message: nasty.clone(),
        reading: nasty.clone(),
        runbook: Some("https://wiki.example/?a=1&b".to_owned()),
        by: Some(nasty.clone()),
        missed: Some(MissedDelivery { at: Timestamp(0), why: Some(nasty.clone()) }),
        kind: NotificationKind::Resolved,
        ..notification()
    };
    api(&receiver).post(&of, None).await;
    let (_, body) = asked(&receiver).remove(0);
    let count = |text: &Value| text.as_str().unwrap().chars().count();
    assert!(count(&body["text"]) <= TITLE_MAX);
    let blocks = body["attachments"][0]["blocks"].as_array().unwrap();
    assert_eq!(count(&blocks[0]["text"]["text"]), SECTION_MAX);
    let fields = blocks[1]["fields"].as_array().unwrap();
    assert!(fields.len() <= FIELDS_MAX && fields.iter().all(|it| count(&it["text"]) <= FIELD_MAX));
    let elements = blocks[2]["elements"].as_array().unwrap();
    assert!(elements.len() <= 10 && elements.iter().all(|it| count(&it["text"]) <= FIELD_MAX));
    let links: Vec<&str> = elements
        .iter()
        .filter_map(|it| it["text"].as_str())
        .filter(|it| it.contains('<'))
        .collect();
    assert_eq!(links, ["手順書: <https://wiki.example/?a=1&amp;b>"]);
    let mut text = body.to_string();
    text = text.replace("<https://wiki.example", "");
    assert!(!text.contains('<') && !text.contains("\\u0000"), "nothing can mention");
}
