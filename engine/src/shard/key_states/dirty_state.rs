//! State that a rule has learnt, and how much of it is written.

use crate::program::Program;
use crate::rule_state::{MemoryId, StateCheckpointPolicy};
use crate::shard::table::StateId;

/// State that a rule has changed since its last delta.
#[derive(Debug)]
pub(super) struct DirtyState {
    /// Identity of its saved state; none where the rule is replayed instead.
    pub(super) id: Option<MemoryId>,
    /// It was taken up as of this instant, and begins after it.
    // INVARIANT: nothing is applied or judged up to here.
    pub(super) recalled: i64,
    /// Sightings up to here are told.
    pub(super) emitted: i64,
    /// The states that have seen something since.
    pub(super) fresh: Vec<StateId>,
}

impl DirtyState {
    /// By rule: nothing.
    pub(super) fn nothing(
        program: &Program,
        remembering: Option<StateCheckpointPolicy>,
    ) -> Vec<DirtyState> {
        let rules = program.rules().iter().map(|rule| DirtyState {
            id: remembering.and_then(|how| rule.recall(how)).map(|recall| recall.id),
            recalled: i64::MIN,
            emitted: i64::MIN,
            fresh: Vec::new(),
        });
        rules.collect()
    }
}
