//! Triggers: the events and comparisons of an alert, and the clauses it takes.

use super::alert::clause_refused;
use super::condition::condition;
use super::constant::{LengthMinimum, events, millis};
use super::defaults::{LEARN_DEFAULT_MS, VALUES_DEFAULT};
use super::kind::ValueType;
use super::level::{CheckedThreshold, graded};
use super::limits::{FIRST_COUNT_MAX, NEW_FIELDS_MAX, STEPS_MAX, VALUES_MAX};
use super::scope::NameScope;
use super::stream::field_index;
use super::types::{CheckedTrigger, SelectedEvents};
use super::{filter, membership, messages, reference};
use crate::ast::{self, FieldPath, Quantity, SpannedName};
use crate::diagnostic::Diagnostic;
use crate::rule::AbsenceRoster;
use crate::source::SourceSpan;

/// Resolves a trigger and its severity; `None` is reported.
pub(super) fn subject(
    scope: &mut NameScope<'_>,
    alert: &ast::Alert,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Option<CheckedTrigger>, Option<CheckedThreshold>) {
    let clauses = &alert.clauses;
    if let ast::Trigger::Condition(written) = &alert.trigger {
        let (joined, graded) =
            condition(scope, written, &clauses.window, &alert.grade, diagnostics);
        return (joined.map(CheckedTrigger::Condition), graded);
    }
    let graded = graded(&alert.grade, None, diagnostics);
    let subject = match &alert.trigger {
        ast::Trigger::Condition(_) => None,
        ast::Trigger::Any { events, and } => any(scope, alert, events, and.as_ref(), diagnostics),
        ast::Trigger::Sequence { count, steps } => {
            sequence(scope, alert, count.as_ref(), steps, diagnostics)
        }
        ast::Trigger::ThenNot { first, then } => {
            let selected = (
                filter::events(scope, first, 0, diagnostics),
                filter::events(scope, then, 0, diagnostics),
            );
            let within_ms = within(alert, first.at.0, diagnostics);
            match (selected, within_ms) {
                ((Some(first), Some(then)), Some(within_ms)) => {
                    Some(CheckedTrigger::ThenNot { first, then, within_ms })
                }
                _ => None,
            }
        }
        ast::Trigger::Absent { events } => absent(scope, alert, events, diagnostics),
        ast::Trigger::New { fields, events } => new(scope, alert, fields, events, diagnostics),
    };
    (subject, graded)
}

/// The `within` an event trigger must have.
fn within(alert: &ast::Alert, place: SourceSpan, diagnostics: &mut Vec<Diagnostic>) -> Option<i64> {
    let window = &alert.clauses.window;
    for (word, extra) in [("step", &window.step), ("min", &window.min)] {
        if let Some(extra) = extra {
            diagnostics.push(clause_refused(extra.at.0, word));
        }
    }
    match &window.within {
        Some(within) => millis(within, LengthMinimum::OneMillisecond, diagnostics),
        None => {
            diagnostics.push(messages::within_wanted(place));
            None
        }
    }
}

