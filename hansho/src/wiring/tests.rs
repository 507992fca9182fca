use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use connectors::broker::{EmbeddedBroker, EventProducer};
use connectors::dead_letter::DeadLetterSink;
use connectors::sink::SinkSettings;
use connectors::sink::file::FileSettings;
use connectors::source::kafka::{KafkaSettings, StartOffset};
use jiff::tz::TimeZone;
use model::message::Language;
use model::time::MINUTE_MS;
use oncall::engine::OnCallSettings;
use oncall::outbox::OutboxLimits;
use oncall::route::{NotifyOn, Receiver, RoutingTable};
use oncall::severity_set::SeveritySet;
use runtime::checkpoint::snapshot::SNAPSHOT;
use runtime::checkpoint::state_log::STATE_LOG;
use runtime::error::NodeError;
use runtime::notify::templates::AlertTemplates;
use serde_json::Value;

use super::clock::wall_clock;
use super::notifiers::Notifier;
use super::service::{ServiceHandles, ServiceOutput, ServiceSettings, run_service};
use crate::config::{NodeLimits, StreamInputs};
use crate::rule_files::load_rules;

/// Time that anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A broker, and a folder in which a service leaves its logs and what it told.
struct ServicePlace {
    broker: EmbeddedBroker,
    producer: EventProducer,
    folder: tempfile::TempDir,
    topics: Vec<String>,
}

/// A service that runs.
struct RunningNode<'a> {
    place: &'a ServicePlace,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<(), NodeError>>>,
}

impl ServicePlace {
    fn new(rules: &str, topics: &[&str]) -> ServicePlace {
        let declared: Vec<(&str, i32)> = topics.iter().map(|topic| (*topic, 1)).collect();
        let broker = EmbeddedBroker::start(&declared).unwrap();
        let producer = EventProducer::new(&broker.bootstrap_servers()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("all.rules"), rules).unwrap();
        let topics = topics.iter().map(|topic| (*topic).to_owned()).collect();
        ServicePlace { broker, producer, folder, topics }
    }

    fn send(&self, topic: &str, payload: &str) {
        self.producer.send_to(topic, 0, payload.as_bytes()).unwrap();
        self.producer.flush(PATIENCE).unwrap();
    }

    /// Every document the sink has had.
    fn reported(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join("told.jsonl"));
        let lines = text.unwrap_or_default();
        let whole = lines.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// How often the sink was told of each alert of the service, by name and kind.
    fn of_itself(&self) -> BTreeMap<String, usize> {
        let mut times = BTreeMap::new();
        for document in self.reported() {
            let (alert, kind) = (document["alert"].as_str(), document["kind"].as_str());
            if let Some(name) = alert.and_then(|name| name.strip_prefix("hansho.")) {
                *times.entry(format!("{name} {}", kind.unwrap())).or_insert(0) += 1;
            }
        }
        times
    }

    fn settings(&self, limits: NodeLimits) -> ServiceSettings {
        let servers = ("bootstrap.servers".to_owned(), self.broker.bootstrap_servers());
        ServiceSettings {
            kafka: Some(KafkaSettings {
                properties: vec![servers],
                group: "g".to_owned(),
                topics: self.topics.clone(),
                start: StartOffset::Beginning,
                alone: true,
                reach_back: Vec::new(),
            }),
            inputs: StreamInputs::default(),
            spool_bytes: 1 << 20,
            ingest_token: None,
            workers: 2,
            limits: NodeLimits { idle_timeout_ms: 50, ..limits },
            language: Language::En,
        }
    }

    fn output(&self, letters: &Path) -> ServiceOutput {
        let sink = FileSettings { path: self.folder.path().join("told.jsonl") };
        let receiver = Receiver {
            name: "log".to_owned(),
            severities: SeveritySet::ALL,
            on: NotifyOn::ALL,
            spacing_ms: 0,
            is_router: false,
            fallback: None,
        };
        ServiceOutput {
            on_call: OnCallSettings {
                routing: RoutingTable::to_all(vec![receiver]),
                storm_max: usize::MAX,
                flap_max: 0,
                ..OnCallSettings::default()
            },
            notifiers: vec![Notifier::Sink(Arc::from(sink.open().unwrap()))],
            outbox: OutboxLimits::default(),
            dead_letters: Box::new(DeadLetterSink::to_file(letters).unwrap()),
        }
    }

