use model::alert_facts::AlertFacts;
use model::key::KeyValue;
use model::notification::{Digest, MissedDelivery};

use super::*;
use crate::secret::SecretText;
use crate::sink::http::tests::{HttpReceiver, answer};
use crate::sink::tests::{configured, notification, resolved};
use crate::sink::text::tests::formatter;

fn sink(receiver: &HttpReceiver, language: Language) -> TeamsSink {
    let hook = format!("http://{}/workflows/hunter1hook?sig=hunter2", receiver.address);
    let http =
        HttpSettings { url: SecretText::new(hook), headers: Vec::new(), ..receiver.settings() };
    TeamsSink::new(&TeamsSettings { http, formatter: formatter(language) }).unwrap()
}

/// A sink that nothing is sent by.
fn offline(language: Language) -> TeamsSink {
    let http = HttpSettings::new(SecretText::new("https://x.example/hook"), false);
    TeamsSink::new(&TeamsSettings { http, formatter: formatter(language) }).unwrap()
}

fn card(language: Language, notification: &Notification) -> Value {
    let message: Value = serde_json::from_str(&offline(language).preview(notification)).unwrap();
    message["attachments"][0]["content"].clone()
}

/// The texts of each paragraph, joined.
fn lines(card: &Value) -> Vec<String> {
    let body = card["body"].as_array().unwrap();
    let blocks = body.iter().flat_map(|block| match block["items"].as_array() {
        Some(items) => items.clone(),
        None => vec![block.clone()],
    });
    let line = |block: Value| {
        assert_eq!(block["type"], "RichTextBlock", "{block}");
        let runs = block["inlines"].as_array().unwrap();
        assert!(runs.iter().all(|run| run["type"] == "TextRun"), "{block}");
        runs.iter().map(|run| run["text"].as_str().unwrap()).collect::<String>()
    };
    blocks.map(line).collect()
}

#[tokio::test]
async fn a_request_is_a_message_with_one_card() {
    let receiver = HttpReceiver::start(answer("202 Accepted", "", "")).await;
    let of = Notification { runbook: Some("https://wiki.example/auth".into()), ..notification() };
    let sink = sink(&receiver, Language::Ja);
    let sent = sink.deliver(&of, None, Timestamp(0)).await;
    assert_eq!(sent, DeliveryResult::Sent { receipt: None });
    let request = receiver.requests().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /workflows/hunter1hook?sig=hunter2 HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("content-type: application/json"), "{head}");
    assert_eq!(body, sink.preview(&of), "what is previewed is sent");
    assert!(!body.contains("hunter"), "{body}");
    let mut message: Value = serde_json::from_str(body).unwrap();
    let card = message["attachments"][0]["content"].take();
    let want = json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": null,
        }],
    });
    assert_eq!(message, want);
    assert_eq!((&card["type"], &card["version"]), (&json!("AdaptiveCard"), &json!("1.2")));
    assert_eq!(card["$schema"], "http://adaptivecards.io/schemas/adaptive-card.json");
    let head = json!({
        "type": "Container",
        "style": "attention",
        "bleed": true,
        "items": [{
            "type": "RichTextBlock",
            "spacing": "Small",
            "inlines": [{
                "type": "TextRun",
                "text": "[緊急] 認証\"失敗 : m",
                "weight": "Bolder",
                "size": "Medium",
            }],
        }],
    });
    assert_eq!(card["body"][0], head);
    let deadline = json!({
        "type": "RichTextBlock",
        "spacing": "Small",
        "inlines": [
            { "type": "TextRun", "text": "対応期限: ", "isSubtle": true },
            { "type": "TextRun", "text": "1970-01-01 09:30:54 +09:00" },
        ],
    });
    assert_eq!(card["body"][2], deadline);
    let runbook = "https://wiki.example/auth";
    let actions = json!([{ "type": "Action.OpenUrl", "title": "手順書", "url": runbook }]);
    assert_eq!(card["actions"], actions);
}

