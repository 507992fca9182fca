//! Comparisons of measures for one key: what each of them is, and what they are together.

use model::decimal::Decimal;
use rules_dsl::rule::{BoolOp, Compare, Comparison, Condition, Formula, Window as Plan};
use smallvec::SmallVec;

use crate::formula;
use crate::measured::Measured;
use crate::snapshot::packed;
use crate::window::{Window, WindowPlan};

/// The windows of a condition for one key, and the truth of its comparisons.
#[derive(Debug, Default)]
pub struct Measures {
    windows: SmallVec<[Window; 1]>,
    held: SmallVec<[Held; 1]>,
}

/// What a comparison is, or was when its value was last known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Held {
    /// Whether it is taken for true.
    pub(crate) truth: bool,
    /// Since when its value is unknown.
    pub(crate) unknown_since: Option<i64>,
    /// Whether its value was ever known.
    was_known: bool,
}

/// What an instant says of a comparison whose value is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// Its value is known.
    None,
    /// It is held as it was.
    Held,
    /// It was held true until now, and is false from now on.
    Lapsed,
    /// Nothing is held any more.
    Over,
}

/// How one key's comparisons are judged at an instant.
#[derive(Clone, Copy, Debug)]
pub struct Judging<'a> {
    /// What is compared.
    pub condition: &'a Condition,
    /// How its windows are kept.
    pub windows: &'a [WindowPlan],
    /// The level of the first comparison, for this key and as things stand.
    pub level: Decimal,
    /// How long an unknown value keeps its truth, in milliseconds.
    pub hold_ms: i64,
    /// When the streams had their first event, if the rule has no key: without one, some
    /// comparisons are unknown until their window is whole.
    pub first: Option<First>,
    /// Whether a key without events is not judged: a count of it is not 0 but nobody's
    /// business, while what is unknown of no events is held as it was.
    pub forgets_silence: bool,
}

/// When the streams of a rule had their first event; `None` before all of them had one.
pub type First = Option<i64>;

/// What a condition is at an instant.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Whether it holds.
    pub truth: bool,
    /// Whether data is wanting: a comparison held true is so no longer as of this instant, or
    /// nothing at all is known any more.
    pub ran_out: bool,
    /// The value of the first comparison; `None` is unknown.
    pub value: Option<Measured>,
}

