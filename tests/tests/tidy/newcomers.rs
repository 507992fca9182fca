//! Places that a newcomer touches: for one example of each kind, the shipped files outside its
//! own where its names stand.

use super::TidyFinding;
use super::source::{SourceText, SourceTree};
use super::tokens::shipped_tokens;

/// An example of a kind of newcomer.
struct NewcomerExample {
    kind: &'static str,
    room: &'static str,
    /// Its file, or its folder.
    name: &'static str,
    /// Its identifiers in code, and the words for it between quotes.
    words: &'static [&'static str],
}

const NEWCOMERS: &[NewcomerExample] = &[
    NewcomerExample { kind: "sink", room: "connectors", name: "slack", words: &["Slack", "slack"] },
    NewcomerExample {
        kind: "codec",
        room: "connectors",
        name: "syslog",
        words: &["Syslog", "syslog"],
    },
    NewcomerExample {
        kind: "source",
        room: "connectors",
        name: "spool",
        words: &["Spool", "spool"],
    },
    NewcomerExample {
        kind: "trigger",
        room: "engine",
        name: "absence",
        words: &["Absence", "Absent", "absence", "absent"],
    },
    NewcomerExample {
        kind: "command",
        room: "hansho",
        name: "demo",
        words: &["Demo", "DemoArgs", "demo"],
    },
];

/// The table of examples names files that are there.
pub fn examples(tree: &SourceTree) -> Vec<TidyFinding> {
    let is_built = |it: &&NewcomerExample| tree.rust().any(|file| file.room() == it.room);
    let missing = NEWCOMERS
        .iter()
        .filter(is_built)
        .filter(|it| tree.rust().all(|file| !is_own(file, it)))
        .map(|it| TidyFinding {
            place: it.room.to_owned(),
            what: format!("no file or folder named {}, the example of a {}", it.name, it.kind),
            way_out: "name another example in NEWCOMERS in tests/tests/tidy/newcomers.rs",
        });
    missing.collect()
}

/// The places of every kind, on one line each.
pub fn figures(tree: &SourceTree) -> String {
    let lines = NEWCOMERS.iter().map(|it| {
        let places = places(tree, it);
        format!(
            "a {} ({}) touches {} places: {}\n",
            it.kind,
            it.name,
            places.len(),
            places.join(" ")
        )
    });
    lines.collect()
}

fn places<'a>(tree: &'a SourceTree, newcomer: &NewcomerExample) -> Vec<&'a str> {
    let elsewhere = tree.rust().filter(|file| file.is_shipped() && !is_own(file, newcomer));
    let touched = elsewhere.filter(|file| {
        let shipped = shipped_tokens(&file.code);
        let is_named = shipped.iter().any(|token| newcomer.words.contains(&token.text));
        is_named || newcomer.words.iter().any(|word| file.text.contains(&format!("\"{word}\"")))
    });
    touched.map(|file| file.path.as_str()).collect()
}

/// True for the file of the newcomer, and for those in its folder.
fn is_own(file: &SourceText, newcomer: &NewcomerExample) -> bool {
    let path = file.path.trim_end_matches(".rs");
    file.room() == newcomer.room && path.split('/').any(|part| part == newcomer.name)
}

#[test]
fn places_are_found_by_identifier_and_by_word() {
    let tree = SourceTree::of(&[
        ("connectors/src/sink/slack.rs", "pub struct Slack;"),
        ("connectors/src/sink/slack/reply.rs", "use super::Slack;"),
        ("connectors/src/sink.rs", "pub use slack::Slack;"),
        ("hansho/src/config.rs", "const KINDS: &[&str] = &[\"slack\"];"),
        ("hansho/src/other.rs", "// Slack\nfn slacker() {}\n#[cfg(test)]\nuse a::Slack;"),
    ]);
    assert_eq!(places(&tree, &NEWCOMERS[0]), ["connectors/src/sink.rs", "hansho/src/config.rs"]);
}
