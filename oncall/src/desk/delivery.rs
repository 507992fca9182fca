//! Outcomes of attempts, and notifications that were given up.

use std::sync::Arc;

use model::notification::Notification;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::outbox::{Answered, GiveUp};

/// A notification that was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dead {
    /// Its number.
    pub number: u64,
    /// When it was given up.
    pub at: Timestamp,
    /// Who did not get it.
    pub receiver: String,
    /// What it was.
    pub notification: Arc<Notification>,
    /// Attempts made.
    pub attempts: u32,
    /// Why.
    pub why: GiveUp,
}

/// What became of an attempt, for logs and figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Whom it was for.
    pub receiver: String,
    /// The attempt.
    pub answered: Answered,
}
