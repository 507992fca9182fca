//! The desk: everything on-call knows, folded from one ordered log.
//!
//! ```text
//!  alert log ──► incidents ──► cases ──► who is to hear? ──► outbox ──► attempts
//!  commands ────────────────────►│  silences, mutes, inhibitions │        │
//!  time ────────────────────────►│  deadlines, steps, reminders  │◄── results
//! ```
//!
//! What is not derived from the alert log is kept in rows: [`Desk::take_changes`] names
//! those that came, moved or went since it was last asked, and the caller writes them down
//! together, the place in the alert log among them. A desk that is restored from what was
//! written goes on as if nothing had happened; only an attempt whose result was not written
//! is made again, under the same id.

mod auditor;
mod batch;
mod clockwork;
mod commands;
mod delivery;
mod flap_counts;
mod flapping;
mod left;
mod reconfigure;
mod restore;
mod rows;
mod standing;
mod storm;
mod storm_counts;
mod telling;
mod trial;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use model::notification::{DeliveryResult, Notification, NotificationKind};
use model::severity::Severity;
use model::time::{DAY_MS, Timestamp};
use model::transition::EpisodeId;

use crate::case::{Case, State, Times, Told};
use crate::incident::{IncidentUpdate, Incidents, LogRecord};
use crate::inhibition::{Inhibition, Sources};
use crate::levels::{Level, Levels};
use crate::outbox::{Attempt, DeliveryCounts, Outbox, OutboxLimits, Outgoing, Ticket};
use crate::policy::Policy;
use crate::route::Routing;
use crate::silence::Silence;
use crate::timeline::TimelineEvent;

pub use auditor::{Fault, Finding};
pub use commands::{Action, Command, NewSilence, Preview, Refused};
pub use delivery::{Dead, Delivery};
use flap_counts::{Flaps, Turn};
use left::Left;
use storm_counts::Storms;

pub use flap_counts::{FLAP_MAX, FLAP_MS, Flapping, TURNS_MAX};
pub use rows::{Audit, Change, Row, RowKey};
pub use standing::ENDED_SAID_MS;
pub use storm::DIGEST_MS;
pub use storm_counts::{Pending, STORM_MAX};

pub use trial::TRIAL_ALERT;

/// Incidents kept; beyond it the one closed longest ago is forgotten, and after that the one
/// resolved longest ago. Open ones are never.
pub const CASES_MAX: usize = 100_000;
/// How long a closed incident is kept for reports, in milliseconds: a year and a month.
pub const CASE_KEPT_MS: i64 = 400 * DAY_MS;
/// Dead letters kept; beyond it the oldest is forgotten and counted.
pub const DEAD_MAX: usize = 10_000;
/// Entries of the audit log that are kept.
pub const AUDIT_MAX: usize = 100_000;

/// What a configuration says about on-call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What each severity asks of people.
    pub levels: Levels,
    /// The policies severities name.
    pub policies: Vec<Policy>,
    /// Who is told of what.
    pub routing: Routing,
    /// What keeps what from being told.
    pub inhibitions: Vec<Inhibition>,
    /// Notifications a minute that one receiver gets as they are, critical ones aside.
    pub storm_max: usize,
    /// Beginnings and ends of one alert and key within an hour that are told one by one; 0 is
    /// however many.
    pub flap_max: usize,
}

impl Default for Settings {
    /// The manual's severities, nobody to tell.
    fn default() -> Settings {
        Settings {
            levels: Levels::default(),
            policies: Vec::new(),
            routing: Routing::default(),
            inhibitions: Vec::new(),
            storm_max: STORM_MAX,
            flap_max: FLAP_MAX,
        }
    }
}

/// All of on-call.
#[derive(Debug)]
pub struct Desk {
    settings: Settings,
    left: Vec<Left>,
    incidents: Incidents,
    /// Records of the alert log that were taken in.
    position: u64,
    cases: BTreeMap<EpisodeId, Case>,
    /// When something is due, by incident.
    dues: BTreeSet<(Timestamp, EpisodeId)>,
    /// Incidents someone is still to be told of.
    waiting: BTreeSet<EpisodeId>,
    /// Incidents that are over, in the order they may be forgotten.
    over: BTreeSet<(bool, Timestamp, EpisodeId)>,
    sources: Sources,
    silences: BTreeMap<u64, Silence>,
    outbox: Outbox,
    dead: BTreeMap<u64, Dead>,
    dead_forgotten: u64,
    /// What the outbox refused since this was last asked.
    refused: Vec<Dead>,
    storms: Storms,
    flaps: Flaps,
    audit: VecDeque<Audit>,
    next_number: u64,
    /// When held back notifications were last looked at.
    looked_at: Timestamp,
    changed: BTreeSet<RowKey>,
}

