//! Checked forms to the triggers of rules.

use super::scope::NameScope;
use super::types::{
    CheckedCondition, CheckedTrigger, MeasureFunction, MeasureShape, SelectedEvents,
};
use crate::quantity::shown_as;
use crate::rule::{Compare, Condition, EventSelection, Measure, MeasureFormula, Trigger, Window};

/// The trigger; `selection` makes the selection of the given place, with its field.
pub(super) fn trigger(
    subject: &CheckedTrigger,
    mut selection: impl FnMut(usize, Option<usize>) -> Option<EventSelection>,
) -> Option<Trigger> {
    let mut next = 0;
    let mut own = |field: Option<usize>| {
        next += 1;
        selection(next - 1, field)
    };
    Some(match subject {
        CheckedTrigger::Condition(joined) => {
            Trigger::Condition(condition(joined, |shape, _| own(shape.field))?)
        }
        CheckedTrigger::Any { and, .. } => {
            let of = own(None)?;
            let and = match and {
                Some(joined) => Some(condition(joined, |shape, _| own(shape.field))?),
                None => None,
            };
            Trigger::Any { of, and }
        }
        CheckedTrigger::Sequence { count, steps, within_ms } => Trigger::Sequence {
            steps: steps.iter().map(|_| own(None)).collect::<Option<_>>()?,
            first_count: *count,
            within_ms: *within_ms,
        },
        CheckedTrigger::ThenNot { within_ms, .. } => {
            Trigger::ThenNot { first: own(None)?, then: own(None)?, within_ms: *within_ms }
        }
        CheckedTrigger::Absent { within_ms, roster, .. } => {
            Trigger::Absent { of: own(None)?, within_ms: *within_ms, roster: roster.clone() }
        }
        CheckedTrigger::New { fields, within_ms, learn_ms, values_max, .. } => Trigger::New {
            of: own(None)?,
            fields: fields.clone(),
            within_ms: *within_ms,
            learn_ms: *learn_ms,
            values_max: *values_max,
        },
    })
}

/// The condition with its selections; windows that are alike stand once.
///
/// `selection` makes the selections of one measure after the other.
fn condition(
    joined: &CheckedCondition,
    mut selection: impl FnMut(&MeasureShape, usize) -> Option<EventSelection>,
) -> Option<Condition> {
    let mut windows: Vec<Window> = Vec::new();
    let mut compares = Vec::new();
    for compared in &joined.compares {
        let mut places = Vec::new();
        for (shape, span) in compared.valued.shapes.iter().zip(&compared.spans) {
            let window = Window {
                measure: measure(shape, &mut selection)?,
                window_ms: span.window_ms,
                step_ms: span.step_ms,
                ago_ms: span.ago_ms,
                min_events: span.min_events,
            };
            let known = windows.iter().position(|known| *known == window);
            places.push(known.unwrap_or(windows.len()));
            if known.is_none() {
                windows.push(window);
            }
        }
        compares.push(Compare {
            value: placed(&compared.valued.formula, &places)?,
            comparison: compared.comparison,
            level: compared.level,
            unit: shown_as(compared.valued.unit),
        });
    }
    Some(Condition { windows, compares, joint: joined.joint.clone() })
}

/// A formula over the places its windows have come to.
fn placed(formula: &MeasureFormula, places: &[usize]) -> Option<MeasureFormula> {
    Some(match formula {
        MeasureFormula::Window(at) => MeasureFormula::Window(*places.get(*at)?),
        MeasureFormula::Number(number, unit) => MeasureFormula::Number(*number, *unit),
        MeasureFormula::Arithmetic(left, operator, right) => MeasureFormula::Arithmetic(
            Box::new(placed(left, places)?),
            *operator,
            Box::new(placed(right, places)?),
        ),
    })
}

/// The measure of a shape.
fn measure(
    shape: &MeasureShape,
    selection: &mut impl FnMut(&MeasureShape, usize) -> Option<EventSelection>,
) -> Option<Measure> {
    let of = selection(shape, 0)?;
    Some(match shape.function {
        MeasureFunction::Count => Measure::Count(of),
        MeasureFunction::Sum => Measure::Sum(of),
        MeasureFunction::Avg => Measure::Avg(of),
        MeasureFunction::Stddev => Measure::Stddev(of),
        MeasureFunction::Min => Measure::Min(of),
        MeasureFunction::Max => Measure::Max(of),
        MeasureFunction::Last => Measure::Last(of),
        MeasureFunction::Delta => Measure::Delta(of),
        MeasureFunction::Increase => Measure::Increase(of),
        MeasureFunction::Rate => Measure::Rate(of),
        MeasureFunction::Distinct => Measure::Distinct(of),
        MeasureFunction::Quantile(permille) => Measure::Quantile { permille, of },
        MeasureFunction::Ratio => Measure::Ratio(of, selection(shape, 1)?),
    })
}

/// A selection of some events by the fields of a key.
pub(super) fn selection(
    scope: &NameScope<'_>,
    of: &SelectedEvents,
    key: &[usize],
    field: Option<usize>,
    shown: &[String],
) -> Option<EventSelection> {
    let schema = scope.schema(of.stream)?;
    let shown = shown.iter().map(|name| schema.fields.iter().position(|field| field.name == *name));
    Some(EventSelection {
        stream: of.stream,
        predicate: of.predicate.clone(),
        field,
        key: key.to_vec(),
        message_fields: shown.collect::<Option<_>>()?,
    })
}
