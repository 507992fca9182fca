//! `watch` statements: a measure that is shown and exported.

use model::decimal::Decimal;

use super::condition::window_of;
use super::keys::{key_parts, keys};
use super::measure_expr::typed_measure;
use super::scope::NameScope;
use super::types::{CheckedComparison, CheckedCondition, CheckedTrigger};
use super::{build, messages};
use crate::ast::{self, NodeSpan, Quantity};
use crate::diagnostic::{Diagnostic, has_errors};
use crate::explain::RuleExplanation;
use crate::rule::{BoolOp, ComparisonOp, Trigger, Watch};

/// Checks one watch; `None` is reported.
pub(super) fn watch(
    scope: &mut NameScope<'_>,
    written: &ast::Watch,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(Watch, RuleExplanation)> {
    let before = diagnostics.len();
    let place = written.name.at.0;
    let by = key_parts(&written.by, diagnostics);
    let valued = typed_measure(scope, &written.measure, 0, diagnostics)?;
    if valued.shapes.is_empty() {
        diagnostics.push(messages::unknown_measure(place, &valued.canonical));
        return None;
    }
    let spans: Option<Vec<_>> =
        valued.shapes.iter().map(|shape| window_of(shape, None, place, diagnostics)).collect();
    // No value is above the greatest there is.
    let (comparison, level) = (ComparisonOp::Above, Decimal::MAX);
    let nothing = Quantity { value: Decimal::ZERO, unit: None, at: NodeSpan(place) };
    let compared = CheckedComparison { valued, comparison, level, written: nothing, spans: spans? };
    let subject = CheckedTrigger::Condition(CheckedCondition {
        compares: vec![compared],
        joint: BoolOp::Compare(0),
    });
    let selected = subject.selected();
    let keys = keys(scope, &selected, &written.by, diagnostics)?;
    let trigger = build::trigger(&subject, |place, field| {
        build::selection(scope, selected.get(place)?, keys.get(place)?, field, &[])
    })?;
    let Trigger::Condition(condition) = trigger else {
        return None;
    };
    let watch = Watch { name: written.name.text.clone(), condition, by };
    let reading = crate::explain::explain_watch(&watch, &subject, &scope.streams);
    let has_failed = diagnostics.get(before..).is_some_and(has_errors);
    (!has_failed).then_some((watch, reading))
}
