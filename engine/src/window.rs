//! A sliding window over one key: `(t − W, t]`, event by event or in steps.

use std::collections::VecDeque;

use num_bigint::BigInt;
use rules_dsl::rule::{self, Measure};

use crate::aggregate::{Aggregate, Counter, Growth};
use crate::measured::Measured;
use crate::ranked::Ranked;

/// A window of a trigger for one key.
///
/// An entry comes in when the window's end reaches it: at its time, `ago` later for the
/// earlier window of `vs`, and in steps at the first boundary from then on. The window moves
/// from boundary to boundary; that is the same window over times delayed and rounded up.
#[derive(Debug)]
pub struct Window {
    length_ms: i64,
    step_ms: i64,
    ago_ms: i64,
    min_events: u64,
    aggregate: Aggregate,
    /// Entries the window has not reached.
    ahead: VecDeque<Ahead>,
}

/// An entry the window's end reaches at an instant.
#[derive(Debug)]
struct Ahead {
    at: i64,
    input: u8,
    value: i128,
    times: u32,
}

impl Window {
    /// An empty window; with `is_counted` its events are counted though its measure does not
    /// need that.
    pub(crate) fn new(window: &rule::Window, is_counted: bool) -> Window {
        Window {
            length_ms: window.window_ms,
            step_ms: window.step_ms,
            ago_ms: window.ago_ms,
            min_events: window.min_events,
            aggregate: empty_aggregate(window, is_counted || window.min_events > 1),
            ahead: VecDeque::new(),
        }
    }

    /// Adds an entry that is not older than any before it.
    pub(crate) fn insert(&mut self, input: u8, time: i64, value: i128) {
        if self.step_ms == 0 && self.ago_ms == 0 {
            self.aggregate.insert(input, time, value, 1);
            return;
        }
        let reached = time.saturating_add(self.ago_ms);
        let step = self.step_ms.max(1);
        let at = reached.saturating_add(step - 1).div_euclid(step).saturating_mul(step);
        match self.ahead.back_mut() {
            Some(last)
                if self.aggregate.only_counts()
                    && (last.at, last.input) == (at, input)
                    && last.times < u32::MAX =>
            {
                last.times += 1;
            }
            _ => self.ahead.push_back(Ahead { at, input, value, times: 1 }),
        }
    }

    /// Moves the window's end to `now`.
    pub(crate) fn advance(&mut self, now: i64) {
        while let Some(Ahead { at, input, value, times }) =
            self.ahead.pop_front_if(|entry| entry.at <= now)
        {
            self.aggregate.insert(input, at, value, times);
        }
        self.aggregate.evict(now.saturating_sub(self.length_ms));
    }

    /// The measure, `None` where unknown or of too few events.
    pub(crate) fn measured(&self) -> Option<Measured> {
        if self.aggregate.events() < self.min_events { None } else { self.aggregate.measured() }
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
        let closes = self.ahead.front().map(|entry| entry.at);
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

fn empty_aggregate(window: &rule::Window, is_counted: bool) -> Aggregate {
    let entries = VecDeque::new;
    let growth = |kind| Aggregate::Growth { entries: entries(), grown: 0, kind };
    match &window.measure {
        Measure::Count(_) => Aggregate::Count(Counter::default()),
        Measure::Sum(_) => Aggregate::Sum { entries: entries(), sum: 0, mean: false },
        Measure::Avg(_) => Aggregate::Sum { entries: entries(), sum: 0, mean: true },
        Measure::Min(_) | Measure::Max(_) => Aggregate::Extreme {
            candidates: entries(),
            events: Counter::default(),
            largest: matches!(window.measure, Measure::Max(_)),
        },
        Measure::Last(_) => {
            Aggregate::Last { newest: None, events: is_counted.then(Counter::default) }
        }
        Measure::Stddev(_) => {
            Aggregate::Stddev { entries: entries(), sum: 0, squares: BigInt::default() }
        }
        Measure::Delta(_) => growth(Growth::Delta),
        Measure::Increase(_) => growth(Growth::Increase),
        Measure::Rate(_) => growth(Growth::Rate(window.window_ms)),
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