impl Desk {
    /// A desk at which nothing has happened.
    pub fn new(settings: Settings, limits: OutboxLimits) -> Desk {
        let mut desk = Desk {
            settings,
            left: Vec::new(),
            incidents: Incidents::default(),
            position: 0,
            cases: BTreeMap::new(),
            dues: BTreeSet::new(),
            waiting: BTreeSet::new(),
            over: BTreeSet::new(),
            sources: Sources::default(),
            silences: BTreeMap::new(),
            outbox: Outbox::new(limits),
            dead: BTreeMap::new(),
            dead_forgotten: 0,
            refused: Vec::new(),
            storms: Storms::default(),
            flaps: Flaps::default(),
            audit: VecDeque::new(),
            next_number: 1,
            looked_at: Timestamp::EARLIEST,
            changed: BTreeSet::new(),
        };
        reconfigure::space_out(&mut desk);
        reconfigure::note_fallbacks(&mut desk, &BTreeMap::new());
        desk
    }

    /// Takes in the next record of the alert log, `sequence` from 0. What was taken in before
    /// a restart only tells the fold how far it is.
    pub fn hear(&mut self, sequence: u64, record: &LogRecord<'_>, now: Timestamp) {
        let notice = self.incidents.apply(record);
        if sequence < self.position {
            return;
        }
        self.position = sequence + 1;
        self.changed.insert(RowKey::Position);
        let Some(notice) = notice else { return };
        match notice.kind {
            NotificationKind::Firing => self.open(&notice, now),
            NotificationKind::Resolved => self.end(&notice, now),
            _ => self.go_on(&notice, now),
        }
    }

    /// The attempts to make now, each to be answered by [`Desk::record`].
    pub fn due(&mut self, now: Timestamp) -> Vec<Attempt> {
        let mut attempts = self.outbox.due(now);
        for attempt in &mut attempts {
            let case = self.cases.get(&attempt.notification.incident);
            let told = case.and_then(|case| case.receivers.get(&self.name_of(attempt.receiver)));
            if let Some(Told::Delivered { receipt }) = told {
                attempt.receipt = Some(receipt.clone()).filter(|receipt| !receipt.is_empty());
            }
        }
        attempts
    }

    /// Records what an attempt came to; `None` for a ticket that is not in flight.
    pub fn record(
        &mut self,
        ticket: Ticket,
        result: DeliveryResult,
        now: Timestamp,
    ) -> Option<Delivery> {
        let receiver = self.outbox.receiver_of(ticket)?;
        let answered = self.outbox.record(ticket, result, now)?;
        let delivery = self.take_answer(receiver, answered, now);
        reconfigure::pass_on(self, now);
        Some(delivery)
    }

    /// Takes an attempt back that was never made.
    pub fn withdraw(&mut self, ticket: Ticket) {
        self.outbox.withdraw(ticket);
    }

    /// The number that the receiver of an attempt in flight has now.
    pub fn receiver_of(&self, ticket: Ticket) -> Option<usize> {
        self.outbox.receiver_of(ticket)
    }

    /// What was given up without an attempt since this was last asked, for logs and figures.
    pub fn take_refused(&mut self) -> Vec<Dead> {
        std::mem::take(&mut self.refused)
    }

    /// An incident; ids may be cut where that is clear, to at least four digits.
    ///
    /// # Errors
    /// How many incidents the digits fit, where it is not one.
    pub fn find(&self, id: &str) -> Result<&Case, usize> {
        if let Some(case) = EpisodeId::parse(id).and_then(|id| self.cases.get(&id)) {
            return Ok(case);
        }
        let fits = |case: &&Case| id.len() >= 4 && case.id.to_string().starts_with(id);
        let mut found = self.cases.values().filter(fits);
        match (found.next(), found.count()) {
            (Some(case), 0) => Ok(case),
            (first, more) => Err(usize::from(first.is_some()) + more),
        }
    }

    /// All incidents on record.
    pub fn cases(&self) -> impl Iterator<Item = &Case> {
        self.cases.values()
    }

    /// Records of the alert log that were taken in, before a restart or since.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// How many incidents the alert log leaves open.
    pub fn open_count(&self) -> usize {
        self.incidents.open_count()
    }

