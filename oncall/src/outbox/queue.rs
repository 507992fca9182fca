//! One receiver's pending notifications.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use model::notification::{Notification, NotificationKind};
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::EpisodeId;

use super::failure::DeliveryFailure;

/// Failures in a row after which a receiver is asked with one attempt at a time until it
/// answers again.
pub(super) const FAILURES_MAX: u32 = 5;

/// A pending notification.
#[derive(Debug)]
pub(super) struct QueuedNotification {
    pub(super) notification: Arc<Notification>,
    /// Attempts made, the one in flight included.
    pub(super) attempts: u32,
    /// Not to be attempted before then.
    pub(super) at: Timestamp,
    /// Not to be attempted after then.
    pub(super) expires: Timestamp,
    /// Why the last attempt failed.
    pub(super) failure: Option<DeliveryFailure>,
}

/// Order of giving way: the last goes first. `false` is `resolved`, which someone who was
/// told waits for: it outlasts the others.
type DropRank = (Severity, bool, u64);

/// Pending rows of one receiver, by number; numbers rise with every push.
//
// INVARIANT: a row is in exactly one of `waiting`, `ready`, `flying` when it is the first
// of its incident, and in none when it stands behind another. `evictable` holds the rank of
// every row that is not in `flying`.
#[derive(Debug)]
pub(super) struct OutboxQueue {
    rows: BTreeMap<u64, QueuedNotification>,
    /// Rows of each incident in the order pushed; only the first may be attempted.
    incidents: HashMap<EpisodeId, VecDeque<u64>>,
    waiting: BTreeSet<(Timestamp, u64)>,
    /// Rows whose time has come, most urgent first.
    ready: BTreeSet<(Severity, u64)>,
    flying: BTreeSet<u64>,
    evictable: BTreeSet<DropRank>,
    /// The receiver asked to be left alone until then.
    paused_until: Timestamp,
    /// Attempts that failed since the last that did not.
    failures: u32,
    /// Milliseconds between two attempts, and when the next may be.
    spacing_ms: i64,
    spaced_until: Timestamp,
}

impl Default for OutboxQueue {
    fn default() -> OutboxQueue {
        OutboxQueue {
            rows: BTreeMap::new(),
            incidents: HashMap::new(),
            waiting: BTreeSet::new(),
            ready: BTreeSet::new(),
            flying: BTreeSet::new(),
            evictable: BTreeSet::new(),
            paused_until: Timestamp::EARLIEST,
            failures: 0,
            spacing_ms: 0,
            spaced_until: Timestamp::EARLIEST,
        }
    }
}

impl OutboxQueue {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn in_flight_count(&self) -> usize {
        self.flying.len()
    }

