//! Levels: the constants that values are compared with, in the value's unit, and the rungs of a
//! ladder.

use model::decimal::Decimal;
use model::severity::Severity;

use super::constant::base;
use super::limits::DISTINCT_LEVEL_MAX;
use super::messages;
use super::types::{MeasureFunction, TypedMeasure};
use crate::ast::{AlertSeverity, Compare, Quantity, SeverityLevel as Written};
use crate::diagnostic::{BilingualText, Diagnostic};
use crate::quantity::UnitKind;
use crate::rule::{ComparisonOp, SeverityLevel};
use crate::source::SourceSpan;

/// Severity of an alert, and the levels of a ladder in base units.
#[derive(Clone, Debug)]
pub(super) struct CheckedThreshold {
    /// Of a ladder the lowest rung's.
    pub(super) severity: Severity,
    /// The level of the lowest rung, and how all of them compare.
    pub(super) lowest: Option<(ComparisonOp, Decimal)>,
    /// Above the lowest, ascending in severity.
    pub(super) rungs: Vec<SeverityLevel>,
}

/// A level in base units; a unit the value does not have is reported.
pub(super) fn level_value(
    valued: &TypedMeasure,
    quantity: &Quantity,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Decimal> {
    let found = quantity.unit.map(|unit| unit.kind);
    let fits = match valued.unit {
        Some(UnitKind::Count) => matches!(found, None | Some(UnitKind::Count)),
        wanted => found == wanted,
    };
    if fits {
        return base(quantity, diagnostics);
    }
    let spelled = crate::print::quantity(quantity);
    let (expected, help) = level_spelling(valued, quantity);
    let found = messages::level_unit(quantity.at.0, &valued.canonical, &spelled).expected(expected);
    // A number with another unit is no slip of that unit.
    let is_number = matches!(valued.unit, None | Some(UnitKind::Count));
    let may_help = quantity.unit.is_none() || is_number;
    diagnostics.push(if may_help { found.help(help) } else { found });
    None
}

/// Levels that the value takes, and how this number would be one.
fn level_spelling(valued: &TypedMeasure, quantity: &Quantity) -> (BilingualText, BilingualText) {
    let value = quantity.value;
    match valued.unit {
        Some(UnitKind::Count) => {
            let names = valued.shapes.first().and_then(|shape| shape.names.first());
            let events = names.map_or("", String::as_str);
            (messages::count_level(), messages::count_level_help(value, events))
        }
        Some(UnitKind::Percent) => {
            let share = value.shift(2).unwrap_or(value);
            (messages::percent_level(), messages::percent_level_help(value, share))
        }
        Some(UnitKind::Duration) => {
            (messages::duration_level(), messages::duration_level_help(value))
        }
        Some(UnitKind::Bytes) => (messages::bytes_level(), messages::bytes_level_help(value)),
        // For an arithmetic, `5%` is taken as written; a field may be counted in hundredths.
        None => match quantity.unit {
            Some(unit) if unit.kind == UnitKind::Percent && valued.single().is_none() => {
                let fraction = value.checked_mul(unit.factor()).unwrap_or(value);
                (messages::bare_level(fraction), messages::fraction_level_help(fraction))
            }
            _ => (messages::bare_level(value), messages::bare_level_help(value)),
        },
    }
}

pub(super) fn level_in_range(
    valued: &TypedMeasure,
    level: Decimal,
    place: SourceSpan,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let is_distinct =
        valued.single().is_some_and(|shape| shape.function == MeasureFunction::Distinct);
    if is_distinct && level > Decimal::from_int(DISTINCT_LEVEL_MAX) {
        diagnostics.push(messages::level_range(place));
    }
}

/// `clear X`: on the easier side of the lowest level.
pub(super) fn clear_level(
    valued: &TypedMeasure,
    comparison: ComparisonOp,
    level: &Quantity,
    written: &Quantity,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Decimal> {
    let clear = level_value(valued, written, diagnostics)?;
    // An unreadable level is reported where it stands.
    let against = level_value(valued, level, &mut Vec::new())?;
    let spelled = crate::print::quantity(level);
    let (easier, expected) = match comparison {
        ComparisonOp::AtLeast | ComparisonOp::Above => {
            (clear < against, messages::below_level(&spelled))
        }
        ComparisonOp::AtMost | ComparisonOp::Below => {
            (clear > against, messages::above_level(&spelled))
        }
        other => (false, messages::no_clear_with(other.symbol())),
    };
    if !easier {
        diagnostics.push(messages::clear_side(written.at.0).expected(expected));
    }
    Some(clear)
}

/// True when a level is stricter than another, in the direction of a comparison.
pub(super) fn is_harder(comparison: ComparisonOp, level: Decimal, than: Decimal) -> bool {
    match comparison {
        ComparisonOp::AtLeast | ComparisonOp::Above => level > than,
        ComparisonOp::AtMost | ComparisonOp::Below => level < than,
        ComparisonOp::Equal | ComparisonOp::NotEqual => false,
    }
}

/// The severity or ladder of an alert; the ladder's levels are those of `compared`, a value
/// that has none of its own.
pub(super) fn graded(
    grade: &AlertSeverity,
    compared: Option<(&TypedMeasure, &Compare)>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<CheckedThreshold> {
    let (rungs, place) = match grade {
        AlertSeverity::Severity(severity) => {
            return Some(CheckedThreshold { severity: *severity, lowest: None, rungs: Vec::new() });
        }
        AlertSeverity::Ladder(rungs, at) => (rungs, at.0),
    };
    let Some((valued, compare)) = compared else {
        diagnostics.push(messages::ladder_of_one(place));
        return None;
    };
    if let Some(level) = &compare.level {
        diagnostics.push(messages::level_beside_ladder(level.quantity.at.0));
        return None;
    }
    ladder(rungs, valued, place, diagnostics)
}

fn ladder(
    written: &[Written],
    valued: &TypedMeasure,
    place: SourceSpan,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<CheckedThreshold> {
    let mut ordered: Vec<&Written> = written.iter().collect();
    // The most serious severity is the first of the four.
    ordered.sort_by_key(|rung| std::cmp::Reverse(rung.severity));
    let said = written.iter().find_map(|rung| rung.level.comparison);
    let comparison = said.unwrap_or(ComparisonOp::AtLeast);
    let mut levels: Vec<(Severity, Decimal)> = Vec::new();
    let mut is_whole = true;
    for rung in ordered {
        let at = rung.level.quantity.at.0;
        if rung.level.comparison.is_some_and(|own| own != comparison) {
            diagnostics.push(messages::mixed_ladder(at));
            is_whole = false;
        }
        let Some(level) = level_value(valued, &rung.level.quantity, diagnostics) else {
            is_whole = false;
            continue;
        };
        level_in_range(valued, level, at, diagnostics);
        if let Some((severity, below)) = levels.last() {
            if *severity == rung.severity {
                diagnostics.push(messages::rung_twice(at, rung.severity.name()));
                is_whole = false;
            } else if !is_harder(comparison, level, *below) {
                let (upper, lower) = (rung.severity.name(), severity.name());
                diagnostics.push(messages::rung_order(at, upper, lower));
                is_whole = false;
            }
        }
        levels.push((rung.severity, level));
    }
    let mut levels = levels.into_iter();
    let Some((severity, level)) = levels.next() else {
        diagnostics.push(messages::empty_ladder(place));
        return None;
    };
    let rungs = levels.map(|(severity, level)| SeverityLevel { severity, level }).collect();
    is_whole.then_some(CheckedThreshold { severity, lowest: Some((comparison, level)), rungs })
}
