//! One file per code: the rule text, then what people read in English and in Japanese.
//!
//! `UPDATE_GOLDEN=1 cargo test -p rules-dsl --test golden` rewrites what is expected.

use std::path::PathBuf;

use model::calendar::ZoneOffsets;
use model::message::Language;
use model::time::{HOUR_MS, Timestamp};
use rules_dsl::compile_in;
use rules_dsl::diagnostic::DiagnosticCode;
use rules_dsl::resolver::Resolver;
use rules_dsl::sample_lint::{
    EventSample, KeySample, RuleSample, SelectionSample, ServiceLimits, StreamSample, lint,
};
use rules_dsl::source::SourceFile;

const EN: &str = "---- en ----\n";
const JA: &str = "---- ja ----\n";

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden"))
}

/// Files that the goldens name.
struct GoldenShelf;

impl Resolver for GoldenShelf {
    fn text(&self, _: &str, name: &str) -> Result<String, String> {
        let files = [
            ("hosts.txt", "web-1\nweb-2\n"),
            ("limits.csv", "host, medium, critical, clear\nweb-1, 90%, 85%,\nweb-2, many,,\n"),
            ("names.csv", "host, owner\nweb-1, 佐藤\n"),
            ("odd.csv", "host, medium, medium\n"),
        ];
        let file = files.iter().find(|(file, _)| *file == name);
        file.map(|(_, text)| (*text).to_owned()).ok_or_else(|| "no such file".to_owned())
    }

    fn zone(&self, name: &str) -> Option<ZoneOffsets> {
        // The changes of the clocks in one year are enough.
        let day = |month, day, hour| Timestamp::from_civil(2027, month, day, hour * HOUR_MS);
        let offset = |hours: i32| hours * 3600;
        match name {
            "UTC" => Some(ZoneOffsets::default()),
            "America/New_York" => Some(ZoneOffsets {
                offsets: vec![
                    (Timestamp(0), offset(-5)),
                    (day(3, 14, 7)?, offset(-4)),
                    (day(11, 7, 6)?, offset(-5)),
                ],
            }),
            _ => None,
        }
    }

    fn holidays(&self, _: &str, _: &str) -> Result<Vec<i64>, String> {
        Err("not an iCalendar file".to_owned())
    }
}

/// Sample of data for the rules that lints of data are about.
fn sample(late: u64, waiting: u64) -> EventSample {
    let rule = |name: &str, events, cadence_ms, always| {
        let name = name.to_owned();
        let selections = vec![SelectionSample { events, cadence_ms }];
        RuleSample { name, selections, always, keys: KeySample::default() }
    };
    let keyed = |name: &str, different, together| RuleSample {
        keys: KeySample { events: 20_000, different, together },
        ..rule(name, 20_000, None, None)
    };
    EventSample {
        streams: vec![StreamSample { events: 1000, late, enough_ms: 73_000, waiting }],
        rules: vec![
            rule("starved", 0, None, None),
            rule("endless", 1000, None, Some(1)),
            rule("endless_by_key", 900, None, Some(12)),
            rule("every_one", 1000, None, None),
            rule("gappy", 500, Some(61_000), None),
            rule("steep", 500, Some(61_000), None),
            rule("silent", 500, Some(90_000), None),
            keyed("unique", 19_000, 900),
            keyed("crowded", 8_100, 7_200),
        ],
        room: ServiceLimits { keys: 1_000_000, unsettled_bytes: 256 << 20, waiting_bytes: 160 },
    }
}

fn rendered(text: &str, language: Language) -> (String, Vec<DiagnosticCode>) {
    let files = [SourceFile { name: "x.rules".to_owned(), text: text.to_owned() }];
    let mut compiled = compile_in(&files, &GoldenShelf);
    // A stream is late in the golden of that alone.
    let late = if text.contains("lateness 5s") { 25 } else { 0 };
    // And more of it waits than there is room for, or as much as there is.
    let waiting = if text.contains("lateness 1h") { 4_200_000 } else { 1_600_000 };
    lint(&files, &mut compiled, &sample(late, waiting));
    let found = compiled.diagnostics;
    let shown: Vec<String> = found.iter().map(|d| d.render(&files, language)).collect();
    (shown.join("\n"), found.iter().map(|d| d.code).collect())
}

#[test]
fn every_code_has_a_golden_and_reads_as_it_says() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for code in DiagnosticCode::ALL {
        let path = folder().join(format!("{}.txt", code.id()));
        let Ok(golden) = std::fs::read_to_string(&path) else {
            wrong.push(format!("{} ({code:?}) has no golden", code.id()));
            continue;
        };
        let source = golden.split(EN).next().unwrap();
        let (en, codes) = rendered(source, Language::En);
        let (ja, _) = rendered(source, Language::Ja);
        if !codes.contains(code) {
            wrong.push(format!("{} ({code:?}) is not reported: {codes:?}", code.id()));
            continue;
        }
        let want = format!("{source}{EN}{en}{JA}{ja}");
        if update {
            std::fs::write(&path, want).unwrap();
        } else if want != golden {
            wrong.push(format!("{} differs:\n{want}", code.id()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_golden_is_left_over() {
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(DiagnosticCode::ALL.iter().any(|code| code.id() == stem), "{}", path.display());
    }
}

#[test]
fn codes_are_unique() {
    let mut ids: Vec<&str> = DiagnosticCode::ALL.iter().map(|code| code.id()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), DiagnosticCode::ALL.len());
}