impl Measures {
    /// Empty windows, and comparisons of which nothing is known.
    pub(crate) fn new(condition: &Condition, windows: &[WindowPlan]) -> Measures {
        Measures {
            windows: windows.iter().map(Window::new).collect(),
            held: condition.compares.iter().map(|_| Held::default()).collect(),
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

    /// The value of a condition that is one comparison of one window, where the window has been
    /// moved to, and whether it has been taken for true; `None` is unknown, or was until now.
    #[inline]
    pub(crate) fn glance(&self, plan: &WindowPlan) -> Option<(Measured, bool)> {
        let held = self.held.first().filter(|held| held.unknown_since.is_none())?;
        Some((self.windows.first()?.measured(plan)?, held.truth))
    }

    /// Takes the one comparison for what it has been taken for: its value is known.
    pub(crate) fn confirm(&mut self) {
        self.held.iter_mut().for_each(|held| held.was_known = true);
    }

    /// The value of the first comparison at `now`, where the windows have been moved to;
    /// `None` is unknown.
    pub(crate) fn value(
        &self,
        now: i64,
        condition: &Condition,
        plans: &[WindowPlan],
        first: Option<First>,
    ) -> Option<Measured> {
        let compare = condition.compares.first()?;
        let is_whole = first.is_none_or(|first| is_whole(condition, compare, first, now));
        let measured = |at: usize| self.windows.get(at)?.measured(plans.get(at)?);
        is_whole.then(|| formula::value(&compare.value, &measured)).flatten()
    }

    /// Settles what the comparisons are at `now`, where the windows have been moved to.
    pub(crate) fn judge(&mut self, now: i64, judging: &Judging<'_>) -> Judged {
        let Judging { condition, windows, level, hold_ms, first, forgets_silence } = *judging;
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
            has_lapsed |= lack == Lack::Lapsed;
            is_over &= matches!(lack, Lack::Lapsed | Lack::Over);
            if at == 0 {
                shown = value;
            }
        }
        let truth = holds(&condition.joint, &self.held);
        Judged { truth, ran_out: has_lapsed || is_over, value: shown }
    }

    /// Events in the first window.
    pub(crate) fn events(&self) -> u64 {
        self.windows.first().map_or(0, Window::events)
    }

    /// Whether no window has an entry inside.
    pub(crate) fn is_silent(&self) -> bool {
        self.windows.iter().all(Window::is_silent)
    }

    /// Whether no window has an entry inside or ahead.
    pub(crate) fn is_empty(&self) -> bool {
        self.windows.iter().all(Window::is_empty)
    }

    /// Whether a comparison is true, or held true.
    #[inline]
    pub(crate) fn is_any_true(&self) -> bool {
        self.held.iter().any(|held| held.truth)
    }

    /// Whether a comparison is held true while its value is unknown.
    pub(crate) fn is_any_held(&self) -> bool {
        self.held.iter().any(|held| held.truth && held.unknown_since.is_some())
    }

    /// When a value next changes by itself.
    pub(crate) fn next_change(&self, plans: &[WindowPlan]) -> Option<i64> {
        let windows = self.windows.iter().zip(plans);
        windows.filter_map(|(window, plan)| window.next_change(plan)).min()
    }

    /// When the value of one window, which only falls while nothing comes, may no longer meet
    /// a level that it meets.
    pub(crate) fn next_fall(
        &self,
        comparison: Comparison,
        level: Decimal,
        plan: &WindowPlan,
    ) -> Option<i64> {
        self.windows.first().and_then(|window| window.next_fall(comparison, level, plan))
    }

    /// When the last entry now inside has left.
    pub(crate) fn next_empty(&self, plans: &[WindowPlan]) -> Option<i64> {
        let windows = self.windows.iter().zip(plans);
        windows.filter_map(|(window, plan)| window.next_empty(plan)).max()
    }

    /// When an unknown value that holds a truth up has been held for as long as it may.
    pub(crate) fn held_until(&self, hold_ms: i64, now: i64) -> Option<i64> {
        let unknown = self.held.iter().filter_map(|held| held.unknown_since);
        unknown.map(|since| since.saturating_add(hold_ms)).filter(|due| *due > now).min()
    }
}

impl Held {
    /// Settles what the comparison is at `now`.
    pub(crate) fn learn(&mut self, now: i64, holds: Option<bool>, hold_ms: i64) -> Lack {
        if let Some(truth) = holds {
            *self = Held { truth, unknown_since: None, was_known: true };
            return Lack::None;
        }
        let unknown_for = now - *self.unknown_since.get_or_insert(now);
        if self.was_known && unknown_for < hold_ms {
            return Lack::Held;
        }
        if std::mem::take(&mut self.truth) { Lack::Lapsed } else { Lack::Over }
    }
}

fn holds(joint: &BoolOp, held: &[Held]) -> bool {
    match joint {
        BoolOp::Compare(at) => held.get(*at).is_some_and(|held| held.truth),
        BoolOp::And(parts) => parts.iter().all(|part| holds(part, held)),
        BoolOp::Or(parts) => parts.iter().any(|part| holds(part, held)),
    }
}

/// Whether the windows of a comparison without a key reach back to where something was seen.
fn is_whole(condition: &Condition, compare: &Compare, first: First, now: i64) -> bool {
    let Some(window_ms) = waits_for_ms(condition, compare) else {
        return true;
    };
    first.is_some_and(|first| now >= first.saturating_add(window_ms))
}

/// How long after its streams' first event a comparison without a key begins to be known:
/// the low side of what counts nothing as zero, and `vs`. `None` is at once.
pub(crate) fn waits_for_ms(condition: &Condition, compare: &Compare) -> Option<i64> {
    let windows = || windows_of(&compare.value, condition);
    let is_compared_with_then = windows().any(|window| window.ago_ms > 0);
    let counts = counts_nothing_as_zero(condition, compare);
    let is_low = compare.comparison.is_low() || compare.comparison.symbol() == "==";
    let longest = windows().map(|window| window.window_ms).max();
    longest.filter(|_| is_compared_with_then || (is_low && counts))
}

/// Whether all that a comparison reads is 0 of no events.
fn counts_nothing_as_zero(condition: &Condition, compare: &Compare) -> bool {
    windows_of(&compare.value, condition).all(|window| window.measure.counts_nothing_as_zero())
}

/// The windows a formula reads.
fn windows_of<'a>(
    formula: &'a Formula,
    condition: &'a Condition,
) -> Box<dyn Iterator<Item = &'a Plan> + 'a> {
    match formula {
        Formula::Window(at) => Box::new(condition.windows.get(*at).into_iter()),
        Formula::Number(..) => Box::new(std::iter::empty()),
        Formula::Arithmetic(left, _, right) => {
            Box::new(windows_of(left, condition).chain(windows_of(right, condition)))
        }
    }
}

packed!(Measures { windows, held });
packed!(Held { truth, unknown_since, was_known });

#[cfg(test)]
mod tests;
