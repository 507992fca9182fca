//! Rule state that spans more time than a restart should replay.
//!
//! `new … within 30d` and `absent … within 5m seen 7d` keep the last sighting of each value or key.
//! Instead of replaying thirty days, a restart restores the state as of an instant R and replays
//! the events after it. The last sighting of a value up to R never changes with later events, so
//! deltas may be written, repeated and read in any order.
//!
//! The instants R lie on a grid of event time, which is the same for all shards and any number of
//! them. When a shard passes a point of the grid, it emits the sightings since the previous point
//! before it evaluates anything later. So for each point, the newest emitted sighting of a value
//! that is not later than the point is its state there.

use std::collections::BTreeMap;

use model::time::Timestamp;
use rules_dsl::rule::{Alert, REMEMBERED_BEYOND_MS, REMEMBERED_EVERY_MS};
use xxhash_rust::xxh3::xxh3_128;

use crate::program::RulePlan;

/// Schedule of rule state deltas, and the rules that write them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateCheckpointPolicy {
    /// Grid of event time: interval between two deltas, in milliseconds.
    pub every_ms: i64,
    /// Reach in milliseconds below which a trigger is replayed instead. At least the grid.
    pub beyond_ms: i64,
}

/// Identity of a rule's saved state: its name and its stateful hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemoryId(pub u128);

/// Last sighting of a value of a key, or of the key itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LastSeen {
    /// The key's canonical bytes.
    pub key: Vec<u8>,
    /// Fingerprint of the value; 0 where the key itself is sighted.
    pub value: i128,
    /// Its last instant.
    pub at: i64,
}

/// Sightings of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleStateDelta {
    /// Identity of the rule's state.
    pub id: MemoryId,
    /// Instant of the state: the full state as of it, or changes up to it.
    pub until: Timestamp,
    /// Sightings in no order, each value once.
    pub sightings: Vec<LastSeen>,
}

/// Restore of a rule from its saved state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleStateRestore {
    /// Identity of its saved state.
    pub id: MemoryId,
    every_ms: i64,
    /// Length of the past that decides what happens next beside the saved state.
    running_ms: i64,
}

impl StateCheckpointPolicy {
    /// Defaults that the rule checker assumes.
    pub const DEFAULT: StateCheckpointPolicy =
        StateCheckpointPolicy { every_ms: REMEMBERED_EVERY_MS, beyond_ms: REMEMBERED_BEYOND_MS };

    /// Latest point of the grid that is not after an instant.
    pub(crate) const fn point(self, at: i64) -> i64 {
        at.saturating_sub(at.rem_euclid(self.every_ms))
    }
}

impl RulePlan {
    /// Plans the restore of the rule; `None` where it is replayed instead.
    pub fn recall(&self, remembering: StateCheckpointPolicy) -> Option<RuleStateRestore> {
        let reach_ms = self.alert.remembered_ms()?;
        let is_long = reach_ms >= remembering.beyond_ms.max(remembering.every_ms);
        is_long.then(|| RuleStateRestore {
            id: memory_id(&self.alert, self.stateful),
            every_ms: remembering.every_ms,
            running_ms: self.horizon_ms().saturating_sub(reach_ms),
        })
    }
}

impl RuleStateRestore {
    /// Instant as of which the state is restored, where everything up to `settled` is emitted.
    /// Events after it are replayed.
    pub fn point(&self, settled: Timestamp) -> Timestamp {
        self.recorded_until(settled.minus(self.running_ms.saturating_add(1)))
    }

    /// Instant up to which shards that have settled `settled` have emitted the rule's deltas.
    pub fn recorded_until(&self, settled: Timestamp) -> Timestamp {
        Timestamp(StateCheckpointPolicy { every_ms: self.every_ms, beyond_ms: 0 }.point(settled.0))
    }
}

/// State at an instant: the newest sighting of each value that is not later.
pub fn known_at<'a>(
    sightings: impl IntoIterator<Item = &'a LastSeen>,
    until: Timestamp,
) -> Vec<LastSeen> {
    let mut newest: BTreeMap<(&[u8], i128), i64> = BTreeMap::new();
    for LastSeen { key, value, at } in sightings.into_iter().filter(|it| it.at <= until.0) {
        newest.entry((key, *value)).and_modify(|known| *known = (*known).max(*at)).or_insert(*at);
    }
    let newest = newest.into_iter();
    newest.map(|((key, value), at)| LastSeen { key: key.to_vec(), value, at }).collect()
}

fn memory_id(alert: &Alert, stateful: u128) -> MemoryId {
    let mut bytes = stateful.to_le_bytes().to_vec();
    bytes.extend_from_slice(alert.name.as_bytes());
    MemoryId(xxh3_128(&bytes))
}

#[cfg(test)]
mod tests;
