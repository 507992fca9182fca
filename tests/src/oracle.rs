//! The naive interpreter: LANGUAGE §3 by brute force, from the whole list of events.
//!
//! Nothing is kept up to date here. For every (alert, key) all instants at which anything
//! could change are listed, and at each of them every window is searched for anew. It shares
//! no code with the engine but the nouns and the checked rules.

mod entry;
mod evaluator;
mod rule_change;
mod truth;
mod value;

use model::decimal::Decimal;
use model::key::KeyValue;
use model::time::Timestamp;
use model::transition::Transition;
use rules_dsl::rule::{RuleSet, Watch};

use entry::{entries_by_key, stream_first};
use evaluator::OracleEvaluator;

pub use entry::AcceptedEvent;
pub use rule_change::{RuleSetChange, transitions_across};

/// Which records of one partition are accepted, by LANGUAGE §3.1 and §3.6.
///
/// A record is its event time and, where the log keeps one, its own timestamp.
pub fn accepted(records: &[(i64, Option<i64>)], lateness_ms: i64) -> Vec<bool> {
    let mut front: Option<i64> = None;
    let mut verdicts = Vec::new();
    for (time, recorded) in records {
        let from_the_future = recorded.is_some_and(|at| *time > at + 300_000);
        let late = front.is_some_and(|front| *time < front - lateness_ms);
        verdicts.push(!from_the_future && !late);
        if !from_the_future {
            front = front.max(Some(recorded.map_or(*time, |at| at.min(*time))));
        }
    }
    verdicts
}

/// Every transition up to `end`, or with `drain` until no timer is left.
///
/// Ordered by (instant, alert, key); equal ones as they happened.
pub fn transitions(
    rules: &RuleSet,
    events: &[AcceptedEvent<'_>],
    end: Timestamp,
    drain: bool,
) -> Vec<Transition> {
    let mut ordered: Vec<&AcceptedEvent<'_>> = events.iter().collect();
    ordered.sort_by_key(|event| (event.time, event.origin));
    let until = if drain { i64::MAX } else { end.0 };
    let mut all = Vec::new();
    for alert in &rules.alerts {
        for (key, entries) in entries_by_key(rules, alert, &ordered) {
            let evaluate = OracleEvaluator {
                alert,
                key: &key,
                entries: &entries,
                stream_first: stream_first(alert, &ordered),
                end: end.0,
                begins: i64::MIN,
                before: None,
            };
            all.extend(evaluate.transitions(until));
        }
    }
    all.sort_by(|a, b| {
        (a.facts.at, &a.facts.alert, &a.facts.key).cmp(&(b.facts.at, &b.facts.alert, &b.facts.key))
    });
    all
}

/// Values of watches at the end of input, by watch and key: the value of every key with an event in
/// a window or ahead of one, and without keys that of streams that have begun.
pub fn watched(
    rules: &RuleSet,
    events: &[AcceptedEvent<'_>],
    end: Timestamp,
) -> Vec<(String, Vec<KeyValue>, Decimal)> {
    let mut ordered: Vec<&AcceptedEvent<'_>> = events.iter().collect();
    ordered.sort_by_key(|event| (event.time, event.origin));
    let mut all = Vec::new();
    let watches = rules.watches.iter().filter(|_| !events.is_empty());
    for alert in watches.map(Watch::as_alert) {
        let first = stream_first(&alert, &ordered);
        for (key, entries) in entries_by_key(rules, &alert, &ordered) {
            let evaluate = OracleEvaluator {
                alert: &alert,
                key: &key,
                entries: &entries,
                stream_first: first,
                end: end.0,
                begins: i64::MIN,
                before: None,
            };
            let shown = evaluate.watched();
            all.extend(shown.map(|value| (alert.name.clone(), key.clone(), value)));
        }
    }
    all.sort();
    all
}
