//! The on-call thread: alerts to incidents, incidents to deliveries, deliveries to results.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use connectors::journal::Journal;
use connectors::sink::Sink;
use connectors::transition_json::Recorded;
use model::notification::{DeliveryResult, Notification};
use model::time::Timestamp;
use oncall::incident::{Incidents, LogRecord, Step};
use oncall::outbox::{Attempt, Outbox, OutboxLimits, Outcome, Refusal, Ticket};
use oncall::route::Receivers;
use tokio::runtime::Handle;
use tracing::{error, info, warn};

use super::deliveries::{read_line, write_line};
use super::{Logged, ServiceError};
use crate::alert_text::{AlertTexts, Wording};
use crate::api::State;
use crate::console::Console;
use crate::pipeline::clock::wall_clock;

/// The longest sleep between looks at the outbox.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// How long attempts under way may take to end when the service stops.
const FAREWELL_MS: i64 = 10_000;

/// How a receiver is reached.
#[derive(Clone)]
pub enum Delivery {
    /// By a sink, one attempt a call.
    Sink(Arc<Sink>),
    /// On this terminal.
    Console(Arc<Console>),
}

impl Delivery {
    async fn attempt(&self, notification: &Notification) -> DeliveryResult {
        match self {
            Delivery::Sink(sink) => sink.deliver(notification).await,
            Delivery::Console(console) => console.show(notification),
        }
    }
}

/// What an attempt came to.
struct Attempted {
    ticket: Ticket,
    number: u32,
    notification: Arc<Notification>,
    result: DeliveryResult,
}

/// The fold of the alert log, and everything still to be delivered.
pub struct OnCall {
    incidents: Incidents,
    receivers: Receivers,
    deliveries: Vec<Delivery>,
    outbox: Outbox,
    results: Journal,
    in_flight: HashSet<Ticket>,
}

impl OnCall {
    /// On-call with nobody told of anything; `deliveries` are the receivers' ways.
    pub(crate) fn new(
        receivers: Receivers,
        deliveries: Vec<Delivery>,
        limits: OutboxLimits,
        results: Journal,
    ) -> OnCall {
        let (incidents, outbox) = (Incidents::default(), Outbox::new(limits));
        OnCall { incidents, receivers, deliveries, outbox, results, in_flight: HashSet::new() }
    }

    /// Takes over what attempts of earlier runs came to. A line that cannot be read costs at
    /// most a repeated notification, with the same id.
    pub(crate) fn restore(&mut self, lines: &[Vec<u8>]) {
        for line in lines {
            match read_line(line) {
                Some((id, attempt, outcome)) => self.outbox.restore(&id, attempt, &outcome),
                None => warn!("a line of the delivery log cannot be read; it is left out"),
            }
        }
    }

