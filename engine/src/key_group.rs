//! Key groups: the fixed cut by which state, order and limits are divided.
//!
//! The number of groups and the hash never change, so what a group holds does not depend on
//! how many threads there are: threads own groups, and only the owner changes.

use xxhash_rust::xxh3::xxh3_64;

/// Number of key groups.
pub const KEY_GROUPS: u32 = 256;

/// The fixed hash of a key's canonical bytes.
pub fn key_hash(key: &[u8]) -> u64 {
    xxh3_64(key)
}

/// The group a key hash belongs to.
pub const fn group_of(key_hash: u64) -> u32 {
    (key_hash >> 32) as u32 % KEY_GROUPS
}

/// The shard that owns a group, of `shards` in all.
pub const fn shard_of(group: u32, shards: usize) -> usize {
    if shards == 0 { 0 } else { group as usize % shards }
}
