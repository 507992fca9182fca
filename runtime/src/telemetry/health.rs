//! Liveness and readiness of the node, as its threads report it.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use model::time::Timestamp;

/// Age of the last report after which a thread counts as stuck, in milliseconds.
pub const STUCK_MS: i64 = 30_000;
/// Age of the last acknowledgement after which the alert log makes the node not ready, in
/// milliseconds. The writer reports every few of them, with or without alerts.
pub const ACK_MAX_MS: i64 = 10_000;

/// Mark of a thread that has not reported yet; such a thread is not checked.
const NEVER: i64 = i64::MIN;

/// Reports of the threads, from which liveness and readiness follow.
#[derive(Debug)]
pub struct NodeHealth {
    read: AtomicI64,
    acknowledged: AtomicI64,
    assigned: AtomicBool,
    caught_up: AtomicBool,
    /// Current reason why the node cannot read its input; written rarely.
    trouble: Mutex<Option<String>>,
}

impl Default for NodeHealth {
    fn default() -> NodeHealth {
        NodeHealth::new()
    }
}

impl NodeHealth {
    /// Health without any report; only threads that have reported once are checked.
    pub fn new() -> NodeHealth {
        NodeHealth {
            read: AtomicI64::new(NEVER),
            acknowledged: AtomicI64::new(NEVER),
            assigned: AtomicBool::new(false),
            caught_up: AtomicBool::new(false),
            trouble: Mutex::new(None),
        }
    }

    /// Records that partitions were assigned and are to be replayed.
    pub fn record_assigned(&self) {
        self.caught_up.store(false, Ordering::Relaxed);
        self.assigned.store(true, Ordering::Relaxed);
    }

    /// Records that every assigned partition was read up to its commit.
    pub fn record_caught_up(&self) {
        self.caught_up.store(true, Ordering::Relaxed);
    }

    /// Records a turn of the reading thread.
    pub fn record_read(&self, now: Timestamp) {
        self.read.store(now.0, Ordering::Relaxed);
    }

    /// Records that the alert log acknowledged all that was written to it.
    pub fn record_reported(&self, now: Timestamp) {
        self.acknowledged.store(now.0, Ordering::Relaxed);
    }

    /// Records why the node cannot read its input, in words.
    pub fn record_trouble(&self, what: &str) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(what.to_owned());
    }

    /// Records that the node reads its input again.
    pub fn record_recovered(&self) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Checks that every thread that has started still reports.
    ///
    /// # Errors
    /// The first stuck thread and for how long, in words.
    pub fn live(&self, now: Timestamp) -> Result<(), String> {
        let stuck = |tick: &AtomicI64| silent_ms(tick, now).filter(|silent| *silent > STUCK_MS);
        let named = |name: &str, silent_ms: i64| {
            Err(format!("the {name} has been stuck for {} s", silent_ms / 1000))
        };
        if let Some(silent_ms) = stuck(&self.read) {
            return named("reader", silent_ms);
        }
        if let Some(silent_ms) = stuck(&self.acknowledged) {
            return named("alert log", silent_ms);
        }
        Ok(())
    }

    /// Checks that an event read now can become an alert.
    ///
    /// # Errors
    /// The missing precondition, in words.
    pub fn ready(&self, now: Timestamp) -> Result<(), String> {
        self.live(now)?;
        if let Some(what) = &*self.trouble.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(what.clone());
        }
        if !self.assigned.load(Ordering::Relaxed) {
            return Err("no partitions are assigned yet".to_owned());
        }
        if !self.caught_up.load(Ordering::Relaxed) {
            return Err("still reading what came before".to_owned());
        }
        match silent_ms(&self.acknowledged, now) {
            Some(silent) if silent <= ACK_MAX_MS => Ok(()),
            Some(silent) => {
                Err(format!("the alert log acknowledges nothing for {} s", silent / 1000))
            }
            None => Err("the alert log has acknowledged nothing yet".to_owned()),
        }
    }
}

/// Age of a thread's last report; `None` for one that never reported.
fn silent_ms(tick: &AtomicI64, now: Timestamp) -> Option<i64> {
    let last = tick.load(Ordering::Relaxed);
    (last != NEVER).then(|| now.0.saturating_sub(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_stops_is_named() {
        let health = NodeHealth::new();
        let check = |now, want: &str| {
            assert_eq!(health.live(Timestamp(now)).err().unwrap_or_default(), want);
        };
        check(i64::MAX, "");
        health.record_reported(Timestamp(5_000));
        check(90_000, "the alert log has been stuck for 85 s");
        health.record_reported(Timestamp(90_000));
        health.record_read(Timestamp(0));
        check(90_000, "the reader has been stuck for 90 s");
        // A clock set back accuses nobody.
        check(-1_000_000, "");
    }

    #[test]
    fn readiness_names_what_is_missing() {
        let health = NodeHealth::new();
        let check = |now, want: &str| {
            assert_eq!(health.ready(Timestamp(now)).err().unwrap_or_default(), want);
        };
        check(0, "no partitions are assigned yet");
        health.record_assigned();
        check(0, "still reading what came before");
        health.record_caught_up();
        check(0, "the alert log has acknowledged nothing yet");
        health.record_reported(Timestamp(0));
        check(ACK_MAX_MS, "");
        check(1_000 + ACK_MAX_MS, "the alert log acknowledges nothing for 11 s");
        health.record_trouble("no broker answers");
        check(0, "no broker answers");
        health.record_recovered();
        check(0, "");
        health.record_assigned();
        check(0, "still reading what came before");
    }
}
