//! Delivery reports and dead notifications.

use std::sync::Arc;

use model::notification::Notification;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::outbox::{AttemptResult, DropReason, DroppedNotification};

/// A notification that was dropped and will not be retried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadNotification {
    /// Number by which commands refer to it.
    pub number: u64,
    /// Instant at which it was dropped.
    pub at: Timestamp,
    /// Name of the receiver that did not get it.
    pub receiver: String,
    /// The notification as it would have been sent.
    pub notification: Arc<Notification>,
    /// Number of attempts made.
    pub attempts: u32,
    /// Reason for the drop.
    pub why: DropReason,
}

/// A dropped notification that is not stored as dead yet.
#[derive(Clone, Debug)]
pub(super) struct GivenUpNotification {
    pub(super) notification: Arc<Notification>,
    /// Number of attempts made.
    pub(super) attempts: u32,
    pub(super) why: DropReason,
}

impl GivenUpNotification {
    /// Returns the notification of a last attempt, with the reason for the drop.
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

/// Result of an attempt with its receiver, for logs and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryReport {
    /// Name of the receiver.
    pub receiver: String,
    /// Result of the attempt.
    pub answered: AttemptResult,
}
