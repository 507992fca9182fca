//! Conditions: comparisons of measures, and how they are joined.

use model::decimal::Decimal;
use model::time::MINUTE_MS;

use super::constant::{LengthMinimum, events, millis};
use super::level::{CheckedThreshold, graded, level_in_range, level_value};
use super::limits::COMPARES_MAX;
use super::measure_expr::{give, typed_measure};
use super::messages;
use super::scope::NameScope;
use super::types::{
    CheckedComparison, CheckedCondition, MeasureFunction, MeasureShape, TypedMeasure, WindowSpan,
};
use crate::ast::{self, Quantity};
use crate::diagnostic::Diagnostic;
use crate::rule::{BoolOp, ComparisonOp};
use crate::source::SourceSpan;

/// Time for which a sample of `last` stays known without `within`.
pub const LAST_WINDOW_DEFAULT_MS: i64 = 5 * MINUTE_MS;
/// Windows longer than this move in steps, where the measure would keep every value.
pub const STEPLESS_WINDOW_MS_MAX: i64 = 10 * MINUTE_MS;
/// Steps of a stepped window.
pub const WINDOW_STEPS: i64 = 600;
/// `count` and `distinct` compared with at most this keep few values at any window.
pub const STEPLESS_LEVEL_MAX: i64 = 1_000;

/// Checks a condition; `clauses` is the window written behind it, and the grade gives the
/// level of one comparison that has none.
pub(super) fn condition(
    scope: &mut NameScope<'_>,
    written: &ast::Condition,
    clauses: &ast::Window,
    grade: &ast::AlertSeverity,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Option<CheckedCondition>, Option<CheckedThreshold>) {
    let mut compares = Vec::new();
    let joint = collected(written, &mut compares);
    let is_only = compares.len() == 1;
    if let Some(extra) = compares.get(COMPARES_MAX) {
        diagnostics.push(messages::too_many_compares(extra.measure.term.place()));
        return (None, None);
    }
    let values: Vec<Option<TypedMeasure>> =
        compares.iter().map(|it| value(scope, it, clauses, diagnostics)).collect();
    let first = values.first().and_then(Option::as_ref).zip(compares.first().copied());
    let graded = match (grade, &first) {
        // Errors of its value were reported.
        (ast::AlertSeverity::Ladder(..), None) if is_only => None,
        _ => graded(grade, first.filter(|_| is_only), diagnostics),
    };
    let mut all = Vec::new();
    for (written, valued) in compares.iter().zip(values) {
        let level = graded.as_ref().and_then(|graded| graded.lowest);
        all.push(valued.map(|valued| compared(written, valued, level, grade, diagnostics)));
    }
    let all: Option<Vec<CheckedComparison>> = all.into_iter().collect();
    (all.map(|compares| CheckedCondition { compares, joint }), graded)
}

/// The comparisons of a condition in the order written, and how they are joined.
fn collected<'a>(condition: &'a ast::Condition, compares: &mut Vec<&'a ast::Compare>) -> BoolOp {
    let mut parts = |parts: &'a [ast::Condition]| {
        parts.iter().map(|part| collected(part, compares)).collect::<Vec<BoolOp>>()
    };
    match condition {
        ast::Condition::And(all) => BoolOp::And(parts(all)),
        ast::Condition::Or(any) => BoolOp::Or(parts(any)),
        ast::Condition::Compare(compare) => {
            compares.push(compare);
            BoolOp::Compare(compares.len() - 1)
        }
    }
}

