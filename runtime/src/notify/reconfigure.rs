//! Other on-call settings while the node runs.
//!
//! They apply between two attempts. What is under way ends as it began, by the sink that it was
//! given to, and its outcome is known by its ticket.

use std::collections::BTreeSet;
use std::fmt;

use model::time::Timestamp;
use oncall::desk::Settings;
use oncall::outbox::OutboxLimits;
use tracing::info;

use super::Notifiers;
use super::resend::{self, ResendState};
use super::worker::NotifyWorker;

/// What on-call is to go by from now on.
pub struct OnCallConfigUpdate {
    /// Whom to notify of what, and what is asked of them.
    pub settings: Settings,
    /// How each receiver is reached, in the same order.
    pub notifiers: Box<dyn Notifiers>,
    /// Names of receivers that are reached as before.
    pub unchanged: BTreeSet<String>,
    /// The limits of the outbox.
    pub outbox: OutboxLimits,
    /// What asked for it: `signal`, `api`.
    pub by: &'static str,
}

impl fmt::Debug for OnCallConfigUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnCallConfigUpdate").field("by", &self.by).finish_non_exhaustive()
    }
}

impl NotifyWorker {
    pub(super) fn reconfigure(&mut self, update: OnCallConfigUpdate, now: Timestamp) {
        let OnCallConfigUpdate { settings, notifiers, unchanged, outbox, by } = update;
        let mut resends = std::mem::take(&mut self.resends);
        // Those attempts were not started, and their numbers are about to change.
        for attempt in resends.values_mut().flat_map(ResendState::release) {
            self.desk.withdraw(attempt.ticket);
        }
        self.desk.reconfigure(settings, outbox, by, now);
        let names: Vec<String> = {
            let receivers = self.desk.settings().routing.receivers().iter();
            receivers.map(|receiver| receiver.name.clone()).collect()
        };
        for (number, name) in names.iter().enumerate() {
            if !unchanged.contains(name) {
                self.desk.reach_anew(number, now);
            }
        }
        self.notifiers = notifiers;
        self.resends = resend::resends(self.desk.settings(), resends);
        self.telemetry.metrics.forget_receivers();
        info!(by, receivers = self.notifiers.len(), "on-call settings reloaded");
    }
}
