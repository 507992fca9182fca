//! ARCHITECTURE §2: who may know whom, and what the quiet rooms must never know.

use super::TidyFinding;
use super::source::{SourceText, SourceTree};

/// Each workspace member, the members it may name, and how many direct dependencies it may
/// have (0 for no limit). Arrows run downward only; a room that is not built yet has its row
/// already.
const MEMBERS: &[(&str, &[&str], usize)] = &[
    ("model", &[], 15),
    ("rules-dsl", &["model"], 15),
    ("engine", &["model", "rules-dsl"], 15),
    ("connectors", &["model"], 25),
    ("oncall", &["model"], 15),
    ("runtime", &["model", "rules-dsl", "engine", "connectors", "oncall"], 15),
    ("server", &["model", "connectors", "oncall", "runtime"], 15),
    ("hansho", &["model", "rules-dsl", "engine", "connectors", "oncall", "runtime", "server"], 0),
    ("tests", &["model", "rules-dsl", "engine", "connectors", "oncall", "runtime", "server"], 0),
    ("benches", &["model", "rules-dsl", "engine", "connectors", "oncall", "runtime", "server"], 0),
];

/// Rooms where time is an argument and nothing outside the process exists.
const QUIET: [&str; 4] = ["model", "rules-dsl", "engine", "oncall"];
/// The nouns say in which form they are written, where that is asked for, and on-call does of
/// its rows, or every one of their types would stand twice; which bytes they become is others'.
const WRITTEN: ([&str; 2], &str) = (["model", "oncall"], "serde");

/// A dependency as a manifest names it.
struct ManifestDependency<'a> {
    manifest: &'a SourceText,
    line: usize,
    name: &'a str,
    /// Of `[dependencies]`; otherwise of `[dev-dependencies]` or `[build-dependencies]`.
    is_shipped: bool,
}

/// A workspace member names only members below it, in any of its dependency tables.
pub fn dependency_arrows(tree: &SourceTree) -> Vec<TidyFinding> {
    let mut findings = Vec::new();
    for dependency in dependencies(tree) {
        let room = dependency.manifest.room();
        let Some((_, below, _)) = MEMBERS.iter().find(|(name, ..)| *name == room) else {
            continue;
        };
        let is_member = MEMBERS.iter().any(|(name, ..)| *name == dependency.name);
        let is_quiet_breach =
            QUIET.contains(&room) && ["serde", "serde_json", "tokio"].contains(&dependency.name);
        let is_written = WRITTEN.0.contains(&room) && dependency.name == WRITTEN.1;
        let is_quiet_breach = is_quiet_breach && !is_written;
        // A room's own tests may use the harness; what is shipped may not.
        let is_harness = dependency.name == "tests" && !dependency.is_shipped;
        let is_breach = is_member && !is_harness && !below.contains(&dependency.name);
        if is_breach || (is_quiet_breach && dependency.is_shipped) {
            findings.push(TidyFinding {
                place: format!("{}:{}", dependency.manifest.path, dependency.line),
                what: format!("{room} must not know {}", dependency.name),
                way_out: "ARCHITECTURE §2 says where such things live instead",
            });
        }
    }
    findings
}

/// Library crates stay small: 15 direct dependencies, connectors 25.
pub fn dependency_count(tree: &SourceTree) -> Vec<TidyFinding> {
    let all = dependencies(tree);
    let over = MEMBERS.iter().filter_map(|(member, _, most)| {
        let of_member = all.iter().filter(|d| d.manifest.room() == *member && d.is_shipped).count();
        (*most > 0 && of_member > *most).then(|| TidyFinding {
            place: format!("{member}/Cargo.toml"),
            what: format!("{of_member} direct dependencies, at most {most} are allowed"),
            way_out: "do without one, or move the part that needs it up to hansho",
        })
    });
    over.collect()
}

/// Every member of the workspace has a row in the table of arrows.
pub fn known_members(tree: &SourceTree) -> Vec<TidyFinding> {
    let root = tree.files.iter().find(|file| file.path == "Cargo.toml");
    let list = root.and_then(|file| file.text.split_once("members = [")).map_or("", |(_, l)| l);
    let names =
        list.split(']').next().unwrap_or("").split(',').map(|name| name.trim().trim_matches('"'));
    let unknown = names.filter(|name| !name.is_empty() && MEMBERS.iter().all(|(m, ..)| m != name));
    let findings = unknown.map(|name| TidyFinding {
        place: "Cargo.toml".to_owned(),
        what: format!("member {name} has no row in the table of arrows"),
        way_out: "add it to ARCHITECTURE §2 and to MEMBERS in tests/tests/tidy/arrows.rs",
    });
    findings.collect()
}

/// Of rules-dsl, engine reads the checked rules and nothing else.
pub fn rule_module_only(tree: &SourceTree) -> Vec<TidyFinding> {
    let strays = |line: &str| {
        line.match_indices("rules_dsl")
            .find(|(at, word)| !line[at + word.len()..].starts_with("::rule::"))
            .map(|_| "rules_dsl".to_owned())
    };
    search(
        tree.rust().filter(|file| file.room() == "engine" && file.is_shipped()),
        strays,
        "take what is needed from rules_dsl::rule, which is all engine may know",
    )
}

/// The oracle shares nothing with the engine: what both got wrong, neither would find.
pub fn oracle_alone(tree: &SourceTree) -> Vec<TidyFinding> {
    let oracle = tree.rust().filter(|file| file.path.starts_with("tests/src/oracle"));
    let lines = oracle
        .flat_map(|file| file.code.lines().enumerate().map(move |(at, line)| (file, at + 1, line)));
    let is_stray = |line: &str| {
        let of_rules = |(at, word): (usize, &str)| line[at + word.len()..].starts_with("::rule::");
        any_of(line, &["engine", "drive", "simulation"]).is_some()
            || !line.match_indices("rules_dsl").all(of_rules)
    };
    let strays = lines.filter(|(_, _, line)| is_stray(line)).map(|(file, at, line)| TidyFinding {
        place: format!("{}:{at}", file.path),
        what: format!("`{}` in the oracle", line.trim()),
        way_out: "take nouns from model and rules from rules_dsl::rule; compute the rest anew",
    });
    strays.collect()
}

