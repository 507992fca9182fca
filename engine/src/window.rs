//! A sliding window over one key: `(t − W, t]`, event by event or in steps.
//!
//! The program chooses the structure of a window when it is compiled, by the measure and by
//! whether the window moves in steps:
//!
//! | measure | structure | keeps | bytes |
//! |---|---|---|---|
//! | `count`, `ratio` | [`CountPane`] by instant, running total | one for each instant | 16 |
//! | `sum`, `avg` | [`SumPane`] by instant, subtracted on evict | one for each instant | 32 |
//! | `min`, `max` | [`SamplePane`]s in a monotone deque | one for each instant | 32 |
//! | `last` | the newest sample | one for each key | 0 |
//! | `distinct` | [`LastSeenMap`], values chained by last sighting | each value once | 40 |
//! | `delta`, `increase`, `rate` | [`SamplePane`]s, subtracted on evict | every value | 32 |
//! | the same in steps | [`DeltaPane`]s, subtracted on evict | one for each step | 80 |
//! | `stddev` | [`SamplePane`]s, subtracted on evict | every value | 32 |
//! | the same in steps | [`VariancePane`], subtracted on evict | one for each step | 64 |
//! | `pNN` | [`SamplePane`]s and the values in order | every value | 48 |
//!
//! In steps an instant is the end of a step, and a window of 600 steps holds at most 601
//! panes, the one that is still open among them; only `pNN` has to keep every value there.
//! Events are counted beside `min`, `max` and `distinct` where the rule shows or asks how many
//! there are: 16 bytes more for each instant.
//!
//! The structure does not depend on the comparison that reads the window. The newest N events
//! would suffice for `count >= N`, but not for the value and the peak that an alert shows; and a
//! rule whose threshold is edited keeps its windows. The comparison only decides when the next
//! evaluation is due ([`WindowState::next_fall`]): while N or more events are inside, not before
//! the N-th newest leaves.
//!
//! [`CountPane`]: crate::panes::CountPane
//! [`SumPane`]: crate::panes::SumPane
//! [`SamplePane`]: crate::panes::SamplePane
//! [`DeltaPane`]: crate::panes::DeltaPane
//! [`VariancePane`]: crate::panes::VariancePane
//! [`LastSeenMap`]: crate::last_seen_map::LastSeenMap

use model::decimal::Decimal;
use rules_dsl::rule::{self, ComparisonOp, Measure};

use crate::aggregate::{WindowAggregate, WindowStructure, sooner};
use crate::measure_value::MeasureValue;
use crate::panes::{CountPane, DeltaKind};
use crate::snapshot::packed;

/// Plan that all windows of one measure of a rule share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WindowPlan {
    pub(crate) length_ms: i64,
    pub(crate) step_ms: i64,
    pub(crate) ago_ms: i64,
    pub(crate) min_events: u64,
    pub(crate) structure: WindowStructure,
    /// True when events are counted though the measure does not need it.
    pub(crate) is_counted: bool,
}

/// A window of a trigger for one key.
///
/// An entry comes in when the window's end reaches it: at its time, `ago` later for the
/// earlier window of `vs`, and in steps at the first boundary from then on. The window moves
/// from boundary to boundary; that is the same window over times delayed and rounded up.
#[derive(Debug)]
pub(crate) struct WindowState {
    pub(crate) aggregate: WindowAggregate,
}

impl WindowPlan {
    /// Chooses the structure of a window; `shows_count` is true where the rule reads the number of
    /// events.
    pub(crate) fn new(window: &rule::Window, shows_count: bool) -> WindowPlan {
        WindowPlan {
            length_ms: window.window_ms,
            step_ms: window.step_ms,
            ago_ms: window.ago_ms,
            min_events: window.min_events,
            structure: structure(window),
            is_counted: shows_count || window.min_events > 1,
        }
    }

    /// Bytes kept of each entry, or of each step; where values count, of each of them.
    pub(crate) const fn entry_bytes(&self) -> usize {
        let counts = matches!(
            self.structure,
            WindowStructure::Last
                | WindowStructure::Extreme { .. }
                | WindowStructure::Distinct { .. }
        );
        let counted = if counts && self.is_counted { size_of::<CountPane>() } else { 0 };
        self.structure.entry_bytes() + counted
    }