fn any(
    scope: &mut NameScope<'_>,
    alert: &ast::Alert,
    events: &SpannedName,
    and: Option<&ast::Condition>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<CheckedTrigger> {
    let of = filter::events(scope, events, 0, diagnostics);
    let window = &alert.clauses.window;
    let Some(written) = and else {
        let extra = [("within", &window.within), ("step", &window.step), ("min", &window.min)];
        for (word, extra) in extra {
            if let Some(extra) = extra {
                diagnostics.push(clause_refused(extra.at.0, word));
            }
        }
        return Some(CheckedTrigger::Any { of: of?, and: None });
    };
    // The severity is separate: a comparison beside an event has its own level.
    let plain = ast::AlertSeverity::Severity(model::severity::Severity::Low);
    let (joined, _) = condition(scope, written, window, &plain, diagnostics);
    Some(CheckedTrigger::Any { of: of?, and: Some(joined?) })
}

fn sequence(
    scope: &mut NameScope<'_>,
    alert: &ast::Alert,
    count: Option<&Quantity>,
    steps: &[SpannedName],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<CheckedTrigger> {
    let place = steps.first().map_or(alert.name.at.0, |step| step.at.0);
    let count = match count {
        None => Some(1),
        Some(written) => {
            let events = events(written, diagnostics);
            let is_some = |events: &u64| (1..=FIRST_COUNT_MAX).contains(events);
            if events.is_some_and(|events| !is_some(&events)) {
                diagnostics.push(messages::first_count_range(written.at.0));
            }
            events.filter(is_some).and_then(|events| u32::try_from(events).ok())
        }
    };
    if let Some(extra) = steps.get(STEPS_MAX) {
        diagnostics.push(messages::too_many_steps(extra.at.0));
        return None;
    }
    let steps: Vec<Option<SelectedEvents>> =
        steps.iter().map(|step| filter::events(scope, step, 0, diagnostics)).collect();
    let within_ms = within(alert, place, diagnostics);
    let steps = steps.into_iter().collect::<Option<_>>()?;
    Some(CheckedTrigger::Sequence { count: count?, steps, within_ms: within_ms? })
}

fn absent(
    scope: &mut NameScope<'_>,
    alert: &ast::Alert,
    name: &SpannedName,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<CheckedTrigger> {
    let of = filter::events(scope, name, 0, diagnostics);
    let within_ms = within(alert, name.at.0, diagnostics);
    let clauses = &alert.clauses;
    let roster = match (&clauses.seen, clauses.by.first()) {
        _ if clauses.roster.is_some() => listed(scope, alert, of.as_ref(), diagnostics),
        (None, None) => Some(AbsenceRoster::Whole),
        (Some(seen), Some(_)) => {
            let seen_ms = millis(seen, LengthMinimum::OneMillisecond, diagnostics);
            if let (Some(seen_ms), Some(within_ms)) = (seen_ms, within_ms)
                && seen_ms <= within_ms
            {
                diagnostics.push(messages::forgotten_before_missed(seen.at.0));
            }
            seen_ms.map(AbsenceRoster::Seen)
        }
        (Some(seen), None) => {
            diagnostics.push(messages::seen_without_key(seen.at.0));
            None
        }
        (None, Some(key)) => {
            diagnostics.push(messages::absence_without_scope(key.field.at.0));
            None
        }
    };
    Some(CheckedTrigger::Absent { of: of?, within_ms: within_ms?, roster: roster? })
}

/// `by KEY in LIST`: the keys that are expected.
fn listed(
    scope: &NameScope<'_>,
    alert: &ast::Alert,
    of: Option<&SelectedEvents>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<AbsenceRoster> {
    let clauses = &alert.clauses;
    let name = clauses.roster.as_ref()?;
    if let Some(seen) = &clauses.seen {
        diagnostics.push(reference::seen_and_listed(seen.at.0));
        return None;
    }
    let [key] = clauses.by.as_slice() else {
        diagnostics.push(reference::roster_of_one(name.at.0));
        return None;
    };
    let schema = scope.schema(of?.stream)?;
    // A missing field is reported with the rest of the key.
    let field = schema.fields.iter().find(|field| field.name == key.field.dotted())?;
    membership::roster(scope, name, &ValueType::of(&field.kind), &schema, diagnostics)
}

fn new(
    scope: &mut NameScope<'_>,
    alert: &ast::Alert,
    fields: &[FieldPath],
    name: &SpannedName,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<CheckedTrigger> {
    let of = filter::events(scope, name, 0, diagnostics);
    let within_ms = within(alert, name.at.0, diagnostics);
    let clauses = &alert.clauses;
    let learn_ms = match &clauses.learn {
        Some(learn) => millis(learn, LengthMinimum::Zero, diagnostics),
        None => Some(LEARN_DEFAULT_MS),
    };
    let values_max = match &clauses.limit_values {
        None => Some(VALUES_DEFAULT),
        Some(limit) => {
            let values = events(limit, diagnostics);
            let fits = |values: &u64| (1..=VALUES_MAX).contains(values);
            if values.is_some_and(|values| !fits(&values)) {
                diagnostics.push(messages::values_range(limit.at.0));
            }
            values.filter(fits).and_then(|values| u32::try_from(values).ok())
        }
    };
    if let Some(extra) = fields.get(NEW_FIELDS_MAX) {
        diagnostics.push(messages::too_many_new_fields(extra.at.0));
        return None;
    }
    let of = of?;
    let schema = scope.schema(of.stream)?;
    let field_names = fields.iter().map(FieldPath::dotted).collect();
    let fields: Vec<Option<usize>> = fields
        .iter()
        .map(|field| field_index(&schema, &field.dotted(), field.at.0, diagnostics))
        .collect();
    Some(CheckedTrigger::New {
        of,
        fields: fields.into_iter().collect::<Option<_>>()?,
        field_names,
        within_ms: within_ms?,
        learn_ms: learn_ms?,
        values_max: values_max?,
    })
}

#[cfg(test)]
mod tests;
