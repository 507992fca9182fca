//! `alert` statements: a trigger, its severity, and the clauses that modify both.

use model::decimal::Decimal;

use super::constant::{LengthMinimum, events, millis};
use super::defaults::{hold_default_ms, keep_default_ms};
use super::filter::both;
use super::keys::{key_parts, keys};
use super::level::{CheckedThreshold, clear_level, level_value};
use super::limits::KEYS_MAX;
use super::message::{CheckedTemplate, TemplateNames, default_template, template};
use super::scope::NameScope;
use super::trigger::subject;
use super::types::{CheckedAlert, CheckedTrigger, MeasureFunction};
use super::{build, messages, predicate, reference};
use crate::ast::{self, HoldClause, Quantity};
use crate::diagnostic::Diagnostic;
use crate::rule::{Alert, ComparisonOp, During, KeyPart, Predicate, ThresholdOverrides, Trigger};
use crate::source::SourceSpan;

/// Checks one alert; `None` is reported.
pub(super) fn alert(
    scope: &mut NameScope<'_>,
    written: &ast::Alert,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<CheckedAlert> {
    // Check everything before a missing part ends the alert: one run reports all errors.
    let before = diagnostics.len();
    refused(written, diagnostics);
    let (subject, graded) = subject(scope, written, diagnostics);
    let by = key_parts(&written.clauses.by, diagnostics);
    let hours = written.clauses.during.as_ref();
    let during = hours.and_then(|hours| reference::during(scope, hours, diagnostics));
    let mut subject = subject?;
    if let Some(except) = &written.clauses.except {
        exclude(scope, &mut subject, except, diagnostics);
    }
    let selected = subject.selected();
    let keys = keys(scope, &selected, &written.clauses.by, diagnostics);
    let clear = clear(written, &subject, diagnostics);
    let timing = timing(written, &subject, clear.is_some(), diagnostics);
    let keys_max = keys_max(written, diagnostics);
    since_ever(&subject, &by, diagnostics);
    let text = message(scope, written, &subject, &by, timing.for_ms, diagnostics);
    let (keys, graded) = (keys?, graded?);
    let overrides = overrides(scope, written, &subject, &by, &graded, clear, diagnostics);
    let event = subject.event();
    let trigger = build::trigger(&subject, |place, field| {
        // Only the event that turns the trigger on is shown.
        let shown: &[String] = if event.unwrap_or(0) == place { &text.fields } else { &[] };
        build::selection(scope, selected.get(place)?, keys.get(place)?, field, shown)
    })?;
    let rest = AlertRest { by, graded, overrides, clear, during, timing, keys_max, text };
    let built = assembled(written, trigger, rest);
    let has_failed = diagnostics.get(before..).is_some_and(crate::diagnostic::has_errors);
    let reading = crate::explain::explain_alert(&built, &subject, &written.clauses, &scope.streams);
    let place = written.name.at.0;
    (!has_failed).then_some(CheckedAlert { reading, alert: built, subject, place })
}

/// `except LIST(field)`: excludes the events of a list from every selection of the trigger.
fn exclude(
    scope: &NameScope<'_>,
    subject: &mut CheckedTrigger,
    except: &ast::TableLookup,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let inside = ast::Expression::In {
        value: Box::new(ast::Expression::Field(except.field.clone())),
        negated: false,
        set: ast::MembershipSet::List(except.name.clone()),
    };
    let outside = ast::Expression::Not(Box::new(inside), except.name.at);
    for selected in subject.selected_mut() {
        let schema = scope.schema(selected.stream);
        let own =
            schema.and_then(|schema| predicate::predicate(scope, &schema, &outside, diagnostics));
        if let Some(own) = own {
            let before = std::mem::replace(&mut selected.predicate, Predicate::True);
            selected.predicate = both(before, own);
        }
    }
}

fn overrides(
    scope: &NameScope<'_>,
    written: &ast::Alert,
    subject: &CheckedTrigger,
    by: &[KeyPart],
    graded: &CheckedThreshold,
    clear: Option<Decimal>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<ThresholdOverrides> {
    let lookup = written.clauses.overrides.as_ref()?;
    let compared = subject.joined()?.compares.first()?;
    let own = reference::OwnThresholds {
        valued: &compared.valued,
        comparison: compared.comparison,
        severity: graded.severity,
        level: compared.level,
        rungs: &graded.rungs,
        clear,
    };
    reference::overrides(scope, lookup, by, &own, diagnostics)
}

/// Parts of an alert beside its trigger.
struct AlertRest {
    by: Vec<KeyPart>,
    graded: CheckedThreshold,
    overrides: Option<ThresholdOverrides>,
    clear: Option<Decimal>,
    during: Option<During>,
    timing: AlertTiming,
    keys_max: Option<u32>,
    text: CheckedTemplate,
}

fn assembled(written: &ast::Alert, trigger: Trigger, rest: AlertRest) -> Alert {
    let AlertRest { by, graded, overrides, clear, during, timing, keys_max, text } = rest;
    let label =
        |(label, text): &(ast::FieldPath, ast::QuotedText)| (label.dotted(), text.text.clone());
    Alert {
        name: written.name.text.clone(),
        severity: graded.severity,
        trigger,
        rungs: graded.rungs,
        overrides,
        by,
        for_ms: timing.for_ms,
        keep_ms: timing.keep_ms,
        clear,
        hold_ms: timing.hold_ms,
        during,
        notify_each: written.clauses.notify_each.is_some(),
        is_shadow: written.clauses.shadow.is_some(),
        keys_max,
        message: text.message,
        message_fields: text.fields,
        tops: text.tops,
        runbook: written.runbook.as_ref().map(|it| it.text.clone()),
        labels: written.labels.iter().map(label).collect(),
    }
}

/// Reports the clauses that do not apply to the kind of trigger.
fn refused(written: &ast::Alert, diagnostics: &mut Vec<Diagnostic>) {
    use ast::Trigger::{Absent, Any, Condition, New, Sequence, ThenNot};
    let clauses = &written.clauses;
    let at = |quantity: &Option<Quantity>| quantity.as_ref().map(|it| it.at.0);
    let nodata = clauses.nodata.as_ref().map(|nodata| match nodata {
        HoldClause::Hold(length) => length.at.0,
        HoldClause::Clear => written.name.at.0,
    });
    let is_momentary =
        matches!(written.trigger, Any { .. } | Sequence { .. } | ThenNot { .. } | New { .. });
    let has_value = matches!(written.trigger, Condition(_));
    let has_one_value = matches!(written.trigger, Condition(ast::Condition::Compare(_)));
    let overrides = clauses.overrides.as_ref().map(|it| it.name.at.0);
    let cases = [
        ("for", at(&clauses.hold_for), !is_momentary),
        ("clear", at(&clauses.clear), has_one_value),
        ("override", overrides, has_one_value),
        ("nodata", nodata, has_value),
        ("notify each", clauses.notify_each.map(|at| at.0), is_momentary),
        ("seen", at(&clauses.seen), matches!(written.trigger, Absent { .. })),
        (
            "in",
            clauses.roster.as_ref().map(|list| list.at.0),
            matches!(written.trigger, Absent { .. }),
        ),
        ("learn", at(&clauses.learn), matches!(written.trigger, New { .. })),
        ("limit … values", at(&clauses.limit_values), matches!(written.trigger, New { .. })),
    ];
    for (word, place, is_taken) in cases {
        if let Some(place) = place.filter(|_| !is_taken) {
            diagnostics.push(clause_refused(place, word));
        }
    }
}

/// Diagnostic of a clause that does not belong to this trigger, and the trigger where it does.
pub(super) fn clause_refused(place: SourceSpan, word: &str) -> Diagnostic {
    let found = messages::clause_refused(place, word);
    found.help(match word {
        "for" => messages::events_have_no_length(),
        "clear" | "override" => messages::takes_one_level(),
        "nodata" | "step" | "min" => messages::takes_a_measure(),
        "notify each" => messages::takes_single_events(),
        "seen" | "in" => messages::takes_absent(),
        "learn" | "limit … values" => messages::takes_new(),
        _ => messages::leave_out(),
    })
}

fn clear(
    written: &ast::Alert,
    subject: &CheckedTrigger,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Decimal> {
    let clear = written.clauses.clear.as_ref()?;
    let CheckedTrigger::Condition(joined) = subject else {
        return None;
    };
    let [compared] = joined.compares.as_slice() else {
        return None;
    };
    let (comparison, level) = (compared.comparison, &compared.written);
    clear_level(&compared.valued, comparison, level, clear, diagnostics)
}

/// Reports comparisons without a key that are true without events: they have no instant since which
/// they are true. The low side is exempt, since it waits for a window.
fn since_ever(subject: &CheckedTrigger, by: &[KeyPart], diagnostics: &mut Vec<Diagnostic>) {
    let CheckedTrigger::Condition(joined) = subject else {
        return;
    };
    for compared in joined.compares.iter().filter(|_| by.is_empty()) {
        // A level that could not be parsed was reported: it may not be zero.
        if level_value(&compared.valued, &compared.written, &mut Vec::new()).is_none() {
            continue;
        }
        let Some(shape) = compared.valued.single() else {
            continue;
        };
        let is_true = compared.comparison.holds(Decimal::ZERO.cmp(&compared.level));
        let can_be = match (shape.function, compared.comparison) {
            (
                MeasureFunction::Sum,
                ComparisonOp::AtLeast | ComparisonOp::Above | ComparisonOp::NotEqual,
            ) => true,
            // A level that a count never equals is left to a lint.
            (MeasureFunction::Count | MeasureFunction::Distinct, ComparisonOp::NotEqual) => {
                compared.level > Decimal::ZERO && compared.level.to_int().is_some()
            }
            _ => false,
        };
        if is_true && can_be {
            diagnostics.push(messages::true_of_nothing(compared.place(), &shape.canonical));
        }
    }
}

/// Durations of an alert.
struct AlertTiming {
    for_ms: i64,
    keep_ms: i64,
    hold_ms: i64,
}

fn timing(
    written: &ast::Alert,
    subject: &CheckedTrigger,
    clears: bool,
    diagnostics: &mut Vec<Diagnostic>,
) -> AlertTiming {
    let clauses = &written.clauses;
    let mut length = |written: &Quantity| millis(written, LengthMinimum::Zero, diagnostics);
    let for_ms = clauses.hold_for.as_ref().and_then(&mut length);
    let keep_ms = clauses.keep.as_ref().and_then(&mut length);
    let hold_ms = match &clauses.nodata {
        None => None,
        Some(HoldClause::Clear) => Some(0),
        Some(HoldClause::Hold(written)) => length(written),
    };
    AlertTiming {
        for_ms: for_ms.unwrap_or(0),
        keep_ms: keep_ms.unwrap_or(keep_default_ms(subject, clears)),
        hold_ms: hold_ms.unwrap_or(hold_default_ms(subject)),
    }
}

fn keys_max(written: &ast::Alert, diagnostics: &mut Vec<Diagnostic>) -> Option<u32> {
    let limit = written.clauses.limit_keys.as_ref()?;
    let keys = events(limit, diagnostics)?;
    if !(1..=KEYS_MAX).contains(&keys) {
        diagnostics.push(messages::keys_range(limit.at.0));
    }
    u32::try_from(keys).ok()
}

fn message(
    scope: &NameScope<'_>,
    written: &ast::Alert,
    subject: &CheckedTrigger,
    by: &[KeyPart],
    for_ms: i64,
    diagnostics: &mut Vec<Diagnostic>,
) -> CheckedTemplate {
    let compared = match subject {
        CheckedTrigger::Condition(joined) => joined.compares.first(),
        _ => None,
    };
    let Some(text) = &written.message else {
        let symbol = compared.map(|compared| compared.comparison.symbol());
        let message = default_template(&written.name.text, by, symbol);
        return CheckedTemplate { message, ..CheckedTemplate::default() };
    };
    let event = subject.event().filter(|_| for_ms == 0);
    let selected = subject.selected();
    let schema_of = |at: usize| scope.schema(selected.get(at)?.stream);
    let schema = event.and_then(schema_of);
    let observed = schema_of(subject.event().unwrap_or(0));
    let vocabulary =
        TemplateNames { scope, by, event: schema.as_deref(), observed: observed.as_deref() };
    template(text, &vocabulary, diagnostics)
}
