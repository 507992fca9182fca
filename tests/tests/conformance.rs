//! The conformance cases, in process: engine and naive interpreter against answers that were
//! computed by neither.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use model::decimal::Decimal;
use model::event::Value;
use model::schema::{FieldType, Schema};
use model::time::Timestamp;
use model::transition::Transition;
use rules_dsl::rule::RuleSet;
use rules_dsl::source::SourceFile;
use serde_json::Value as Json;
use tests::generators::{DrawnCase, PartitionLog, PartitionRecord, SplitMix};
use tests::harness::{RunCourse, oracle_input, run};
use tests::oracle::transitions;

/// Fewer cases than this are not the whole set.
const CASES_MIN: usize = 80;

fn conformance() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance")
}

/// Folders of all cases, in order.
fn cases() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(conformance().join("cases")).unwrap();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

/// Names of the cases whose answers this version does not give yet.
fn expected_to_differ() -> BTreeSet<String> {
    let text = read(&conformance().join("expected-to-differ.txt"));
    let named = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    named.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

fn compile(folder: &Path) -> RuleSet {
    let text = read(&folder.join("case.rules"));
    let compiled = rules_dsl::compile(&[SourceFile { name: "case.rules".to_owned(), text }]);
    compiled.rules.unwrap_or_else(|| panic!("{}: {:?}", folder.display(), compiled.diagnostics))
}

fn logs(folder: &Path, schema: &Schema) -> Vec<PartitionLog> {
    let name = |partition: i32| folder.join(format!("ev.{partition}.jsonl"));
    let partitions = (0..).take_while(|partition| name(*partition).exists());
    let log = |partition| PartitionLog {
        stream: 0,
        partition,
        records: read(&name(partition)).lines().map(|line| record(line, schema)).collect(),
    };
    partitions.map(log).collect()
}

fn record(line: &str, schema: &Schema) -> PartitionRecord {
    let event: Json = serde_json::from_str(line).unwrap();
    let mut time = 0;
    let fields = schema.fields.iter().map(|field| match (&event[&field.path], &field.kind) {
        (Json::String(text), FieldType::Time(_)) => {
            let instant = Timestamp::parse_rfc3339(text).unwrap();
            time = instant.0;
            Value::Time(instant)
        }
        // A test may keep its texts for as long as it runs.
        (Json::String(text), FieldType::Str) => Value::Text(text.clone().leak()),
        (Json::Number(number), FieldType::Float) => {
            Value::Number(Decimal::parse(&number.to_string()).unwrap())
        }
        (Json::Null, _) => Value::Missing,
        (other, kind) => panic!("{other} for {kind:?}"),
    });
    let values = fields.collect();
    PartitionRecord { time, recorded: None, values }
}

/// True when a transition is what a line of answers says; it names what matters to it.
fn agrees(want: &Json, got: &Transition) -> bool {
    let number = |want: &Json, got: Option<Decimal>| match (want.as_f64(), got) {
        (Some(want), Some(got)) => (want - got.to_f64()).abs() <= 1e-9 * want.abs().max(1.0),
        (None, None) => true,
        _ => false,
    };
    let instant =
        |want: &Json, got: Timestamp| want.as_str().and_then(Timestamp::parse_rfc3339) == Some(got);
    want.as_object().unwrap().iter().all(|(name, want)| match name.as_str() {
        "kind" => want == got.kind.name(),
        "alert" => *want == got.facts.alert,
        "severity" => want == got.facts.severity.name(),
        "key" => {
            let same = |(name, value): &(String, _)| want[name] == format!("{value}");
            want.as_object().map(|key| key.len()) == Some(got.facts.key.len())
                && got.facts.key.iter().all(same)
        }
        "at" => instant(want, got.facts.at),
        "since" => instant(want, got.facts.since),
        "value" => number(want, got.measured.value),
        "threshold" => number(want, got.measured.threshold),
        "peak" => number(want, got.peak),
        "reason" => want.as_str() == got.reason.map(|reason| reason.name()),
        other => panic!("answers name {other}"),
    })
}

fn compare(who: &str, want: &[Json], got: &[Transition]) -> Option<String> {
    let mut left: Vec<&Transition> = got.iter().collect();
    for line in want {
        match left.iter().position(|got| agrees(line, got)) {
            Some(at) => drop(left.remove(at)),
            None => return Some(format!("{who} lacks {line}, has {left:#?}")),
        }
    }
    left.first().map(|more| format!("{who} tells more: {more:?}"))
}

fn check(folder: &Path, rules: RuleSet) -> Option<String> {
    let drain = read(&folder.join("args")).contains("--drain");
    let want: Vec<Json> = read(&folder.join("expected.jsonl"))
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let logs = logs(folder, &rules.streams[0]);
    let case = DrawnCase { rules, logs };
    let (events, end) = oracle_input(&case);
    let naive = transitions(&case.rules, &events, end, drain);
    let engine = |shards| {
        let course = RunCourse { shards, early: false, drain, snapshots: false };
        run(&case, &mut SplitMix::new(shards as u64), course).unwrap().transitions
    };
    compare("the naive interpreter", &want, &naive)
        .or_else(|| compare("the engine", &want, &engine(1)))
        .or_else(|| (engine(1) != engine(2)).then(|| "1 and 2 shards differ".to_owned()))
}

/// Error in the outcome of a case, if any.
fn finding(name: &str, difference: Option<String>, is_listed: bool) -> Option<String> {
    match (difference, is_listed) {
        (Some(why), false) => Some(format!("{name}: {why}")),
        (None, true) => Some(format!("{name}: passes, so take it out of expected-to-differ.txt")),
        (Some(_), true) | (None, false) => None,
    }
}

#[test]
fn the_answers_are_those_of_the_conformance_cases() {
    let folders = cases();
    assert!(folders.len() >= CASES_MIN, "only {} cases", folders.len());
    let mut unmatched = expected_to_differ();
    let mut wrong = Vec::new();
    for folder in folders {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let difference = check(&folder, compile(&folder));
        wrong.extend(finding(name, difference, unmatched.remove(name)));
    }
    wrong.extend(unmatched.iter().map(|name| format!("{name}: listed, and there is no such case")));
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_listed_case_must_differ_and_no_other_may() {
    let difference = || Some("the engine lacks a line".to_owned());
    assert_eq!(finding("a", None, false), None);
    assert_eq!(finding("a", difference(), true), None);
    assert!(finding("a", difference(), false).unwrap().contains("lacks a line"));
    assert!(finding("a", None, true).unwrap().contains("take it out"));
}
