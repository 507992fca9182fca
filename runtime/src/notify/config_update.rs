//! Other settings on their way to on-call.

use std::collections::BTreeSet;
use std::fmt;

use oncall::engine::OnCallSettings;
use oncall::outbox::OutboxLimits;

use super::Notifiers;

/// New configuration of on-call.
pub struct OnCallConfigUpdate {
    /// Whom to notify of what, and what is asked of them.
    pub settings: OnCallSettings,
    /// Notifiers of the receivers, in the same order.
    pub notifiers: Box<dyn Notifiers>,
    /// Names of receivers that are reached as before.
    pub unchanged: BTreeSet<String>,
    /// The limits of the outbox.
    pub outbox: OutboxLimits,
    /// Origin of the request: `signal`, `api`.
    pub by: &'static str,
}

impl fmt::Debug for OnCallConfigUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnCallConfigUpdate").field("by", &self.by).finish_non_exhaustive()
    }
}
