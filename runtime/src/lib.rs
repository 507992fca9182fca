//! The node of hansho as a library: deterministic machines that read, evaluate, log, commit,
//! recover, reload and notify, without a thread, a clock or I/O of their own.
//!
//! Start at [`node`]: which machines there are, and what flows between them. Everything outside
//! is behind the traits of [`io`]. The binary, the simulator, replay and rule tests drive the
//! same machines.

pub mod node;

pub mod io;
pub mod shared;

pub mod executor;
pub mod ingest;
pub mod pipeline;

pub mod alert_log;
pub mod checkpoint;

pub mod rules;

pub mod notify;

pub mod self_monitor;
pub mod telemetry;

pub mod replay;
pub mod rule_check;
pub mod rule_test;

pub mod error;
