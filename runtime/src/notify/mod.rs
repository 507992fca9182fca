//! On-call as the node runs it: records to incidents, incidents to attempts, attempts to results.

pub mod worker;

pub mod channel;
pub mod config_update;
pub mod parts;
pub mod requests;
mod resend;
pub mod rows;
pub mod templates;
mod test_notification;

use std::sync::Arc;

use model::notification::Notification;
use oncall::outbox::AttemptId;

use requests::ReplyChannel;

/// Notifiers by the number of their receiver: every call starts something, and its outcome comes
/// back by the channel to on-call. No call waits.
pub trait Notifiers: Send {
    /// Starts one attempt. Its outcome is a [`DeliveryOutcome::Attempt`](channel::DeliveryOutcome).
    fn attempt(&mut self, attempt: NotifierAttempt);
    /// Starts to resend what stands to a receiver that forgets it. Its outcome is a
    /// [`DeliveryOutcome::Resend`](channel::DeliveryOutcome). False where the receiver cannot be
    /// resent to.
    fn resend(&mut self, receiver: usize, name: &str, standing: Vec<Notification>) -> bool;
    /// Starts one attempt at each of these notifications, outside of the outbox, and replies what
    /// came of them; after one that fails no other is made.
    fn test(&mut self, receiver: usize, test: ReceiverTest);
    /// Returns the message an attempt would send, secrets left out.
    fn preview(&self, receiver: usize, notification: &Notification) -> Option<String>;
    /// Number of receivers.
    fn len(&self) -> usize;
    /// True when there is no receiver.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An attempt to deliver a notification.
#[derive(Clone, Debug)]
pub struct NotifierAttempt {
    /// The attempt, for its outcome.
    pub ticket: AttemptId,
    /// The receiver's number.
    pub receiver: usize,
    /// Notification to deliver.
    pub notification: Arc<Notification>,
    /// Receipt of what the receiver has of the incident already.
    pub receipt: Option<String>,
}

/// A test of a receiver.
#[derive(Debug)]
pub struct ReceiverTest {
    /// The receiver's name.
    pub name: String,
    /// A firing notification, and its end.
    pub notifications: [Notification; 2],
    /// Channel for the result.
    pub reply: ReplyChannel,
}
