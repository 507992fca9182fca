//! Distinct values, each with its last sighting.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::snapshot::SnapshotEncode;

/// No value: the end of the chain.
const NONE: u32 = u32::MAX;
/// Number of values below which memory is not released.
const SPARE_MAX: usize = 32;

/// Values chained in the order of their last sighting: a sighting and the removal of the oldest
/// value take constant time.
#[derive(Debug)]
pub(crate) struct LastSeenMap {
    seen: Vec<SeenEntry>,
    by_value: HashTable<u32>,
    seeded: DefaultHashBuilder,
    /// The one that has not been seen for longest.
    first: u32,
    /// The one that was seen last.
    last: u32,
    /// The first of the places that are free, chained by `after`.
    free: u32,
}

/// A value with its neighbours in the chain.
#[derive(Clone, Copy, Debug)]
struct SeenEntry {
    value: i128,
    at: i64,
    before: u32,
    after: u32,
}

impl Default for LastSeenMap {
    fn default() -> LastSeenMap {
        LastSeenMap {
            seen: Vec::new(),
            by_value: HashTable::new(),
            seeded: DefaultHashBuilder::default(),
            first: NONE,
            last: NONE,
            free: NONE,
        }
    }
}

impl LastSeenMap {
    /// Bytes a value takes: its place in the chain, and its number in a table with room.
    pub(crate) const VALUE_BYTES: usize = size_of::<SeenEntry>() + 8;

    /// Records a sighting that is not before any other; true when the value was not known.
    pub(crate) fn see(&mut self, value: i128, at: i64) -> bool {
        let hash = self.seeded.hash_one(value);
        let known = self.by_value.find(hash, |id| self.is(*id, value)).copied();
        if let Some(id) = known {
            if id != self.last {
                self.unchain(id);
                self.chain(id);
            }
            self.seen.get_mut(id as usize).into_iter().for_each(|seen| seen.at = at);
            return false;
        }
        let fresh = SeenEntry { value, at, before: NONE, after: NONE };
        let id = match self.seen.get_mut(self.free as usize) {
            Some(place) => {
                let id = self.free;
                self.free = place.after;
                *place = fresh;
                id
            }
            None => {
                self.seen.push(fresh);
                self.seen.len() as u32 - 1
            }
        };
        self.chain(id);
        let LastSeenMap { seen, by_value, seeded, .. } = self;
        let rehash = |id: &u32| seen.get(*id as usize).map_or(0, |it| seeded.hash_one(it.value));
        by_value.insert_unique(hash, id, rehash);
        true
    }

    /// True when a value is known.
    pub(crate) fn knows(&self, value: i128) -> bool {
        let hash = self.seeded.hash_one(value);
        self.by_value.find(hash, |id| self.is(*id, value)).is_some()
    }

    /// Drops the values last seen at or before `up_to`.
    pub(crate) fn evict(&mut self, up_to: i64) {
        while let Some(SeenEntry { value, at, .. }) = self.seen.get(self.first as usize).copied() {
            if at > up_to {
                break;
            }
            let (id, hash) = (self.first, self.seeded.hash_one(value));
            if let Ok(found) = self.by_value.find_entry(hash, |known| *known == id) {
                found.remove();
            }
            self.unchain(id);
            let free = std::mem::replace(&mut self.free, id);
            self.seen.get_mut(id as usize).into_iter().for_each(|seen| seen.after = free);
        }
        if self.seen.len() > SPARE_MAX && self.len() < self.seen.len() / 4 {
            let kept: LastSeenMap = self.iter().collect();
            *self = kept;
        }
    }

