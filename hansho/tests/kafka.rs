//! The service between a Kafka and a webhook: killed, cut off, refused and fed with rubbish.
//!
//! Every scenario has topics and groups of its own on one broker; `broker:` in the output
//! says whether that is Apache Kafka. Event times lie in the past minutes, so that nothing
//! here waits for a window to pass: a later event closes it.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, OnceLock, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant, SystemTime};

use common::{failures, hansho, rules};
use rdkafka::consumer::Consumer;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::Value;
use tests::kafka::{TestBroker, client};
use tests::recorder::{HttpRecorder, RecordedRequest, RecorderAnswer};
use tests::service::{ServiceHome, free_port, get, post};

/// No scenario waits longer for anything.
const DEADLINE: Duration = Duration::from_secs(60);

/// An idle time that never comes in a test: only events let time pass.
const NEVER_IDLE: &str = "1h";

/// Every scenario's topic and its partitions.
const TOPICS: [(&str, i32); 12] = [
    ("published", 2),
    ("kcat", 2),
    ("crash-between", 1),
    ("crash-before-sink", 1),
    ("sink-fails", 1),
    ("broker-late", 1),
    ("half", 1),
    ("rubbish", 1),
    ("stopped", 1),
    ("rises", 1),
    ("otlp", 1),
    ("reload", 1),
];

/// The broker all scenarios share. It lives on a thread of its own, which it cannot leave.
struct SharedBroker {
    bootstrap: String,
    is_real: bool,
    orders: Mutex<Sender<(BrokerOrder, Sender<()>)>>,
    /// Held by every scenario; alone by the one that stops the broker.
    turn: RwLock<()>,
}

/// Orders to the broker's thread.
#[derive(Clone, Copy, Debug)]
enum BrokerOrder {
    Stop,
    Restart,
}

fn shared() -> &'static SharedBroker {
    static SHARED: OnceLock<SharedBroker> = OnceLock::new();
    SHARED.get_or_init(|| {
        let (orders, ordered) = mpsc::channel::<(BrokerOrder, Sender<()>)>();
        let (report, reported) = mpsc::channel();
        std::thread::spawn(move || {
            let mut broker = TestBroker::start_with(&TOPICS);
            report.send((broker.bootstrap(), broker.real().is_some())).expect("a scenario waits");
            for (order, done) in ordered {
                let kafka = broker.real().expect("a real Kafka");
                match order {
                    BrokerOrder::Stop => kafka.stop(),
                    BrokerOrder::Restart => kafka.restart().expect("Kafka starts again"),
                }
                done.send(()).expect("a scenario waits");
            }
        });
        let (bootstrap, is_real) = reported.recv().expect("a broker");
        SharedBroker { bootstrap, is_real, orders: Mutex::new(orders), turn: RwLock::new(()) }
    })
}

/// A turn with the broker, beside other scenarios.
fn broker() -> RwLockReadGuard<'static, ()> {
    shared().turn.read().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A turn with the broker for one scenario alone, which may stop it.
fn broker_alone() -> RwLockWriteGuard<'static, ()> {
    shared().turn.write().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Tells the real Kafka what to do, and waits until it is done.
fn order(order: BrokerOrder) {
    let (done, wait) = mpsc::channel();
    let orders = shared().orders.lock().expect("no scenario failed in here");
    orders.send((order, done)).expect("the broker's thread");
    wait.recv().unwrap_or_else(|_| panic!("{order:?} failed"));
}

/// A time in which there is no broker; it comes back however the scenario ends.
struct BrokerOutage;

impl BrokerOutage {
    fn begin() -> BrokerOutage {
        order(BrokerOrder::Stop);
        BrokerOutage
    }
}

impl Drop for BrokerOutage {
    fn drop(&mut self) {
        order(BrokerOrder::Restart);
    }
}

/// A service, where it answers, and who it tells.
struct KafkaScene {
    bootstrap: String,
    name: &'static str,
    service: ServiceHome,
    address: String,
    recorder: HttpRecorder,
    /// The first instant of the scenario's events, in ms: four minutes ago.
    start_ms: i64,
    /// Events published to the first topic, for the undisturbed run.
    published: String,
}