    /// All silences, ended ones that are not forgotten yet included.
    pub fn silences(&self) -> impl Iterator<Item = &Silence> {
        self.silences.values()
    }

    /// What is pending.
    pub fn outgoing(&self) -> impl Iterator<Item = Outgoing> {
        self.outbox.rows()
    }

    /// What was given up, oldest first.
    pub fn dead(&self) -> impl Iterator<Item = &Dead> {
        self.dead.values()
    }

    /// What people did, oldest first.
    pub fn audit(&self) -> impl Iterator<Item = &Audit> {
        self.audit.iter()
    }

    /// Who is told of what.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A receiver's figures.
    pub fn counts(&self, receiver: usize) -> DeliveryCounts {
        self.outbox.counts(receiver)
    }

    /// Does what is due by now.
    pub fn tick(&mut self, now: Timestamp) {
        clockwork::tick(self, now)
    }

    /// When [`Desk::tick`] or [`Desk::due`] next have something to do; an instant that has
    /// passed means now.
    pub fn next_due(&self) -> Option<Timestamp> {
        clockwork::next_due(self)
    }

    /// How the incidents stand that a receiver has: open ones, and those that ended no longer
    /// than [`ENDED_SAID_MS`] ago. It follows from the record, so that it is whole after a
    /// restart.
    pub fn standing(&self, receiver: usize, now: Timestamp) -> Vec<Notification> {
        standing::standing(self, receiver, now)
    }

