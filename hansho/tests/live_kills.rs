//! `kill -9` at drawn moments of a service at work: events come in by a file and by HTTP,
//! notifications go out by a webhook. In the end nothing is lost, nothing is invented, what
//! comes twice comes under the same id, and the record explains itself.
//!
//! Ten kills are an ordinary test. More of them are a command that prints what it counted:
//!
//! ```text
//! HANSHO_KILLS=200 HANSHO_SEED=1 cargo test -p hansho --test live_kills -- --ignored --nocapture
//! ```

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use common::{failures, hansho, rules};
use connectors::store::RowFile;
use model::time::{MINUTE_MS, Timestamp};
use oncall::engine::{IncidentEngine, OnCallRow, OnCallSettings};
use oncall::incident::{DeliveryState, Incident, IncidentState};
use oncall::outbox::OutboxLimits;
use oncall::route::{NotifyOn, Receiver as Person, RoutingTable};
use oncall::severity_set::SeveritySet;
use serde_json::Value;
use tests::generators::SplitMix;
use tests::recorder::{HttpRecorder, RecordedRequest};
use tests::seeds;
use tests::service::{ServiceHome, free_port, get, post_text};

/// Nothing is waited for longer.
const DEADLINE: Duration = Duration::from_secs(120);
/// An instant in the past, so that nothing here waits for a window to pass.
const START_MS: i64 = 1_767_225_600_000;
/// Rounds of events between two kills.
const ROUNDS: usize = 4;
/// Orders of a round.
const ORDERS: usize = 3;
/// Notifications after a restart before the next kill, at most.
const REPORTED_MAX: i64 = 24;
/// The one who is told.
const SINK: &str = "hook";

#[test]
fn ten_kills_lose_nothing_and_repeat_only_under_the_same_id() {
    println!("{}", KillScene::start(seeds::number("HANSHO_SEED").unwrap_or(1)).play(10));
}

#[test]
#[ignore = "takes minutes: see the command above"]
fn many_kills_lose_nothing_and_repeat_only_under_the_same_id() {
    let kills = seeds::number("HANSHO_KILLS").unwrap_or(200);
    println!("{}", KillScene::start(seeds::number("HANSHO_SEED").unwrap_or(1)).play(kills));
}

struct KillScene {
    service: ServiceHome,
    address: String,
    recorder: HttpRecorder,
    random: SplitMix,
    /// Allows the writer a round each.
    rounds: Sender<()>,
    writer: JoinHandle<WrittenFiles>,
}

/// Events written and posted.
struct WrittenFiles {
    rounds: usize,
    /// Of the posted lines each once, whatever was posted again.
    posted: String,
    /// Posts that were not answered with 200, and made again.
    posted_again: usize,
}

impl KillScene {
    fn start(seed: u64) -> KillScene {
        let recorder = HttpRecorder::start().expect("a server");
        let port = free_port().expect("a port");
        let config = format!(
            "rules = [{:?}]\nstate_dir = \"{{home}}/state\"\n\
             [api]\nlisten = \"127.0.0.1:{port}\"\n[limits]\nidle_timeout = \"1h\"\n\
             [streams.auth]\ntype = \"file\"\npath = \"{{home}}/auth.jsonl\"\n\
             [streams.shop]\ntype = \"http\"\n\
             [[sinks]]\nname = {SINK:?}\ntype = \"webhook\"\nallow_private = true\nurl = {:?}\n",
            rules("kills.rules").display(),
            recorder.url("/")
        );
        let mut service = ServiceHome::new(env!("CARGO_BIN_EXE_hansho")).expect("a home");
        let home = service.home().display().to_string();
        let path = service.home().join("hansho.toml");
        fs::write(&path, config.replace("{home}", &home)).expect("a configuration");
        let (address, log) = (format!("127.0.0.1:{port}"), service.home().join("auth.jsonl"));
        fs::write(&log, "").expect("a log");
        let (rounds, allowed) = channel();
        let to = address.clone();
        let writer = thread::spawn(move || write(&log, &to, &allowed));
        service.start(&["run", "--config", &path.display().to_string()]).expect("it starts");
        KillScene { service, address, recorder, random: SplitMix::new(seed), rounds, writer }
    }

