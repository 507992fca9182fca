//! Measures: what is counted over which events.

use model::schema::FieldType;

use super::constant::{Least, events, millis};
use super::{CHAIN_MAX, Scope, Selected, Statement, later, wording};
use crate::ast::{Measure, Name, Path, Quantity, Term};
use crate::diagnostic::{Code, Diagnostic};
use crate::quantity::UnitKind;
use crate::source::Place;

/// What a measure computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Count,
    Sum,
    Avg,
    Min,
    Max,
    Last,
    Distinct,
    /// In thousandths.
    Quantile(u32),
    Ratio,
}

const FUNCTIONS: [(&str, Function); 8] = [
    ("count", Function::Count),
    ("sum", Function::Sum),
    ("avg", Function::Avg),
    ("min", Function::Min),
    ("max", Function::Max),
    ("last", Function::Last),
    ("distinct", Function::Distinct),
    ("ratio", Function::Ratio),
];

/// A resolved measure.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) function: Function,
    /// One selection, or numerator and denominator.
    pub(crate) of: Vec<Selected>,
    /// The measured field.
    pub(crate) field: Option<usize>,
    /// Its name as rules write it.
    pub(crate) field_name: String,
    /// What the value is counted in; `None` is a bare number.
    pub(crate) unit: Option<UnitKind>,
    /// `count(認証失敗)`
    pub(crate) canonical: String,
    /// What the events are called: the last name of each selection.
    pub(crate) names: Vec<String>,
    pub(crate) within: Option<Quantity>,
    pub(crate) min: Option<Quantity>,
}

