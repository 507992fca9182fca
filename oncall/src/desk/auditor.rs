//! The auditor: does the record explain itself?
//!
//! Nothing here decides who is told. It looks at what the rest of the desk left behind, from
//! outside, so that a page that will never go out is noticed by something else than its absence.

use std::collections::BTreeSet;
use std::fmt;

use model::time::{MINUTE_MS, Timestamp};
use model::transition::EpisodeId;

use super::Desk;
use crate::case::{Case, Told};

/// How long after it was due something may still be undone, in milliseconds.
pub const OVERDUE_MS: i64 = MINUTE_MS;

/// Something about an incident that should not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which incident.
    pub incident: EpisodeId,
    /// What is wrong.
    pub fault: Fault,
}

/// What may be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A deadline, a step or a reminder was due then, and nothing came of it.
    Overdue(Timestamp),
    /// It is open, and nothing will look at it again although something is due.
    Forgotten,
    /// The record says that a receiver is being told, and nothing is on its way to it.
    Unsent(String),
}

/// See [`Desk::findings`].
pub(super) fn findings(desk: &Desk, now: Timestamp) -> Vec<Finding> {
    let pending: BTreeSet<(usize, EpisodeId)> =
        desk.outbox.rows().map(|row| (row.receiver, row.notification.incident)).collect();
    let faults = desk.cases.values().flat_map(|case| {
        let unsent = unsent(desk, case, &pending);
        let untold = untimely(desk, case, now).into_iter().chain(unsent);
        untold.map(|fault| Finding { incident: case.id, fault })
    });
    faults.collect()
}

fn untimely(desk: &Desk, case: &Case, now: Timestamp) -> Option<Fault> {
    let due = case.next_due()?;
    if !desk.dues.contains(&(due, case.id)) {
        return Some(Fault::Forgotten);
    }
    (now.0.saturating_sub(due.0) > OVERDUE_MS).then_some(Fault::Overdue(due))
}

fn unsent(desk: &Desk, case: &Case, pending: &BTreeSet<(usize, EpisodeId)>) -> Vec<Fault> {
    let sent = case.receivers.iter().filter(|(_, told)| **told == Told::Sent);
    let lost = sent.filter(|(name, _)| {
        // Who is configured no more is told nothing more.
        let number = desk.settings.routing.number(name);
        number.is_some_and(|number| !pending.contains(&(number, case.id)))
    });
    lost.map(|(name, _)| Fault::Unsent(name.clone())).collect()
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "incident {}: ", self.incident)?;
        match &self.fault {
            Fault::Overdue(due) => write!(f, "an action was due at {due} and did not run"),
            Fault::Forgotten => f.write_str("an action is due but not scheduled"),
            Fault::Unsent(receiver) => {
                write!(f, "no delivery to {receiver} is pending, though its state is sent")
            }
        }
    }
}