impl KafkaScene {
    /// Starts a service on the topic `name`.
    fn start(name: &'static str, rules_of: &str, idle: &str) -> KafkaScene {
        let bootstrap = &shared().bootstrap;
        let recorder = HttpRecorder::start().expect("a recorder");
        let address = format!("127.0.0.1:{}", free_port().expect("a port"));
        let (url, rules_of) = (recorder.url("/alerts"), rules(rules_of));
        let rules_of = rules_of.display();
        let web = if rules_of.to_string().ends_with("two-streams.rules") {
            format!("streams.web.topic = \"{name}-nobody-made\"")
        } else {
            String::new()
        };
        let config = format!(
            r#"
            rules = ["{rules_of}"]
            state_dir = "{{home}}/state"
            workers = 2
            language = "ja"
            api.listen = "{address}"
            streams.auth.topic = "{name}"
            {web}
            limits.idle_timeout = "{idle}"
            [kafka]
            group = "{name}"
            [kafka.properties]
            "bootstrap.servers" = "{bootstrap}"
            "broker.address.family" = "v4"
            "session.timeout.ms" = "2000"
            "heartbeat.interval.ms" = "500"
            "reconnect.backoff.max.ms" = "500"
            [[sinks]]
            name = "recorder"
            type = "webhook"
            url = "{url}"
            allow_private = true
            "#
        );
        let service = ServiceHome::run(env!("CARGO_BIN_EXE_hansho"), &config).expect("a service");
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock");
        let start_ms = i64::try_from(now.as_millis()).expect("this age") - 240_000;
        let (bootstrap, published) = (bootstrap.to_owned(), String::new());
        KafkaScene { bootstrap, name, service, address, recorder, start_ms, published }
    }

    /// Publishes failures of a user at these seconds of the scenario.
    fn fail(&mut self, user: &str, seconds: impl IntoIterator<Item = i64>) {
        let start_ms = self.start_ms;
        let lines = failures(user, seconds.into_iter().map(|second| start_ms + second * 1_000));
        publish(&self.bootstrap, self.name, lines.lines().map(str::as_bytes));
        self.published += &lines;
    }

    /// Lets the time of the scenario pass: everything before this second is settled.
    fn pass(&mut self, second: i64) {
        self.fail("nobody", [second]);
    }

    /// Waits until the webhook was told of so many different alerts of the kind, by answers
    /// of 200; returns them by id in the order they were first told.
    #[track_caller]
    fn reported(&self, kind: &str, count: usize) -> Vec<Value> {
        let enough = |requests: &[RecordedRequest]| delivered(requests, kind).len() >= count;
        let got = self.recorder.wait_until(DEADLINE, enough);
        let requests = got.unwrap_or_else(|requests| {
            let (reported, said) = (texts(&requests), self.service.lines().join("\n"));
            panic!("{count} {kind} expected in {}; told:\n{reported}\nsaid:\n{said}", self.name)
        });
        delivered(&requests, kind)
    }

    /// Waits for a line of the service's log.
    #[track_caller]
    fn said(&self, part: &str) -> String {
        self.service.wait_for_line(part, DEADLINE).unwrap_or_else(|lines| panic!("{lines}"))
    }

    #[track_caller]
    fn ready(&mut self) {
        let ready = self.service.wait_for_ok(&self.address, "/readyz", DEADLINE);
        ready.unwrap_or_else(|why| panic!("{why}"));
    }

    /// Waits until the group has committed this offset of partition 0.
    #[track_caller]
    fn committed(&self, offset: i64) {
        let asking = client::reader(&self.bootstrap, self.name).expect("a client");
        let mut list = TopicPartitionList::new();
        list.add_partition(self.name, 0);
        let deadline = Instant::now() + DEADLINE;
        let mut found = Offset::Invalid;
        while Instant::now() < deadline {
            if let Ok(answer) = asking.committed_offsets(list.clone(), Duration::from_secs(5))
                && let Some(element) = answer.find_partition(self.name, 0)
            {
                found = element.offset();
                if found == Offset::Offset(offset) {
                    return;
                }
            }
        }
        let figures = get(&self.address, "/metrics");
        let said = self.service.lines().join("\n");
        panic!("{found:?} is committed, not {offset}\n{said}\n{figures:?}");
    }

