//! The notify worker: a machine that folds records into incidents, and delivers what is due.
//!
//! Everything happens in one order: records of the alert log, requests of people, outcomes of
//! attempts, time. What changed by it is written in one transaction before the next attempt is
//! made and before a person is answered, so that a crash forgets no incident and repeats at most a
//! send whose result was not written, under the same id.

use std::collections::HashSet;
use std::sync::Arc;

use connectors::alert_log_codec::AlertRecord;
use model::meta::MetaAlert;
use model::notification::Notification;
use model::time::{MINUTE_MS, Timestamp};
use oncall::engine::{self, IncidentEngine};
use oncall::episode_fold::{AlertLogEntry, LogRecord};
use oncall::outbox::{AttemptId, AttemptOutcome, DeliveryAttempt, DropReason};
use tracing::{error, info, warn};

use super::channel::{DeliveryOutcome, NotifyInbox, NotifyInput, NotifyPosition};
use super::config_update::OnCallConfigUpdate;
use super::parts::NotifyParts;
use super::requests::{OnCallReply, ReplyChannel};
use super::resend::{self, ResendState, ResendStates};
use super::{NotifierAttempt, Notifiers, rows};
use crate::alert_log::record::LoggedRecord;
use crate::error::NodeError;
use crate::io::{ClockReading, RowStore, StepReadiness};
use crate::notify::templates::{AlertTemplates, SharedTemplates};
use crate::self_monitor::queue::SelfMonitorQueue;
use crate::shared::NodeShared;
use crate::telemetry::NodeTelemetry;

/// Time that attempts under way may take to end when the node stops, in ms.
const DRAIN_MS: i64 = 10_000;
/// Inputs applied before what they changed is written: one transaction serves them all.
pub const INPUTS_A_STEP: usize = 512;
/// Interval at which the record is audited, in ms.
const AUDIT_MS: i64 = MINUTE_MS;

/// On-call's state, and what connects it with the world.
pub struct NotifyWorker {
    pub(super) engine: IncidentEngine,
    pub(super) notifiers: Box<dyn Notifiers>,
    rows: Box<dyn RowStore>,
    pub(super) in_flight: HashSet<AttemptId>,
    pub(super) resends: ResendStates,
    /// Replies that go out once what they say is durable.
    pub(super) replies: Vec<PendingReply>,
    reports: Arc<SelfMonitorQueue>,
    pub(super) telemetry: Arc<NodeTelemetry>,
    templates: Arc<SharedTemplates>,
    position: NotifyPosition,
    audited_at: Timestamp,
    /// Wall time after which attempts under way are no longer waited for.
    drains_until: Option<Timestamp>,
}

/// A reply that waits for a transaction.
pub(super) struct PendingReply {
    pub(super) channel: ReplyChannel,
    pub(super) reply: OnCallReply,
}

impl NotifyWorker {
    /// On-call as its rows say.
    ///
    /// # Errors
    /// The rows cannot be read, or hold what is none.
    pub(crate) fn recover(
        parts: NotifyParts,
        shared: &NodeShared,
        now: ClockReading,
    ) -> Result<(NotifyWorker, NotifyInbox), NodeError> {
        let NotifyParts { settings, outbox, notifiers, rows, inbox } = parts;
        let mut engine = IncidentEngine::new(settings, outbox);
        let stored = rows.rows()?.into_iter().map(|(key, row)| rows::read(&key, &row));
        let stored: Vec<engine::OnCallRow> =
            stored.collect::<Result<_, _>>().map_err(NodeError::Row)?;
        engine.restore(stored, now.wall);
        let position = inbox.position();
        position.set(engine.position());
        let resends = resend::resends(engine.settings(), ResendStates::new());
        let worker = NotifyWorker {
            engine,
            notifiers,
            rows,
            in_flight: HashSet::new(),
            resends,
            replies: Vec::new(),
            reports: Arc::clone(&shared.reports),
            telemetry: Arc::clone(&shared.telemetry),
            templates: Arc::clone(&shared.templates),
            position,
            audited_at: now.wall,
            drains_until: None,
        };
        Ok((worker, inbox))
    }

