//! Failure of a delivery attempt.

use model::notification::FailureReason;
use serde::{Deserialize, Serialize};

/// Failure of a delivery attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryFailure {
    /// Kind of failure.
    pub reason: FailureReason,
    /// Description of the failure, for people.
    pub why: String,
}
