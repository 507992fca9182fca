//! Truth of one (alert, key) at an instant, whatever was before.

use std::collections::{BTreeMap, BTreeSet};

use rules_dsl::rule::{AbsenceRoster, Condition, MeasureFormula, Trigger, Window};

use super::entry::OracleEntry;
use super::value::{KnownValue, counted, inside, measured, value};

/// First selection of each window of a condition.
pub(super) fn firsts(trigger: &Trigger) -> Vec<usize> {
    let Some(condition) = trigger.condition() else {
        return Vec::new();
    };
    let own = usize::from(matches!(trigger, Trigger::Any { .. }));
    let mut next = own;
    let mut firsts = Vec::new();
    for window in &condition.windows {
        firsts.push(next);
        next += window.measure.selections().count();
    }
    firsts
}

/// The values of all comparisons at an instant, and the events in the first window.
pub(super) fn values(
    trigger: &Trigger,
    condition: &Condition,
    entries: &[OracleEntry],
    now: i64,
) -> (Vec<Option<KnownValue>>, u64) {
    let firsts = firsts(trigger);
    let windows = condition.windows.iter().zip(&firsts);
    let found: Vec<(&Window, usize, Vec<&OracleEntry>)> = windows
        .map(|(window, first)| (window, *first, inside(window, *first, entries, now)))
        .collect();
    let known: Vec<Option<KnownValue>> =
        found.iter().map(|(window, first, inside)| measured(window, *first, inside)).collect();
    let count = found.first().map_or(0, |(window, first, inside)| counted(window, *first, inside));
    let values = condition.compares.iter().map(|compare| value(&compare.value, &known));
    (values.collect(), count)
}

/// True when every window of a condition is empty.
pub(super) fn is_silent(
    trigger: &Trigger,
    condition: &Condition,
    entries: &[OracleEntry],
    now: i64,
) -> bool {
    let windows = condition.windows.iter().zip(firsts(trigger));
    windows.into_iter().all(|(window, first)| inside(window, first, entries, now).is_empty())
}

/// True when every window of a condition is empty and will be until something new comes.
pub(super) fn is_empty(
    trigger: &Trigger,
    condition: &Condition,
    entries: &[OracleEntry],
    now: i64,
) -> bool {
    condition.windows.iter().zip(firsts(trigger)).all(|(window, first)| {
        // What lies between the end of an earlier window and now is still to come into it.
        let ahead =
            Window { window_ms: window.window_ms + window.ago_ms, ago_ms: 0, ..window.clone() };
        let after_step = Window { step_ms: 0, ..ahead.clone() };
        let reach = match window.step_ms {
            0 => i64::MIN,
            step => now.div_euclid(step) * step - ahead.window_ms,
        };
        inside(&ahead, first, entries, now).is_empty()
            && inside(&after_step, first, entries, now).iter().all(|entry| entry.time <= reach)
    })
}

/// The windows that a formula reads.
pub(super) fn windows_of<'a>(
    formula: &MeasureFormula,
    condition: &'a Condition,
) -> Vec<&'a Window> {
    match formula {
        MeasureFormula::Window(at) => condition.windows.get(*at).into_iter().collect(),
        MeasureFormula::Number(..) => Vec::new(),
        MeasureFormula::Arithmetic(left, _, right) => {
            let mut all = windows_of(left, condition);
            all.extend(windows_of(right, condition));
            all
        }
    }
}

/// True when an event trigger matches at an instant, its condition and calendar aside.
pub(super) fn matches(
    trigger: &Trigger,
    entries: &[OracleEntry],
    now: i64,
    stream_first: Option<i64>,
) -> bool {
    match trigger {
        Trigger::Any { .. } => entries.iter().any(|entry| entry.input == 0 && entry.time == now),
        Trigger::Sequence { steps, first_count, within_ms } => {
            let ends: BTreeSet<usize> = entries
                .iter()
                .filter(|entry| entry.time == now && entry.input == steps.len() - 1)
                .map(|entry| entry.place)
                .collect();
            let mut wanted = vec![0; *first_count as usize];
            wanted.extend(1..steps.len() - 1);
            ends.into_iter().any(|end| precedes(entries, &wanted, end, now - within_ms))
        }
        Trigger::ThenNot { within_ms, .. } => entries.iter().any(|begun| {
            let is_due = begun.input == 0 && begun.time + within_ms == now;
            let mut later = entries.iter().filter(|entry| entry.place > begun.place);
            is_due && !later.any(|entry| entry.input == 1 && entry.time <= now)
        }),
        Trigger::New { within_ms, learn_ms, values_max, .. } => {
            let has_learnt = stream_first.is_some_and(|first| now >= first + learn_ms);
            has_learnt && is_new(entries, now, *within_ms, *values_max as usize)
        }
        Trigger::Condition(_) | Trigger::Absent { .. } => false,
    }
}

/// True when events of the wanted steps stand one after the other before the place `end`, all later
/// than `outside`.
fn precedes(entries: &[OracleEntry], wanted: &[usize], end: usize, outside: i64) -> bool {
    let mut inside = entries.iter().filter(|it| it.place < end && it.time > outside).peekable();
    let mut after = None;
    wanted.iter().all(|step| {
        let next = inside.by_ref().find(|it| it.input == *step && Some(it.place) > after);
        after = next.map(|it| it.place);
        next.is_some()
    })
}

/// True when a value of an instant is new, remembering everything from the beginning.
fn is_new(entries: &[OracleEntry], now: i64, within_ms: i64, values_max: usize) -> bool {
    let mut remembered: BTreeMap<&str, i64> = BTreeMap::new();
    let mut found = false;
    for entry in entries.iter().filter(|entry| entry.time <= now) {
        remembered.retain(|_, seen| entry.time - *seen < within_ms);
        let is_known = remembered.contains_key(entry.identity.as_str());
        if is_known || remembered.len() < values_max {
            remembered.insert(&entry.identity, entry.time);
            found |= !is_known && entry.time == now;
        }
    }
    found
}

/// Absence of a key at an instant, and whether it is forgotten.
pub(super) fn absence(
    trigger: &Trigger,
    entries: &[OracleEntry],
    now: i64,
    stream_first: Option<i64>,
) -> (bool, bool) {
    let Trigger::Absent { within_ms, roster, .. } = trigger else {
        return (false, false);
    };
    let last_seen = entries.iter().filter(|entry| entry.time <= now).map(|entry| entry.time).max();
    let expected = stream_first.filter(|first| *first <= now);
    let since = match roster {
        AbsenceRoster::Seen(_) => last_seen,
        AbsenceRoster::Whole | AbsenceRoster::Listed(_) => last_seen.or(expected),
    };
    let Some(since) = since else {
        return (false, false);
    };
    let is_forgotten = matches!(roster, AbsenceRoster::Seen(seen) if now >= since + seen);
    (now >= since + within_ms && !is_forgotten, is_forgotten)
}