    /// Kills the service so often, lets it come to an end, and counts.
    fn play(mut self, kills: u64) -> String {
        for kill in 0..kills {
            (0..ROUNDS).for_each(|_| self.rounds.send(()).expect("the writer writes"));
            self.wait_for_a_moment();
            self.service.kill9();
            self.check_store(&format!("kill {}", kill + 1));
            self.service.restart().expect("it starts again");
        }
        drop(self.rounds);
        let written = self.writer.join().expect("the writer ends");
        let wanted = wanted(self.service.home(), &written.posted);
        let (recorder, mut service) = (self.recorder, self.service);
        await_end(&service, &self.address, wanted.keys.len());
        service.terminate(DEADLINE).expect("it ends");

        assert_eq!(logged(service.home()), wanted.transitions, "the alert log is as replayed");
        let (repeated, joined) = check_reported(&recorder.requests(), &wanted.keys);
        let cases = read_store(&service).0;
        check_cases(&cases, &wanted.keys);
        check_auditor(&service);
        format!(
            "{kills} kills, {} rounds of events, {} posts tried again: {} alerts, {} settled \
             transitions, none lost, none twice in the log; {} notifications, of them {repeated} \
             again under the same id, {joined} alerts told by one message that was late",
            written.rounds,
            written.posted_again,
            wanted.keys.len(),
            wanted.transitions.len(),
            recorder.requests().len(),
        )
    }

    /// The next kill comes right after the start, after a commit, or among what is told; what
    /// draws it are counts, and some turns of this thread.
    fn wait_for_a_moment(&mut self) {
        let (lines, commits) = (self.service.lines().len(), self.commits());
        let (chance, more) = (self.random.within(0, 99), self.random.within(1, REPORTED_MAX));
        let more = usize::try_from(more).expect("a count");
        let reported = self.recorder.requests().len() + more;
        match chance {
            ..20 => self.wait_until(|it| it.service.lines().len() >= lines + more / 4),
            20..50 => self.wait_until(|it| it.commits() != commits),
            _ => assert!(self.recorder.wait_for(reported, DEADLINE).is_ok(), "{}", self.tail()),
        }
        (0..self.random.within(0, 300)).for_each(|_| thread::yield_now());
    }

    fn wait_until(&self, is_so: impl Fn(&KillScene) -> bool) {
        let begun = Instant::now();
        while !is_so(self) {
            assert!(begun.elapsed() < DEADLINE, "{}", self.tail());
            thread::park_timeout(Duration::from_millis(1));
        }
    }

    /// Last commit; none before the first.
    fn commits(&self) -> Vec<u8> {
        fs::read(self.service.home().join("state/commits")).unwrap_or_default()
    }

