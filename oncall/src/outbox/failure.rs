//! Why an attempt failed.

use model::notification::FailureReason;
use serde::{Deserialize, Serialize};

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryFailure {
    /// Kind of failure.
    pub reason: FailureReason,
    /// Description of the failure, for people.
    pub why: String,
}
