//! Key states by id and by (rule, key).

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::key_state::{KeyState, StateKey};
use crate::keys::KeyId;
use crate::ring::is_mostly_free;
use crate::slab::Slab;

/// Id of a state; unrelated to the order of states.
pub type StateId = u32;

/// States by id, and their ids by (rule, key).
#[derive(Debug, Default)]
pub(super) struct StateTable {
    pub(super) states: Slab<KeyState>,
    by_place: HashTable<StateId>,
    seeded: DefaultHashBuilder,
}

impl StateTable {
    pub(super) fn find(&self, place: StateKey) -> Option<StateId> {
        let is_it = |id: &StateId| self.states.get(*id).is_some_and(|state| state.place == place);
        self.by_place.find(self.hash(place), is_it).copied()
    }

    /// Adds the state of a (rule, key) that has none.
    pub(super) fn insert(&mut self, state: KeyState) -> StateId {
        let place = state.place;
        let id = self.states.insert(state);
        let hash = self.hash(place);
        let StateTable { states, by_place, seeded } = self;
        let rehash = |id: &StateId| states.get(*id).map_or(0, |state| hash_of(seeded, state.place));
        by_place.insert_unique(hash, id, rehash);
        id
    }

    pub(super) fn remove(&mut self, id: StateId) -> Option<KeyState> {
        let state = self.states.remove(id)?;
        let hash = self.hash(state.place);
        if let Ok(found) = self.by_place.find_entry(hash, |known| *known == id) {
            found.remove();
        }
        let StateTable { states, by_place, seeded } = self;
        if is_mostly_free(by_place.len(), by_place.capacity()) {
            let hash = |id: &StateId| states.get(*id).map_or(0, |it| hash_of(seeded, it.place));
            by_place.shrink_to(by_place.len() * 2, hash);
        }
        Some(state)
    }

    fn hash(&self, place: StateKey) -> u64 {
        hash_of(&self.seeded, place)
    }
}

fn hash_of(seeded: &DefaultHashBuilder, place: StateKey) -> u64 {
    seeded.hash_one(u64::from(place.0) << KeyId::BITS | u64::from(place.1))
}
