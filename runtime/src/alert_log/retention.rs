//! Retention of the alert log.

use model::time::DAY_MS;

/// Retention of a log: when it is compacted, and what stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogRetention {
    /// Time for which a record stays after it was detected, whatever became of it, in ms: longer
    /// than the time for which a notification is retried, and than on-call may have been down
    /// besides.
    pub keep_ms: i64,
    /// A log of fewer bytes is only compacted at a start.
    pub compact_bytes_min: u64,
}

impl Default for LogRetention {
    fn default() -> LogRetention {
        LogRetention { keep_ms: 2 * DAY_MS, compact_bytes_min: 8 << 20 }
    }
}
