//! Incident engine: the state of on-call, folded from one ordered log.
//!
//! ```text
//!  alert log ──► episodes ──► incidents ───► receivers ─────► outbox ──► attempts
//!  commands ────────────────────►│  silences, mutes, inhibitions │        │
//!  time ────────────────────────►│  deadlines, steps, reminders  │◄── results
//! ```
//!
//! State that the alert log cannot rebuild is kept in rows. [`IncidentEngine::take_changes`]
//! returns the rows created, changed or deleted since the last call; the caller writes them in one
//! transaction, with the position in the alert log among them. An engine restored from these rows
//! resumes without a gap. Only an attempt whose result was not written is repeated, under the same
//! id.

mod commands;
mod delivery;
mod flap_counts;
mod flapping;
mod group_wait;
mod invariants;
mod notify;
mod rate_counts;
mod rate_limit;
mod reconfigure;
mod removed_receiver;
mod resend;
mod restore;
mod rows;
mod test_notification;
mod tick;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use model::notification::{DeliveryResult, Notification, NotificationKind};
use model::severity::Severity;
use model::time::{DAY_MS, Timestamp};
use model::transition::EpisodeId;

use crate::episode_fold::{EpisodeFold, IncidentUpdate, LogRecord};
use crate::incident::{DeliveryState, Incident, IncidentState, LifecycleTimes};
use crate::inhibition::{Inhibition, InhibitionSources};
use crate::outbox::{
    AttemptId, DeliveryAttempt, DeliveryCounts, Outbox, OutboxEntry, OutboxLimits,
};
use crate::policy::EscalationPolicy;
use crate::route::RoutingTable;
use crate::severity_policy::{SeverityPolicies, SeverityPolicy};
use crate::silence::Silence;
use crate::timeline::IncidentEvent;

pub use commands::{CommandError, IncidentAction, NewSilence, OnCallCommand, SilenceMatches};
pub use delivery::{DeadNotification, DeliveryReport};
use flap_counts::{FlapDetector, FlapEdge};
pub use invariants::{InvariantFinding, InvariantViolation};
use rate_counts::RateLimiter;
use removed_receiver::RemovedReceiver;

pub use flap_counts::{FLAP_MAX, FLAP_MS, FlappingAlert, TURNS_MAX};
pub use rate_counts::{PendingDigest, STORM_MAX};
pub use rate_limit::DIGEST_MS;
pub use resend::ENDED_SAID_MS;
pub use rows::{AuditRecord, OnCallRow, RowKey, RowUpdate};

pub use test_notification::TRIAL_ALERT;

/// Maximum number of incidents. Beyond it the incident closed longest ago is evicted, then the one
/// resolved longest ago; open incidents never are.
pub const INCIDENTS_MAX: usize = 100_000;
/// Retention of a closed incident for reports, in milliseconds: a year and a month.
pub const INCIDENT_KEPT_MS: i64 = 400 * DAY_MS;
/// Maximum number of dead notifications; beyond it the oldest is evicted and counted.
pub const DEAD_MAX: usize = 10_000;
/// Maximum number of entries in the audit log; beyond it the oldest is evicted.
pub const AUDIT_MAX: usize = 100_000;

/// Settings of on-call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnCallSettings {
    /// Policy of each severity.
    pub levels: SeverityPolicies,
    /// Escalation policies that severities refer to by name.
    pub policies: Vec<EscalationPolicy>,
    /// Routes of notifications to receivers.
    pub routing: RoutingTable,
    /// Inhibition rules.
    pub inhibitions: Vec<Inhibition>,
    /// Notifications per minute that one receiver gets individually; critical ones do not count. A
    /// digest replaces the rest.
    pub storm_max: usize,
    /// Firings and resolutions of one alert and key per hour before the alert counts as flapping; 0
    /// disables flap detection.
    pub flap_max: usize,
}

impl Default for OnCallSettings {
    /// Default severity policies, without a receiver.
    fn default() -> OnCallSettings {
        OnCallSettings {
            levels: SeverityPolicies::default(),
            policies: Vec::new(),
            routing: RoutingTable::default(),
            inhibitions: Vec::new(),
            storm_max: STORM_MAX,
            flap_max: FLAP_MAX,
        }
    }
}

