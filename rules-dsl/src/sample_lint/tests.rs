use super::*;
use crate::compile;
use crate::diagnostic::DiagnosticCode::{
    self, FiresThroughout, ManyLate, NeverSeen, WindowBelowCadence,
};

const BASE: &str = "\
stream a { at: time, host: str, n: float } lateness 5s
stream b { at: time, host: str, n: float }
filter bad = a where n > 1
filter awful = bad where n > 2
";

const A: StreamSample = StreamSample { events: 1000, late: 10, enough_ms: 5_000, waiting: 0 };
const NOTHING: StreamSample = StreamSample { events: 0, late: 0, enough_ms: 0, waiting: 0 };

fn counted(events: u64, cadence_ms: Option<i64>) -> SelectionSample {
    SelectionSample { events, cadence_ms }
}

/// The findings about rules of which one, `x`, is sampled.
fn found(
    text: &str,
    streams: [StreamSample; 2],
    selections: &[SelectionSample],
    always: Option<usize>,
) -> Vec<(DiagnosticCode, String)> {
    let files = [SourceFile { name: "x".to_owned(), text: format!("{BASE}{text}") }];
    let mut compiled = compile(&files);
    assert!(compiled.rules.is_some(), "{text}: {:#?}", compiled.diagnostics);
    let selections = selections.to_vec();
    let rule = RuleSample { name: "x".to_owned(), selections, always, keys: KeySample::default() };
    let sample = EventSample {
        streams: streams.to_vec(),
        rules: vec![rule],
        room: ServiceLimits::default(),
    };
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
fn what_is_never_counted_is_reported_where_it_is_declared() {
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
fn what_never_stops_firing_is_reported() {
    let keyed = "alert x bad 3回/分 by host high";
    let said = |name: &str| vec![(FiresThroughout, name.to_owned())];
    assert_eq!(found(keyed, [A, A], &[counted(900, None)], Some(3)), said("x"));
    assert_eq!(found(keyed, [A, A], &[counted(900, None)], None), []);
    // What has nothing to count is told as that.
    let reported = found(keyed, [A, A], &[counted(0, None)], Some(3));
    assert_eq!(reported, [(NeverSeen, "bad".to_owned())]);
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
    for (trigger, cadence_ms, is_reported) in cases {
        let text = format!("alert x {trigger} high");
        let reported = found(&text, [A, A], &[counted(900, Some(cadence_ms))], None);
        let want: &[_] = if is_reported { &[(WindowBelowCadence, "x".to_owned())] } else { &[] };
        assert_eq!(reported, want, "{trigger} {cadence_ms}");
        assert_eq!(found(&text, [A, A], &[counted(900, None)], None), [], "{trigger}");
    }
    // The second window has its own events.
    let two = "alert x avg(a.n) > 1 within 1m and last(b.n) > 1 within 1m by host high";
    let reported =
        |first, second| found(two, [A, A], &[counted(9, first), counted(9, second)], None);
    assert_eq!(reported(Some(1_000), Some(60_001)).len(), 1);
    assert_eq!(reported(Some(60_001), Some(60_001)).len(), 2);
    assert_eq!(reported(Some(1_000), Some(1_000)), []);
}

#[test]
fn more_than_one_in_a_hundred_may_not_be_late() {
    let text = "alert x bad 3回/分 by host high";
    let late = |late| StreamSample { late, ..A };
    let seen = [counted(900, None)];
    assert_eq!(found(text, [late(10), A], &seen, None), []);
    let reported = found(text, [late(11), A], &seen, None);
    assert_eq!(reported, [(ManyLate, "a".to_owned())]);
    let few = StreamSample { events: 9, late: 9, enough_ms: 5_000, waiting: 0 };
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

/// Lints of the keys of a rule, and of the time its stream buffers events.
fn reported(text: &str, keys: KeySample, waiting: u64) -> Vec<String> {
    let files = [SourceFile { name: "x".to_owned(), text: format!("{BASE}{text}") }];
    let mut compiled = compile(&files);
    assert!(compiled.rules.is_some(), "{text}: {:#?}", compiled.diagnostics);
    let selections = vec![counted(999, None); 2];
    let rule = RuleSample { name: "x".to_owned(), selections, always: None, keys };
    let streams = vec![StreamSample { waiting, ..A }, A];
    let room = ServiceLimits { keys: 1_000_000, unsettled_bytes: 1 << 20, waiting_bytes: 1 << 10 };
    lint(&files, &mut compiled, &EventSample { streams, rules: vec![rule], room });
    let reported = |of: &Diagnostic| {
        let help: Vec<&str> = of.help.iter().map(|help| help.en.as_str()).collect();
        format!("{} {} / {}", of.code.id(), of.message.en, help.join(" / "))
    };
    compiled.diagnostics.iter().map(reported).collect()
}

#[test]
fn keys_that_outgrow_their_room_or_hardly_come_again() {
    let keys = |events, different, together| KeySample { events, different, together };
    let unique = keys(1000, 801, 900);
    let cases = [
        // The shipped 認証失敗多発, by what comes again and by what does not.
        ("bad 10回/分 by host", keys(1000, 40, 12), ""),
        ("bad 10回/分 by host", keys(1000, 800, 12), ""),
        ("bad 10回/分 by host", unique, "1000 events had at least 801 different `host`"),
        ("bad 10回/分 by host", keys(999, 999, 12), ""),
        ("bad 10回/分 by host limit 1000 keys", unique, ""),
        ("bad 10回/分", unique, ""),
        ("any bad by host", unique, "at least 801 different"),
        ("absent a within 1m by host seen 1d", unique, "at least 801 different"),
        // Ids of affairs are keys of what joins their events.
        ("bad then b within 1m by host", unique, ""),
        ("bad then not b within 1m by host", unique, ""),
        ("bad 10回/分 by host limit 900 keys", unique, ""),
        ("bad 10回/分 by host limit 899 keys", unique, "`host` came within 1m, and there is room"),
        ("bad 10回/分 by host limit 899 keys", unique, "`limit 1800 keys`"),
        ("bad then b within 2m by host limit 899 keys", unique, "came within 2m"),
        ("bad then not b within 1m by host limit 899 keys", unique, ""),
        ("bad 10回/分 by host", keys(5_000_000, 1_000_001, 1_000_001), "room for 1000000"),
    ];
    for (trigger, seen, want) in cases {
        let reported = reported(&format!("alert x {trigger} high"), seen, 0);
        assert_eq!(reported.len(), usize::from(!want.is_empty()), "{trigger}: {reported:?}");
        let is_reported = reported
            .iter()
            .all(|reported| reported.starts_with("W0205") && reported.contains(want));
        assert!(is_reported, "{trigger}: {reported:?}");
    }
    // What the id of events does is told without their like.
    let id =
        "stream c { at: time, host: str } id host\nalert x count(c) >= 3 within 1m by host low";
    let reported = reported(id, unique, 0);
    assert!(matches!(reported.as_slice(), [only] if only.starts_with("W0112")), "{reported:?}");
}

#[test]
fn what_waits_out_its_lateness_needs_room() {
    let text = "alert x bad 3回/分 by host high";
    assert_eq!(reported(text, KeySample::default(), 1024), [""; 0]);
    let reported = reported(text, KeySample::default(), 1025);
    let want = "W0206 at least 1025 observations wait out the 5s of `lateness` at once: 2 MiB, and \
                there is room for 1 MiB / wait for less: `lateness 2s` / or make room in \
                `[limits]`: `reorder_buffer_bytes = \"3MiB\"`";
    assert_eq!(reported, [want]);
}

#[test]
fn room_is_advised_in_numbers_that_people_write() {
    for (number, want) in [(0, 0), (7, 7), (20, 20), (101, 110), (1_800, 1_800), (14_401, 15_000)] {
        assert_eq!(rounded_up(number), want, "{number}");
    }
}
