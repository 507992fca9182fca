//! Alerts in the one spelling that leaves nothing out.

use std::fmt::Write as _;

use model::message::{Language, show_duration};

use super::shown::versus_ms;
use crate::ast::AlertClauses;
use crate::check::defaults::{LEARN_DEFAULT_MS, VALUES_DEFAULT, hold_default_ms, keep_default_ms};
use crate::check::types::{
    CheckedComparison, CheckedCondition, CheckedTrigger, SelectedEvents, WindowSpan,
};
use crate::print::{dotted, name, sign};
use crate::quantity::{spelled, written};
use crate::rule::{
    AbsenceRoster, Alert, ArithmeticOp, BoolOp, ComparisonOp, MeasureFormula, Watch,
};

pub(super) fn canonical(alert: &Alert, subject: &CheckedTrigger, clauses: &AlertClauses) -> String {
    let mut out = trigger(alert, subject);
    let keys = alert.by.iter();
    out.push_str(&crate::print::keys(keys.map(|key| (dotted(&key.name), key.optional))));
    out.push_str(&own_clauses(subject));
    out.push_str(&named_clauses(clauses));
    let unit = subject.joined().and_then(|joined| joined.compares.first()?.valued.unit);
    // Writing into a String cannot fail.
    if alert.for_ms > 0 {
        let _ = write!(out, " for {}", length(alert.for_ms));
    }
    if let Some(clear) = alert.clear {
        let _ = write!(out, " clear {}", spelled(clear, unit));
    }
    if alert.keep_ms != keep_default_ms(subject, alert.clear.is_some()) {
        let _ = write!(out, " keep {}", length(alert.keep_ms));
    }
    match alert.hold_ms {
        hold if hold == hold_default_ms(subject) => {}
        0 => out.push_str(" nodata clear"),
        hold => {
            let _ = write!(out, " nodata hold {}", length(hold));
        }
    }
    if let Some(keys) = alert.keys_max {
        let _ = write!(out, " limit {keys} keys");
    }
    for (word, is_written) in [("notify each", alert.notify_each), ("shadow", alert.is_shadow)] {
        if is_written {
            let _ = write!(out, " {word}");
        }
    }
    out + &ladder(alert, subject)
}

pub(super) fn watch(watch: &Watch, subject: &CheckedTrigger) -> String {
    let compared = subject.joined().and_then(|joined| joined.compares.first());
    let keys = watch.by.iter();
    let keys = crate::print::keys(keys.map(|key| (dotted(&key.name), key.optional)));
    compared.map_or_else(String::new, |compared| compare(compared, true)) + &keys
}

pub(super) fn length(millis: i64) -> String {
    show_duration(millis, Language::En)
}

fn trigger(alert: &Alert, subject: &CheckedTrigger) -> String {
    let last = |of: &SelectedEvents| name(of.lineage.last().map_or("", String::as_str));
    match subject {
        CheckedTrigger::Condition(joined) => {
            condition(joined, &joined.joint, !alert.rungs.is_empty())
        }
        CheckedTrigger::Any { of, and: None } => format!("any {}", last(of)),
        CheckedTrigger::Any { of, and: Some(joined) } => {
            let inside = match joined.joint {
                BoolOp::Or(_) => format!("({})", condition(joined, &joined.joint, false)),
                _ => condition(joined, &joined.joint, false),
            };
            format!("any {} and {inside}", last(of))
        }
        CheckedTrigger::Sequence { count, steps, within_ms } => {
            let count = if *count > 1 { format!("{count} ") } else { String::new() };
            let steps: Vec<String> = steps.iter().map(last).collect();
            format!("{count}{} within {}", steps.join(" then "), length(*within_ms))
        }
        CheckedTrigger::ThenNot { first, then, within_ms } => {
            format!("{} then not {} within {}", last(first), last(then), length(*within_ms))
        }
        CheckedTrigger::Absent { of, within_ms, .. } => {
            format!("absent {} within {}", last(of), length(*within_ms))
        }
        CheckedTrigger::New { of, within_ms, .. } => {
            let fields: Vec<String> = new_fields(subject).iter().map(|it| dotted(it)).collect();
            format!("new {} in {} within {}", fields.join(", "), last(of), length(*within_ms))
        }
    }
}

/// The names of the fields that `new` looks up.
pub(super) fn new_fields(subject: &CheckedTrigger) -> &[String] {
    if let CheckedTrigger::New { field_names, .. } = subject { field_names } else { &[] }
}

/// The clauses that only some triggers have.
fn own_clauses(subject: &CheckedTrigger) -> String {
    match subject {
        CheckedTrigger::Absent { roster: AbsenceRoster::Seen(seen_ms), .. } => {
            format!(" seen {}", length(*seen_ms))
        }
        CheckedTrigger::New { learn_ms, values_max, .. } => {
            let mut out = String::new();
            if *learn_ms != LEARN_DEFAULT_MS {
                let _ = write!(out, " learn {}", length(*learn_ms));
            }
            if *values_max != VALUES_DEFAULT {
                let _ = write!(out, " limit {values_max} values");
            }
            out
        }
        _ => String::new(),
    }
}

