//! Why an attempt failed.

use model::notification::FailureReason;
use serde::{Deserialize, Serialize};

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of failure it was.
    pub reason: FailureReason,
    /// What went wrong, for people.
    pub why: String,
}
