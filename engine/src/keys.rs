//! Keys by number.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::ring::is_mostly_free;
use crate::slab::Slab;

/// Index of an interned key.
pub type KeyId = u32;

/// Interned keys by number, reference counted.
#[derive(Debug, Default)]
pub struct KeyTable {
    // The grouping hash is fixed and so open to crafted collisions: in memory, keys are
    // found by a hash seeded afresh in every process.
    seeded: DefaultHashBuilder,
    table: HashTable<KeyId>,
    entries: Slab<KeyEntry>,
}

#[derive(Debug)]
struct KeyEntry {
    bytes: Box<[u8]>,
    group: u32,
    references: u32,
}

impl KeyTable {
    /// Interns a key and acquires a reference to it.
    pub(crate) fn acquire(&mut self, bytes: &[u8], group: u32) -> KeyId {
        let hash = self.seeded.hash_one(bytes);
        let entries = &mut self.entries;
        let same = |id: &KeyId| entries.get(*id).is_some_and(|entry| *entry.bytes == *bytes);
        if let Some(id) = self.table.find(hash, same).copied() {
            self.retain(id);
            return id;
        }
        let id = entries.insert(KeyEntry { bytes: bytes.into(), group, references: 1 });
        let seeded = &self.seeded;
        let rehash =
            |id: &KeyId| seeded.hash_one(entries.get(*id).map_or(&[][..], |entry| &entry.bytes));
        self.table.insert_unique(hash, id, rehash);
        id
    }

    /// Adds a reference to a known key.
    pub(crate) fn retain(&mut self, id: KeyId) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.references += 1;
        }
    }

    /// Releases a reference; the last one drops the key.
    pub(crate) fn release(&mut self, id: KeyId) {
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        entry.references -= 1;
        if entry.references > 0 {
            return;
        }
        let hash = self.seeded.hash_one(&*entry.bytes);
        if let Ok(found) = self.table.find_entry(hash, |known| *known == id) {
            found.remove();
        }
        self.entries.remove(id);
        let KeyTable { seeded, table, entries } = self;
        if is_mostly_free(table.len(), table.capacity()) {
            let bytes = |id: &KeyId| entries.get(*id).map_or(&[][..], |entry| &entry.bytes);
            table.shrink_to(table.len() * 2, |id| seeded.hash_one(bytes(id)));
        }
    }

    /// The canonical bytes of a key.
    pub(crate) fn bytes(&self, id: KeyId) -> &[u8] {
        self.entries.get(id).map_or(&[], |entry| &entry.bytes)
    }

    /// The key group of a key.
    pub(crate) fn group(&self, id: KeyId) -> u32 {
        self.entries.get(id).map_or(0, |entry| entry.group)
    }

    /// Number of keys held.
    pub(crate) const fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_kept_while_referred_to_and_numbers_are_used_again() {
        let mut keys = KeyTable::default();
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
