//! Other on-call settings while the node runs.
//!
//! They apply between two attempts. What is under way ends as it began, by the sink that it was
//! given to, and its outcome is known by its ticket.

use model::time::Timestamp;
use tracing::info;

use super::config_update::OnCallConfigUpdate;
use super::resend::{self, ResendState};
use super::worker::NotifyWorker;

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
