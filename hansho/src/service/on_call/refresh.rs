//! Saying again what stands, to receivers that forget what is not said again.
//!
//! What such a receiver hears last is what it believes. So while it is said how things stand,
//! nothing else is on its way to it: news wait until that is done, and it is not begun before
//! what is under way has been answered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use connectors::sink::alertmanager::REFRESH_MS;
use model::notification::DeliveryResult;
use model::time::Timestamp;
use oncall::outbox::Attempt;
use tokio::runtime::Handle;
use tracing::{info, warn};

use super::{Answered, Delivery, OnCall};
use crate::api::State;
use crate::pipeline::clock::wall_clock;

/// The receivers that are told again and again, by number.
pub(super) type Routers = BTreeMap<usize, Router>;

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

impl Router {
    fn is_due(&self, now: Timestamp) -> bool {
        let since = |at: Timestamp| now.0.saturating_sub(at.0).saturating_abs();
        !self.is_being_told && self.said_at.is_none_or(|at| since(at) >= REFRESH_MS)
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
        for (number, router) in self.routers.iter_mut().filter(|(_, router)| router.is_due(now)) {
            if self.in_flight.iter().any(|it| self.desk.receiver_of(*it) == Some(*number)) {
                continue;
            }
            let Some(Delivery::Sink(sink)) = self.deliveries.get(*number) else { continue };
            let standing = self.desk.standing(*number, now);
            router.is_being_told = true;
            let (number, sink, answer) = (*number, Arc::clone(sink), answer.clone());
            runtime.spawn(async move {
                let result = sink.refresh(&standing, wall_clock()).await;
                drop(answer.send(Answered::Refresh { receiver: number, result }));
            });
        }
    }

    /// It has been said how things stand, or not: the news that waited are on their way.
    pub(super) fn end_refresh(
        &mut self,
        receiver: usize,
        result: &DeliveryResult,
        state: &State,
        (answer, runtime): (&Sender<Answered>, &Handle),
    ) {
        let name = self.desk.name_of(receiver);
        let Some(router) = self.routers.get_mut(&receiver) else { return };
        router.said_at = Some(wall_clock());
        router.is_being_told = false;
        let was_failing = router.is_failing;
        router.is_failing = !matches!(result, DeliveryResult::Sent { .. });
        state.metrics.note_refresh(&name, router.is_failing);
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
        for attempt in std::mem::take(&mut router.held) {
            self.start(attempt, answer, runtime);
        }
    }
}
