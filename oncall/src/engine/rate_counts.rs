//! Notifications of the last minute by receiver, and pending digests.

use std::collections::{BTreeMap, HashMap, VecDeque};

use model::severity::Severity;
use model::time::{MINUTE_MS, Timestamp};
use serde::{Deserialize, Serialize};

/// Default rate limit: notifications per minute that one receiver gets individually.
pub const STORM_MAX: usize = 30;
/// Maximum number of alerts that one digest counts by name.
pub(super) const COUNTED_MAX: usize = 64;

/// Digest of one service for one receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingDigest {
    /// Number of its row.
    pub number: u64,
    /// Name of the receiver.
    pub receiver: String,
    /// Service that the digest covers.
    pub service: String,
    /// Highest severity among the incidents counted.
    pub severity: Severity,
    /// Event time of the first incident counted.
    pub since: Timestamp,
    /// Instant at which it is sent.
    pub due: Timestamp,
    /// Number of notifications replaced by alert; at most `COUNTED_MAX` alerts.
    pub news: BTreeMap<String, u64>,
    /// Number of notifications replaced of all other alerts.
    pub unnamed: u64,
    /// Number of resolved incidents among them.
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

    /// Earliest instant at which a digest is due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.pending.values().map(|pending| pending.due).min()
    }

    /// Renumbers receivers, as [`crate::outbox::Outbox::renumber`] does.
    pub(super) fn renumber(&mut self, next: &[Option<usize>]) {
        let lately = std::mem::take(&mut self.lately).into_iter();
        let moved = lately.filter_map(|(number, at)| Some(((*next.get(number)?)?, at)));
        self.lately = moved.collect();
    }

    /// Removes and returns the pending digests of removed receivers.
    pub(super) fn take_of_others(
        &mut self,
        is_configured: impl Fn(&str) -> bool,
    ) -> Vec<PendingDigest> {
        self.pending.extract_if(.., |_, it| !is_configured(&it.receiver)).map(|it| it.1).collect()
    }

    /// Number of receivers counted, largest number of instants kept for one, number of pending
    /// digests, and largest number of alerts named in one.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> [usize; 4] {
        let lately = self.lately.values().map(VecDeque::len).max();
        let named = self.pending.values().map(|pending| pending.news.len()).max();
        [self.lately.len(), lately.unwrap_or(0), self.pending.len(), named.unwrap_or(0)]
    }

    /// Counts a notification; returns true when it exceeds the rate limit.
    pub(super) fn is_too_much(&mut self, receiver: usize, most: usize, now: Timestamp) -> bool {
        let lately = self.lately.entry(receiver).or_default();
        while lately.front().is_some_and(|at| now.0.saturating_sub(at.0) >= MINUTE_MS) {
            lately.pop_front();
        }
        // Counts above the limit need no distinction.
        if lately.len() > most {
            lately.pop_front();
        }
        lately.push_back(now);
        lately.len() > most
    }
}
