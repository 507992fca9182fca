//! `hansho check --against`: what recorded events say of rules.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Output};

const STREAM: &str = "stream m { at: time, host: str, load: percent(0..1) } lateness 5s\n";

/// Two hosts tell their load every 61 s for two hours; of the first `late` events a copy comes
/// a minute and a half behind its time.
fn events(late: usize) -> String {
    let mut lines = String::new();
    for at in 0..118 {
        let second = at * 61;
        let stamp = |second: i64| {
            let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
            format!("2026-01-05T{hour:02}:{minute:02}:{second:02}Z")
        };
        for host in ["a", "b"] {
            let time = stamp(second);
            writeln!(lines, r#"{{"at":"{time}","host":"{host}","load":0.95}}"#).unwrap();
        }
        if (5..5 + late as i64).contains(&at) {
            let time = stamp(second - 90);
            writeln!(lines, r#"{{"at":"{time}","host":"a","load":0.95}}"#).unwrap();
        }
    }
    lines
}

fn check(folder: &Path, rules: &str, late: usize) -> Output {
    std::fs::write(folder.join("x.rules"), format!("{STREAM}{rules}")).unwrap();
    std::fs::write(folder.join("m.jsonl"), events(late)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hansho"));
    let arguments = ["--lang", "en", "check", "x.rules", "--against", "m=m.jsonl"];
    command.args(arguments).current_dir(folder).output().expect("the binary runs")
}

/// Code and line of every finding.
fn found(output: &Output) -> Vec<String> {
    let reported = String::from_utf8(output.stdout.clone()).unwrap();
    let codes =
        reported.lines().filter_map(|line| line.strip_prefix("warning[")?.split(']').next());
    let places =
        reported.lines().filter_map(|line| line.strip_prefix(" --> x.rules:")?.split(':').next());
    codes.zip(places).map(|(code, line)| format!("{code}:{line}")).collect()
}

#[test]
fn bad_rules_are_found_and_good_ones_are_not() {
    let cases: [(&str, usize, &[&str]); 10] = [
        ("filter none = m where host == \"c\"\nalert x none 3回/分 high", 0, &["W0201:2"]),
        ("filter one = m where host == \"a\"\nalert x one 3回/分 high", 0, &[]),
        ("alert x last(m.load) > 90% within 3m by host high", 0, &["W0202:2"]),
        ("alert x last(m.load) > 96% within 3m by host high", 0, &[]),
        ("alert x m >= 3 within 5m high", 0, &["W0202:2"]),
        ("alert x avg(m.load) > 99% within 1m by host high", 0, &["W0203:2"]),
        ("alert x avg(m.load) > 99% within 3m by host high", 0, &[]),
        ("alert x absent m within 1m by host seen 1d high", 0, &["W0203:2"]),
        ("alert x m 30回/分 high", 3, &["W0204:1"]),
        ("alert x m 30回/分 high", 2, &[]),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (rules, late, want) in cases {
        let output = check(folder.path(), rules, late);
        assert_eq!(found(&output), want, "{rules}\n{output:?}");
        assert_eq!(output.status.code(), Some(0), "{rules}");
    }
}

/// The advice, followed, is silent: a `lateness` of what it says lets the late ones count.
#[test]
fn the_advice_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let output = check(folder.path(), "alert x m 30回/分 high", 9);
    let reported = String::from_utf8(output.stdout).unwrap();
    let advice = reported.split('`').find(|part| part.starts_with("lateness 9")).expect(&reported);
    let rules = format!("{}{}", STREAM.replace("lateness 5s", advice), "alert x m 30回/分 high");
    std::fs::write(folder.path().join("y.rules"), rules).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hansho"));
    let again = ["--lang", "en", "check", "y.rules", "--against", "m.jsonl"];
    let output = command.args(again).current_dir(folder.path()).output().unwrap();
    assert!(found(&output).is_empty() && output.status.success(), "{output:?}");
}

#[test]
fn rules_with_errors_are_reported_first_and_a_missing_file_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let output = check(folder.path(), "alert x nothing 3回/分 high", 0);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--against waits"));
    std::fs::write(folder.path().join("z.rules"), format!("{STREAM}alert x m 3回/分 high"))
        .unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hansho"));
    let arguments = ["check", "z.rules", "--against", "m=gone.jsonl"];
    let output = command.args(arguments).current_dir(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("gone.jsonl"));
}

/// 1,200 requests of ten users in twenty minutes; each has an id of its own.
#[test]
fn keys_that_hardly_repeat_or_outgrow_their_limit_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let mut lines = String::new();
    for at in 0..1200 {
        let (minute, second, user) = (at / 60, at % 60, at % 10);
        let time = format!("2026-01-05T00:{minute:02}:{second:02}Z");
        writeln!(lines, r#"{{"at":"{time}","user":"u{user}","request":"r{at}"}}"#).unwrap();
    }
    std::fs::write(folder.path().join("w.jsonl"), lines).unwrap();
    let cases: [(&str, &[&str]); 8] = [
        ("w >= 900 within 5m by user", &[]),
        ("w >= 900 within 5m by request", &["W0205:2"]),
        ("w >= 900 within 5m by user, request", &["W0205:2"]),
        ("w >= 900 within 5m by request limit 400 keys", &[]),
        // 300 come within 5 minutes.
        ("w >= 900 within 5m by request limit 299 keys", &["W0205:2"]),
        ("w >= 900 within 5m by user limit 10 keys", &[]),
        ("w >= 900 within 5m by user limit 9 keys", &["W0205:2"]),
        ("w then not w within 5m by request limit 9 keys", &[]),
    ];
    for (trigger, want) in cases {
        let stream = "stream w { at: time, user: str, request: str }";
        let rules = format!("{stream}\nalert x {trigger} high");
        std::fs::write(folder.path().join("x.rules"), rules).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_hansho"));
        let arguments = ["--lang", "en", "check", "x.rules", "--against", "w=w.jsonl"];
        let output = command.args(arguments).current_dir(folder.path()).output().unwrap();
        let reported: Vec<String> =
            found(&output).into_iter().filter(|code| code.starts_with("W0205")).collect();
        assert_eq!(reported, want, "{trigger}\n{output:?}");
    }
}
