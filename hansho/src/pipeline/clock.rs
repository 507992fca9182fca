//! The only place that reads a clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use model::time::Timestamp;

/// The wall clock, for what people and receivers are told; no decision of a rule reads it.
pub(crate) fn wall_clock() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// The monotonic clock, for how long something lasted.
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}