/// State of on-call: incidents, silences, outbox, dead notifications and audit log.
#[derive(Debug)]
pub struct IncidentEngine {
    settings: OnCallSettings,
    left: Vec<RemovedReceiver>,
    episodes: EpisodeFold,
    /// Number of records of the alert log that were applied.
    position: u64,
    incidents: BTreeMap<EpisodeId, Incident>,
    /// Timers by incident.
    dues: BTreeSet<(Timestamp, EpisodeId)>,
    /// Open incidents with a notification that is still suppressed for some receiver.
    waiting: BTreeSet<EpisodeId>,
    /// Resolved and closed incidents in the order of their eviction.
    over: BTreeSet<(bool, Timestamp, EpisodeId)>,
    sources: InhibitionSources,
    silences: BTreeMap<u64, Silence>,
    outbox: Outbox,
    dead: BTreeMap<u64, DeadNotification>,
    dead_forgotten: u64,
    /// Notifications that the outbox dropped since the last call.
    refused: Vec<DeadNotification>,
    storms: RateLimiter,
    flaps: FlapDetector,
    audit: VecDeque<AuditRecord>,
    next_number: u64,
    /// Instant of the last check of suppressed notifications and of silences.
    looked_at: Timestamp,
    changed: BTreeSet<RowKey>,
}

impl IncidentEngine {
    /// Returns an engine without incidents.
    pub fn new(settings: OnCallSettings, limits: OutboxLimits) -> IncidentEngine {
        let mut engine = IncidentEngine {
            settings,
            left: Vec::new(),
            episodes: EpisodeFold::default(),
            position: 0,
            incidents: BTreeMap::new(),
            dues: BTreeSet::new(),
            waiting: BTreeSet::new(),
            over: BTreeSet::new(),
            sources: InhibitionSources::default(),
            silences: BTreeMap::new(),
            outbox: Outbox::new(limits),
            dead: BTreeMap::new(),
            dead_forgotten: 0,
            refused: Vec::new(),
            storms: RateLimiter::default(),
            flaps: FlapDetector::default(),
            audit: VecDeque::new(),
            next_number: 1,
            looked_at: Timestamp::EARLIEST,
            changed: BTreeSet::new(),
        };
        reconfigure::space_out(&mut engine);
        reconfigure::record_fallbacks(&mut engine, &BTreeMap::new());
        engine
    }

    /// Applies the next record of the alert log; `sequence` counts from 0. A record applied before
    /// a restart only updates the episode fold: it changes no incident and notifies no receiver.
    pub fn apply(&mut self, sequence: u64, record: &LogRecord<'_>, now: Timestamp) {
        let notice = self.episodes.apply(record);
        if sequence < self.position {
            return;
        }
        self.position = sequence + 1;
        self.changed.insert(RowKey::Position);
        let Some(notice) = notice else { return };
        match notice.kind {
            NotificationKind::Firing => self.open(&notice, now),
            NotificationKind::Resolved => self.end(&notice, now),
            _ => self.update_incident(&notice, now),
        }
    }

    /// Returns the attempts to make now; the result of each goes to [`IncidentEngine::record`].
    pub fn due(&mut self, now: Timestamp) -> Vec<DeliveryAttempt> {
        let mut attempts = self.outbox.due(now);
        for attempt in &mut attempts {
            let incident = self.incidents.get(&attempt.notification.incident);
            let notified = incident
                .and_then(|incident| incident.receivers.get(&self.name_of(attempt.receiver)));
            if let Some(DeliveryState::Delivered { receipt }) = notified {
                attempt.receipt = Some(receipt.clone()).filter(|receipt| !receipt.is_empty());
            }
        }
        attempts
    }

    /// Records the result of an attempt; `None` for a ticket that is not in flight.
    pub fn record(
        &mut self,
        ticket: AttemptId,
        result: DeliveryResult,
        now: Timestamp,
    ) -> Option<DeliveryReport> {
        let receiver = self.outbox.receiver_of(ticket)?;
        let answered = self.outbox.record(ticket, result, now)?;
        let delivery = self.take_answer(receiver, answered, now);
        reconfigure::pass_on(self, now);
        Some(delivery)
    }

