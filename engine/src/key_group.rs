//! Key groups: fixed partitions of all keys, the unit of state, order and limits.
//!
//! The number of groups and the hash never change, so the content of a group does not depend on the
//! number of threads: threads own groups, and only the owner changes.

use xxhash_rust::xxh3::xxh3_64;

/// Number of key groups.
pub const KEY_GROUPS: u32 = 256;

/// Hashes a key's canonical bytes; the hash never changes.
pub fn key_hash(key: &[u8]) -> u64 {
    xxh3_64(key)
}

/// Returns the key group of a key hash.
pub const fn group_of(key_hash: u64) -> u32 {
    (key_hash >> 32) as u32 % KEY_GROUPS
}

/// Returns the index of the shard that owns a group, of `shards` in all.
pub const fn shard_of(group: u32, shards: usize) -> usize {
    if shards == 0 { 0 } else { group as usize % shards }
}
