//! What a trigger remembers of a key beside windows.

use model::observation::Origin;
use rules_dsl::rule::{Roster, Trigger};

use crate::absence::Absence;
use crate::novelty::Novelty;
use crate::reorder::Waiting;
use crate::sequence::{Obligations, Sequence};
use crate::snapshot::packed;

/// What a trigger remembers beside windows.
#[derive(Debug)]
pub(super) enum Evidence {
    /// Nothing: its windows say it all.
    Windows,
    /// The instant of the newest event.
    Any(Option<i64>),
    Sequence(Box<Sequence>),
    ThenNot(Box<Obligations>),
    Absent(Absence),
    New(Box<Novelty>),
}

impl Evidence {
    pub(super) fn new(trigger: &Trigger) -> Evidence {
        match trigger {
            Trigger::Condition(_) => Evidence::Windows,
            Trigger::Any { .. } => Evidence::Any(None),
            Trigger::Sequence { steps, first_count, within_ms } => {
                let sequence = Sequence::new(steps.len(), *first_count, *within_ms);
                Evidence::Sequence(Box::new(sequence))
            }
            Trigger::ThenNot { within_ms, .. } => {
                Evidence::ThenNot(Box::new(Obligations::new(*within_ms)))
            }
            // Nothing is absent before it is expected.
            Trigger::Absent { .. } => Evidence::since(i64::MIN, trigger),
            Trigger::New { within_ms, values_max, .. } => {
                Evidence::New(Box::new(Novelty::new(*within_ms, *values_max)))
            }
        }
    }

    /// Of a trigger that watches for absence: it is expected from an instant on.
    pub(super) fn since(from: i64, trigger: &Trigger) -> Evidence {
        match trigger {
            Trigger::Absent { within_ms, roster, .. } => {
                let seen_ms = if let Roster::Seen(seen) = roster { Some(*seen) } else { None };
                Evidence::Absent(Absence::new(from, *within_ms, seen_ms))
            }
            other => Evidence::new(other),
        }
    }

    /// Knows of a sighting of an earlier run, not before any that it knows.
    pub(super) fn recall(&mut self, value: i128, at: i64) {
        match self {
            Evidence::Absent(absence) => absence.take_in(at),
            Evidence::New(novelty) => novelty.recall(value, at),
            Evidence::Windows | Evidence::Any(_) | Evidence::Sequence(_) | Evidence::ThenNot(_) => {
            }
        }
    }

    /// What was seen after an instant: values, and the last instant of each.
    pub(super) fn seen_since(&self, after: i64) -> Vec<(i128, i64)> {
        match self {
            Evidence::Absent(absence) => {
                [(0, absence.last())].into_iter().filter(|(_, at)| *at > after).collect()
            }
            Evidence::New(novelty) => novelty.seen_since(after).collect(),
            Evidence::Windows | Evidence::Any(_) | Evidence::Sequence(_) | Evidence::ThenNot(_) => {
                Vec::new()
            }
        }
    }

    /// Takes an event in; false when there is no room for it.
    pub(super) fn take_in(&mut self, step: u8, now: i64, waiting: &Waiting) -> bool {
        let origin: Origin = waiting.order.1;
        match self {
            Evidence::Windows => {}
            Evidence::Any(newest) => *newest = Some(now),
            Evidence::Sequence(sequence) => sequence.take_in(step, now, origin),
            Evidence::ThenNot(obligations) => obligations.take_in(step, now, origin),
            Evidence::Absent(absence) => absence.take_in(now),
            Evidence::New(novelty) => return novelty.take_in(waiting.value, now),
        }
        true
    }

    /// When it begins or ends to be true, or can be let go of, by itself.
    pub(super) fn next_dues(&self) -> [Option<i64>; 2] {
        match self {
            Evidence::Windows | Evidence::Any(_) => [None, None],
            Evidence::Sequence(sequence) => [sequence.over_at(), None],
            Evidence::ThenNot(obligations) => [obligations.next_due(), None],
            Evidence::Absent(absence) => [Some(absence.begins_at()), absence.forgotten_at()],
            Evidence::New(novelty) => [novelty.next_due(), None],
        }
    }

    /// Whether it remembers nothing that matters at `now`.
    pub(super) fn is_over(&self, now: i64) -> bool {
        match self {
            Evidence::Windows | Evidence::Any(_) => true,
            Evidence::Sequence(sequence) => sequence.is_over(now),
            Evidence::ThenNot(obligations) => obligations.next_due().is_none(),
            Evidence::Absent(absence) => absence.is_forgotten(now),
            Evidence::New(novelty) => novelty.is_empty(),
        }
    }
}

packed!(enum Evidence {
    0 => Windows, 1 => Any(newest), 2 => Sequence(of), 3 => ThenNot(of), 4 => Absent(of),
    5 => New(of),
});
