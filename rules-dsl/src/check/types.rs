//! Checked forms: resolved names, and the parts of an alert that lints and explanations read.

use model::decimal::Decimal;

use crate::ast::{self, Quantity};
use crate::explain::RuleExplanation;
use crate::quantity::UnitKind;
use crate::rule::{
    AbsenceRoster, Alert, BoolOp, ComparisonOp, IpNetwork, MeasureFormula, Predicate,
};
use crate::source::SourceSpan;

/// Events of one stream that satisfy a predicate.
#[derive(Clone, Debug)]
pub(crate) struct SelectedEvents {
    pub(crate) stream: usize,
    pub(crate) predicate: Predicate,
    /// The names it builds on, the stream first, its own last.
    pub(crate) lineage: Vec<String>,
}

/// A list that was read.
#[derive(Clone, Debug)]
pub(super) enum List {
    /// Constants, typed where they are used.
    Literals(Vec<ast::Expression>),
    Networks(Vec<IpNetwork>),
    /// The lines of a file and their numbers.
    Lines {
        file: String,
        lines: Vec<(usize, String)>,
    },
}

/// A table that was read.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// Names of the columns after the first.
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<TableRow>,
}

/// A row of a table.
#[derive(Clone, Debug)]
pub(super) struct TableRow {
    /// In the file, counted from 1.
    pub(super) line: usize,
    /// `None` is `*` and matches every key.
    pub(super) key: Option<String>,
    pub(super) cells: Vec<String>,
}

/// Resolution of a name that may build on other names.
pub(super) enum NameResolution<T> {
    Open,
    Failed,
    Done(T),
}

/// Function of a measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MeasureFunction {
    Count,
    Sum,
    Avg,
    Stddev,
    Min,
    Max,
    Last,
    Delta,
    Increase,
    Rate,
    Distinct,
    /// In thousandths.
    Quantile(u32),
    Ratio,
}

impl MeasureFunction {
    /// True when an event can make the value larger at its own instant, and only an event can.
    pub(crate) const fn rises_with_an_event(self) -> bool {
        matches!(
            self,
            MeasureFunction::Count
                | MeasureFunction::Sum
                | MeasureFunction::Distinct
                | MeasureFunction::Max
        )
    }
}

/// A resolved measure.
#[derive(Clone, Debug)]
pub(crate) struct MeasureShape {
    pub(crate) function: MeasureFunction,
    /// One selection, or numerator and denominator.
    pub(crate) of: Vec<SelectedEvents>,
    /// The measured field.
    pub(crate) field: Option<usize>,
    /// Its name as rules write it.
    pub(crate) field_name: String,
    /// Unit of the value; `None` is a bare number.
    pub(crate) unit: Option<UnitKind>,
    /// `count(認証失敗)`
    pub(crate) canonical: String,
    /// Names of the events: the last name of each selection.
    pub(crate) names: Vec<String>,
    pub(crate) within: Option<Quantity>,
    pub(crate) step: Option<Quantity>,
    pub(crate) min: Option<Quantity>,
    /// Time since the end of the window: the earlier one of `vs`.
    pub(crate) ago: Option<Quantity>,
}

/// A number made of measures.
#[derive(Clone, Debug)]
pub(crate) struct TypedMeasure {
    /// The measures it reads, each with its window.
    pub(crate) shapes: Vec<MeasureShape>,
    /// Formula of the number: windows by their place in `shapes`.
    pub(crate) formula: MeasureFormula,
    /// Its unit; `None` is a bare number.
    pub(crate) unit: Option<UnitKind>,
    /// As rules write it, without windows: `rate(net.bytes) * 8`
    pub(crate) canonical: String,
    /// Precedence: 3 stands alone, 2 is a product, 1 a sum, 0 `vs`.
    pub(super) binding: u8,
    /// The measures and numbers in its formula.
    pub(super) terms: usize,
    /// Longest chain of named measures that leads to it.
    pub(super) links: usize,
    /// A value now against one then: how long ago, as written.
    pub(crate) versus: Option<Quantity>,
}

impl TypedMeasure {
    pub(super) fn of(shape: MeasureShape) -> TypedMeasure {
        TypedMeasure {
            formula: MeasureFormula::Window(0),
            unit: shape.unit,
            canonical: shape.canonical.clone(),
            binding: 3,
            terms: 1,
            links: 0,
            versus: None,
            shapes: vec![shape],
        }
    }

    /// The one measure it is, if it is no more than that.
    pub(crate) fn single(&self) -> Option<&MeasureShape> {
        match (&self.formula, self.shapes.as_slice()) {
            (MeasureFormula::Window(0), [only]) => Some(only),
            _ => None,
        }
    }

    /// Its spelling as an operand of what binds `at_least` so tightly.
    pub(super) fn operand(&self, at_least: u8) -> String {
        let text = &self.canonical;
        if self.binding < at_least { format!("({text})") } else { text.clone() }
    }
}

/// A comparison with the facts that lints and explanations need.
#[derive(Clone, Debug)]
pub(crate) struct CheckedComparison {
    pub(crate) valued: TypedMeasure,
    pub(crate) comparison: ComparisonOp,
    /// In base units.
    pub(crate) level: Decimal,
    /// As written; of a ladder its lowest rung.
    pub(crate) written: Quantity,
    /// One for each measure of the value.
    pub(crate) spans: Vec<WindowSpan>,
}

/// The window of a measure in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WindowSpan {
    /// Before it was rounded to whole steps.
    pub(crate) written_ms: i64,
    pub(crate) window_ms: i64,
    pub(crate) step_ms: i64,
    /// True when the step is written and not the default.
    pub(crate) is_step_written: bool,
    pub(crate) ago_ms: i64,
    pub(crate) min_events: u64,
}

