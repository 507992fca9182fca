//! Resending what stands, to receivers that forget what is not resent.
//!
//! Such a receiver believes what it was sent last. So while what stands is resent, nothing else is
//! on its way to it: news wait until that is done, and it does not start before the outcome of what
//! is under way is known.

use std::collections::BTreeMap;

use connectors::sink::alertmanager::RESEND_INTERVAL_MS;
use model::notification::DeliveryResult;
use model::time::Timestamp;
use oncall::engine::OnCallSettings;
use oncall::outbox::DeliveryAttempt;
use oncall::route::Receiver;
use tracing::{info, warn};

use super::worker::NotifyWorker;

/// The receivers that are resent to, by name.
pub(super) type ResendStates = BTreeMap<String, ResendState>;

/// A receiver that is resent to.
#[derive(Debug, Default)]
pub(super) struct ResendState {
    /// Instant at which it was last resent to.
    resent_at: Option<Timestamp>,
    is_under_way: bool,
    /// News that wait for that.
    held: Vec<DeliveryAttempt>,
    is_failing: bool,
}

/// The receivers that are to be resent to, as far as known in the state that they were in. All
/// are due at once: they may be reached elsewhere now.
pub(super) fn resends(settings: &OnCallSettings, mut known: ResendStates) -> ResendStates {
    let receivers = settings.routing.receivers().iter().filter(|it| it.is_router);
    let state = |it: &Receiver| {
        let state = known.remove(&it.name).unwrap_or_default();
        (it.name.clone(), ResendState { resent_at: None, ..state })
    };
    receivers.map(state).collect()
}

impl ResendState {
    /// Releases the news that wait.
    pub(super) fn release(&mut self) -> Vec<DeliveryAttempt> {
        std::mem::take(&mut self.held)
    }

    fn is_due(&self, now: Timestamp) -> bool {
        let since = |at: Timestamp| now.0.saturating_sub(at.0).saturating_abs();
        !self.is_under_way && self.resent_at.is_none_or(|at| since(at) >= RESEND_INTERVAL_MS)
    }

    /// Instant at which it is due next; `None` while it is under way.
    pub(super) fn due_at(&self) -> Option<Timestamp> {
        let at = self.resent_at.map_or(Timestamp(i64::MIN), |at| at.plus(RESEND_INTERVAL_MS));
        (!self.is_under_way).then_some(at)
    }

    /// Holds news back while what stands is resent, or about to be.
    pub(super) fn holds(
        &mut self,
        attempt: DeliveryAttempt,
        now: Timestamp,
    ) -> Option<DeliveryAttempt> {
        if self.is_under_way || self.is_due(now) {
            self.held.push(attempt);
            return None;
        }
        Some(attempt)
    }
}

impl NotifyWorker {
    /// Starts to resend what stands, where that is due and nothing is on its way.
    pub(super) fn resend_due(&mut self, now: Timestamp) {
        for (name, state) in self.resends.iter_mut().filter(|(_, state)| state.is_due(now)) {
            let Some(number) = self.engine.settings().routing.number(name) else { continue };
            if self.in_flight.iter().any(|it| self.engine.receiver_of(*it) == Some(number)) {
                continue;
            }
            let standing = self.engine.standing(number, now);
            state.is_under_way = self.notifiers.resend(number, name, standing);
        }
    }

    /// Ends a resend of open incidents: the news that waited are sent.
    pub(super) fn end_resend(&mut self, name: &str, result: &DeliveryResult, now: Timestamp) {
        let Some(state) = self.resends.get_mut(name) else { return };
        state.resent_at = Some(now);
        state.is_under_way = false;
        let was_failing = state.is_failing;
        state.is_failing = !matches!(result, DeliveryResult::Sent { .. });
        self.telemetry.metrics.record_refresh(name, state.is_failing);
        match result {
            DeliveryResult::Sent { .. } if was_failing => {
                info!(receiver = name, "open incidents are resent again");
            }
            DeliveryResult::Sent { .. } => {}
            DeliveryResult::Retry { why, .. } | DeliveryResult::Reject { why, .. } => {
                if !was_failing {
                    warn!(receiver = name, why, "open incidents cannot be resent");
                }
            }
        }
        for attempt in state.release() {
            self.start(attempt);
        }
    }
}
