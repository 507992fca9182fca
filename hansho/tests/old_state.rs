//! A state directory of an older build opens and goes on, over `kill -9` too.
//!
//! `old_state/` holds what the build of commit `c25eea1` left when it was killed: its
//! configuration, its state, what its sink had got, and its own list of incidents. Two episodes
//! were over; of the open ones one was acknowledged, one settled, one only announced early. The
//! rules had been edited while it ran. The first two countries of alice stand in the state log
//! alone: that build had deleted the spool segment with their events. Its clock was set to
//! 2026-01-01, so that the folder is older than two days at each start and the alert log is made
//! shorter.
//!
//! `oncall.redb` is compressed here, the empty `lock` is left out, and the port stands as
//! `{port}`; all else is as it was. Nobody writes that folder anew: where a test here fails,
//! builds of today cannot take the place of older ones.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::{failures, hansho};
use flate2::read::GzDecoder;
use model::message::Language;
use model::meta::MetaAlert;
use model::time::Timestamp;
use serde_json::Value;
use tests::service::{ServiceHome, free_port, get, post_text};

/// No scenario waits longer for anything.
const DEADLINE: Duration = Duration::from_secs(60);

/// The instant at which the events of the older build begin.
const START_MS: i64 = 1_767_225_600_000;

/// The event time of a minute and second after the first event.
fn at(minute: i64, second: i64) -> i64 {
    START_MS + minute * 60_000 + second * 1_000
}

/// The folder that the older build left.
fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/old_state")
}

/// Copies a folder, and unpacks what is compressed in it.
fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else if path.extension().is_some_and(|extension| extension == "gz") {
            let mut packed = GzDecoder::new(File::open(&path).expect("a file"));
            let mut file = File::create(target.with_extension("")).expect("a file");
            io::copy(&mut packed, &mut file).expect("unpacked");
        } else {
            fs::copy(&path, &target).expect("a copy");
        }
    }
}

/// Whether a start finds the snapshot of the older build.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OldSnapshot {
    Kept,
    Lost,
}

/// Today's service on a copy of the old state directory.
struct SuccessorService {
    service: ServiceHome,
    port: u16,
}

impl SuccessorService {
    /// Starts it; `edit` changes the rules before.
    fn start(snapshot: OldSnapshot, edit: impl Fn(&str) -> String) -> SuccessorService {
        SuccessorService::start_after(snapshot, edit, |_| {})
    }

    /// As [`SuccessorService::start`]; `prepare` changes the folder before.
    fn start_after(
        snapshot: OldSnapshot,
        edit: impl Fn(&str) -> String,
        prepare: impl Fn(&Path),
    ) -> SuccessorService {
        let port = free_port().expect("a port");
        let mut service = ServiceHome::new(env!("CARGO_BIN_EXE_hansho")).expect("a home");
        copy_folder(&fixture(), service.home());
        if snapshot == OldSnapshot::Lost {
            fs::remove_file(service.home().join("state/snapshot")).expect("removed");
        }
        let rewrite = |name: &str, edit: &dyn Fn(&str) -> String| {
            let path = service.home().join(name);
            let before = fs::read_to_string(&path).expect("a file");
            fs::write(&path, edit(&before)).expect("written");
        };
        rewrite("auth.rules", &edit);
        rewrite("hansho.toml", &|config| config.replace("{port}", &port.to_string()));
        prepare(service.home());
        service.start(&["run", "--config", "hansho.toml"]).expect("it starts");
        let mut successor = SuccessorService { service, port };
        successor.wait_until_ready();
        successor
    }

    fn wait_until_ready(&mut self) {
        let address = format!("127.0.0.1:{}", self.port);
        self.service.wait_for_ok(&address, "/readyz", DEADLINE).expect("it is ready");
    }

    fn kill9_and_restart(&mut self) {
        self.service.kill9();
        self.service.restart().expect("it starts again");
        self.wait_until_ready();
    }

    fn post(&self, lines: &str) {
        let address = format!("127.0.0.1:{}", self.port);
        let answer = post_text(&address, "/ingest/auth", lines).expect("an answer");
        assert_eq!(answer.0, 200, "{}", answer.1);
    }

    /// The incidents in these states, as the command line lists them.
    fn incidents(&self, states: &str) -> Vec<Value> {
        let server = format!("http://127.0.0.1:{}", self.port);
        let command = ["incident", "list", "--state", states, "-o", "json", "--server", &server];
        incidents_of(&hansho(&command, b"").ended(0).out)
    }

