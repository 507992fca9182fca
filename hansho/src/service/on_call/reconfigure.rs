//! Other settings for the on-call thread while it runs.
//!
//! They are taken up between two attempts. What is under way ends as it began, by the sink it
//! was given to, and is answered by its ticket.

use oncall::desk::Settings;
use oncall::outbox::OutboxLimits;
use tracing::info;

use super::{Delivery, OnCall, refresh};
use crate::api::State;
use crate::pipeline::clock::wall_clock;
use crate::reload::Slot;

/// What on-call is to go by from now on.
pub struct Change {
    /// Who is told of what, and what is asked of them.
    pub settings: Settings,
    /// How each receiver is reached, in the same order.
    pub deliveries: Vec<Delivery>,
    /// The limits of the outbox.
    pub outbox: OutboxLimits,
    /// What asked for it: `signal`, `api`.
    pub by: &'static str,
}

impl OnCall {
    /// Takes up what waits to be taken up.
    pub(super) fn take_up(&mut self, slot: &Slot, state: &State) {
        let Some(Change { settings, deliveries, outbox, by }) = slot.take_on_call() else {
            return;
        };
        let mut routers = std::mem::take(&mut self.routers);
        // Those attempts were not begun, and their numbers are about to change.
        for attempt in routers.values_mut().flat_map(refresh::Router::let_go) {
            self.desk.withdraw(attempt.ticket);
        }
        self.desk.reconfigure(settings, outbox, by, wall_clock());
        self.deliveries = deliveries;
        self.routers = refresh::routers(self.desk.settings(), routers);
        state.metrics.forget_receivers();
        info!(by, receivers = self.deliveries.len(), "other on-call settings are in force");
    }
}