#[test]
fn a_card_has_its_facts_in_the_language_of_the_service() {
    let common = |language| lines(&card(language, &notification()));
    let key = format!("user.name=a<b>  ip=203.0.113.9 code={} ok=true none=", i64::MAX);
    let ja = common(Language::Ja);
    assert_eq!(ja[..2], ["[緊急] 認証\"失敗 : m", "重大度: 緊急"]);
    assert!(ja[3].starts_with(&format!("キー: {key}")), "{}", ja[3]);
    let rest = [
        "値: 12345678901234567.123456789 (しきい値 0.05)",
        "発生: 1970-01-01 09:00:01 +09:00",
        "ルール: r",
        "インシデント: 000000000000000000000000000000ff",
        "ラベル: team=soc",
        "ID: 00ff-1",
    ];
    assert_eq!(ja[4..], rest);
    let en = common(Language::En);
    assert_eq!(en[0], "[critical] 認証\"失敗 : m");
    let names: Vec<&str> = en[1..].iter().map(|line| line.split_once(": ").unwrap().0).collect();
    let want = "severity,respond by,key,value,since,rule,incident,labels,ID";
    assert_eq!(names.join(","), want);
    let digest = Digest { news: 4, ended: 3, is_flapping: false, alerts: Vec::new() };
    let of = Notification {
        kind: NotificationKind::Digest,
        digest: Some(digest.into()),
        labels: Vec::new(),
        ..notification()
    };
    let lines = lines(&card(Language::En, &of));
    assert_eq!(lines[0], "[critical, many] 認証\"失敗 : 4 at once, 3 over (m)");
    assert!(lines.iter().all(|line| !line.starts_with("labels")), "{lines:?}");
}

#[test]
fn the_colour_is_that_of_the_severity_until_it_is_over() {
    let style = |kind, severity| {
        let facts = AlertFacts { severity, ..notification().facts };
        let card = card(Language::En, &Notification { kind, facts, ..notification() });
        card["body"][0]["style"].as_str().unwrap().to_owned()
    };
    let firing = Severity::ALL.map(|severity| style(NotificationKind::Firing, severity));
    assert_eq!(firing, ["attention", "warning", "accent", "emphasis"]);
    let resolved = Severity::ALL.map(|severity| style(NotificationKind::Resolved, severity));
    assert_eq!(resolved, ["good"; 4]);
}

#[test]
fn a_runbook_is_a_button_only_where_it_is_an_address() {
    let long = format!("https://wiki.example/{}", "x".repeat(LINK_MAX));
    for (runbook, is_button) in [
        ("https://wiki.example/?a=1&b=[x](y)", true),
        ("http://wiki.example", true),
        ("javascript:alert(1)", false),
        ("ask [the team](https://evil.example)", false),
        ("https://wiki.example/a b", false),
        ("https://wiki.example/\u{202e}x", false),
        (long.as_str(), false),
    ] {
        let of = Notification { runbook: Some(runbook.to_owned()), ..notification() };
        let card = card(Language::En, &of);
        let urls: Vec<&str> = card["actions"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|it| it["url"].as_str())
            .collect();
        let texts = lines(&card).iter().filter(|line| line.starts_with("runbook: ")).count();
        assert_eq!((urls.len(), texts), (usize::from(is_button), usize::from(!is_button)));
        assert!(urls.iter().all(|url| *url == runbook), "{urls:?}");
    }
}

#[tokio::test]
async fn what_the_webhook_answers_decides() {
    for (status, want) in [
        ("202 Accepted", "sent"),
        ("200 OK", "sent"),
        ("429 Too Many Requests", "retry rate_limited"),
        ("500 Oops", "retry server"),
        ("502 Bad Gateway", "retry server"),
        ("401 Unauthorized", "retry auth"),
        ("400 Bad Request", "reject client"),
        ("404 Not Found", "reject client"),
        ("413 Payload Too Large", "reject too_large"),
    ] {
        let body = "{\"error\":{\"code\":\"no /workflows/hunter1hook\",\"message\":\"hunter2\"}}";
        let receiver = HttpReceiver::start(answer(status, "retry-after: 30\r\n", body)).await;
        let sink = sink(&receiver, Language::Ja);
        let got = match sink.deliver(&notification(), None, Timestamp(0)).await {
            DeliveryResult::Sent { receipt } => {
                assert_eq!(receipt, None);
                "sent".to_owned()
            }
            DeliveryResult::Retry { reason, why, after_ms } => {
                assert!(!why.contains("hunter") && why.contains("error"), "{why}");
                assert_eq!(after_ms, Some(30_000), "{status}");
                format!("retry {}", reason.name())
            }
            DeliveryResult::Reject { reason, why } => {
                assert!(!why.contains("hunter") && why.contains("error"), "{why}");
                format!("reject {}", reason.name())
            }
        };
        assert_eq!(got, want, "{status}");
        assert_eq!(receiver.requests().len(), 1, "one attempt: {status}");
    }
}

