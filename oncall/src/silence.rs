//! Silences: what people do not want to hear of for a while, who said so and why.

use model::time::{DAY_MS, Timestamp};
use serde::{Deserialize, Serialize};

use crate::incident::Incident;
use crate::matcher::{Matcher, all_match};

/// Silences kept at once, ended ones that are not forgotten yet included.
pub const SILENCES_MAX: usize = 1_000;
/// The longest a silence may last, in milliseconds.
pub const SILENCE_MS_MAX: i64 = 30 * DAY_MS;
/// Time for which an ended silence can still be read about, in milliseconds.
pub const ENDED_KEPT_MS: i64 = 7 * DAY_MS;

/// One silence.
///
/// It keeps notifications of what it matches from its receivers while it lasts, but for the
/// end of what they were told of: who was woken hears that it is over. Incidents, their
/// deadlines and their escalation go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Its number.
    pub id: u64,
    /// Matchers that an incident must all meet; at least one.
    pub matchers: Vec<Matcher>,
    /// Only these receivers; empty is all of them.
    pub receivers: Vec<String>,
    /// From when.
    pub from: Timestamp,
    /// Until when at the latest.
    pub until: Timestamp,
    /// True when it ends as soon as nothing it matches is open.
    pub until_resolved: bool,
    /// Person who made it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Instant of its end, where it has ended.
    pub ended: Option<Timestamp>,
}

impl Silence {
    /// True when it lasts at an instant.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.ended.is_none() && self.from <= now && now < self.until
    }

    /// True when it keeps a receiver from hearing of an incident.
    pub fn covers(&self, incident: &Incident, receiver: &str, now: Timestamp) -> bool {
        let concerns = self.receivers.is_empty() || self.receivers.iter().any(|it| it == receiver);
        concerns && self.is_active(now) && all_match(&self.matchers, &incident.subject())
    }
}
