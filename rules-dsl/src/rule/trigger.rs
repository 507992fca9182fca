//! Triggers of alerts: sequences of events, and conditions over measures.

use model::decimal::Decimal;
use model::message::DisplayUnit;

use super::predicate::{ArithmeticOp, ComparisonOp, ConstantValue, Predicate};

/// Trigger of an alert.
#[derive(Clone, Debug, PartialEq)]
pub enum Trigger {
    /// Measures compared with levels.
    Condition(Condition),
    /// At every matching event, or at those where the condition holds.
    Any {
        /// Which events.
        of: EventSelection,
        /// Condition at their instant.
        and: Option<Condition>,
    },
    /// Steps in order, all inside `(t − within, t]`; it matches at the last.
    Sequence {
        /// At least two.
        steps: Vec<EventSelection>,
        /// Number of events of the first step; at least 1.
        first_count: u32,
        /// In milliseconds.
        within_ms: i64,
    },
    /// No `then` follows a `first` in time; it matches `within` after the first.
    ThenNot {
        /// Events that start waiting for `then`.
        first: EventSelection,
        /// Events that end all waiting started before them.
        then: EventSelection,
        /// In milliseconds.
        within_ms: i64,
    },
    /// No event for `within`.
    Absent {
        /// Events that are expected.
        of: EventSelection,
        /// In milliseconds.
        within_ms: i64,
        /// Keys that are expected.
        roster: AbsenceRoster,
    },
    /// Value that its key has not had for `within`.
    New {
        /// Which events.
        of: EventSelection,
        /// The fields whose values together are looked up; at least one. An event without one
        /// of them is not observed.
        fields: Vec<usize>,
        /// In milliseconds.
        within_ms: i64,
        /// Learning time after the stream's first event, in milliseconds, during which it does not
        /// match.
        learn_ms: i64,
        /// Maximum number of values kept for each key.
        values_max: u32,
    },
}

/// Keys whose absence is detected.
#[derive(Clone, Debug, PartialEq)]
pub enum AbsenceRoster {
    /// The stream as a whole: no key.
    Whole,
    /// Keys that had an event in the last so many milliseconds.
    Seen(i64),
    /// These values of the one key component, seen or not.
    Listed(Vec<ConstantValue>),
}

/// Comparisons of measures, and how they are joined.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// Windows that the comparisons read; each stands once.
    pub windows: Vec<Window>,
    /// The comparisons, in the order written; the first one's value and level are shown.
    pub compares: Vec<Compare>,
    /// Combination of the comparisons.
    pub joint: BoolOp,
}

/// Combination of comparisons.
#[derive(Clone, Debug, PartialEq)]
pub enum BoolOp {
    /// An index of [`Condition::compares`].
    Compare(usize),
    /// All of them.
    And(Vec<BoolOp>),
    /// Any of them.
    Or(Vec<BoolOp>),
}

/// A value compared with a level.
#[derive(Clone, Debug, PartialEq)]
pub struct Compare {
    /// Value that is compared.
    pub value: MeasureFormula,
    /// The comparison.
    pub comparison: ComparisonOp,
    /// Level, in base units; of a ladder the lowest rung's.
    pub level: Decimal,
    /// Unit of the value, for showing it.
    pub unit: DisplayUnit,
}

/// A number made of measures. It is unknown where a part of it is, at a division by zero and
/// beyond what a decimal holds.
#[derive(Clone, Debug, PartialEq)]
pub enum MeasureFormula {
    /// The measure of a window, by its index.
    Window(usize),
    /// Written in the rule, in base units, and what it counts, for showing it.
    Number(Decimal, DisplayUnit),
    /// Two numbers combined.
    Arithmetic(Box<MeasureFormula>, ArithmeticOp, Box<MeasureFormula>),
}

/// A measure and its window: `(t − ago − window, t − ago]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// The measure itself.
    pub measure: Measure,
    /// Its length in milliseconds; for [`Measure::Last`] how long a sample stays known.
    pub window_ms: i64,
    /// The window moves in steps of this many milliseconds; 0 is event by event.
    pub step_ms: i64,
    /// Offset of its end from now, in milliseconds: the earlier window of `vs`. 0 is now.
    pub ago_ms: i64,
    /// Fewer events than this make the measure unknown.
    pub min_events: u64,
}

/// A number over the window of selected events.
#[derive(Clone, Debug, PartialEq)]
pub enum Measure {
    /// Number of events.
    Count(EventSelection),
    /// Sum of a field.
    Sum(EventSelection),
    /// Mean of a field.
    Avg(EventSelection),
    /// Population standard deviation of a field; unknown below two values.
    Stddev(EventSelection),
    /// Smallest value of a field.
    Min(EventSelection),
    /// Largest value of a field.
    Max(EventSelection),
    /// The newest value of a field.
    Last(EventSelection),
    /// The newest value less the oldest; unknown below two values.
    Delta(EventSelection),
    /// Growth of a counter: last − first plus every drop, where the counter restarted from zero.
    /// Unknown below two values.
    Increase(EventSelection),
    /// [`Measure::Increase`] per second of the window's length.
    Rate(EventSelection),
    /// Number of different values of a field.
    Distinct(EventSelection),
    /// Nearest-rank quantile of a field; the rank is ⌈permille · n / 1000⌉.
    Quantile {
        /// The quantile in thousandths: p99.9 is 999.
        permille: u32,
        /// The measure itself.
        of: EventSelection,
    },
    /// Number of events of the first over that of the second.
    Ratio(EventSelection, EventSelection),
}

