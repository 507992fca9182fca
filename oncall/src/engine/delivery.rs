//! Outcomes of attempts, and notifications that were given up.

use std::sync::Arc;

use model::notification::Notification;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::outbox::{AttemptResult, DropReason, DroppedNotification};

/// A notification that was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadNotification {
    /// Its number.
    pub number: u64,
    /// Instant at which it was given up.
    pub at: Timestamp,
    /// Receiver that did not get it.
    pub receiver: String,
    /// Notification.
    pub notification: Arc<Notification>,
    /// Attempts made.
    pub attempts: u32,
    /// Why.
    pub why: DropReason,
}

/// A notification on its way to the dead letters.
#[derive(Clone, Debug)]
pub(super) struct GivenUpNotification {
    pub(super) notification: Arc<Notification>,
    /// Attempts made.
    pub(super) attempts: u32,
    pub(super) why: DropReason,
}

impl GivenUpNotification {
    /// The notification of an attempt after which no other follows.
    pub(super) fn of(answered: &AttemptResult, why: &DropReason) -> GivenUpNotification {
        GivenUpNotification {
            notification: Arc::clone(&answered.notification),
            attempts: answered.attempt,
            why: why.clone(),
        }
    }
}

impl From<DroppedNotification> for GivenUpNotification {
    fn from(refusal: DroppedNotification) -> GivenUpNotification {
        let DroppedNotification { notification, why } = refusal;
        GivenUpNotification { notification, attempts: 0, why }
    }
}

/// Report of an attempt, for logs and figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryReport {
    /// Whom it was for.
    pub receiver: String,
    /// The attempt.
    pub answered: AttemptResult,
}