/// Resolves a measure; `None` is reported.
pub(super) fn shape(
    scope: &mut Scope<'_>,
    measure: &Measure,
    depth: usize,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Shape> {
    let mut shape = match &measure.term {
        Term::Call(function, arguments) => call(scope, function, arguments, diagnostics)?,
        Term::Named(name) => named(scope, name, depth, diagnostics)?,
        Term::Number(_) | Term::Arithmetic(..) | Term::Versus(..) => {
            return later::term(&measure.term, diagnostics);
        }
    };
    later::step(&measure.window, diagnostics);
    give(&mut shape.within, measure.window.within.as_ref(), diagnostics);
    give(&mut shape.min, measure.window.min.as_ref(), diagnostics);
    Some(shape)
}

/// Takes what is written at the use of a measure; twice is once too often.
fn give(own: &mut Option<Quantity>, at_use: Option<&Quantity>, diagnostics: &mut Vec<Diagnostic>) {
    let Some(written) = at_use else {
        return;
    };
    if let Some(first) = own.replace(written.clone()) {
        let found = wording::given_in_measure(written.at.0);
        diagnostics.push(found.related(first.at.0, wording::given_here()));
    }
}

/// Checks the window and minimum of a measure that perhaps no alert uses.
pub(super) fn lengths(measure: &Measure, diagnostics: &mut Vec<Diagnostic>) {
    if let Some(within) = &measure.window.within {
        millis(within, Least::OneMillisecond, diagnostics);
    }
    if let Some(min) = &measure.window.min {
        events(min, diagnostics);
    }
}

fn named(
    scope: &mut Scope<'_>,
    name: &Name,
    depth: usize,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Shape> {
    let declared = scope.declared.get(name.text.as_str()).copied();
    let Some((Statement::Measure(inner), _)) = declared else {
        let events = scope.events(name, 0, diagnostics)?;
        return Some(count_of(events, &name.text));
    };
    if depth >= CHAIN_MAX {
        diagnostics.push(wording::measure_circle(name.at.0, &name.text));
        return None;
    }
    // What is wrong inside was reported at the measure itself.
    let mut inside = Vec::new();
    let found = shape(scope, &inner.measure, depth + 1, &mut inside);
    if found.is_none() {
        inside.retain(|d| d.code == Code::Circle);
        diagnostics.append(&mut inside);
    }
    found
}

fn count_of(events: Selected, name: &str) -> Shape {
    let spelled = crate::print::name(name);
    Shape {
        function: Function::Count,
        of: vec![events],
        field: None,
        field_name: String::new(),
        unit: Some(UnitKind::Count),
        canonical: format!("count({spelled})"),
        names: vec![name.to_owned()],
        within: None,
        min: None,
    }
}

fn function_named(name: &Name, diagnostics: &mut Vec<Diagnostic>) -> Option<Function> {
    let word = name.text.as_str();
    let known = FUNCTIONS.iter().find(|(known, _)| *known == word);
    let function = known.map(|(_, function)| *function).or_else(|| quantile(word));
    if function.is_none() {
        let names = FUNCTIONS.iter().map(|(known, _)| *known);
        let unknown = || wording::unknown_measure(name.at.0, word).suggest(word, names);
        diagnostics.push(later::function(name).unwrap_or_else(unknown));
    }
    function
}

/// `p95` and `p99.9`: above 0 and below 100, with at most one digit after the point.
fn quantile(word: &str) -> Option<Function> {
    let digits = word.strip_prefix('p')?;
    let (whole, tenth) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !plain(whole) || !plain(tenth) || tenth.len() != 1 {
        return None;
    }
    let permille = whole.parse::<u32>().ok()?.checked_mul(10)?;
    let permille = permille.checked_add(tenth.parse().ok()?)?;
    (1..1000).contains(&permille).then_some(Function::Quantile(permille))
}

fn call(
    scope: &mut Scope<'_>,
    name: &Name,
    arguments: &[Path],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Shape> {
    let function = function_named(name, diagnostics)?;
    let ends = arguments.first().zip(arguments.last());
    let place = ends.map_or(name.at.0, |(first, last)| first.at.0.to(last.at.0));
    let wrong = match (function, arguments) {
        (Function::Ratio, [part, whole]) => return ratio(scope, part, whole, diagnostics),
        (Function::Count, [events]) => {
            let selected = event_set(scope, events, diagnostics)?;
            return Some(count_of(selected, &events.dotted()));
        }
        (Function::Ratio, _) => wording::ratio_arguments(place, &name.text),
        (Function::Count, _) => wording::count_arguments(place, &name.text),
        (_, [argument]) => return measured(scope, function, name, argument, diagnostics),
        _ => wording::field_arguments(place, &name.text),
    };
    diagnostics.push(wrong);
    None
}

fn ratio(
    scope: &mut Scope<'_>,
    part: &Path,
    whole: &Path,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Shape> {
    let part_events = event_set(scope, part, diagnostics);
    let whole_events = event_set(scope, whole, diagnostics)?;
    let mut ratio = count_of(part_events?, &part.dotted());
    ratio.function = Function::Ratio;
    ratio.unit = Some(UnitKind::Percent);
    let (a, b) = (crate::print::path(part), crate::print::path(whole));
    ratio.canonical = format!("ratio({a}, {b})");
    ratio.of.push(whole_events);
    ratio.names.push(whole.dotted());
    Some(ratio)
}

/// The events a path names: a stream or filter, without a field.
fn event_set(
    scope: &mut Scope<'_>,
    path: &Path,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Selected> {
    let (head, field) = path.split();
    if let Some(field) = field {
        diagnostics.push(wording::field_for_events(path.at.0, head, &field));
        return None;
    }
    scope.events(&head_name(path), 0, diagnostics)
}

/// The stream or filter a path begins with.
fn head_name(path: &Path) -> Name {
    Name { text: path.split().0.to_owned(), at: path.at }
}

/// Whether a function can be computed of a field.
fn measures(function: Function, kind: &FieldType) -> bool {
    use FieldType::{Bytes, Duration, Float, Int, List, Percent};
    match function {
        Function::Distinct => !matches!(kind, List(_)),
        _ => matches!(kind, Int | Float | Duration(_) | Percent(_) | Bytes),
    }
}

fn measured(
    scope: &mut Scope<'_>,
    function: Function,
    name: &Name,
    argument: &Path,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Shape> {
    let (word, place) = (&name.text, argument.at.0);
    let (head, field_name) = argument.split();
    let events = scope.events(&head_name(argument), 0, diagnostics)?;
    let schema = scope.schema(events.stream)?;
    let Some(field_name) = field_name else {
        let some = schema.fields.iter().find(|field| measures(function, &field.kind));
        let some = some.map(|field| field.name.as_str());
        diagnostics.push(missing_field(word, head, some, place));
        return None;
    };
    let index = super::stream::field_index(&schema, &field_name, place, diagnostics)?;
    let kind = &schema.fields.get(index)?.kind;
    if !measures(function, kind) {
        let found = wording::unmeasurable(place, word, &field_name);
        diagnostics.push(found.found(super::kind::Kind::of(kind).words()));
        return None;
    }
    let spelled = crate::print::path(argument);
    Some(Shape {
        function,
        field: Some(index),
        unit: unit_of(function, kind),
        canonical: format!("{word}({spelled})"),
        field_name,
        ..count_of(events, head)
    })
}

fn missing_field(word: &str, head: &str, some: Option<&str>, place: Place) -> Diagnostic {
    let found = wording::missing_field(place, word, head);
    match some {
        Some(some) => found.help(wording::for_example(word, head, some)),
        None => found,
    }
}

fn unit_of(function: Function, kind: &FieldType) -> Option<UnitKind> {
    match (function, kind) {
        (Function::Distinct, _) => Some(UnitKind::Count),
        (_, FieldType::Duration(_)) => Some(UnitKind::Duration),
        (_, FieldType::Percent(_)) => Some(UnitKind::Percent),
        (_, FieldType::Bytes) => Some(UnitKind::Bytes),
        _ => None,
    }
}
