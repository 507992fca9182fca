//! Invariant checks on the state of on-call.
//!
//! The checks do not affect notification. They examine the state that the rest of the engine
//! leaves, so that a notification that will never be sent is detected.

use std::collections::BTreeSet;
use std::fmt;

use model::time::{MINUTE_MS, Timestamp};
use model::transition::EpisodeId;

use super::IncidentEngine;
use crate::incident::{DeliveryState, Incident};

/// Maximum delay of an action that is due, in milliseconds.
pub const OVERDUE_MS: i64 = MINUTE_MS;

/// Violated invariant of one incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvariantFinding {
    /// Id of the incident.
    pub incident: EpisodeId,
    /// Invariant that is violated.
    pub fault: InvariantViolation,
}

/// Violation of an invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvariantViolation {
    /// A deadline, an escalation step or a reminder was due at this instant and did not run.
    Overdue(Timestamp),
    /// An action is due, but no timer is scheduled.
    Forgotten,
    /// The delivery state of the named receiver is sent, but no delivery is pending.
    Unsent(String),
}

/// See [`IncidentEngine::findings`].
pub(super) fn findings(engine: &IncidentEngine, now: Timestamp) -> Vec<InvariantFinding> {
    let pending: BTreeSet<(usize, EpisodeId)> =
        engine.outbox.rows().map(|row| (row.receiver, row.notification.incident)).collect();
    let faults = engine.incidents.values().flat_map(|incident| {
        let unsent = unsent(engine, incident, &pending);
        let unnotified = untimely(engine, incident, now).into_iter().chain(unsent);
        unnotified.map(|fault| InvariantFinding { incident: incident.id, fault })
    });
    faults.collect()
}

fn untimely(
    engine: &IncidentEngine,
    incident: &Incident,
    now: Timestamp,
) -> Option<InvariantViolation> {
    let due = incident.next_due()?;
    if !engine.dues.contains(&(due, incident.id)) {
        return Some(InvariantViolation::Forgotten);
    }
    (now.0.saturating_sub(due.0) > OVERDUE_MS).then_some(InvariantViolation::Overdue(due))
}

fn unsent(
    engine: &IncidentEngine,
    incident: &Incident,
    pending: &BTreeSet<(usize, EpisodeId)>,
) -> Vec<InvariantViolation> {
    let sent = incident.receivers.iter().filter(|(_, notified)| **notified == DeliveryState::Sent);
    let lost = sent.filter(|(name, _)| {
        // A removed receiver has no further deliveries.
        let number = engine.settings.routing.number(name);
        number.is_some_and(|number| !pending.contains(&(number, incident.id)))
    });
    lost.map(|(name, _)| InvariantViolation::Unsent(name.clone())).collect()
}

impl fmt::Display for InvariantFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "incident {}: ", self.incident)?;
        match &self.fault {
            InvariantViolation::Overdue(due) => {
                write!(f, "an action was due at {due} and did not run")
            }
            InvariantViolation::Forgotten => f.write_str("an action is due but not scheduled"),
            InvariantViolation::Unsent(receiver) => {
                write!(f, "no delivery to {receiver} is pending, though its state is sent")
            }
        }
    }
}