    fn run(&self, limits: NodeLimits, letters: &Path) -> RunningNode<'_> {
        let rules = load_rules(&[self.folder.path().join("all.rules")], Language::En).unwrap();
        let templates = AlertTemplates::new(&rules, Language::En, TimeZone::UTC);
        let (handles, inbox) = ServiceHandles::new(Arc::new(templates));
        let (settings, output) = (self.settings(limits), self.output(letters));
        let state_dir = self.folder.path().join("state");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let _guard = runtime.enter();
            run_service(&state_dir, rules, settings, output, &handles, inbox, &stopped)
        });
        RunningNode { place: self, stop, thread: Some(thread) }
    }
}

impl RunningNode<'_> {
    /// Waits until what the sink was told is enough.
    fn until(&self, what: &str, enough: impl Fn(&ServicePlace) -> bool) {
        let start = Instant::now();
        while !enough(self.place) {
            let ended = self.thread.as_ref().is_none_or(JoinHandle::is_finished);
            let reported = || self.place.reported();
            assert!(!ended && start.elapsed() < PATIENCE, "no {what} in {:#?}", reported());
            thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Waits until the sink was told of an alert.
    fn until_reported(&self, alert: &str, kind: &str) {
        self.until(&format!("{alert} {kind}"), |place| {
            place.reported().iter().any(|one| one["alert"] == alert && one["kind"] == kind)
        });
    }

    fn stop(mut self) {
        self.stop.store(true, Ordering::Release);
        self.thread.take().unwrap().join().unwrap().unwrap();
    }
}

impl Drop for RunningNode<'_> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

fn limits() -> NodeLimits {
    let mut limits = NodeLimits::default();
    limits.meta.never_matched_after = 100;
    // Most of these are about what is known without one.
    limits.snapshot_interval_ms = None;
    limits
}

const CROWDED: &str = r#"
stream a { ts: time("unix_ms"), user: str, place: str } lateness 1ms
filter named = a where user == "marker"
filter nowhere = a where place == "nowhere"
alert crowd   any a  by user  limit 1 keys  low
alert fresh   new place in named within 1h  by user  learn 1ms  limit 1 values  low
alert never   any nowhere  low
alert marker  any named  keep 20ms  low
"#;

/// Nothing is ever committed here, so that the second run reads everything again.
#[test]
fn what_keeps_answers_from_being_whole_is_reported_once_also_after_a_restart() {
    let place = ServicePlace::new(CROWDED, &["a"]);
    // It can be read, and takes nothing that is no number.
    let barred = Path::new("/proc/self/oom_score_adj");
    let running = place.run(limits(), barred);
    let start = wall_clock().0 - 10_000;
    let event = |at: i64, user: &str, town: &str| {
        place.send("a", &format!(r#"{{"ts":{at},"user":"{user}","place":"{town}"}}"#));
    };
    place.send("a", "this is no event");
    let marker_ends = |place: &ServicePlace| {
        let ends = |one: &Value| one["alert"] == "marker" && one["kind"] == "resolved";
        place.reported().into_iter().filter(ends).count()
    };
    // One is first, or its rules would not have matched for hundreds of events.
    event(start, "marker", "town0");
    (0..600).for_each(|user| event(start + 100 + user, &format!("u{user}"), "x"));
    (1..3).for_each(|town| event(start + 700 + town, "marker", &format!("town{town}")));
    running.until("second end of the marker", |place| marker_ends(place) == 2);
    // Its instant settled while nothing came: the partition takes it, the alert cannot.
    event(start + 703, "late", "x");
    let wanted = [
        "dead_letters_failing firing",
        "late_observations_dropped firing",
        "never_matched firing",
        "refused_keys firing",
        "refused_values firing",
    ];
    let wanted: BTreeMap<String, usize> =
        wanted.iter().map(|name| ((*name).to_owned(), 1)).collect();
    running.until("all of its alerts", |place| place.of_itself() == wanted);
    running.stop();

    let running = place.run(limits(), barred);
    event(wall_clock().0, "marker", "x");
    running.until("third end of the marker", |place| marker_ends(place) == 3);
    running.stop();
    assert_eq!(place.of_itself(), wanted, "none is told twice");
    let refused =
        place.reported().into_iter().find(|one| one["alert"] == "hansho.refused_keys").unwrap();
    assert_eq!((&refused["key"]["rule"], &refused["severity"]), (&"crowd".into(), &"high".into()));
}

#[test]
fn a_topic_that_waits_long_for_another_is_reported() {
    let rules = r#"
stream a { ts: time("unix_ms"), user: str }
stream b { ts: time("unix_ms"), user: str }
alert ahead   any a  by user  low
alert behind  any b  by user  low
"#;
    let place = ServicePlace::new(rules, &["a", "b"]);
    let now = wall_clock().0;
    place.send("b", &format!(r#"{{"ts":{},"user":"x"}}"#, now - 3_600_000));
    place.send("a", &format!(r#"{{"ts":{now},"user":"x"}}"#));
    let running = place.run(
        NodeLimits { pause_alert_after_ms: 1, ..limits() },
        &place.folder.path().join("letters.jsonl"),
    );
    running.until_reported("hansho.partition_paused", "firing");
    running.stop();
    let reported =
        place.reported().into_iter().find(|one| one["alert"] == "hansho.partition_paused").unwrap();
    assert_eq!(reported["key"]["topic"], "a");
    assert!(reported["message"].as_str().unwrap().ends_with(": b/0"), "{reported}");
}

/// P1: what expired unread is counted exactly, and people are told of it.
#[test]
fn records_that_expired_before_they_were_read_are_an_alert() {
    let rules = "stream a { ts: time(\"unix_ms\"), user: str }\nalert seen any a by user low\n";
    let place = ServicePlace::new(rules, &["a"]);
    let letters = place.folder.path().join("letters.jsonl");
    let event = |user: &str| format!(r#"{{"ts":{},"user":"{user}"}}"#, wall_clock().0);
    place.send("a", &event("first"));
    let running = place.run(limits(), &letters);
    running.until_reported("seen", "firing");
    running.stop();
    // The broker keeps 5 MiB of a partition: of these the oldest are gone.
    let long = "x".repeat(100_000);
    (0..80).for_each(|number| place.send("a", &event(&format!("{number}{long}"))));
    let running = place.run(limits(), &letters);
    running.until_reported("hansho.records_lost", "firing");
    let reported = place.reported();
    let lost = reported.iter().find(|one| one["alert"] == "hansho.records_lost").unwrap();
    assert_eq!((&lost["key"]["topic"], &lost["key"]["partition"]), (&"a".into(), &0.into()));
    let lost = lost["value"].as_u64().unwrap();
    let evaluated = |place: &ServicePlace| {
        let reported = place.reported();
        let seen = reported.iter().filter(|one| one["alert"] == "seen");
        seen.map(|one| one["key"]["user"].to_string()).collect::<BTreeSet<_>>().len() as u64
    };
    // The first one, and of the others all that were not lost.
    running.until("all that are left", |place| evaluated(place) + lost > 80);
    running.stop();
    assert_eq!(evaluated(&place) + lost, 1 + 80);
    assert_eq!(place.of_itself(), BTreeMap::from([("records_lost firing".to_owned(), 1)]));
}

const NEW_PLACE: &str = r#"
stream a { ts: time("unix_ms"), user: str, place: str } lateness 1ms
alert fresh  new place in a within 30d  by user  learn 1ms  low
"#;

/// How often each place was told as new, of one user.
fn new_places(place: &ServicePlace) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for document in place.reported().iter().filter(|one| one["alert"] == "fresh") {
        if document["kind"] == "firing" {
            *times.entry(document["key"]["user"].as_str().unwrap().to_owned()).or_insert(0) += 1;
        }
    }
    times
}

/// A value that was seen longer ago than its records are kept is known all the same.
#[test]
fn what_a_rule_remembers_outlives_the_records_it_was_read_from() {
    let place = ServicePlace::new(NEW_PLACE, &["a"]);
    let letters = place.folder.path().join("letters.jsonl");
    let start = wall_clock().0 - 7_200_000;
    let event = |minutes: i64, user: &str, town: &str| {
        let at = start + minutes * 60_000;
        place.send("a", &format!(r#"{{"ts":{at},"user":"{user}","place":"{town}"}}"#));
    };
    let running = place.run(limits(), &letters);
    event(0, "u", "x");
    event(1, "u", "y");
    running.until("the second place", |place| new_places(place).get("u") == Some(&1));
    event(60, "v", "x");
    running.until("another user", |place| new_places(place).contains_key("v"));
    running.stop();

    // The broker keeps 5 MiB of a partition: of these the oldest are gone.
    let long = "z".repeat(100_000);
    (0..80).for_each(|_| event(61, "w", &long));
    let running = place.run(limits(), &letters);
    event(62, "u", "x");
    event(63, "u", "z");
    running.until("the third place", |place| new_places(place).get("u") == Some(&2));
    running.stop();
    assert_eq!(
        new_places(&place),
        [("u", 2), ("v", 1), ("w", 1)].map(|(u, n)| (u.into(), n)).into()
    );
    let reported = place.reported();
    let is_of_u = |one: &&Value| one["alert"] == "fresh" && one["key"]["user"] == "u";
    let third = reported.iter().filter(is_of_u).rfind(|one| one["kind"] == "firing").unwrap();
    let at = jiff::Timestamp::from_millisecond(start + 63 * 60_000).unwrap();
    assert_eq!(third["at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap(), at);
}

/// A commit says whether it relies on the state log: without that, all is read again.
#[test]
fn a_lost_state_log_is_read_again() {
    let place = ServicePlace::new(NEW_PLACE, &["a"]);
    let letters = place.folder.path().join("letters.jsonl");
    let start = wall_clock().0 - 7_200_000;
    let event = |minutes: i64, town: &str| {
        let at = start + minutes * 60_000;
        place.send("a", &format!(r#"{{"ts":{at},"user":"u","place":"{town}"}}"#));
    };
    for (round, town) in ["y", "z", "w"].into_iter().enumerate() {
        let running = place.run(limits(), &letters);
        let minutes = round as i64 * 30;
        event(minutes, "x");
        event(minutes + 1, town);
        let times = round + 1;
        running.until("a new place", |place| new_places(place).get("u") == Some(&times));
        running.stop();
        let state_log = place.folder.path().join("state").join(STATE_LOG);
        std::fs::remove_file(state_log).unwrap();
    }
}

const OFTEN: &str = r#"
stream a { ts: time("unix_ms"), user: str } lateness 1ms
filter marked = a where user == "marker"
alert often   count(a) >= 3 within 24h  by user  low
alert marker  any marked  keep 20ms  low
"#;

/// Three events of one user, the service stopped after two: how often that was told, after the
/// records of the first two have expired.
fn reported_across_a_stop(limits: NodeLimits, between: impl Fn(&Path)) -> usize {
    let place = ServicePlace::new(OFTEN, &["a"]);
    let letters = place.folder.path().join("letters.jsonl");
    let start = wall_clock().0 - 7_200_000;
    let event = |seconds: i64, user: &str| {
        let at = start + seconds * 1_000;
        place.send("a", &format!(r#"{{"ts":{at},"user":"{user}"}}"#));
    };
    let firings = |place: &ServicePlace, alert: &str| {
        let is_it = |one: &Value| one["alert"] == alert && one["kind"] == "firing";
        place.reported().into_iter().filter(is_it).count()
    };
    let running = place.run(limits, &letters);
    event(0, "u");
    event(1, "u");
    // The broker keeps 5 MiB of a partition: of these the oldest go, once they are read.
    let long = "z".repeat(100_000);
    for round in 1..=8 {
        (0..10).for_each(|number| event(round * 20 + number, &format!("{long}{round}{number}")));
        event(round * 20 + 11, "marker");
        event(round * 20 + 12, "x");
        running.until("a marker", |place| firings(place, "marker") == round as usize);
    }
    running.stop();

    between(&place.folder.path().join("state").join(SNAPSHOT));
    let running = place.run(limits, &letters);
    event(200, "u");
    event(201, "marker");
    event(202, "x");
    running.until("the last marker", |place| firings(place, "marker") == 9);
    running.stop();
    assert_eq!(place.of_itself(), BTreeMap::new());
    let reported = place.reported();
    let is_of_u = |one: &&Value| one["alert"] == "often" && one["key"]["user"] == "u";
    reported.iter().filter(is_of_u).filter(|one| one["kind"] == "firing").count()
}

#[test]
fn a_snapshot_knows_what_cannot_be_read_again() {
    let with = NodeLimits { snapshot_interval_ms: Some(MINUTE_MS), ..limits() };
    assert_eq!(reported_across_a_stop(with, |path| assert!(path.exists())), 1);
    // Without one nobody can know.
    assert_eq!(reported_across_a_stop(limits(), |path| assert!(!path.exists())), 0);
}

/// A snapshot is a cache: whatever is wrong with it, the service does what it does without.
#[test]
fn a_damaged_snapshot_is_as_good_as_none() {
    let with = NodeLimits { snapshot_interval_ms: Some(MINUTE_MS), ..limits() };
    let damaged = |path: &Path| {
        let mut bytes = std::fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(path, bytes).unwrap();
    };
    assert_eq!(reported_across_a_stop(with, damaged), 0);
}
