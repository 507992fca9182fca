//! Names that an engineer of the field can search for: types of two words or of the glossary,
//! one definition each, no private verbs, and doc comments that begin with a noun or a verb.

use std::collections::{BTreeMap, BTreeSet};

use super::TidyFinding;
use super::ceilings::{self, RoomCount};
use super::source::{ROOMS, SourceText, SourceTree};
use super::tokens::{is_name, tokens};

const GLOSSARY: &str = "docs/glossary.md";
const GLOSSARY_JA: &str = "docs/glossary.ja.md";

/// Public types of one word that the glossary does not have, by room.
const ONE_WORD: &[(&str, usize)] = &[];

/// Definitions of type names that are defined more than once, by room.
const REPEATED: &[(&str, usize)] = &[];

/// Identifiers with a private verb, by room.
const PRIVATE: &[(&str, usize)] = &[];

/// Doc comments that begin with a question word, by room.
const QUESTIONS: &[(&str, usize)] = &[
    ("benches", 4),
    ("connectors", 3),
    ("engine", 3),
    ("hansho", 22),
    ("oncall", 3),
    ("runtime", 7),
    ("server", 1),
    ("tests", 10),
];

/// Two forms of one noun: the pass that reads the first makes the second.
struct Twins {
    reason: &'static str,
    folders: [&'static str; 2],
    names: &'static [&'static str],
}

const TWINS: &[Twins] = &[
    Twins {
        reason: "parsed, then checked and resolved",
        folders: ["rules-dsl/src/ast/", "rules-dsl/src/rule"],
        names: &[
            "Alert",
            "Compare",
            "Condition",
            "During",
            "Expected",
            "Given",
            "Measure",
            "SeverityLevel",
            "Test",
            "Trigger",
            "Watch",
            "Window",
        ],
    },
    Twins {
        reason: "parsed, then what a decoder and a calendar gate work with",
        folders: ["rules-dsl/src/ast/", "model/src/"],
        names: &["Calendar", "Extract", "Field", "Pattern"],
    },
    Twins {
        reason: "parsed, then read from its file",
        folders: ["rules-dsl/src/ast/", "rules-dsl/src/check/"],
        names: &["List", "Table"],
    },
];

/// Verbs for which the field has other words, as the parts of a name.
const PRIVATE_VERBS: &[&[&str]] = &[
    &["tell"],
    &["tells"],
    &["told"],
    &["hear"],
    &["hears"],
    &["heard"],
    &["take", "up"],
    &["takes", "up"],
    &["taken", "up"],
    &["in", "force"],
    &["go", "on"],
    &["goes", "on"],
];

const QUESTION_WORDS: [&str; 6] = ["What", "Who", "How", "Where", "Whether", "When"];

/// A `struct`, `enum`, `union`, `trait` or `type`.
struct Definition<'a> {
    file: &'a SourceText,
    line: usize,
    name: &'a str,
    /// Any `pub`, restricted or not.
    is_public: bool,
}

/// Public types are named with a noun and its qualifier, or with a term of the glossary.
pub fn public_types(tree: &SourceTree) -> Vec<TidyFinding> {
    let terms = glossary_terms(tree, GLOSSARY);
    let mut counted = Vec::new();
    for found in definitions(tree) {
        let is_shipped = found.file.is_shipped() && found.line <= found.file.tests_from;
        let is_plain = parts(found.name).len() > 1 || terms.contains(found.name);
        if is_shipped && found.is_public && !is_plain {
            counted.push(one(
                found.file,
                found.line,
                format!("{} is one word and no term of {GLOSSARY}", found.name),
                "name what it is of, too, or enter the field's term in both glossaries",
            ));
        }
    }
    ceilings::against(tree, "names::ONE_WORD", ONE_WORD, counted)
}

/// A type name means one thing in the workspace.
pub fn defined_once(tree: &SourceTree) -> Vec<TidyFinding> {
    let mut by_name: BTreeMap<&str, Vec<Definition<'_>>> = BTreeMap::new();
    for found in definitions(tree) {
        by_name.entry(found.name).or_default().push(found);
    }
    let mut counted = Vec::new();
    for (name, found) in &by_name {
        if found.len() == 1 || are_twins(name, found) {
            continue;
        }
        counted.extend(found.iter().map(|it| {
            one(
                it.file,
                it.line,
                format!("{name} is defined {} times", found.len()),
                "name each for what it is, or list the passes in names::TWINS",
            )
        }));
    }
    let mut findings = ceilings::against(tree, "names::REPEATED", REPEATED, counted);
    if tree.is_whole {
        findings.extend(stale_twins(&by_name));
    }
    findings
}