/// Whatever an event says stands in text runs as it is, and the message is never too large.
#[test]
fn hostile_and_long_texts_stay_texts_and_within_the_limit() {
    let nasty = "**a** [x](https://evil.example) <at>all</at> \\_ \"{{}}\" \u{0}\u{202e}失敗😀\r\n";
    let plain = one_line(nasty);
    let short = Notification {
        facts: AlertFacts { alert: nasty.to_owned(), ..notification().facts },
        message: nasty.to_owned(),
        reading: nasty.to_owned(),
        ..notification()
    };
    let shown = lines(&card(Language::En, &short));
    assert_eq!(shown[0], format!("[critical] {plain}: {plain}"), "nothing is escaped or cut");
    assert!(shown.contains(&format!("rule: {plain}")), "{shown:?}");

    for filler in [nasty, "\"\\", "😀"] {
        let long = filler.repeat(4_000);
        let part = |n: usize| (format!("k{n}"), KeyValue::Text(long.clone()));
        let key = (0..50).map(part).collect();
        let of = Notification {
            id: long.clone(),
            facts: AlertFacts { alert: long.clone(), key, ..notification().facts },
            message: long.clone(),
            reading: long.clone(),
            runbook: Some(format!("https://wiki.example/{}", "失".repeat(LINK_MAX - 21))),
            by: Some(long.clone()),
            missed: Some(MissedDelivery { at: Timestamp(0), why: Some(long.clone()) }),
            labels: vec![("l".to_owned(), long.clone()); 50],
            kind: NotificationKind::Resolved,
            ..notification()
        };
        let body = offline(Language::Ja).preview(&of);
        assert!(body.len() <= MESSAGE_BYTES_MAX, "{}", body.len());
        let card = card(Language::Ja, &of);
        assert_eq!(card["actions"].as_array().unwrap().len(), 1, "the link is kept");
        let lines = lines(&card);
        assert_eq!(lines.iter().filter(|line| line.ends_with('…')).count(), 8, "{lines:?}");
        assert!(lines.iter().all(|it| it.chars().count() <= 20 + TEXT_MAX[0]));
        assert!(lines.iter().all(|it| one_line(it) == *it));
    }
}

/// A title that was cut is followed by the whole message.
#[test]
fn a_message_that_the_title_has_no_room_for_is_shown_below() {
    let of = Notification { message: "失".repeat(TITLE_MAX), ..notification() };
    let lines = lines(&card(Language::Ja, &of));
    assert_eq!(lines[0].chars().count(), TITLE_MAX);
    assert_eq!(lines[1], of.message);
}

#[test]
fn a_table_needs_the_url_by_reference() {
    let refused = |keys: &str| configured(&format!("type = \"teams\"\n{keys}")).unwrap_err().what;
    assert_eq!(refused(""), "teams needs `url = \"…\"`");
    assert!(refused("url = \"https://x.example/hunter\"").contains("env:NAME"));
    assert_eq!(refused("url = \"env:U\"\ntoken = \"env:T\""), "teams takes no `token`; remove it");

    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("url"), "https://x.example/hunter1?sig=hunter2\n").unwrap();
    let table = "type = \"teams\"\nurl = \"file:url\"\n";
    let settings = resolved(table, folder.path()).unwrap();
    assert_eq!(settings, resolved(table, folder.path()).unwrap());
    assert!(settings != resolved(&format!("{table}allow_private = true"), folder.path()).unwrap());
    let shown = format!("{settings:?} {:?}", configured(table).unwrap());
    assert!(!shown.contains("hunter") && shown.contains("Secret(file:url)"), "{shown}");
    assert!(settings.open().is_ok());
    std::fs::write(folder.path().join("url"), "x.example").unwrap();
    let error = resolved(table, folder.path()).unwrap().open().err().unwrap().to_string();
    assert!(error.contains("its url is no URL"), "{error}");
}
