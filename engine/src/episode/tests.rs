use rules_dsl::rule::{Measure, Selection};

use super::*;
use crate::sample::selection;

/// Clauses, values that hold from their instant on, and what is told.
type Played<'a> = (Clauses, &'a [(i64, Option<i64>)], &'a str);

/// Clauses of a `sum >= 10` under test.
#[derive(Clone, Copy, Debug, Default)]
struct Clauses {
    for_ms: i64,
    keep_ms: i64,
    hold_ms: i64,
    clear: Option<i64>,
}

fn alert(clauses: Clauses) -> Alert {
    let mut alert = crate::sample::alert("a");
    alert.trigger.measure = Measure::Sum(Selection { field: Some(0), ..selection(0) });
    alert.trigger.level = Decimal::from_int(10);
    Alert {
        for_ms: clauses.for_ms,
        keep_ms: clauses.keep_ms,
        clear: clauses.clear.map(Decimal::from_int),
        hold_ms: clauses.hold_ms,
        ..alert
    }
}

fn whole(value: i64) -> Measured {
    Measured { numerator: Decimal::from_int(value).units(), denominator: 1 }
}

/// Plays values that hold from their instant on, `None` being unknown, and every timer the
/// episode asks for; tells `+at(since)`, `-at(peak)` cleared and `?at(peak)` no data.
fn play(clauses: Clauses, values: &[(i64, Option<i64>)], until: i64) -> String {
    let alert = alert(clauses);
    let mut episode = Episode::default();
    let mut told = Vec::new();
    for now in 0..=until {
        let is_due = episode.next_dues(&alert).contains(&Some(now));
        if !is_due && values.iter().all(|(at, _)| *at != now) {
            continue;
        }
        let value = values.iter().rfind(|(at, _)| *at <= now).and_then(|(_, value)| *value);
        match episode.judge(now, value.map(whole), &alert) {
            Step::Quiet => {}
            Step::Fired { since } => told.push(format!("+{now}({since})")),
            Step::Ended { peak, reason, .. } => {
                let sign = if reason == Reason::NoData { '?' } else { '-' };
                told.push(format!("{sign}{now}({})", peak.unwrap_or(Decimal::ZERO)));
            }
        }
    }
    told.join(" ")
}

const NONE: Clauses = Clauses { for_ms: 0, keep_ms: 0, hold_ms: 0, clear: None };

#[test]
fn a_condition_fires_and_ends_at_its_edges() {
    let held = Clauses { for_ms: 5, ..NONE };
    let kept = Clauses { keep_ms: 5, ..NONE };
    let both = Clauses { for_ms: 3, keep_ms: 5, ..NONE };
    let eased = Clauses { clear: Some(4), ..NONE };
    let cases: [Played<'_>; 12] = [
        (NONE, &[(1, Some(10)), (3, Some(9))], "+1(1) -3(10)"),
        (NONE, &[(1, Some(12)), (2, Some(15)), (3, Some(11)), (4, Some(0))], "+1(1) -4(15)"),
        // True on [1, 6): `for 5` needs an end later than 6.
        (held, &[(1, Some(10)), (6, Some(0))], ""),
        (held, &[(1, Some(10)), (7, Some(0))], "+6(1) -7(10)"),
        (held, &[(1, Some(10)), (4, Some(0)), (5, Some(10))], "+10(5)"),
        (kept, &[(1, Some(10)), (3, Some(0))], "+1(1) -8(10)"),
        // True again at exactly false + keep: the same episode.
        (kept, &[(1, Some(10)), (3, Some(0)), (8, Some(11)), (9, Some(0))], "+1(1) -14(11)"),
        (kept, &[(1, Some(10)), (3, Some(0)), (9, Some(11))], "+1(1) -8(10) +9(9)"),
        // It continues without waiting for `for` anew.
        (both, &[(1, Some(10)), (5, Some(0)), (6, Some(10)), (7, Some(0))], "+4(1) -12(10)"),
        (eased, &[(1, Some(9)), (2, Some(10)), (3, Some(4)), (4, Some(3))], "+2(2) -4(10)"),
        (eased, &[(2, Some(10)), (3, Some(3)), (4, Some(9)), (5, Some(10))], "+2(2) -3(10) +5(5)"),
        (
            Clauses { for_ms: 3, clear: Some(4), ..NONE },
            // `clear` stands in only while firing: 9 before it interrupts.
            &[(1, Some(10)), (3, Some(9)), (4, Some(10)), (8, Some(4)), (9, Some(3))],
            "+7(4) -9(10)",
        ),
    ];
    for (clauses, values, want) in cases {
        assert_eq!(play(clauses, values, 30), want, "{clauses:?} {values:?}");
    }
}

