//! The pages about the rule language say what is true: every example runs, every answer shown
//! is the one given, and the grammar has the words that the parser knows.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use regex::Regex;

const PAGES: [(&str, &str); 2] = [("rule-language.md", "en"), ("rule-language.ja.md", "ja")];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join("docs").join(name)).expect("a page")
}

/// The blocks of a page that are marked with this word.
fn blocks(page: &str, mark: &str) -> Vec<String> {
    let opening = format!("```{mark}\n");
    let parts = page.split(&opening).skip(1);
    let blocks: Vec<String> =
        parts.map(|part| part.split("```").next().unwrap().to_owned()).collect();
    assert!(!blocks.is_empty(), "no block of {mark}");
    blocks
}

fn hansho(folder: &Path, language: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hansho"));
    command.args(["--lang", language]).args(arguments).current_dir(folder);
    command.output().expect("the binary runs")
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Output of a command about a rule text in a file `auth.rules`.
fn reported(rules: &str, language: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("auth.rules"), rules).unwrap();
    let output = hansho(folder.path(), language, arguments);
    (output.status.code(), said(&output))
}

#[test]
fn every_example_is_right_and_in_the_layout_and_passes_its_tests() {
    for (name, language) in PAGES {
        for rules in blocks(&page(name), "rules") {
            let (code, checked) = reported(&rules, language, &["check", "auth.rules"]);
            let is_silent = checked.lines().last().is_some_and(|line| {
                line.ends_with("0 errors, 0 warnings") || line.ends_with("エラー0件、警告0件")
            });
            assert!(code == Some(0) && is_silent, "{name}\n{rules}\n{checked}");
            let (code, played) = reported(&rules, language, &["test", "auth.rules"]);
            assert_eq!(code, Some(0), "{name}\n{rules}\n{played}");
            let (code, _) = reported(&rules, language, &["fmt", "--check", "auth.rules"]);
            let file = tempfile::NamedTempFile::with_suffix(".rules").unwrap();
            fs::write(file.path(), &rules).unwrap();
            let path = file.path().to_str().unwrap();
            hansho(&root(), language, &["fmt", path]);
            let laid_out = fs::read_to_string(file.path()).unwrap();
            assert_eq!(code, Some(0), "{name}, as it should be:\n{laid_out}");
        }
    }
}

#[test]
fn the_answers_shown_are_those_given() {
    for (name, language) in PAGES {
        let page = page(name);
        let first = &blocks(&page, "rules")[0];
        let shown = blocks(&page, "text");
        let (command, reading) = shown[0].split_once('\n').expect("a command and its answer");
        assert!(command.starts_with("$ hansho ") && command.ends_with(" check auth.rules"));
        assert_eq!(reported(first, language, &["check", "auth.rules"]).1, reading, "{name}");
        let wrong = first.replace("and outcome ==", "and outcom ==");
        let (_, answer) = reported(&wrong, language, &["check", "auth.rules"]);
        assert!(answer.starts_with(&shown[1]), "{name} shows\n{}\nnot\n{answer}", shown[1]);
    }
}

/// Words in the parser that are no words of the language: examples in its messages, and
/// what people write by mistake.
const NOT_OF_THE_LANGUAGE: [&str; 17] = [
    "cpu_limits",
    "host",
    "weekday",
    "weekdays",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "delta",
    "increase",
    "rate",
    "stddev",
    "no",
    "x",
];

#[test]
fn the_grammar_has_the_words_of_the_parser_and_no_others() {
    let word = Regex::new(r#""([a-z_]+)""#).unwrap();
    let comment = Regex::new("//.*").unwrap();
    let mut known: BTreeSet<String> = BTreeSet::new();
    for entry in fs::read_dir(root().join("rules-dsl/src/parse")).unwrap() {
        let path = entry.unwrap().path();
        let is_other =
            ["messages.rs", "foreign_syntax.rs", "tests.rs"].iter().any(|n| path.ends_with(n));
        if is_other || path.is_dir() {
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        let source = comment.replace_all(&source, "");
        known.extend(word.captures_iter(&source).map(|found| found[1].to_owned()));
    }
    for other in NOT_OF_THE_LANGUAGE {
        known.remove(other);
    }
    assert!(known.len() > 80, "{known:?}");
    for (name, _) in PAGES {
        let grammar = blocks(&page(name), "ebnf").concat();
        let written = word.captures_iter(&grammar).map(|found| found[1].to_owned());
        let written: BTreeSet<String> = written.filter(|word| word != "x").collect();
        let missing: Vec<_> = known.difference(&written).collect();
        let unknown: Vec<_> = written.difference(&known).collect();
        assert!(missing.is_empty(), "{name} lacks {missing:?}");
        assert!(unknown.is_empty(), "{name} has {unknown:?}, which the parser does not know");
    }
    let [english, japanese] = PAGES.map(|(name, _)| blocks(&page(name), "ebnf"));
    assert_eq!(english, japanese);
}

#[test]
fn every_name_of_the_grammar_has_a_rule_and_is_used() {
    let grammar = blocks(&page(PAGES[0].0), "ebnf").concat();
    let rules: BTreeSet<&str> = grammar
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .map(|(left, _)| left.trim())
        .collect();
    let bare = Regex::new(r#""[^"]*""#).unwrap().replace_all(&grammar, " ").into_owned();
    let names = Regex::new("[a-z_]+").unwrap();
    let mut used: BTreeSet<&str> = BTreeSet::from(["file"]);
    for line in bare.lines() {
        let right = line.split_once(" = ").map_or(line, |(_, right)| right);
        used.extend(names.find_iter(right).map(|found| found.as_str()));
    }
    assert_eq!(rules, used);
}

#[test]
fn every_unit_and_severity_is_on_the_page() {
    for (name, _) in PAGES {
        let page = page(name);
        let spelled =
            |word: &str| page.split(|c: char| " |`\n、,()".contains(c)).any(|w| w == word);
        let units = rules_dsl::quantity::UNITS.iter().map(|unit| unit.spelling);
        let severities = model::severity::Severity::ALL
            .iter()
            .flat_map(|severity| [severity.name(), severity.name_ja()]);
        let missing: Vec<&str> = units.chain(severities).filter(|word| !spelled(word)).collect();
        assert!(missing.is_empty(), "{name} lacks {missing:?}");
    }
}

#[test]
fn every_code_has_a_row_and_every_row_a_code() {
    let known: Vec<&str> =
        rules_dsl::diagnostic::DiagnosticCode::ALL.iter().map(|code| code.id()).collect();
    let row = Regex::new(r"(?m)^\| ([EW]\d{4}) \|").unwrap();
    for (name, _) in PAGES {
        let page = page(name);
        let rows: Vec<&str> = row.captures_iter(&page).map(|row| row.extract::<1>().1[0]).collect();
        assert_eq!(rows, known, "{name}");
    }
}
