//! Readings in English.

use std::fmt::Write as _;

use model::message::{Language, show_duration};

use super::canonical;
use super::shown::{longest_ms, quantile, shown, single, versus_ms, window};
use crate::ast::AlertClauses;
use crate::check::types::{
    CheckedComparison, CheckedCondition, CheckedTrigger, MeasureFunction, SelectedEvents,
};
use crate::rule::{AbsenceRoster, Alert, ArithmeticOp, BoolOp, ComparisonOp, MeasureFormula};

const LANGUAGE: Language = Language::En;

pub(super) fn words(alert: &Alert, subject: &CheckedTrigger, clauses: &AlertClauses) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    if !alert.by.is_empty() {
        let keys: Vec<&str> = alert.by.iter().map(|key| key.name.as_str()).collect();
        let _ = write!(out, "per {}: ", keys.join(" and "));
    }
    out.push_str(&trigger(subject));
    let first = subject.joined().and_then(|joined| joined.compares.first());
    if let Some(compared) = first {
        for rung in &alert.rungs {
            let level = shown(rung.level, compared, LANGUAGE);
            let _ = write!(out, ", {} from {level}", rung.severity.name());
        }
    }
    if let Some(table) = &clauses.overrides {
        let _ = write!(out, ", levels by {} from {}", table.field.dotted(), table.name.text);
    }
    if let Some(list) = &clauses.except {
        let _ = write!(out, ", but for {} in {}", list.field.dotted(), list.name.text);
    }
    if let Some(during) = &clauses.during {
        let when = if during.negated { "only outside" } else { "only during" };
        let _ = write!(out, ", {when} {}", during.calendar.text);
    }
    if alert.for_ms > 0 {
        let _ = write!(out, ", held for {}", lasting(alert.for_ms));
    }
    if let (Some(clear), Some(compared)) = (alert.clear, first) {
        let _ = write!(out, ", over once past {}", shown(clear, compared, LANGUAGE));
    }
    if alert.notify_each {
        out.push_str(", every match told");
    }
    if alert.is_shadow {
        out.push_str(", recorded only: nobody is notified");
    }
    out + &steps(subject)
}

fn lasting(millis: i64) -> String {
    show_duration(millis, LANGUAGE)
}

fn last(of: &SelectedEvents) -> &str {
    of.lineage.last().map_or("", String::as_str)
}

fn trigger(subject: &CheckedTrigger) -> String {
    match subject {
        CheckedTrigger::Condition(joined) => condition(joined, &joined.joint),
        CheckedTrigger::Any { of, and: None } => format!("every {}", last(of)),
        CheckedTrigger::Any { of, and: Some(joined) } => {
            format!("every {} at which {}", last(of), condition(joined, &joined.joint))
        }
        CheckedTrigger::Sequence { count, steps, within_ms } => {
            let steps: Vec<&str> = steps.iter().map(last).collect();
            let count = if *count > 1 { format!("{count} ") } else { String::new() };
            let span = window(*within_ms, LANGUAGE);
            format!("{count}{}, all within {span}", steps.join(", then "))
        }
        CheckedTrigger::ThenNot { first, then, within_ms } => {
            let (first, then, span) = (last(first), last(then), window(*within_ms, LANGUAGE));
            format!("no {then} within {span} after {first}")
        }
        CheckedTrigger::Absent { of, within_ms, roster } => {
            let (of, span) = (last(of), window(*within_ms, LANGUAGE));
            match roster {
                AbsenceRoster::Whole => format!("no {of} at all for {span}"),
                AbsenceRoster::Seen(seen) => {
                    format!("no {of} for {span}, forgotten {} after the last", lasting(*seen))
                }
                AbsenceRoster::Listed(keys) => {
                    format!("no {of} for {span}, of {} expected keys", keys.len())
                }
            }
        }
        CheckedTrigger::New { of, within_ms, learn_ms, .. } => {
            let fields = canonical::new_fields(subject).join(" and ");
            let (of, span) = (last(of), window(*within_ms, LANGUAGE));
            let learn = lasting(*learn_ms);
            format!("{fields} of {of} not seen in the last {span}; silent for the first {learn}")
        }
    }
}

