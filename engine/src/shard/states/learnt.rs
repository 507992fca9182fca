//! State that a rule has learnt, and how much of it is written.

use crate::memory::{MemoryId, Remembering};
use crate::program::Program;
use crate::shard::table::StateId;

/// What a rule has learnt, and how much of it is told.
#[derive(Debug)]
pub(super) struct Learnt {
    /// What names its memory; none is told of a rule that is read again.
    pub(super) id: Option<MemoryId>,
    /// It was taken up as of this instant, and begins after it.
    // INVARIANT: nothing is applied or judged up to here.
    pub(super) recalled: i64,
    /// Sightings up to here are told.
    pub(super) told: i64,
    /// The states that have seen something since.
    pub(super) fresh: Vec<StateId>,
}

impl Learnt {
    /// By rule: nothing.
    pub(super) fn nothing(program: &Program, remembering: Option<Remembering>) -> Vec<Learnt> {
        let rules = program.rules().iter().map(|rule| Learnt {
            id: remembering.and_then(|how| rule.recall(how)).map(|recall| recall.id),
            recalled: i64::MIN,
            told: i64::MIN,
            fresh: Vec::new(),
        });
        rules.collect()
    }
}
