//! Words that must not stand in the tree, and those that must.

use super::TidyFinding;
use super::source::{SourceText, SourceTree};

/// Words that say nothing about what a thing is. Parts of names count: `RuleManager`.
const BANNED: &[&str] = &["manager", "helper", "helpers", "util", "utils", "data", "info"];

/// Functions whose name hides what they do.
const BANNED_FUNCTIONS: &[&str] = &["handle", "process"];

/// Keywords that a name follows where it is made.
const MAKERS: &[&str] =
    &["fn", "struct", "enum", "trait", "type", "mod", "const", "static", "let", "mut"];

/// Paths of somebody's machine, and hosts that only their registry client should know. Written
/// in two halves, so that this list does not find itself.
const MACHINES: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/tm", "p/"),
    concat!("repo.maven", ".apache.org"),
    concat!("repo1.maven", ".org"),
    concat!("static.crates", ".io"),
    concat!("index.crates", ".io"),
    concat!("files.python", "hosted.org"),
    concat!("registry.", "npmjs"),
    concat!("proxy.", "golang"),
    concat!("artifact", "ory"),
    concat!("://", "mirror"),
    concat!("://", "registry"),
    concat!("://", "nexus"),
    concat!("://", "proxy"),
];

/// Files a visitor looks for first.
const ROOT_DOCUMENTS: &[&str] =
    &["LICENSE", "README.md", "README.ja.md", "ARCHITECTURE.md", "CHANGELOG.md"];

/// English letters that a rule file's first comment has at least.
const ENGLISH_LETTERS_MIN: usize = 12;

/// Names are field terms.
pub fn banned_names(tree: &SourceTree) -> Vec<TidyFinding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let stem = file.path.trim_end_matches(".rs").rsplit('/').next().unwrap_or("");
        if let Some(word) = banned_part(stem) {
            findings.push(named(file, 1, word));
        }
        for (at, line) in file.code.lines().enumerate() {
            findings.extend(banned_in(line).map(|word| named(file, at + 1, word)));
        }
    }
    findings
}

fn named(file: &SourceText, line: usize, word: &str) -> TidyFinding {
    TidyFinding {
        place: format!("{}:{line}", file.path),
        what: format!("a name with {word:?} in it"),
        way_out: "say what it is or does in the field's own words",
    }
}

/// The first banned word in a name that this line makes.
fn banned_in(line: &str) -> Option<&str> {
    let mut maker = "";
    for word in line.split(|c: char| !c.is_alphanumeric() && c != '_') {
        if word.is_empty() {
            continue;
        }
        if MAKERS.contains(&maker) && !MAKERS.contains(&word) {
            let is_banned_function = maker == "fn" && BANNED_FUNCTIONS.contains(&word);
            if is_banned_function {
                return Some(word);
            }
            if let Some(part) = banned_part(word) {
                return Some(part);
            }
        }
        maker = word;
    }
    None
}

/// The first part of a snake, camel or shouted name that is banned.
fn banned_part(name: &str) -> Option<&'static str> {
    let mut spaced = String::new();
    let mut was_lower = false;
    for c in name.chars() {
        if c == '_' || (c.is_uppercase() && was_lower) {
            spaced.push(' ');
        }
        was_lower = c.is_lowercase();
        if c != '_' {
            spaced.extend(c.to_lowercase());
        }
    }
    let part_is = |banned: &&&str| spaced.split(' ').any(|part| part == **banned);
    BANNED.iter().find(part_is).copied()
}

/// The tree says nothing about the machine it was written on.
pub fn machines(tree: &SourceTree) -> Vec<TidyFinding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        for (at, line) in file.text.lines().enumerate() {
            let found = MACHINES.iter().find(|pattern| line.contains(**pattern));
            findings.extend(found.map(|pattern| TidyFinding {
                place: format!("{}:{}", file.path, at + 1),
                what: format!("{pattern} names a machine or a registry"),
                way_out: "use a path from the workspace's root, a temporary folder or a tool's \
                          own default",
            }));
        }
    }
    findings
}

/// Whoever operates a rule can read what it is for: its first line is a comment in English.
pub fn rules_begin_in_english(tree: &SourceTree) -> Vec<TidyFinding> {
    let rules = tree.files.iter().filter(|file| file.path.ends_with(".rules"));
    let silent = rules.filter(|file| {
        let first = file.text.lines().next().unwrap_or("");
        let letters = first.chars().filter(char::is_ascii_alphabetic).count();
        !first.starts_with('#') || letters < ENGLISH_LETTERS_MIN
    });
    let findings = silent.map(|file| TidyFinding {
        place: format!("{}:1", file.path),
        what: "the first line is no English comment".to_owned(),
        way_out: "begin with `# ` and what the rules in this file watch",
    });
    findings.collect()
}

/// README, README.ja, ARCHITECTURE, CHANGELOG and LICENSE are there.
pub fn root_documents(tree: &SourceTree) -> Vec<TidyFinding> {
    let is_missing = |name: &&&str| tree.files.iter().all(|file| file.path != **name);
    let findings = ROOT_DOCUMENTS.iter().filter(is_missing).map(|name| TidyFinding {
        place: (*name).to_owned(),
        what: "missing".to_owned(),
        way_out: "write it; it is part of the first road",
    });
    findings.collect()
}

#[test]
fn names_are_taken_apart() {
    let cases = [
        ("RuleManager", Some("manager")),
        ("rule_helpers", Some("helpers")),
        ("DATA_MAX", Some("data")),
        ("metadata", None),
        ("information", None),
        ("Database", None),
    ];
    for (name, expected) in cases {
        assert_eq!(banned_part(name), expected, "{name}");
    }
}

#[test]
fn only_names_that_are_made_count() {
    let cases = [
        ("fn process(", Some("process")),
        ("pub async fn handle() {", Some("handle")),
        ("let mut data = 1;", Some("data")),
        ("fn process_id() {", None),
        ("tracing::info!(x)", None),
        ("record.data()", None),
        ("let process = child;", None),
    ];
    for (line, expected) in cases {
        assert_eq!(banned_in(line), expected, "{line}");
    }
}
