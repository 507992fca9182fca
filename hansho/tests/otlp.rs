//! Exports of an OpenTelemetry Collector, through the binary: many events in one record.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod common;

use common::{CommandOutput, hansho, real_logs, rules};
use serde_json::{Value, json};

/// 2026-01-01T00:00:00Z.
const NEW_YEAR_S: i64 = 1_767_225_600;

/// A failed login of a user at a second of the year.
fn failure(user: &str, second: i64) -> Value {
    json!({
        "timeUnixNano": format!("{}000000000", NEW_YEAR_S + second),
        "severityNumber": 13,
        "body": {"stringValue": "login failed"},
        "attributes": [
            {"key": "event.outcome", "value": {"stringValue": "failure"}},
            {"key": "user.name", "value": {"stringValue": user}},
        ],
    })
}

/// A line with a request: for each service its log records.
fn request(services: &[(&str, Vec<Value>)]) -> String {
    let resources = services.iter().map(|(service, records)| {
        let name = json!({"key": "service.name", "value": {"stringValue": service}});
        json!({
            "resource": {"attributes": [name]},
            "scopeLogs": [{"logRecords": records}],
        })
    });
    json!({"resourceLogs": resources.collect::<Vec<_>>()}).to_string() + "\n"
}

fn replay(input: &str, more: &[&str]) -> CommandOutput {
    let otlp = rules("otlp.rules");
    let path = otlp.to_str().expect("a path in UTF-8");
    let arguments = [&["replay", "--rules", path, "--input", "-"], more].concat();
    hansho(&arguments, input.as_bytes()).ended(0)
}

fn seconds(of: std::ops::Range<i64>) -> Vec<Value> {
    of.map(|n| failure("a", n * 6)).collect()
}

fn summary(said: &CommandOutput) -> Value {
    let line = said.err.lines().last().expect("a summary");
    serde_json::from_str(line).expect("a summary in JSON")
}

#[test]
fn every_log_record_of_a_request_is_an_event() {
    let other = vec![failure("a", 1), failure("a", 2)];
    let input = request(&[("login", seconds(0..6)), ("web", other)])
        + &request(&[("login", vec![])])
        + &request(&[("login", seconds(6..10)), ("login", vec![failure("b", 54)])]);
    for workers in ["1", "2"] {
        let said = replay(&input, &["--summary", "json", "--workers", workers]);
        let reported = said.lines();
        assert_eq!(reported.len(), 1, "{}", said.out);
        assert_eq!(reported[0]["message"], "a: 認証失敗 10回/分");
        assert_eq!(
            (&reported[0]["since"], &reported[0]["value"]),
            (&json!("2026-01-01T00:00:54Z"), &json!(10))
        );
        let summary = summary(&said);
        assert_eq!(summary["events"], 13, "{summary}");
        // Those of the other service came after the first thirty seconds of this one.
        assert_eq!(summary["late_dropped"], 2, "{summary}");
        assert_eq!(summary["undecodable"], 0, "{summary}");
    }
}

#[test]
fn a_request_counts_wholly_or_not_at_all() {
    let timeless = json!({"severityNumber": 13});
    let mut broken = failure("a", 30);
    broken["attributes"][1]["value"] = json!({"stringValue": 5});
    let lost = [timeless, broken].map(|last| {
        let mut records = seconds(5..8);
        records.push(last);
        request(&[("web", vec![]), ("login", records)])
    });
    let input = request(&[("login", seconds(0..5))]) + &lost.concat();
    let said =
        replay(&(input.clone() + &request(&[("login", seconds(8..12))])), &["--summary", "json"]);
    assert!(said.lines().is_empty(), "{}", said.out);
    let place = "resourceLogs[1].scopeLogs[0].logRecords[3]";
    for reason in [
        format!("<stdin>:2: {place}: no time: `time` is missing"),
        format!("{place}.attributes[1].value.stringValue: not OTLP: expected a text"),
    ] {
        assert!(said.err.contains(&reason), "{reason} is not in {}", said.err);
    }
    let summary = summary(&said);
    assert_eq!((&summary["events"], &summary["undecodable"]), (&json!(9), &json!(2)));
    let whole = replay(&(input + &request(&[("login", seconds(5..10))])), &[]);
    assert_eq!(whole.lines().len(), 1, "{}", whole.out);
}

#[test]
fn the_codec_of_all_three_is_refused_with_their_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.rules");
    std::fs::write(&path, "stream s { time: time } codec otlp\n").expect("a file");
    let said = hansho(&["check", path.to_str().expect("a path in UTF-8")], b"").ended(1);
    let all = said.out + &said.err;
    for name in ["E0108", "`codec otlp_logs`", "`codec otlp_metrics`", "`codec otlp_spans`"] {
        assert!(all.contains(name), "{all}");
    }
}

/// OpenTelemetry's own examples are no part of this repository.
#[test]
#[ignore = "needs real logs: set HANSHO_DATA"]
fn the_examples_of_opentelemetry_fire() {
    let folder = real_logs("otlp");
    let rules = r#"
        stream logs { time: time, body: str, service: str = "resource.service.name" }
          codec otlp_logs
        stream metrics { time: time, name: str, value: float, max: float } codec otlp_metrics
        stream spans { time: time, name: str, kind: int, duration: duration(ns) } codec otlp_spans
        filter 例 = logs where body contains "Example" and service == "my.service"
        alert ログ any 例 low
        alert 値 max(metrics.value) >= 10 within 1m by name low
        alert 最大 max(metrics.max) >= 2 within 1m by name low
        alert 所要 max(spans.duration) >= 1s within 1m by name low
    "#;
    let home = tempfile::tempdir().expect("a folder");
    let path = home.path().join("x.rules");
    std::fs::write(&path, rules).expect("a file");
    let mut arguments = vec!["replay".to_owned(), "--rules".to_owned(), path.display().to_string()];
    for (stream, file) in [
        ("logs", "logs.json"),
        ("logs", "events.json"),
        ("metrics", "metrics.json"),
        ("spans", "trace.json"),
    ] {
        // A record of a file is a line.
        let pretty = std::fs::read_to_string(folder.join(file)).expect("an example");
        let value: Value = serde_json::from_str(&pretty).expect("JSON");
        let line = home.path().join(file);
        std::fs::write(&line, value.to_string()).expect("a file");
        arguments.extend(["--input".to_owned(), format!("{stream}={}", line.display())]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let said = hansho(&arguments, b"").ended(0);
    let mut reported: Vec<String> = said
        .lines()
        .iter()
        .map(|line| format!("{} {} {}", line["alert"], line["key"], line["value"]))
        .collect();
    reported.sort();
    let want = [
        r#""ログ" {} null"#,
        r#""値" {"name":"my.gauge"} 10"#,
        r#""所要" {"name":"I'm a server span"} 1"#,
        r#""最大" {"name":"my.exponential.histogram"} 5"#,
        r#""最大" {"name":"my.histogram"} 2"#,
    ];
    assert_eq!(reported, want, "{}", said.err);
}