#[test]
fn the_unknown_keeps_the_last_truth_for_as_long_as_it_may() {
    let hold = Clauses { hold_ms: 5, ..NONE };
    let cases: [Played<'_>; 9] = [
        (hold, &[(1, Some(10)), (3, None)], "+1(1) ?8(10)"),
        (hold, &[(1, Some(10)), (3, None), (7, Some(10))], "+1(1)"),
        (hold, &[(1, Some(10)), (3, None), (8, Some(10))], "+1(1)"),
        (hold, &[(1, Some(10)), (3, None), (7, Some(0))], "+1(1) -7(10)"),
        (NONE, &[(1, Some(10)), (3, None)], "+1(1) ?3(10)"),
        // False at first.
        (hold, &[(1, None), (3, Some(0)), (4, None)], ""),
        // `for` goes on meanwhile, and fires with nothing to show.
        (Clauses { for_ms: 4, ..hold }, &[(1, Some(10)), (3, None)], "+5(1) ?8(10)"),
        (Clauses { for_ms: 8, ..hold }, &[(1, Some(10)), (3, None)], ""),
        // A false value held through the unknown goes on being false for `keep`.
        (
            Clauses { keep_ms: 4, hold_ms: 9, ..NONE },
            &[(1, Some(10)), (3, Some(0)), (4, None)],
            "+1(1) -7(10)",
        ),
    ];
    for (clauses, values, want) in cases {
        assert_eq!(play(clauses, values, 40), want, "{clauses:?} {values:?}");
    }
}

#[test]
fn a_rehearsal_neither_fires_nor_ends() {
    let alert = alert(Clauses { for_ms: 3, keep_ms: 4, ..NONE });
    let mut open = Episode::reopened(1, Some(Decimal::from_int(50)));
    let mut pending = Episode::default();
    for (now, value) in [(10, 10), (20, 0), (30, 99), (41, 60), (42, 0)] {
        open.rehearse(now, Some(whole(value)), now >= 35, &alert);
    }
    for (now, value) in [(10, 10), (30, 0), (42, 10)] {
        pending.rehearse(now, Some(whole(value)), now >= 35, &alert);
    }
    // False since 42, as the earlier run knew; 99 is what a window said that was not whole.
    assert_eq!((open.open_since(), open.peak()), (Some(1), Some(Decimal::from_int(60))));
    assert_eq!(open.next_dues(&alert), [None, Some(46)]);
    assert_eq!(pending.next_dues(&alert), [None, Some(45)]);
    assert_eq!(pending.judge(45, Some(whole(10)), &alert), Step::Fired { since: 42 });
}

#[test]
fn a_silent_key_forgets_what_is_pending_but_not_what_fires() {
    let alert = alert(Clauses { for_ms: 3, ..NONE });
    let mut pending = Episode::default();
    pending.judge(1, Some(whole(10)), &alert);
    pending.forget_pending();
    assert!(pending.is_inactive());
    let mut firing = Episode::reopened(1, None);
    firing.forget_pending();
    assert!(firing.is_firing());
}