    /// Applies inputs, lets time pass, writes what changed, replies, and starts what is due.
    ///
    /// # Errors
    /// The rows cannot be written.
    pub fn step(
        &mut self,
        inputs: impl Iterator<Item = NotifyInput>,
        now: ClockReading,
    ) -> Result<StepReadiness, NodeError> {
        let templates = self.templates.current();
        let mut applied = 0;
        for input in inputs.take(INPUTS_A_STEP) {
            applied += 1;
            self.apply(input, &templates, now.wall);
        }
        self.engine.tick(now.wall);
        self.write()?;
        self.position.set(self.engine.position());
        for PendingReply { channel, reply } in self.replies.drain(..) {
            channel.send(reply);
        }
        match self.drains_until {
            None => self.send_due(now.wall),
            Some(until) if self.in_flight.is_empty() || now.wall > until => {
                return Ok(StepReadiness::Finished);
            }
            Some(_) => {}
        }
        self.record(now.wall);
        self.audit(now.wall);
        Ok(if applied == INPUTS_A_STEP { StepReadiness::Again } else { self.until_due(now) })
    }

    /// The state of on-call.
    pub const fn engine(&self) -> &IncidentEngine {
        &self.engine
    }

    fn apply(&mut self, input: NotifyInput, templates: &AlertTemplates, now: Timestamp) {
        match input {
            NotifyInput::Record(record) => self.fold(&record, templates, now),
            NotifyInput::Request(request) => self.answer(*request, templates.language(), now),
            NotifyInput::Outcome(outcome) => self.record_outcome(outcome, now),
            NotifyInput::Config(update) => self.reconfigure(*update, now),
            NotifyInput::End => self.drains_until = Some(now.plus(DRAIN_MS)),
        }
    }

    /// Applies other on-call settings, between two attempts. What is under way ends as it began, by
    /// the sink that it was given to, and its outcome is known by its ticket.
    fn reconfigure(&mut self, update: OnCallConfigUpdate, now: Timestamp) {
        let OnCallConfigUpdate { settings, notifiers, unchanged, outbox, by } = update;
        let mut resends = std::mem::take(&mut self.resends);
        // Those attempts were not started, and their numbers are about to change.
        for attempt in resends.values_mut().flat_map(ResendState::release) {
            self.engine.withdraw(attempt.ticket);
        }
        self.engine.reconfigure(settings, outbox, by, now);
        let receivers = self.engine.settings().routing.receivers().iter();
        let names: Vec<String> = receivers.map(|receiver| receiver.name.clone()).collect();
        for (number, name) in names.iter().enumerate() {
            if !unchanged.contains(name) {
                self.engine.reach_anew(number, now);
            }
        }
        self.notifiers = notifiers;
        self.resends = resend::resends(self.engine.settings(), resends);
        self.telemetry.metrics.forget_receivers();
        info!(by, receivers = self.notifiers.len(), "on-call settings reloaded");
    }

    fn fold(&mut self, record: &LoggedRecord, templates: &AlertTemplates, now: Timestamp) {
        let text = record.text(templates);
        let meta;
        let step = match &record.recorded {
            AlertRecord::Transition(transition, _) => AlertLogEntry::Transition(transition),
            AlertRecord::Early(early, _) => AlertLogEntry::Early(early),
            AlertRecord::Meta(step, _) => {
                meta = step.as_transition();
                AlertLogEntry::Transition(&meta)
            }
        };
        let of = LogRecord { step, text: &text, is_shadow: record.is_shadow };
        self.engine.apply(record.sequence, &of, now);
    }

    fn write(&mut self) -> Result<(), NodeError> {
        let changes = self.engine.take_changes();
        if changes.is_empty() {
            return Ok(());
        }
        let changes: Vec<_> = changes.iter().map(rows::write).collect();
        Ok(self.rows.write(&changes)?)
    }

    fn send_due(&mut self, now: Timestamp) {
        for attempt in self.engine.due(now) {
            let resend = self.resends.get_mut(&self.engine.name_of(attempt.receiver));
            let attempt = match resend {
                Some(resend) => resend.holds(attempt, now),
                None => Some(attempt),
            };
            if let Some(attempt) = attempt {
                self.start(attempt);
            }
        }
        self.resend_due(now);
    }

    pub(super) fn start(&mut self, attempt: DeliveryAttempt) {
        let DeliveryAttempt { ticket, receiver, notification, receipt, .. } = attempt;
        if receiver < self.notifiers.len() {
            self.in_flight.insert(ticket);
            self.notifiers.attempt(NotifierAttempt { ticket, receiver, notification, receipt });
        }
    }

