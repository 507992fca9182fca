//! Other settings for the on-call thread while it runs.
//!
//! They are taken up between two attempts. What is under way ends as it began, by the sink it
//! was given to, and is answered by its ticket.

use std::collections::BTreeMap;
use std::sync::Arc;

use oncall::desk::Settings;
use oncall::outbox::OutboxLimits;
use tracing::info;

use super::{Delivery, OnCall, refresh};
use crate::pipeline::clock::wall_clock;
use crate::reload::Slot;
use runtime::telemetry::Telemetry;

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

impl Delivery {
    /// Whether it is the very same.
    fn is(&self, other: &Delivery) -> bool {
        match (self, other) {
            (Delivery::Sink(one), Delivery::Sink(other)) => Arc::ptr_eq(one, other),
            (Delivery::Console(one), Delivery::Console(other)) => Arc::ptr_eq(one, other),
            (Delivery::Sink(_), Delivery::Console(_))
            | (Delivery::Console(_), Delivery::Sink(_)) => false,
        }
    }
}

impl OnCall {
    /// Takes up what waits to be taken up.
    pub(super) fn take_up(&mut self, slot: &Slot, state: &Telemetry) {
        let Some(Change { settings, deliveries, outbox, by }) = slot.take_on_call() else {
            return;
        };
        let mut routers = std::mem::take(&mut self.routers);
        // Those attempts were not begun, and their numbers are about to change.
        for attempt in routers.values_mut().flat_map(refresh::Router::let_go) {
            self.desk.withdraw(attempt.ticket);
        }
        let now = wall_clock();
        let known = self.receivers().into_iter().zip(&self.deliveries);
        let known: BTreeMap<String, Delivery> =
            known.map(|(name, delivery)| (name, delivery.clone())).collect();
        self.desk.reconfigure(settings, outbox, by, now);
        for (number, name) in self.receivers().iter().enumerate() {
            let is_as_it_was = known.get(name).zip(deliveries.get(number));
            if !is_as_it_was.is_some_and(|(before, delivery)| before.is(delivery)) {
                self.desk.reach_anew(number, now);
            }
        }
        self.deliveries = deliveries;
        self.routers = refresh::routers(self.desk.settings(), routers);
        state.metrics.forget_receivers();
        info!(by, receivers = self.deliveries.len(), "other on-call settings are in force");
    }

    fn receivers(&self) -> Vec<String> {
        let receivers = self.desk.settings().routing.receivers().iter();
        receivers.map(|receiver| receiver.name.clone()).collect()
    }
}