    /// Returns an attempt that was never made to the queue.
    pub fn withdraw(&mut self, ticket: AttemptId) {
        self.outbox.withdraw(ticket);
    }

    /// Returns the current number of the receiver of an attempt in flight.
    pub fn receiver_of(&self, ticket: AttemptId) -> Option<usize> {
        self.outbox.receiver_of(ticket)
    }

    /// Returns the notifications dropped without an attempt since the last call, for logs and
    /// metrics.
    pub fn take_refused(&mut self) -> Vec<DeadNotification> {
        std::mem::take(&mut self.refused)
    }

    /// Finds an incident by its id or by a unique prefix of at least four digits.
    ///
    /// # Errors
    /// Number of incidents that the prefix matches, if it is not one.
    pub fn find(&self, id: &str) -> Result<&Incident, usize> {
        if let Some(incident) = EpisodeId::parse(id).and_then(|id| self.incidents.get(&id)) {
            return Ok(incident);
        }
        let fits = |incident: &&Incident| id.len() >= 4 && incident.id.to_string().starts_with(id);
        let mut found = self.incidents.values().filter(fits);
        match (found.next(), found.count()) {
            (Some(incident), 0) => Ok(incident),
            (first, more) => Err(usize::from(first.is_some()) + more),
        }
    }