    /// Instant at which the window's end reaches an entry.
    fn reached_at(&self, time: i64) -> i64 {
        if self.step_ms == 0 && self.ago_ms == 0 {
            return time;
        }
        let (reached, step) = (time.saturating_add(self.ago_ms), self.step_ms.max(1));
        reached.saturating_add(step - 1).div_euclid(step).saturating_mul(step)
    }
}

impl WindowState {
    /// An empty window.
    pub(crate) fn new(plan: &WindowPlan) -> WindowState {
        WindowState { aggregate: WindowAggregate::new(plan.structure, plan.is_counted) }
    }

    /// Adds an entry that is not older than any before it.
    #[inline]
    pub(crate) fn insert(&mut self, input: u8, time: i64, value: i128, plan: &WindowPlan) {
        self.aggregate.insert(input, plan.reached_at(time), value);
    }

    /// Moves the window's end to `now`.
    #[inline]
    pub(crate) fn advance(&mut self, now: i64, plan: &WindowPlan) {
        self.aggregate.advance(now, now.saturating_sub(plan.length_ms));
    }

    /// The measure, `None` where unknown or of too few events.
    #[inline]
    pub(crate) fn measured(&self, plan: &WindowPlan) -> Option<MeasureValue> {
        let has_enough = plan.min_events == 0 || self.aggregate.events() >= plan.min_events;
        has_enough.then(|| self.aggregate.measured()).flatten()
    }

    /// Events inside, as [`WindowAggregate::events`] counts them.
    pub(crate) fn events(&self) -> u64 {
        self.aggregate.events()
    }

    /// True when no entry is inside; one of a step that has not closed is not inside yet.
    pub(crate) fn is_silent(&self) -> bool {
        self.aggregate.is_silent()
    }

    /// True when no entry is inside or ahead.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_silent() && self.aggregate.ahead().is_none()
    }

    /// Instant at which the value next changes without a new event: an entry leaves, or a step
    /// closes.
    pub(crate) fn next_change(&self, plan: &WindowPlan) -> Option<i64> {
        let mut oldest = self.aggregate.oldest();
        if plan.min_events > 1 {
            oldest = sooner(oldest, self.aggregate.oldest_counted());
        }
        sooner(plan.leaves_at(oldest), self.aggregate.ahead())
    }

    /// Instant at which a value that only falls without input no longer meets its level, or, at the
    /// latest, when the window is empty.
    pub(crate) fn next_fall(
        &self,
        comparison: ComparisonOp,
        level: Decimal,
        plan: &WindowPlan,
    ) -> Option<i64> {
        plan.leaves_at(self.aggregate.last_needed(comparison, level))
    }

    /// Instant at which the last entry now inside has left.
    #[inline]
    pub(crate) fn next_empty(&self, plan: &WindowPlan) -> Option<i64> {
        plan.leaves_at(self.aggregate.newest())
    }
}

impl WindowPlan {
    fn leaves_at(&self, entered: Option<i64>) -> Option<i64> {
        entered.map(|at| at.saturating_add(self.length_ms))
    }
}

fn structure(window: &rule::Window) -> WindowStructure {
    let in_steps = window.step_ms > 0;
    let grown = |growth| {
        if in_steps {
            WindowStructure::GrownInSteps(growth)
        } else {
            WindowStructure::Grown(growth)
        }
    };
    match &window.measure {
        Measure::Count(_) => WindowStructure::Count,
        Measure::Ratio(..) => WindowStructure::Ratio,
        Measure::Sum(_) => WindowStructure::Sum { is_mean: false },
        Measure::Avg(_) => WindowStructure::Sum { is_mean: true },
        Measure::Min(_) => WindowStructure::Extreme { is_largest: false },
        Measure::Max(_) => WindowStructure::Extreme { is_largest: true },
        Measure::Last(_) => WindowStructure::Last,
        Measure::Distinct(_) => WindowStructure::Distinct { in_steps },
        Measure::Delta(_) => grown(DeltaKind::Delta),
        Measure::Increase(_) => grown(DeltaKind::Increase),
        Measure::Rate(_) => grown(DeltaKind::Rate(window.window_ms)),
        Measure::Stddev(_) if in_steps => WindowStructure::SpreadInSteps,
        Measure::Stddev(_) => WindowStructure::Spread,
        Measure::Quantile { permille, .. } => WindowStructure::Quantile { permille: *permille },
    }
}

packed!(WindowState { aggregate });

#[cfg(test)]
mod tests;
