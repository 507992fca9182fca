//! The desk: everything on-call knows, folded from one ordered log.
//!
//! ```text
//!  alert log ──► incidents ──► cases ──► who is to hear? ──► outbox ──► attempts
//!  commands ────────────────────►│  silences, mutes, inhibitions │        │
//!  time ────────────────────────►│  deadlines, steps, reminders  │◄── results
//! ```
//!
//! What is not derived from the alert log is kept in rows: [`IncidentEngine::take_changes`] names
//! those that came, moved or went since it was last asked, and the caller writes them down
//! together, the place in the alert log among them. A desk that is restored from what was
//! written goes on as if nothing had happened; only an attempt whose result was not written
//! is made again, under the same id.

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

/// Incidents kept; beyond it the one closed longest ago is forgotten, and after that the one
/// resolved longest ago. Open ones are never.
pub const INCIDENTS_MAX: usize = 100_000;
/// Time for which a closed incident is kept for reports, in milliseconds: a year and a month.
pub const INCIDENT_KEPT_MS: i64 = 400 * DAY_MS;
/// Dead letters kept; beyond it the oldest is forgotten and counted.
pub const DEAD_MAX: usize = 10_000;
/// Entries of the audit log that are kept.
pub const AUDIT_MAX: usize = 100_000;

/// Settings of on-call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnCallSettings {
    /// Policy of each severity.
    pub levels: SeverityPolicies,
    /// The policies severities name.
    pub policies: Vec<EscalationPolicy>,
    /// Routes of notifications to receivers.
    pub routing: RoutingTable,
    /// Inhibition rules.
    pub inhibitions: Vec<Inhibition>,
    /// Notifications a minute that one receiver gets as they are, critical ones aside.
    pub storm_max: usize,
    /// Beginnings and ends of one alert and key within an hour that are told one by one; 0 is
    /// however many.
    pub flap_max: usize,
}

impl Default for OnCallSettings {
    /// The manual's severities, nobody to tell.
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

/// All of on-call.
#[derive(Debug)]
pub struct IncidentEngine {
    settings: OnCallSettings,
    left: Vec<RemovedReceiver>,
    episodes: EpisodeFold,
    /// Records of the alert log that were taken in.
    position: u64,
    incidents: BTreeMap<EpisodeId, Incident>,
    /// Timers by incident.
    dues: BTreeSet<(Timestamp, EpisodeId)>,
    /// Incidents someone is still to be told of.
    waiting: BTreeSet<EpisodeId>,
    /// Incidents that are over, in the order they may be forgotten.
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
    /// Instant at which held back notifications were last looked at.
    looked_at: Timestamp,
    changed: BTreeSet<RowKey>,
}

impl IncidentEngine {
    /// A desk at which nothing has happened.
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

    /// Takes in the next record of the alert log, `sequence` from 0. What was taken in before
    /// a restart only tells the fold how far it is.
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

    /// The attempts to make now, each to be answered by [`IncidentEngine::record`].
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

    /// Records what an attempt came to; `None` for a ticket that is not in flight.
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

    /// Takes an attempt back that was never made.
    pub fn withdraw(&mut self, ticket: AttemptId) {
        self.outbox.withdraw(ticket);
    }

    /// The number that the receiver of an attempt in flight has now.
    pub fn receiver_of(&self, ticket: AttemptId) -> Option<usize> {
        self.outbox.receiver_of(ticket)
    }

    /// Takes the notifications dropped without an attempt since the last call, for logs and
    /// figures.
    pub fn take_refused(&mut self) -> Vec<DeadNotification> {
        std::mem::take(&mut self.refused)
    }

    /// An incident; ids may be cut where that is clear, to at least four digits.
    ///
    /// # Errors
    /// How many incidents the digits fit, where it is not one.
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

    /// All incidents on record.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.incidents.values()
    }

    /// Records of the alert log that were taken in, before a restart or since.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Number of incidents that the alert log leaves open.
    pub fn open_count(&self) -> usize {
        self.episodes.open_count()
    }

    /// All silences, ended ones that are not forgotten yet included.
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

    /// Actions of people, oldest first.
    pub fn audit(&self) -> impl Iterator<Item = &AuditRecord> {
        self.audit.iter()
    }

    /// Routes of notifications to receivers.
    pub fn settings(&self) -> &OnCallSettings {
        &self.settings
    }

    /// A receiver's figures.
    pub fn counts(&self, receiver: usize) -> DeliveryCounts {
        self.outbox.counts(receiver)
    }

    /// Does what is due by now.
    pub fn tick(&mut self, now: Timestamp) {
        tick::tick(self, now)
    }

    /// Instant at which [`IncidentEngine::tick`] or [`IncidentEngine::due`] next have something to
    /// do; an instant that has passed means now.
    pub fn next_due(&self) -> Option<Timestamp> {
        tick::next_due(self)
    }

    /// States of the incidents that a receiver has: open ones, and those that ended no longer than
    /// [`ENDED_SAID_MS`] ago. It follows from the record, so that it is whole after a restart.
    pub fn standing(&self, receiver: usize, now: Timestamp) -> Vec<Notification> {
        resend::standing(self, receiver, now)
    }

    /// A beginning and an end that tell a receiver of nothing; its number.
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

    /// Previews the notification of an incident's present state; its number.
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

    /// Goes by other settings from now on.
    ///
    /// What is pending stays with the receiver of its name, in its order; what is in flight is
    /// answered by the same ticket. What is pending for a receiver that is no more goes to
    /// its fallback, unless that hears of the incident anyway, or is given up. Incidents keep
    /// their deadlines and the step that is due; a step that is no more is the last one.
    pub fn reconfigure(
        &mut self,
        settings: OnCallSettings,
        limits: OutboxLimits,
        by: &str,
        now: Timestamp,
    ) {
        reconfigure::reconfigure(self, settings, limits, by, now)
    }

    /// A receiver is reached another way now: what waits for it after failures is tried at once.
    pub fn reach_anew(&mut self, receiver: usize, now: Timestamp) {
        reconfigure::reach_anew(self, receiver, now)
    }

    /// Takes over what was written before a restart, in the order of keys; before the alert
    /// log is read. Where the settings are others, it is as if they had been changed now.
    pub fn restore(&mut self, rows: impl IntoIterator<Item = OnCallRow>, now: Timestamp) {
        restore::restore(self, rows, now)
    }

    /// Takes the rows changed since the last call, to be written in one piece.
    pub fn take_changes(&mut self) -> Vec<RowUpdate> {
        restore::take_changes(self)
    }

    /// Violations that the record cannot explain; nothing, unless this software is wrong or stood
    /// still.
    ///
    /// Looks at every incident and at all that is pending.
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

    /// Its severity rose, or it matched again.
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
            // Who took on the lesser has not taken on this.
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

    /// It is over, for the alert or for someone who says so.
    fn resolve(&mut self, incident: &mut Incident, at: Timestamp, now: Timestamp) {
        self.sources.close(&self.settings.inhibitions, &incident.subject());
        incident.state = IncidentState::Resolved;
        (incident.escalation, incident.reminder) = (None, None);
        self.notify_the_end(incident, at, now);
    }

    /// Asks people to respond, from an instant on.
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

    /// Takes a case out to change it; [`IncidentEngine::put`] brings it back.
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

    /// Brings a case back as it was.
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

/// Order in which ended incidents are forgotten: what was closed longest ago, then what was
/// resolved longest ago.
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
