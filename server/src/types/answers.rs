//! Answers that the server itself gives.

use serde::{Deserialize, Serialize};

/// Reason why a request was not served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ErrorAnswer {
    /// Reason and the way out.
    pub error: String,
}

/// Outcome of posted events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngestAnswer {
    /// Number of lines that were appended.
    pub accepted: usize,
}
