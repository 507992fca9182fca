//! Numbers made of measures: arithmetic, and now against then.

use super::constant::{LengthMinimum, base, events, millis};
use super::limits::{CHAIN_MAX, MEASURES_MAX, TERMS_MAX};
use super::measure::{call, count_of};
use super::scope::NameScope;
use super::types::{MeasureShape, NameResolution, TypedMeasure};
use super::{filter, messages};
use crate::ast::{Measure, MeasureTerm, Quantity, SpannedName, Statement, Window};
use crate::diagnostic::{Diagnostic, DiagnosticCode};
use crate::print::sign;
use crate::quantity::{UnitKind, shown_as, spelled};
use crate::rule::{ArithmeticOp, MeasureFormula};
use crate::source::SourceSpan;

/// Resolves what is measured; `None` is reported.
pub(super) fn typed_measure(
    scope: &mut NameScope<'_>,
    measure: &Measure,
    depth: usize,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<TypedMeasure> {
    let mut valued = match &measure.term {
        MeasureTerm::Call(function, arguments, _) => {
            TypedMeasure::of(call(scope, function, arguments, diagnostics)?)
        }
        MeasureTerm::Named(name) => named(scope, name, depth, diagnostics)?,
        MeasureTerm::Number(number) => constant(number, diagnostics)?,
        MeasureTerm::Arithmetic(left, operator, right) => {
            let left_value = typed_measure(scope, left, depth, diagnostics);
            let right_value = typed_measure(scope, right, depth, diagnostics)?;
            let place = left.term.place().to(right.term.place());
            joined(left_value?, *operator, right_value, place, diagnostics)?
        }
        MeasureTerm::Versus(now, ago) => {
            let now = typed_measure(scope, now, depth, diagnostics)?;
            versus(now, ago, measure.term.place(), diagnostics)?
        }
    };
    if valued.shapes.len() > MEASURES_MAX || valued.terms > TERMS_MAX {
        diagnostics.push(messages::too_many_measures(measure.term.place()));
        return None;
    }
    give(&mut valued, &measure.window, diagnostics);
    Some(valued)
}

/// Checks a measure that perhaps no alert uses, with its lengths of time.
pub(super) fn declared(
    scope: &mut NameScope<'_>,
    measure: &Measure,
    diagnostics: &mut Vec<Diagnostic>,
) {
    typed_measure(scope, measure, 0, diagnostics);
    let Window { within, step, min } = &measure.window;
    if let Some(within) = within {
        millis(within, LengthMinimum::OneMillisecond, diagnostics);
    }
    if let Some(step) = step {
        millis(step, LengthMinimum::Zero, diagnostics);
    }
    if let Some(min) = min {
        events(min, diagnostics);
    }
}

/// Hands what is written at a measure to every part of it that has none of its own; where
/// all have, it is given once too often.
pub(super) fn give(valued: &mut TypedMeasure, window: &Window, diagnostics: &mut Vec<Diagnostic>) {
    let is_versus = valued.versus.is_some();
    let parts: [(FormulaPart, &Option<Quantity>); 3] = [
        (|shape| &mut shape.within, &window.within),
        (|shape| &mut shape.step, &window.step),
        (|shape| &mut shape.min, &window.min),
    ];
    for (at, (part, written)) in parts.into_iter().enumerate() {
        let Some(written) = written else {
            continue;
        };
        // What is too little to compare with is the past.
        let takes =
            |shape: &&mut MeasureShape| !(is_versus && at == MIN_PART) || shape.ago.is_some();
        let (mut is_taken, mut first) = (false, None);
        for shape in valued.shapes.iter_mut().filter(takes) {
            match part(shape) {
                Some(own) => first = first.or(Some(own.at.0)),
                free @ None => {
                    *free = Some(written.clone());
                    is_taken = true;
                }
            }
        }
        if let Some(first) = first.filter(|_| !is_taken) {
            let found = messages::given_in_measure(written.at.0);
            diagnostics.push(found.related(first, messages::given_here()));
        }
    }
}

type FormulaPart = fn(&mut MeasureShape) -> &mut Option<Quantity>;
/// The place of `min` among the parts of a window.
const MIN_PART: usize = 2;

fn named(
    scope: &mut NameScope<'_>,
    name: &SpannedName,
    depth: usize,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<TypedMeasure> {
    let declared = scope.declared.get(name.text.as_str()).copied();
    let Some((Statement::Measure(inner), _)) = declared else {
        let events = filter::events(scope, name, 0, diagnostics)?;
        return Some(TypedMeasure::of(count_of(events, &name.text)));
    };
    match scope.measures.get(name.text.as_str()) {
        Some(NameResolution::Done(known)) => {
            let known = known.clone();
            let affordable = filter::afford(scope, &known.shapes, name.at.0, diagnostics);
            return affordable.then_some(known);
        }
        Some(NameResolution::Failed) => return None,
        None if depth < CHAIN_MAX => {}
        Some(NameResolution::Open) | None => {
            diagnostics.push(messages::measure_circle(name.at.0, &name.text));
            return None;
        }
    }
    // Once only: measures that build on each other twice would double at every link.
    scope.measures.insert(&inner.name.text, NameResolution::Open);
    // What is wrong inside was reported at the measure itself.
    let mut inside = Vec::new();
    let found = typed_measure(scope, &inner.measure, depth + 1, &mut inside)
        .map(|value| TypedMeasure { links: value.links + 1, ..value });
    if found.as_ref().is_some_and(|value| value.links > CHAIN_MAX) {
        inside.push(messages::measure_circle(name.at.0, &name.text));
    }
    let found = found.filter(|value| value.links <= CHAIN_MAX);
    if found.is_none() {
        inside.retain(|d| d.code == DiagnosticCode::Circle);
        diagnostics.append(&mut inside);
    }
    let known = found.clone().map_or(NameResolution::Failed, NameResolution::Done);
    scope.measures.insert(&inner.name.text, known);
    found
}

fn constant(number: &Quantity, diagnostics: &mut Vec<Diagnostic>) -> Option<TypedMeasure> {
    let value = base(number, diagnostics)?;
    let unit = number.unit.map(|unit| unit.kind).filter(|kind| *kind != UnitKind::Count);
    Some(TypedMeasure {
        shapes: Vec::new(),
        formula: MeasureFormula::Number(value, shown_as(unit)),
        unit,
        canonical: spelled(value, unit),
        binding: 3,
        terms: 1,
        links: 0,
        versus: None,
    })
}

fn joined(
    left: TypedMeasure,
    operator: ArithmeticOp,
    right: TypedMeasure,
    place: SourceSpan,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<TypedMeasure> {
    let Some(unit) = unit_of(left.unit, operator, right.unit) else {
        let (a, b) = (&left.canonical, &right.canonical);
        diagnostics.push(messages::measures_not_joined(place, sign(operator), a, b));
        return None;
    };
    let binding = match operator {
        ArithmeticOp::Add | ArithmeticOp::Subtract => 1,
        ArithmeticOp::Multiply | ArithmeticOp::Divide => 2,
    };
    let operands = (left.operand(binding), right.operand(binding + 1));
    let canonical = format!("{} {} {}", operands.0, sign(operator), operands.1);
    let behind = left.shapes.len();
    let formula = MeasureFormula::Arithmetic(
        Box::new(left.formula),
        operator,
        Box::new(shifted(right.formula, behind)),
    );
    let shapes = left.shapes.into_iter().chain(right.shapes).collect();
    let (terms, links) = (left.terms + right.terms, left.links.max(right.links));
    Some(TypedMeasure { shapes, formula, unit, canonical, binding, terms, links, versus: None })
}

/// The unit of two numbers joined; the outer `None` is that they cannot be.
fn unit_of(
    left: Option<UnitKind>,
    operator: ArithmeticOp,
    right: Option<UnitKind>,
) -> Option<Option<UnitKind>> {
    let plain = |unit: Option<UnitKind>| unit.filter(|kind| *kind != UnitKind::Count);
    match (plain(left), operator, plain(right)) {
        // Counts of events stay such while they are added up.
        (None, ArithmeticOp::Add | ArithmeticOp::Subtract, None) => {
            Some(left.filter(|_| left == right))
        }
        (a, ArithmeticOp::Add | ArithmeticOp::Subtract, b) => (a == b).then_some(a),
        (a, ArithmeticOp::Multiply, None) => Some(a),
        (None, ArithmeticOp::Multiply, b) => Some(b),
        (Some(_), ArithmeticOp::Multiply, Some(_)) => None,
        (a, ArithmeticOp::Divide, None) => Some(a),
        (a, ArithmeticOp::Divide, b) => (a == b).then_some(None),
    }
}

/// Shifts the window indices of a formula.
fn shifted(formula: MeasureFormula, by: usize) -> MeasureFormula {
    match formula {
        MeasureFormula::Window(at) => MeasureFormula::Window(at + by),
        MeasureFormula::Number(number, unit) => MeasureFormula::Number(number, unit),
        MeasureFormula::Arithmetic(left, operator, right) => MeasureFormula::Arithmetic(
            Box::new(shifted(*left, by)),
            operator,
            Box::new(shifted(*right, by)),
        ),
    }
}

/// `x vs 1w ago`: the value now over the value then.
fn versus(
    now: TypedMeasure,
    ago: &Quantity,
    place: SourceSpan,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<TypedMeasure> {
    millis(ago, LengthMinimum::OneMillisecond, diagnostics)?;
    if now.shapes.is_empty() || now.shapes.iter().any(|shape| shape.ago.is_some()) {
        diagnostics.push(messages::nothing_versus(place));
        return None;
    }
    let behind = now.shapes.len();
    let then =
        now.shapes.iter().cloned().map(|shape| MeasureShape { ago: Some(ago.clone()), ..shape });
    let canonical = format!("{} vs {} ago", now.operand(3), crate::print::quantity(ago));
    Some(TypedMeasure {
        shapes: now.shapes.iter().cloned().chain(then).collect(),
        formula: MeasureFormula::Arithmetic(
            Box::new(now.formula.clone()),
            ArithmeticOp::Divide,
            Box::new(shifted(now.formula, behind)),
        ),
        unit: Some(UnitKind::Percent),
        canonical,
        binding: 0,
        terms: 2 * now.terms,
        links: now.links,
        versus: Some(ago.clone()),
    })
}
