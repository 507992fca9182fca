//! Silences: suppression of notifications for a time, with author and reason.

use model::time::{DAY_MS, Timestamp};
use serde::{Deserialize, Serialize};

use crate::incident::Incident;
use crate::matcher::{Matcher, all_match};

/// Maximum number of active and future silences.
pub const SILENCES_MAX: usize = 1_000;
/// Maximum duration of a silence, in milliseconds.
pub const SILENCE_MS_MAX: i64 = 30 * DAY_MS;
/// Retention of an ended silence, in milliseconds.
pub const ENDED_KEPT_MS: i64 = 7 * DAY_MS;

/// Suppresses the notifications of matching incidents for a time.
///
/// Resolutions of incidents that were notified are still sent: a person who was paged must learn
/// that the incident is over. Incidents, their deadlines and their escalation timers continue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Number by which commands refer to it.
    pub id: u64,
    /// Matchers of the incident; all must match; at least one.
    pub matchers: Vec<Matcher>,
    /// Names of the receivers that it applies to; empty means all.
    pub receivers: Vec<String>,
    /// Start, inclusive.
    pub from: Timestamp,
    /// Latest end, exclusive.
    pub until: Timestamp,
    /// True when it also ends once no matching incident is open.
    pub until_resolved: bool,
    /// Person who created it.
    pub by: String,
    /// Reason, for people.
    pub reason: String,
    /// Instant of its end, where it has ended.
    pub ended: Option<Timestamp>,
}

impl Silence {
    /// Returns true when it is active at an instant.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.ended.is_none() && self.from <= now && now < self.until
    }

    /// Returns true when it suppresses notifications of an incident for a receiver.
    pub fn covers(&self, incident: &Incident, receiver: &str, now: Timestamp) -> bool {
        let concerns = self.receivers.is_empty() || self.receivers.iter().any(|it| it == receiver);
        concerns && self.is_active(now) && all_match(&self.matchers, &incident.subject())
    }
}
