//! Rules, observations and marks to transitions: the core of hansho.
//!
//! The road through this crate, in the order of its modules: a [`program::Program`] is made
//! of checked rules; on the reading thread it turns events into observations for the shard
//! that owns their key group, while a [`watermark::Front`] says which events count and how
//! far time has passed; a [`shard::Shard`] applies observations in order, instant by
//! instant, to the [`window::Window`] and [`episode::Episode`] of every key, and tells what
//! changed.
//!
//! Nothing in here reads a clock, takes a lock, starts a thread or performs I/O.

pub mod key_group;
pub mod program;
pub mod watermark;

mod absence;
mod aggregate;
mod condition;
mod episode;
mod filter_tree;
mod formula;
mod hours;
mod keys;
mod levels;
mod measured;
mod novelty;
mod panes;
mod predicate;
mod probe;
mod ranked;
mod recency;
mod reorder;
mod ring;
mod sequence;
mod slab;
mod stateful;
mod timer;
mod totals;
mod wheel;
mod window;

pub mod announced;
pub mod identity;
pub mod memory;
pub mod resume;
pub mod shard;
pub mod snapshot;
pub mod succession;

#[cfg(test)]
mod sample;
