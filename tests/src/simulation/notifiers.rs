//! Receivers of a run: attempts that take their time, answers that are lost.

use model::notification::{DeliveryResult, Notification};
use runtime::notify::channel::{DeliveryOutcome, NotifyInput, NotifySender};
use runtime::notify::{NotifierAttempt, Notifiers, ReceiverTest};

use super::NodeDesign;
use super::run_handle::{RunHandle, RunState};

/// Attempts of one run at most: a run that makes more would never end.
const ATTEMPTS_MAX: u32 = 200_000;

/// An attempt under way.
#[derive(Debug)]
pub(super) struct AttemptInFlight {
    attempt: NotifierAttempt,
    lands_ms: i64,
}

/// Starts attempts.
pub(super) struct SimulatedNotifiers {
    pub(super) run: RunHandle,
    pub(super) to_on_call: NotifySender,
}

impl Notifiers for SimulatedNotifiers {
    fn attempt(&mut self, attempt: NotifierAttempt) {
        let mut state = self.run.lock();
        state.attempts += 1;
        assert!(state.attempts < ATTEMPTS_MAX, "it never ends");
        let to_on_call = self.to_on_call.clone();
        let start = |state: &mut RunState| {
            let mut lands_ms = state.now_ms + state.fate.random.one_of(&[0, 0, 3, 50], 0);
            let design = state.design;
            if matches!(design, NodeDesign::RecordedBeforeSend | NodeDesign::AnsweredBeforeLanding)
            {
                lands_ms += state.fate.random.one_of(&[0, 80], 0);
                let (ticket, result) = (attempt.ticket, DeliveryResult::Sent { receipt: None });
                let outcome = DeliveryOutcome::Attempt { ticket, result };
                to_on_call.send(NotifyInput::Outcome(outcome));
            }
            state.flights.push(AttemptInFlight { attempt, lands_ms });
        };
        // The node is dead, or will not know: what is under way may land all the same.
        drop(state.effect(start));
    }

    fn resend(&mut self, _: usize, _: &str, _: Vec<Notification>) -> bool {
        false
    }

    fn test(&mut self, _: usize, _: ReceiverTest) {}

    fn preview(&self, _: usize, _: &Notification) -> Option<String> {
        None
    }

    fn len(&self) -> usize {
        self.run.lock().environment.sinks.len()
    }
}

impl RunState {
    /// Instant at which the next attempt lands.
    pub(super) fn next_landing(&self) -> Option<i64> {
        self.flights.iter().map(|flight| flight.lands_ms).min()
    }

    /// Lands what is due: the receiver may have it, and its answer comes back.
    pub(super) fn land_due(&mut self, to_on_call: &NotifySender) {
        while let Some(at) = self.flights.iter().position(|flight| flight.lands_ms <= self.now_ms) {
            let AttemptInFlight { attempt, .. } = self.flights.remove(at);
            let sink = self.environment.sinks[attempt.receiver];
            let (is_there, result) = sink.answer(self.now_ms, &mut self.fate.random);
            if is_there {
                let notification = (*attempt.notification).clone();
                self.survivors.received.push((attempt.receiver, notification));
            }
            self.survivors.count(match (&result, is_there) {
                (DeliveryResult::Sent { .. }, _) => "delivered",
                (_, true) => "delivered without an answer",
                (DeliveryResult::Retry { .. }, false) => "failed and retried",
                (DeliveryResult::Reject { .. }, false) => "rejected",
            });
            if !matches!(
                self.design,
                NodeDesign::RecordedBeforeSend | NodeDesign::AnsweredBeforeLanding
            ) {
                let outcome = DeliveryOutcome::Attempt { ticket: attempt.ticket, result };
                to_on_call.send(NotifyInput::Outcome(outcome));
            }
        }
    }

    /// What is under way when the node crashes may arrive or not.
    pub(super) fn land_in_crash(&mut self) {
        for AttemptInFlight { attempt, .. } in std::mem::take(&mut self.flights) {
            if self.fate.random.chance(50) {
                self.survivors.count("sent, outcome lost in a crash");
                let notification = (*attempt.notification).clone();
                self.survivors.received.push((attempt.receiver, notification));
            }
        }
    }
}
