//! Core of hansho: rules, observations and watermarks in, transitions out.
//!
//! In the order of the modules: a [`program::Program`] is compiled from checked rules. On the
//! reading thread it turns events into observations for the shard that owns their key group, and a
//! [`watermark::PartitionWatermark`] decides which events are late and how far event time has
//! passed. A [`shard::Shard`] applies observations in order, instant by instant, to the windows and
//! the episode of every key, and returns the transitions.
//!
//! Nothing in this crate reads a clock, takes a lock, starts a thread or performs I/O.

pub mod key_group;
pub mod program;
pub mod watermark;

mod absence;
mod accumulators;
mod aggregate;
mod calendar_gate;
mod condition;
mod early_detector;
mod episode;
mod filter_tree;
mod formula;
mod key_thresholds;
mod keys;
mod last_seen_map;
mod measure_value;
mod new_values;
mod order_statistics;
mod panes;
mod predicate;
mod reorder;
mod ring;
mod sequence;
mod slab;
mod state_fingerprint;
mod timer;
mod wheel;
mod window;

pub mod early_alerts;
pub mod identity;
pub mod program_upgrade;
pub mod resume;
pub mod rule_state;
pub mod shard;
pub mod snapshot;

#[cfg(test)]
mod sample;
