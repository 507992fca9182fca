//! Counts of events that are turned into observations.

use super::rule::RulePlan;

/// Counts of events by outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObserveCounts {
    /// Observations made.
    pub observations: u64,
    /// Selected events without a field of a `by` that does not allow it missing.
    pub skipped_missing_key: u64,
    /// Selected events without the measured field.
    pub skipped_missing_value: u64,
    /// By signal, if any: events without a field of the key.
    keyless: Vec<u64>,
    /// By signal, if any: events that became observations.
    seen: Vec<u64>,
}

impl ObserveCounts {
    /// Number of events that a rule selects and skips because a field of its key is missing.
    pub fn skipped_of(&self, rule: &RulePlan) -> u64 {
        sum_of(&self.keyless, rule)
    }

    /// Number of events that a rule selects and observes.
    pub fn observed_of(&self, rule: &RulePlan) -> u64 {
        sum_of(&self.seen, rule)
    }

    /// Counts an observation of a signal.
    pub(super) fn add_consumer(&mut self, signal: u32) {
        self.observations += 1;
        count(&mut self.seen, signal);
    }

    /// Counts an event of a signal without a field of its key.
    pub(super) fn skip_keyless(&mut self, signal: u32) {
        self.skipped_missing_key += 1;
        count(&mut self.keyless, signal);
    }
}

/// Counts one more of a signal.
fn count(counts: &mut Vec<u64>, signal: u32) {
    let at = signal as usize;
    if at >= counts.len() {
        counts.resize(at + 1, 0);
    }
    counts.get_mut(at).into_iter().for_each(|count| *count += 1);
}

/// Sum of the counts of a rule's signals, each once.
fn sum_of(counts: &[u64], rule: &RulePlan) -> u64 {
    let mut signals: Vec<u32> = rule.signals().collect();
    signals.sort_unstable();
    signals.dedup();
    signals.iter().filter_map(|signal| counts.get(*signal as usize)).sum()
}
