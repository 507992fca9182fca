//! Two rule sets one after the other: LANGUAGE §3.16 by brute force.

use std::collections::BTreeSet;

use model::time::Timestamp;
use model::transition::Transition;
use rules_dsl::rule::{Alert, RuleSet};

use super::entry::{AcceptedEvent, entries_by_key, stream_first};
use super::evaluator::OracleEvaluator;

/// Rules that were changed while their streams were being read.
#[derive(Clone, Copy, Debug)]
pub struct RuleSetChange<'a> {
    /// The rules before.
    pub before: &'a RuleSet,
    /// The rules after; their streams are those of before.
    pub after: &'a RuleSet,
    /// The alerts whose state goes on.
    pub kept: &'a BTreeSet<String>,
    /// By stream: the last instant that was settled before the change.
    pub settled: &'a [Timestamp],
}

impl RuleSetChange<'_> {
    /// The last instant an alert of before judges, or one of after does not.
    fn last(&self, alert: &Alert) -> i64 {
        let streams = alert.trigger.selections().into_iter().map(|of| of.stream);
        streams.map(|stream| self.settled[stream].0).min().unwrap_or(i64::MIN)
    }
}

/// Every transition up to `end`, ordered by (instant, alert, key); equal ones as they happened.
pub fn transitions_across(
    change: RuleSetChange<'_>,
    events: &[AcceptedEvent<'_>],
    end: Timestamp,
) -> Vec<Transition> {
    let mut ordered: Vec<&AcceptedEvent<'_>> = events.iter().collect();
    ordered.sort_by_key(|event| (event.time, event.origin));
    let find = |rules: &'_ RuleSet, name: &str| {
        rules.alerts.iter().find(|alert| alert.name == name).cloned()
    };
    let mut all = Vec::new();
    for alert in &change.before.alerts {
        let last = change.last(alert);
        let kept = find(change.after, &alert.name).filter(|it| change.kept.contains(&it.name));
        for (key, entries) in entries_by_key(change.before, alert, &ordered) {
            let before = OracleEvaluator {
                alert,
                key: &key,
                entries: &entries,
                stream_first: stream_first(alert, &ordered),
                end: end.0,
                begins: i64::MIN,
                before: None,
            };
            let Some(after) = &kept else {
                all.extend(before.transitions_until_change(last));
                continue;
            };
            let entries =
                entries_by_key(change.after, after, &ordered).remove(&key).unwrap_or_default();
            let (alert, entries, before_it) = (after, &entries, Some((&before, last)));
            all.extend(
                OracleEvaluator { alert, entries, before: before_it, ..before }.transitions(end.0),
            );
        }
    }
    for alert in change.after.alerts.iter().filter(|alert| !change.kept.contains(&alert.name)) {
        let old = find(change.before, &alert.name).map_or(i64::MIN, |old| change.last(&old));
        for (key, entries) in entries_by_key(change.after, alert, &ordered) {
            let evaluate = OracleEvaluator {
                alert,
                key: &key,
                entries: &entries,
                stream_first: stream_first(alert, &ordered),
                end: end.0,
                begins: change.last(alert).max(old).saturating_add(1),
                before: None,
            };
            all.extend(evaluate.transitions(end.0));
        }
    }
    all.sort_by(|a, b| {
        (a.facts.at, &a.facts.alert, &a.facts.key).cmp(&(b.facts.at, &b.facts.alert, &b.facts.key))
    });
    all
}
