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

use engine::shard::WatchSample;

use health::NodeHealth;
use metrics::NodeMetrics;

/// State of the node as its threads report it.
#[derive(Debug)]
pub struct NodeTelemetry {
    /// Liveness and readiness.
    pub health: NodeHealth,
    /// Counters and gauges.
    pub metrics: NodeMetrics,
    watched: Mutex<Vec<WatchSample>>,
    /// Records of the alert log that on-call has applied and stored.
    on_call_position: AtomicU64,
}

impl Default for NodeTelemetry {
    fn default() -> NodeTelemetry {
        NodeTelemetry::new()
    }
}

impl NodeTelemetry {
    /// Telemetry of a node that has reported nothing yet.
    pub fn new() -> NodeTelemetry {
        NodeTelemetry {
            health: NodeHealth::new(),
            metrics: NodeMetrics::new(),
            watched: Mutex::default(),
            on_call_position: AtomicU64::new(0),
        }
    }

    /// Records the position of on-call in the alert log, once that is stored.
    pub fn record_on_call_position(&self, position: u64) {
        self.on_call_position.store(position, Ordering::Release);
    }

    /// Number of the first record of the alert log that on-call has not applied and stored.
    pub fn on_call_position(&self) -> u64 {
        self.on_call_position.load(Ordering::Acquire)
    }

    /// Replaces the current values of all watches.
    pub fn record_watched(&self, mut watched: Vec<WatchSample>) {
        self.metrics.record_watches(watched.iter());
        watched.sort();
        *self.watched.lock().unwrap_or_else(PoisonError::into_inner) = watched;
    }

    /// Current values of all watches, ordered by watch and key.
    pub fn watched(&self) -> Vec<WatchSample> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests;
