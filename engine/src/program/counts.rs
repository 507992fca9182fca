//! What became of events on their way to observations.

use super::RulePlan;

/// What became of events, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObserveCounts {
    /// Observations made.
    pub observations: u64,
    /// Selected events without a field of a `by` that does not allow it missing.
    pub skipped_missing_key: u64,
    /// Selected events without the measured field.
    pub skipped_missing_value: u64,
    /// By signal, as far as there were any: those without a field of the key.
    keyless: Vec<u64>,
}

impl ObserveCounts {
    /// Events a rule selects and skips because a field of its key is missing.
    pub fn skipped_of(&self, rule: &RulePlan) -> u64 {
        let mut signals: Vec<u32> = rule.signals().collect();
        signals.sort_unstable();
        signals.dedup();
        signals.iter().filter_map(|signal| self.keyless.get(*signal as usize)).sum()
    }

    /// Notes an event of a signal without a field of its key.
    pub(super) fn skip_keyless(&mut self, signal: u32) {
        self.skipped_missing_key += 1;
        let known = self.keyless.len().max(signal as usize + 1);
        self.keyless.resize(known, 0);
        self.keyless.get_mut(signal as usize).into_iter().for_each(|count| *count += 1);
    }
}