    /// Instant at which the service saw what was pushed first.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.rows.values().next().map(|row| row.notification.detected)
    }

    pub(super) fn insert(&mut self, number: u64, row: QueuedNotification) {
        let line = self.incidents.entry(row.notification.incident).or_default();
        line.push_back(number);
        if line.len() == 1 {
            self.waiting.insert((row.at, number));
        }
        self.evictable.insert(rank(number, &row));
        self.rows.insert(number, row);
    }

    /// Takes the most urgent row that may be attempted, and counts the attempt.
    pub(super) fn take_due(
        &mut self,
        now: Timestamp,
        max: usize,
    ) -> Option<(u64, &QueuedNotification)> {
        if self.flying.len() >= self.room(max) || now < self.not_before() {
            return None;
        }
        while let Some((at, number)) = self.waiting.first().copied() {
            if at > now {
                break;
            }
            self.waiting.remove(&(at, number));
            if let Some(row) = self.rows.get(&number) {
                self.ready.insert((row.notification.facts.severity, number));
            }
        }
        let (_, number) = self.ready.pop_first()?;
        let row = self.rows.get_mut(&number)?;
        row.attempts = row.attempts.saturating_add(1);
        self.spaced_until = now.plus(self.spacing_ms);
        self.flying.insert(number);
        self.evictable.remove(&rank(number, row));
        Some((number, row))
    }

    pub(super) fn next_due(&self, max: usize) -> Option<Timestamp> {
        if self.flying.len() >= self.room(max) {
            return None;
        }
        let first = match self.ready.is_empty() {
            true => self.waiting.first().map(|(at, _)| *at)?,
            false => Timestamp::EARLIEST,
        };
        Some(first.max(self.not_before()))
    }

    pub(super) fn in_flight(&self, number: u64) -> Option<&QueuedNotification> {
        self.flying.get(&number).and_then(|number| self.rows.get(number))
    }

    pub(super) fn pause_until(&mut self, until: Timestamp) {
        self.paused_until = self.paused_until.max(until);
    }

    /// Leaves at least so many milliseconds between two attempts.
    pub(super) fn space_out(&mut self, spacing_ms: i64) {
        self.spacing_ms = spacing_ms.max(0);
    }

    /// Number of attempts that may be under way: a receiver that keeps failing is asked with one.
    fn room(&self, max: usize) -> usize {
        if self.failures >= FAILURES_MAX { 1 } else { max }
    }

    fn not_before(&self) -> Timestamp {
        self.paused_until.max(self.spaced_until)
    }

    /// The receiver took something: what waits for it after failures need not wait longer.
    pub(super) fn wake(&mut self, now: Timestamp) {
        if std::mem::take(&mut self.failures) >= FAILURES_MAX {
            self.hurry(now);
        }
    }

    /// The receiver is another one now: what it failed and what it asked for is of no account.
    pub(super) fn begin_anew(&mut self, now: Timestamp) {
        (self.failures, self.paused_until) = (0, Timestamp::EARLIEST);
        self.hurry(now);
    }

    fn hurry(&mut self, now: Timestamp) {
        for (_, number) in std::mem::take(&mut self.waiting) {
            if let Some(row) = self.rows.get_mut(&number) {
                row.at = row.at.min(now);
                self.waiting.insert((row.at, number));
            }
        }
    }

    /// Puts a row in flight back, to be attempted again.
    pub(super) fn retry(&mut self, number: u64, at: Timestamp, failure: &DeliveryFailure) {
        self.failures = self.failures.saturating_add(1);
        if let Some(row) = self.rows.get_mut(&number)
            && self.flying.remove(&number)
        {
            row.at = at;
            row.failure = Some(failure.clone());
            self.evictable.insert(rank(number, row));
            self.waiting.insert((at, number));
        }
    }

    /// Puts a row in flight back whose attempt was not made.
    pub(super) fn withdraw(&mut self, number: u64) {
        if let Some(row) = self.rows.get_mut(&number)
            && self.flying.remove(&number)
        {
            row.attempts = row.attempts.saturating_sub(1);
            self.evictable.insert(rank(number, row));
            self.waiting.insert((row.at, number));
        }
    }

    /// Takes out all rows that are not in flight, in the order pushed.
    pub(super) fn take_grounded(&mut self) -> Vec<(u64, QueuedNotification)> {
        let grounded = self.rows.keys().filter(|number| !self.flying.contains(number));
        let grounded: Vec<u64> = grounded.copied().collect();
        grounded.into_iter().filter_map(|number| Some((number, self.remove(number)?))).collect()
    }

    /// Takes a row out; the next of its incident may then be attempted.
    pub(super) fn remove(&mut self, number: u64) -> Option<QueuedNotification> {
        let row = self.rows.remove(&number)?;
        self.flying.remove(&number);
        self.ready.remove(&(row.notification.facts.severity, number));
        self.waiting.remove(&(row.at, number));
        self.evictable.remove(&rank(number, &row));
        let incident = row.notification.incident;
        let line = self.incidents.get_mut(&incident)?;
        let was_first = line.front() == Some(&number);
        line.retain(|other| *other != number);
        match line.front() {
            None => {
                self.incidents.remove(&incident);
            }
            Some(next) if was_first => {
                if let Some(next_row) = self.rows.get(next) {
                    self.waiting.insert((next_row.at, *next));
                }
            }
            Some(_) => {}
        }
        Some(row)
    }

    /// Takes out the row that gives way to the others; `None` when all are in flight.
    pub(super) fn evict(&mut self) -> Option<(u64, QueuedNotification)> {
        let (_, _, number) = self.evictable.last().copied()?;
        self.remove(number).map(|row| (number, row))
    }

    /// Takes out those rows of an incident that are not in flight.
    pub(super) fn take_waiting(
        &mut self,
        incident: EpisodeId,
        is_meant: impl Fn(&QueuedNotification) -> bool,
    ) -> Vec<(u64, QueuedNotification)> {
        let line: Vec<u64> = self.incidents.get(&incident).into_iter().flatten().copied().collect();
        let waits = |number: &u64| !self.flying.contains(number);
        let meant = |number: &u64| self.rows.get(number).is_some_and(&is_meant);
        let gone: Vec<u64> = line.into_iter().filter(|it| waits(it) && meant(it)).collect();
        gone.into_iter().filter_map(|number| Some((number, self.remove(number)?))).collect()
    }

    /// True when an attempt to tell of an incident is under way.
    pub(super) fn is_flying(&self, incident: EpisodeId) -> bool {
        let line = self.incidents.get(&incident);
        line.into_iter().flatten().any(|number| self.flying.contains(number))
    }

    /// True when what an incident's line begins with was tried in vain.
    pub(super) fn has_failed(&self, incident: EpisodeId) -> bool {
        let first = self.incidents.get(&incident).and_then(VecDeque::front);
        let row = first.and_then(|number| self.rows.get(number));
        row.is_some_and(|row| row.failure.is_some())
    }

    /// A row by its number.
    pub(super) fn row(&self, number: u64) -> Option<&QueuedNotification> {
        self.rows.get(&number)
    }

    /// All rows by number.
    pub(super) fn rows(&self) -> impl Iterator<Item = (u64, &QueuedNotification)> {
        self.rows.iter().map(|(number, row)| (*number, row))
    }
}

fn rank(number: u64, row: &QueuedNotification) -> DropRank {
    let is_news = row.notification.kind != NotificationKind::Resolved;
    (row.notification.facts.severity, is_news, number)
}
