//! The on-call thread: alerts to incidents, incidents to deliveries, deliveries to results.
//!
//! Everything happens on one thread and in one order: records of the alert log, what people ask
//! for, results of attempts, time. What changed by it is written down in one piece before the
//! next attempt is made, so that a crash forgets no incident and repeats at most a send whose
//! result was not written, under the same id.

pub mod asking;
mod reconfigure;
mod refresh;
mod rows;
mod trial;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use connectors::sink::Sink;
use connectors::store::Store;
use connectors::transition_json::AlertRecord;
use model::meta::MetaAlert;
use model::notification::{DeliveryResult, Notification};
use model::time::{MINUTE_MS, Timestamp};
use oncall::desk::{self, Desk, Settings};
use oncall::incident::{LogRecord, Step};
use oncall::outbox::{Attempt, GiveUp, OutboxLimits, Outcome, Ticket};
use tokio::runtime::Handle;
use tracing::{error, info, warn};

use super::reports::Reports;
use super::{Logged, ServiceError};
use crate::alert_text::{AlertTexts, Wording};
use crate::api::State;
use crate::console::Console;
use crate::pipeline::clock::wall_clock;
use crate::reload::Slot;
use asking::Asked;
use refresh::Routers;

pub use reconfigure::Change;

/// The longest sleep between looks at what is due.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// How long attempts under way may take to end when the service stops.
const FAREWELL_MS: i64 = 10_000;
/// Records taken in before what they changed is written: one write serves them all.
const HEARD_AT_ONCE: usize = 512;
/// How often the record is audited.
const AUDIT_MS: i64 = MINUTE_MS;

/// How a receiver is reached.
#[derive(Clone)]
pub enum Delivery {
    /// By a sink, one attempt a call.
    Sink(Arc<Sink>),
    /// On this terminal.
    Console(Arc<Console>),
}

impl Delivery {
    async fn attempt(&self, notification: &Notification, receipt: Option<&str>) -> DeliveryResult {
        match self {
            Delivery::Sink(sink) => sink.deliver(notification, receipt, wall_clock()).await,
            Delivery::Console(console) => console.show(notification),
        }
    }
}

/// What came of something that was said to a receiver.
enum Answered {
    /// Of an attempt.
    Attempt { ticket: Ticket, result: DeliveryResult },
    /// Of saying how things stand.
    Refresh { receiver: String, result: DeliveryResult },
}

/// The desk, and what connects it with the world.
pub struct OnCall {
    desk: Desk,
    deliveries: Vec<Delivery>,
    store: Store,
    in_flight: HashSet<Ticket>,
    reports: Arc<Reports>,
    audited: Timestamp,
    routers: Routers,
}

impl OnCall {
    /// On-call as the store left it; `deliveries` are the receivers' ways.
    ///
    /// # Errors
    /// The store cannot be read, or holds rows that are none.
    pub(crate) fn new(
        settings: Settings,
        deliveries: Vec<Delivery>,
        limits: OutboxLimits,
        store: Store,
        (state, reports): (&State, &Arc<Reports>),
    ) -> Result<OnCall, ServiceError> {
        let mut desk = Desk::new(settings, limits);
        let rows = store.rows()?.into_iter().map(|(key, row)| rows::read(&key, &row));
        let rows: Vec<desk::Row> = rows.collect::<Result<_, _>>().map_err(ServiceError::Row)?;
        desk.restore(rows, wall_clock());
        state.note_on_call_position(desk.position());
        let routers = refresh::routers(desk.settings(), Routers::new());
        let (in_flight, reports) = (HashSet::new(), Arc::clone(reports));
        let audited = wall_clock();
        Ok(OnCall { desk, deliveries, store, in_flight, reports, audited, routers })
    }

    /// Tells people until no more alerts come, then waits for the attempts under way.
    ///
    /// # Errors
    /// The store cannot be written.
    pub(crate) fn run(
        mut self,
        (alerts, asked, slot): (&Receiver<Logged>, &Receiver<Asked>, &Slot),
        texts: &Wording,
        state: &State,
        runtime: &Handle,
    ) -> Result<(), ServiceError> {
        let (answer, answers) = mpsc::channel();
        let mut farewell: Option<Timestamp> = None;
        loop {
            self.record_results(&answers, state, (&answer, runtime));
            let language = texts.now().language();
            self.take_up(slot, state);
            for asked in asked.try_iter() {
                // Who was answered that it was reloaded asks those settings.
                self.take_up(slot, state);
                self.answer(asked, language, runtime);
            }
            let now = wall_clock();
            self.desk.tick(now);
            self.write_down()?;
            state.note_on_call_position(self.desk.position());
            match farewell {
                None => self.send_due(now, &answer, runtime),
                Some(until) if self.in_flight.is_empty() || now > until => return Ok(()),
                Some(_) => {}
            }
            self.show(state, now);
            self.audit(now);
            match alerts.recv_timeout(LOOK_INTERVAL) {
                Ok(logged) => {
                    self.take_up(slot, state);
                    self.hear_all(logged, alerts, &texts.now());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    farewell.get_or_insert(now.plus(FAREWELL_MS));
                    std::thread::sleep(LOOK_INTERVAL);
                }
            }
        }
    }

    fn hear_all(&mut self, first: Logged, alerts: &Receiver<Logged>, texts: &AlertTexts) {
        self.hear(&first, texts);
        alerts.try_iter().take(HEARD_AT_ONCE).for_each(|logged| self.hear(&logged, texts));
    }

