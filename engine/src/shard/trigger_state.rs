//! State of a trigger for a key, beside its windows.

use model::observation::EventOrigin;
use rules_dsl::rule::{AbsenceRoster, Trigger};

use crate::absence::AbsenceState;
use crate::new_values::NewValueState;
use crate::reorder::BufferedObservation;
use crate::sequence::{PendingFollowUps, SequenceState};
use crate::snapshot::packed;

/// State of a trigger beside its windows.
#[derive(Debug)]
pub(super) enum TriggerState {
    /// None: the trigger is a condition on windows.
    Windows,
    /// The instant of the newest event.
    Any(Option<i64>),
    Sequence(Box<SequenceState>),
    ThenNot(Box<PendingFollowUps>),
    Absent(AbsenceState),
    New(Box<NewValueState>),
}

impl TriggerState {
    pub(super) fn new(trigger: &Trigger) -> TriggerState {
        match trigger {
            Trigger::Condition(_) => TriggerState::Windows,
            Trigger::Any { .. } => TriggerState::Any(None),
            Trigger::Sequence { steps, first_count, within_ms } => {
                let sequence = SequenceState::new(steps.len(), *first_count, *within_ms);
                TriggerState::Sequence(Box::new(sequence))
            }
            Trigger::ThenNot { within_ms, .. } => {
                TriggerState::ThenNot(Box::new(PendingFollowUps::new(*within_ms)))
            }
            // Nothing is absent before it is expected.
            Trigger::Absent { .. } => TriggerState::since(i64::MIN, trigger),
            Trigger::New { within_ms, values_max, .. } => {
                TriggerState::New(Box::new(NewValueState::new(*within_ms, *values_max)))
            }
        }
    }

    /// Creates the state of an absence trigger whose key is expected from an instant on.
    pub(super) fn since(from: i64, trigger: &Trigger) -> TriggerState {
        match trigger {
            Trigger::Absent { within_ms, roster, .. } => {
                let seen_ms =
                    if let AbsenceRoster::Seen(seen) = roster { Some(*seen) } else { None };
                TriggerState::Absent(AbsenceState::new(from, *within_ms, seen_ms))
            }
            other => TriggerState::new(other),
        }
    }

    /// Restores a sighting of a previous run, not before any known one.
    pub(super) fn recall(&mut self, value: i128, at: i64) {
        match self {
            TriggerState::Absent(absence) => absence.take_in(at),
            TriggerState::New(novelty) => novelty.recall(value, at),
            TriggerState::Windows
            | TriggerState::Any(_)
            | TriggerState::Sequence(_)
            | TriggerState::ThenNot(_) => {}
        }
    }

    /// Values seen after an instant, with the last instant of each.
    pub(super) fn seen_since(&self, after: i64) -> Vec<(i128, i64)> {
        match self {
            TriggerState::Absent(absence) => {
                [(0, absence.last())].into_iter().filter(|(_, at)| *at > after).collect()
            }
            TriggerState::New(novelty) => novelty.seen_since(after).collect(),
            TriggerState::Windows
            | TriggerState::Any(_)
            | TriggerState::Sequence(_)
            | TriggerState::ThenNot(_) => Vec::new(),
        }
    }

    /// Applies an event; false when there is no room for it.
    pub(super) fn take_in(&mut self, step: u8, now: i64, waiting: &BufferedObservation) -> bool {
        let origin: EventOrigin = waiting.order.1;
        match self {
            TriggerState::Windows => {}
            TriggerState::Any(newest) => *newest = Some(now),
            TriggerState::Sequence(sequence) => sequence.take_in(step, now, origin),
            TriggerState::ThenNot(obligations) => obligations.take_in(step, now, origin),
            TriggerState::Absent(absence) => absence.take_in(now),
            TriggerState::New(novelty) => return novelty.take_in(waiting.value, now),
        }
        true
    }

    /// Instants at which its truth changes without an event, or it can be dropped.
    pub(super) fn next_dues(&self) -> [Option<i64>; 2] {
        match self {
            TriggerState::Windows | TriggerState::Any(_) => [None, None],
            TriggerState::Sequence(sequence) => [sequence.over_at(), None],
            TriggerState::ThenNot(obligations) => [obligations.next_due(), None],
            TriggerState::Absent(absence) => [Some(absence.begins_at()), absence.forgotten_at()],
            TriggerState::New(novelty) => [novelty.next_due(), None],
        }
    }

    /// True when it holds nothing that matters at `now`.
    pub(super) fn is_over(&self, now: i64) -> bool {
        match self {
            TriggerState::Windows | TriggerState::Any(_) => true,
            TriggerState::Sequence(sequence) => sequence.is_over(now),
            TriggerState::ThenNot(obligations) => obligations.next_due().is_none(),
            TriggerState::Absent(absence) => absence.is_forgotten(now),
            TriggerState::New(novelty) => novelty.is_empty(),
        }
    }
}

packed!(enum TriggerState {
    0 => Windows, 1 => Any(newest), 2 => Sequence(of), 3 => ThenNot(of), 4 => Absent(of),
    5 => New(of),
});