    /// The episode an undisturbed run of the same events gives the user.
    fn undisturbed(&self, user: &str) -> String {
        let burst = rules("burst.rules");
        let path = burst.to_str().expect("a path in UTF-8");
        let arguments = ["replay", "--rules", path, "--input", "-"];
        let said = hansho(&arguments, self.published.as_bytes()).ended(0);
        let lines = said.lines();
        let mine = lines.iter().filter(|l| l["kind"] == "firing" && l["key"]["user.name"] == user);
        let ids: Vec<&Value> = mine.map(|line| &line["episode"]).collect();
        assert_eq!(ids.len(), 1, "{}", said.out);
        ids[0].as_str().expect("an id").to_owned()
    }

    fn state_file(&self, name: &str) -> String {
        fs::read_to_string(self.service.home().join("state").join(name)).unwrap_or_default()
    }

    /// Whatever arrived more than once arrived with the same bytes, and an incident was
    /// opened and closed under one id each.
    #[track_caller]
    fn repeats_are_identical(&self) {
        let mut bodies: BTreeMap<String, String> = BTreeMap::new();
        for request in self.recorder.requests() {
            let body = body(&request);
            let id = body["id"].as_str().expect("an id").to_owned();
            assert_eq!(request.header("webhook-id"), Some(id.as_str()));
            let known = bodies.entry(id).or_insert_with(|| request.text());
            assert_eq!(*known, request.text());
        }
        let mut firing: BTreeMap<String, usize> = BTreeMap::new();
        for text in bodies.values() {
            let body: Value = serde_json::from_str(text).expect("JSON");
            let who = format!("{} {} {}", body["kind"], body["key"], body["since"]);
            *firing.entry(who).or_default() += 1;
        }
        assert!(firing.values().all(|count| *count == 1), "{firing:?}");
    }
}

fn body(request: &RecordedRequest) -> Value {
    serde_json::from_slice(&request.body).expect("a body of JSON")
}

/// True when the service speaks of itself, and of no rule.
fn is_of_itself(body: &Value) -> bool {
    body["alert"].as_str().is_some_and(|alert| alert.starts_with("hansho."))
}

/// The bodies of this kind that were answered by 200, of alerts of rules, each id once, in
/// order.
fn delivered(requests: &[RecordedRequest], kind: &str) -> Vec<Value> {
    let mut reported: Vec<Value> = Vec::new();
    for request in requests.iter().filter(|request| request.answered == 200) {
        let body = body(request);
        let is_asked = body["kind"] == kind && !is_of_itself(&body);
        if is_asked && !reported.iter().any(|known| known["id"] == body["id"]) {
            reported.push(body);
        }
    }
    reported
}

fn texts(requests: &[RecordedRequest]) -> String {
    let text = |request: &RecordedRequest| format!("{} {}", request.answered, request.text());
    requests.iter().map(text).collect::<Vec<_>>().join("\n")
}

/// Publishes to partition 0, acknowledged by the broker.
fn publish<'a>(bootstrap: &str, topic: &str, records: impl IntoIterator<Item = &'a [u8]>) {
    let producer: BaseProducer =
        client::settings(bootstrap).set("acks", "all").create().expect("a producer");
    for record in records {
        let record = BaseRecord::<(), [u8]>::to(topic).payload(record).partition(0);
        producer.send(record).expect("room in the producer's queue");
        producer.poll(Duration::ZERO);
    }
    producer.flush(DEADLINE).expect("every record acknowledged");
}

/// Publishes lines as a program of others does.
fn publish_with_kcat(bootstrap: &str, topic: &str, lines: &str) {
    let spawned = Command::new("kcat")
        .args(["-P", "-b", bootstrap, "-t", topic, "-p", "0"])
        .stdin(Stdio::piped())
        .spawn();
    let mut kcat = spawned.expect("kcat is missing: install the package of that name");
    let mut writing = kcat.stdin.take().expect("a pipe");
    writing.write_all(lines.as_bytes()).expect("kcat reads");
    drop(writing);
    assert!(kcat.wait().expect("kcat ends").success());
}

#[test]
fn what_is_published_reaches_the_webhook() {
    reaches_the_webhook("published", |bootstrap, topic, lines| {
        publish(bootstrap, topic, lines.lines().map(str::as_bytes));
    });
}

