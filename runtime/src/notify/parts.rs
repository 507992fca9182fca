//! Parts of the notify worker.

use oncall::engine::OnCallSettings;
use oncall::outbox::OutboxLimits;

use super::Notifiers;
use super::channel::NotifyInbox;
use crate::io::RowStore;

/// Parts of on-call.
pub struct NotifyParts {
    /// Whom to notify of what, and what is asked of them.
    pub settings: OnCallSettings,
    /// The limits of the outbox.
    pub outbox: OutboxLimits,
    /// Notifiers of the receivers, in the same order.
    pub notifiers: Box<dyn Notifiers>,
    /// The rows of on-call.
    pub rows: Box<dyn RowStore>,
    /// Messages it receives.
    pub inbox: NotifyInbox,
}
