//! `alert` statements: units, keys and defaults.

use model::decimal::Decimal;
use model::schema::FieldType;
use model::time::MINUTE_MS;

use super::constant::{Least, base, events, millis};
use super::later::{self, Plain};
use super::measure::{Function, Shape, shape};
use super::message::{Template, Vocabulary, default_template, template};
use super::{Scope, Selected, wording};
use crate::ast::{self, HoldClause, Key, Quantity};
use crate::diagnostic::{Diagnostic, Text};
use crate::quantity::{UnitKind, shown_as};
use crate::reading::Reading;
use crate::rule::{
    Alert, Compare, Comparison, Condition, Formula, Joint, KeyPart, Measure, Selection, Trigger,
    Window,
};
use crate::source::Place;

/// How long a sample of `last` stays known unless `within` says otherwise.
pub const LAST_WINDOW_DEFAULT_MS: i64 = 5 * MINUTE_MS;
/// Default `keep` of windowless measures.
pub const WINDOWLESS_KEEP_MS: i64 = MINUTE_MS;
/// Least time an unknown value keeps its last truth by default.
pub const HOLD_DEFAULT_MS_MIN: i64 = 5 * MINUTE_MS;
/// Windows longer than this move in steps, where the measure would keep every value.
pub const STEPLESS_WINDOW_MS_MAX: i64 = 10 * MINUTE_MS;
/// Steps of a stepped window.
pub const WINDOW_STEPS: i64 = 600;
/// `count` and `distinct` compared with at most this keep few values at any window.
pub const STEPLESS_LEVEL_MAX: i64 = 1_000;
/// Highest level of `distinct`: beyond it the count is not exact.
pub const DISTINCT_LEVEL_MAX: i64 = 100_000;
/// Most components of a key.
pub const KEY_PARTS_MAX: usize = 8;

/// An alert with what lints and readings need to know of it.
#[derive(Clone, Debug)]
pub(crate) struct CheckedAlert {
    pub(crate) alert: Alert,
    pub(crate) window: Window,
    pub(crate) compare: Compare,
    pub(crate) shape: Shape,
    /// The window before it was rounded to whole steps.
    pub(crate) window_written_ms: i64,
    pub(crate) place: Place,
    pub(crate) level_place: Place,
    pub(crate) reading: Reading,
}

