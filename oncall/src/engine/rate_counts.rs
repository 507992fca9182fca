//! Notifications of the last minute by receiver, and digests that collect.

use std::collections::{BTreeMap, HashMap, VecDeque};

use model::severity::Severity;
use model::time::{MINUTE_MS, Timestamp};
use serde::{Deserialize, Serialize};

/// Notifications a minute that one receiver gets as they are, by default.
pub const STORM_MAX: usize = 30;
/// Alerts whose news are counted one by one, so that the busiest can be named.
pub(super) const COUNTED_MAX: usize = 64;

/// Digest of one service for one receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingDigest {
    /// Its number.
    pub number: u64,
    /// For whom.
    pub receiver: String,
    /// Of what.
    pub service: String,
    /// The most severe of it.
    pub severity: Severity,
    /// Instant at which it began.
    pub since: Timestamp,
    /// Instant at which it is told.
    pub due: Timestamp,
    /// Number of news by alert; at most [`COUNTED_MAX`] of them.
    pub news: BTreeMap<String, u64>,
    /// Number of times others had.
    pub unnamed: u64,
    /// Number of those that are over.
    pub ended: u64,
}

/// Rate limits of receivers, and the digests beyond them.
#[derive(Debug, Default)]
pub(super) struct RateLimiter {
    pub(super) lately: HashMap<usize, VecDeque<Timestamp>>,
    pub(super) pending: BTreeMap<u64, PendingDigest>,
}

impl RateLimiter {
    pub(super) fn restore(&mut self, pending: PendingDigest) {
        self.pending.insert(pending.number, pending);
    }

    pub(super) fn get(&self, number: u64) -> Option<&PendingDigest> {
        self.pending.get(&number)
    }

    /// Instant at which the first digest is due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.pending.values().map(|pending| pending.due).min()
    }

    /// Gives receivers other numbers, as the outbox does.
    pub(super) fn renumber(&mut self, next: &[Option<usize>]) {
        let lately = std::mem::take(&mut self.lately).into_iter();
        let moved = lately.filter_map(|(number, at)| Some(((*next.get(number)?)?, at)));
        self.lately = moved.collect();
    }

    /// Takes out what is summed up for those who are configured no more.
    pub(super) fn take_of_others(
        &mut self,
        is_configured: impl Fn(&str) -> bool,
    ) -> Vec<PendingDigest> {
        self.pending.extract_if(.., |_, it| !is_configured(&it.receiver)).map(|it| it.1).collect()
    }

    /// Receivers counted, the most that is remembered of one, digests that collect, and the
    /// most alerts one of them counts by name.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> [usize; 4] {
        let lately = self.lately.values().map(VecDeque::len).max();
        let named = self.pending.values().map(|pending| pending.news.len()).max();
        [self.lately.len(), lately.unwrap_or(0), self.pending.len(), named.unwrap_or(0)]
    }

    /// Counts something a receiver is to be told; whether it is too much.
    pub(super) fn is_too_much(&mut self, receiver: usize, most: usize, now: Timestamp) -> bool {
        let lately = self.lately.entry(receiver).or_default();
        while lately.front().is_some_and(|at| now.0.saturating_sub(at.0) >= MINUTE_MS) {
            lately.pop_front();
        }
        // More than the limit need not be told apart.
        if lately.len() > most {
            lately.pop_front();
        }
        lately.push_back(now);
        lately.len() > most
    }
}