    fn hear(&mut self, logged: &Logged, texts: &AlertTexts) {
        let text = logged.text(texts);
        let of_itself;
        let step = match &logged.recorded {
            AlertRecord::Transition(transition, _) => Step::Transition(transition),
            AlertRecord::Early(early, _) => Step::Early(early),
            AlertRecord::Meta(step, _) => {
                of_itself = step.as_transition();
                Step::Transition(&of_itself)
            }
        };
        let record = LogRecord { step, text: &text, is_shadow: logged.is_shadow };
        self.desk.hear(logged.sequence, &record, wall_clock());
    }

    fn write_down(&mut self) -> Result<(), ServiceError> {
        let changes = self.desk.take_changes();
        if changes.is_empty() {
            return Ok(());
        }
        let changes: Vec<_> = changes.iter().map(rows::write).collect();
        Ok(self.store.write(&changes)?)
    }

    fn send_due(&mut self, now: Timestamp, answer: &Sender<Answered>, runtime: &Handle) {
        for attempt in self.desk.due(now) {
            let router = self.routers.get_mut(&self.desk.name_of(attempt.receiver));
            let attempt = match router {
                Some(router) => router.holds(attempt, now),
                None => Some(attempt),
            };
            if let Some(attempt) = attempt {
                self.start(attempt, answer, runtime);
            }
        }
        self.refresh(now, answer, runtime);
    }

    fn start(&mut self, attempt: Attempt, answer: &Sender<Answered>, runtime: &Handle) {
        let Attempt { ticket, receiver, notification, receipt, .. } = attempt;
        let Some(delivery) = self.deliveries.get(receiver).cloned() else {
            return;
        };
        self.in_flight.insert(ticket);
        let answer = answer.clone();
        runtime.spawn(async move {
            let result = delivery.attempt(&notification, receipt.as_deref()).await;
            // The thread at the other end only goes away when the service ends: then
            // the attempt is made again, with the same id.
            drop(answer.send(Answered::Attempt { ticket, result }));
        });
    }

    fn record_results(
        &mut self,
        answers: &Receiver<Answered>,
        state: &State,
        way: (&Sender<Answered>, &Handle),
    ) {
        while let Ok(answered) = answers.try_recv() {
            let (ticket, result) = match answered {
                Answered::Attempt { ticket, result } => (ticket, result),
                Answered::Refresh { receiver, result } => {
                    self.end_refresh(&receiver, &result, state, way);
                    continue;
                }
            };
            self.in_flight.remove(&ticket);
            if let Some(delivery) = self.desk.record(ticket, result, wall_clock()) {
                say(&delivery);
                let (receiver, of) = (&delivery.receiver, &delivery.answered);
                state.metrics.note_delivery(receiver, &of.outcome);
                if let Outcome::GaveUp { why } = &of.outcome {
                    self.report_undelivered(receiver, &of.notification, why);
                }
            }
        }
    }

    fn show(&mut self, state: &State, now: Timestamp) {
        state.metrics.note_incidents(self.desk.open_count());
        for dead in self.desk.take_refused() {
            let (receiver, id) = (&dead.receiver, &dead.notification.id);
            let alert = &dead.notification.facts.alert;
            error!(receiver, id, alert, why = %dead.why, "not delivered");
            self.report_undelivered(&dead.receiver, &dead.notification, &dead.why);
            let outcome = Outcome::GaveUp { why: dead.why };
            state.metrics.note_delivery(&dead.receiver, &outcome);
        }
        for (number, receiver) in self.desk.settings().routing.receivers().iter().enumerate() {
            let counts = self.desk.counts(number);
            let age_ms = counts.oldest.map_or(0, |oldest| now.0.saturating_sub(oldest.0).max(0));
            state.metrics.note_outbox(&receiver.name, counts.pending, age_ms);
        }
    }
}

impl OnCall {
    /// Tells whoever can be told. What is said of that alert itself does not count: a sink that
    /// takes nothing would keep it open for ever.
    fn report_undelivered(&self, sink: &str, of: &Notification, why: &GiveUp) {
        let alert = MetaAlert::Undelivered { sink: sink.to_owned() };
        if of.facts.alert != alert.name() {
            self.reports.see(alert, Some(1), Some(format!("{}: {why}", of.facts.alert)));
        }
    }

    /// Looks once a minute whether the record explains itself.
    fn audit(&mut self, now: Timestamp) {
        if now.0.saturating_sub(self.audited.0).saturating_abs() < AUDIT_MS {
            return;
        }
        self.audited = now;
        let findings = self.desk.findings(now);
        for finding in &findings {
            error!(%finding, "the record of on-call contradicts itself");
        }
        match findings.first() {
            Some(first) => {
                self.reports.see(MetaAlert::AuditFailed, None, Some(first.to_string()));
            }
            None => self.reports.end(MetaAlert::AuditFailed),
        }
    }
}

fn say(delivery: &desk::Delivery) {
    let (receiver, answered) = (delivery.receiver.as_str(), &delivery.answered);
    let of = &answered.notification;
    let (alert, id, attempt) = (of.facts.alert.as_str(), of.id.as_str(), answered.attempt);
    match &answered.outcome {
        Outcome::Delivered { .. } => info!(receiver, alert, id, attempt, "delivered"),
        Outcome::Retrying { at, failure } => {
            let (why, reason) = (failure.why.as_str(), failure.reason.name());
            warn!(receiver, alert, id, attempt, reason, why, retry_at = %at, "delivery failed");
        }
        Outcome::GaveUp { why } => error!(receiver, alert, id, attempt, %why, "not delivered"),
    }
}