    /// A beginning and an end that tell a receiver of nothing; its number.
    ///
    /// # Errors
    /// [`Refused::Words`] where there is no such receiver.
    pub fn trial(
        &mut self,
        receiver: &str,
        severity: Severity,
        message: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<(usize, [Notification; 2]), Refused> {
        trial::trial(self, receiver, severity, message, by, now)
    }

    /// What a receiver would be sent if the present state of an incident were told now; its
    /// number.
    ///
    /// # Errors
    /// [`Refused::Unknown`] where there is no such incident, [`Refused::Words`] where there is
    /// no such receiver.
    pub fn rendition(
        &self,
        incident: EpisodeId,
        receiver: &str,
        now: Timestamp,
    ) -> Result<(usize, Notification), Refused> {
        trial::rendition(self, incident, receiver, now)
    }

    /// Goes by other settings from now on.
    ///
    /// What is pending stays with the receiver of its name, in its order; what is in flight is
    /// answered by the same ticket. What is pending for a receiver that is no more goes to
    /// its fallback, unless that hears of the incident anyway, or is given up. Incidents keep
    /// their deadlines and the step that is due; a step that is no more is the last one.
    pub fn reconfigure(
        &mut self,
        settings: Settings,
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
    pub fn restore(&mut self, rows: impl IntoIterator<Item = Row>, now: Timestamp) {
        restore::restore(self, rows, now)
    }

    /// What has changed since this was last asked, to be written down in one piece.
    pub fn take_changes(&mut self) -> Vec<Change> {
        restore::take_changes(self)
    }

    /// What the record cannot explain; nothing, unless this software is wrong or stood still.
    ///
    /// Looks at every incident and at all that is pending.
    pub fn findings(&self, now: Timestamp) -> Vec<Finding> {
        auditor::findings(self, now)
    }

    fn open(&mut self, notice: &IncidentUpdate, now: Timestamp) {
        let from = notice.responds_from.max(notice.text.detected);
        let mut case = Case {
            id: notice.incident,
            alert: notice.facts.alert.clone(),
            key: notice.facts.key.clone(),
            since: notice.facts.since,
            severity: notice.facts.severity,
            state: State::Firing,
            times: Times {
                event: notice.facts.at,
                fired: notice.text.detected,
                ..Times::default()
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
        case.note(case.times.fired, None, TimelineEvent::Fired);
        case.is_flapping = flapping::flaps(self, &case, Turn::Began, case.times.fired);
        self.sources.open(&self.settings.inhibitions, &case.subject());
        self.call_for(&mut case, from);
        case.batch = batch::batch(self, &case, now);
        if case.batch.is_none() {
            self.tell(&mut case, NotificationKind::Firing, notice.facts.at, now);
        }
        self.put(case);
        self.forget_cases(now);
    }

    /// Its severity rose, or it matched again.
    fn go_on(&mut self, notice: &IncidentUpdate, now: Timestamp) {
        let Some(mut case) = self.take(notice.incident) else { return };
        case.at_fire = notice.measured;
        case.text = notice.text.clone();
        case.since = notice.facts.since;
        if notice.kind == NotificationKind::Again {
            case.note(notice.text.detected, None, TimelineEvent::MatchedAgain);
        } else {
            self.sources.close(&self.settings.inhibitions, &case.subject());
            case.severity = notice.facts.severity;
            self.sources.open(&self.settings.inhibitions, &case.subject());
            case.note(
                notice.text.detected,
                None,
                TimelineEvent::SeverityRaised(notice.facts.severity),
            );
            // Who took on the lesser has not taken on this.
            case.state = State::Firing;
            case.is_breached = false;
            self.call_for(&mut case, notice.responds_from.max(notice.text.detected));
        }
        batch::tell_news(self, &mut case, notice.kind, notice.facts.at, now);
        self.put(case);
    }

    fn end(&mut self, notice: &IncidentUpdate, now: Timestamp) {
        let Some(mut case) = self.take(notice.incident) else { return };
        case.at_end = Some(notice.measured);
        case.reason = notice.reason;
        case.times.resolved.get_or_insert(notice.facts.at);
        case.note(notice.text.detected, None, TimelineEvent::Ended(notice.reason));
        if case.is_open() {
            case.end_text = Some(notice.text.clone());
            flapping::flaps(self, &case, Turn::Ended, notice.text.detected);
            case.since = notice.facts.since;
            self.resolve(&mut case, notice.facts.at, now);
        }
        self.put(case);
    }

    /// It is over, for the alert or for someone who says so.
    fn resolve(&mut self, case: &mut Case, at: Timestamp, now: Timestamp) {
        self.sources.close(&self.settings.inhibitions, &case.subject());
        case.state = State::Resolved;
        (case.escalation, case.reminder) = (None, None);
        self.tell_the_end(case, at, now);
    }

    /// Asks people to respond, from an instant on.
    fn call_for(&mut self, case: &mut Case, from: Timestamp) {
        let level = self.settings.levels.level(case.severity);
        case.deadline = self.settings.levels.deadline(case.severity, from);
        case.escalation = self.policy(level).begin(level, from);
        case.reminder = level.remind_every_ms.map(|every_ms| from.plus(every_ms));
    }

    fn policy(&self, level: &Level) -> Policy {
        let named = |policy: &&Policy| Some(&policy.name) == level.policy.as_ref();
        let known = self.settings.policies.iter().find(named).cloned();
        known.unwrap_or_else(|| Policy::by_deadline(level))
    }

    /// Takes a case out to change it; [`Desk::put`] brings it back.
    fn take(&mut self, id: EpisodeId) -> Option<Case> {
        let case = self.cases.remove(&id)?;
        self.waiting.remove(&id);
        if let Some(due) = case.next_due() {
            self.dues.remove(&(due, id));
        }
        if let Some(over) = over_since(&case) {
            self.over.remove(&over);
        }
        Some(case)
    }

    fn put(&mut self, case: Case) {
        self.changed.insert(RowKey::Case(case.id));
        self.put_back(case);
    }

    /// Brings a case back as it was.
    fn put_back(&mut self, case: Case) {
        self.keep_time(&case);
        self.cases.insert(case.id, case);
    }

    fn keep_time(&mut self, case: &Case) {
        self.dues.extend(case.next_due().map(|due| (due, case.id)));
        self.over.extend(over_since(case));
        if case.is_open() && case.receivers.values().any(|told| *told == Told::Waiting) {
            self.waiting.insert(case.id);
        }
    }

    fn forget_cases(&mut self, now: Timestamp) {
        while let Some((is_resolved, at, id)) = self.over.first().copied() {
            let is_old = !is_resolved && now.0.saturating_sub(at.0) > CASE_KEPT_MS;
            if !is_old && self.cases.len() <= CASES_MAX {
                return;
            }
            self.over.remove(&(is_resolved, at, id));
            self.cases.remove(&id);
            self.changed.insert(RowKey::Case(id));
        }
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number - 1
    }
}

/// What is over is forgotten in this order: what was closed longest ago, then what was
/// resolved longest ago.
fn over_since(case: &Case) -> Option<(bool, Timestamp, EpisodeId)> {
    match case.state {
        State::Closed => Some((false, case.times.closed.unwrap_or_default(), case.id)),
        State::Resolved => Some((true, case.times.resolved.unwrap_or_default(), case.id)),
        State::Firing | State::Acknowledged => None,
    }
}

#[cfg(test)]
mod tests;