    /// Values and when each was last seen, the one that was seen last at the end.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (i128, i64)> + '_ {
        let mut at = self.first;
        std::iter::from_fn(move || {
            let seen = self.seen.get(at as usize)?;
            at = seen.after;
            Some((seen.value, seen.at))
        })
    }

    /// As [`LastSeenMap::iter`] from the other end: the one that was seen last comes first.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = (i128, i64)> + '_ {
        let mut at = self.last;
        std::iter::from_fn(move || {
            let seen = self.seen.get(at as usize)?;
            at = seen.before;
            Some((seen.value, seen.at))
        })
    }

    /// Number of values.
    pub(crate) fn len(&self) -> usize {
        self.by_value.len()
    }

    /// Instant at which the value that has not been seen for longest was.
    pub(crate) fn oldest(&self) -> Option<i64> {
        self.seen.get(self.first as usize).map(|seen| seen.at)
    }

    /// Instant at which a value was last seen.
    pub(crate) fn newest(&self) -> Option<i64> {
        self.seen.get(self.last as usize).map(|seen| seen.at)
    }

    fn is(&self, id: u32, value: i128) -> bool {
        self.seen.get(id as usize).is_some_and(|seen| seen.value == value)
    }

    /// Unlinks a value from the chain.
    fn unchain(&mut self, id: u32) {
        let Some(SeenEntry { before, after, .. }) = self.seen.get(id as usize).copied() else {
            return;
        };
        match self.seen.get_mut(before as usize) {
            Some(seen) => seen.after = after,
            None => self.first = after,
        }
        match self.seen.get_mut(after as usize) {
            Some(seen) => seen.before = before,
            None => self.last = before,
        }
    }

    /// Links a value to the end of the chain.
    fn chain(&mut self, id: u32) {
        let before = std::mem::replace(&mut self.last, id);
        match self.seen.get_mut(before as usize) {
            Some(seen) => seen.after = id,
            None => self.first = id,
        }
        if let Some(seen) = self.seen.get_mut(id as usize) {
            (seen.before, seen.after) = (before, NONE);
        }
    }
}

/// From values in the order in which they were last seen.
impl FromIterator<(i128, i64)> for LastSeenMap {
    fn from_iter<I: IntoIterator<Item = (i128, i64)>>(values: I) -> LastSeenMap {
        let mut recency = LastSeenMap::default();
        for (value, at) in values {
            recency.see(value, at);
        }
        recency
    }
}

impl SnapshotEncode for LastSeenMap {
    fn pack(&self, out: &mut Vec<u8>) {
        self.len().pack(out);
        self.iter().for_each(|seen| seen.pack(out));
    }

    fn unpack(from: &mut &[u8]) -> Option<LastSeenMap> {
        let seen: Vec<(i128, i64)> = SnapshotEncode::unpack(from)?;
        Some(seen.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against the list of values by their last instant.
        #[test]
        fn values_are_known_from_when_they_are_seen_until_they_are_let_go_of(
            steps in prop::collection::vec((0_i64..4, 0_i128..200, any::<bool>()), 0..400),
            kept_for in 1_i64..300,
        ) {
            let mut recency = LastSeenMap::default();
            let mut plain: Vec<(i128, i64)> = Vec::new();
            let mut now = 0;
            for (later, value, is_seen) in steps {
                now += later;
                if is_seen {
                    let is_new = plain.iter().all(|(known, _)| *known != value);
                    plain.retain(|(known, _)| *known != value);
                    plain.push((value, now));
                    prop_assert_eq!(recency.see(value, now), is_new);
                } else {
                    plain.retain(|(_, at)| *at > now - kept_for);
                    recency.evict(now - kept_for);
                }
                prop_assert_eq!(recency.knows(value), plain.iter().any(|it| it.0 == value));
                prop_assert_eq!(recency.len(), plain.len());
                prop_assert_eq!(recency.oldest(), plain.first().map(|it| it.1));
                prop_assert_eq!(recency.newest(), plain.last().map(|it| it.1));
                prop_assert_eq!(recency.iter().collect::<Vec<_>>(), plain.clone());
                let backwards = recency.newest_first().collect::<Vec<_>>();
                prop_assert!(backwards.into_iter().eq(plain.iter().rev().copied()));
            }
        }
    }

    #[test]
    fn memory_goes_with_the_values() {
        let mut recency = LastSeenMap::default();
        assert!((0..10_000).all(|value| recency.see(value, value as i64)));
        recency.evict(9_989);
        assert_eq!(recency.len(), 10);
        assert!(recency.seen.capacity() < 64, "{}", recency.seen.capacity());
        assert!(recency.by_value.capacity() < 64, "{}", recency.by_value.capacity());
    }
}
