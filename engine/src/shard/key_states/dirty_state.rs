//! State of a rule that changed since its last delta.

use crate::program::Program;
use crate::rule_state::{MemoryId, StateCheckpointPolicy};
use crate::shard::table::StateId;

/// State that a rule has changed since its last delta.
#[derive(Debug)]
pub(super) struct DirtyState {
    /// Identity of its saved state; none where the rule is replayed instead.
    pub(super) id: Option<MemoryId>,
    /// Instant of the restored state: the rule starts after it.
    // INVARIANT: nothing is applied or evaluated up to here.
    pub(super) recalled: i64,
    /// Sightings up to here are emitted.
    pub(super) emitted: i64,
    /// States with sightings since then.
    pub(super) fresh: Vec<StateId>,
}

impl DirtyState {
    /// Creates the state of every rule, with no changes.
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
