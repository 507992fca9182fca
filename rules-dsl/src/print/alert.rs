//! Alerts to text.

use std::fmt::Write as _;

use super::measure::{measure, window};
use super::term::{keys, listed, name, path, quantity, quoted};
use crate::ast::{
    Alert, AlertClauses, AlertSeverity, Compare, Condition, FieldPath, HoldClause, Quantity,
    QuotedText, TableLookup, Threshold, Trigger,
};

pub(super) fn alert(alert: &Alert) -> String {
    let name = name(&alert.name.text);
    let (trigger, clauses, grade) =
        (trigger(&alert.trigger), clauses(&alert.clauses), grade(&alert.grade));
    format!("alert {name} {trigger}{clauses} {grade}{}\n", tail(alert))
}

fn trigger(trigger: &Trigger) -> String {
    match trigger {
        Trigger::Condition(it) => condition(it),
        Trigger::Any { events, and: None } => format!("any {}", name(&events.text)),
        Trigger::Any { events, and: Some(it) } => {
            format!("any {} and {}", name(&events.text), inside(it, 1))
        }
        Trigger::Sequence { count, steps } => {
            let count = count.as_ref().map_or(String::new(), |count| quantity(count) + " ");
            let steps: Vec<String> = steps.iter().map(|step| name(&step.text)).collect();
            count + &steps.join(" then ")
        }
        Trigger::ThenNot { first, then } => {
            format!("{} then not {}", name(&first.text), name(&then.text))
        }
        Trigger::Absent { events } => format!("absent {}", name(&events.text)),
        Trigger::New { fields, events } => {
            format!("new {} in {}", listed(fields, path), name(&events.text))
        }
    }
}

fn condition(condition: &Condition) -> String {
    match condition {
        Condition::Or(parts) => joined(parts, " or ", 1),
        Condition::And(parts) => joined(parts, " and ", 2),
        Condition::Compare(it) => compare(it),
    }
}

/// Precedence of a condition; a looser one inside a tighter one needs parentheses.
const fn binding(condition: &Condition) -> u8 {
    match condition {
        Condition::Or(_) => 0,
        Condition::And(_) => 1,
        Condition::Compare(_) => 2,
    }
}

fn joined(parts: &[Condition], word: &str, at_least: u8) -> String {
    parts.iter().map(|part| inside(part, at_least)).collect::<Vec<String>>().join(word)
}

fn inside(inner: &Condition, at_least: u8) -> String {
    let text = condition(inner);
    if binding(inner) < at_least { format!("({text})") } else { text }
}

fn compare(compare: &Compare) -> String {
    let level = compare.level.as_ref().map_or(String::new(), |it| format!(" {}", level(it)));
    measure(&compare.measure) + &level + &window(&compare.window)
}

fn level(level: &Threshold) -> String {
    let mut out = quantity(&level.quantity);
    if let Some(comparison) = level.comparison {
        out = format!("{} {out}", comparison.symbol());
    }
    if let Some(per) = &level.per {
        let _ = write!(out, "/{}", quantity(per));
    }
    out
}

fn clauses(clauses: &AlertClauses) -> String {
    let mut out = window(&clauses.window);
    out.push_str(&keys(clauses.by.iter().map(|key| (path(&key.field), key.optional))));
    let mut clause = |word: &str, written: Option<String>| {
        if let Some(written) = written {
            // Writing into a String cannot fail.
            let _ = write!(out, " {word} {written}");
        }
    };
    let amount = |written: &Option<Quantity>| written.as_ref().map(quantity);
    clause("for", amount(&clauses.hold_for));
    clause("clear", amount(&clauses.clear));
    clause("keep", amount(&clauses.keep));
    clause("during", clauses.during.as_ref().map(|it| negated(it.negated, &it.calendar.text)));
    clause("except", clauses.except.as_ref().map(lookup));
    clause("override", clauses.overrides.as_ref().map(lookup));
    clause("nodata", clauses.nodata.as_ref().map(nodata));
    clause("limit", clauses.limit_keys.as_ref().map(|limit| quantity(limit) + " keys"));
    clause("limit", clauses.limit_values.as_ref().map(|limit| quantity(limit) + " values"));
    clause("seen", amount(&clauses.seen));
    clause("in", clauses.roster.as_ref().map(|list| name(&list.text)));
    clause("learn", amount(&clauses.learn));
    clause("notify", clauses.notify_each.map(|_| "each".to_owned()));
    if clauses.shadow.is_some() {
        out.push_str(" shadow");
    }
    out
}

fn negated(negated: bool, calendar: &str) -> String {
    if negated { format!("not {}", name(calendar)) } else { name(calendar) }
}

fn lookup(lookup: &TableLookup) -> String {
    format!("{}({})", name(&lookup.name.text), path(&lookup.field))
}

fn nodata(nodata: &HoldClause) -> String {
    match nodata {
        HoldClause::Hold(length) => format!("hold {}", quantity(length)),
        HoldClause::Clear => "clear".to_owned(),
    }
}

fn grade(grade: &AlertSeverity) -> String {
    match grade {
        AlertSeverity::Severity(severity) => severity.name().to_owned(),
        AlertSeverity::Ladder(rungs, _) => {
            let rungs: Vec<String> = rungs
                .iter()
                .map(|rung| format!("{} {}", rung.severity.name(), level(&rung.level)))
                .collect();
            format!("ladder {{ {} }}", rungs.join("  "))
        }
    }
}

fn tail(alert: &Alert) -> String {
    let mut out = String::new();
    for (word, text) in [("message", &alert.message), ("runbook", &alert.runbook)] {
        if let Some(text) = text {
            let _ = write!(out, "\n  {word} {}", quoted(&text.text));
        }
    }
    if !alert.labels.is_empty() {
        let labels = listed(&alert.labels, |(label, text): &(FieldPath, QuotedText)| {
            format!("{}: {}", path(label), quoted(&text.text))
        });
        let _ = write!(out, "\n  labels {{ {labels} }}");
    }
    if out.is_empty() { out } else { format!(" {{{out}\n}}") }
}
