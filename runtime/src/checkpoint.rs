//! Sources of recovery: the state log and snapshots.

pub mod reader_checkpoint;
pub mod snapshot;
pub mod state_log;
