//! Condition of one key: the truth of each comparison and of their combination.

use model::decimal::Decimal;
use rules_dsl::rule::{BoolOp, Compare, ComparisonOp, Condition, MeasureFormula, Window as Plan};
use smallvec::SmallVec;

use crate::formula;
use crate::measure_value::MeasureValue;
use crate::snapshot::packed;
use crate::window::{WindowPlan, WindowState};

/// The windows of a condition for one key, and the truth of its comparisons.
#[derive(Debug, Default)]
pub struct ConditionState {
    windows: SmallVec<[WindowState; 1]>,
    held: SmallVec<[ComparisonState; 1]>,
}

/// Truth of a comparison, kept while its value is unknown.
#[derive(Clone, Copy, Debug, Default)]
pub struct ComparisonState {
    /// Current truth, known or held.
    pub(crate) truth: bool,
    /// Instant since which its value is unknown.
    pub(crate) unknown_since: Option<i64>,
    /// True when its value was ever known.
    was_known: bool,
}

/// Truth at an instant of a comparison whose value is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownValue {
    /// Its value is known.
    None,
    /// The last known truth is held.
    Held,
    /// A truth that was held lapses: false from now on.
    Lapsed,
    /// Nothing is held any more.
    Over,
}

/// Inputs of an evaluation of one key's comparisons at an instant.
#[derive(Clone, Copy, Debug)]
pub struct EvaluationContext<'a> {
    /// Comparisons of the condition.
    pub condition: &'a Condition,
    /// Plans of its windows.
    pub windows: &'a [WindowPlan],
    /// Level of the first comparison, for this key and the current state of its episode.
    pub level: Decimal,
    /// Time for which an unknown value keeps its truth, in milliseconds.
    pub hold_ms: i64,
    /// Instant of the streams' first event, if the rule has no key: without one, some comparisons
    /// are unknown until their window is whole.
    pub first: Option<FirstEvents>,
    /// True when a key without events is not evaluated: comparisons of values that are 0 without
    /// events are false, and comparisons of unknown values hold their truth.
    pub forgets_silence: bool,
}

/// Instant of the first event of all streams of a rule; `None` before all of them had one.
pub type FirstEvents = Option<i64>;

/// Result of evaluating a condition at an instant.
#[derive(Clone, Debug)]
pub struct ConditionTruth {
    /// True when it holds.
    pub truth: bool,
    /// True when data is missing: a comparison that was held true lapses at this instant, or no
    /// comparison is known or held any more.
    pub ran_out: bool,
    /// The value of the first comparison; `None` is unknown.
    pub value: Option<MeasureValue>,
}

impl ConditionState {
    /// Empty windows, and comparisons of which nothing is known.
    pub(crate) fn new(condition: &Condition, windows: &[WindowPlan]) -> ConditionState {
        ConditionState {
            windows: windows.iter().map(WindowState::new).collect(),
            held: condition.compares.iter().map(|_| ComparisonState::default()).collect(),
        }
    }

    /// Adds an entry to one of its windows.
    #[inline]
    pub(crate) fn insert(
        &mut self,
        window: u8,
        input: u8,
        time: i64,
        value: i128,
        plans: &[WindowPlan],
    ) {
        let at = usize::from(window);
        if let (Some(window), Some(plan)) = (self.windows.get_mut(at), plans.get(at)) {
            window.insert(input, time, value, plan);
        }
    }

    /// Moves the end of all windows to `now`.
    #[inline]
    pub(crate) fn advance(&mut self, now: i64, plans: &[WindowPlan]) {
        self.windows.iter_mut().zip(plans).for_each(|(window, plan)| window.advance(now, plan));
    }

    /// Value and current truth of a condition that is one comparison of one window, at the window's
    /// end. `None` when the value is unknown, or was until now.
    #[inline]
    pub(crate) fn glance(&self, plan: &WindowPlan) -> Option<(MeasureValue, bool)> {
        let held = self.held.first().filter(|held| held.unknown_since.is_none())?;
        Some((self.windows.first()?.measured(plan)?, held.truth))
    }

    /// Records that the value of the one comparison is known and its truth unchanged.
    pub(crate) fn confirm(&mut self) {
        self.held.iter_mut().for_each(|held| held.was_known = true);
    }

    /// Value of the first comparison at `now`, to which the windows have advanced; `None` is
    /// unknown.
    pub(crate) fn value(
        &self,
        now: i64,
        condition: &Condition,
        plans: &[WindowPlan],
        first: Option<FirstEvents>,
    ) -> Option<MeasureValue> {
        let compare = condition.compares.first()?;
        let is_whole = first.is_none_or(|first| is_whole(condition, compare, first, now));
        let measured = |at: usize| self.windows.get(at)?.measured(plans.get(at)?);
        is_whole.then(|| formula::value(&compare.value, &measured)).flatten()
    }

    /// Evaluates the comparisons at `now`, to which the windows have advanced.
    pub(crate) fn evaluate(
        &mut self,
        now: i64,
        evaluating: &EvaluationContext<'_>,
    ) -> ConditionTruth {
        let EvaluationContext { condition, windows, level, hold_ms, first, forgets_silence } =
            *evaluating;
        let is_forgotten = forgets_silence && self.is_silent();
        let measured = |at: usize| self.windows.get(at)?.measured(windows.get(at)?);
        let (mut has_lapsed, mut is_over, mut shown) = (false, true, None);
        for (at, (compare, held)) in condition.compares.iter().zip(&mut self.held).enumerate() {
            let is_whole = first.is_none_or(|first| is_whole(condition, compare, first, now));
            let value = is_whole.then(|| formula::value(&compare.value, &measured)).flatten();
            let level = if at == 0 { level } else { compare.level };
            let holds = match &value {
                _ if is_forgotten && counts_nothing_as_zero(condition, compare) => Some(false),
                Some(value) => Some(compare.comparison.holds(value.compare(level))),
                None => None,
            };
            let lack = held.learn(now, holds, hold_ms);
            has_lapsed |= lack == UnknownValue::Lapsed;
            is_over &= matches!(lack, UnknownValue::Lapsed | UnknownValue::Over);
            if at == 0 {
                shown = value;
            }
        }
        let truth = holds(&condition.joint, &self.held);
        ConditionTruth { truth, ran_out: has_lapsed || is_over, value: shown }
    }

