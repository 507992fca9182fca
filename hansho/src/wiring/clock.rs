//! The only place that reads a clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use model::time::Timestamp;
use runtime::io::{Clock, ClockReading};

/// The clocks of this process.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// Clocks that count from now.
    pub(crate) fn start() -> SystemClock {
        SystemClock { started: monotonic() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> ClockReading {
        let elapsed = self.started.elapsed().as_millis();
        ClockReading {
            wall: wall_clock(),
            monotonic_ms: i64::try_from(elapsed).unwrap_or(i64::MAX),
        }
    }
}

/// The wall clock, for people and receivers; no rule reads it.
pub(crate) fn wall_clock() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// The monotonic clock, for how long something lasted.
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}