/// The value of a comparison with every window that is written for it.
fn value(
    scope: &mut NameScope<'_>,
    written: &ast::Compare,
    clauses: &ast::Window,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<TypedMeasure> {
    let mut valued = typed_measure(scope, &written.measure, 0, diagnostics)?;
    give(&mut valued, &written.window, diagnostics);
    if let Some(per) = written.level.as_ref().and_then(|level| level.per.as_ref()) {
        let own = valued.shapes.iter().filter_map(|shape| shape.within.as_ref());
        let also = own.chain(&clauses.within).next();
        if let Some(also) = also {
            let found = messages::window_twice(per.at.0);
            diagnostics.push(found.related(also.at.0, messages::the_other_one()));
            return None;
        }
        let within = ast::Window { within: Some(per.clone()), ..ast::Window::default() };
        give(&mut valued, &within, diagnostics);
    }
    give(&mut valued, clauses, diagnostics);
    Some(valued)
}

/// Checks one comparison. An error of its level or window is reported and replaced by a default:
/// the rest of the alert is checked all the same, so that one run reports all errors.
fn compared(
    written: &ast::Compare,
    valued: TypedMeasure,
    lowest: Option<(ComparisonOp, Decimal)>,
    grade: &ast::AlertSeverity,
    diagnostics: &mut Vec<Diagnostic>,
) -> CheckedComparison {
    let place = written.measure.term.place();
    let missing = || Quantity { value: Decimal::ZERO, unit: None, at: ast::NodeSpan(place) };
    let (comparison, level, quantity) = match (&written.level, lowest) {
        (Some(level), _) => {
            let comparison = level.comparison.unwrap_or(ComparisonOp::AtLeast);
            let value = level_value(&valued, &level.quantity, diagnostics);
            if let Some(value) = value {
                level_in_range(&valued, value, level.quantity.at.0, diagnostics);
            }
            (comparison, value, level.quantity.clone())
        }
        (None, Some((comparison, level))) => {
            (comparison, Some(level), lowest_rung(grade).unwrap_or_else(missing))
        }
        (None, None) => {
            if !matches!(grade, ast::AlertSeverity::Ladder(..)) {
                diagnostics.push(messages::level_wanted(place, &valued.canonical));
            }
            (ComparisonOp::AtLeast, None, lowest_rung(grade).unwrap_or_else(missing))
        }
    };
    let known = level.filter(|_| valued.single().is_some());
    let shapes = valued.shapes.iter();
    let spans = shapes
        .map(|shape| {
            span(shape, known, &quantity, &valued, diagnostics).unwrap_or(WindowSpan::MISSING)
        })
        .collect();
    let level = level.unwrap_or(Decimal::ZERO);
    CheckedComparison { comparison, level, written: quantity, spans, valued }
}

/// The level of the least serious rung as written.
fn lowest_rung(grade: &ast::AlertSeverity) -> Option<Quantity> {
    let ast::AlertSeverity::Ladder(rungs, _) = grade else {
        return None;
    };
    let lowest = rungs.iter().max_by_key(|rung| rung.severity)?;
    Some(lowest.level.quantity.clone())
}

/// Window of a measure; a missing one is reported, except for `last`.
fn span(
    shape: &MeasureShape,
    level: Option<Decimal>,
    quantity: &Quantity,
    valued: &TypedMeasure,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<WindowSpan> {
    let place = quantity.at.0;
    if shape.within.is_none() && shape.function != MeasureFunction::Last {
        let level = crate::print::quantity(quantity);
        diagnostics.push(messages::missing_window(place, &valued.canonical, &level));
        return None;
    }
    window_of(shape, level, place, diagnostics)
}

/// The window written for a measure; its default where one of these is not.
pub(super) fn window_of(
    shape: &MeasureShape,
    level: Option<Decimal>,
    place: SourceSpan,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<WindowSpan> {
    let written_ms = match &shape.within {
        Some(within) => millis(within, LengthMinimum::OneMillisecond, diagnostics)?,
        None if shape.function == MeasureFunction::Last => LAST_WINDOW_DEFAULT_MS,
        None => {
            diagnostics.push(messages::missing_length(place, &shape.canonical));
            return None;
        }
    };
    let ago_ms = match &shape.ago {
        Some(ago) => millis(ago, LengthMinimum::OneMillisecond, diagnostics)?,
        None => 0,
    };
    let min = shape.min.as_ref().and_then(|min| events(min, diagnostics));
    let step = match &shape.step {
        Some(step) => Some(millis(step, LengthMinimum::Zero, diagnostics)?),
        None => None,
    };
    let step_ms = step.unwrap_or_else(|| step_default_ms(shape, level, written_ms));
    if step_ms > written_ms {
        let place = shape.step.as_ref().map_or(place, |step| step.at.0);
        diagnostics.push(messages::step_too_long(place));
        return None;
    }
    let window_ms = if step_ms == 0 { written_ms } else { written_ms / step_ms * step_ms };
    Some(WindowSpan {
        written_ms,
        window_ms,
        step_ms,
        is_step_written: step.is_some(),
        ago_ms,
        min_events: min.unwrap_or(0),
    })
}

/// Step of a window without `step`; 0 is event by event.
///
/// The earlier window of `vs` always moves in steps: the entries between it and now are kept.
fn step_default_ms(shape: &MeasureShape, level: Option<Decimal>, written_ms: i64) -> i64 {
    let steps = (written_ms + WINDOW_STEPS - 1) / WINDOW_STEPS;
    if shape.ago.is_some() {
        return steps;
    }
    let few_values = matches!(shape.function, MeasureFunction::Count | MeasureFunction::Distinct)
        && level.is_some_and(|level| level <= Decimal::from_int(STEPLESS_LEVEL_MAX));
    let is_stepless = shape.function == MeasureFunction::Last
        || few_values
        || written_ms <= STEPLESS_WINDOW_MS_MAX;
    if is_stepless { 0 } else { steps }
}
