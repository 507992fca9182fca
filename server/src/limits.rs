//! Limits of requests and answers.

use std::time::Duration;

/// Largest body of a request to the API, in bytes.
pub const API_BODY_BYTES_MAX: usize = 64 << 10;
/// Largest body of posted events, in bytes: 8 MiB.
pub const INGEST_BODY_BYTES_MAX: usize = 8 << 20;
/// Longest wait for an answer of on-call.
pub const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);
/// Longest wait for the outcome of a test notification: two attempts, and a margin.
pub const TEST_WAIT_MAX: Duration = Duration::from_secs(25);
/// Longest time that open connections may take to end after a shutdown.
pub const DRAIN_MAX: Duration = Duration::from_secs(2);
