//! A sliding window over one key: `(t − W, t]`, event by event or in steps.

use std::collections::VecDeque;

use model::message::MessagePart;
use rules_dsl::rule::{Alert, Measure};

use crate::aggregate::{Aggregate, Counter, Measured};
use crate::ranked::Ranked;

/// The window of one trigger for one key.
///
/// In steps, an entry counts from the first boundary at or after its time, and the window
/// moves from boundary to boundary; that is the same window over times rounded up.
#[derive(Debug)]
pub struct Window {
    length_ms: i64,
    step_ms: i64,
    aggregate: Aggregate,
    /// Entries of steps that have not closed: (boundary, input, value).
    ahead: VecDeque<(i64, u8, i128)>,
}

impl Window {
    /// An empty window for an alert's trigger.
    pub(crate) fn new(alert: &Alert) -> Window {
        let trigger = &alert.trigger;
        let is_counted =
            trigger.min_events > 1 || alert.message.parts.contains(&MessagePart::Count);
        Window {
            length_ms: trigger.window_ms,
            step_ms: trigger.step_ms,
            aggregate: empty_aggregate(&trigger.measure, is_counted),
            ahead: VecDeque::new(),
        }
    }

    /// Adds an entry that is not older than any before it.
    pub(crate) fn insert(&mut self, input: u8, time: i64, value: i128) {
        if self.step_ms == 0 {
            self.aggregate.insert(input, time, value);
        } else {
            let boundary = time.saturating_add(self.step_ms - 1).div_euclid(self.step_ms);
            self.ahead.push_back((boundary.saturating_mul(self.step_ms), input, value));
        }
    }

    /// Moves the window's end to `now`.
    pub(crate) fn advance(&mut self, now: i64) {
        while let Some((boundary, input, value)) = self.ahead.front().copied() {
            if boundary > now {
                break;
            }
            self.ahead.pop_front();
            self.aggregate.insert(input, boundary, value);
        }
        self.aggregate.evict(now.saturating_sub(self.length_ms));
    }

    /// The measure, `None` where unknown or below `min_events`.
    pub(crate) fn measured(&self, min_events: u64) -> Option<Measured> {
        if self.aggregate.events() < min_events { None } else { self.aggregate.measured() }
    }

    /// Events inside, as [`Aggregate::events`] counts them.
    pub(crate) fn events(&self) -> u64 {
        self.aggregate.events()
    }

    /// Whether no entry is inside; one of a step that has not closed is not inside yet.
    pub(crate) fn is_silent(&self) -> bool {
        self.aggregate.is_empty()
    }

    /// Whether no entry is inside or ahead.
    pub(crate) fn is_empty(&self) -> bool {
        self.ahead.is_empty() && self.is_silent()
    }

    /// When the value next changes by itself: an entry leaves, or a step closes.
    pub(crate) fn next_change(&self) -> Option<i64> {
        let leaves = self.aggregate.oldest().map(|oldest| oldest.saturating_add(self.length_ms));
        let closes = self.ahead.front().map(|(boundary, ..)| *boundary);
        match (leaves, closes) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (some, None) | (None, some) => some,
        }
    }

    /// When the last entry now inside has left.
    pub(crate) fn next_empty(&self) -> Option<i64> {
        self.aggregate.newest().map(|newest| newest.saturating_add(self.length_ms))
    }
}

fn empty_aggregate(measure: &Measure, is_counted: bool) -> Aggregate {
    let entries = VecDeque::new;
    match measure {
        Measure::Count(_) => Aggregate::Count(Counter::default()),
        Measure::Sum(_) => Aggregate::Sum { entries: entries(), sum: 0, mean: false },
        Measure::Avg(_) => Aggregate::Sum { entries: entries(), sum: 0, mean: true },
        Measure::Min(_) | Measure::Max(_) => Aggregate::Extreme {
            candidates: entries(),
            events: Counter::default(),
            largest: matches!(measure, Measure::Max(_)),
        },
        Measure::Last(_) => {
            Aggregate::Last { newest: None, events: is_counted.then(Counter::default) }
        }
        Measure::Distinct(_) => {
            Aggregate::Distinct { entries: entries(), inside: hashbrown::HashMap::new() }
        }
        Measure::Quantile { permille, .. } => Aggregate::Quantile {
            entries: entries(),
            ranked: Ranked::default(),
            permille: *permille,
        },
        Measure::Ratio(..) => {
            Aggregate::Ratio { part: Counter::default(), whole: Counter::default() }
        }
    }
}
