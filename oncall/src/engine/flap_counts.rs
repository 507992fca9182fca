//! Firings and resolutions of alerts within the last hour, and the alerts that flap.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use model::key::encode_key;
use model::severity::Severity;
use model::time::{HOUR_MS, Timestamp};
use model::transition::NamedKeyPart;
use serde::{Deserialize, Serialize};

/// Default limit of firings and resolutions of one alert and key per hour; more count as flapping.
pub const FLAP_MAX: usize = 6;
/// Length of the flap window, and interval of flap digests, in milliseconds.
pub const FLAP_MS: i64 = HOUR_MS;
/// Maximum number of edges counted per alert and key; the oldest beyond it are dropped.
pub const TURNS_MAX: usize = 1_000;
/// Minimum number of alerts and keys before entries without recent edges are swept.
const SWEPT_FROM: usize = 1_024;

/// Alert name and canonical key bytes.
pub(super) type FlapKey = (String, Vec<u8>);

/// An alert that flaps for one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlappingAlert {
    /// Number of its row.
    pub number: u64,
    /// Name of the alert.
    pub alert: String,
    /// Components of the key with their names.
    pub key: Vec<NamedKeyPart>,
    /// Highest severity since it began to flap.
    pub severity: Severity,
    /// Instant at which it began to flap.
    pub since: Timestamp,
    /// Instant of the next digest; without edges in the last hour, flapping ends then.
    pub due: Timestamp,
    /// Receivers that get digests.
    pub receivers: BTreeSet<String>,
}

/// Detector of flapping alerts: counts firings and resolutions per alert and key.
#[derive(Debug, Default)]
pub(super) struct FlapDetector {
    /// Recent edges by alert and key, oldest first; at most [`TURNS_MAX`] each.
    pub(super) turns: HashMap<FlapKey, VecDeque<(Timestamp, FlapEdge)>>,
    swept_at: usize,
    pub(super) flapping: BTreeMap<u64, FlappingAlert>,
    pub(super) numbers: HashMap<FlapKey, u64>,
}

/// Edge of an alert: firing or resolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FlapEdge {
    Began,
    Ended,
}

/// Firings and resolutions of one alert and key.
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

    /// Earliest instant at which a digest of a flapping alert is due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.flapping.values().map(|flapping| flapping.due).min()
    }

    /// Counts an edge; returns the number of edges within the hour up to `at`, this one included.
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

    /// Counts firings and resolutions within the hour before an instant.
    pub(super) fn lately(&self, line: &FlapKey, now: Timestamp) -> TurnCounts {
        let turns = self.turns.get(line).into_iter().flatten();
        let lately = turns.filter(|(at, _)| is_recent(*at, now));
        lately.fold(TurnCounts::default(), |counts, (_, turn)| match turn {
            FlapEdge::Began => TurnCounts { began: counts.began + 1, ..counts },
            FlapEdge::Ended => TurnCounts { ended: counts.ended + 1, ..counts },
        })
    }

    /// Number of alerts and keys with edges, and the largest number of edges of one.
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
