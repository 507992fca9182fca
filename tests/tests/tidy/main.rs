//! The tidy test: STYLE's budgets and ARCHITECTURE's arrows, enforced on every file.
//!
//! A check is a function from the tree to findings; each finding names file and line and the
//! way out. Every check stands in `CHECKS` with a small tree that it must refuse, so none can
//! stop working unnoticed.

mod arrows;
mod budgets;
mod ceilings;
mod circles;
mod modules;
mod names;
mod newcomers;
mod pages;
mod shapes;
mod source;
mod tokens;
mod words;

use std::fmt;
use std::path::Path;

use source::SourceTree;

/// What is wrong where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TidyFinding {
    /// `path:line`, or a path, or `workspace`.
    place: String,
    what: String,
    way_out: &'static str,
}

impl fmt::Display for TidyFinding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}; {}", self.place, self.what, self.way_out)
    }
}

/// A check, the files of a tree it must refuse, and the place it must name there.
struct TidyCheck {
    name: &'static str,
    run: fn(&SourceTree) -> Vec<TidyFinding>,
    refused: &'static [(&'static str, &'static str)],
    place: &'static str,
}

const CHECKS: &[TidyCheck] = &[
    TidyCheck {
        name: "dependency arrows",
        run: arrows::dependency_arrows,
        refused: &[("oncall/Cargo.toml", "[package]\n[dependencies]\nengine.workspace = true")],
        place: "oncall/Cargo.toml:3",
    },
    TidyCheck {
        name: "dependency count",
        run: arrows::dependency_count,
        refused: &[(
            "engine/Cargo.toml",
            "[dependencies]\na=1\nb=1\nc=1\nd=1\ne=1\nf=1\ng=1\nh=1\ni=1\nj=1\nk=1\nl=1\nm=1\nn=1\n\
             o=1\np=1",
        )],
        place: "engine/Cargo.toml",
    },
    TidyCheck {
        name: "known members",
        run: arrows::known_members,
        refused: &[("Cargo.toml", "[workspace]\nmembers = [\"model\", \"shed\"]\n")],
        place: "Cargo.toml",
    },
    TidyCheck {
        name: "the one module engine may read",
        run: arrows::rule_module_only,
        refused: &[("engine/src/a.rs", "use rules_dsl::rule::Rule;\nuse rules_dsl::parse;\n")],
        place: "engine/src/a.rs:2",
    },
    TidyCheck {
        name: "the oracle alone",
        run: arrows::oracle_alone,
        refused: &[(
            "tests/src/oracle/a.rs",
            "use rules_dsl::rule::Rule;\nuse engine::identity::episode_id;\n",
        )],
        place: "tests/src/oracle/a.rs:2",
    },
    TidyCheck {
        name: "clock reads",
        run: arrows::clock_reads,
        refused: &[("model/src/a.rs", "// SystemTime::now\nfn a() { Instant::now(); }")],
        place: "model/src/a.rs:2",
    },
    TidyCheck {
        name: "outside world",
        run: arrows::outside_world,
        refused: &[("rules-dsl/src/a.rs", "use std::{fmt, fs};\n")],
        place: "rules-dsl/src/a.rs:1",
    },
    TidyCheck {
        name: "locks",
        run: arrows::locks,
        refused: &[("engine/src/a.rs", "\nstruct A(std::sync::Mutex<u8>);")],
        place: "engine/src/a.rs:2",
    },
    TidyCheck {
        name: "server beside the engine",
        run: arrows::dependency_arrows,
        refused: &[("server/Cargo.toml", "[dependencies]\nruntime = 1\nengine = 1\n")],
        place: "server/Cargo.toml:3",
    },
    TidyCheck {
        name: "circles between files of different folders",
        run: circles::circles,
        refused: &[
            ("oncall/src/a.rs", "mod b;\npub fn a() { b::b() }\n"),
            ("oncall/src/a/b.rs", "use super::a;\npub fn b() { a() }\n"),
        ],
        place: "oncall/src/a.rs",
    },
    TidyCheck {
        name: "spread of a type",
        run: shapes::spread_types,
        refused: &[
            ("model/src/lib.rs", "mod a;\nmod b;\nmod c;\nmod d;\n"),
            ("model/src/a.rs", "pub struct A<T>(T);\nimpl<T> A<T> {}\n"),
            ("model/src/b.rs", "impl crate::a::A<u8> {}\n"),
            ("model/src/c.rs", "use super::a::A;\nimpl From<u8> for A<u8> {}\n"),
            ("model/src/d.rs", "use crate::a;\nimpl Drop for a::A<u8> {}\n"),
        ],
        place: "model/src/a.rs",
    },
    TidyCheck {
        name: "tuple parameters",
        run: shapes::tuple_parameters,
        refused: &[("engine/src/a.rs", "fn a(\n    (b, c): (u8, u8),\n) {}\n")],
        place: "engine/src/a.rs:1",
    },
    TidyCheck {
        name: "rebindings",
        run: shapes::rebindings,
        refused: &[("engine/src/a.rs", "fn a(b: &str) {\n    let b = b;\n}\n")],
        place: "engine/src/a.rs:2",
    },
    TidyCheck {
        name: "blocks that only move",
        run: shapes::moving_blocks,
        refused: &[("engine/src/a.rs", "fn a() {\n    f({ let b = b.clone(); move || b });\n}\n")],
        place: "engine/src/a.rs:2",
    },
    TidyCheck {
        name: "examples of newcomers",
        run: newcomers::examples,
        refused: &[("connectors/src/sink/fax.rs", "struct Fax;")],
        place: "connectors",
    },
    TidyCheck {
        name: "file length",
        run: budgets::file_length,
        refused: &[("engine/src/a.rs", LINES_801)],
        place: "engine/src/a.rs",
    },
    TidyCheck {
        name: "function length",
        run: budgets::function_length,
        refused: &[("hansho/src/a.rs", FUNCTION_OF_71)],
        place: "hansho/src/a.rs:1",
    },
    TidyCheck {
        name: "function length, 90th percentile",
        run: budgets::function_length_p90,
        refused: &[("hansho/src/a.rs", FUNCTION_OF_71)],
        place: "workspace",
    },
    TidyCheck {
        name: "columns",
        run: budgets::columns,
        refused: &[("oncall/src/a.rs", WIDE_LINE)],
        place: "oncall/src/a.rs:2",
    },
    TidyCheck {
        name: "share of bare pub fn",
        run: budgets::public_share,
        refused: &[("model/src/a.rs", "pub fn a() {}\nfn b() {}\n")],
        place: "workspace",
    },
    TidyCheck {
        name: "tests to source",
        run: budgets::test_ratio,
        refused: &[("model/src/a.rs", "fn a() {}\n")],
        place: "workspace",
    },
    TidyCheck {
        name: "banned names",
        run: words::banned_names,
        refused: &[("hansho/src/a.rs", "fn good() {}\nstruct RuleManager;\n")],
        place: "hansho/src/a.rs:2",
    },
    TidyCheck {
        name: "public types of one word",
        run: names::public_types,
        refused: &[
            ("docs/glossary.md", "| `Shard` | x |\n"),
            ("engine/src/a.rs", "pub struct Shard;\npub(crate) struct Thing;\n"),
        ],
        place: "engine/src/a.rs:2",
    },
    TidyCheck {
        name: "types defined once",
        run: names::defined_once,
        refused: &[
            ("engine/src/a.rs", "struct RowCount;\n"),
            ("tests/tests/b.rs", "\n    enum RowCount {}\n"),
        ],
        place: "tests/tests/b.rs:2",
    },
    TidyCheck {
        name: "private verbs",
        run: names::private_verbs,
        refused: &[("oncall/src/a.rs", "fn a() {\n    let told_at = 1;\n}\n")],
        place: "oncall/src/a.rs:2",
    },
    TidyCheck {
        name: "openings of doc comments",
        run: names::doc_openings,
        refused: &[("model/src/a.rs", "/// What it is.\npub struct RowCount;\n")],
        place: "model/src/a.rs:1",
    },
    TidyCheck {
        name: "glossaries alike",
        run: names::glossaries,
        refused: &[("docs/glossary.md", "| `Shard` | x |\n")],
        place: "docs/glossary.ja.md",
    },
    TidyCheck {
        name: "build machines and registries",
        run: words::machines,
        refused: &[("docs/a.md", concat!("Fine.\nSee /ro", "ot/.cargo for more."))],
        place: "docs/a.md:2",
    },
    TidyCheck {
        name: "rules begin in English",
        run: words::rules_begin_in_english,
        refused: &[("rules/a.rules", "# 認証失敗\nstream a from \"a\" {}\n")],
        place: "rules/a.rules:1",
    },
    TidyCheck {
        name: "root documents",
        run: words::root_documents,
        refused: &[("README.md", "# hansho")],
        place: "LICENSE",
    },
    TidyCheck {
        name: "English pages use the field's words",
        run: pages::english_pages_use_the_fields_words,
        refused: &[("docs/a.md", "Rules are read.\nThe rules in force are said.\n")],
        place: "docs/a.md:2",
    },
    TidyCheck {
        name: "tests that promises name",
        run: pages::promised_tests,
        refused: &[("docs/promises.md", "| P1 | no loss | `nothing_is_lost` (tests) |\n")],
        place: "docs/promises.md:1",
    },
];