    fn tail(&self) -> String {
        let lines = self.service.lines();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// What a crash left on the disk explains itself.
    fn check_store(&self, when: &str) {
        let (_, desk) = read_store(&self.service);
        assert_eq!(desk.findings(now()), [], "{when}");
    }
}

/// Writes rounds as they are allowed, each a minute after the one before: twelve failures of a
/// new user in a file, and new orders by HTTP until they are taken.
fn write(log: &Path, address: &str, allowed: &Receiver<()>) -> WrittenFiles {
    let mut file = OpenOptions::new().append(true).open(log).expect("a log");
    let mut written = WrittenFiles { rounds: 0, posted: String::new(), posted_again: 0 };
    let minute = |round: usize| START_MS + i64::try_from(round).expect("a count") * MINUTE_MS;
    let order = |name: &str, at: i64| format!("{{\"ts\":{at},\"order\":\"{name}\"}}\n");
    while allowed.recv().is_ok() {
        let round = written.rounds;
        let lines = failures(&format!("u{round}"), (0..12).map(|n| minute(round) + n * 1_000));
        // A line may be there by half when the service looks, or dies.
        let (half, rest) = lines.split_at(lines.len() / 2);
        file.write_all(half.as_bytes()).expect("written");
        let orders = (0..ORDERS)
            .map(|n| format!("o{round}-{n}"))
            .zip(0..)
            .map(|(name, n): (String, i64)| order(&name, minute(round) + n * 1_000));
        post(address, &orders.collect::<String>(), &mut written);
        file.write_all(rest.as_bytes()).expect("written");
        written.rounds += 1;
    }
    // What makes all of it a matter of the past.
    file.write_all(failures("z", [minute(written.rounds + 9)]).as_bytes()).expect("written");
    post(address, &order("z", minute(written.rounds + 9)), &mut written);
    written
}

fn post(address: &str, lines: &str, written: &mut WrittenFiles) {
    let begun = Instant::now();
    while !matches!(post_text(address, "/ingest/shop", lines), Ok((200, _))) {
        assert!(begun.elapsed() < DEADLINE, "nobody takes {lines}");
        written.posted_again += 1;
        thread::park_timeout(Duration::from_millis(5));
    }
    written.posted += lines;
}

/// Expected notifications: the transitions that a replay of the same events settles, and of whom.
struct WantedLog {
    transitions: BTreeSet<String>,
    keys: BTreeSet<String>,
}

fn wanted(home: &Path, posted: &str) -> WantedLog {
    let shop = home.join("shop.jsonl");
    fs::write(&shop, posted).expect("what was posted");
    let arguments = [
        "replay".to_owned(),
        "--rules".to_owned(),
        rules("kills.rules").display().to_string(),
        "--input".to_owned(),
        format!("auth={}", home.join("auth.jsonl").display()),
        "--input".to_owned(),
        format!("shop={}", shop.display()),
    ];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let lines = hansho(&arguments, b"").ended(0).lines();
    let lines: Vec<&Value> = lines.iter().filter(|line| !is_last(line)).collect();
    let transitions: BTreeSet<String> = lines.iter().map(|line| transition(line)).collect();
    assert_eq!(transitions.len(), lines.len());
    let keys: BTreeSet<String> = lines.iter().map(|line| line["key"].to_string()).collect();
    assert_eq!(transitions.len(), 2 * keys.len(), "each fires and ends once");
    WantedLog { transitions, keys }
}

/// True when it is of the order that only makes time pass.
fn is_last(of: &Value) -> bool {
    of["key"]["order"] == "z"
}

fn transition(of: &Value) -> String {
    format!("{} {} {} {} {}", of["alert"], of["key"], of["kind"], of["at"], of["episode"])
}

/// The settled transitions of the alert log, none of them twice.
fn logged(home: &Path) -> BTreeSet<String> {
    let log = fs::read_to_string(home.join("state/alerts.jsonl")).expect("an alert log");
    let record = |line: &str| serde_json::from_str::<Value>(line).expect("JSON")["record"].take();
    let settled = |it: &Value| !it.is_null() && it["kind"] != "early" && !is_last(it);
    let records: Vec<Value> = log.lines().map(record).filter(settled).collect();
    let all: BTreeSet<String> = records.iter().map(transition).collect();
    assert_eq!(all.len(), records.len(), "a transition is logged twice");
    all
}

/// Waits until every alert is over and nothing is pending.
fn await_end(service: &ServiceHome, address: &str, alerts: usize) {
    let begun = Instant::now();
    loop {
        let status = get(address, "/api/v1/status").map(|(_, body)| body).unwrap_or_default();
        let status: Value = serde_json::from_str(&status).unwrap_or_default();
        let hook = &status["receivers"][0];
        if status["incidents"]["resolved"] == alerts && hook["pending"] == 0 {
            assert_eq!((&status["dead"], &status["incidents"]["firing"]), (&0.into(), &1.into()));
            return;
        }
        let log = service.lines();
        let tail = log[log.len().saturating_sub(20)..].join("\n");
        assert!(begun.elapsed() < DEADLINE, "{alerts} alerts, and {status}\n{tail}");
        thread::park_timeout(Duration::from_millis(20));
    }
}

/// Every alert's beginning and end was taken; what came twice has the same id and is the same.
/// How many came again, and how many alerts were over before their beginning could be told.
fn check_reported(requests: &[RecordedRequest], keys: &BTreeSet<String>) -> (usize, usize) {
    let mut bodies: BTreeMap<String, String> = BTreeMap::new();
    let mut reported: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    let mut is_late: BTreeSet<String> = BTreeSet::new();
    for request in requests {
        let text = request.text();
        let body: Value = serde_json::from_str(&text).expect("JSON");
        let id = body["id"].as_str().expect("an id").to_owned();
        assert_eq!(request.header("webhook-id"), Some(id.as_str()));
        assert_eq!(*bodies.entry(id.clone()).or_insert_with(|| text.clone()), text, "one id");
        if is_last(&body) {
            continue;
        }
        let (kind, key) = (body["kind"].as_str().expect("a kind"), body["key"].to_string());
        if !body["missed_at"].is_null() {
            is_late.insert(key.clone());
        }
        reported.entry((key, kind.to_owned())).or_default().insert(id);
    }
    let mut joined = 0;
    for key in keys {
        let ids =
            |kind: &str| reported.get(&(key.clone(), kind.to_owned())).map_or(0, BTreeSet::len);
        assert_eq!(ids("resolved"), 1, "the end of {key}");
        let is_joined = ids("firing") == 0 && is_late.contains(key);
        assert!(ids("firing") == 1 || is_joined, "the beginning of {key}: {}", ids("firing"));
        joined += usize::from(is_joined);
    }
    let kinds: BTreeSet<&str> = reported.keys().map(|(_, kind)| kind.as_str()).collect();
    assert!(kinds.is_subset(&BTreeSet::from(["firing", "resolved"])), "{kinds:?}");
    assert!(reported.keys().all(|(key, _)| keys.contains(key)), "something is invented");
    (requests.len() - bodies.len(), joined)
}

/// Of every alert there is one incident, which is over, and who was told of it has it.
fn check_cases(cases: &[Incident], keys: &BTreeSet<String>) {
    let key = |case: &Incident| {
        let (name, value) = &case.key[0];
        format!("{{{name:?}:\"{value}\"}}")
    };
    let of_test = cases.iter().filter(|case| key(case) != "{\"order\":\"z\"}");
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for case in of_test {
        assert!(seen.insert(key(case)), "two incidents of {}", key(case));
        assert_eq!(case.state, IncidentState::Resolved, "{}", key(case));
        assert!(matches!(case.receivers[SINK], DeliveryState::Delivered { .. }), "{case:?}");
    }
    assert_eq!(seen, *keys);
}

/// The auditor finds nothing, here and in any life of the service.
fn check_auditor(service: &ServiceHome) {
    let (_, desk) = read_store(service);
    assert_eq!(desk.findings(now()), []);
    let lines = service.lines();
    let said = lines.iter().find(|line| line.contains("contradicts itself"));
    assert_eq!(said, None);
}

/// The incidents that are written down, and a desk as a restart would make it of them.
fn read_store(service: &ServiceHome) -> (Vec<Incident>, IncidentEngine) {
    let path = copy_of(&service.home().join("state/oncall.redb"));
    let rows: Vec<OnCallRow> = match &path {
        None => Vec::new(),
        Some((_, path)) => {
            let rows = RowFile::open(path).and_then(|store| store.rows()).expect("rows");
            // The first byte is the version of the rest.
            let read = |(_, row): &(Vec<u8>, Vec<u8>)| serde_json::from_slice(&row[1..]);
            rows.iter().map(read).collect::<Result<_, _>>().expect("rows")
        }
    };
    let receiver = Person {
        name: SINK.to_owned(),
        severities: SeveritySet::ALL,
        on: NotifyOn::ALL,
        spacing_ms: 0,
        is_router: false,
        fallback: None,
    };
    let settings = OnCallSettings {
        routing: RoutingTable::to_all(vec![receiver]),
        ..OnCallSettings::default()
    };
    let mut desk = IncidentEngine::new(settings, OutboxLimits::default());
    desk.restore(rows.iter().cloned(), now());
    let case = |row| if let OnCallRow::Case(case) = row { Some(*case) } else { None };
    (rows.into_iter().filter_map(case).collect(), desk)
}

/// Reading mends what a crash left: the service is to do that by itself.
fn copy_of(path: &Path) -> Option<(tempfile::TempDir, PathBuf)> {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("oncall.redb");
    let is_there = fs::metadata(path).is_ok_and(|file| file.len() > 0);
    is_there.then(|| fs::copy(path, &copy).expect("a copy"))?;
    Some((folder, copy))
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp(i64::try_from(since.expect("a time").as_millis()).expect("a time"))
}