fn are_twins(name: &str, found: &[Definition<'_>]) -> bool {
    let is_under =
        |folder: &str| found.iter().filter(|it| it.file.path.starts_with(folder)).count() == 1;
    found.len() == 2
        && TWINS.iter().any(|twins| {
            twins.names.contains(&name) && twins.folders.iter().all(|folder| is_under(folder))
        })
}

/// Rows of the table of twins for which there are no twins any more.
fn stale_twins(by_name: &BTreeMap<&str, Vec<Definition<'_>>>) -> Vec<TidyFinding> {
    let rows = TWINS.iter().flat_map(|twins| twins.names.iter().map(move |name| (twins, *name)));
    let stale = rows.filter(|(_, name)| by_name.get(name).is_none_or(|found| found.len() < 2));
    let findings = stale.map(|(twins, name)| TidyFinding {
        place: "names::TWINS".to_owned(),
        what: format!("{name} ({}) has no twin", twins.reason),
        way_out: "take it out of the table",
    });
    findings.collect()
}

/// Identifiers use the verbs of the trade.
pub fn private_verbs(tree: &SourceTree) -> Vec<TidyFinding> {
    let mut counted = Vec::new();
    for file in tree.rust() {
        let mut seen = BTreeSet::new();
        for token in tokens(&file.code) {
            if !is_name(token.text) || !seen.insert(token.text) {
                continue;
            }
            if let Some(verb) = private_verb(token.text) {
                counted.push(one(
                    file,
                    token.line,
                    format!("{:?} in {}", verb.join(" "), token.text),
                    "use the field's verb: notify, emit, report, apply, receive, restore, resume",
                ));
            }
        }
    }
    ceilings::against(tree, "names::PRIVATE", PRIVATE, counted)
}

fn private_verb(name: &str) -> Option<&'static [&'static str]> {
    let parts = parts(name);
    let is_in = |verb: &&&[&str]| parts.windows(verb.len()).any(|window| window == **verb);
    PRIVATE_VERBS.iter().find(is_in).copied()
}

/// Doc comments begin with a noun phrase or a verb.
pub fn doc_openings(tree: &SourceTree) -> Vec<TidyFinding> {
    let mut counted = Vec::new();
    for file in tree.rust() {
        let mut before = "";
        for (at, line) in file.text.lines().enumerate() {
            let marker = doc_marker(line);
            if !marker.is_empty() && marker != before && is_question(line, marker) {
                counted.push(one(
                    file,
                    at + 1,
                    "a doc comment that begins with a question word".to_owned(),
                    "begin with a noun phrase or a verb: `Number of …`, `Returns …`",
                ));
            }
            before = marker;
        }
    }
    ceilings::against(tree, "names::QUESTIONS", QUESTIONS, counted)
}

fn doc_marker(line: &str) -> &'static str {
    let text = line.trim_start();
    ["///", "//!"].into_iter().find(|marker| text.starts_with(marker)).unwrap_or("")
}

fn is_question(line: &str, marker: &str) -> bool {
    let text = line.trim_start().trim_start_matches(marker).trim_start();
    let first = text.split(|c: char| !c.is_alphabetic()).next().unwrap_or("");
    QUESTION_WORDS.contains(&first)
}

/// Both glossaries list the same terms in the same order.
pub fn glossaries(tree: &SourceTree) -> Vec<TidyFinding> {
    let [english, japanese] = [GLOSSARY, GLOSSARY_JA].map(|path| listed_terms(tree, path));
    if english == japanese && !(english.is_empty() && tree.is_whole) {
        return Vec::new();
    }
    let differing = english.iter().zip(&japanese).find(|(one, other)| one != other);
    let what = match differing {
        Some((one, other)) => format!("{other} stands where {GLOSSARY} has {one}"),
        None => format!("{} terms, {GLOSSARY} has {}", japanese.len(), english.len()),
    };
    let way_out = "list the same terms in the same order in both";
    vec![TidyFinding { place: GLOSSARY_JA.to_owned(), what, way_out }]
}

fn glossary_terms<'a>(tree: &'a SourceTree, path: &str) -> BTreeSet<&'a str> {
    listed_terms(tree, path).into_iter().collect()
}

/// First cells of the rows of a glossary's tables, where they stand in backticks.
fn listed_terms<'a>(tree: &'a SourceTree, path: &str) -> Vec<&'a str> {
    let lines = tree.files.iter().filter(|file| file.path == path).flat_map(|it| it.text.lines());
    lines.filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect()
}

fn definitions(tree: &SourceTree) -> Vec<Definition<'_>> {
    let mut found = Vec::new();
    for file in tree.rust() {
        for (at, line) in file.code.lines().enumerate() {
            if let Some((name, is_public)) = definition(line) {
                found.push(Definition { file, line: at + 1, name, is_public });
            }
        }
    }
    found
}

