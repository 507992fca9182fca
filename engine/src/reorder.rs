//! Observations waiting for their instant to settle, and the keys they belong to.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use hashbrown::{DefaultHashBuilder, HashTable};
use model::observation::Origin;
use model::time::Timestamp;
use std::hash::BuildHasher;

/// Index of an interned key.
pub type KeyId = u32;

/// An observation waiting for its instant.
#[derive(Debug)]
pub struct Waiting {
    /// Event time, then where the event stood: the order of all events.
    pub order: (Timestamp, Origin),
    /// The signal it belongs to.
    pub signal: u32,
    /// Its key.
    pub key: KeyId,
    /// Its value.
    pub value: i128,
    /// The event's fields that messages show.
    pub fields: Box<[u8]>,
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Waiting) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Waiting) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Waiting) -> std::cmp::Ordering {
        (self.order, self.signal).cmp(&(other.order, other.signal))
    }
}

/// The reorder buffer: whatever order observations come in, they leave in theirs.
#[derive(Debug, Default)]
pub struct Reorder {
    heap: BinaryHeap<Reverse<Waiting>>,
}

impl Reorder {
    /// Adds an observation.
    pub(crate) fn push(&mut self, waiting: Waiting) {
        self.heap.push(Reverse(waiting));
    }

    /// The earliest waiting instant.
    pub(crate) fn next(&self) -> Option<i64> {
        self.heap.peek().map(|Reverse(waiting)| waiting.order.0.0)
    }

    /// Takes the next observation of exactly the instant `now`.
    pub(crate) fn pop_at(&mut self, now: i64) -> Option<Waiting> {
        let due = self.next() == Some(now);
        due.then(|| self.heap.pop()).flatten().map(|Reverse(waiting)| waiting)
    }

    /// Number of waiting observations.
    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }
}

/// Keys by number, kept while anything refers to them.
#[derive(Debug, Default)]
pub struct Keys {
    // The grouping hash is fixed and so open to crafted collisions: in memory, keys are
    // found by a hash seeded afresh in every process.
    seeded: DefaultHashBuilder,
    table: HashTable<KeyId>,
    entries: Vec<Entry>,
    free: Vec<KeyId>,
}

#[derive(Debug)]
struct Entry {
    bytes: Box<[u8]>,
    group: u32,
    references: u32,
}

impl Keys {
    /// The number of a key, with one more reference to it.
    pub(crate) fn acquire(&mut self, bytes: &[u8], group: u32) -> KeyId {
        let hash = self.seeded.hash_one(bytes);
        let entries = &mut self.entries;
        let same = |id: &KeyId| entries.get(*id as usize).is_some_and(|e| *e.bytes == *bytes);
        if let Some(id) = self.table.find(hash, same).copied() {
            self.retain(id);
            return id;
        }
        let entry = Entry { bytes: bytes.into(), group, references: 1 };
        let id = self.free.pop().unwrap_or(entries.len() as KeyId);
        match entries.get_mut(id as usize) {
            Some(slot) => *slot = entry,
            None => entries.push(entry),
        }
        let seeded = &self.seeded;
        let rehash = |id: &KeyId| {
            seeded.hash_one(entries.get(*id as usize).map_or(&[][..], |entry| &entry.bytes))
        };
        self.table.insert_unique(hash, id, rehash);
        id
    }

    /// One more reference to a known key.
    pub(crate) fn retain(&mut self, id: KeyId) {
        if let Some(entry) = self.entries.get_mut(id as usize) {
            entry.references += 1;
        }
    }

    /// One reference less; the last lets the key go.
    pub(crate) fn release(&mut self, id: KeyId) {
        let Some(entry) = self.entries.get_mut(id as usize) else {
            return;
        };
        entry.references -= 1;
        if entry.references > 0 {
            return;
        }
        let hash = self.seeded.hash_one(&*entry.bytes);
        entry.bytes = Box::default();
        if let Ok(found) = self.table.find_entry(hash, |known| *known == id) {
            found.remove();
        }
        self.free.push(id);
    }

    /// The canonical bytes of a key.
    pub(crate) fn bytes(&self, id: KeyId) -> &[u8] {
        self.entries.get(id as usize).map_or(&[], |entry| &entry.bytes)
    }

    /// The key group of a key.
    pub(crate) fn group(&self, id: KeyId) -> u32 {
        self.entries.get(id as usize).map_or(0, |entry| entry.group)
    }

    /// Number of keys held.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn observations_leave_in_the_order_of_time_stream_partition_offset() {
        let waiting = |time, stream, partition, offset| Waiting {
            order: (Timestamp(time), Origin { stream, partition, offset }),
            signal: 0,
            key: 0,
            value: 0,
            fields: Box::default(),
        };
        let mut reorder = Reorder::default();
        for (time, stream, partition, offset) in
            [(5, 1, 0, 0), (5, 0, 1, 7), (5, 0, 1, 3), (4, 9, 9, 9), (5, 0, 0, 9)]
        {
            reorder.push(waiting(time, stream, partition, offset));
        }
        assert_eq!(reorder.pop_at(5), None);
        assert!(reorder.pop_at(4).is_some());
        let origins: Vec<_> = std::iter::from_fn(|| reorder.pop_at(5))
            .map(|w| (w.order.1.stream, w.order.1.partition, w.order.1.offset))
            .collect();
        assert_eq!(origins, [(0, 0, 9), (0, 1, 3), (0, 1, 7), (1, 0, 0)]);
        assert_eq!(reorder.len(), 0);
    }

    #[test]
    fn keys_are_kept_while_referred_to_and_numbers_are_used_again() {
        let mut keys = Keys::default();
        let a = keys.acquire(b"a", 1);
        let b = keys.acquire(b"b", 2);
        assert_eq!(keys.acquire(b"a", 1), a);
        keys.release(a);
        assert_eq!((keys.bytes(a), keys.group(b), keys.len()), (&b"a"[..], 2, 2));
        keys.release(a);
        assert_eq!(keys.len(), 1);
        assert_eq!(keys.acquire(b"c", 3), a);
        assert_eq!((keys.bytes(a), keys.bytes(b)), (&b"c"[..], &b"b"[..]));
    }
}
