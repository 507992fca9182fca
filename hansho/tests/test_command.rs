//! `hansho test`, run as people and CI systems run it.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::process::{Command, Output};

fn hansho(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hansho"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    command.output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn every_shipped_rule_has_a_test_and_passes_it() {
    let output = hansho(&["--lang", "en", "test", "../rules"]);
    let reported = text(&output.stdout);
    assert!(output.status.success(), "{reported}");
    assert!(!reported.contains("without a test"), "{reported}");
}

/// Lists, tables, calendars and holidays beside the rule file.
#[test]
fn what_rules_name_is_found_beside_them() {
    let output = hansho(&["--lang", "en", "test", "tests/rules/named"]);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

const RULES: &str = r#"
stream auth { ts: time, outcome: str, user.name: str }
filter bad = auth where outcome == "failure"
alert burst bad 3回/分 by user.name critical
alert lonely bad 9回/分 by user.name low
test burst {
  given auth { outcome: "failure", user.name: "a" } at 0s every 10s x3
  given auth { outcome: "failure", user.name: "a" } at 1s arriving 30s later
  expect fire at 10s { user.name: "a", value: 2, message: "x" }
  expect resolve at 120s { reason: "cleared" }
}
"#;

const REPORTED: &str = "\
FAIL  burst  {file}:6
  - expect fire at 10s { user.name: \"a\", value: 2, message: \"x\" }    # line 9
  + expect fire at 20s { user.name: \"a\", value: 3, message: \"burst user.name=a: 3 >= 3\" }
    expect resolve at 120s { reason: \"cleared\" }
  + expect late 1
- expected, + actual: an actual line can be pasted into the test
without a test: lonely
1 tests, 1 failed
";

#[test]
fn a_test_that_fails_shows_what_to_paste_and_ends_with_findings() {
    let folder = tempfile::tempdir().unwrap();
    let (rules, junit) = (folder.path().join("x.rules"), folder.path().join("junit.xml"));
    std::fs::write(&rules, RULES).unwrap();
    let (rules, report) = (rules.display().to_string(), junit.display().to_string());
    let output = hansho(&["--lang", "en", "test", &rules, "--junit", &report]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), REPORTED.replace("{file}", &rules));
    let report = std::fs::read_to_string(junit).unwrap();
    assert!(report.contains(r#"tests="1" skipped="0" failures="1""#), "{report}");
    // What was told, pasted into the test, makes it pass.
    let mended = RULES.replace(
        r#"expect fire at 10s { user.name: "a", value: 2, message: "x" }"#,
        r#"expect fire at 20s { user.name: "a", value: 3, message: "burst user.name=a: 3 >= 3" }
  expect late 1"#,
    );
    std::fs::write(&rules, mended).unwrap();
    assert!(hansho(&["--lang", "en", "test", &rules]).status.success());
}

#[test]
fn rules_that_do_not_compile_are_findings_and_a_missing_path_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("x.rules");
    std::fs::write(&rules, "test nothing { expect fire }").unwrap();
    assert_eq!(hansho(&["test", &rules.display().to_string()]).status.code(), Some(1));
    assert_eq!(hansho(&["test", "no/such/folder"]).status.code(), Some(3));
}
