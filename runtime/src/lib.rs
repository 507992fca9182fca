//! The node: what is read, evaluated, logged, recovered and handed to on-call.
//!
//! Nothing here knows HTTP, the command line or a file by its name.

pub mod notify;
pub mod telemetry;
