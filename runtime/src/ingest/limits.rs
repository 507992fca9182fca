//! Limits of the reader.

/// Limits of the reader.
#[derive(Clone, Copy, Debug)]
pub struct ReaderLimits {
    /// Time for which a partition must be known empty before time passes there by itself, in ms.
    pub idle_ms: i64,
    /// Greatest event time that a partition may be read ahead of the one furthest behind, in ms.
    pub skew_max_ms: i64,
    /// Memory for observations that wait to be settled, in bytes.
    pub unsettled_bytes: u64,
    /// Time for which a stream may be held back so that others catch up before a meta alert, in ms.
    pub held_back_max_ms: i64,
    /// Shortest interval between snapshots, in ms; `None` is never.
    pub snapshot_every_ms: Option<i64>,
}
