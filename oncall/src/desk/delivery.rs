//! Outcomes of attempts, and notifications that were given up.

use std::sync::Arc;

use model::notification::Notification;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::outbox::{Answered, GiveUp, Refusal};

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

/// A notification on its way to the dead letters.
#[derive(Clone, Debug)]
pub(super) struct GivenUpNotification {
    pub(super) notification: Arc<Notification>,
    /// Attempts made.
    pub(super) attempts: u32,
    pub(super) why: GiveUp,
}

impl GivenUpNotification {
    /// The notification of an attempt after which no other follows.
    pub(super) fn of(answered: &Answered, why: &GiveUp) -> GivenUpNotification {
        GivenUpNotification {
            notification: Arc::clone(&answered.notification),
            attempts: answered.attempt,
            why: why.clone(),
        }
    }
}

impl From<Refusal> for GivenUpNotification {
    fn from(refusal: Refusal) -> GivenUpNotification {
        let Refusal { notification, why } = refusal;
        GivenUpNotification { notification, attempts: 0, why }
    }
}

/// What became of an attempt, for logs and figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Whom it was for.
    pub receiver: String,
    /// The attempt.
    pub answered: Answered,
}
