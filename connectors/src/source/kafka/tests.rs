use std::collections::BTreeMap;

use super::properties::{PropertyError, PropertyOrigin, check_properties};
use super::*;
use crate::broker::{EmbeddedBroker, EventProducer};
use crate::source::MAX_RECORD_BYTES;

/// Every wait ends here; a mock group takes some three seconds to form.
const PATIENCE: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(20);

fn settings(broker: &EmbeddedBroker, group: &str, topics: &[&str]) -> KafkaSettings {
    let property = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    KafkaSettings {
        properties: vec![
            property("bootstrap.servers", &broker.bootstrap_servers()),
            property("topic.metadata.refresh.interval.ms", "200"),
            property("session.timeout.ms", "6000"),
        ],
        group: group.to_owned(),
        topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
        start: StartOffset::Beginning,
        alone: false,
        reach_back: Vec::new(),
    }
}

fn produce(broker: &EmbeddedBroker, topic: &str, partition: i32, texts: impl Iterator<Item = i64>) {
    let producer = EventProducer::new(&broker.bootstrap_servers()).unwrap();
    for text in texts {
        producer.send_to(topic, partition, text.to_string().as_bytes()).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
}

/// A source and all that came out of it.
struct SourceBench {
    source: KafkaSource,
    events: Vec<SourceEvent>,
    /// Payloads by (topic, partition), with their offsets.
    records: BTreeMap<(usize, i32), Vec<(i64, String)>>,
    states: BTreeMap<(usize, i32), ReadState>,
}

impl SourceBench {
    fn new(settings: &KafkaSettings) -> SourceBench {
        SourceBench {
            source: KafkaSource::connect(settings).unwrap(),
            events: Vec::new(),
            records: BTreeMap::new(),
            states: BTreeMap::new(),
        }
    }

    fn turn(&mut self) {
        self.events.extend(self.source.poll(TICK));
        let places: Vec<_> = self.source.partitions.keys().copied().collect();
        for (topic, partition) in places {
            let into = self.records.entry((topic, partition)).or_default();
            let progress = self.source.drain(topic, partition, 100, |record| {
                let record = record.unwrap();
                assert_eq!(record.partition, partition);
                assert!(record.timestamp.is_some());
                let text = String::from_utf8(record.payload.to_vec()).unwrap();
                into.push((record.offset, text));
            });
            assert!(progress.read <= 100);
            self.states.insert((topic, partition), progress.state);
        }
    }

    #[track_caller]
    fn until(&mut self, what: &str, mut reached: impl FnMut(&SourceBench) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !reached(self) {
            assert!(
                Instant::now() < deadline,
                "{what} was not reached: {:?} {:?}",
                self.events,
                self.states
            );
            self.turn();
        }
    }

    /// Turns this member and another until this one is asked for a partition: which.
    #[track_caller]
    fn give_up_one(&mut self, other: &mut SourceBench) -> (usize, i32) {
        let mut left = None;
        self.until("a partition to give up", |b| {
            other.turn();
            left = b.events.iter().find_map(|event| match event {
                SourceEvent::Revoked { topic, partition } => Some((*topic, *partition)),
                _ => None,
            });
            left.is_some()
        });
        left.unwrap()
    }

    fn count(&self) -> usize {
        self.records.values().map(Vec::len).sum()
    }

    fn state(&self, topic: usize, partition: i32) -> Option<ReadState> {
        self.states.get(&(topic, partition)).copied()
    }

    fn all_empty(&self, partitions: usize) -> bool {
        self.states.len() == partitions && self.states.values().all(|s| *s == ReadState::Empty)
    }

    fn reported(&self, what: impl Fn(&SourceEvent) -> bool) -> bool {
        self.events.iter().any(what)
    }
}

fn point(position: i64, replay_from: i64) -> CommitPoint {
    let (front, first) = (Some(1), Some(0));
    CommitPoint { position, replay_from, front, settled: 9, first, rules: 0xfeed, remembers: false }
}

#[test]
fn all_records_of_all_partitions_come_in_order_and_then_nothing_follows() {
    let broker = EmbeddedBroker::start(&[("a", 2), ("b", 1)]).unwrap();
    produce(&broker, "a", 0, 0..250);
    produce(&broker, "a", 1, 1000..1003);
    produce(&broker, "b", 0, 2000..2001);
    let mut bench = SourceBench::new(&settings(&broker, "g", &["a", "b"]));
    bench.until("the end of all three", |b| b.count() == 254 && b.all_empty(3));
    let expect = |from: i64, to: i64| -> Vec<(i64, String)> {
        (from..to).map(|n| (n - from, n.to_string())).collect()
    };
    assert_eq!(bench.records[&(0, 0)], expect(0, 250));
    assert_eq!(bench.records[&(0, 1)], expect(1000, 1003));
    assert_eq!(bench.records[&(1, 0)], expect(2000, 2001));
    for (topic, partition) in [(0, 0), (0, 1), (1, 0)] {
        let assigned = SourceEvent::Assigned { topic, partition, commit: None, start: 0 };
        assert!(bench.events.contains(&assigned), "{:?}", bench.events);
    }

    // The end is not forever.
    produce(&broker, "a", 1, 1003..1004);
    bench.until("one more record", |b| b.count() == 255);
    assert_eq!(bench.records[&(0, 1)].last(), Some(&(3, "1003".to_owned())));
    bench.until("the end again", |b| b.all_empty(3));
    bench.source.close().unwrap();
}

#[test]
fn a_budget_bounds_a_drain_and_the_rest_follows() {
    let broker = EmbeddedBroker::start(&[("a", 1)]).unwrap();
    produce(&broker, "a", 0, 0..50);
    let mut bench = SourceBench::new(&settings(&broker, "g", &["a"]));
    let deadline = Instant::now() + PATIENCE;
    let mut offsets = Vec::new();
    while offsets.len() < 50 {
        assert!(Instant::now() < deadline);
        bench.source.poll(TICK);
        let before = offsets.len();
        let push =
            |record: Result<Record<'_>, OversizedRecord>| offsets.push(record.unwrap().offset);
        let progress = bench.source.drain(0, 0, 7, push);
        assert_eq!(progress.read, offsets.len() - before);
        assert_eq!(progress.state == ReadState::More, progress.read == 7);
    }
    assert_eq!(offsets, (0..50).collect::<Vec<_>>());
    let nobody = bench.source.drain(0, 9, 7, |_| panic!("a partition nobody has"));
    assert_eq!(nobody, DrainProgress { read: 0, state: ReadState::Waiting });
}

#[test]
fn a_successor_starts_where_the_commit_says() {
    let broker = EmbeddedBroker::start(&[("a", 2)]).unwrap();
    produce(&broker, "a", 0, 0..100);
    produce(&broker, "a", 1, 0..100);
    let settings = settings(&broker, "g", &["a"]);
    let mut first = SourceBench::new(&settings);
    first.until("all records", |b| b.count() == 200);
    let points = [(0, 0, point(80, 50)), (0, 1, point(100, 100))];
    first.source.commit(&points).unwrap();
    first.source.close().unwrap();

    let mut second = SourceBench::new(&settings);
    second.until("the rest", |b| b.all_empty(2));
    assert_eq!(second.records[&(0, 0)].first(), Some(&(50, "50".to_owned())));
    assert_eq!(second.records[&(0, 0)].len(), 50);
    assert_eq!(second.records[&(0, 1)], []);
    for (topic, partition, point) in points {
        let (commit, start) = (Some(point), point.replay_from);
        let assigned = SourceEvent::Assigned { topic, partition, commit, start };
        assert!(second.events.contains(&assigned), "{:?}", second.events);
    }
    assert_eq!(second.source.unreadable_commits(), 0);
}

#[test]
fn without_a_commit_reading_may_start_at_the_end() {
    let broker = EmbeddedBroker::start(&[("a", 1)]).unwrap();
    produce(&broker, "a", 0, 0..10);
    let mut settings = settings(&broker, "g", &["a"]);
    settings.start = StartOffset::End;
    let mut bench = SourceBench::new(&settings);
    bench.until("the end", |b| b.all_empty(1));
    produce(&broker, "a", 0, 10..11);
    bench.until("what came after", |b| b.count() == 1);
    assert_eq!(bench.records[&(0, 0)], [(10, "10".to_owned())]);
}

#[test]
fn a_record_beyond_the_limit_is_reported_with_its_place_and_length() {
    let broker = EmbeddedBroker::start(&[("a", 1)]).unwrap();
    let servers = ("bootstrap.servers".to_owned(), broker.bootstrap_servers());
    let limit = ("message.max.bytes".to_owned(), "4000000".to_owned());
    let producer = crate::sink::kafka::AckedProducer::new(&[servers, limit]).unwrap();
    for length in [MAX_RECORD_BYTES, MAX_RECORD_BYTES + 1, 0] {
        producer.send("a", Some(0), b"", &vec![b'x'; length], &[]).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
    let mut source = KafkaSource::connect(&settings(&broker, "g", &["a"])).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let mut found = Vec::new();
    while found.len() < 3 {
        assert!(Instant::now() < deadline, "{found:?}");
        source.poll(TICK);
        source.drain(0, 0, 10, |record| found.push(record.map(|r| r.payload.len())));
    }
    let bytes = MAX_RECORD_BYTES as u64 + 1;
    assert_eq!(found, [Ok(MAX_RECORD_BYTES), Err(OversizedRecord { offset: 1, bytes }), Ok(0)]);
}

#[test]
fn leaving_is_bounded_also_when_nobody_answers() {
    let broker = EmbeddedBroker::start(&[("a", 1)]).unwrap();
    produce(&broker, "a", 0, 0..1);
    let mut bench = SourceBench::new(&settings(&broker, "g", &["a"]));
    bench.until("the record", |b| b.count() == 1);
    broker.set_reachable(false).unwrap();
    // Not a measurement: a close that waits for the brokers would never return.
    let begun = Instant::now();
    let _either_way_it_returns = bench.source.close();
    assert!(begun.elapsed() < CLOSE_TIMEOUT + PATIENCE);
}

#[test]
fn an_unreadable_commit_falls_back_to_its_offset_and_is_counted() {
    let broker = EmbeddedBroker::start(&[("a", 1)]).unwrap();
    produce(&broker, "a", 0, 0..100);
    let settings = settings(&broker, "g", &["a"]);
    let mut first = SourceBench::new(&settings);
    first.until("all records", |b| b.count() == 100);
    let mut list = TopicPartitionList::new();
    let mut element = list.add_partition("a", 0);
    element.set_offset(Offset::Offset(80)).unwrap();
    element.set_metadata("not ours");
    first.source.consumer.commit(&list, CommitMode::Sync).unwrap();
    first.source.close().unwrap();

    let mut second = SourceBench::new(&settings);
    second.until("the rest", |b| b.all_empty(1));
    assert_eq!(second.records[&(0, 0)].len(), 20);
    let assigned = SourceEvent::Assigned { topic: 0, partition: 0, commit: None, start: 80 };
    assert!(second.events.contains(&assigned));
    assert!(second.reported(|e| matches!(e, SourceEvent::Trouble(t) if t.contains("topic a"))));
    assert_eq!(second.source.unreadable_commits(), 1);
}

#[test]
fn a_commit_beyond_the_log_is_a_loss_reported_exactly() {
    let broker = EmbeddedBroker::start(&[("a", 1)]).unwrap();
    produce(&broker, "a", 0, 0..10);
    let settings = settings(&broker, "g", &["a"]);
    let mut first = SourceBench::new(&settings);
    first.until("all records", |b| b.count() == 10);
    first.source.commit(&[(0, 0, point(500, 400))]).unwrap();
    first.source.close().unwrap();

    let mut second = SourceBench::new(&settings);
    second.until("the rest", |b| b.count() == 10);
    let lost = SourceEvent::Lost { topic: 0, partition: 0, wanted: 400, available: 0 };
    assert!(second.events.contains(&lost), "{:?}", second.events);
}

#[test]
fn retention_that_overtakes_a_reader_is_a_loss_reported_exactly() {
    let broker = EmbeddedBroker::start(&[("a", 1)]).unwrap();
    produce(&broker, "a", 0, 0..10);
    let mut settings = settings(&broker, "g", &["a"]);
    settings.properties.push(("queued.min.messages".to_owned(), "1".to_owned()));
    let mut bench = SourceBench::new(&settings);
    bench.until("the first records", |b| b.count() == 10 && b.all_empty(1));

    // Cut off, the reader cannot fetch while another fills the log beyond what it retains.
    let skipped = 400;
    bench.source.report_revoked(vec![("a".to_owned(), 0)]);
    bench.source.give_up_revoked();
    let producer = EventProducer::new(&broker.bootstrap_servers()).unwrap();
    let payload = vec![b'x'; 100_000];
    for _ in 0..skipped {
        producer.send_to("a", 0, &payload).unwrap();
        producer.flush(PATIENCE).unwrap();
    }
    let (low, high) = bench.source.consumer.fetch_watermarks("a", 0, QUERY_TIMEOUT).unwrap();
    assert!(low > 10 && high == 10 + skipped, "{low} {high}");
    let opening = assignment::PartitionOpening {
        topic: 0,
        partition: 0,
        commit: None,
        wanted: None,
        start: 10,
    };
    bench.source.open(vec![opening]).unwrap();
    bench.events.clear();
    bench.until("what is left", |b| b.all_empty(1) && b.count() > 10);
    let lost = SourceEvent::Lost { topic: 0, partition: 0, wanted: 10, available: low };
    assert!(bench.events.contains(&lost), "{:?}", bench.events);
    assert_eq!(bench.count() as i64, 10 + high - low);
}

#[test]
fn a_topic_that_is_missing_is_trouble_by_name_until_it_appears() {
    let broker = EmbeddedBroker::start(&[("here", 1)]).unwrap();
    produce(&broker, "here", 0, 0..3);
    let mut bench = SourceBench::new(&settings(&broker, "g", &["here", "gone"]));
    let named = |e: &SourceEvent| matches!(e, SourceEvent::Trouble(t) if t.contains("gone"));
    bench.until("trouble and the other topic", |b| b.reported(named) && b.count() == 3);
    broker.create_topic("gone", 1).unwrap();
    produce(&broker, "gone", 0, 7..8);
    bench.until("its record", |b| b.count() == 4);
    assert_eq!(bench.records[&(1, 0)], [(0, "7".to_owned())]);
}

#[test]
fn brokers_that_go_and_come_back_put_the_end_in_doubt_and_lose_nothing() {
    let broker = EmbeddedBroker::start(&[("a", 1)]).unwrap();
    produce(&broker, "a", 0, 0..5);
    let mut bench = SourceBench::new(&settings(&broker, "g", &["a"]));
    bench.until("the end", |b| b.count() == 5 && b.all_empty(1));
    broker.set_reachable(false).unwrap();
    bench.until("doubt", |b| {
        b.reported(|e| matches!(e, SourceEvent::Trouble(_)))
            && b.state(0, 0) == Some(ReadState::Waiting)
    });
    assert!(!bench.reported(|e| *e == SourceEvent::Recovered));
    broker.set_reachable(true).unwrap();
    bench
        .until("the end again", |b| b.reported(|e| *e == SourceEvent::Recovered) && b.all_empty(1));
    produce(&broker, "a", 0, 5..6);
    bench.until("one more", |b| b.count() == 6);
    let offsets: Vec<i64> = bench.records[&(0, 0)].iter().map(|(offset, _)| *offset).collect();
    assert_eq!(offsets, (0..6).collect::<Vec<_>>());
    bench.source.commit(&[(0, 0, point(6, 6))]).unwrap();
}

#[test]
fn brokers_that_are_down_at_the_start_are_waited_for() {
    let broker = EmbeddedBroker::start(&[("a", 1)]).unwrap();
    produce(&broker, "a", 0, 0..5);
    broker.set_reachable(false).unwrap();
    let settings = settings(&broker, "g", &["a"]);
    let mut bench = SourceBench::new(&settings);
    let server = broker.bootstrap_servers();
    bench.until("trouble that names the broker", |b| {
        b.reported(|e| matches!(e, SourceEvent::Trouble(text) if text.contains(&server)))
    });
    assert!(bench.source.commit(&[(0, 0, point(1, 1))]).is_err());
    broker.set_reachable(true).unwrap();
    bench.until("all records", |b| b.count() == 5 && b.all_empty(1));
}

#[test]
fn a_second_member_takes_its_share_after_a_last_commit_and_one_that_is_alone_says_so() {
    let broker = EmbeddedBroker::start(&[("a", 2)]).unwrap();
    produce(&broker, "a", 0, 0..10);
    produce(&broker, "a", 1, 0..10);
    let mut settings = settings(&broker, "g", &["a"]);
    settings.alone = true;
    let mut first = SourceBench::new(&settings);
    first.until("everything", |b| b.count() == 20 && b.source.evaluate_at.is_none());
    assert!(!first.reported(|e| matches!(e, SourceEvent::NotAlone { .. })));

    // A group that forms once more in this very moment acknowledges nothing: the second member
    // then leaves, and comes again.
    let mut attempts = 1;
    let (mut second, topic, partition) = loop {
        let mut second = SourceBench::new(&settings);
        let (topic, partition) = first.give_up_one(&mut second);
        match first.source.commit(&[(topic, partition, point(10, 8))]) {
            Ok(()) => break (second, topic, partition),
            Err(error) => assert!(error.to_string().contains("RebalanceInProgress"), "{error}"),
        }
        assert!(attempts < 3, "no commit was acknowledged in {attempts} attempts");
        attempts += 1;
        second.source.close().unwrap();
        first.until("the partition to go", |b| b.source.partitions.len() == 1);
        first.until("both back", |b| b.source.partitions.len() == 2);
        first.events.clear();
    };
    let assigned = SourceEvent::Assigned { topic, partition, commit: Some(point(10, 8)), start: 8 };
    let not_alone = SourceEvent::NotAlone { owned: 1, partitions: 2 };
    first.until("the other to go on, and both to say so", |b| {
        second.turn();
        second.events.contains(&assigned)
            && second.count() == 2
            && b.events.contains(&not_alone)
            && second.events.contains(&not_alone)
    });
    first.events.clear();
    second.source.close().unwrap();
    // Whoever reads it has all before 10, wherever the commit is.
    let back = SourceEvent::Assigned { topic, partition, commit: Some(point(10, 8)), start: 10 };
    first.until("it back where it was left", |b| b.events.contains(&back));
}

#[test]
fn only_listed_properties_may_be_set() {
    let check = |name: &str, origin| {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let servers = pair("bootstrap.servers", "localhost:9092");
        check_properties(&[servers, pair(name, "x")], origin)
    };
    let unknown = |name: &str| Err(PropertyError::Unknown { name: name.to_owned() });
    for name in [
        "plugin.library.paths",
        "sasl.oauthbearer.token.endpoint.url",
        "sasl.oauthbearer.config",
        "ssl.engine.location",
        "sasl.kerberos.kinit.cmd",
        "enable.ssl.certificate.verification",
        "offset.store.path",
        "Bootstrap.Servers",
        "",
    ] {
        assert_eq!(check(name, PropertyOrigin::File), unknown(name));
        assert_eq!(check(name, PropertyOrigin::Request), unknown(name));
    }
    for name in ["ssl.ca.location", "ssl.key.location", "ssl.keystore.location"] {
        assert_eq!(check(name, PropertyOrigin::File), Ok(()));
        let refused = Err(PropertyError::FileOnly { name: name.to_owned() });
        assert_eq!(check(name, PropertyOrigin::Request), refused);
    }
    assert_eq!(check("sasl.password", PropertyOrigin::Request), Ok(()));
    let error = check("enable.auto.commit", PropertyOrigin::File).unwrap_err();
    assert!(error.to_string().contains("always false"), "{error}");
    let error = check("plugin.library.paths", PropertyOrigin::File).unwrap_err().to_string();
    assert!(error.contains("plugin.library.paths") && error.contains("session.timeout.ms"));
    assert_eq!(check_properties(&[], PropertyOrigin::File), Err(PropertyError::NoServers));
}

#[test]
fn settings_that_can_never_work_are_refused_and_print_no_secret() {
    let properties = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let broker = EmbeddedBroker::start(&[]).unwrap();
    let good = settings(&broker, "g", &["a"]);
    let topics = |topics: &[&str]| KafkaSettings {
        topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
        ..good.clone()
    };
    for bad in [topics(&[]), topics(&["a", "a"]), topics(&["^a.*"]), topics(&[""])] {
        assert!(matches!(KafkaSource::connect(&bad), Err(KafkaError::Topics { .. })));
    }
    let pairs = [("bootstrap.servers", "localhost:1"), ("security.protocol", "nonsense")];
    let bad = KafkaSettings { properties: properties(&pairs), ..good.clone() };
    let Err(KafkaError::Connect { why }) = KafkaSource::connect(&bad) else {
        panic!("nonsense was taken");
    };
    assert!(why.contains("security.protocol"), "{why}");
    let pairs = [("sasl.password", "hunter2"), ("sasl.pasword", "hunter3"), ("client.id", "me")];
    let shown = format!("{:?}", KafkaSettings { properties: properties(&pairs), ..good });
    assert!(shown.contains("sasl.password") && shown.contains("me"), "{shown}");
    assert!(!shown.contains("hunter"), "{shown}");
}