    /// Events in the first window.
    pub(crate) fn events(&self) -> u64 {
        self.windows.first().map_or(0, WindowState::events)
    }

    /// True when no window has an entry inside.
    pub(crate) fn is_silent(&self) -> bool {
        self.windows.iter().all(WindowState::is_silent)
    }

    /// True when no window has an entry inside or ahead.
    pub(crate) fn is_empty(&self) -> bool {
        self.windows.iter().all(WindowState::is_empty)
    }

    /// True when a comparison is true, or held true.
    #[inline]
    pub(crate) fn is_any_true(&self) -> bool {
        self.held.iter().any(|held| held.truth)
    }

    /// True when a comparison is held true while its value is unknown.
    pub(crate) fn is_any_held(&self) -> bool {
        self.held.iter().any(|held| held.truth && held.unknown_since.is_some())
    }

    /// Instant at which a value next changes without a new event.
    pub(crate) fn next_change(&self, plans: &[WindowPlan]) -> Option<i64> {
        let windows = self.windows.iter().zip(plans);
        windows.filter_map(|(window, plan)| window.next_change(plan)).min()
    }

    /// Instant at which the value of one window, which only falls without new events, may stop
    /// meeting a level that it meets.
    pub(crate) fn next_fall(
        &self,
        comparison: ComparisonOp,
        level: Decimal,
        plan: &WindowPlan,
    ) -> Option<i64> {
        self.windows.first().and_then(|window| window.next_fall(comparison, level, plan))
    }

    /// Instant at which the last entry now inside has left.
    pub(crate) fn next_empty(&self, plans: &[WindowPlan]) -> Option<i64> {
        let windows = self.windows.iter().zip(plans);
        windows.filter_map(|(window, plan)| window.next_empty(plan)).max()
    }

    /// Earliest instant at which an unknown value has been held for as long as `hold` allows.
    pub(crate) fn held_until(&self, hold_ms: i64, now: i64) -> Option<i64> {
        let unknown = self.held.iter().filter_map(|held| held.unknown_since);
        unknown.map(|since| since.saturating_add(hold_ms)).filter(|due| *due > now).min()
    }
}

impl ComparisonState {
    /// Updates the comparison at `now`; `holds` is `None` where its value is unknown.
    pub(crate) fn learn(&mut self, now: i64, holds: Option<bool>, hold_ms: i64) -> UnknownValue {
        if let Some(truth) = holds {
            *self = ComparisonState { truth, unknown_since: None, was_known: true };
            return UnknownValue::None;
        }
        let unknown_for = now - *self.unknown_since.get_or_insert(now);
        if self.was_known && unknown_for < hold_ms {
            return UnknownValue::Held;
        }
        if std::mem::take(&mut self.truth) { UnknownValue::Lapsed } else { UnknownValue::Over }
    }
}

fn holds(joint: &BoolOp, held: &[ComparisonState]) -> bool {
    match joint {
        BoolOp::Compare(at) => held.get(*at).is_some_and(|held| held.truth),
        BoolOp::And(parts) => parts.iter().all(|part| holds(part, held)),
        BoolOp::Or(parts) => parts.iter().any(|part| holds(part, held)),
    }
}

/// True when the streams' first event is old enough for a comparison without a key.
fn is_whole(condition: &Condition, compare: &Compare, first: FirstEvents, now: i64) -> bool {
    let Some(window_ms) = waits_for_ms(condition, compare) else {
        return true;
    };
    first.is_some_and(|first| now >= first.saturating_add(window_ms))
}

/// Time after its streams' first event from which a comparison without a key is known. It applies
/// to `vs`, and to the low side of values that are 0 without events. `None` is at once.
pub(crate) fn waits_for_ms(condition: &Condition, compare: &Compare) -> Option<i64> {
    let windows = || windows_of(&compare.value, condition);
    let is_compared_with_then = windows().any(|window| window.ago_ms > 0);
    let counts = counts_nothing_as_zero(condition, compare);
    let is_low = compare.comparison.is_low() || compare.comparison.symbol() == "==";
    let longest = windows().map(|window| window.window_ms).max();
    longest.filter(|_| is_compared_with_then || (is_low && counts))
}

/// True when every measure that a comparison reads is 0 without events.
fn counts_nothing_as_zero(condition: &Condition, compare: &Compare) -> bool {
    windows_of(&compare.value, condition).all(|window| window.measure.counts_nothing_as_zero())
}

/// The windows a formula reads.
fn windows_of<'a>(
    formula: &'a MeasureFormula,
    condition: &'a Condition,
) -> Box<dyn Iterator<Item = &'a Plan> + 'a> {
    match formula {
        MeasureFormula::Window(at) => Box::new(condition.windows.get(*at).into_iter()),
        MeasureFormula::Number(..) => Box::new(std::iter::empty()),
        MeasureFormula::Arithmetic(left, _, right) => {
            Box::new(windows_of(left, condition).chain(windows_of(right, condition)))
        }
    }
}

packed!(ConditionState { windows, held });
packed!(ComparisonState { truth, unknown_since, was_known });

#[cfg(test)]
mod tests;
