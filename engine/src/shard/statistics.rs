//! Statistics of every rule.
//!
//! Cost is counted in units of work, since nothing here reads a clock: one unit for each
//! observation, each evaluation and each window that an evaluation reads. A unit is no fixed time,
//! but a rule with more units uses more of the processor.

use model::time::Timestamp;

/// Statistics of one rule in one shard since the shard started.
///
/// Replay counts again, except for what a previous run has counted: refusals and episodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleCounts {
    /// Observations of the rule whose instant has settled.
    pub matched: u64,
    /// Observations that arrived after their instant was settled.
    pub late: u64,
    /// Observations of new keys refused at the limit of the rule.
    pub refused_keys: u64,
    /// New values refused at the limit of a key.
    pub refused_values: u64,
    /// Number of evaluations of a key.
    pub evaluations: u64,
    /// Number of evaluations of a key that were true.
    pub truths: u64,
    /// Number of episodes that fired.
    pub fired: u64,
    /// Instant at which the newest of them fired.
    pub last_fired: Option<Timestamp>,
    /// Keys the rule holds state for now.
    pub keys: u64,
    /// Units of work done.
    pub work: u64,
}

impl RuleCounts {
    /// Adds the statistics of the same rule in another shard.
    pub fn add(&mut self, other: &RuleCounts) {
        self.matched += other.matched;
        self.late += other.late;
        self.refused_keys += other.refused_keys;
        self.refused_values += other.refused_values;
        self.evaluations += other.evaluations;
        self.truths += other.truths;
        self.fired += other.fired;
        self.last_fired = self.last_fired.max(other.last_fired);
        self.keys += other.keys;
        self.work += other.work;
    }

    /// Counts an evaluation that read `windows` windows.
    pub(super) const fn evaluate(&mut self, truth: bool, windows: usize) {
        self.evaluations += 1;
        self.truths += truth as u64;
        self.work += 1 + windows as u64;
    }

    /// Counts an observation of the rule.
    pub(super) const fn take_in(&mut self) {
        self.matched += 1;
        self.work += 1;
    }

    /// Counts an episode that fired at an instant.
    pub(super) fn fire(&mut self, at: i64) {
        self.fired += 1;
        self.last_fired = self.last_fired.max(Some(Timestamp(at)));
    }
}