fn condition(joined: &CheckedCondition, joint: &BoolOp) -> String {
    let all = |parts: &[BoolOp], word: &str| {
        let parts: Vec<String> = parts
            .iter()
            .map(|part| match part {
                BoolOp::Compare(_) => condition(joined, part),
                _ => format!("({})", condition(joined, part)),
            })
            .collect();
        parts.join(word)
    };
    match joint {
        BoolOp::Compare(at) => joined.compares.get(*at).map_or_else(String::new, compare),
        BoolOp::And(parts) => all(parts, " and "),
        BoolOp::Or(parts) => all(parts, " or "),
    }
}

fn compare(compared: &CheckedComparison) -> String {
    let mut out = subject(compared);
    let min = compared.spans.iter().map(|span| span.min_events).max().unwrap_or(0);
    if min > 0 {
        let _ = write!(out, ", unknown below {min} events");
    }
    out
}

fn subject(compared: &CheckedComparison) -> String {
    let level = shown(compared.level, compared, LANGUAGE);
    let compares = match compared.comparison {
        ComparisonOp::AtLeast => format!("{level} or more"),
        ComparisonOp::Above => format!("more than {level}"),
        ComparisonOp::AtMost => format!("{level} or less"),
        ComparisonOp::Below => format!("less than {level}"),
        ComparisonOp::Equal => format!("exactly {level}"),
        ComparisonOp::NotEqual => format!("anything but {level}"),
    };
    let span = window(longest_ms(compared), LANGUAGE);
    let Some((shape, _)) = single(compared) else {
        return formula(compared, &span, &compares);
    };
    let name = |index: usize| shape.names.get(index).map_or("", String::as_str);
    let (first, second, field) = (name(0), name(1), &shape.field_name);
    let what = match shape.function {
        MeasureFunction::Count => return format!("{compares} {first} in the last {span}"),
        MeasureFunction::Distinct => {
            return format!("{compares} different {field} among {first} in the last {span}");
        }
        MeasureFunction::Ratio => {
            return format!("{first} are {compares} of {second} in the last {span}");
        }
        MeasureFunction::Last => {
            return format!("the newest {field} of {first}, at most {span} old, is {compares}");
        }
        MeasureFunction::Quantile(permille) => format!("{} percentile", ordinal(permille)),
        MeasureFunction::Sum => "sum".to_owned(),
        MeasureFunction::Avg => "mean".to_owned(),
        MeasureFunction::Stddev => "standard deviation".to_owned(),
        MeasureFunction::Min => "minimum".to_owned(),
        MeasureFunction::Max => "maximum".to_owned(),
        MeasureFunction::Delta => "change".to_owned(),
        MeasureFunction::Increase => "increase".to_owned(),
        MeasureFunction::Rate => "increase per second".to_owned(),
    };
    format!("the {what} of {field} of {first} over the last {span} is {compares}")
}

fn formula(compared: &CheckedComparison, span: &str, compares: &str) -> String {
    let canonical = &compared.valued.canonical;
    match &compared.valued.formula {
        MeasureFormula::Arithmetic(_, ArithmeticOp::Divide, right)
            if versus_ms(compared, right).is_some() =>
        {
            let ago = lasting(versus_ms(compared, right).unwrap_or(0));
            let now = canonical.split(" vs ").next().unwrap_or(canonical);
            format!("{now} over the last {span} is {compares} of what it was {ago} ago")
        }
        _ => format!("{canonical} over the last {span} is {compares}"),
    }
}

/// Text about windows that move in steps.
fn steps(subject: &CheckedTrigger) -> String {
    let spans = subject.joined().into_iter().flat_map(CheckedCondition::spans);
    match spans.max_by_key(|span| span.step_ms).filter(|span| span.step_ms > 0) {
        Some(span) => {
            let (step, window) = (lasting(span.step_ms), lasting(span.window_ms));
            format!(" (the window moves in steps of {step} and spans {window})")
        }
        None => String::new(),
    }
}

/// `95th`, `99.9th`, `1st`.
fn ordinal(permille: u32) -> String {
    let ending = match (permille % 10, permille / 10) {
        (0, 11..=13) => "th",
        (0, whole) if whole % 10 == 1 => "st",
        (0, whole) if whole % 10 == 2 => "nd",
        (0, whole) if whole % 10 == 3 => "rd",
        _ => "th",
    };
    format!("{}{ending}", quantile(permille))
}
