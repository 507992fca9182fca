use std::collections::BTreeSet;

use model::alert_facts::{AlertFacts, Measurement};
use model::decimal::Decimal;
use model::key::KeyValue;
use model::message::Language;
use model::notification::NotificationKind;
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::{EndReason, EpisodeId};

use super::*;
use crate::secret::SecretText;
use crate::sink::alertmanager::AlertmanagerSettings;
use crate::sink::http::HttpSettings;
use crate::sink::kafka::KafkaSinkSettings;
use crate::sink::pagerduty::PagerDutySettings;
use crate::sink::slack::{SlackEndpoint, SlackSettings};
use crate::sink::text::tests::formatter;
use crate::sink::webhook::WebhookSettings;
use crate::sink::webhook::format::WebhookFormat;

/// A notification with something awkward in every field.
pub(super) fn notification() -> Notification {
    Notification {
        id: "00ff-1".to_owned(),
        kind: NotificationKind::Firing,
        incident: EpisodeId(255),
        facts: AlertFacts {
            alert: "認証\"失敗\n".to_owned(),
            severity: Severity::Critical,
            key: vec![
                ("user.name".to_owned(), KeyValue::Text("a<b>\u{202e}".to_owned())),
                ("ip".to_owned(), KeyValue::Ip("203.0.113.9".parse().unwrap())),
                ("code".to_owned(), KeyValue::Int(i64::MAX)),
                ("ok".to_owned(), KeyValue::Bool(true)),
                ("none".to_owned(), KeyValue::Null),
            ],
            at: Timestamp(54_000),
            since: Timestamp(1_500),
        },
        detected: Timestamp(55_000),
        deadline: Some(Timestamp(1_854_000)),
        measured: Measurement {
            value: Some(Decimal::parse("12345678901234567.123456789").unwrap()),
            threshold: Some(Decimal::parse("0.05").unwrap()),
        },
        reason: None,
        message: "m".to_owned(),
        reading: "r".to_owned(),
        runbook: None,
        labels: vec![("team".to_owned(), "soc".to_owned())],
        by: None,
        missed: None,
        digest: None,
    }
}

#[test]
fn the_document_is_one_line_with_exact_numbers_in_a_fixed_order() {
    let expect = concat!(
        r#"{"id":"00ff-1","kind":"firing","incident":"000000000000000000000000000000ff","#,
        r#""alert":"認証\"失敗\n","severity":"critical","level":1,"#,
        "\"key\":{\"user.name\":\"a<b>\u{202e}\",\"ip\":\"203.0.113.9\",",
        r#""code":9223372036854775807,"ok":true,"none":null},"#,
        r#""at":"1970-01-01T00:00:54Z","since":"1970-01-01T00:00:01.500Z","#,
        r#""detected":"1970-01-01T00:00:55Z","deadline":"1970-01-01T00:30:54Z","#,
        r#""value":12345678901234567.123456789,"threshold":0.05,"reason":null,"#,
        r#""message":"m","reading":"r","runbook":null,"labels":{"team":"soc"}}"#,
    );
    assert_eq!(json::render(&notification()), expect);
    let resolved = Notification {
        kind: NotificationKind::Resolved,
        reason: Some(EndReason::NoData),
        measured: Measurement { value: None, ..notification().measured },
        deadline: None,
        runbook: Some("https://wiki/x".to_owned()),
        ..notification()
    };
    let value: serde_json::Value = serde_json::from_str(&json::render(&resolved)).unwrap();
    assert_eq!(value["kind"], "resolved");
    assert_eq!(value["reason"], "no data");
    assert!(value["value"].is_null() && value["deadline"].is_null());
    assert_eq!(value["runbook"], "https://wiki/x");
}

