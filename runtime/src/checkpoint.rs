//! What recovery starts from: the state log and snapshots.

pub mod snapshot;
pub mod state_log;
