//! The contract of `hansho replay`, to the letter, and what bad input comes to.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod common;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use common::{CommandOutput, failures, hansho, rules};
use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use tempfile::TempDir;

/// 2026-01-01T00:00:00Z.
const NEW_YEAR_MS: i64 = 1_767_225_600_000;

/// A file under the folder.
fn file(folder: &TempDir, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, bytes).expect("a file");
    path
}

fn shown(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn replay(rules: &Path, inputs: &[&str], more: &[&str], stdin: &[u8]) -> CommandOutput {
    let mut arguments = vec!["replay", "--rules", shown(rules)];
    inputs.iter().for_each(|input| arguments.extend(["--input", input]));
    arguments.extend(more);
    hansho(&arguments, stdin)
}

/// Ten failures, one each six seconds, and a quiet two minutes.
fn a_burst() -> String {
    let times = (0..10).map(|n| NEW_YEAR_MS + n * 6_000);
    failures("a", times) + &failures("z", [NEW_YEAR_MS + 180_000])
}

#[test]
fn a_line_has_the_contracts_members_in_their_order() {
    let said = replay(&rules("burst.rules"), &["-"], &[], a_burst().as_bytes()).ended(0);
    let episode = said.lines()[0]["episode"].as_str().expect("an id").to_owned();
    let firing = concat!(
        r#"{"kind":"firing","alert":"認証失敗多発","severity":"critical","level":1,"#,
        r#""key":{"user.name":"a"},"at":"2026-01-01T00:00:54Z","#,
        r#""since":"2026-01-01T00:00:54Z","value":10,"threshold":10,"#,
        r#""episode":"ID","message":"a: 認証失敗 10回/分"}"#,
    );
    // False from 00:01:00, when the first of the ten is a minute old; kept for one window.
    let resolved = concat!(
        r#"{"kind":"resolved","alert":"認証失敗多発","severity":"critical","#,
        r#""level":1,"key":{"user.name":"a"},"at":"2026-01-01T00:02:00Z","#,
        r#""since":"2026-01-01T00:00:54Z","value":0,"threshold":10,"peak":10,"#,
        r#""reason":"cleared","episode":"ID","message":"a: 認証失敗 0回/分"}"#,
    );
    let want = format!("{firing}\n{resolved}\n").replace("ID", &episode);
    assert_eq!(said.out, want);
}

#[test]
fn times_show_milliseconds_where_there_are_some() {
    let input = failures("a", (0..10).map(|n| NEW_YEAR_MS + 250 + n * 1_000));
    let said = replay(&rules("burst.rules"), &["-"], &["--drain"], input.as_bytes()).ended(0);
    let lines = said.lines();
    let times = |name: &str| lines.iter().map(|line| line[name].clone()).collect::<Vec<_>>();
    assert_eq!(times("at"), ["2026-01-01T00:00:09.250Z", "2026-01-01T00:02:00.250Z"]);
    assert_eq!(times("since"), ["2026-01-01T00:00:09.250Z"; 2]);
}

#[test]
fn what_is_due_at_the_last_instant_is_reported_and_drain_resumes() {
    let nine_more = failures("b", (0..10).map(|n| NEW_YEAR_MS + n * 6_000));
    let kinds = |more: &[&str]| {
        let said = replay(&rules("burst.rules"), &["-"], more, nine_more.as_bytes()).ended(0);
        said.lines().iter().map(|line| line["kind"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&[]), ["firing"]);
    assert_eq!(kinds(&["--drain"]), ["firing", "resolved"]);
}

#[test]
fn the_summary_counts_what_became_of_every_line() {
    let mut input = a_burst();
    input += &failures("late", [NEW_YEAR_MS]);
    input += "{\"ts\":1767225780000,\"action\":\"login\",\"outcome\":\"failure\"}\n";
    input += "not json\n";
    let more = ["--summary", "json"];
    let said = replay(&rules("burst.rules"), &["-"], &more, input.as_bytes()).ended(0);
    let line = said.err.lines().last().expect("a summary");
    let summary: Value = serde_json::from_str(line).expect("a summary in JSON");
    let want = [
        ("events", 13),
        ("late_dropped", 1),
        ("undecodable", 1),
        ("skipped_missing_key", 1),
        ("refused_future", 0),
        ("firing", 1),
        ("resolved", 1),
    ];
    for (name, count) in want {
        assert_eq!(summary[name], count, "{name} in {line}");
    }
    for name in ["elapsed_s", "events_per_s"] {
        assert!(summary[name].as_f64().is_some_and(|figure| figure > 0.0), "{name} in {line}");
    }
}

#[test]
fn workers_change_nothing() {
    let users = ["a", "b", "c", "d", "e", "利用者", "x y", "0"];
    let mut lines: Vec<(i64, String)> = Vec::new();
    for (number, user) in users.iter().enumerate() {
        let start = NEW_YEAR_MS + number as i64 * 37_000;
        for n in 0..60 {
            let at = start + n * (1_000 + 900 * number as i64);
            lines.push((at, failures(user, [at])));
        }
    }
    lines.sort();
    let input: String = lines.into_iter().map(|(_, line)| line).collect();
    let with = |workers: &str| {
        let more = ["--drain", "--workers", workers];
        replay(&rules("burst.rules"), &["-"], &more, input.as_bytes()).ended(0).out
    };
    let one = with("1");
    assert!(one.lines().count() > users.len(), "{one}");
    for workers in ["2", "3", "7"] {
        assert_eq!(with(workers), one, "{workers} workers");
    }
}

#[test]
fn an_input_is_a_file_a_pipe_or_compressed_and_may_repeat() {
    let folder = TempDir::new().expect("a folder");
    let plain = file(&folder, "plain.jsonl", a_burst());
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(a_burst().as_bytes()).expect("compressed");
    let gzip = file(&folder, "burst.jsonl.gz", gzip.finish().expect("compressed"));
    let equals = file(&folder, "a=b.jsonl", a_burst());
    // Two partitions of five failures each, which only together are ten.
    let lines: Vec<String> = a_burst().lines().map(|line| format!("{line}\n")).collect();
    let half = |odd: usize| {
        let mine = lines.iter().enumerate().filter(|(at, _)| at % 2 == odd || *at == 10);
        mine.map(|(_, line)| line.as_str()).collect::<String>()
    };
    let (even, odd) = (file(&folder, "even", half(0)), file(&folder, "odd", half(1)));
    let named = format!("auth={}", shown(&plain));
    let (even, odd) = (format!("auth={}", shown(&even)), format!("auth={}", shown(&odd)));
    let want = replay(&rules("burst.rules"), &["-"], &[], a_burst().as_bytes()).ended(0).out;
    assert_eq!(want.lines().count(), 2);
    for inputs in
        [&[shown(&plain)][..], &[&named], &[shown(&gzip)], &[shown(&equals)], &[&even, &odd]]
    {
        assert_eq!(
            replay(&rules("burst.rules"), inputs, &[], b"").ended(0).out,
            want,
            "{inputs:?}"
        );
    }
    let piped = replay(&rules("burst.rules"), &["auth=-"], &[], a_burst().as_bytes());
    assert_eq!(piped.ended(0).out, want);
}

#[test]
fn each_way_to_fail_has_its_code_and_names_its_place() {
    let folder = TempDir::new().expect("a folder");
    let empty = folder.path().join("rules");
    fs::create_dir(&empty).expect("a folder");
    let streams =
        "stream auth from \"a\" { ts: time, u: str }\nstream web from \"w\" { ts: time, u: str }\n";
    let two = file(&folder, "two.rules", format!("{streams}alert 多い auth 2回/分 by u high\n"));
    let broken = file(
        &folder,
        "broken.rules",
        "stream auth from \"a\" { ts: time }\nalert 失敗 認証失敗 10回/分 high\n",
    );
    let silent = file(&folder, "silent.rules", "stream auth from \"a\" { ts: time }\n");
    let some = file(&folder, "some.jsonl", a_burst());
    let missing = folder.path().join("missing.jsonl");
    let not_gzip = file(&folder, "not.jsonl.gz", "plain text");
    let burst = rules("burst.rules");
    let elsewhere = format!("elsewhere={}", shown(&some));
    let cases: [(&Path, &str, i32, &[&str]); 9] = [
        (&burst, &elsewhere, 2, &["elsewhere", "auth"]),
        (&two, shown(&some), 2, &["STREAM=FILE", "auth, web"]),
        (&burst, shown(&missing), 3, &[shown(&missing)]),
        (&burst, shown(&not_gzip), 3, &[shown(&not_gzip)]),
        (&burst, shown(folder.path()), 3, &[shown(folder.path())]),
        (&broken, shown(&some), 1, &["broken.rules:2:10", "認証失敗", "^^^^^^^^"]),
        (&silent, shown(&some), 1, &["no alert"]),
        (&empty, shown(&some), 3, &[shown(&empty), ".rules"]),
        (&missing, shown(&some), 3, &[shown(&missing)]),
    ];
    for (rules, input, code, words) in cases {
        let said = replay(rules, &[input], &[], b"").ended(code);
        assert_eq!(said.out, "", "{input}");
        for word in words {
            assert!(said.err.contains(word), "{word:?} is not in:\n{}", said.err);
        }
    }
    hansho(&["replay", "--rules", shown(&burst)], b"").ended(2);
    replay(&burst, &["-"], &["--workers", "0"], b"").ended(2);
}

#[test]
fn carets_stand_under_wide_characters() {
    let folder = TempDir::new().expect("a folder");
    let broken = file(
        &folder,
        "b.rules",
        "stream auth from \"a\" { ts: time }\nalert 失敗 認証失敗 10回/分 high\n",
    );
    let said = replay(&broken, &["-"], &[], b"").ended(1);
    let lines: Vec<&str> = said.err.lines().collect();
    let at = lines.iter().position(|line| line.contains("alert 失敗")).expect("the line itself");
    let columns = |text: &str| {
        text.chars().map(|c| if c.is_ascii() || c == '│' { 1 } else { 2 }).sum::<usize>()
    };
    let (before, _) = lines[at].split_once("認証失敗").expect("the name");
    let (gap, _) = lines[at + 1].split_once('^').expect("carets");
    assert_eq!(columns(gap), columns(before), "{}", said.err);
    assert_eq!(lines[at + 1].matches('^').count(), 8, "{}", said.err);
}

#[test]
fn bad_lines_are_named_and_the_good_ones_around_them_count() {
    let good: Vec<String> = a_burst().lines().map(str::to_owned).collect();
    let deep = format!("{{\"ts\":1767225600000,\"x\":{}1{}}}", "[".repeat(200), "]".repeat(200));
    let long = format!("{{\"ts\":1767225600000,\"x\":\"{}\"}}", "y".repeat(2 << 20));
    let cases: [(&str, &[u8], &[&str]); 10] = [
        ("truncated", br#"{"ts":1767225600000,"action":"lo"#, &["ends in the middle"]),
        ("2 MiB", long.as_bytes(), &["bytes long", "limit is 1048576"]),
        ("200 deep", deep.as_bytes(), &["column", "nested deeper than"]),
        ("no UTF-8", b"{\"ts\":1767225600000,\"action\":\"\xff\xfe\"}", &["column 31", "UTF-8"]),
        ("no time", br#"{"action":"login"}"#, &["`ts` is missing"]),
        ("1e999 as time", br#"{"ts":1e999}"#, &["`ts` cannot be read"]),
        ("text as time", br#"{"ts":"yesterday"}"#, &["`ts` cannot be read"]),
        ("an array", b"[1,2]", &["no JSON object"]),
        ("two objects", br#"{"ts":1} {"ts":2}"#, &["column 10", "one object"]),
        ("no JSON", b"Dec 10 06:55:46 sshd", &["no JSON object"]),
    ];
    let folder = TempDir::new().expect("a folder");
    let want = replay(&rules("burst.rules"), &["-"], &[], a_burst().as_bytes()).ended(0).out;
    for (name, bad, words) in cases {
        let mut input = Vec::new();
        for (at, line) in good.iter().enumerate() {
            input.extend_from_slice(line.as_bytes());
            input.push(b'\n');
            if at == 4 {
                input.extend_from_slice(bad);
                input.push(b'\n');
            }
        }
        let path = file(&folder, "in.jsonl", input);
        let said = replay(&rules("burst.rules"), &[shown(&path)], &[], b"").ended(0);
        assert_eq!(said.out, want, "{name}");
        let place = format!("{}:6: ", shown(&path));
        let reported: Vec<&str> =
            said.err.lines().filter(|line| line.starts_with(&place)).collect();
        assert_eq!(reported.len(), 1, "{name}: {}", said.err);
        for word in words {
            assert!(reported[0].contains(word), "{name}: {word:?} is not in {}", reported[0]);
        }
        assert!(reported[0].len() < 500, "{name}: {}", reported[0]);
        assert!(said.err.contains("1 undecodable"), "{name}: {}", said.err);
    }
}

#[test]
fn values_that_do_not_fit_their_type_are_missing_and_stop_nothing() {
    let folder = TempDir::new().expect("a folder");
    let rules = file(
        &folder,
        "n.rules",
        "stream node from \"n\" { ts: time, host: str, cpu: float, n: int }\n\
         alert 高い last(node.cpu) > 80 by host keep 0s high\n\
         alert 数 max(node.n) >= 5 within 1m by host low\n",
    );
    let line = |at: i64, cpu: &str, n: &str| {
        let at = NEW_YEAR_MS + at;
        format!("{{\"ts\":{at},\"host\":\"h\",\"cpu\":{cpu},\"n\":{n}}}\n")
    };
    // `"500"` fits int; 1e999, true, a list, null and 5.5 fit nothing they are declared as.
    let mut input =
        line(0, "1e999", "true") + &line(1_000, "[1]", "5.5") + &line(2_000, "null", "{}");
    input += &(line(3_000, "\"81.5\"", "\"500\"") + &line(4_000, "-1e999", "1e999"));
    input += &line(5_000, "79", "9223372036854775808");
    let said = replay(&rules, &["-"], &[], input.as_bytes()).ended(0);
    let reported: Vec<(Value, Value, Value)> = said
        .lines()
        .iter()
        .map(|line| (line["kind"].clone(), line["at"].clone(), line["value"].clone()))
        .collect();
    let row = |kind: &str, second: u32, value: Value| {
        (Value::from(kind), Value::from(format!("2026-01-01T00:00:0{second}Z")), value)
    };
    let want = [
        row("firing", 3, Value::from(500)),
        row("firing", 3, serde_json::json!(81.5)),
        row("resolved", 5, Value::from(79)),
    ];
    assert_eq!(reported, want, "{}", said.err);
}

#[test]
fn more_bad_lines_than_anyone_reads_are_counted() {
    let input = "x\n".repeat(1_000) + &a_burst();
    let said =
        replay(&rules("burst.rules"), &["-"], &["--summary", "json"], input.as_bytes()).ended(0);
    assert_eq!(said.lines().len(), 2);
    assert!(said.err.contains("<stdin>:20: "), "{}", said.err);
    assert!(said.err.contains("980 more lines could not be decoded"), "{}", said.err);
    assert!(said.err.contains("\"undecodable\":1000"), "{}", said.err);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let folder = TempDir::new().expect("a folder");
    let one = failures("a", (0..10).map(|n| NEW_YEAR_MS + n)).replace("\"a\"", "\"USER\"");
    let many: String = (0..2_000).map(|n| one.replace("USER", &format!("u{n}"))).collect();
    let input = file(&folder, "in.jsonl", many);
    let binary = env!("CARGO_BIN_EXE_hansho");
    let (rules, input) = (rules("burst.rules"), shown(&input).to_owned());
    let script = r#"set -o pipefail; "$1" replay --rules "$2" --input "$3" | head -1"#;
    let output = std::process::Command::new("bash")
        .args(["-c", script, "pipe", binary, shown(&rules), &input])
        .output()
        .expect("bash");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 1);
}