    /// Tells people until no more alerts come, then waits for the attempts under way.
    ///
    /// # Errors
    /// The delivery log cannot be written.
    pub(crate) fn run(
        mut self,
        alerts: &Receiver<Logged>,
        texts: &Wording,
        state: &State,
        runtime: &Handle,
    ) -> Result<(), ServiceError> {
        let (answer, answers) = mpsc::channel();
        let mut farewell: Option<Timestamp> = None;
        loop {
            self.record_results(&answers, state)?;
            let now = wall_clock();
            match farewell {
                None => self.send_due(now, &answer, runtime),
                Some(until) if self.in_flight.is_empty() || now > until => return Ok(()),
                Some(_) => {}
            }
            self.show(state, now);
            match alerts.recv_timeout(LOOK_INTERVAL) {
                Ok(logged) => self.hear(&logged, &texts.now(), state),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    farewell.get_or_insert(now.plus(FAREWELL_MS));
                    std::thread::sleep(LOOK_INTERVAL);
                }
            }
        }
    }

    fn hear(&mut self, logged: &Logged, texts: &AlertTexts, state: &State) {
        let text = logged.text(texts);
        let of_itself;
        let step = match &logged.recorded {
            Recorded::Transition(transition, _) => Step::Transition(transition),
            Recorded::Early(early, _) => Step::Early(early),
            Recorded::Meta(step, _) => {
                of_itself = step.as_transition();
                Step::Transition(&of_itself)
            }
        };
        let record = LogRecord { step, text: &text, is_shadow: logged.is_shadow };
        let Some(notice) = self.incidents.apply(&record) else { return };
        let routed: Vec<_> = self.receivers.route(&notice).collect();
        for (receiver, notification) in routed {
            let refused = self.outbox.push(receiver, notification, wall_clock());
            if let Some(refusal) = refused {
                self.report(receiver, &refusal, state);
            }
        }
    }

    fn send_due(&mut self, now: Timestamp, answer: &Sender<Attempted>, runtime: &Handle) {
        for Attempt { ticket, receiver, number, notification } in self.outbox.due(now) {
            let Some(delivery) = self.deliveries.get(receiver).cloned() else {
                continue;
            };
            self.in_flight.insert(ticket);
            let answer = answer.clone();
            runtime.spawn(async move {
                let result = delivery.attempt(&notification).await;
                // The thread at the other end only goes away when the service ends: then
                // the attempt is made again, with the same id.
                drop(answer.send(Attempted { ticket, number, notification, result }));
            });
        }
    }

    fn record_results(
        &mut self,
        answers: &Receiver<Attempted>,
        state: &State,
    ) -> Result<(), ServiceError> {
        let mut any = false;
        while let Ok(Attempted { ticket, number, notification, result }) = answers.try_recv() {
            self.in_flight.remove(&ticket);
            let why = match &result {
                DeliveryResult::Sent { .. } => None,
                DeliveryResult::Retry { why, .. } | DeliveryResult::Reject { why, .. } => {
                    Some(why.clone())
                }
            };
            let Some(outcome) = self.outbox.record(ticket, result, wall_clock()) else {
                continue;
            };
            let receiver = self.receiver_name(ticket.receiver());
            say(receiver, &notification, number, &outcome, why.as_deref());
            state.metrics.note_delivery(receiver, &outcome);
            self.results.append(&write_line(&notification.id, number, &outcome))?;
            any = true;
        }
        if any {
            self.results.sync()?;
        }
        Ok(())
    }

    fn report(&mut self, receiver: usize, refusal: &Refusal, state: &State) {
        let name = self.receiver_name(receiver);
        error!(
            receiver = name,
            notification = refusal.notification.id,
            alert = refusal.notification.alert,
            why = %refusal.why,
            "not delivered"
        );
        let outcome = Outcome::GaveUp { why: refusal.why.clone() };
        state.metrics.note_delivery(name, &outcome);
        let line = write_line(&refusal.notification.id, 0, &outcome);
        if let Err(error) = self.results.append(&line).and_then(|()| self.results.sync()) {
            error!(%error, "the delivery log cannot be written");
        }
    }

    fn receiver_name(&self, receiver: usize) -> &str {
        self.receivers.all().get(receiver).map_or("?", |receiver| &receiver.name)
    }

    fn show(&self, state: &State, now: Timestamp) {
        state.metrics.note_incidents(self.incidents.open_count());
        for (number, receiver) in self.receivers.all().iter().enumerate() {
            let counts = self.outbox.counts(number);
            let age_ms = counts.oldest.map_or(0, |oldest| now.0.saturating_sub(oldest.0).max(0));
            state.metrics.note_outbox(&receiver.name, counts.pending, age_ms);
        }
    }
}

fn say(receiver: &str, of: &Notification, number: u32, outcome: &Outcome, why: Option<&str>) {
    let (alert, id, why) = (of.alert.as_str(), of.id.as_str(), why.unwrap_or("-"));
    match outcome {
        Outcome::Delivered => info!(receiver, alert, id, attempt = number, "delivered"),
        Outcome::Retrying { at } => {
            warn!(receiver, alert, id, attempt = number, why, retry_at = %at, "delivery failed");
        }
        Outcome::GaveUp { why: gave_up } => {
            error!(receiver, alert, id, attempt = number, why, %gave_up, "not delivered");
        }
    }
}
