use model::severity::Severity;
use rules_dsl::rule::SeverityLevel;

use super::*;
use crate::condition::{ComparisonState, UnknownValue};
use crate::key_thresholds::KeyThresholds;
use crate::sample::single;

/// Clauses, values that hold from their instant on, and what is told.
type PlayedCase<'a> = (LadderClauses, &'a [(i64, Option<i64>)], &'a str);

/// Clauses of a measure `>= 10`; from 20 on the second rung of a ladder is met, from 30 on the
/// third.
#[derive(Clone, Copy, Debug, Default)]
struct LadderClauses {
    for_ms: i64,
    keep_ms: i64,
    hold_ms: i64,
    clear: Option<i64>,
}

fn alert(clauses: LadderClauses) -> Alert {
    let mut alert = crate::sample::alert("a");
    single(&mut alert).1.level = Decimal::from_int(10);
    let rung = |severity, level| SeverityLevel { severity, level: Decimal::from_int(level) };
    Alert {
        severity: Severity::Low,
        rungs: vec![rung(Severity::High, 20), rung(Severity::Critical, 30)],
        for_ms: clauses.for_ms,
        keep_ms: clauses.keep_ms,
        clear: clauses.clear.map(Decimal::from_int),
        hold_ms: clauses.hold_ms,
        ..alert
    }
}

fn whole(value: i64) -> MeasureValue {
    MeasureValue::whole(Decimal::from_int(value).units())
}

/// A verdict about a value, as a key's one comparison comes to it.
fn verdict(
    now: i64,
    value: Option<i64>,
    held: &mut ComparisonState,
    firing: bool,
    alert: &Alert,
) -> Evaluation {
    let levels = KeyThresholds::new(alert, &[]);
    let value = value.map(whole);
    let holds = value.as_ref().map(|value| value.compare(levels.evaluated(firing)).is_ge());
    let lack = held.learn(now, holds, alert.hold_ms);
    let ran_out = matches!(lack, UnknownValue::Lapsed | UnknownValue::Over);
    let rung = value.as_ref().and_then(|value| levels.met(value));
    Evaluation { truth: held.truth, ends: ran_out.then_some(EndReason::NoData), value, rung }
}

fn shown(now: i64, step: EpisodeEvent) -> String {
    let rung = |severity: Severity| rung_of(&alert(LadderClauses::default()), severity);
    match step {
        EpisodeEvent::Fired { since, severity } if rung(severity) == 0 => {
            format!("+{now}({since})")
        }
        EpisodeEvent::Fired { since, severity } => format!("+{now}({since})^{}", rung(severity)),
        EpisodeEvent::Changed { severity, .. } => format!("^{now}({})", rung(severity)),
        EpisodeEvent::Matched { since, .. } => format!("={now}({since})"),
        EpisodeEvent::Ended { peak, reason, .. } => {
            let sign = match reason {
                EndReason::NoData => '?',
                EndReason::Calendar => '/',
                _ => '-',
            };
            format!("{sign}{now}({})", peak.map_or("none".to_owned(), |peak| peak.to_string()))
        }
    }
}

/// Plays values that hold from their instant on, `None` being unknown, and every timer the
/// episode asks for; tells `+at(since)`, `^at(rung)`, `-at(peak)` cleared and `?at(peak)` no
/// data.
fn play(clauses: LadderClauses, values: &[(i64, Option<i64>)], until: i64) -> String {
    let alert = alert(clauses);
    let (mut episode, mut held) = (Episode::default(), ComparisonState::default());
    let mut emitted = Vec::new();
    for now in 0..=until {
        let held_until = held.unknown_since.map(|since| since + alert.hold_ms);
        let is_due = [held_until, episode.next_due(&alert)].contains(&Some(now));
        if !is_due && values.iter().all(|(at, _)| *at != now) {
            continue;
        }
        let value = values.iter().rfind(|(at, _)| *at <= now).and_then(|(_, value)| *value);
        let verdict = verdict(now, value, &mut held, episode.is_firing(), &alert);
        emitted.extend(episode.evaluate(now, &verdict, &alert).map(|step| shown(now, step)));
    }
    emitted.join(" ")
}

const NONE: LadderClauses = LadderClauses { for_ms: 0, keep_ms: 0, hold_ms: 0, clear: None };