/// Events of a stream that satisfy a predicate, and what an observation takes from them.
#[derive(Clone, Debug, PartialEq)]
pub struct EventSelection {
    /// Index in [`super::RuleSet::streams`].
    pub stream: usize,
    /// Which events.
    pub predicate: Predicate,
    /// The measured field; `None` for counts. An event without it is not observed.
    pub field: Option<usize>,
    /// The field of each [`super::Alert::by`] component.
    pub key: Vec<usize>,
    /// The fields a message may show.
    pub message_fields: Vec<usize>,
}

impl Measure {
    /// The selections it reads: one, or numerator and denominator.
    pub fn selections(&self) -> impl Iterator<Item = &EventSelection> {
        let (first, second) = match self {
            Measure::Count(of)
            | Measure::Sum(of)
            | Measure::Avg(of)
            | Measure::Stddev(of)
            | Measure::Min(of)
            | Measure::Max(of)
            | Measure::Last(of)
            | Measure::Delta(of)
            | Measure::Increase(of)
            | Measure::Rate(of)
            | Measure::Distinct(of)
            | Measure::Quantile { of, .. } => (of, None),
            Measure::Ratio(part, whole) => (part, Some(whole)),
        };
        std::iter::once(first).chain(second)
    }

    /// True when its value over an empty window is 0 instead of unknown.
    pub const fn counts_nothing_as_zero(&self) -> bool {
        matches!(self, Measure::Count(_) | Measure::Sum(_) | Measure::Distinct(_))
    }
}

impl Window {
    /// Length of the past that decides its value, in milliseconds.
    pub const fn reach_ms(&self) -> i64 {
        self.window_ms.saturating_add(self.step_ms).saturating_add(self.ago_ms)
    }
}

impl Condition {
    /// The window and the comparison of a trigger that consists of exactly these.
    pub fn single(&self) -> Option<(&Window, &Compare)> {
        match (self.windows.as_slice(), self.compares.as_slice()) {
            ([window], [compare]) if compare.value == MeasureFormula::Window(0) => {
                Some((window, compare))
            }
            _ => None,
        }
    }

    /// True when further events can only make it true, so that it may have early alerts.
    pub fn only_rises(&self) -> bool {
        let Some((window, compare)) = self.single() else {
            return false;
        };
        let rising = matches!(compare.comparison, ComparisonOp::AtLeast | ComparisonOp::Above);
        let falling = compare.comparison.is_low();
        window.step_ms == 0
            && window.ago_ms == 0
            && window.min_events == 0
            && match window.measure {
                Measure::Count(_) | Measure::Distinct(_) | Measure::Max(_) => rising,
                Measure::Min(_) => falling,
                _ => false,
            }
    }

    fn reach_ms(&self) -> i64 {
        self.windows.iter().map(Window::reach_ms).max().unwrap_or(0)
    }
}

impl Trigger {
    /// Condition of the trigger: all of it, or the condition of an `any` beside its event.
    pub const fn condition(&self) -> Option<&Condition> {
        match self {
            Trigger::Condition(condition) | Trigger::Any { and: Some(condition), .. } => {
                Some(condition)
            }
            _ => None,
        }
    }

    /// Every selection it reads, in a fixed order: the events of its own, then those of its
    /// windows.
    pub fn selections(&self) -> Vec<&EventSelection> {
        let mut all: Vec<&EventSelection> = match self {
            Trigger::Condition(_) => Vec::new(),
            Trigger::Any { of, .. } | Trigger::Absent { of, .. } | Trigger::New { of, .. } => {
                vec![of]
            }
            Trigger::Sequence { steps, .. } => steps.iter().collect(),
            Trigger::ThenNot { first, then, .. } => vec![first, then],
        };
        let windows = self.condition().into_iter().flat_map(|condition| &condition.windows);
        all.extend(windows.flat_map(|window| window.measure.selections()));
        all
    }

    /// Window that messages show, in milliseconds; 0 where there is none.
    pub fn window_ms(&self) -> i64 {
        match self {
            Trigger::Condition(condition) | Trigger::Any { and: Some(condition), .. } => {
                condition.windows.first().map_or(0, |window| window.window_ms)
            }
            Trigger::Any { and: None, .. } => 0,
            Trigger::Sequence { within_ms, .. }
            | Trigger::ThenNot { within_ms, .. }
            | Trigger::Absent { within_ms, .. }
            | Trigger::New { within_ms, .. } => *within_ms,
        }
    }

    /// True when it is true only at the instants of single events: its episodes have no value.
    pub const fn is_momentary(&self) -> bool {
        matches!(
            self,
            Trigger::Any { .. }
                | Trigger::Sequence { .. }
                | Trigger::ThenNot { .. }
                | Trigger::New { .. }
        )
    }

    /// Length of the past that decides its truth, in milliseconds.
    pub fn reach_ms(&self) -> i64 {
        match self {
            Trigger::Condition(condition) => condition.reach_ms(),
            Trigger::Any { and, .. } => and.as_ref().map_or(0, Condition::reach_ms),
            Trigger::Sequence { within_ms, .. } | Trigger::ThenNot { within_ms, .. } => *within_ms,
            Trigger::Absent { within_ms, roster: AbsenceRoster::Seen(seen_ms), .. } => {
                seen_ms.saturating_add(*within_ms)
            }
            Trigger::Absent { within_ms, .. } => *within_ms,
            Trigger::New { within_ms, learn_ms, .. } => within_ms.saturating_add(*learn_ms),
        }
    }
}