/// Checks one alert; `None` is reported.
pub(super) fn alert(
    scope: &mut Scope<'_>,
    alert: &ast::Alert,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<CheckedAlert> {
    let alert = &later::understood(alert, diagnostics)?;
    let shape = shape(scope, &alert.measure, 0, diagnostics)?;
    // Everything is looked at before anything missing ends it: one run reports all errors.
    let level = level_value(&shape, &alert.level.quantity, diagnostics);
    let written_ms = window(&shape, alert, diagnostics);
    let by = key_parts(&alert.clauses.by, diagnostics);
    let keys = keys(scope, &shape, &alert.clauses.by, diagnostics);
    let clear = clear_level(&shape, alert, diagnostics);
    let (level, written_ms, keys) = (level?, written_ms?, keys?);
    level_in_range(&shape, level, alert.level.quantity.at.0, diagnostics);
    let timing = timing(&shape, alert, level, written_ms, diagnostics);
    let min = shape.min.as_ref().and_then(|min| events(min, diagnostics));
    let text = message(scope, &shape, alert, &by, timing.for_ms, diagnostics);
    let window = Window {
        measure: build(scope, &shape, &keys, &text.fields)?,
        window_ms: timing.window_ms,
        step_ms: timing.step_ms,
        ago_ms: 0,
        min_events: min.unwrap_or(0),
    };
    let compare = Compare {
        value: Formula::Window(0),
        comparison: alert.comparison(),
        level,
        unit: shown_as(shape.unit),
    };
    let trigger = Trigger::Condition(Condition {
        windows: vec![window.clone()],
        compares: vec![compare.clone()],
        joint: Joint::Compare(0),
    });
    let built = assembled(alert, trigger, by, &timing, clear, text);
    Some(CheckedAlert {
        reading: crate::reading::reading(&built, (&window, &compare), &shape, written_ms),
        alert: built,
        window,
        compare,
        shape,
        window_written_ms: written_ms,
        place: alert.written.name.at.0,
        level_place: alert.level.quantity.at.0,
    })
}

fn assembled(
    alert: &Plain<'_>,
    trigger: Trigger,
    by: Vec<KeyPart>,
    timing: &Timing,
    clear: Option<Decimal>,
    text: Template,
) -> Alert {
    let label = |(label, text): &(ast::Path, ast::Quoted)| (label.dotted(), text.text.clone());
    Alert {
        name: alert.written.name.text.clone(),
        severity: alert.severity,
        trigger,
        rungs: Vec::new(),
        overrides: None,
        by,
        for_ms: timing.for_ms,
        keep_ms: timing.keep_ms,
        clear,
        hold_ms: timing.hold_ms,
        during: None,
        notify_each: false,
        is_shadow: false,
        keys_max: None,
        message: text.message,
        message_fields: text.fields,
        tops: Vec::new(),
        runbook: alert.written.runbook.as_ref().map(|it| it.text.clone()),
        labels: alert.written.labels.iter().map(label).collect(),
    }
}

/// A level in base units; a unit the measure does not have is reported.
fn level_value(
    shape: &Shape,
    quantity: &Quantity,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Decimal> {
    let found = quantity.unit.map(|unit| unit.kind);
    let fits = match shape.unit {
        Some(UnitKind::Count) => matches!(found, None | Some(UnitKind::Count)),
        wanted => found == wanted,
    };
    if fits {
        return base(quantity, diagnostics);
    }
    let spelled = crate::print::quantity(quantity);
    let (expected, help) = level_spelling(shape, quantity.value);
    let found = wording::level_unit(quantity.at.0, &shape.canonical, &spelled);
    diagnostics.push(found.expected(expected).help(help));
    None
}

/// What level the measure takes, and how this value would be one.
fn level_spelling(shape: &Shape, value: Decimal) -> (Text, Text) {
    match shape.unit {
        Some(UnitKind::Count) => {
            let events = shape.names.first().map_or("", String::as_str);
            (wording::count_level(), wording::count_level_help(value, events))
        }
        Some(UnitKind::Percent) => {
            let share = value.shift(2).unwrap_or(value);
            (wording::percent_level(), wording::percent_level_help(value, share))
        }
        Some(UnitKind::Duration) => {
            (wording::duration_level(), wording::duration_level_help(value))
        }
        Some(UnitKind::Bytes) => (wording::bytes_level(), wording::bytes_level_help(value)),
        None => (wording::bare_level(value), wording::bare_level_help(value)),
    }
}

fn level_in_range(shape: &Shape, level: Decimal, place: Place, diagnostics: &mut Vec<Diagnostic>) {
    if shape.function == Function::Distinct && level > Decimal::from_int(DISTINCT_LEVEL_MAX) {
        diagnostics.push(wording::level_range(place));
    }
}

/// The window as written, from the slash, the clause or the measure.
fn window(shape: &Shape, alert: &Plain<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<i64> {
    let written = match (&alert.level.per, &shape.within) {
        (Some(per), Some(within)) => {
            let found = wording::window_twice(per.at.0);
            diagnostics.push(found.related(within.at.0, wording::the_other_one()));
            return None;
        }
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) if shape.function == Function::Last => return Some(LAST_WINDOW_DEFAULT_MS),
        (None, None) => {
            let quantity = &alert.level.quantity;
            let level = crate::print::quantity(quantity);
            diagnostics.push(wording::missing_window(quantity.at.0, &shape.canonical, &level));
            return None;
        }
    };
    millis(written, Least::OneMillisecond, diagnostics)
}

fn key_parts(keys: &[Key], diagnostics: &mut Vec<Diagnostic>) -> Vec<KeyPart> {
    let mut parts: Vec<KeyPart> = Vec::new();
    for key in keys {
        let name = key.field.dotted();
        if parts.iter().any(|part| part.name == name) {
            diagnostics.push(wording::key_twice(key.field.at.0, &name));
        }
        parts.push(KeyPart { name, optional: key.optional });
    }
    if let Some(extra) = keys.get(KEY_PARTS_MAX) {
        diagnostics.push(wording::key_too_long(extra.field.at.0));
    }
    parts
}

/// The fields of the key in every selection; what is wrong with any of them is reported.
fn keys(
    scope: &Scope<'_>,
    shape: &Shape,
    by: &[Key],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Vec<usize>>> {
    let of = shape.of.iter();
    let each: Vec<Option<Vec<usize>>> =
        of.map(|of| key_fields(scope, of, by, diagnostics)).collect();
    let keys: Vec<Vec<usize>> = each.into_iter().collect::<Option<_>>()?;
    keys_agree(scope, shape, by, &keys, diagnostics)?;
    Some(keys)
}

fn key_fields(
    scope: &Scope<'_>,
    of: &Selected,
    keys: &[Key],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<usize>> {
    use FieldType::{Bool, Int, Ip, Str};
    let schema = scope.schema(of.stream)?;
    let mut field = |key: &Key| {
        let name = key.field.dotted();
        let index = super::stream::field_index(&schema, &name, key.field.at.0, diagnostics)?;
        if matches!(schema.fields.get(index)?.kind, Str | Int | Bool | Ip) {
            return Some(index);
        }
        diagnostics.push(wording::measured_key(key.field.at.0, &name));
        None
    };
    let each: Vec<Option<usize>> = keys.iter().map(&mut field).collect();
    each.into_iter().collect()
}

fn keys_agree(
    scope: &Scope<'_>,
    shape: &Shape,
    by: &[Key],
    keys: &[Vec<usize>],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<()> {
    let ([part, whole], [part_keys, whole_keys]) = (shape.of.as_slice(), keys) else {
        return Some(());
    };
    let (part, whole) = (scope.schema(part.stream)?, scope.schema(whole.stream)?);
    for ((key, left), right) in by.iter().zip(part_keys).zip(whole_keys) {
        let (left, right) = (part.fields.get(*left)?, whole.fields.get(*right)?);
        if left.kind != right.kind {
            let place = key.field.at.0;
            let found = wording::keys_disagree(place, &left.name, &part.name, &whole.name);
            diagnostics.push(found);
            return None;
        }
    }
    Some(())
}

fn clear_level(
    shape: &Shape,
    alert: &Plain<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Decimal> {
    let written = alert.clauses.clear.as_ref()?;
    let clear = level_value(shape, written, diagnostics)?;
    // An unreadable level is reported where it stands.
    let level = level_value(shape, &alert.level.quantity, &mut Vec::new())?;
    let spelled = || crate::print::quantity(&alert.level.quantity);
    let (easier, expected) = match alert.comparison() {
        Comparison::AtLeast | Comparison::Above => {
            (clear < level, wording::below_level(&spelled()))
        }
        Comparison::AtMost | Comparison::Below => (clear > level, wording::above_level(&spelled())),
        other => (false, wording::no_clear_with(other.symbol())),
    };
    if !easier {
        diagnostics.push(wording::clear_side(written.at.0).expected(expected));
    }
    Some(clear)
}

/// The lengths of time of an alert.
struct Timing {
    window_ms: i64,
    step_ms: i64,
    for_ms: i64,
    keep_ms: i64,
    hold_ms: i64,
}

fn timing(
    shape: &Shape,
    alert: &Plain<'_>,
    level: Decimal,
    written_ms: i64,
    diagnostics: &mut Vec<Diagnostic>,
) -> Timing {
    let (window_ms, step_ms) = stepped(shape, level, written_ms);
    let mut length = |written: &Quantity| millis(written, Least::Zero, diagnostics);
    let for_ms = alert.clauses.hold_for.as_ref().and_then(&mut length);
    let keep_ms = alert.clauses.keep.as_ref().and_then(&mut length);
    let keep_default = keep_default_ms(shape.function, window_ms, alert.clauses.clear.is_some());
    let hold_ms = match &alert.clauses.nodata {
        None => None,
        Some(HoldClause::Clear) => Some(0),
        Some(HoldClause::Hold(written)) => length(written),
    };
    Timing {
        window_ms,
        step_ms,
        for_ms: for_ms.unwrap_or(0),
        keep_ms: keep_ms.unwrap_or(keep_default),
        hold_ms: hold_ms.unwrap_or(hold_default_ms(window_ms)),
    }
}

/// The window in whole steps, and the step; 0 is event by event.
fn stepped(shape: &Shape, level: Decimal, written_ms: i64) -> (i64, i64) {
    let few_values = matches!(shape.function, Function::Count | Function::Distinct)
        && level <= Decimal::from_int(STEPLESS_LEVEL_MAX);
    if shape.function == Function::Last || few_values || written_ms <= STEPLESS_WINDOW_MS_MAX {
        return (written_ms, 0);
    }
    let step_ms = (written_ms + WINDOW_STEPS - 1) / WINDOW_STEPS;
    (written_ms / step_ms * step_ms, step_ms)
}

/// The `keep` of an alert that writes none.
pub(crate) fn keep_default_ms(function: Function, window_ms: i64, clears: bool) -> i64 {
    match function {
        _ if clears => 0,
        Function::Last => WINDOWLESS_KEEP_MS,
        _ => window_ms,
    }
}

/// How long an unknown value keeps its truth where `nodata` is not written.
pub(crate) fn hold_default_ms(window_ms: i64) -> i64 {
    window_ms.max(HOLD_DEFAULT_MS_MIN)
}

fn message(
    scope: &Scope<'_>,
    shape: &Shape,
    alert: &Plain<'_>,
    by: &[KeyPart],
    for_ms: i64,
    diagnostics: &mut Vec<Diagnostic>,
) -> Template {
    let comparison = alert.comparison();
    let Some(text) = &alert.written.message else {
        return Template {
            message: default_template(&alert.written.name.text, by, comparison.symbol()),
            fields: Vec::new(),
        };
    };
    let rises = matches!(comparison, Comparison::AtLeast | Comparison::Above);
    let on_event = matches!(
        shape.function,
        Function::Count | Function::Sum | Function::Distinct | Function::Max
    );
    let schema = shape.of.first().and_then(|of| scope.schema(of.stream));
    let event = schema.as_deref().filter(|_| rises && on_event && for_ms == 0);
    template(text, &Vocabulary { by, event }, diagnostics)
}

fn build(
    scope: &Scope<'_>,
    shape: &Shape,
    keys: &[Vec<usize>],
    fields: &[String],
) -> Option<Measure> {
    let selection = |index: usize| selection(scope, shape, index, keys.get(index)?, fields);
    let of = selection(0)?;
    Some(match shape.function {
        Function::Count => Measure::Count(of),
        Function::Sum => Measure::Sum(of),
        Function::Avg => Measure::Avg(of),
        Function::Min => Measure::Min(of),
        Function::Max => Measure::Max(of),
        Function::Last => Measure::Last(of),
        Function::Distinct => Measure::Distinct(of),
        Function::Quantile(permille) => Measure::Quantile { permille, of },
        Function::Ratio => Measure::Ratio(of, selection(1)?),
    })
}

fn selection(
    scope: &Scope<'_>,
    shape: &Shape,
    index: usize,
    key: &[usize],
    fields: &[String],
) -> Option<Selection> {
    let of = shape.of.get(index)?;
    let schema = scope.schema(of.stream)?;
    let shown =
        fields.iter().map(|name| schema.fields.iter().position(|field| field.name == *name));
    Some(Selection {
        stream: of.stream,
        predicate: of.predicate.clone(),
        field: shape.field,
        key: key.to_vec(),
        message_fields: shown.collect::<Option<_>>()?,
    })
}