const LINES_801: &str = include_str!("samples/lines_801.txt");
const FUNCTION_OF_71: &str = include_str!("samples/function_of_71.txt");
/// 51 wide characters are 102 columns.
const WIDE_LINE: &str = concat!(
    "// fine\n//",
    "半鐘半鐘半鐘半鐘半鐘半鐘半鐘半鐘半鐘半鐘半鐘半鐘",
    "半鐘半鐘半鐘半鐘半鐘半鐘半鐘半鐘半鐘半鐘半鐘半鐘半鐘\n"
);

#[test]
fn the_tree_is_tidy() {
    let tree = SourceTree::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    println!("{}", budgets::figures(&tree));
    println!("{}", circles::figures(&tree));
    println!("{}", newcomers::figures(&tree));
    println!("{}", names::figures(&tree));
    let mut report = String::new();
    for check in CHECKS {
        for finding in (check.run)(&tree) {
            report += &format!("[{}] {finding}\n", check.name);
        }
    }
    assert!(report.is_empty(), "the tree is not tidy:\n{report}");
}

#[test]
fn every_check_refuses_its_sample() {
    for check in CHECKS {
        let findings = (check.run)(&SourceTree::of(check.refused));
        let places: Vec<&str> = findings.iter().map(|finding| finding.place.as_str()).collect();
        assert!(places.contains(&check.place), "{}: {places:?}", check.name);
    }
}

