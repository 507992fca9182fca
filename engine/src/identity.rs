//! Stable ids of episodes.

use model::time::Timestamp;
use model::transition::EpisodeId;

/// Computes the id of the episode of (`alert`, `key`) whose condition became true at `since`.
///
/// A BLAKE3 hash of exactly these three, truncated to 128 bits. Thread, partition, offset and rule
/// text do not enter, so the id survives a restart, another number of shards and an edited message.
pub fn episode_id(alert: &str, key: &[u8], since: Timestamp) -> EpisodeId {
    let mut hasher = blake3::Hasher::new();
    for part in [alert.as_bytes(), key] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.update(&since.0.to_le_bytes());
    let mut first = [0; 16];
    for (to, from) in first.iter_mut().zip(hasher.finalize().as_bytes()) {
        *to = *from;
    }
    EpisodeId(u128::from_be_bytes(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts_and_nothing_else() {
        let base = episode_id("a", b"k", Timestamp(1));
        assert_eq!(base, episode_id("a", b"k", Timestamp(1)));
        let others = [
            episode_id("b", b"k", Timestamp(1)),
            episode_id("a", b"l", Timestamp(1)),
            episode_id("a", b"k", Timestamp(2)),
            episode_id("ak", b"", Timestamp(1)),
        ];
        assert!(others.iter().all(|other| *other != base));
    }
}