#[test]
fn settings_print_no_secret() {
    let http = HttpSettings {
        url: SecretText::new("https://hooks.example/T0/hunter1"),
        headers: vec![("authorization".to_owned(), SecretText::new("Bearer hunter2"))],
        timeout_ms: 1,
        allow_private: false,
    };
    let secrets = vec![SecretText::new("hunter4")];
    let routing_key = SecretText::new("hunter5");
    let token = SecretText::new("hunter6");
    let endpoint = SlackEndpoint::Api { http: http.clone(), token, channel: "C1".to_owned() };
    let webhook = WebhookSettings { http: http.clone(), format: WebhookFormat::Hansho, secrets };
    let password = ("sasl.password".to_owned(), "hunter3".to_owned());
    let formatter = formatter(Language::Ja);
    let properties = vec![password];
    for settings in [
        ResolvedSink::new(webhook),
        ResolvedSink::new(AlertmanagerSettings { members: vec![http.clone()] }),
        ResolvedSink::new(SlackSettings { endpoint, formatter }),
        ResolvedSink::new(PagerDutySettings { http, routing_key }),
        ResolvedSink::new(KafkaSinkSettings { properties, topic: "t".to_owned(), timeout_ms: 1 }),
    ] {
        let shown = format!("{settings:?} {settings:#?}");
        assert!(!shown.contains("hunter"), "{shown}");
        assert!(shown.contains("authorization") || shown.contains("sasl.password"), "{shown}");
    }
}

/// The sink of a `[[sinks]]` table.
pub(super) fn configured(table: &str) -> Result<ConfiguredSink, SinkConfigError> {
    let mut keys = toml::de::DeTable::parse(table).unwrap();
    let name = keys.get_mut().remove("type").unwrap();
    let name = toml::Spanned::new(name.span(), name.get_ref().as_str().unwrap().to_owned());
    ConfiguredSink::read(&name, keys)
}

/// The settings of a `[[sinks]]` table whose paths are below a folder.
pub(super) fn resolved(table: &str, folder: &std::path::Path) -> Result<ResolvedSink, SinkError> {
    let formatter = formatter(Language::Ja);
    let properties = [("bootstrap.servers".to_owned(), "b:1".to_owned())];
    let context = SinkContext { folder, properties: &properties, formatter: &formatter };
    configured(table).unwrap().resolve(&context)
}

#[test]
fn kinds_have_different_names() {
    let names: BTreeSet<&str> = SINK_KINDS.iter().map(|kind| kind.name).collect();
    assert_eq!(names.len(), SINK_KINDS.len());
    for kind in SINK_KINDS {
        assert!(SinkKind::from_name(kind.name).is_some_and(|it| it.name == kind.name));
        let error = configured(&format!("type = {:?}\nnonsense = 1", kind.name)).unwrap_err();
        assert_eq!(error.what, format!("{} takes no `nonsense`; remove it", kind.name));
    }
    assert!(SinkKind::from_name("pager").is_none());
}

/// Sinks are the same when their settings are, with the values of their secrets.
#[test]
fn equal_settings_are_equal_whatever_the_reference() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("a", "https://x.example/1\n");
    write("b", "https://x.example/1");
    write("c", "https://x.example/2");
    let hook =
        |url: &str| resolved(&format!("type = \"webhook\"\nurl = {url:?}"), folder.path()).unwrap();
    assert_eq!(hook("file:a"), hook("file:b"));
    assert_eq!(hook("file:a"), hook("https://x.example/1"));
    assert!(hook("file:a") != hook("file:c"));
    let at = folder.path();
    assert!(hook("file:a") != resolved("type = \"stdout\"", at).unwrap());
    assert_eq!(resolved("type = \"stdout\"", at), resolved("type = \"stdout\"", at));
    let file = |path: &str| resolved(&format!("type = \"file\"\npath = {path:?}"), at).unwrap();
    assert_eq!(file("out.jsonl"), file(&at.join("out.jsonl").display().to_string()));
    assert!(file("out.jsonl") != file("other.jsonl"));
    let lost = resolved("type = \"webhook\"\nurl = \"file:lost\"", at).unwrap_err().to_string();
    assert!(lost.starts_with("secret file ") && lost.contains("lost"), "{lost}");
}

/// Each page of the documentation has a section for every kind, and for no other.
#[test]
fn every_kind_has_its_section_in_both_languages() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    for page in ["sinks.md", "sinks.ja.md"] {
        let text = std::fs::read_to_string(folder.join(page)).unwrap();
        let is_kind = |heading: &&str| heading.bytes().all(|byte| byte.is_ascii_lowercase());
        let headings = text.lines().filter_map(|line| line.strip_prefix("## "));
        let documented: BTreeSet<&str> = headings.filter(is_kind).collect();
        let kinds: BTreeSet<&str> = SINK_KINDS.iter().map(|kind| kind.name).collect();
        assert_eq!(documented, kinds, "{page}");
    }
}