#[test]
#[ignore = "needs kcat"]
fn what_kcat_publishes_reaches_the_webhook() {
    reaches_the_webhook("kcat", publish_with_kcat);
}

fn reaches_the_webhook(topic: &'static str, publish: impl Fn(&str, &str, &str)) {
    let _turn = broker();
    let mut scene = KafkaScene::start(topic, "burst.rules", "1s");
    let start_ms = scene.start_ms;
    let lines = failures("a", (0..10).map(|n| start_ms + n * 1_000));
    publish(&scene.bootstrap, topic, &lines);
    scene.published = lines;
    let firing = &scene.reported("firing", 1)[0];
    let want = [
        ("alert", Value::from("認証失敗多発")),
        ("severity", Value::from("critical")),
        ("level", Value::from(1)),
        ("value", Value::from(10)),
        ("threshold", Value::from(10)),
        ("message", Value::from("a: 認証失敗 10回/分")),
        ("incident", Value::from(scene.undisturbed("a"))),
    ];
    for (name, value) in want {
        assert_eq!(firing[name], value, "{name} in {firing}");
    }
    assert_eq!(firing["key"], serde_json::json!({"user.name": "a"}));
    // Level 1 is answered within 30 minutes of the moment the service knew.
    assert!(instant(firing, "detected") > instant(firing, "at"), "{firing}");
    assert_eq!(instant(firing, "deadline") - instant(firing, "detected"), 1_800_000, "{firing}");
    scene.ready();
}

#[test]
fn a_crash_between_the_failures_changes_nothing() {
    let _turn = broker();
    let mut scene = KafkaScene::start("crash-between", "burst.rules", NEVER_IDLE);
    scene.fail("a", 0..5);
    scene.committed(5);
    scene.service.kill9();
    scene.service.restart().expect("a service");
    scene.fail("a", 5..10);
    let firing = scene.reported("firing", 1);
    scene.pass(200);
    let resolved = scene.reported("resolved", 1);
    let episode = scene.undisturbed("a");
    assert_eq!(firing[0]["incident"], episode.as_str());
    assert_eq!(resolved[0]["incident"], episode.as_str());
    assert_eq!(scene.reported("firing", 1).len(), 1);
    scene.repeats_are_identical();
}

#[test]
fn a_crash_between_the_log_and_the_sink_delivers_after_the_restart() {
    let _turn = broker();
    let name = "crash-before-sink";
    let mut scene = KafkaScene::start(name, "burst.rules", NEVER_IDLE);
    scene.recorder.answer(RecorderAnswer::Close);
    scene.fail("a", 0..10);
    // An attempt under way means that the alert is in the log.
    let attempted = scene.recorder.wait_for(1, DEADLINE);
    assert!(attempted.is_ok(), "{}", scene.service.lines().join("\n"));
    scene.service.kill9();
    assert!(scene.state_file("alerts.jsonl").contains("認証失敗多発"));
    assert!(scene.recorder.requests().iter().all(|request| request.answered != 200));
    scene.recorder.answer(RecorderAnswer::Status(200));
    scene.service.restart().expect("a service");
    let firing = scene.reported("firing", 1);
    scene.pass(200);
    scene.reported("resolved", 1);
    assert_eq!(firing[0]["incident"], scene.undisturbed("a").as_str());
    scene.repeats_are_identical();
}

