//! Panes of a window, from the smallest to the largest.

use num_bigint::BigInt;

use crate::ring::Pane;
use crate::snapshot::packed;

/// Number of events at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CountPane {
    pub(crate) at: i64,
    pub(crate) events: u32,
}

/// The values of an instant added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SumPane {
    pub(crate) at: i64,
    pub(crate) events: u32,
    pub(crate) sum: i128,
}

/// One value: it is kept as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SamplePane {
    pub(crate) at: i64,
    pub(crate) value: i128,
}

/// From the first value of an instant to its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeltaPane {
    pub(crate) at: i64,
    pub(crate) events: u32,
    pub(crate) growth: DeltaKind,
    pub(crate) first: i128,
    pub(crate) last: i128,
    pub(crate) grown: i128,
}

/// The values of an instant and their squares added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VariancePane {
    pub(crate) at: i64,
    pub(crate) events: u32,
    pub(crate) sum: i128,
    pub(crate) squares: BigInt,
}

/// Kind of change: of a gauge or of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeltaKind {
    /// Newest less oldest.
    Delta,
    /// Sum of all rises; a counter that falls was reset to zero.
    Increase,
    /// The increase per second of a window of so many milliseconds.
    Rate(i64),
}

/// A pane that leads from a first value to a last.
pub(crate) trait FirstLastPane: Pane {
    /// Events, the first value, the last, and what lies between them.
    fn led(&self) -> (u32, i128, i128, i128);
}

/// A pane of values that are added up with their squares.
pub(crate) trait SquaresPane: Pane {
    /// Events, their sum and the sum of their squares.
    fn moments(&self) -> (u32, i128, BigInt);
}

impl DeltaKind {
    /// Adds the step between two values in order.
    pub(crate) const fn step(self, from: i128, to: i128) -> i128 {
        match self {
            DeltaKind::Increase | DeltaKind::Rate(_) if to < from => to,
            _ => to - from,
        }
    }
}

impl Pane for CountPane {
    fn at(&self) -> i64 {
        self.at
    }

    fn join(&mut self, later: &CountPane) -> bool {
        let events = self.events.checked_add(later.events);
        events.map(|events| self.events = events).is_some()
    }
}

impl Pane for SumPane {
    fn at(&self) -> i64 {
        self.at
    }

    fn join(&mut self, later: &SumPane) -> bool {
        let Some(events) = self.events.checked_add(later.events) else {
            return false;
        };
        (self.events, self.sum) = (events, self.sum + later.sum);
        true
    }
}

impl Pane for SamplePane {
    fn at(&self) -> i64 {
        self.at
    }

    fn join(&mut self, _: &SamplePane) -> bool {
        false
    }
}

impl Pane for DeltaPane {
    fn at(&self) -> i64 {
        self.at
    }

    fn join(&mut self, later: &DeltaPane) -> bool {
        let Some(events) = self.events.checked_add(later.events) else {
            return false;
        };
        self.grown += self.growth.step(self.last, later.first) + later.grown;
        (self.events, self.last) = (events, later.last);
        true
    }
}

impl Pane for VariancePane {
    fn at(&self) -> i64 {
        self.at
    }

    fn join(&mut self, later: &VariancePane) -> bool {
        let Some(events) = self.events.checked_add(later.events) else {
            return false;
        };
        (self.events, self.sum) = (events, self.sum + later.sum);
        self.squares += &later.squares;
        true
    }
}

impl FirstLastPane for SamplePane {
    fn led(&self) -> (u32, i128, i128, i128) {
        (1, self.value, self.value, 0)
    }
}

impl FirstLastPane for DeltaPane {
    fn led(&self) -> (u32, i128, i128, i128) {
        (self.events, self.first, self.last, self.grown)
    }
}

impl SquaresPane for SamplePane {
    fn moments(&self) -> (u32, i128, BigInt) {
        (1, self.value, BigInt::from(self.value).pow(2))
    }
}

impl SquaresPane for VariancePane {
    fn moments(&self) -> (u32, i128, BigInt) {
        (self.events, self.sum, self.squares.clone())
    }
}

packed!(CountPane { at, events });
packed!(SumPane { at, events, sum });
packed!(SamplePane { at, value });
packed!(DeltaPane { at, events, growth, first, last, grown });
packed!(VariancePane { at, events, sum, squares });
packed!(enum DeltaKind { 0 => Delta, 1 => Increase, 2 => Rate(window_ms) });
