//! Rule state that spans more time than a restart should replay.
//!
//! `new … within 30d` and `absent … within 5m seen 7d` know of each value, or key, when it was
//! last seen. Instead of reading thirty days again, a successor is given what was known at an
//! instant R, and reads what came after it: a value's last sighting up to R is a fact that no
//! later event makes untrue, so that facts may be written, repeated and read in any order.
//!
//! The instants R lie on a grid of event time, the same for all shards, whatever their number.
//! A shard tells the sightings since one point of the grid when it passes the next, before it
//! judges anything later: so for each point, among all that was told, the newest sighting of
//! a value not later than the point is the one it knew there.

use std::collections::BTreeMap;

use model::time::Timestamp;
use rules_dsl::rule::{Alert, REMEMBERED_BEYOND_MS, REMEMBERED_EVERY_MS};
use xxhash_rust::xxh3::xxh3_128;

use crate::program::RulePlan;

/// Schedule of rule state deltas, and the rules that write them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateCheckpointPolicy {
    /// The grid: sightings are told once in so much event time, in milliseconds.
    pub every_ms: i64,
    /// A rule whose trigger reaches back less is read again instead. At least the grid.
    pub beyond_ms: i64,
}

/// Names what a rule remembers: its name, and what decides its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemoryId(pub u128);

/// A value of a key, or a key itself, was seen.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LastSeen {
    /// The key's canonical bytes.
    pub key: Vec<u8>,
    /// The value's fingerprint; 0 where the key is what is seen.
    pub value: i128,
    /// The last instant of it.
    pub at: i64,
}

/// Sightings of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleStateDelta {
    /// Whose they are.
    pub id: MemoryId,
    /// All that it knew at this instant, or a part of what it has learnt by then.
    pub until: Timestamp,
    /// In no order, each value once.
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
    /// As `check` says of rules.
    pub const DEFAULT: StateCheckpointPolicy =
        StateCheckpointPolicy { every_ms: REMEMBERED_EVERY_MS, beyond_ms: REMEMBERED_BEYOND_MS };

    /// The point of the grid at or before an instant.
    pub(crate) const fn point(self, at: i64) -> i64 {
        at.saturating_sub(at.rem_euclid(self.every_ms))
    }
}

impl RulePlan {
    /// Restore of the rule; `None` where it is read again.
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
    /// The instant as of which its memory is taken up by who has told everything up to
    /// `settled`: what came after it is read again.
    pub fn point(&self, settled: Timestamp) -> Timestamp {
        self.recorded_until(settled.minus(self.running_ms.saturating_add(1)))
    }

    /// Up to where shards that have settled so far have told what the rule has learnt.
    pub fn recorded_until(&self, settled: Timestamp) -> Timestamp {
        Timestamp(StateCheckpointPolicy { every_ms: self.every_ms, beyond_ms: 0 }.point(settled.0))
    }
}

/// State known at an instant: of each value the newest sighting not later.
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
