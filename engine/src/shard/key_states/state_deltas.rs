//! Rule state deltas: written at checkpoints and restored by a successor.

use model::time::Timestamp;

use super::KeyStateStore;
use super::dirty_state::DirtyState;
use crate::key_group::{group_of, key_hash, shard_of};
use crate::rule_state::{LastSeen, RuleStateDelta};
use crate::shard::boundary::StepOutput;
use crate::shard::table::StateId;

impl KeyStateStore {
    /// Restores the saved state of a rule, for the keys that this shard owns.
    pub(super) fn recall(&mut self, memory: &RuleStateDelta) {
        let is_it = |learnt: &DirtyState| learnt.id == Some(memory.id);
        let Some(rule) = self.learnt.iter().position(is_it) else { return };
        if let Some(learnt) = self.learnt.get_mut(rule) {
            (learnt.recalled, learnt.emitted) = (memory.until.0, memory.until.0);
        }
        let mut sightings: Vec<(u32, &LastSeen)> = Vec::new();
        for sighting in &memory.sightings {
            let group = group_of(key_hash(&sighting.key));
            if shard_of(group, self.settings.shards) == self.settings.index {
                sightings.push((group, sighting));
            }
        }
        sightings.sort_by_key(|(_, sighting)| sighting.at);
        for (group, LastSeen { key, value, at }) in sightings {
            let key = self.keys.acquire(key, group);
            // Keys that were within the limit then are within it now.
            let id = self.find_or_make((rule as u32, key), true);
            if let Some(state) = id.and_then(|id| self.table.states.get_mut(id)) {
                state.recall(*value, *at);
            }
            self.keys.release(key);
        }
    }

    /// Instant of the restored state of a rule: the rule starts after it.
    pub(super) fn recalled(&self, rule: usize) -> i64 {
        self.learnt.get(rule).map_or(i64::MIN, |learnt| learnt.recalled)
    }

    /// Marks a state as changed since the last delta.
    pub(super) fn learn(&mut self, rule: usize, id: StateId) {
        let Some(learnt) = self.learnt.get_mut(rule).filter(|learnt| learnt.id.is_some()) else {
            return;
        };
        if let Some(state) = self.table.states.get_mut(id).filter(|state| !state.is_fresh) {
            state.is_fresh = true;
            learnt.fresh.push(id);
        }
    }

    /// Emits the state deltas of some rules up to `until`; nothing later is applied yet.
    pub(crate) fn emit_learnt(&mut self, rules: &[usize], until: i64, out: &mut StepOutput) {
        for rule in rules {
            let Some(learnt) = self.learnt.get_mut(*rule) else { continue };
            let Some(id) = learnt.id.filter(|_| until > learnt.emitted) else { continue };
            let after = std::mem::replace(&mut learnt.emitted, until);
            let mut sightings = Vec::new();
            for state in std::mem::take(&mut learnt.fresh) {
                // The id of a dropped state may refer to a state of another rule by now.
                let is_ours = |state: &&mut super::KeyState| {
                    state.is_fresh && state.place.0 as usize == *rule
                };
                let Some(state) = self.table.states.get_mut(state).filter(is_ours) else {
                    continue;
                };
                state.is_fresh = false;
                let key = self.keys.bytes(state.place.1);
                let seen = state.seen_since(after).into_iter();
                sightings.extend(seen.map(|(value, at)| LastSeen { key: key.to_vec(), value, at }));
            }
            if !sightings.is_empty() {
                out.memories.push(RuleStateDelta { id, until: Timestamp(until), sightings });
            }
        }
    }
}
