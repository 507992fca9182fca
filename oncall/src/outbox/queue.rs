//! Queue of the notifications pending for one receiver.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use model::notification::{Notification, NotificationKind};
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::EpisodeId;

use super::failure::DeliveryFailure;

/// Consecutive failures after which a receiver gets one attempt at a time until one succeeds.
pub(super) const FAILURES_MAX: u32 = 5;

/// A pending notification.
#[derive(Debug)]
pub(super) struct QueuedNotification {
    pub(super) notification: Arc<Notification>,
    /// Number of attempts, the one in flight included.
    pub(super) attempts: u32,
    /// Earliest instant of the next attempt.
    pub(super) at: Timestamp,
    /// Latest instant of an attempt.
    pub(super) expires: Timestamp,
    /// Failure of the last attempt.
    pub(super) failure: Option<DeliveryFailure>,
}

/// Eviction rank: the greatest is evicted first. `false` marks `resolved`, which a notified person
/// waits for and which is therefore evicted last within its severity.
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
    /// Rows that are due, most severe first.
    ready: BTreeSet<(Severity, u64)>,
    flying: BTreeSet<u64>,
    evictable: BTreeSet<DropRank>,
    /// End of the pause that the receiver requested by `Retry-After`.
    paused_until: Timestamp,
    /// Consecutive failed attempts.
    failures: u32,
    /// Minimum time between two attempts, in milliseconds; the earliest instant of the next is
    /// `spaced_until`.
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

    /// Detection time of the row that was pushed first.
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

    /// Takes the most urgent row that is due and counts the attempt; `None` where limits or pauses
    /// forbid one.
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

    /// Sets the minimum time between two attempts, in milliseconds.
    pub(super) fn space_out(&mut self, spacing_ms: i64) {
        self.spacing_ms = spacing_ms.max(0);
    }

    /// Number of attempts that may be in flight: a receiver that keeps failing gets one.
    fn room(&self, max: usize) -> usize {
        if self.failures >= FAILURES_MAX { 1 } else { max }
    }

    fn not_before(&self) -> Timestamp {
        self.paused_until.max(self.spaced_until)
    }

    /// Records a success: after a series of failures, waiting rows become due at once.
    pub(super) fn wake(&mut self, now: Timestamp) {
        if std::mem::take(&mut self.failures) >= FAILURES_MAX {
            self.hurry(now);
        }
    }

    /// Resets failures and pause, because the receiver's sink changed; waiting rows become due at
    /// once.
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

    /// Returns a row in flight to the queue for a retry.
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

    /// Returns a row in flight to the queue whose attempt was not made.
    pub(super) fn withdraw(&mut self, number: u64) {
        if let Some(row) = self.rows.get_mut(&number)
            && self.flying.remove(&number)
        {
            row.attempts = row.attempts.saturating_sub(1);
            self.evictable.insert(rank(number, row));
            self.waiting.insert((row.at, number));
        }
    }

    /// Removes all rows that are not in flight and returns them in the order pushed.
    pub(super) fn take_grounded(&mut self) -> Vec<(u64, QueuedNotification)> {
        let grounded = self.rows.keys().filter(|number| !self.flying.contains(number));
        let grounded: Vec<u64> = grounded.copied().collect();
        grounded.into_iter().filter_map(|number| Some((number, self.remove(number)?))).collect()
    }

    /// Removes a row; the next row of its incident may then be attempted.
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

    /// Removes the row of the greatest rank; `None` when all are in flight.
    pub(super) fn evict(&mut self) -> Option<(u64, QueuedNotification)> {
        let (_, _, number) = self.evictable.last().copied()?;
        self.remove(number).map(|row| (number, row))
    }

    /// Removes the selected rows of an incident that are not in flight.
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

    /// Returns true when an attempt for an incident is in flight.
    pub(super) fn is_flying(&self, incident: EpisodeId) -> bool {
        let line = self.incidents.get(&incident);
        line.into_iter().flatten().any(|number| self.flying.contains(number))
    }

    /// Returns true when an attempt of the first row of an incident has failed.
    pub(super) fn has_failed(&self, incident: EpisodeId) -> bool {
        let first = self.incidents.get(&incident).and_then(VecDeque::front);
        let row = first.and_then(|number| self.rows.get(number));
        row.is_some_and(|row| row.failure.is_some())
    }

    /// Returns a row by its number.
    pub(super) fn row(&self, number: u64) -> Option<&QueuedNotification> {
        self.rows.get(&number)
    }

    /// Returns all rows by number.
    pub(super) fn rows(&self) -> impl Iterator<Item = (u64, &QueuedNotification)> {
        self.rows.iter().map(|(number, row)| (*number, row))
    }
}

fn rank(number: u64, row: &QueuedNotification) -> DropRank {
    let is_news = row.notification.kind != NotificationKind::Resolved;
    (row.notification.facts.severity, is_news, number)
}
