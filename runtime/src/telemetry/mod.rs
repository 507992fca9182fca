//! Telemetry of the node: health, metrics and the figures behind them.
//!
//! The threads of the node write it and the routes of the server read it. Nothing here decides
//! anything about alerts.

pub mod health;
pub mod metrics;
pub mod rule_metrics;
pub mod watch_metrics;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use engine::shard::Watched;

use health::Health;
use metrics::Metrics;

/// State of the node as its threads report it.
#[derive(Debug)]
pub struct Telemetry {
    /// Liveness and readiness.
    pub health: Health,
    /// Counters and gauges.
    pub metrics: Metrics,
    watched: Mutex<Vec<Watched>>,
    /// Records of the alert log that on-call has applied and stored.
    on_call_position: AtomicU64,
}

impl Default for Telemetry {
    fn default() -> Telemetry {
        Telemetry::new()
    }
}

impl Telemetry {
    /// Telemetry of a node that has reported nothing yet.
    pub fn new() -> Telemetry {
        Telemetry {
            health: Health::new(),
            metrics: Metrics::new(),
            watched: Mutex::default(),
            on_call_position: AtomicU64::new(0),
        }
    }

    /// Records the position of on-call in the alert log, once that is stored.
    pub fn note_on_call_position(&self, position: u64) {
        self.on_call_position.store(position, Ordering::Release);
    }

    /// Number of the first record of the alert log that on-call has not applied and stored.
    pub fn on_call_position(&self) -> u64 {
        self.on_call_position.load(Ordering::Acquire)
    }

    /// Replaces the current values of all watches.
    pub fn note_watched(&self, mut watched: Vec<Watched>) {
        self.metrics.note_watches(watched.iter());
        watched.sort();
        *self.watched.lock().unwrap_or_else(PoisonError::into_inner) = watched;
    }

    /// Current values of all watches, ordered by watch and key.
    pub fn watched(&self) -> Vec<Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests;
