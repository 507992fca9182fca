//! The alert log: the lifecycle of every episode, durable before anything is acknowledged
//! (ARCHITECTURE D9).

pub mod writer;

pub mod compaction;
pub mod durable_progress;
pub mod peaks;
pub mod record;
pub mod replay;
pub mod retention;
pub mod rule_change;
