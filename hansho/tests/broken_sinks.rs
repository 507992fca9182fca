//! A receiver that is broken, in each of the ways there are on the wire, delays nobody else:
//! the others hear everything, in order and once, while it has not taken anything yet.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use common::{failures, rules};
use serde_json::Value;
use tests::recorder::{HttpRecorder, RecordedRequest, RecorderAnswer};
use tests::service::{ServiceHome, free_port, get, post_text};

/// No scenario waits longer for anything.
const DEADLINE: Duration = Duration::from_secs(60);
/// An instant in the past, so that nothing here waits for a window to pass.
const START_MS: i64 = 1_767_225_600_000;
/// Incidents, each of which fires and ends.
const INCIDENTS: usize = 40;
/// The ways to be broken.
const FAULTS: [(&str, RecorderAnswer); 5] = [
    ("hang", RecorderAnswer::Hang),
    ("unauthorized", RecorderAnswer::Status(401)),
    ("error", RecorderAnswer::Status(500)),
    ("slow body", RecorderAnswer::Slow(500)),
    ("huge body", RecorderAnswer::Huge(500)),
];

#[test]
fn a_sink_broken_in_any_way_on_the_wire_delays_only_itself() {
    for fault in FAULTS {
        check(&[fault]);
    }
    check(&FAULTS);
}

fn check(faults: &[(&str, RecorderAnswer)]) {
    let good = HttpRecorder::start().expect("a server");
    let broken: Vec<(&str, HttpRecorder)> = faults
        .iter()
        .map(|(name, answer)| {
            let recorder = HttpRecorder::start().expect("a server");
            recorder.answer(answer.clone());
            (*name, recorder)
        })
        .collect();
    let sink = |name: &str, url: &str| {
        format!(
            "[[sinks]]\nname = {name:?}\ntype = \"webhook\"\nallow_private = true\nurl = {url:?}\n"
        )
    };
    // The broken ones come first: what is sent in turns is sent to them first.
    let mut sinks: String = broken.iter().map(|(name, it)| sink(name, &it.url("/"))).collect();
    sinks += &sink("good", &good.url("/"));
    let port = free_port().expect("a port");
    let config = format!(
        "rules = [{:?}]\nstate_dir = \"{{home}}/state\"\n[api]\nlisten = \"127.0.0.1:{port}\"\n\
         [streams.auth]\ntype = \"http\"\n{sinks}",
        rules("burst.rules").display()
    );
    let mut service = ServiceHome::run(env!("CARGO_BIN_EXE_hansho"), &config).expect("it starts");
    let address = format!("127.0.0.1:{port}");
    service.wait_for_ok(&address, "/readyz", DEADLINE).expect("it is ready");

    let minute = |minute: i64| START_MS + minute * 60_000;
    let users: Vec<String> = (0..INCIDENTS).map(|number| format!("u{number}")).collect();
    // In the order of their times: nobody's come late.
    let second = |n: i64| users.iter().map(move |user| failures(user, [minute(0) + n * 1_000]));
    let events = (0..12).flat_map(second).collect::<String>() + &failures("z", [minute(2)]);
    let taken = post_text(&address, "/ingest/auth", &events).expect("an answer");
    assert_eq!(taken.0, 200, "{}", taken.1);
    let reported = good.wait_for(INCIDENTS, DEADLINE).map_err(|reported| reported.len());
    assert_eq!(
        reported.map(|reported| reported.len()),
        Ok(INCIDENTS),
        "beginnings beside {faults:?}"
    );
    // And of the ends, while the others are as broken as before.
    let later = failures("z", [minute(9)]);
    assert_eq!(post_text(&address, "/ingest/auth", &later).expect("an answer").0, 200);
    let reported = good
        .wait_for(2 * INCIDENTS, DEADLINE)
        .map_err(|reported| reported.len())
        .unwrap_or_else(|reported| panic!("{reported} beside {faults:?}"));
    check_all(&reported, &users);

    for (name, recorder) in &broken {
        let asked = recorder.wait_for(1, DEADLINE).expect("the broken sink is asked");
        assert!(asked.iter().all(|request| request.answered != 200), "{name}");
        // Had the good one stood behind it, it would have been asked as often.
        assert!(asked.len() < INCIDENTS, "{name}: {}", asked.len());
    }
    // What the good one has taken is recorded a moment later.
    let begun = Instant::now();
    let pending = loop {
        let pending = pending_by_receiver(&address);
        if !pending.contains_key("good") {
            break pending;
        }
        assert!(begun.elapsed() < DEADLINE, "{pending:?}");
        thread::park_timeout(Duration::from_millis(20));
    };
    assert!(broken.iter().all(|(name, _)| pending[*name] >= INCIDENTS), "{pending:?}");
    assert_eq!(good.requests().len(), 2 * INCIDENTS, "nothing is told twice");
}

/// Number of notifications each receiver still has to be sent; none is given up.
fn pending_by_receiver(address: &str) -> BTreeMap<String, usize> {
    let (status, listed) = get(address, "/api/v1/notifications").expect("an answer");
    assert_eq!(status, 200);
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    assert_eq!(listed["dead"], Value::Array(Vec::new()), "nothing is given up");
    let mut pending = BTreeMap::new();
    for row in listed["pending"].as_array().expect("rows") {
        let receiver = row["receiver"].as_str().expect("a name").to_owned();
        *pending.entry(receiver).or_default() += 1;
    }
    pending
}

/// Each user's beginning, then the end, once.
fn check_all(reported: &[RecordedRequest], users: &[String]) {
    assert_eq!(reported.len(), 2 * users.len());
    let mut kinds: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for request in reported {
        let alert: Value = serde_json::from_str(&request.text()).expect("JSON");
        let user = alert["key"]["user.name"].as_str().expect("a user").to_owned();
        kinds.entry(user).or_default().push(alert["kind"].as_str().expect("a kind").to_owned());
    }
    assert_eq!(kinds.len(), users.len());
    assert!(kinds.values().all(|kinds| *kinds == ["firing", "resolved"]), "{kinds:?}");
}