#[test]
fn a_sink_that_fails_for_a_while_gets_everything_in_order() {
    let _turn = broker();
    let mut scene = KafkaScene::start("sink-fails", "burst.rules", NEVER_IDLE);
    scene.recorder.answer(RecorderAnswer::Status(500));
    let users = ["u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7"];
    for (user, start) in users.into_iter().zip((0..).step_by(10)) {
        scene.fail(user, start..start + 10);
    }
    scene.pass(225);
    let refused = scene.recorder.wait_for(12, DEADLINE).expect("attempts");
    assert!(refused.iter().all(|request| request.answered == 500));
    let warning = scene.said("delivery failed");
    assert!(warning.contains("recorder") && warning.contains("500"), "{warning}");
    scene.recorder.script([
        RecorderAnswer::RetryAfter(503, 1),
        RecorderAnswer::Close,
        RecorderAnswer::Status(429),
    ]);
    scene.recorder.answer(RecorderAnswer::Status(200));
    let resolved = scene.reported("resolved", 8);
    let mut keys: Vec<&str> =
        resolved.iter().filter_map(|alert| alert["key"]["user.name"].as_str()).collect();
    keys.sort_unstable();
    assert_eq!(keys, users);
    let answered = scene.recorder.requests();
    let answered: Vec<Value> = answered.iter().filter(|r| r.answered == 200).map(body).collect();
    for alert in &resolved {
        let mine = answered.iter().filter(|other| other["incident"] == alert["incident"]);
        let kinds: Vec<&Value> = mine.map(|other| &other["kind"]).collect();
        // What was over before it could be told is one message, which says so.
        match alert["missed_at"].as_str() {
            None => assert_eq!(kinds, ["firing", "resolved"], "{alert}"),
            Some(at) => {
                assert_eq!(
                    (kinds, at),
                    (vec![&Value::from("resolved")], alert["since"].as_str().unwrap())
                );
                assert!(alert["missed_why"].as_str().unwrap().contains("answered"), "{alert}");
            }
        }
    }
    scene.repeats_are_identical();
}

#[test]
#[ignore = "needs a real Kafka: Java 17 and Maven"]
fn a_broker_that_comes_up_later_is_named_and_then_used() {
    let _turn = broker_alone();
    let SharedBroker { bootstrap, is_real, .. } = shared();
    assert!(is_real, "only a real Kafka can be stopped");
    let outage = BrokerOutage::begin();
    let mut scene = KafkaScene::start("broker-late", "burst.rules", NEVER_IDLE);
    let trouble = scene.said("127.0.0.1:");
    scene.said(bootstrap);
    let deadline = Instant::now() + DEADLINE;
    let (status, reason) = loop {
        match get(&scene.address, "/readyz") {
            Ok((status, reason)) if reason.contains(bootstrap) => break (status, reason),
            other => assert!(Instant::now() < deadline, "{other:?}\n{trouble}"),
        }
    };
    assert_eq!(status, 503, "{reason}");
    assert_eq!(get(&scene.address, "/livez").expect("an answer").0, 200);
    drop(outage);
    scene.fail("a", 0..10);
    let firing = scene.reported("firing", 1);
    assert_eq!(firing[0]["incident"], scene.undisturbed("a").as_str());
    scene.ready();
    // The same once more while the service runs.
    let outage = BrokerOutage::begin();
    let deadline = Instant::now() + DEADLINE;
    while !matches!(get(&scene.address, "/readyz"), Ok((503, _))) {
        assert!(Instant::now() < deadline, "{}", scene.service.lines().join("\n"));
    }
    drop(outage);
    scene.fail("b", 10..20);
    scene.reported("firing", 2);
    scene.repeats_are_identical();
}

#[test]
fn a_topic_that_is_not_there_is_named_and_the_others_work() {
    let _turn = broker();
    let mut scene = KafkaScene::start("half", "two-streams.rules", NEVER_IDLE);
    scene.said("half-nobody-made");
    let deadline = Instant::now() + DEADLINE;
    loop {
        match get(&scene.address, "/readyz") {
            Ok((503, reason)) if reason.contains("half-nobody-made") => break,
            other => assert!(Instant::now() < deadline, "{other:?}"),
        }
    }
    scene.fail("a", 0..10);
    let firing = scene.reported("firing", 1);
    assert_eq!(firing[0]["incident"], scene.undisturbed("a").as_str());
}

