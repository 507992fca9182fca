//! Parts of the notify worker.

use oncall::desk::Settings as OnCallSettings;
use oncall::outbox::OutboxLimits;

use super::Notifiers;
use super::channel::NotifyInbox;
use crate::io::RowStore;

/// What on-call is made of.
pub struct NotifyParts {
    /// Whom to notify of what, and what is asked of them.
    pub settings: OnCallSettings,
    /// The limits of the outbox.
    pub outbox: OutboxLimits,
    /// How each receiver is reached, in the same order.
    pub notifiers: Box<dyn Notifiers>,
    /// The rows of on-call.
    pub rows: Box<dyn RowStore>,
    /// What it receives.
    pub inbox: NotifyInbox,
}
