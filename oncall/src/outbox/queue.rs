//! One receiver's pending notifications.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use model::notification::{Notification, NotificationKind};
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::EpisodeId;

/// A pending notification.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) notification: Arc<Notification>,
    /// Attempts made, the one in flight included.
    pub(super) attempts: u32,
    /// Not to be attempted before then.
    pub(super) at: Timestamp,
}

/// Order of giving way: the last goes first. `false` is `resolved`, which someone who was
/// told waits for: it outlasts the others.
type Rank = (Severity, bool, u64);

/// Pending rows of one receiver, by number; numbers rise with every push.
//
// INVARIANT: a row is in exactly one of `waiting`, `ready`, `flying` when it is the first
// of its incident, and in none when it stands behind another. `evictable` holds the rank of
// every row that is not in `flying`.
#[derive(Debug)]
pub(super) struct Queue {
    rows: BTreeMap<u64, Row>,
    /// Rows of each incident in the order pushed; only the first may be attempted.
    incidents: HashMap<EpisodeId, VecDeque<u64>>,
    waiting: BTreeSet<(Timestamp, u64)>,
    /// Rows whose time has come, most urgent first.
    ready: BTreeSet<(Severity, u64)>,
    flying: BTreeSet<u64>,
    evictable: BTreeSet<Rank>,
    /// The receiver asked to be left alone until then.
    paused_until: Timestamp,
}

impl Default for Queue {
    fn default() -> Queue {
        Queue {
            rows: BTreeMap::new(),
            incidents: HashMap::new(),
            waiting: BTreeSet::new(),
            ready: BTreeSet::new(),
            flying: BTreeSet::new(),
            evictable: BTreeSet::new(),
            paused_until: Timestamp::EARLIEST,
        }
    }
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn in_flight_count(&self) -> usize {
        self.flying.len()
    }

    /// When the service saw what was pushed first.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.rows.values().next().map(|row| row.notification.detected)
    }

    pub(super) fn insert(&mut self, number: u64, row: Row) {
        let line = self.incidents.entry(row.notification.incident).or_default();
        line.push_back(number);
        if line.len() == 1 {
            self.waiting.insert((row.at, number));
        }
        self.evictable.insert(rank(number, &row));
        self.rows.insert(number, row);
    }

    /// Takes the most urgent row that may be attempted, and counts the attempt.
    pub(super) fn take_due(&mut self, now: Timestamp, max: usize) -> Option<(u64, &Row)> {
        if self.flying.len() >= max || now < self.paused_until {
            return None;
        }
        while let Some((at, number)) = self.waiting.first().copied() {
            if at > now {
                break;
            }
            self.waiting.remove(&(at, number));
            if let Some(row) = self.rows.get(&number) {
                self.ready.insert((row.notification.severity, number));
            }
        }
        let (_, number) = self.ready.pop_first()?;
        let row = self.rows.get_mut(&number)?;
        row.attempts = row.attempts.saturating_add(1);
        self.flying.insert(number);
        self.evictable.remove(&rank(number, row));
        Some((number, row))
    }

    pub(super) fn next_due(&self, max: usize) -> Option<Timestamp> {
        if self.flying.len() >= max {
            return None;
        }
        let first = match self.ready.is_empty() {
            true => self.waiting.first().map(|(at, _)| *at)?,
            false => Timestamp::EARLIEST,
        };
        Some(first.max(self.paused_until))
    }

    pub(super) fn in_flight(&self, number: u64) -> Option<&Row> {
        self.flying.get(&number).and_then(|number| self.rows.get(number))
    }

    pub(super) fn pause_until(&mut self, until: Timestamp) {
        self.paused_until = self.paused_until.max(until);
    }

    /// Puts a row in flight back, to be attempted again.
    pub(super) fn retry(&mut self, number: u64, at: Timestamp) {
        if let Some(row) = self.rows.get_mut(&number)
            && self.flying.remove(&number)
        {
            row.at = at;
            self.evictable.insert(rank(number, row));
            self.waiting.insert((at, number));
        }
    }

    /// Takes a row out; the next of its incident may then be attempted.
    pub(super) fn remove(&mut self, number: u64) -> Option<Row> {
        let row = self.rows.remove(&number)?;
        self.flying.remove(&number);
        self.ready.remove(&(row.notification.severity, number));
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
    pub(super) fn evict(&mut self) -> Option<Row> {
        let (_, _, number) = self.evictable.last().copied()?;
        self.remove(number)
    }
}

fn rank(number: u64, row: &Row) -> Rank {
    let is_news = row.notification.kind != NotificationKind::Resolved;
    (row.notification.severity, is_news, number)
}