#[test]
fn rubbish_becomes_dead_letters_and_the_rest_is_evaluated() {
    let _turn = broker();
    let mut scene = KafkaScene::start("rubbish", "burst.rules", NEVER_IDLE);
    scene.fail("a", 0..5);
    let deep = format!("{{\"x\":{}{}", "[".repeat(200), "]".repeat(200));
    let now_ms = scene.start_ms + 240_000;
    let future = failures("a", [now_ms + 600_000]);
    let cases: [(&[u8], &str); 5] = [
        (b"{\"ts\":17", "ends in the middle"),
        (b"\xff\xfe", "not UTF-8"),
        (deep.as_bytes(), "nested deeper"),
        (b"[]", "no JSON object"),
        (future.trim_end().as_bytes(), "future"),
    ];
    publish(&scene.bootstrap, "rubbish", cases.map(|(bytes, _)| bytes));
    scene.fail("a", 5..10);
    let firing = scene.reported("firing", 1);
    assert_eq!(firing[0]["incident"], scene.undisturbed("a").as_str());
    // Offsets are committed only once the letters are kept.
    scene.committed(15);
    let letters = scene.state_file("dead-letters.jsonl");
    let letters: Vec<Value> =
        letters.lines().map(|line| serde_json::from_str(line).expect("a letter in JSON")).collect();
    assert_eq!(letters.len(), cases.len(), "{letters:?}");
    for (at, (letter, (bytes, reason))) in letters.iter().zip(cases).enumerate() {
        assert_eq!(letter["topic"], "rubbish");
        assert_eq!(letter["partition"], 0);
        assert_eq!(letter["offset"], 5 + at);
        assert_eq!(letter["bytes"], bytes.len());
        let said = letter["reason"].as_str().expect("a reason");
        assert!(said.contains(reason), "{said}");
    }
    let (_, figures) = get(&scene.address, "/metrics").expect("figures");
    for line in ["hansho_decode_errors_total 4", "hansho_future_events_dropped_total 1"] {
        assert!(figures.lines().any(|have| have == line), "{line} is not in:\n{figures}");
    }
}

/// A failed login in protobuf: time, severity, attributes.
fn otlp_log(user: &str, at_ms: i64) -> Vec<u8> {
    let attribute = |key: &str, text: &str| {
        let value = lengthy(0x12, &lengthy(0x0a, text.as_bytes()));
        lengthy(0x32, &[lengthy(0x0a, key.as_bytes()), value].concat())
    };
    let time = [&[0x09][..], &(at_ms * 1_000_000).to_le_bytes()].concat();
    let attributes = [attribute("event.outcome", "failure"), attribute("user.name", user)].concat();
    lengthy(0x12, &[time, vec![0x10, 13], attributes].concat())
}

/// A request of log records of the service `login`.
fn otlp_request(records: &[Vec<u8>]) -> Vec<u8> {
    let value = lengthy(0x12, &lengthy(0x0a, b"login"));
    let attribute = lengthy(0x0a, &[lengthy(0x0a, b"service.name"), value].concat());
    lengthy(0x0a, &[lengthy(0x0a, &attribute), lengthy(0x12, &records.concat())].concat())
}

/// A protobuf field of bytes behind their length, in as many bytes as a length of 2^14 takes.
fn lengthy(tag: u8, inner: &[u8]) -> Vec<u8> {
    let length = u16::try_from(inner.len()).expect("a short field");
    assert!(length < 1 << 14, "a short field");
    [&[tag, length as u8 & 0x7f | 0x80, (length >> 7) as u8][..], inner].concat()
}

#[test]
fn a_collectors_requests_are_evaluated_event_by_event_and_buried_once() {
    let _turn = broker();
    let mut scene = KafkaScene::start("otlp", "otlp.rules", NEVER_IDLE);
    let start_ms = scene.start_ms;
    let logs = |seconds: std::ops::Range<i64>| {
        seconds.map(|second| otlp_log("a", start_ms + second * 1_000)).collect::<Vec<_>>()
    };
    let early = otlp_request(&logs(0..6));
    let ahead = [otlp_log("a", start_ms + 840_000), otlp_log("a", start_ms + 850_000)];
    let half_ahead = otlp_request(&[logs(6..7), ahead.to_vec(), logs(7..8)].concat());
    let mut broken = otlp_request(&logs(8..9));
    broken.truncate(broken.len() - 1);
    publish(&scene.bootstrap, "otlp", [&early[..], &half_ahead, &broken]);
    let rest = otlp_request(&logs(8..10));
    publish(&scene.bootstrap, "otlp", [&rest[..], &otlp_request(&logs(200..201))]);
    let firing = scene.reported("firing", 1);
    assert_eq!(firing[0]["since"], rfc3339(start_ms + 9_000));
    assert_eq!(firing[0]["key"], serde_json::json!({"user.name": "a"}));
    scene.committed(5);
    let letters = scene.state_file("dead-letters.jsonl");
    let letters: Vec<Value> =
        letters.lines().map(|line| serde_json::from_str(line).expect("a letter in JSON")).collect();
    let reported: Vec<(i64, &str)> = letters
        .iter()
        .map(|letter| {
            let reason = letter["reason"].as_str().expect("a reason");
            (letter["offset"].as_i64().expect("an offset"), reason)
        })
        .collect();
    let first = rfc3339(start_ms + 840_000);
    let future = format!("2 of its 4 events lie in the record's future, the first at {first}");
    assert_eq!(reported.len(), 2, "{reported:?}");
    assert_eq!(reported[0], (1, future.as_str()));
    assert_eq!(reported[1].0, 2);
    assert!(
        reported[1].1.contains("resourceLogs: not OTLP: expected a field that ends"),
        "{reported:?}"
    );
    let (_, figures) = get(&scene.address, "/metrics").expect("figures");
    for line in [
        "hansho_events_decoded_total 13",
        "hansho_decode_errors_total 1",
        "hansho_future_events_dropped_total 2",
    ] {
        assert!(figures.lines().any(|have| have == line), "{line} is not in:\n{figures}");
    }
    scene.repeats_are_identical();
    scene.ready();
}

