//! The broker harness itself: a thousand records there and back, and a node that goes away.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tests::kafka::{TestBroker, client};

const DEADLINE: Duration = Duration::from_secs(60);
const PARTITIONS: i32 = 3;

/// Publishes `record n` for each number, acknowledged by the broker.
fn publish(bootstrap: &str, topic: &str, numbers: std::ops::Range<u32>) {
    let producer: BaseProducer =
        client::settings(bootstrap).set("acks", "all").create().expect("a producer");
    for number in numbers {
        let (key, text) = (number.to_string(), format!("record {number}"));
        let record = BaseRecord::to(topic).key(&key).payload(&text);
        producer.send(record).expect("room in the producer's queue");
        producer.poll(Duration::ZERO);
    }
    producer.flush(DEADLINE).expect("every record acknowledged");
}

/// Reads until `count` records were seen; returns their texts and the partitions they lay in.
fn read(consumer: &BaseConsumer, count: usize) -> (BTreeSet<String>, BTreeSet<i32>) {
    let (mut texts, mut partitions) = (BTreeSet::new(), BTreeSet::new());
    let deadline = Instant::now() + DEADLINE;
    while texts.len() < count {
        assert!(Instant::now() < deadline, "{} of {count} records arrived", texts.len());
        let Some(Ok(record)) = consumer.poll(Duration::from_millis(200)) else {
            continue;
        };
        let text = String::from_utf8(record.payload().expect("a payload").to_vec());
        texts.insert(text.expect("UTF-8"));
        partitions.insert(record.partition());
    }
    (texts, partitions)
}

fn all(numbers: std::ops::Range<u32>) -> BTreeSet<String> {
    numbers.map(|number| format!("record {number}")).collect()
}

#[test]
fn a_thousand_records_come_back() {
    let broker = TestBroker::start_with(&[("there-and-back", PARTITIONS)]);
    publish(&broker.bootstrap(), "there-and-back", 0..1000);
    let consumer = client::reader(&broker.bootstrap(), "reader").expect("a consumer");
    consumer.subscribe(&["there-and-back"]).expect("a subscription");
    let (texts, partitions) = read(&consumer, 1000);
    assert_eq!(texts, all(0..1000));
    assert_eq!(partitions, (0..PARTITIONS).collect());
}

#[test]
#[ignore = "needs a real Kafka: Java 17 and Maven"]
fn a_node_that_was_killed_comes_back_with_its_records() {
    let mut broker = TestBroker::start_with(&[("survives", 1)]);
    let bootstrap = broker.bootstrap();
    let node = broker.real().expect("only a real Kafka can be stopped");
    publish(&bootstrap, "survives", 0..10);
    let consumer = client::reader(&bootstrap, "reader").expect("a consumer");
    consumer.subscribe(&["survives"]).expect("a subscription");
    assert_eq!(read(&consumer, 10).0, all(0..10));

    node.stop();
    assert_eq!(node.process_id(), None);
    assert!(consumer.fetch_metadata(None, Duration::from_millis(200)).is_err());

    node.restart().expect("the same port and log");
    assert_eq!(node.bootstrap(), bootstrap);
    publish(&bootstrap, "survives", 10..20);
    assert_eq!(read(&consumer, 10).0, all(10..20));
}
