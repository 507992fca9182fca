//! Rules, observations and marks to transitions: the core of hansho.
//!
//! The road through this crate, in the order of its modules: a [`program::Program`] is made
//! of checked rules; on the reading thread it turns events into observations for the shard
//! that owns their key group, while a [`watermark::PartitionWatermark`] says which events count and
//! how far time has passed; a [`shard::Shard`] applies observations in order, instant by
//! instant, to the [`window::WindowState`] and [`episode::Episode`] of every key, and tells what
//! changed.
//!
//! Nothing in here reads a clock, takes a lock, starts a thread or performs I/O.

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
