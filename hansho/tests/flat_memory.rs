//! A day of traffic, an hour of it at a time: what has passed takes no memory.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

/// Midnight of 2026-01-05 in UTC.
const START_S: i64 = 1_767_571_200;
/// Milliseconds between two events: some 620,000 in a day.
const EVERY_MS: i64 = 140;

const STREAM: &str = "\
stream m { at: time(\"unix_ms\"), host: str, user: str, n: float } lateness 5s
filter bad = m where n > 90
";

/// Windows of every kind over keys that come and go, and memories that forget within an hour.
const ALL: &str = "\
alert burst bad 10回/分 by user critical
alert slow p95(m.n) > 99 within 5m by host high
alert mean avg(m.n) > 95 within 30m by host medium
alert many distinct(m.user) > 500 within 10m by host medium
alert shares ratio(bad, m) > 50% within 10m min 20 by host medium
alert quiet absent m within 2m by user seen 20m low
alert fresh new user in m within 20m by host learn 1m low
alert steps bad then bad within 1m by user low
";

/// Rules that look back a minute only: nothing else may keep more.
const SHORT: &str = "\
alert burst bad 10回/分 by user critical
alert steps bad then bad within 1m by user low
";

/// Half the users are of the hour only, and gone after it.
fn hour_of(hour: i64) -> String {
    let mut lines = String::new();
    let mut draw = hour as u64 + 1;
    let mut random = |below: u64| {
        draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (draw >> 33) % below
    };
    for at in 0..3_600_000 / EVERY_MS {
        let ms = (START_S + hour * 3_600) * 1_000 + at * EVERY_MS;
        let user = match random(2) {
            0 => format!("u{}", random(50)),
            _ => format!("h{hour}-{}", at / 20),
        };
        let (host, n) = (random(8), random(100));
        writeln!(lines, r#"{{"at":{ms},"host":"w{host}","user":"{user}","n":{n}}}"#).unwrap();
    }
    lines
}

/// Resident memory of the process, in KiB.
fn resident_kib(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").trim().parse().expect("a number")
}

#[test]
fn a_day_takes_no_more_memory_than_its_first_hours() {
    for alerts in [ALL, SHORT] {
        let hours = memory_by_hour(alerts);
        println!("KiB by the hour: {hours:?}");
        // What an allocator holds back comes and goes by a fifth; all events of a day would be as
        // much again as the process takes.
        let (first, rest) = hours.split_at(hours.len() / 2);
        let (first, most) = (first.iter().max().unwrap(), rest.iter().max().unwrap());
        assert!(*most <= first + first / 4, "{hours:?}");
    }
}

fn memory_by_hour(alerts: &str) -> Vec<u64> {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = folder.path().join("day.rules");
    std::fs::write(&rules, format!("{STREAM}{alerts}")).expect("rules");
    let mut child = Command::new(env!("CARGO_BIN_EXE_hansho"))
        .args(["--lang", "en", "replay", "--input", "m=-", "--rules"])
        .arg(&rules)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let reported = BufReader::new(child.stdout.take().expect("an output"));
    let reported = std::thread::spawn(move || reported.lines().count());
    let mut input = child.stdin.take().expect("an input");
    let mut hours = Vec::new();
    for hour in 0..24 {
        // A pipe holds 64 KiB: when all is written, all but the last minutes of it are read.
        input.write_all(hour_of(hour).as_bytes()).expect("it reads");
        hours.push(resident_kib(&child));
    }
    drop(input);
    assert!(child.wait().expect("it ends").success());
    assert!(reported.join().expect("a count") > 1_000, "alerts come and go all day");
    hours
}
