use std::time::Instant;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::*;
use crate::broker::EmbeddedBroker;

const PATIENCE: Duration = Duration::from_secs(60);

fn letter(payload: &[u8]) -> DeadLetter<'_> {
    let (stream, topic, reason) = ("認証", "auth", "line 1: not JSON");
    DeadLetter { stream, topic, partition: 3, offset: 41, reason, payload }
}

#[test]
fn a_letter_is_a_line_of_json_whatever_the_bytes() {
    let check = |payload: &[u8], field: &str, expect: &str, cut: bool| {
        let line = letter(payload).to_line();
        assert!(!line.contains('\n'));
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value[field], expect);
        assert_eq!(value["bytes"], payload.len());
        assert_eq!(value["cut"], cut);
        assert_eq!(value["stream"], "認証");
        assert_eq!(value["partition"], 3);
        assert_eq!(value["offset"], 41);
        assert_eq!(value["reason"], "line 1: not JSON");
    };
    check(b"{\"a\":", "payload", "{\"a\":", false);
    check(b"a\nb\0", "payload", "a\nb\0", false);
    check(b"", "payload", "", false);
    check(b"\xff\x00a", "payload_hex", "ff0061", false);
    let most = "x".repeat(MAX_PAYLOAD_BYTES);
    check(most.as_bytes(), "payload", &most, false);
    check(format!("{most}y").as_bytes(), "payload", &most, true);
    // Two-byte characters from an odd place: the cut falls inside one.
    let text = format!("x{}", "é".repeat(MAX_PAYLOAD_BYTES));
    check(text.as_bytes(), "payload", &text[..MAX_PAYLOAD_BYTES - 1], true);
    let bytes = vec![0xff; MAX_PAYLOAD_BYTES + 1];
    check(&bytes, "payload_hex", &"ff".repeat(MAX_PAYLOAD_BYTES), true);
}

#[test]
fn letters_are_in_the_file_once_flushed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dead-letters.jsonl");
    let mut letters = DeadLetterSink::to_file(&path).unwrap();
    letters.put(&letter(b"one")).unwrap();
    letters.put(&letter(b"two")).unwrap();
    letters.flush().unwrap();
    let expect = format!("{}\n{}\n", letter(b"one").to_line(), letter(b"two").to_line());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), expect);
    assert!(DeadLetterSink::to_file(folder.path().join("no/where")).is_err());
}

#[test]
fn letters_are_in_the_topic_once_flushed_also_after_an_outage() {
    let broker = EmbeddedBroker::start(&[("dead", 1)]).unwrap();
    let servers = ("bootstrap.servers".to_owned(), broker.bootstrap_servers());
    let mut letters = DeadLetterSink::to_topic(&[servers], "dead").unwrap();
    letters.put(&letter(b"\xffone")).unwrap();
    letters.flush().unwrap();
    broker.set_reachable(false).unwrap();
    letters.put(&letter(b"two")).unwrap();
    let DeadLetterSink::Topic(topic) = &letters else {
        panic!("a topic was asked for");
    };
    let error = topic.producer.flush(Duration::from_millis(50)).unwrap_err();
    assert!(error.to_string().starts_with("1 records are not acknowledged"), "{error}");
    broker.set_reachable(true).unwrap();
    topic.producer.flush(PATIENCE).unwrap();

    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker.bootstrap_servers())
        .set("group.id", "test")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset("dead", 0, Offset::Beginning).unwrap();
    consumer.assign(&list).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let mut found = Vec::new();
    while found.len() < 2 {
        assert!(Instant::now() < deadline, "{found:?}");
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(50)) else {
            continue;
        };
        assert_eq!(message.key(), Some(&b"auth/3/41"[..]));
        let headers = message.headers().unwrap();
        let header = |name: &str| {
            let found = headers.iter().find(|header| header.key == name);
            String::from_utf8(found.unwrap().value.unwrap().to_vec()).unwrap()
        };
        assert_eq!(header("errors.topic"), "auth");
        assert_eq!(header("errors.partition"), "3");
        assert_eq!(header("errors.offset"), "41");
        assert_eq!(header("errors.reason"), "line 1: not JSON");
        found.push(message.payload().unwrap().to_vec());
    }
    assert_eq!(found, [b"\xffone".to_vec(), b"two".to_vec()]);
}
