//! Twelve rules that people write, each right once and wrong three times, as somebody who
//! knows other tools might write them; and what comes back.
//!
//! `UPDATE_GOLDEN=1 cargo test -p rules-dsl --test newcomer` rewrites what comes back.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::fs;
use std::path::PathBuf;

use model::calendar::ZoneOffsets;
use model::message::Language;
use rules_dsl::diagnostic::Diagnostic;
use rules_dsl::resolver::Resolver;
use rules_dsl::source::SourceFile;
use rules_dsl::{CompiledRules, compile_in};

const RIGHT: &str = "==== right\n";
const WRONG: &str = "==== wrong: ";
const EN: &str = "---- en ----\n";
const JA: &str = "---- ja ----\n";

/// Files that the rules name.
struct NewcomerShelf;

impl Resolver for NewcomerShelf {
    fn text(&self, _: &str, name: &str) -> Result<String, String> {
        let limits = "host, medium, critical, clear\nweb-1, 85%, 97%, 75%\n";
        if name == "cpu_limits.csv" {
            Ok(limits.to_owned())
        } else {
            Err("no such file".to_owned())
        }
    }

    fn zone(&self, name: &str) -> Option<ZoneOffsets> {
        (name == "Asia/Tokyo").then(ZoneOffsets::default)
    }

    fn holidays(&self, _: &str, _: &str) -> Result<Vec<i64>, String> {
        Err("no such file".to_owned())
    }
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/newcomer"))
}

fn files(text: &str) -> [SourceFile; 2] {
    let shared = fs::read_to_string(folder().join("shared.rules")).expect("the shared names");
    let file = |name: &str, text: &str| SourceFile { name: name.to_owned(), text: text.to_owned() };
    [file("shared.rules", &shared), file("mine.rules", text)]
}

fn compiled(text: &str) -> CompiledRules {
    compile_in(&files(text), &NewcomerShelf)
}

fn shown(text: &str, language: Language) -> String {
    let files = files(text);
    let found = compile_in(&files, &NewcomerShelf).diagnostics;
    let shown = |found: &Diagnostic| found.render(&files, language);
    found.iter().map(shown).collect::<Vec<_>>().join("\n")
}

/// One wrong version: what is wrong, the text, and the transcript as it should be.
fn transcript(what: &str, text: &str) -> String {
    let (en, ja) = (shown(text, Language::En), shown(text, Language::Ja));
    format!("{WRONG}{what}\n{text}{EN}{en}{JA}{ja}")
}

#[test]
fn twelve_rules_each_right_once_and_wrong_three_times() {
    let mut names: Vec<_> =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|end| end == "txt"));
    names.sort();
    assert_eq!(names.len(), 12);
    let mut differing = Vec::new();
    for path in names {
        let golden = fs::read_to_string(&path).unwrap();
        let mut parts = golden.split(WRONG);
        let right = parts.next().and_then(|part| part.strip_prefix(RIGHT)).expect("a right rule");
        let answer = compiled(right);
        assert_eq!(answer.diagnostics, [], "{}", path.display());
        assert_eq!(answer.readings.len(), 1, "{}", path.display());
        let mut now = format!("{RIGHT}{right}");
        let mut versions = 0;
        for part in parts {
            let (what, rest) = part.split_once('\n').expect("what is wrong");
            let text = rest.split(EN).next().unwrap();
            assert!(!compiled(text).diagnostics.is_empty(), "{what}: nothing is said");
            now.push_str(&transcript(what, text));
            versions += 1;
        }
        assert_eq!(versions, 3, "{}", path.display());
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, &now).unwrap();
        } else if now != golden {
            differing.push(format!("{}\n{now}", path.display()));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}