#[test]
fn a_service_that_is_stopped_resumes_where_it_was() {
    let _turn = broker();
    let mut scene = KafkaScene::start("stopped", "burst.rules", NEVER_IDLE);
    scene.fail("a", 0..10);
    scene.reported("firing", 1);
    // Settled, not only early, before it stops; then once more with nothing new to say.
    scene.pass(30);
    scene.committed(11);
    for _ in 0..2 {
        let ended = scene.service.terminate(DEADLINE).expect("it ends");
        assert_eq!(ended.code(), Some(0), "{}", scene.service.lines().join("\n"));
        scene.service.restart().expect("a service");
        scene.ready();
    }
    scene.fail("b", 40..50);
    scene.pass(230);
    let resolved = scene.reported("resolved", 2);
    let firing = scene.reported("firing", 2);
    for (reported, user) in firing.iter().zip(["a", "b"]) {
        assert_eq!(reported["incident"], scene.undisturbed(user).as_str());
    }
    assert_eq!((firing.len(), resolved.len()), (2, 2));
    assert_eq!(scene.recorder.requests().len(), 4, "{}", texts(&scene.recorder.requests()));
    scene.repeats_are_identical();
}

#[test]
fn a_rise_pages_again_each_match_where_asked_and_a_shadow_nobody() {
    let _turn = broker();
    let mut scene = KafkaScene::start("rises", "ladder.rules", NEVER_IDLE);
    scene.fail("a", 0..4);
    scene.reported("firing", 1);
    scene.service.kill9();
    scene.service.restart().expect("a service");
    scene.fail("a", 4..7);
    scene.fail("admin", [8, 9]);
    scene.pass(200);
    let severities = |reported: &[Value]| {
        let words = |body: &Value| format!("{} {}", body["key"]["user.name"], body["severity"]);
        reported.iter().map(words).collect::<Vec<_>>().join(", ")
    };
    let ended = scene.reported("resolved", 2);
    assert_eq!(severities(&scene.reported("firing", 2)), r#""a" "medium", "admin" "low""#);
    let rises = scene.reported("changed", 1);
    assert_eq!(severities(&rises), r#""a" "critical""#);
    assert_eq!(severities(&scene.reported("again", 1)), r#""admin" "low""#);
    // The rise has 30 minutes of its own, counted from when it was known, and one incident.
    assert_eq!(rises[0]["at"], rfc3339(scene.start_ms + 4_000));
    let (detected, deadline) = (instant(&rises[0], "detected"), instant(&rises[0], "deadline"));
    assert_eq!(deadline - detected, 1_800_000);
    assert!(ended.iter().any(|end| end["incident"] == rises[0]["incident"]), "{ended:?}");
    let shadows = scene.state_file("alerts.jsonl").matches("\"shadow\":true").count();
    assert_eq!(shadows, 4, "two episodes, fired and resolved");
    assert_eq!(delivered(&scene.recorder.requests(), "resolved").len(), 2);
}

/// A time of a body, in milliseconds.
fn instant(body: &Value, name: &str) -> i64 {
    let text = body[name].as_str().unwrap_or_else(|| panic!("no {name} in {body}"));
    text.parse::<jiff::Timestamp>().expect("a time").as_millisecond()
}

fn rfc3339(ms: i64) -> String {
    model::time::Timestamp(ms).to_string()
}

/// Two alerts of failed logins, of which one is there only while it is wanted.
fn failing(message: &str, has_five: bool) -> String {
    let stream = "stream auth from \"auth.events\" { ts: time, outcome: str, user.name: str }";
    let failed = "filter f = auth where outcome == \"failure\"";
    let ten = format!(
        "alert ten f >= 10 within 1m by user.name critical {{\n  message \"{message}\"\n}}"
    );
    let five = if has_five { "alert five f >= 5 within 1m by user.name low" } else { "" };
    format!("{stream}\n{failed}\n{ten}\n{five}\n")
}

#[test]
fn rules_are_edited_while_it_runs_and_a_broken_file_changes_nothing() {
    let _turn = broker();
    let home = tempfile::tempdir().expect("a folder");
    let path = home.path().join("failing.rules");
    let write = |text: &str| fs::write(&path, text).expect("a rule file");
    write(&failing("first {user.name}", true));
    let mut scene = KafkaScene::start("reload", path.to_str().expect("UTF-8"), NEVER_IDLE);
    scene.fail("a", 0..10);
    scene.pass(11);
    let begun = scene.reported("firing", 2);

    // The episode of the alert that is gone ends; the other goes on, and its next alert has
    // the new text.
    write(&failing("second {user.name}", false));
    scene.service.signal("HUP");
    let changed = &scene.reported("resolved", 1)[0];
    assert_eq!((&changed["alert"], &changed["reason"]), (&"five".into(), &"rule changed".into()));
    scene.fail("b", 20..30);
    let firing = scene.reported("firing", 3);
    assert_eq!(firing[2]["message"], "second b");

    // What cannot run changes nothing, and says why.
    write("alert ten f >= ten");
    let (status, why) = post(&scene.address, "/-/reload").expect("an answer");
    assert_eq!(status, 400, "{why}");
    assert!(why.contains("failing.rules:1"), "{why}");
    scene.said("rules and settings stay as they are");
    let is_refusal = |body: &Value| is_of_itself(body) && body["kind"] == "firing";
    let is_reported =
        |all: &[RecordedRequest]| all.iter().any(|request| is_refusal(&body(request)));
    assert!(scene.recorder.wait_until(DEADLINE, is_reported).is_ok(), "people hear of it");
    let (_, figures) = get(&scene.address, "/metrics").expect("figures");
    for figure in [
        "hansho_reloads_total{outcome=\"refused\"} 1",
        "hansho_reloads_total{outcome=\"accepted\"} 1",
        "hansho_rules_info{hash=\"",
    ] {
        assert!(figures.contains(figure), "{figure} is not in {figures}");
    }
    scene.fail("c", 40..50);
    assert_eq!(scene.reported("firing", 4)[3]["message"], "second c");

    // Killed while others come into force: they do now, or after the restart.
    write(&failing("third {user.name}", true));
    let (status, said) = post(&scene.address, "/-/reload").expect("an answer");
    assert_eq!(status, 200, "{said}");
    scene.service.kill9();
    scene.service.restart().expect("a service");
    scene.said("\"by\":\"start\"");
    scene.fail("d", 52..62);
    // The alert that is back knows what came before it: it is true of a, b and c at once.
    let firing = scene.reported("firing", 9);
    let of_d: Vec<&Value> = firing.iter().filter(|one| one["key"]["user.name"] == "d").collect();
    assert_eq!(of_d.len(), 2, "{firing:?}");
    assert!(of_d.iter().any(|one| one["message"] == "third d"), "{of_d:?}");
    scene.pass(300);
    // One end each: of `five` for a by the change, and of both for all four users.
    let resolved = scene.reported("resolved", 9);
    let by_change = resolved.iter().filter(|one| one["reason"] == "rule changed");
    assert_eq!(by_change.count(), 1, "{resolved:?}");
    let of_a = begun.iter().find(|one| one["alert"] == "ten").expect("ten of a");
    assert!(resolved.iter().any(|one| one["incident"] == of_a["incident"]), "{resolved:?}");
    scene.repeats_are_identical();
}