    /// Number of events read since the last start.
    fn events_read(&self) -> u64 {
        let page = get(&format!("127.0.0.1:{}", self.port), "/metrics").expect("a page").1;
        let line = page.lines().find_map(|line| line.strip_prefix("hansho_events_read_total "));
        line.expect("a figure").parse().expect("a number")
    }

    fn sink_text(&self) -> String {
        fs::read_to_string(self.service.home().join("told.jsonl")).expect("a file of a sink")
    }

    /// Waits until the sink got notifications with these messages, and that is on record.
    fn wait_for_notifications(&self, kind: &str, messages: &[&str]) {
        let deadline = Instant::now() + DEADLINE;
        let is_there = |message: &&str| {
            let is_of = |it: &Value| it["kind"] == kind && it["message"] == **message;
            let found = lines(&self.sink_text()).into_iter().find(is_of);
            found.is_some_and(|it| self.is_on_record(&it))
        };
        while !messages.iter().all(is_there) {
            let log = self.service.lines().join("\n");
            assert!(Instant::now() < deadline, "no {kind} of {messages:?} in\n{log}");
            let _ = self.service.wait_for_line("never written", Duration::from_millis(20));
        }
    }

    /// True when the history of the incident says that the sink got this notification.
    fn is_on_record(&self, notification: &Value) -> bool {
        let id = text(notification, "incident");
        let server = format!("http://127.0.0.1:{}", self.port);
        let shown = hansho(&["incident", "show", &id, "--lang", "en", "--server", &server], b"");
        shown.ended(0).out.contains(&format!("notified: pager {}", text(notification, "kind")))
    }
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn text(of: &Value, name: &str) -> String {
    of[name].as_str().unwrap_or_else(|| panic!("no text `{name}` in {of}")).to_owned()
}

/// A login of alice that succeeds, from a country.
fn login(country: &str, at: i64) -> String {
    format!(
        "{{\"ts\":{at},\"action\":\"login\",\"outcome\":\"success\",\
         \"user\":{{\"name\":\"alice\"}},\"country\":\"{country}\"}}\n"
    )
}

/// An event of nobody who is watched: time passes.
fn time_passes(at: i64) -> String {
    failures("clock", [at])
}

/// The incidents of a list in JSON.
fn incidents_of(list: &str) -> Vec<Value> {
    let mut answer: Value = serde_json::from_str(list).expect("JSON");
    serde_json::from_value(answer["incidents"].take()).expect("incidents")
}

/// The incidents that the older build listed, in these states.
fn old_incidents(states: &[&str]) -> Vec<Value> {
    let list = fs::read_to_string(fixture().join("incidents.json")).expect("a list");
    let mut incidents = incidents_of(&list);
    incidents.retain(|it| states.contains(&text(it, "state").as_str()));
    assert!(!incidents.is_empty());
    incidents
}

fn ids(incidents: &[Value]) -> BTreeSet<String> {
    incidents.iter().map(|incident| text(incident, "id")).collect()
}

/// The incident of an alert and user, which is one.
fn incident_of(incidents: &[Value], alert: &str, user: &str) -> Value {
    let is_of = |it: &&Value| it["alert"] == alert && it["key"]["user.name"] == user;
    let found: Vec<&Value> = incidents.iter().filter(is_of).collect();
    let [incident] = found.as_slice() else { panic!("{found:?}") };
    (*incident).clone()
}

/// That the log holds no transition twice, and numbers that rise.
fn check_alert_log(home: &Path) {
    let log = fs::read_to_string(home.join("state/alerts.jsonl")).expect("an alert log");
    let records: Vec<Value> =
        lines(&log).into_iter().filter(|line| !line["sequence"].is_null()).collect();
    let numbers: Vec<u64> = records.iter().map(|it| it["sequence"].as_u64().unwrap()).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{log}");
    let transitions: Vec<String> = records
        .iter()
        .map(|it| {
            let record = &it["record"];
            format!("{} {} {}", record["kind"], record["step"], record["episode"])
        })
        .collect();
    let distinct: BTreeSet<&String> = transitions.iter().collect();
    assert_eq!(distinct.len(), transitions.len(), "{log}");
}

/// That the sink got what it had, and beyond it these kinds of these messages, each once.
fn check_sink(successor: &SuccessorService, beyond: &[(&str, &str)]) {
    let old = fs::read_to_string(fixture().join("told.jsonl")).expect("what a sink had got");
    let now = successor.sink_text();
    let new = lines(now.strip_prefix(&old).expect("what it had got stays"));
    let mut got: Vec<(String, String)> =
        new.iter().map(|it| (text(it, "kind"), text(it, "message"))).collect();
    let mut wanted: Vec<(String, String)> =
        beyond.iter().map(|(kind, message)| ((*kind).to_owned(), (*message).to_owned())).collect();
    got.sort();
    wanted.sort();
    assert_eq!(got, wanted, "{}", successor.service.lines().join("\n"));
}

/// That what the older build had open is open still, as it was.
fn check_open_as_before(successor: &SuccessorService) {
    let open = ["firing", "acknowledged"];
    let (old, new) = (old_incidents(&open), successor.incidents(&open.join(",")));
    assert_eq!(ids(&new), ids(&old));
    for name in ["alert", "key", "severity", "state", "owner", "since", "phase", "times", "text"] {
        for incident in &old {
            let id = text(incident, "id");
            let same = new.iter().find(|it| text(it, "id") == id).expect("it is open");
            assert_eq!(same[name], incident[name], "{name} of {id}");
        }
    }
}

/// Number of records that the commit of the older build says to replay.
fn records_to_replay() -> u64 {
    committed_records() - number_in_commit("replay_from=")
}

/// Number of records that the older build had read and committed.
fn committed_records() -> u64 {
    number_in_commit("position=")
}

fn number_in_commit(name: &str) -> u64 {
    let commits = fs::read_to_string(fixture().join("state/commits")).expect("commits");
    let found = commits.split_whitespace().find_map(|word| word.strip_prefix(name));
    found.expect("a field").parse().expect("a number")
}

fn check_successor(snapshot: OldSnapshot) {
    let mut successor = SuccessorService::start(snapshot, str::to_owned);
    check_open_as_before(&successor);
    if snapshot == OldSnapshot::Lost {
        // Hashes of rules are of the names in this build: the commit counts as one of other rules,
        // and what is replayed begins by time, one horizon before what is settled.
        let read = successor.events_read();
        assert!(read >= records_to_replay() && read < committed_records(), "{read} events read");
    }
    check_sink(&successor, &[]);
    successor.kill9_and_restart();
    check_open_as_before(&successor);

    // A value from long before, which the state log alone remembers, and a new one.
    let france = login("FR", at(155, 0));
    successor.post(&[france, login("US", at(155, 1)), time_passes(at(156, 0))].concat());
    successor.wait_for_notifications("resolved", &["alice: first login from DE"]);
    successor.wait_for_notifications("firing", &["alice: first login from US"]);
    let first =
        [("resolved", "alice: first login from DE"), ("firing", "alice: first login from US")];
    check_sink(&successor, &first);
    let before = successor.incidents("firing,acknowledged");
    successor.kill9_and_restart();
    assert_eq!(successor.incidents("firing,acknowledged"), before);

    // What the older build knew, what this one learned before it was killed, and a new value.
    let known = login("FR", at(158, 0)) + &login("DE", at(158, 1)) + &login("US", at(158, 2));
    successor.post(&[known, login("IT", at(158, 3)), time_passes(at(200, 0))].concat());
    successor.wait_for_notifications("firing", &["alice: first login from IT"]);
    let logins = ["alice: first login from US", "alice: first login from IT"];
    successor.wait_for_notifications("resolved", &logins);
    successor.wait_for_notifications("resolved", &["held: 0 failures", "early: 0 failures"]);
    successor.kill9_and_restart();

    // The last of all: whatever would come twice has come when this is there.
    successor.post(&(login("ES", at(201, 0)) + &time_passes(at(203, 0))));
    successor.wait_for_notifications("resolved", &["alice: first login from ES"]);
    let rest = [
        ("resolved", "alice: first login from US"),
        ("firing", "alice: first login from IT"),
        ("resolved", "alice: first login from IT"),
        ("resolved", "held: 0 failures"),
        ("resolved", "early: 0 failures"),
        ("firing", "alice: first login from ES"),
        ("resolved", "alice: first login from ES"),
    ];
    check_sink(&successor, &[&first[..], &rest[..]].concat());
    check_alert_log(successor.service.home());

    // Each episode ended under the id under which it began.
    assert!(successor.incidents("firing,acknowledged").is_empty());
    let ended = successor.incidents("resolved");
    let old = old_incidents(&["firing", "acknowledged", "resolved"]);
    assert!(ids(&ended).is_superset(&ids(&old)));
    assert_eq!(ended.len(), old.len() + 3);
    for user in ["ended", "held", "early"] {
        let (old, new) = (incident_of(&old, "burst", user), incident_of(&ended, "burst", user));
        assert_eq!((&new["id"], &new["owner"]), (&old["id"], &old["owner"]));
    }
}

#[test]
fn a_state_directory_of_an_older_build_resumes() {
    check_successor(OldSnapshot::Kept);
}

#[test]
fn a_state_directory_of_an_older_build_resumes_without_its_snapshot() {
    check_successor(OldSnapshot::Lost);
}

/// The rules that were in force are known from the older build: an alert that is gone since ends
/// what it had open.
#[test]
fn rules_edited_between_two_builds_end_what_is_gone() {
    let without_burst = |rules: &str| {
        let (head, rest) = rules.split_once("alert burst").expect("the alert");
        let (_, tail) = rest.split_once("}\n\n").expect("its end");
        format!("{head}{tail}")
    };
    let mut successor = SuccessorService::start(OldSnapshot::Lost, without_burst);
    // Of what was only announced early nothing but its end is known.
    successor.wait_for_notifications("resolved", &["held: - failures", ""]);
    successor.kill9_and_restart();
    let france = login("FR", at(155, 0));
    successor.post(&[france, login("US", at(155, 1)), time_passes(at(200, 0))].concat());
    successor.wait_for_notifications("resolved", &["alice: first login from US"]);
    let beyond = [
        ("resolved", "held: - failures"),
        ("resolved", ""),
        ("resolved", "alice: first login from DE"),
        ("firing", "alice: first login from US"),
        ("resolved", "alice: first login from US"),
    ];
    check_sink(&successor, &beyond);
    check_alert_log(successor.service.home());
    let (old, ended) =
        (old_incidents(&["firing", "acknowledged"]), successor.incidents("resolved"));
    for user in ["held", "early"] {
        let (old, new) = (incident_of(&old, "burst", user), incident_of(&ended, "burst", user));
        assert_eq!((&new["id"], &new["reason"]), (&old["id"], &Value::from("rule changed")));
    }
}

/// The id of an alert of the service about itself that an older build left open.
const META_EPISODE: &str = "000000000000000000000000000000ab";

/// Appends what an older build wrote when it gave up a notification, and lets such alerts end
/// after a second.
fn leave_meta_alert_open(home: &Path) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
    let now = i64::try_from(now.as_millis()).expect("milliseconds");
    let at = Timestamp(now - 5_000);
    let line = format!(
        "{{\"sequence\":9,\"detected_ms\":{now},\"record\":{{\"kind\":\"meta\",\
         \"alert\":\"hansho.undelivered\",\"severity\":\"high\",\"level\":2,\
         \"key\":{{\"sink\":\"pager\"}},\"at\":\"{at}\",\"since\":\"{at}\",\"value\":null,\
         \"threshold\":null,\"episode\":\"{META_EPISODE}\",\"message\":\"pager: given up\",\
         \"count\":0,\"key_bytes\":\"01050000007061676572\",\"version\":1,\"step\":\"firing\"}}}}\n"
    );
    let path = home.join("state/alerts.jsonl");
    let log = fs::read_to_string(&path).expect("an alert log");
    fs::write(&path, log + &line).expect("written");
    let path = home.join("hansho.toml");
    let config = fs::read_to_string(&path).expect("a configuration");
    let limits = "[limits]\nself_alert_resolve_after = \"1s\"";
    fs::write(&path, config.replace("[limits]", limits)).expect("written");
}

#[test]
fn an_alert_open_under_a_former_name_ends_under_the_current_one() {
    let alert = MetaAlert::NotificationDropped { sink: "pager".to_owned() };
    let mut successor =
        SuccessorService::start_after(OldSnapshot::Lost, str::to_owned, leave_meta_alert_open);
    successor.wait_for_notifications("firing", &["pager: given up"]);
    let ended = format!("resolved: pager: {}", alert.reading(Language::En));
    successor.wait_for_notifications("resolved", &[&ended]);
    for _ in 0..2 {
        let of_service = |incident: &Value| text(incident, "alert").starts_with("hansho.");
        let open = successor.incidents("firing,acknowledged");
        assert!(!open.iter().any(of_service), "{open:?}");
        let all = successor.incidents("resolved");
        let all: Vec<&Value> = all.iter().filter(|it| of_service(it)).collect();
        let [incident] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!(text(incident, "alert"), alert.name());
        assert_eq!(text(incident, "id"), META_EPISODE);
        successor.kill9_and_restart();
    }
    check_sink(&successor, &[("firing", "pager: given up"), ("resolved", &ended)]);
    check_alert_log(successor.service.home());
}