/// Time is an argument.
pub fn clock_reads(tree: &SourceTree) -> Vec<TidyFinding> {
    search(
        quiet_files(tree),
        |line| any_of(line, &["Instant::now", "SystemTime::now", "UNIX_EPOCH", "Zoned::now"]),
        "take the time as an argument; hansho owns the clock",
    )
}

/// No files, threads, runtimes or serialisation frameworks in the quiet rooms.
pub fn outside_world(tree: &SourceTree) -> Vec<TidyFinding> {
    // Of `std::net` the addresses are plain values; its sockets are not.
    let words = [
        "std::fs",
        "std::thread",
        "std::process",
        "TcpStream",
        "TcpListener",
        "UdpSocket",
        "tokio",
        "serde_json",
    ];
    let outside = |line: &str| {
        any_of(line, &words).or_else(|| any_in_group(line, &["fs", "thread", "process"]))
    };
    let way_out = "let connectors or hansho do it and hand over plain values";
    let (rooms, framework) = WRITTEN;
    let without_rows = quiet_files(tree).filter(|file| !rooms.contains(&file.room()));
    let mut findings = search(quiet_files(tree), outside, way_out);
    findings.extend(search(without_rows, |line| any_of(line, &[framework]), way_out));
    findings
}

/// The engine is lock-free.
pub fn locks(tree: &SourceTree) -> Vec<TidyFinding> {
    let words = ["Mutex", "RwLock", "Condvar", "Barrier", "DashMap", "parking_lot"];
    search(
        tree.rust().filter(|file| file.room() == "engine" && file.is_shipped()),
        |line| any_of(line, &words),
        "a key group has one owner: send a batch over a ring instead of sharing",
    )
}

fn quiet_files(tree: &SourceTree) -> impl Iterator<Item = &SourceText> {
    tree.rust().filter(|file| QUIET.contains(&file.room()) && file.is_shipped())
}

fn search<'a>(
    files: impl Iterator<Item = &'a SourceText>,
    wrong: impl Fn(&str) -> Option<String>,
    way_out: &'static str,
) -> Vec<TidyFinding> {
    let mut findings = Vec::new();
    for file in files {
        for (line, code) in file.shipped_lines() {
            if let Some(word) = wrong(code) {
                let place = format!("{}:{line}", file.path);
                findings.push(TidyFinding {
                    place,
                    what: format!("{word} in {}", file.room()),
                    way_out,
                });
            }
        }
    }
    findings
}

/// The first of `words` that stands in the line as a whole word or path.
fn any_of(line: &str, words: &[&str]) -> Option<String> {
    let is_inside = |c: char| c.is_alphanumeric() || c == '_';
    let stands = |word: &&&str| {
        line.match_indices(**word).any(|(at, _)| {
            !line[..at].ends_with(is_inside) && !line[at + word.len()..].starts_with(is_inside)
        })
    };
    words.iter().find(stands).map(|word| (*word).to_owned())
}

/// The first of `modules` in a `std::{…}` group on this line.
fn any_in_group(line: &str, modules: &[&str]) -> Option<String> {
    let (_, group) = line.split_once("std::{")?;
    any_of(group, modules).map(|module| format!("std::{module}"))
}

fn dependencies(tree: &SourceTree) -> Vec<ManifestDependency<'_>> {
    let is_manifest = |file: &&SourceText| file.path.ends_with("/Cargo.toml");
    tree.files.iter().filter(is_manifest).flat_map(dependencies_of).collect()
}

/// Keys of `[…dependencies]` tables and names of `[…dependencies.NAME]` tables.
fn dependencies_of(manifest: &SourceText) -> Vec<ManifestDependency<'_>> {
    let mut found = Vec::new();
    let mut table = "";
    for (at, line) in manifest.text.lines().enumerate() {
        let line = line.trim();
        let mut add = |name, table: &str| {
            let is_shipped = !table.contains("dev-") && !table.contains("build-");
            found.push(ManifestDependency { manifest, line: at + 1, name, is_shipped });
        };
        if let Some(head) = line.strip_prefix('[') {
            table = head.trim_end_matches(']');
            if let Some((kind, name)) = table.rsplit_once("dependencies.") {
                add(name, kind);
            }
        } else if table.ends_with("dependencies") && !line.is_empty() && !line.starts_with('#') {
            let name = line.split(['.', '=', ' ']).next().unwrap_or("").trim_matches('"');
            add(name, table);
        }
    }
    found
}

#[test]
fn dependencies_are_read_from_every_table() {
    let text = "[package]\nname = \"x\"\n[dependencies]\n# why\na.workspace = true\nb = \"1\"\n\
                [dev-dependencies]\nc = { path = \"c\" }\n\
                [target.'cfg(unix)'.dependencies]\nd = 1\n\
                [dependencies.e]\nversion = \"1\"\n[lints]\nf = 1\n";
    let tree = SourceTree::of(&[("model/Cargo.toml", text)]);
    let all = dependencies(&tree);
    let seen: Vec<_> = all.iter().map(|d| (d.name, d.line, d.is_shipped)).collect();
    let expected =
        [("a", 5, true), ("b", 6, true), ("c", 8, false), ("d", 10, true), ("e", 11, true)];
    assert_eq!(seen, expected);
}