#[test]
fn no_check_refuses_what_is_tidy() {
    let tidy = SourceTree::of(TIDY);
    for check in CHECKS {
        let findings = (check.run)(&tidy);
        assert!(findings.is_empty(), "{}: {findings:?}", check.name);
    }
}

/// A tree that looks like trouble and is none: comments, strings, tests and uses do not count.
const TIDY: &[(&str, &str)] = &[
    ("Cargo.toml", "[workspace]\nmembers = [\"model\", \"engine\"]\n"),
    ("LICENSE", "Apache"),
    ("README.md", "# hansho"),
    ("README.ja.md", "# 半鐘"),
    ("ARCHITECTURE.md", "# Road"),
    ("CHANGELOG.md", "# Changelog"),
    ("engine/Cargo.toml", "[dependencies]\nmodel.workspace = true\n[lints]\nserde = 1\n"),
    (
        "engine/src/a.rs",
        "//! Mutex, Instant::now and tokio are words here.\nuse rules_dsl::rule::Rule;\n\
         const WORDS: &str = \"std::fs serde data\";\nfn metadata() -> char { '\"' }\n\
         fn processed<'a>(x: &'a str) -> &'a str { x }\npub(crate) fn b() {}\npub fn c() {}\n\
         #[cfg(test)]\nmod tests {\n    use rules_dsl::parse;\n    pub fn d() {}\n}\n",
    ),
    ("engine/src/trigger/absence.rs", "//! One trigger, one file.\n"),
    ("docs/a.md", "Run `say`:\n\n```sh\nsay told\n```\n"),
    ("docs/a.ja.md", "told\n"),
    ("rules/a.rules", "# Failed logins, as the manual has them\nstream a from \"a\" {}\n"),
];
