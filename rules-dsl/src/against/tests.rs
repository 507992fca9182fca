use super::*;
use crate::compile;
use crate::diagnostic::Code::{self, FiresThroughout, ManyLate, NeverSeen, WindowBelowCadence};

const BASE: &str = "\
stream a { at: time, host: str, n: float } lateness 5s
stream b { at: time, host: str, n: float }
filter bad = a where n > 1
filter awful = bad where n > 2
";

const A: StreamSample = StreamSample { events: 1000, late: 10, enough_ms: 5_000 };
const NOTHING: StreamSample = StreamSample { events: 0, late: 0, enough_ms: 0 };

fn counted(events: u64, cadence_ms: Option<i64>) -> SelectionSample {
    SelectionSample { events, cadence_ms }
}

/// The findings about rules of which one, `x`, is sampled.
fn found(
    text: &str,
    streams: [StreamSample; 2],
    selections: &[SelectionSample],
    always: Option<usize>,
) -> Vec<(Code, String)> {
    let files = [SourceFile { name: "x".to_owned(), text: format!("{BASE}{text}") }];
    let mut compiled = compile(&files);
    assert!(compiled.rules.is_some(), "{text}: {:#?}", compiled.diagnostics);
    let rule = RuleSample { name: "x".to_owned(), selections: selections.to_vec(), always };
    let sample = Sample { streams: streams.to_vec(), rules: vec![rule] };
    let shown = |found: &Diagnostic| {
        let at = files.first().map_or("", |file| &file.text[found.span.clone()]);
        (found.code, at.to_owned())
    };
    let before = compiled.diagnostics.len();
    lint(&files, &mut compiled, &sample);
    assert_eq!(before, 0, "{text}");
    compiled.diagnostics.iter().map(shown).collect()
}

#[test]
fn what_is_never_counted_is_told_where_it_is_declared() {
    let ratio = "alert x ratio(awful, bad) > 5% within 1m min 9 high";
    let none = counted(0, None);
    let some = counted(1, None);
    let named = |name: &str| vec![(NeverSeen, name.to_owned())];
    assert_eq!(found(ratio, [A, NOTHING], &[none, some], None), named("awful"));
    assert_eq!(found(ratio, [A, NOTHING], &[some, none], None), named("bad"));
    assert_eq!(found(ratio, [A, NOTHING], &[some, some], None), []);
    let missed = "alert x bad then not b within 1m by host high";
    // Without data of `b` nothing is known of it.
    assert_eq!(found(missed, [A, NOTHING], &[some, none], None), []);
    assert_eq!(found(missed, [A, A], &[some, none], None), named("b"));
    let watch = "watch x = count(awful) within 1m";
    assert_eq!(found(watch, [A, A], &[none], None), named("awful"));
}

#[test]
fn what_never_stops_firing_is_told() {
    let keyed = "alert x bad 3回/分 by host high";
    let said = |name: &str| vec![(FiresThroughout, name.to_owned())];
    assert_eq!(found(keyed, [A, A], &[counted(900, None)], Some(3)), said("x"));
    assert_eq!(found(keyed, [A, A], &[counted(900, None)], None), []);
    // What has nothing to count is told as that.
    let told = found(keyed, [A, A], &[counted(0, None)], Some(3));
    assert_eq!(told, [(NeverSeen, "bad".to_owned())]);
    let any = "alert x any bad high";
    assert_eq!(found(any, [A, A], &[counted(1000, None)], None), said("bad"));
    assert_eq!(found(any, [A, A], &[counted(999, None)], None), []);
    let few = StreamSample { events: 9, ..A };
    assert_eq!(found(any, [few, A], &[counted(9, None)], None), []);
}

#[test]
fn a_window_is_held_against_the_distance_of_its_events() {
    let cases = [
        ("avg(a.n) > 1 within 1m by host", 60_000, false),
        ("avg(a.n) > 1 within 1m by host", 60_001, true),
        ("last(a.n) > 1 within 1m by host", 60_001, true),
        ("p99(a.n) > 1 within 1m by host", 60_001, true),
        // Two values are needed.
        ("delta(a.n) > 1 within 1m by host", 30_000, false),
        ("delta(a.n) > 1 within 1m by host", 30_001, true),
        ("stddev(a.n) > 1 within 1m by host", 30_001, true),
        // Nothing is a number like any other.
        ("a 3回/分 by host", 3_600_000, false),
        ("sum(a.n) > 1 within 1m by host", 3_600_000, false),
        ("distinct(a.n) > 1 within 1m by host", 3_600_000, false),
        ("absent a within 1m by host seen 1d", 60_000, false),
        ("absent a within 1m by host seen 1d", 60_001, true),
    ];
    for (trigger, cadence_ms, is_told) in cases {
        let text = format!("alert x {trigger} high");
        let told = found(&text, [A, A], &[counted(900, Some(cadence_ms))], None);
        let want: &[_] = if is_told { &[(WindowBelowCadence, "x".to_owned())] } else { &[] };
        assert_eq!(told, want, "{trigger} {cadence_ms}");
        assert_eq!(found(&text, [A, A], &[counted(900, None)], None), [], "{trigger}");
    }
    // The second window has its own events.
    let two = "alert x avg(a.n) > 1 within 1m and last(b.n) > 1 within 1m by host high";
    let told = |first, second| found(two, [A, A], &[counted(9, first), counted(9, second)], None);
    assert_eq!(told(Some(1_000), Some(60_001)).len(), 1);
    assert_eq!(told(Some(60_001), Some(60_001)).len(), 2);
    assert_eq!(told(Some(1_000), Some(1_000)), []);
}

#[test]
fn more_than_one_in_a_hundred_may_not_be_late() {
    let text = "alert x bad 3回/分 by host high";
    let late = |late| StreamSample { late, ..A };
    let seen = [counted(900, None)];
    assert_eq!(found(text, [late(10), A], &seen, None), []);
    let told = found(text, [late(11), A], &seen, None);
    assert_eq!(told, [(ManyLate, "a".to_owned())]);
    let few = StreamSample { events: 9, late: 9, enough_ms: 5_000 };
    assert_eq!(found(text, [few, A], &seen, None), []);
}

#[test]
fn lengths_are_rounded_up_to_what_people_write() {
    let cases =
        [(0, 1_000), (1, 1_000), (61_001, 62_000), (120_001, 180_000), (7_200_001, 3 * HOUR_MS)];
    for (millis, want) in cases {
        assert_eq!(round(millis), want, "{millis}");
    }
}