#[test]
fn a_condition_fires_and_ends_at_its_edges() {
    let held = LadderClauses { for_ms: 5, ..NONE };
    let kept = LadderClauses { keep_ms: 5, ..NONE };
    let both = LadderClauses { for_ms: 3, keep_ms: 5, ..NONE };
    let eased = LadderClauses { clear: Some(4), ..NONE };
    let cases: [PlayedCase<'_>; 12] = [
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
            LadderClauses { for_ms: 3, clear: Some(4), ..NONE },
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
    let hold = LadderClauses { hold_ms: 5, ..NONE };
    let cases: [PlayedCase<'_>; 9] = [
        (hold, &[(1, Some(10)), (3, None)], "+1(1) ?8(10)"),
        (hold, &[(1, Some(10)), (3, None), (7, Some(10))], "+1(1)"),
        (hold, &[(1, Some(10)), (3, None), (8, Some(10))], "+1(1)"),
        (hold, &[(1, Some(10)), (3, None), (7, Some(0))], "+1(1) -7(10)"),
        (NONE, &[(1, Some(10)), (3, None)], "+1(1) ?3(10)"),
        // False at first.
        (hold, &[(1, None), (3, Some(0)), (4, None)], ""),
        // `for` goes on meanwhile, and fires with nothing to show.
        (LadderClauses { for_ms: 4, ..hold }, &[(1, Some(10)), (3, None)], "+5(1) ?8(10)"),
        (LadderClauses { for_ms: 8, ..hold }, &[(1, Some(10)), (3, None)], ""),
        // A false value held through the unknown goes on being false for `keep`.
        (
            LadderClauses { keep_ms: 4, hold_ms: 9, ..NONE },
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
    let alert = alert(LadderClauses { for_ms: 3, keep_ms: 4, ..NONE });
    let mut open = Episode::reopened(1, Some(Decimal::from_int(15)), Severity::Low, &alert);
    let mut pending = Episode::default();
    let mut held = ComparisonState::default();
    for (now, value) in [(10, 10), (20, 0), (30, 99), (41, 25), (42, 0)] {
        let verdict = verdict(now, Some(value), &mut held, true, &alert);
        open.rehearse(now, &verdict, now >= 35, &alert);
    }
    for (now, value) in [(10, 10), (30, 0), (42, 10)] {
        let verdict = verdict(now, Some(value), &mut held, false, &alert);
        pending.rehearse(now, &verdict, now >= 35, &alert);
    }
    // False since 42, as the earlier run knew; 99 is what a window said that was not whole.
    assert_eq!((open.open_since(), open.peak()), (Some(1), Some(Decimal::from_int(25))));
    assert_eq!((open.severity(), open.next_due(&alert)), (Some(Severity::High), Some(46)));
    assert_eq!(pending.next_due(&alert), Some(45));
    let verdict = verdict(45, Some(10), &mut held, false, &alert);
    assert_eq!(
        pending.evaluate(45, &verdict, &alert),
        Some(EpisodeEvent::Fired { since: 42, severity: Severity::Low })
    );
}

#[test]
fn a_severity_moves_with_the_levels_met_and_stays_while_only_kept() {
    let eased = LadderClauses { clear: Some(5), hold_ms: 3, ..NONE };
    let cases: [PlayedCase<'_>; 7] = [
        (
            NONE,
            &[(1, Some(25)), (2, Some(12)), (3, Some(31)), (4, Some(9))],
            "+1(1)^1 ^2(0) ^3(2) -4(31)",
        ),
        // It stays while the value lies between `clear` and the lowest level, or is unknown.
        (
            eased,
            &[(1, Some(25)), (2, Some(7)), (3, Some(12)), (4, Some(4))],
            "+1(1)^1 ^3(0) -4(25)",
        ),
        (eased, &[(1, Some(30)), (2, None), (4, Some(30)), (5, None)], "+1(1)^2 ?8(30)"),
        // `for` counts from the lowest level and fires with the level of its instant.
        (
            LadderClauses { for_ms: 4, ..NONE },
            &[(1, Some(30)), (3, Some(20)), (9, Some(0))],
            "+5(1)^1 -9(30)",
        ),
        // `keep` keeps the last severity; true again at another level, it moves.
        (
            LadderClauses { keep_ms: 4, ..NONE },
            &[(1, Some(20)), (2, Some(0)), (4, Some(10)), (6, Some(0))],
            "+1(1)^1 ^4(0) -10(20)",
        ),
        (
            LadderClauses { keep_ms: 4, ..NONE },
            &[(1, Some(20)), (2, Some(0)), (6, Some(20))],
            "+1(1)^1",
        ),
        (NONE, &[(1, Some(20)), (2, Some(21)), (3, Some(29))], "+1(1)^1"),
    ];
    for (clauses, values, want) in cases {
        assert_eq!(play(clauses, values, 30), want, "{clauses:?} {values:?}");
    }
}

/// Plays matches and the timers they set; the calendar closes at `closes`.
fn mark(keep_ms: i64, notify_each: bool, matches: &[i64], closes: Option<i64>) -> String {
    let alert = Alert { notify_each, ..alert(LadderClauses { keep_ms, ..NONE }) };
    let mut episode = Episode::default();
    let mut emitted = Vec::new();
    for now in 0..40 {
        let verdict = Evaluation {
            truth: matches.contains(&now) && closes.is_none_or(|at| now < at),
            ends: closes.filter(|at| now >= *at).map(|_| EndReason::Calendar),
            ..Evaluation::default()
        };
        let is_due = episode.next_due(&alert) == Some(now) || closes == Some(now);
        if is_due || matches.contains(&now) {
            emitted.extend(
                episode.mark(now, &verdict, &alert).into_iter().map(|step| shown(now, step)),
            );
        }
    }
    emitted.join(" ")
}

#[test]
fn a_match_holds_for_its_instant_and_is_kept() {
    // (keep, notify each, matches, the calendar closes, what is told)
    type Marked<'a> = (i64, bool, &'a [i64], Option<i64>, &'a str);
    let cases: [Marked<'_>; 6] = [
        (5, false, &[1], None, "+1(1) -6(none)"),
        // At exactly last + keep it goes on; later another begins.
        (5, false, &[1, 6, 12], None, "+1(1) -11(none) +12(12) -17(none)"),
        (5, true, &[1, 6, 12], None, "+1(1) =6(1) -11(none) +12(12) -17(none)"),
        (0, true, &[1, 2], None, "+1(1) -1(none) +2(2) -2(none)"),
        (5, false, &[1, 3], Some(4), "+1(1) /4(none)"),
        (5, false, &[1, 5], Some(3), "+1(1) /3(none)"),
    ];
    for (keep_ms, notify_each, matches, closes, want) in cases {
        assert_eq!(mark(keep_ms, notify_each, matches, closes), want, "{matches:?}");
    }
}

#[test]
fn a_rehearsal_follows_the_matches_of_an_open_episode_only() {
    let mut alert = alert(LadderClauses { keep_ms: 5, ..NONE });
    let of = crate::sample::selection(0);
    alert.trigger = rules_dsl::rule::Trigger::Any { of, and: None };
    let matched = Evaluation { truth: true, ..Evaluation::default() };
    let mut open = Episode::reopened(10, None, Severity::Low, &alert);
    let mut none = Episode::default();
    for now in [8, 12, 14] {
        open.rehearse(now, &matched, true, &alert);
        none.rehearse(now, &matched, true, &alert);
    }
    assert!(none.is_inactive());
    assert_eq!(open.next_due(&alert), Some(19));
}

#[test]
fn an_edited_severity_is_emitted_where_the_condition_next_holds() {
    let before = alert(LadderClauses { for_ms: 3, keep_ms: 4, ..NONE });
    let mut after = before.clone();
    after.severity = Severity::Medium;
    let mut held = ComparisonState::default();
    let mut play = |episode: &mut Episode, alert: &Alert, now, value| {
        let verdict = verdict(now, Some(value), &mut held, episode.is_firing(), alert);
        episode.evaluate(now, &verdict, alert)
    };
    // One that waits fires with the severity it has then.
    let mut pending = Episode::default();
    assert_eq!(play(&mut pending, &before, 1, 10), None);
    let fired = EpisodeEvent::Fired { since: 1, severity: Severity::Medium };
    assert_eq!(play(&mut pending, &after, 4, 10), Some(fired));
    // One that is open is told it; one that only `keep` holds open ends as it was.
    for (value, want) in [
        (10, Some(EpisodeEvent::Changed { since: 1, severity: Severity::Medium })),
        (20, Some(EpisodeEvent::Changed { since: 1, severity: Severity::High })),
        (0, None),
    ] {
        let mut open = Episode::reopened(1, None, Severity::Low, &before);
        assert_eq!(play(&mut open, &after, 5, value), want, "{value}");
        let severity = if value == 0 { Severity::Low } else { open.severity().unwrap() };
        assert_eq!(open.severity(), Some(severity));
    }
}
