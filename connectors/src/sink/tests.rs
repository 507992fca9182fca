use std::fs;
use std::time::{Duration, Instant};

use model::alert_facts::{AlertFacts, Measurement};
use model::decimal::Decimal;
use model::key::KeyValue;
use model::message::Language;
use model::notification::NotificationKind;
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::{EpisodeId, Reason};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::*;
use crate::broker::EmbeddedBroker;
use crate::sink::format::Format;
use crate::sink::http::HttpSettings;
use crate::sink::slack::Door;
use crate::sink::words::tests::reader;

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
    assert_eq!(document::render(&notification()), expect);
    let resolved = Notification {
        kind: NotificationKind::Resolved,
        reason: Some(Reason::NoData),
        measured: Measurement { value: None, ..notification().measured },
        deadline: None,
        runbook: Some("https://wiki/x".to_owned()),
        ..notification()
    };
    let value: serde_json::Value = serde_json::from_str(&document::render(&resolved)).unwrap();
    assert_eq!(value["kind"], "resolved");
    assert_eq!(value["reason"], "no data");
    assert!(value["value"].is_null() && value["deadline"].is_null());
    assert_eq!(value["runbook"], "https://wiki/x");
}

#[tokio::test]
async fn a_file_has_each_notification_on_its_line_and_says_when_it_cannot() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alerts.jsonl");
    let settings = SinkSettings::File { path: path.clone() };
    let sink = Sink::new(&settings).unwrap();
    let line = document::render(&notification());
    assert_eq!(
        sink.deliver(&notification(), None, Timestamp(0)).await,
        DeliveryResult::Sent { receipt: None }
    );
    assert_eq!(
        sink.deliver(&notification(), None, Timestamp(0)).await,
        DeliveryResult::Sent { receipt: None }
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{line}\n{line}\n"));

    let Sink::File(FileSink(file)) = &sink else {
        panic!("a file was asked for");
    };
    {
        let mut file = file.lock().unwrap();
        file.journal = None;
        file.path = folder.path().join("no/where");
    }
    let DeliveryResult::Retry { why, after_ms: None, .. } =
        sink.deliver(&notification(), None, Timestamp(0)).await
    else {
        panic!("it was delivered nowhere");
    };
    assert!(why.contains("no/where"), "{why}");
    file.lock().unwrap().path = path.clone();
    assert_eq!(
        sink.deliver(&notification(), None, Timestamp(0)).await,
        DeliveryResult::Sent { receipt: None }
    );
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 3);
    assert!(Sink::new(&SinkSettings::File { path: folder.path().join("no/where") }).is_err());
    assert_eq!(
        Sink::Stdout.deliver(&notification(), None, Timestamp(0)).await,
        DeliveryResult::Sent { receipt: None }
    );
}

#[tokio::test]
async fn a_topic_gets_the_document_under_its_incident_and_a_dead_broker_is_a_retry() {
    let broker = EmbeddedBroker::start(&[("alerts", 1)]).unwrap();
    let property = |name: &str, value: String| (name.to_owned(), value);
    let settings = |timeout_ms| SinkSettings::Kafka {
        properties: vec![property("bootstrap.servers", broker.bootstrap_servers())],
        topic: "alerts".to_owned(),
        timeout_ms,
    };
    let sink = Sink::new(&settings(60_000)).unwrap();
    assert_eq!(
        sink.deliver(&notification(), None, Timestamp(0)).await,
        DeliveryResult::Sent { receipt: None }
    );
    let (key, payload) = first_record(&broker, "alerts");
    assert_eq!(key, notification().incident.to_string());
    assert_eq!(payload, document::render(&notification()));

    broker.set_reachable(false).unwrap();
    let sink = Sink::new(&settings(1_000)).unwrap();
    let DeliveryResult::Retry { why, .. } = sink.deliver(&notification(), None, Timestamp(0)).await
    else {
        panic!("it was delivered nowhere");
    };
    assert!(why.starts_with("topic alerts: "), "{why}");
}

fn first_record(broker: &EmbeddedBroker, topic: &str) -> (String, String) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker.bootstrap_servers())
        .set("group.id", "test")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
    consumer.assign(&list).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let message = loop {
        assert!(Instant::now() < deadline);
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(50)) {
            break message;
        }
    };
    let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
    (text(message.key()), text(message.payload()))
}

#[test]
fn settings_print_no_secret() {
    let http = HttpSettings {
        url: Secret::new("https://hooks.example/T0/hunter1"),
        headers: vec![("authorization".to_owned(), Secret::new("Bearer hunter2"))],
        timeout_ms: 1,
        allow_private: false,
    };
    let secrets = vec![Secret::new("hunter4")];
    let routing_key = Secret::new("hunter5");
    let token = Secret::new("hunter6");
    let door = Door::Api { http: http.clone(), token, channel: "C1".to_owned() };
    let webhook = WebhookSettings { http: http.clone(), format: Format::Hansho, secrets };
    let password = ("sasl.password".to_owned(), "hunter3".to_owned());
    for settings in [
        SinkSettings::Webhook(webhook),
        SinkSettings::Alertmanager(AlertmanagerSettings { members: vec![http.clone()] }),
        SinkSettings::Slack(SlackSettings { door, reader: reader(Language::Ja) }),
        SinkSettings::PagerDuty(PagerDutySettings { http, routing_key }),
        SinkSettings::Kafka { properties: vec![password], topic: "t".to_owned(), timeout_ms: 1 },
    ] {
        let shown = format!("{settings:?} {settings:#?}");
        assert!(!shown.contains("hunter"), "{shown}");
        assert!(shown.contains("authorization") || shown.contains("sasl.password"), "{shown}");
    }
}
