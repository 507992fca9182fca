//! Measures: functions over the events of a selection.

use model::schema::FieldType;

use super::kind::ValueType;
use super::scope::NameScope;
use super::stream::field_index;
use super::types::{MeasureFunction, MeasureShape, SelectedEvents};
use super::{filter, messages};
use crate::ast::{FieldPath, SpannedName};
use crate::diagnostic::Diagnostic;
use crate::quantity::UnitKind;
use crate::source::SourceSpan;

const FUNCTIONS: [(&str, MeasureFunction); 12] = [
    ("count", MeasureFunction::Count),
    ("sum", MeasureFunction::Sum),
    ("avg", MeasureFunction::Avg),
    ("stddev", MeasureFunction::Stddev),
    ("min", MeasureFunction::Min),
    ("max", MeasureFunction::Max),
    ("last", MeasureFunction::Last),
    ("delta", MeasureFunction::Delta),
    ("increase", MeasureFunction::Increase),
    ("rate", MeasureFunction::Rate),
    ("distinct", MeasureFunction::Distinct),
    ("ratio", MeasureFunction::Ratio),
];

/// Measure names of other tools, and the equivalents here.
const ELSEWHERE: [(&str, &str); 10] = [
    ("average", "avg"),
    ("mean", "avg"),
    ("median", "p50"),
    ("maximum", "max"),
    ("minimum", "min"),
    ("stdev", "stddev"),
    ("cardinality", "distinct"),
    ("value_count", "distinct"),
    ("uniq", "distinct"),
    ("total", "sum"),
];

pub(super) fn count_of(events: SelectedEvents, name: &str) -> MeasureShape {
    let spelled = crate::print::name(name);
    MeasureShape {
        function: MeasureFunction::Count,
        of: vec![events],
        field: None,
        field_name: String::new(),
        unit: Some(UnitKind::Count),
        canonical: format!("count({spelled})"),
        names: vec![name.to_owned()],
        within: None,
        step: None,
        min: None,
        ago: None,
    }
}