impl WindowSpan {
    /// Stands in for a window that was reported missing.
    pub(super) const MISSING: WindowSpan = WindowSpan {
        written_ms: 1,
        window_ms: 1,
        step_ms: 0,
        is_step_written: false,
        ago_ms: 0,
        min_events: 0,
    };
}

/// A condition before its selections are made.
#[derive(Clone, Debug)]
pub(crate) struct CheckedCondition {
    pub(crate) compares: Vec<CheckedComparison>,
    pub(crate) joint: BoolOp,
}

impl CheckedComparison {
    pub(crate) fn place(&self) -> SourceSpan {
        self.written.at.0
    }
}

impl CheckedCondition {
    /// The one comparison of one measure it is, if it is no more than that.
    pub(crate) fn single(&self) -> Option<(&CheckedComparison, &MeasureShape, &WindowSpan)> {
        match self.compares.as_slice() {
            [only] => Some((only, only.valued.single()?, only.spans.first()?)),
            _ => None,
        }
    }

    pub(crate) fn shapes(&self) -> impl Iterator<Item = &MeasureShape> {
        self.compares.iter().flat_map(|compared| &compared.valued.shapes)
    }

    pub(crate) fn spans(&self) -> impl Iterator<Item = &WindowSpan> {
        self.compares.iter().flat_map(|compared| &compared.spans)
    }
}

/// A trigger before its selections are made.
#[derive(Clone, Debug)]
pub(crate) enum CheckedTrigger {
    Condition(CheckedCondition),
    Any {
        of: SelectedEvents,
        and: Option<CheckedCondition>,
    },
    Sequence {
        count: u32,
        steps: Vec<SelectedEvents>,
        within_ms: i64,
    },
    ThenNot {
        first: SelectedEvents,
        then: SelectedEvents,
        within_ms: i64,
    },
    Absent {
        of: SelectedEvents,
        within_ms: i64,
        roster: AbsenceRoster,
    },
    New {
        of: SelectedEvents,
        fields: Vec<usize>,
        field_names: Vec<String>,
        within_ms: i64,
        learn_ms: i64,
        values_max: u32,
    },
}

impl CheckedTrigger {
    /// Its selections, in the order of [`crate::rule::Trigger::selections`].
    pub(crate) fn selected(&self) -> Vec<&SelectedEvents> {
        let mut all: Vec<&SelectedEvents> = match self {
            CheckedTrigger::Condition(_) => Vec::new(),
            CheckedTrigger::Any { of, .. }
            | CheckedTrigger::Absent { of, .. }
            | CheckedTrigger::New { of, .. } => {
                vec![of]
            }
            CheckedTrigger::Sequence { steps, .. } => steps.iter().collect(),
            CheckedTrigger::ThenNot { first, then, .. } => vec![first, then],
        };
        all.extend(
            self.joined().into_iter().flat_map(CheckedCondition::shapes).flat_map(|it| &it.of),
        );
        all
    }

    /// The same, to be narrowed.
    pub(super) fn selected_mut(&mut self) -> Vec<&mut SelectedEvents> {
        let (mut all, joined): (Vec<&mut SelectedEvents>, Option<&mut CheckedCondition>) =
            match self {
                CheckedTrigger::Condition(joined) => (Vec::new(), Some(joined)),
                CheckedTrigger::Any { of, and } => (vec![of], and.as_mut()),
                CheckedTrigger::Absent { of, .. } | CheckedTrigger::New { of, .. } => {
                    (vec![of], None)
                }
                CheckedTrigger::Sequence { steps, .. } => (steps.iter_mut().collect(), None),
                CheckedTrigger::ThenNot { first, then, .. } => (vec![first, then], None),
            };
        let compares = joined.into_iter().flat_map(|joined| &mut joined.compares);
        let shapes = compares.flat_map(|compared| &mut compared.valued.shapes);
        all.extend(shapes.flat_map(|shape| &mut shape.of));
        all
    }

    /// Its comparisons.
    pub(crate) fn joined(&self) -> Option<&CheckedCondition> {
        match self {
            CheckedTrigger::Condition(joined) | CheckedTrigger::Any { and: Some(joined), .. } => {
                Some(joined)
            }
            _ => None,
        }
    }

    /// The selection whose event turns it on, by its place among [`CheckedTrigger::selected`]: a
    /// message may show that event's fields.
    pub(crate) fn event(&self) -> Option<usize> {
        match self {
            CheckedTrigger::Condition(joined) => {
                joined.single().and_then(|(compared, shape, span)| {
                    let is_rising =
                        matches!(compared.comparison, ComparisonOp::AtLeast | ComparisonOp::Above);
                    let is_event = is_rising
                        && shape.function.rises_with_an_event()
                        && span.step_ms == 0
                        && span.ago_ms == 0;
                    is_event.then_some(0)
                })
            }
            CheckedTrigger::Any { .. } | CheckedTrigger::New { .. } => Some(0),
            CheckedTrigger::Sequence { steps, .. } => steps.len().checked_sub(1),
            CheckedTrigger::ThenNot { .. } | CheckedTrigger::Absent { .. } => None,
        }
    }
}

/// An alert with the facts that lints and explanations need.
#[derive(Clone, Debug)]
pub(crate) struct CheckedAlert {
    pub(crate) alert: Alert,
    pub(crate) subject: CheckedTrigger,
    pub(crate) place: SourceSpan,
    pub(crate) reading: RuleExplanation,
}
