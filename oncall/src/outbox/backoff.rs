//! Time to wait before the next attempt.
//!
//! Exponential backoff with full jitter, after M. Brooker, "Exponential Backoff And Jitter" (AWS
//! Architecture Blog, 2015), except that the jitter is a hash of the notification and the attempt:
//! runs are reproducible, and retries of different notifications still spread out.

use model::time::{HOUR_MS, MINUTE_MS, SECOND_MS};

use crate::hash::{fnv_64, mix};

/// Maximum wait after the first failure, in milliseconds; it doubles with each further one.
pub const BACKOFF_BASE_MS: i64 = SECOND_MS;
/// Maximum wait of the exponential backoff, in milliseconds.
pub const BACKOFF_CAP_MS: i64 = 5 * MINUTE_MS;
/// Maximum `Retry-After` that is honoured, in milliseconds.
pub const RETRY_AFTER_MAX_MS: i64 = HOUR_MS;

/// Returns the wait after failed attempt number `attempt` (from 1), in milliseconds.
///
/// Between 1 ms and base·2^(attempt−1), at most the cap, and never less than what the
/// receiver asked for, up to [`RETRY_AFTER_MAX_MS`].
pub(super) fn wait_ms(id: &str, attempt: u32, after_ms: Option<i64>) -> i64 {
    let doublings = attempt.saturating_sub(1).min(32);
    let ceiling_ms = (BACKOFF_BASE_MS << doublings).min(BACKOFF_CAP_MS);
    let draw = mix(fnv_64(id.as_bytes()) ^ mix(u64::from(attempt)));
    let jitter_ms = 1 + (draw % ceiling_ms.unsigned_abs()) as i64;
    jitter_ms.max(after_ms.unwrap_or(0).min(RETRY_AFTER_MAX_MS))
}
