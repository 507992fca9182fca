//! Counts of every rule.
//!
//! Cost is counted in units of work, since nothing here reads a clock: an observation taken in
//! is one unit, and so is a judgement and each window that it looks at. A unit is no fixed
//! time, but rules that do more of it take more of the processor.

use model::time::Timestamp;

/// Figures of one rule in one shard since the shard started.
///
/// What is read again after a restart is counted again, but for what an earlier run has told:
/// refusals and episodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleCounts {
    /// Observations of the rule whose instant has settled.
    pub matched: u64,
    /// Observations whose instant was settled before they came.
    pub late: u64,
    /// Observations of new keys refused at the limit of the rule.
    pub refused_keys: u64,
    /// New values refused at the limit of a key.
    pub refused_values: u64,
    /// Times a key was judged.
    pub evaluations: u64,
    /// Times a key was judged and what the rule says of it was true.
    pub truths: u64,
    /// Episodes that began.
    pub fired: u64,
    /// The instant at which the newest of them did.
    pub last_fired: Option<Timestamp>,
    /// Keys the rule holds state for now.
    pub keys: u64,
    /// Units of work done.
    pub work: u64,
}

impl RuleCounts {
    /// The figures of a rule over several shards, of which `other` is one more.
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

    /// Notes a judgement that looked at so many windows.
    pub(super) const fn evaluate(&mut self, truth: bool, windows: usize) {
        self.evaluations += 1;
        self.truths += truth as u64;
        self.work += 1 + windows as u64;
    }

    /// Notes an observation taken in.
    pub(super) const fn take_in(&mut self) {
        self.matched += 1;
        self.work += 1;
    }

    /// Notes that an episode began.
    pub(super) fn fire(&mut self, at: i64) {
        self.fired += 1;
        self.last_fired = self.last_fired.max(Some(Timestamp(at)));
    }
}
