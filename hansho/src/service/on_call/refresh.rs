//! Saying again what stands, to receivers that forget what is not said again.
//!
//! What such a receiver hears last is what it believes. So while it is said how things stand,
//! nothing else is on its way to it: news wait until that is done, and it is not begun before
//! what is under way has been answered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use connectors::sink::alertmanager::RESEND_INTERVAL_MS;
use model::notification::DeliveryResult;
use model::time::Timestamp;
use oncall::desk::Settings;
use oncall::outbox::Attempt;
use oncall::route::Receiver;
use tokio::runtime::Handle;
use tracing::{info, warn};

use super::{Answered, Delivery, OnCall};
use crate::api::State;
use crate::pipeline::clock::wall_clock;

/// The receivers that are told again and again, by name.
pub(super) type Routers = BTreeMap<String, Router>;

/// Such a receiver.
#[derive(Debug, Default)]
pub(super) struct Router {
    /// When it was last said how things stand.
    said_at: Option<Timestamp>,
    is_being_told: bool,
    /// News that wait for that.
    held: Vec<Attempt>,
    is_failing: bool,
}

/// The receivers that are to be told again and again, as far as known as they were. What they
/// are said is due at once: they may be reached elsewhere now.
pub(super) fn routers(settings: &Settings, mut known: Routers) -> Routers {
    let routers = settings.routing.receivers().iter().filter(|it| it.is_router);
    let router = |it: &Receiver| {
        let router = known.remove(&it.name).unwrap_or_default();
        (it.name.clone(), Router { said_at: None, ..router })
    };
    routers.map(router).collect()
}

impl Router {
    /// Hands out the news that wait.
    pub(super) fn let_go(&mut self) -> Vec<Attempt> {
        std::mem::take(&mut self.held)
    }

    fn is_due(&self, now: Timestamp) -> bool {
        let since = |at: Timestamp| now.0.saturating_sub(at.0).saturating_abs();
        !self.is_being_told && self.said_at.is_none_or(|at| since(at) >= RESEND_INTERVAL_MS)
    }

    /// Keeps news back while it is said how things stand, or about to be.
    pub(super) fn holds(&mut self, attempt: Attempt, now: Timestamp) -> Option<Attempt> {
        if self.is_being_told || self.is_due(now) {
            self.held.push(attempt);
            return None;
        }
        Some(attempt)
    }
}

impl OnCall {
    /// Begins to say how things stand, where that is due and nothing is on its way.
    pub(super) fn refresh(&mut self, now: Timestamp, answer: &Sender<Answered>, runtime: &Handle) {
        for (name, router) in self.routers.iter_mut().filter(|(_, router)| router.is_due(now)) {
            let Some(number) = self.desk.settings().routing.number(name) else { continue };
            if self.in_flight.iter().any(|it| self.desk.receiver_of(*it) == Some(number)) {
                continue;
            }
            let Some(Delivery::Sink(sink)) = self.deliveries.get(number) else { continue };
            let standing = self.desk.standing(number, now);
            router.is_being_told = true;
            let (receiver, sink, answer) = (name.clone(), Arc::clone(sink), answer.clone());
            runtime.spawn(async move {
                let result = sink.resend(&standing, wall_clock()).await;
                drop(answer.send(Answered::Refresh { receiver, result }));
            });
        }
    }

    /// It has been said how things stand, or not: the news that waited are on their way.
    pub(super) fn end_refresh(
        &mut self,
        name: &str,
        result: &DeliveryResult,
        state: &State,
        (answer, runtime): (&Sender<Answered>, &Handle),
    ) {
        let Some(router) = self.routers.get_mut(name) else { return };
        router.said_at = Some(wall_clock());
        router.is_being_told = false;
        let was_failing = router.is_failing;
        router.is_failing = !matches!(result, DeliveryResult::Sent { .. });
        state.metrics.note_refresh(name, router.is_failing);
        match result {
            DeliveryResult::Sent { .. } if was_failing => {
                info!(receiver = name, "what is open is confirmed again");
            }
            DeliveryResult::Sent { .. } => {}
            DeliveryResult::Retry { why, .. } | DeliveryResult::Reject { why, .. } => {
                if !was_failing {
                    warn!(receiver = name, why, "what is open cannot be confirmed");
                }
            }
        }
        for attempt in router.let_go() {
            self.start(attempt, answer, runtime);
        }
    }
}
