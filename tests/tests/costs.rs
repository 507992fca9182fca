//! What `check` says a window costs is what the engine keeps.

use engine::program::Program;
use rules_dsl::source::SourceFile;

const STREAM: &str = r#"
stream s {
  ts: time, host: str, ok: bool, size: int,
}
filter good = s where ok
"#;

/// The costs that `check` states for alerts, and what their windows keep.
fn costs(alerts: &str) -> Vec<(String, String, usize)> {
    let file = SourceFile { name: "costs.rules".to_owned(), text: format!("{STREAM}{alerts}") };
    let compiled = rules_dsl::compile(&[file]);
    let rules = compiled.rules.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
    let program = Program::compile(&rules).unwrap();
    let kept = |name: &str| {
        let plan = program.rules().iter().find(|plan| plan.alert.name == name);
        plan.unwrap_or_else(|| panic!("{name}")).entry_bytes()
    };
    let readings = compiled.readings.into_iter();
    readings.map(|it| (it.cost_en, it.cost_ja, kept(&it.alert))).collect()
}

#[test]
fn a_cost_is_what_is_kept() {
    let measures = [
        "count(s) >= 2",
        "count(s) > 5000",
        "ratio(good, s) >= 50%",
        "sum(s.size) >= 2",
        "avg(s.size) >= 2",
        "stddev(s.size) >= 2",
        "min(s.size) <= 2",
        "max(s.size) >= 2",
        "distinct(s.size) >= 2",
        "delta(s.size) >= 2",
        "increase(s.size) >= 2",
        "rate(s.size) >= 2",
        "p99(s.size) >= 2",
        "avg(s.size) >= 2 within WINDOW and max(s.size) >= 5",
        "max(s.size) >= 5 within WINDOW or distinct(s.size) >= 4",
    ];
    let mut alerts = String::new();
    for (at, measure) in measures.iter().enumerate() {
        for (form, window) in [("short", "5m"), ("long", "2h")] {
            let measure = measure.replace("WINDOW", window);
            alerts += &format!("alert {form}{at} {measure} within {window} by host low\n");
        }
    }
    alerts += "alert sample last(s.size) >= 2 by host low\n";
    let emitted = costs(&alerts);
    assert_eq!(emitted.len(), 2 * measures.len() + 1);
    for (english, japanese, kept) in emitted {
        let want = match kept {
            0 => "one sample per key".to_owned(),
            kept => format!("{kept} B per "),
        };
        assert!(english.starts_with(&want), "{english}, not {want}");
        let want = if kept == 0 {
            "1キーにつき最新の1件のみ".to_owned()
        } else {
            format!("につき {kept} B")
        };
        assert!(japanese.contains(&want), "{japanese}, not {want}");
    }
}

#[test]
fn what_is_kept_by_step_is_emitted_by_step() {
    let alerts = "\
        alert a sum(s.size) >= 2 within 2h by host low\n\
        alert b increase(s.size) >= 2 within 2h by host low\n\
        alert c p99(s.size) >= 2 within 2h by host low\n\
        alert d sum(s.size) >= 2 within 5m by host low\n\
        alert e last(s.size) >= 2 by host low { message \"{count}\" }\n";
    let emitted: Vec<String> = costs(alerts).into_iter().map(|(english, ..)| english).collect();
    let want = ["32 B per step", "80 B per step", "48 B per event", "32 B per event", "16 B per"];
    for (emitted, want) in emitted.iter().zip(want) {
        assert!(emitted.starts_with(want), "{emitted}, not {want}");
    }
}