    /// Returns all incidents, open or not.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.incidents.values()
    }

    /// Number of records of the alert log applied, before a restart or since.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Number of incidents that the alert log leaves open.
    pub fn open_count(&self) -> usize {
        self.episodes.open_count()
    }

    /// Returns all silences, with the ended ones that are still retained.
    pub fn silences(&self) -> impl Iterator<Item = &Silence> {
        self.silences.values()
    }

    /// Pending notifications.
    pub fn outgoing(&self) -> impl Iterator<Item = OutboxEntry> {
        self.outbox.rows()
    }

    /// Dead notifications, oldest first.
    pub fn dead(&self) -> impl Iterator<Item = &DeadNotification> {
        self.dead.values()
    }

    /// Returns the audit log, oldest entry first.
    pub fn audit(&self) -> impl Iterator<Item = &AuditRecord> {
        self.audit.iter()
    }

    /// Routes of notifications to receivers.
    pub fn settings(&self) -> &OnCallSettings {
        &self.settings
    }

    /// Returns the delivery counts of a receiver.
    pub fn counts(&self, receiver: usize) -> DeliveryCounts {
        self.outbox.counts(receiver)
    }

    /// Runs the timers that are due: deadlines, escalations, reminders, group waits, silences,
    /// digests.
    pub fn tick(&mut self, now: Timestamp) {
        tick::tick(self, now)
    }

    /// Instant at which [`IncidentEngine::tick`] or [`IncidentEngine::due`] next have something to
    /// do; an instant that has passed means now.
    pub fn next_due(&self) -> Option<Timestamp> {
        tick::next_due(self)
    }

    /// Returns the state of each incident that was delivered to a receiver: open ones, and those
    /// that were resolved within [`ENDED_SAID_MS`]. It derives from stored state, so it is complete
    /// after a restart.
    pub fn standing(&self, receiver: usize, now: Timestamp) -> Vec<Notification> {
        resend::standing(self, receiver, now)
    }

    /// Returns a firing and a resolved notification for a test of a receiver, which belong to no
    /// incident, with the receiver's number.
    ///
    /// # Errors
    /// [`CommandError::Words`] where there is no such receiver.
    pub fn trial(
        &mut self,
        receiver: &str,
        severity: Severity,
        message: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<(usize, [Notification; 2]), CommandError> {
        test_notification::trial(self, receiver, severity, message, by, now)
    }

    /// Renders the notification of the incident's current state without sending it; returns it with
    /// the receiver's number.
    ///
    /// # Errors
    /// [`CommandError::Unknown`] where there is no such incident, [`CommandError::Words`] where
    /// there is no such receiver.
    pub fn rendition(
        &self,
        incident: EpisodeId,
        receiver: &str,
        now: Timestamp,
    ) -> Result<(usize, Notification), CommandError> {
        test_notification::rendition(self, incident, receiver, now)
    }

    /// Applies new settings; state is kept.
    ///
    /// Pending notifications stay with the receiver of the same name, in their order; attempts in
    /// flight keep their tickets. Pending notifications of a removed receiver go to its fallback,
    /// unless the fallback is already notified of the incident; otherwise they are dropped.
    /// Incidents keep their deadlines and their escalation step; a step beyond the end of the new
    /// policy becomes the last one.
    pub fn reconfigure(
        &mut self,
        settings: OnCallSettings,
        limits: OutboxLimits,
        by: &str,
        now: Timestamp,
    ) {
        reconfigure::reconfigure(self, settings, limits, by, now)
    }

    /// Retries the notifications pending for a receiver at once, because its sink changed.
    pub fn reach_anew(&mut self, receiver: usize, now: Timestamp) {
        reconfigure::reach_anew(self, receiver, now)
    }

    /// Restores rows written before a restart, in key order; runs before the alert log is read. If
    /// the settings have changed, the effect is that of [`IncidentEngine::reconfigure`] at `now`.
    pub fn restore(&mut self, rows: impl IntoIterator<Item = OnCallRow>, now: Timestamp) {
        restore::restore(self, rows, now)
    }

    /// Returns the rows changed since the last call; the caller writes them in one transaction.
    pub fn take_changes(&mut self) -> Vec<RowUpdate> {
        restore::take_changes(self)
    }

    /// Returns violations of invariants: none, unless this software has a bug or was stalled.
    ///
    /// Cost: one pass over all incidents and all pending notifications.
    pub fn findings(&self, now: Timestamp) -> Vec<InvariantFinding> {
        invariants::findings(self, now)
    }

    fn open(&mut self, notice: &IncidentUpdate, now: Timestamp) {
        let from = notice.responds_from.max(notice.text.detected);
        let mut incident = Incident {
            id: notice.incident,
            alert: notice.facts.alert.clone(),
            key: notice.facts.key.clone(),
            since: notice.facts.since,
            severity: notice.facts.severity,
            state: IncidentState::Firing,
            times: LifecycleTimes {
                event: notice.facts.at,
                fired: notice.text.detected,
                ..LifecycleTimes::default()
            },
            at_fire: notice.measured,
            at_end: None,
            reason: None,
            text: notice.text.clone(),
            end_text: None,
            owner: None,
            deadline: None,
            is_breached: false,
            is_flapping: false,
            batch: None,
            escalation: None,
            reminder: None,
            receivers: BTreeMap::new(),
            timeline: Vec::new(),
            unlisted: 0,
        };
        incident.record(incident.times.fired, None, IncidentEvent::Fired);
        incident.is_flapping =
            flapping::flaps(self, &incident, FlapEdge::Began, incident.times.fired);
        self.sources.open(&self.settings.inhibitions, &incident.subject());
        self.call_for(&mut incident, from);
        incident.batch = group_wait::batch(self, &incident, now);
        if incident.batch.is_none() {
            self.notify(&mut incident, NotificationKind::Firing, notice.facts.at, now);
        }
        self.put(incident);
        self.forget_incidents(now);
    }

    /// Applies a severity change or a further match.
    fn update_incident(&mut self, notice: &IncidentUpdate, now: Timestamp) {
        let Some(mut incident) = self.take(notice.incident) else { return };
        incident.at_fire = notice.measured;
        incident.text = notice.text.clone();
        incident.since = notice.facts.since;
        if notice.kind == NotificationKind::Again {
            incident.record(notice.text.detected, None, IncidentEvent::MatchedAgain);
        } else {
            self.sources.close(&self.settings.inhibitions, &incident.subject());
            incident.severity = notice.facts.severity;
            self.sources.open(&self.settings.inhibitions, &incident.subject());
            incident.record(
                notice.text.detected,
                None,
                IncidentEvent::SeverityRaised(notice.facts.severity),
            );
            // An acknowledgement does not cover the higher severity.
            incident.state = IncidentState::Firing;
            incident.is_breached = false;
            self.call_for(&mut incident, notice.responds_from.max(notice.text.detected));
        }
        group_wait::notify_news(self, &mut incident, notice.kind, notice.facts.at, now);
        self.put(incident);
    }

    fn end(&mut self, notice: &IncidentUpdate, now: Timestamp) {
        let Some(mut incident) = self.take(notice.incident) else { return };
        incident.at_end = Some(notice.measured);
        incident.reason = notice.reason;
        incident.times.resolved.get_or_insert(notice.facts.at);
        incident.record(notice.text.detected, None, IncidentEvent::Ended(notice.reason));
        if incident.is_open() {
            incident.end_text = Some(notice.text.clone());
            flapping::flaps(self, &incident, FlapEdge::Ended, notice.text.detected);
            incident.since = notice.facts.since;
            self.resolve(&mut incident, notice.facts.at, now);
        }
        self.put(incident);
    }

    /// Resolves an incident, because its alert resolved or a person resolved it.
    fn resolve(&mut self, incident: &mut Incident, at: Timestamp, now: Timestamp) {
        self.sources.close(&self.settings.inhibitions, &incident.subject());
        incident.state = IncidentState::Resolved;
        (incident.escalation, incident.reminder) = (None, None);
        self.notify_the_end(incident, at, now);
    }

    /// Sets deadline, escalation and reminder, counted from an instant.
    fn call_for(&mut self, incident: &mut Incident, from: Timestamp) {
        let level = self.settings.levels.level(incident.severity);
        incident.deadline = self.settings.levels.deadline(incident.severity, from);
        incident.escalation = self.policy(level).begin(level, from);
        incident.reminder = level.remind_every_ms.map(|every_ms| from.plus(every_ms));
    }

    fn policy(&self, level: &SeverityPolicy) -> EscalationPolicy {
        let named = |policy: &&EscalationPolicy| Some(&policy.name) == level.policy.as_ref();
        let known = self.settings.policies.iter().find(named).cloned();
        known.unwrap_or_else(|| EscalationPolicy::by_deadline(level))
    }

    /// Removes an incident and its timers for a change; [`IncidentEngine::put`] reinserts it.
    fn take(&mut self, id: EpisodeId) -> Option<Incident> {
        let incident = self.incidents.remove(&id)?;
        self.waiting.remove(&id);
        if let Some(due) = incident.next_due() {
            self.dues.remove(&(due, id));
        }
        if let Some(over) = over_since(&incident) {
            self.over.remove(&over);
        }
        Some(incident)
    }

    fn put(&mut self, incident: Incident) {
        self.changed.insert(RowKey::Case(incident.id));
        self.put_back(incident);
    }

    /// Reinserts an incident that did not change.
    fn put_back(&mut self, incident: Incident) {
        self.keep_time(&incident);
        self.incidents.insert(incident.id, incident);
    }

    fn keep_time(&mut self, incident: &Incident) {
        self.dues.extend(incident.next_due().map(|due| (due, incident.id)));
        self.over.extend(over_since(incident));
        if incident.is_open()
            && incident.receivers.values().any(|notified| *notified == DeliveryState::Waiting)
        {
            self.waiting.insert(incident.id);
        }
    }

    fn forget_incidents(&mut self, now: Timestamp) {
        while let Some((is_resolved, at, id)) = self.over.first().copied() {
            let is_old = !is_resolved && now.0.saturating_sub(at.0) > INCIDENT_KEPT_MS;
            if !is_old && self.incidents.len() <= INCIDENTS_MAX {
                return;
            }
            self.over.remove(&(is_resolved, at, id));
            self.incidents.remove(&id);
            self.changed.insert(RowKey::Case(id));
        }
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number - 1
    }
}

/// Eviction order: closed incidents first, oldest first, then resolved ones.
fn over_since(incident: &Incident) -> Option<(bool, Timestamp, EpisodeId)> {
    match incident.state {
        IncidentState::Closed => {
            Some((false, incident.times.closed.unwrap_or_default(), incident.id))
        }
        IncidentState::Resolved => {
            Some((true, incident.times.resolved.unwrap_or_default(), incident.id))
        }
        IncidentState::Firing | IncidentState::Acknowledged => None,
    }
}

#[cfg(test)]
mod tests;
