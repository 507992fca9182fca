//! What is kept of entries, from the least to the most.

use num_bigint::BigInt;

use crate::ring::Pane;
use crate::snapshot::packed;

/// How many events an instant has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) at: i64,
    pub(crate) events: u32,
}

/// The values of an instant added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) at: i64,
    pub(crate) events: u32,
    pub(crate) sum: i128,
}

/// One value: it is kept as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) at: i64,
    pub(crate) value: i128,
}

/// From the first value of an instant to its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Course {
    pub(crate) at: i64,
    pub(crate) events: u32,
    pub(crate) growth: Growth,
    pub(crate) first: i128,
    pub(crate) last: i128,
    pub(crate) grown: i128,
}

/// The values of an instant and their squares added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moments {
    pub(crate) at: i64,
    pub(crate) events: u32,
    pub(crate) sum: i128,
    pub(crate) squares: BigInt,
}

/// What becomes of a gauge or a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Growth {
    /// Newest less oldest.
    Delta,
    /// Every rise added up; where a counter falls it began from zero anew.
    Increase,
    /// The increase per second of a window of so many milliseconds.
    Rate(i64),
}

/// A pane that leads from a first value to a last.
pub(crate) trait Leads: Pane {
    /// Events, the first value, the last, and what lies between them.
    fn led(&self) -> (u32, i128, i128, i128);
}

/// A pane of values that are added up with their squares.
pub(crate) trait Spreads: Pane {
    /// Events, their sum and the sum of their squares.
    fn moments(&self) -> (u32, i128, BigInt);
}

impl Growth {
    /// What one value after another adds.
    pub(crate) const fn step(self, from: i128, to: i128) -> i128 {
        match self {
            Growth::Increase | Growth::Rate(_) if to < from => to,
            _ => to - from,
        }
    }
}

impl Pane for Run {
    fn at(&self) -> i64 {
        self.at
    }

    fn join(&mut self, later: &Run) -> bool {
        let events = self.events.checked_add(later.events);
        events.map(|events| self.events = events).is_some()
    }
}

impl Pane for Part {
    fn at(&self) -> i64 {
        self.at
    }

    fn join(&mut self, later: &Part) -> bool {
        let Some(events) = self.events.checked_add(later.events) else {
            return false;
        };
        (self.events, self.sum) = (events, self.sum + later.sum);
        true
    }
}

impl Pane for Sample {
    fn at(&self) -> i64 {
        self.at
    }

    fn join(&mut self, _: &Sample) -> bool {
        false
    }
}

impl Pane for Course {
    fn at(&self) -> i64 {
        self.at
    }

    fn join(&mut self, later: &Course) -> bool {
        let Some(events) = self.events.checked_add(later.events) else {
            return false;
        };
        self.grown += self.growth.step(self.last, later.first) + later.grown;
        (self.events, self.last) = (events, later.last);
        true
    }
}

impl Pane for Moments {
    fn at(&self) -> i64 {
        self.at
    }

    fn join(&mut self, later: &Moments) -> bool {
        let Some(events) = self.events.checked_add(later.events) else {
            return false;
        };
        (self.events, self.sum) = (events, self.sum + later.sum);
        self.squares += &later.squares;
        true
    }
}

impl Leads for Sample {
    fn led(&self) -> (u32, i128, i128, i128) {
        (1, self.value, self.value, 0)
    }
}

impl Leads for Course {
    fn led(&self) -> (u32, i128, i128, i128) {
        (self.events, self.first, self.last, self.grown)
    }
}

impl Spreads for Sample {
    fn moments(&self) -> (u32, i128, BigInt) {
        (1, self.value, BigInt::from(self.value).pow(2))
    }
}

impl Spreads for Moments {
    fn moments(&self) -> (u32, i128, BigInt) {
        (self.events, self.sum, self.squares.clone())
    }
}

packed!(Run { at, events });
packed!(Part { at, events, sum });
packed!(Sample { at, value });
packed!(Course { at, events, growth, first, last, grown });
packed!(Moments { at, events, sum, squares });
packed!(enum Growth { 0 => Delta, 1 => Increase, 2 => Rate(window_ms) });
