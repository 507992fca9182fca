//! Early notices: whether an unsettled event already makes a rising trigger true.
//!
//! A probe sees events as they come, in any order, and may miss a truth; what it announces
//! is never wrong, since for its triggers more events can only add to the truth.

use std::collections::VecDeque;

use model::decimal::Decimal;
use rules_dsl::rule::{Alert, Measure, Trigger};

use crate::aggregate::Measured;

/// Stamps kept for one key; beyond it the oldest go, and a notice may be missed.
const STAMPS_MAX: usize = 65_536;

/// What one key has shown to one early trigger.
#[derive(Debug, Default)]
pub struct Probe {
    /// Ascending (time, value); of distinct values only the newest stamp of each.
    stamps: VecDeque<(i64, i128)>,
    announced: Option<i64>,
}

/// A truth found ahead of settling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The instant at which the condition is true.
    pub at: i64,
    /// The measure over what was seen.
    pub measured: Measured,
    /// Events seen inside the window.
    pub events: u64,
}

/// Whether an alert is announced early at all.
pub(crate) fn announces_early(alert: &Alert) -> bool {
    alert.for_ms == 0 && alert.trigger.only_rises()
}

impl Probe {
    /// Takes in an event and finds the first instant at or after it where the trigger holds.
    ///
    /// Says nothing below `settled`, nor while an earlier notice waits to be settled or the
    /// episode is open.
    pub(crate) fn observe(
        &mut self,
        trigger: &Trigger,
        (time, value): (i64, i128),
        settled: i64,
        is_open: impl FnOnce() -> bool,
    ) -> Option<Found> {
        while self.stamps.front().is_some_and(|s| s.0 <= settled.saturating_sub(trigger.window_ms))
        {
            self.stamps.pop_front();
        }
        let found = match trigger.measure {
            Measure::Max(_) | Measure::Min(_) => {
                let measured = Measured { numerator: value, denominator: 1 };
                Some(Found { at: time, measured, events: 1 })
            }
            Measure::Distinct(_) => {
                self.stamp_distinct(time, value);
                self.count_at(time, trigger)
            }
            _ => {
                let from = self.stamp(time, value);
                let later = self.stamps.iter().skip(from).map(|stamp| stamp.0);
                let near = later.take_while(|at| at - time < trigger.window_ms);
                near.filter_map(|at| self.count_at(at, trigger))
                    .find(|found| trigger.comparison.holds(found.measured.compare(trigger.level)))
            }
        };
        let found = found.filter(|found| {
            let waiting = self.announced.is_some_and(|at| at > settled);
            let holds = trigger.comparison.holds(found.measured.compare(trigger.level));
            holds && found.at > settled && !waiting && !is_open()
        })?;
        self.announced = Some(found.at);
        Some(found)
    }

    /// Whether nothing in it matters any more once `settled` is reached.
    pub(crate) fn is_idle(&self, settled: i64, window_ms: i64) -> bool {
        let newest = self.stamps.back().map(|stamp| stamp.0).max(self.announced);
        newest.is_none_or(|newest| newest <= settled.saturating_sub(window_ms))
    }

    /// Adds a stamp in order and returns its place.
    fn stamp(&mut self, time: i64, value: i128) -> usize {
        if self.stamps.len() >= STAMPS_MAX {
            self.stamps.pop_front();
        }
        let place = self.stamps.partition_point(|stamp| stamp.0 <= time);
        self.stamps.insert(place, (time, value));
        place
    }

    fn stamp_distinct(&mut self, time: i64, value: i128) {
        match self.stamps.iter().position(|stamp| stamp.1 == value) {
            Some(known) if self.stamps.get(known).is_some_and(|stamp| stamp.0 >= time) => {}
            Some(known) => {
                self.stamps.remove(known);
                self.stamp(time, value);
            }
            None => {
                self.stamp(time, value);
            }
        }
    }

    fn count_at(&self, at: i64, trigger: &Trigger) -> Option<Found> {
        let until = self.stamps.partition_point(|stamp| stamp.0 <= at);
        let out = at.saturating_sub(trigger.window_ms);
        let from = self.stamps.partition_point(|stamp| stamp.0 <= out);
        let events = until.saturating_sub(from) as u64;
        let numerator = i128::from(events) * Decimal::ONE.units();
        Some(Found { at, measured: Measured { numerator, denominator: 1 }, events })
    }
}
