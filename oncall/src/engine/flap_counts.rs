//! Turns of alerts within the last hour, and the alerts that flap.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use model::key::encode_key;
use model::severity::Severity;
use model::time::{HOUR_MS, Timestamp};
use model::transition::NamedKeyPart;
use serde::{Deserialize, Serialize};

/// Beginnings and ends of one alert and key within an hour that are told one by one, by default.
pub const FLAP_MAX: usize = 6;
/// Time for which beginnings and ends count, and how often they are told in sum, in milliseconds.
pub const FLAP_MS: i64 = HOUR_MS;
/// Beginnings and ends of one alert and key that are counted; more need not be told apart.
pub const TURNS_MAX: usize = 1_000;
/// Alerts and keys that have had a turn lately are looked through when there are so many more.
const SWEPT_FROM: usize = 1_024;

/// An alert and a key.
pub(super) type FlapKey = (String, Vec<u8>);

/// An alert that flaps for one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlappingAlert {
    /// Its number.
    pub number: u64,
    /// The alert.
    pub alert: String,
    /// The key, named.
    pub key: Vec<NamedKeyPart>,
    /// The most severe it has been meanwhile.
    pub severity: Severity,
    /// Instant at which it began to.
    pub since: Timestamp,
    /// Instant at which it is told in sum next, or found to be quiet.
    pub due: Timestamp,
    /// Receivers that get digests.
    pub receivers: BTreeSet<String>,
}

/// Detects alerts that flap by how often they began and ended lately.
#[derive(Debug, Default)]
pub(super) struct FlapDetector {
    /// By alert and key: when it began, and when it ended; at most [`TURNS_MAX`].
    pub(super) turns: HashMap<FlapKey, VecDeque<(Timestamp, FlapEdge)>>,
    swept_at: usize,
    pub(super) flapping: BTreeMap<u64, FlappingAlert>,
    pub(super) numbers: HashMap<FlapKey, u64>,
}

/// Edge of an alert: its beginning or its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FlapEdge {
    Began,
    Ended,
}

/// Number of turns of one alert and key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TurnCounts {
    pub(super) began: u64,
    pub(super) ended: u64,
}

impl FlapDetector {
    pub(super) fn restore(&mut self, flapping: FlappingAlert) {
        self.numbers.insert(line(&flapping.alert, &flapping.key), flapping.number);
        self.flapping.insert(flapping.number, flapping);
    }

    pub(super) fn get(&self, number: u64) -> Option<&FlappingAlert> {
        self.flapping.get(&number)
    }

    /// Instant at which the first of them is due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.flapping.values().map(|flapping| flapping.due).min()
    }

    /// Counts a turn; how many there were within an hour by then, this one included.
    pub(super) fn count(&mut self, line: FlapKey, turn: FlapEdge, at: Timestamp) -> usize {
        let turns = self.turns.entry(line).or_default();
        turns.push_back((at, turn));
        if turns.len() > TURNS_MAX {
            turns.pop_front();
        }
        forget_old(turns, at);
        let count = turns.len();
        if self.turns.len() > self.swept_at.max(SWEPT_FROM) {
            self.turns.retain(|_, turns| {
                forget_old(turns, at);
                !turns.is_empty()
            });
            self.swept_at = 2 * self.turns.len();
        }
        count
    }

    /// Number of beginnings and of ends within an hour before an instant.
    pub(super) fn lately(&self, line: &FlapKey, now: Timestamp) -> TurnCounts {
        let turns = self.turns.get(line).into_iter().flatten();
        let lately = turns.filter(|(at, _)| is_recent(*at, now));
        lately.fold(TurnCounts::default(), |counts, (_, turn)| match turn {
            FlapEdge::Began => TurnCounts { began: counts.began + 1, ..counts },
            FlapEdge::Ended => TurnCounts { ended: counts.ended + 1, ..counts },
        })
    }

    /// Alerts and keys with turns, and the most turns of one.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> [usize; 2] {
        [self.turns.len(), self.turns.values().map(VecDeque::len).max().unwrap_or(0)]
    }
}

pub(super) fn is_recent(at: Timestamp, now: Timestamp) -> bool {
    now.0.saturating_sub(at.0) < FLAP_MS
}

fn forget_old(turns: &mut VecDeque<(Timestamp, FlapEdge)>, now: Timestamp) {
    while turns.pop_front_if(|(at, _)| !is_recent(*at, now)).is_some() {}
}

pub(super) fn line(alert: &str, key: &[NamedKeyPart]) -> FlapKey {
    (alert.to_owned(), encode_key(key.iter().map(|(_, value)| value)))
}