    fn record_outcome(&mut self, outcome: DeliveryOutcome, now: Timestamp) {
        let (ticket, result) = match outcome {
            DeliveryOutcome::Attempt { ticket, result } => (ticket, result),
            DeliveryOutcome::Resend { receiver, result } => {
                self.end_resend(&receiver, &result, now);
                return;
            }
        };
        self.in_flight.remove(&ticket);
        if let Some(delivery) = self.engine.record(ticket, result, now) {
            log(&delivery);
            let (receiver, of) = (&delivery.receiver, &delivery.answered);
            self.telemetry.metrics.record_delivery(receiver, &of.outcome);
            if let AttemptOutcome::GaveUp { why } = &of.outcome {
                self.report_undelivered(receiver, &of.notification, why);
            }
        }
    }

    fn record(&mut self, now: Timestamp) {
        self.telemetry.metrics.record_incidents(self.engine.open_count());
        for dead in self.engine.take_refused() {
            let (receiver, id) = (&dead.receiver, &dead.notification.id);
            let alert = &dead.notification.facts.alert;
            error!(receiver, id, alert, why = %dead.why, "not delivered");
            self.report_undelivered(&dead.receiver, &dead.notification, &dead.why);
            let outcome = AttemptOutcome::GaveUp { why: dead.why };
            self.telemetry.metrics.record_delivery(&dead.receiver, &outcome);
        }
        for (number, receiver) in self.engine.settings().routing.receivers().iter().enumerate() {
            let counts = self.engine.counts(number);
            let age_ms = counts.oldest.map_or(0, |oldest| now.0.saturating_sub(oldest.0).max(0));
            self.telemetry.metrics.record_outbox(&receiver.name, counts.pending, age_ms);
        }
    }

    /// Reports a notification that was dropped. One of that alert itself does not count: a sink
    /// that takes nothing would keep it open for ever.
    fn report_undelivered(&self, sink: &str, of: &Notification, why: &DropReason) {
        let alert = MetaAlert::NotificationDropped { sink: sink.to_owned() };
        if of.facts.alert != alert.name() {
            self.reports.see(alert, Some(1), Some(format!("{}: {why}", of.facts.alert)));
        }
    }

    /// Checks the invariants of the record once a minute.
    fn audit(&mut self, now: Timestamp) {
        if now.0.saturating_sub(self.audited_at.0).saturating_abs() < AUDIT_MS {
            return;
        }
        self.audited_at = now;
        let findings = self.engine.findings(now);
        for finding in &findings {
            error!(%finding, "invariant of the on-call record violated");
        }
        match findings.first() {
            Some(first) => {
                self.reports.see(MetaAlert::InvariantViolation, None, Some(first.to_string()));
            }
            None => self.reports.end(MetaAlert::InvariantViolation),
        }
    }

    /// Waits for input, or for what is due next.
    fn until_due(&self, now: ClockReading) -> StepReadiness {
        let audit = self.audited_at.plus(AUDIT_MS);
        let resend = self.resends.values().filter_map(|of| of.due_at()).min();
        let dues = [self.engine.next_due(), resend, self.drains_until, Some(audit)];
        let due = dues.into_iter().flatten().min().unwrap_or(audit);
        let wait_ms = due.0.saturating_sub(now.wall.0).max(0);
        StepReadiness::Wait(Some(now.monotonic_ms.saturating_add(wait_ms)))
    }
}

fn log(delivery: &engine::DeliveryReport) {
    let (receiver, answered) = (delivery.receiver.as_str(), &delivery.answered);
    let of = &answered.notification;
    let (alert, id, attempt) = (of.facts.alert.as_str(), of.id.as_str(), answered.attempt);
    match &answered.outcome {
        AttemptOutcome::Delivered { .. } => info!(receiver, alert, id, attempt, "delivered"),
        AttemptOutcome::Retrying { at, failure } => {
            let (why, reason) = (failure.why.as_str(), failure.reason.name());
            warn!(receiver, alert, id, attempt, reason, why, retry_at = %at, "delivery failed");
        }
        AttemptOutcome::GaveUp { why } => {
            error!(receiver, alert, id, attempt, %why, "not delivered")
        }
    }
}

impl std::fmt::Debug for NotifyWorker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NotifyWorker")
            .field("in_flight", &self.in_flight.len())
            .finish_non_exhaustive()
    }
}