fn function_named(
    name: &SpannedName,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<MeasureFunction> {
    let word = name.text.as_str();
    let known = FUNCTIONS.iter().find(|(known, _)| *known == word);
    let function = known.map(|(_, function)| *function).or_else(|| quantile(word));
    if function.is_none() {
        let lower = word.to_ascii_lowercase();
        let elsewhere = ELSEWHERE.iter().find(|(theirs, _)| *theirs == lower);
        let found = messages::unknown_measure(name.at.0, word);
        diagnostics.push(match elsewhere {
            Some((_, ours)) => found.help(messages::meant_measure(ours)),
            None => found.suggest(word, FUNCTIONS.iter().map(|(known, _)| *known)),
        });
    }
    function
}

/// `p95` and `p99.9`: above 0 and below 100, with at most one digit after the point.
fn quantile(word: &str) -> Option<MeasureFunction> {
    let digits = word.strip_prefix('p')?;
    let (whole, tenth) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !plain(whole) || !plain(tenth) || tenth.len() != 1 {
        return None;
    }
    let permille = whole.parse::<u32>().ok()?.checked_mul(10)?.checked_add(tenth.parse().ok()?)?;
    (1..1000).contains(&permille).then_some(MeasureFunction::Quantile(permille))
}

/// Resolves `count(x)`, `ratio(a, b)` …; `None` is reported.
pub(super) fn call(
    scope: &mut NameScope<'_>,
    name: &SpannedName,
    arguments: &[FieldPath],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<MeasureShape> {
    let function = function_named(name, diagnostics)?;
    let ends = arguments.first().zip(arguments.last());
    let place = ends.map_or(name.at.0, |(first, last)| first.at.0.to(last.at.0));
    let wrong = match (function, arguments) {
        (MeasureFunction::Ratio, [part, whole]) => return ratio(scope, part, whole, diagnostics),
        (MeasureFunction::Count, [events]) => {
            let selected = event_set(scope, events, diagnostics)?;
            return Some(count_of(selected, &events.dotted()));
        }
        (MeasureFunction::Ratio, _) => messages::ratio_arguments(place, &name.text),
        (MeasureFunction::Count, _) => messages::count_arguments(place, &name.text),
        (_, [argument]) => return measured(scope, function, name, argument, diagnostics),
        _ => messages::field_arguments(place, &name.text),
    };
    diagnostics.push(wrong);
    None
}

fn ratio(
    scope: &mut NameScope<'_>,
    part: &FieldPath,
    whole: &FieldPath,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<MeasureShape> {
    let part_events = event_set(scope, part, diagnostics);
    let whole_events = event_set(scope, whole, diagnostics)?;
    let mut ratio = count_of(part_events?, &part.dotted());
    ratio.function = MeasureFunction::Ratio;
    ratio.unit = Some(UnitKind::Percent);
    let (a, b) = (crate::print::path(part), crate::print::path(whole));
    ratio.canonical = format!("ratio({a}, {b})");
    ratio.of.push(whole_events);
    ratio.names.push(whole.dotted());
    Some(ratio)
}

/// The events a path names: a stream or filter, without a field.
fn event_set(
    scope: &mut NameScope<'_>,
    path: &FieldPath,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<SelectedEvents> {
    let (head, field) = path.split();
    if let Some(field) = field {
        diagnostics.push(messages::field_for_events(path.at.0, head, &field));
        return None;
    }
    filter::events(scope, &head_name(path), 0, diagnostics)
}

/// Stream or filter at the start of a path.
fn head_name(path: &FieldPath) -> SpannedName {
    SpannedName { text: path.split().0.to_owned(), at: path.at }
}

/// True when a function can be computed of a field.
fn measures(function: MeasureFunction, kind: &FieldType) -> bool {
    use FieldType::{Bytes, Duration, Float, Int, List, Percent};
    match function {
        MeasureFunction::Distinct => !matches!(kind, List(_)),
        _ => matches!(kind, Int | Float | Duration(_) | Percent(_) | Bytes),
    }
}

/// Rank of a field type for a function: the higher, the less likely the field is the one to
/// measure.
fn unlikeliness(function: MeasureFunction, kind: &FieldType) -> u8 {
    use FieldType::{Bool, Instant, Int, Ip, Str, Time};
    match (function, kind) {
        (MeasureFunction::Distinct, Str | Ip) => 0,
        (_, Time(_) | Instant(_) | Bool) => 2,
        (MeasureFunction::Distinct, _) | (_, Int) => 1,
        _ => 0,
    }
}

fn measured(
    scope: &mut NameScope<'_>,
    function: MeasureFunction,
    name: &SpannedName,
    argument: &FieldPath,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<MeasureShape> {
    let (word, place) = (&name.text, argument.at.0);
    let (head, field_name) = argument.split();
    let events = filter::events(scope, &head_name(argument), 0, diagnostics)?;
    let schema = scope.schema(events.stream)?;
    let Some(field_name) = field_name else {
        let fitting = schema.fields.iter().filter(|field| measures(function, &field.kind));
        let likeliest = fitting.min_by_key(|field| unlikeliness(function, &field.kind));
        let example = likeliest.map(|field| field.name.as_str());
        diagnostics.push(missing_field(word, head, example, place));
        return None;
    };
    let index = field_index(&schema, &field_name, place, diagnostics)?;
    let kind = &schema.fields.get(index)?.kind;
    if !measures(function, kind) {
        let found = messages::unmeasurable(place, word, &field_name);
        diagnostics.push(found.found(ValueType::of(kind).words()));
        return None;
    }
    let spelled = crate::print::path(argument);
    Some(MeasureShape {
        function,
        field: Some(index),
        unit: unit_of(function, kind),
        canonical: format!("{word}({spelled})"),
        field_name,
        ..count_of(events, head)
    })
}

fn missing_field(word: &str, head: &str, some: Option<&str>, place: SourceSpan) -> Diagnostic {
    let found = messages::missing_field(place, word, head);
    match some {
        Some(some) => found.help(messages::for_example(word, head, some)),
        None => found,
    }
}

fn unit_of(function: MeasureFunction, kind: &FieldType) -> Option<UnitKind> {
    match (function, kind) {
        (MeasureFunction::Distinct, _) => Some(UnitKind::Count),
        (_, FieldType::Duration(_)) => Some(UnitKind::Duration),
        (_, FieldType::Percent(_)) => Some(UnitKind::Percent),
        (_, FieldType::Bytes) => Some(UnitKind::Bytes),
        _ => None,
    }
}