/// Name of the type that a line defines; an indented private `type` belongs to a trait.
fn definition(line: &str) -> Option<(&str, bool)> {
    let is_indented = line.starts_with(' ');
    let whole = line.trim_start();
    let (item, is_public) = match whole.strip_prefix("pub") {
        Some(after) if after.starts_with('(') => (after.split_once(')')?.1, true),
        Some(after) => (after, true),
        None => (whole, false),
    };
    let (keyword, rest) = item.trim_start().trim_start_matches("unsafe ").split_once(' ')?;
    let is_of_trait = keyword == "type" && is_indented && !is_public;
    if is_of_trait || !["struct", "enum", "union", "trait", "type"].contains(&keyword) {
        return None;
    }
    let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    name.starts_with(char::is_uppercase).then_some((name, is_public))
}

/// Lower-case parts of a snake, camel or shouted name.
fn parts(name: &str) -> Vec<String> {
    let mut spaced = String::new();
    let mut was_lower = false;
    for c in name.chars() {
        if c == '_' || (c.is_uppercase() && was_lower) {
            spaced.push(' ');
        }
        was_lower = !c.is_uppercase() && c != '_';
        if c != '_' {
            spaced.extend(c.to_lowercase());
        }
    }
    spaced.split_whitespace().map(str::to_owned).collect()
}

fn one(file: &SourceText, line: usize, what: String, way_out: &'static str) -> RoomCount {
    let room = file.room().to_owned();
    let place = format!("{}:{line}", file.path);
    RoomCount { room, amount: 1, finding: TidyFinding { place, what, way_out } }
}

/// Shares that are read and not enforced.
pub fn figures(tree: &SourceTree) -> String {
    let all = definitions(tree);
    let shipped = |it: &&Definition<'_>| {
        ROOMS.contains(&it.file.room()) && it.file.is_shipped() && it.line <= it.file.tests_from
    };
    let shipped: Vec<_> = all.iter().filter(shipped).collect();
    let short = shipped.iter().filter(|it| parts(it.name).len() == 1).count();
    let docs = tree.rust().flat_map(|file| file.text.lines()).map(doc_marker);
    format!(
        "{short} of {} shipped types are one word; {} definitions, {} lines of doc comments",
        shipped.len(),
        all.len(),
        docs.filter(|marker| !marker.is_empty()).count()
    )
}

#[test]
fn definitions_are_found() {
    let cases = [
        ("pub struct Row;", Some(("Row", true))),
        ("    pub(in crate::a) enum Row {", Some(("Row", true))),
        ("union Row {", Some(("Row", false))),
        ("    struct Row(u8);", Some(("Row", false))),
        ("type Row<'a> = u8;", Some(("Row", false))),
        ("    type Item = u8;", None),
        ("pub fn row() {}", None),
        ("pub use a::Row;", None),
        ("impl Row {", None),
    ];
    for (line, expected) in cases {
        assert_eq!(definition(line), expected, "{line}");
    }
}

#[test]
fn private_verbs_are_parts_of_names() {
    let cases = [
        ("tell_all", Some("tell")),
        ("TOLD_MAX", Some("told")),
        ("rules_in_force", Some("in force")),
        ("TakenUp", Some("taken up")),
        ("teller", None),
        ("hearth", None),
        ("take_upper", None),
        ("go_once", None),
    ];
    for (name, expected) in cases {
        assert_eq!(private_verb(name).map(|verb| verb.join(" ")).as_deref(), expected, "{name}");
    }
}

#[test]
fn questions_open_doc_comments_only() {
    let lines = [
        "//! How it works.",
        "",
        "/// Returns it.",
        "/// What follows.",
        "// What a plain comment may ask.",
        "fn a() {}",
        "    /// Where it is.",
        "/// Whatever comes.",
    ];
    let tree = SourceTree::of(&[("model/src/a.rs", &lines.join("\n"))]);
    let places: Vec<String> = doc_openings(&tree).into_iter().map(|it| it.place).collect();
    assert_eq!(places, ["model/src/a.rs:1", "model/src/a.rs:7"]);
}

#[test]
fn twins_are_one_of_each_pass() {
    let ast = ("rules-dsl/src/ast/alert.rs", "pub struct Alert;\n");
    let rule = ("rules-dsl/src/rule.rs", "pub struct Alert;\n");
    let third = ("engine/src/a.rs", "struct Alert;\n");
    let cases = [(vec![ast, rule], 0), (vec![ast, third], 2), (vec![ast, rule, third], 3)];
    for (files, expected) in cases {
        assert_eq!(defined_once(&SourceTree::of(&files)).len(), expected, "{files:?}");
    }
}