/// The clauses that name lists, tables and calendars.
fn named_clauses(clauses: &AlertClauses) -> String {
    let mut out = String::new();
    if let Some(list) = &clauses.roster {
        let _ = write!(out, " in {}", name(&list.text));
    }
    if let Some(during) = &clauses.during {
        let not = if during.negated { "not " } else { "" };
        let _ = write!(out, " during {not}{}", name(&during.calendar.text));
    }
    for (word, lookup) in [("except", &clauses.except), ("override", &clauses.overrides)] {
        if let Some(lookup) = lookup {
            let (list, field) = (name(&lookup.name.text), crate::print::path(&lookup.field));
            let _ = write!(out, " {word} {list}({field})");
        }
    }
    out
}

fn condition(joined: &CheckedCondition, joint: &BoolOp, by_ladder: bool) -> String {
    let inside = |part: &BoolOp, brackets: bool| {
        let text = condition(joined, part, by_ladder);
        if brackets { format!("({text})") } else { text }
    };
    match joint {
        BoolOp::Compare(at) => {
            joined.compares.get(*at).map_or_else(String::new, |it| compare(it, by_ladder))
        }
        BoolOp::And(parts) => {
            let parts = parts.iter().map(|part| inside(part, matches!(part, BoolOp::Or(_))));
            parts.collect::<Vec<String>>().join(" and ")
        }
        BoolOp::Or(parts) => {
            let parts = parts.iter().map(|part| inside(part, false));
            parts.collect::<Vec<String>>().join(" or ")
        }
    }
}

fn compare(compared: &CheckedComparison, by_ladder: bool) -> String {
    let level = spelled(compared.level, compared.valued.unit);
    let level = match by_ladder {
        true => String::new(),
        false => format!(" {} {level}", compared.comparison.symbol()),
    };
    match common_window(compared) {
        Some(window) => value(compared, &compared.valued.formula, false).0 + &level + &window,
        None => value(compared, &compared.valued.formula, true).0 + &level,
    }
}

/// The window of all measures of a value, where it is one for all.
fn common_window(compared: &CheckedComparison) -> Option<String> {
    let spans = &compared.spans;
    let is_past = spans.iter().any(|span| span.ago_ms > 0);
    let counted = spans.iter().filter(|span| !is_past || span.ago_ms > 0);
    let min = counted.clone().map(|span| span.min_events).max().unwrap_or(0);
    let first = counted.clone().next()?;
    let is_common = spans.iter().all(|span| {
        let own_min = if is_past && span.ago_ms == 0 { min } else { span.min_events };
        let step = !first.is_step_written && !span.is_step_written
            || first.is_step_written && span.is_step_written && span.step_ms == first.step_ms;
        span.written_ms == first.written_ms && step && own_min == min
    });
    is_common.then(|| window(&WindowSpan { min_events: min, ..*first }))
}

fn window(span: &WindowSpan) -> String {
    let mut out = format!(" within {}", length(span.written_ms));
    if span.is_step_written {
        let step = if span.step_ms == 0 { "0s".to_owned() } else { length(span.step_ms) };
        let _ = write!(out, " step {step}");
    }
    if span.min_events > 0 {
        let _ = write!(out, " min {}", span.min_events);
    }
    out
}

/// A formula as rules write it, and how tightly it binds.
fn value(
    compared: &CheckedComparison,
    formula: &MeasureFormula,
    with_windows: bool,
) -> (String, u8) {
    let operand = |formula: &MeasureFormula, at_least: u8| {
        let (text, binding) = value(compared, formula, with_windows);
        if binding < at_least { format!("({text})") } else { text }
    };
    match formula {
        MeasureFormula::Window(at) => {
            let shape = compared.valued.shapes.get(*at);
            let text = shape.map_or_else(String::new, |shape| shape.canonical.clone());
            match compared.spans.get(*at).filter(|_| with_windows) {
                Some(span) => (text + &window(span), 0),
                None => (text, 3),
            }
        }
        MeasureFormula::Number(number, unit) => (written(*number, *unit), 3),
        MeasureFormula::Arithmetic(left, ArithmeticOp::Divide, right)
            if versus_ms(compared, right).is_some() =>
        {
            let ago = versus_ms(compared, right).unwrap_or(0);
            (format!("{} vs {} ago", operand(left, 3), length(ago)), 0)
        }
        MeasureFormula::Arithmetic(left, operator, right) => {
            let own = match operator {
                ArithmeticOp::Add | ArithmeticOp::Subtract => 1,
                ArithmeticOp::Multiply | ArithmeticOp::Divide => 2,
            };
            (format!("{} {} {}", operand(left, own), sign(*operator), operand(right, own + 1)), own)
        }
    }
}

fn ladder(alert: &Alert, subject: &CheckedTrigger) -> String {
    let (CheckedTrigger::Condition(joined), false) = (subject, alert.rungs.is_empty()) else {
        return String::new();
    };
    let Some(compared) = joined.compares.first() else {
        return String::new();
    };
    let symbol = match compared.comparison {
        ComparisonOp::AtLeast => String::new(),
        other => format!("{} ", other.symbol()),
    };
    let rung = |severity: model::severity::Severity, level| {
        format!("{} {symbol}{}", severity.name(), spelled(level, compared.valued.unit))
    };
    let lowest = std::iter::once(rung(alert.severity, compared.level));
    let above = alert.rungs.iter().map(|it| rung(it.severity, it.level));
    let rungs: Vec<String> = lowest.chain(above).collect();
    format!(" ladder {{ {} }}", rungs.join("  "))
}
