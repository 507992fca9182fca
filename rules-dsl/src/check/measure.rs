//! Measures: what is counted over which events.

use model::schema::FieldType;

use super::constant::{Least, events, millis};
use super::{CHAIN_MAX, Scope, Selected, Statement};
use crate::ast::{Measure, Name, Path, Quantity, Term};
use crate::diagnostic::{Code, Diagnostic, text};
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
    };
    for (own, at_use) in [
        (&mut shape.within, &measure.within),
        (&mut shape.min, &measure.min),
    ] {
        let Some(written) = at_use else {
            continue;
        };
        if let Some(first) = own.replace(written.clone()) {
            let message = text!(
                "it is given in the measure and again here",
                "measure の中とここの両方に書かれています"
            );
            let help = text!("keep one of them", "どちらか一つにしてください");
            let note = text!("given here", "最初の指定");
            let found = Diagnostic::new(Code::RepeatedWindow, written.at.0, message);
            diagnostics.push(found.help(help).related(first.at.0, note));
        }
    }
    Some(shape)
}

/// Checks the window and minimum of a measure that perhaps no alert uses.
pub(super) fn lengths(measure: &Measure, diagnostics: &mut Vec<Diagnostic>) {
    if let Some(within) = &measure.within {
        millis(within, Least::OneMillisecond, diagnostics);
    }
    if let Some(min) = &measure.min {
        events(min, diagnostics);
    }
}

fn named(
    scope: &mut Scope<'_>,
    name: &Name,
    depth: usize,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Shape> {
    if let Some((Statement::Measure(inner), _)) = scope.declared.get(name.text.as_str()).copied() {
        if depth >= CHAIN_MAX {
            let text = &name.text;
            let message = text!(
                "`{text}` builds on itself or on too many others",
                "`{text}` が自分自身を元にしているか、元が多すぎます"
            );
            diagnostics.push(Diagnostic::new(Code::Circle, name.at.0, message));
            return None;
        }
        // What is wrong inside was reported at the measure itself.
        let mut inside = Vec::new();
        let found = shape(scope, &inner.measure, depth + 1, &mut inside);
        if depth == 0 && found.is_none() {
            inside.retain(|d| d.code == Code::Circle);
            diagnostics.append(&mut inside);
        }
        return found;
    }
    let events = scope.events(name, 0, diagnostics)?;
    Some(count_of(events, &name.text))
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
    if let Some((_, function)) = FUNCTIONS.iter().find(|(known, _)| *known == word) {
        return Some(*function);
    }
    if let Some(digits) = word
        .strip_prefix('p')
        .filter(|d| d.starts_with(|c: char| c.is_ascii_digit()))
    {
        let (whole, tenth) = digits.split_once('.').unwrap_or((digits, "0"));
        let (whole, tenth) = (
            whole.parse::<u32>().ok(),
            tenth.parse::<u32>().ok().filter(|_| tenth.len() == 1),
        );
        let permille = whole
            .zip(tenth)
            .and_then(|(w, t)| w.checked_mul(10)?.checked_add(t));
        if let Some(permille) = permille.filter(|permille| (1..1000).contains(permille)) {
            return Some(Function::Quantile(permille));
        }
    }
    let message = text!("`{word}` is no measure", "`{word}` という集計はありません");
    let expected = text!(
        "one of count sum avg min max last distinct ratio p50 p95 p99 p99.9",
        "count sum avg min max last distinct ratio p50 p95 p99 p99.9 のどれか"
    );
    let found = Diagnostic::new(Code::UnknownName, name.at.0, message).expected(expected);
    diagnostics.push(found.suggest(word, FUNCTIONS.iter().map(|(known, _)| *known)));
    None
}

fn call(
    scope: &mut Scope<'_>,
    name: &Name,
    arguments: &[Path],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Shape> {
    let function = function_named(name, diagnostics)?;
    let word = &name.text;
    let wrong = |place: Place| {
        let message = text!(
            "`{word}` does not take these arguments",
            "`{word}` の引数が違います"
        );
        Diagnostic::new(Code::MeasureArgument, place, message)
    };
    let whole = arguments
        .first()
        .zip(arguments.last())
        .map_or(name.at.0, |(a, b)| a.at.0.to(b.at.0));
    match (function, arguments) {
        (Function::Ratio, [part, all]) => {
            let (part_events, all_events) = (
                event_set(scope, part, diagnostics),
                event_set(scope, all, diagnostics),
            );
            let (part_events, all_events) = (part_events?, all_events?);
            let (a, b) = (crate::print::path(part), crate::print::path(all));
            Some(Shape {
                function,
                of: vec![part_events, all_events],
                unit: Some(UnitKind::Percent),
                canonical: format!("ratio({a}, {b})"),
                names: vec![part.dotted(), all.dotted()],
                ..count_of(Selected::nothing(), "")
            })
        }
        (Function::Ratio, _) => {
            diagnostics.push(wrong(whole).help(text!(
                "two kinds of events: `ratio(エラー, http)`",
                "イベントを二つ: `ratio(エラー, http)`"
            )));
            None
        }
        (Function::Count, [events]) => {
            let selected = event_set(scope, events, diagnostics)?;
            Some(count_of(selected, &events.dotted()))
        }
        (Function::Count, _) => {
            diagnostics.push(wrong(whole).help(text!(
                "one kind of events: `count(http)`",
                "イベントを一つ: `count(http)`"
            )));
            None
        }
        (_, [argument]) => measured(scope, function, name, argument, diagnostics),
        _ => {
            diagnostics.push(wrong(whole).help(text!(
                "one field: `{word}(http.latency)`",
                "フィールドを一つ: `{word}(http.latency)`"
            )));
            None
        }
    }
}

/// The events a path names: a stream or filter, without a field.
fn event_set(
    scope: &mut Scope<'_>,
    path: &Path,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Selected> {
    let (head, field) = path.split();
    if let Some(field) = field {
        let message = text!(
            "events are counted here, `{field}` is a field",
            "ここではイベントを数えます。`{field}` はフィールドです"
        );
        let help = text!(
            "write `{head}`, or `distinct({head}.{field})` for its different values",
            "`{head}` か、値の種類なら `distinct({head}.{field})` と書いてください"
        );
        diagnostics.push(Diagnostic::new(Code::MeasureArgument, path.at.0, message).help(help));
        return None;
    }
    scope.events(
        &Name {
            text: head.to_owned(),
            at: path.at,
        },
        0,
        diagnostics,
    )
}

fn measured(
    scope: &mut Scope<'_>,
    function: Function,
    name: &Name,
    argument: &Path,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Shape> {
    let word = &name.text;
    let (head, field_name) = argument.split();
    let events = scope.events(
        &Name {
            text: head.to_owned(),
            at: argument.at,
        },
        0,
        diagnostics,
    )?;
    let schema = scope.schema(events.stream)?;
    let numeric = |kind: &FieldType| {
        use FieldType::{Bytes, Duration, Float, Int, Percent};
        matches!(kind, Int | Float | Duration(_) | Percent(_) | Bytes)
    };
    let fits = |kind: &FieldType| match function {
        Function::Distinct => !matches!(kind, FieldType::List(_)),
        _ => numeric(kind),
    };
    let Some(field_name) = field_name else {
        let some = schema.fields.iter().find(|field| fits(&field.kind));
        let some = some.map(|field| field.name.as_str());
        diagnostics.push(missing_field(word, head, some, argument.at.0));
        return None;
    };
    let index = super::stream::field_index(&schema, &field_name, argument.at.0, diagnostics)?;
    let kind = &schema.fields.get(index)?.kind;
    if !fits(kind) {
        let found = super::kind::Kind::of(kind).words();
        let message = text!(
            "`{word}` cannot be computed of `{field_name}`",
            "`{field_name}` の `{word}` は求められません"
        );
        let expected = text!(
            "a number, length of time, percentage or size",
            "数、時間の長さ、割合、サイズのどれか"
        );
        let diagnostic = Diagnostic::new(Code::MeasureArgument, argument.at.0, message);
        diagnostics.push(diagnostic.found(found).expected(expected));
        return None;
    }
    let unit = unit_of(function, kind);
    let spelled = crate::print::path(argument);
    let canonical = format!("{word}({spelled})");
    let rest = count_of(events, head);
    Some(Shape {
        function,
        field: Some(index),
        field_name,
        unit,
        canonical,
        ..rest
    })
}

fn missing_field(word: &str, head: &str, some: Option<&str>, place: Place) -> Diagnostic {
    let message = text!(
        "`{word}` needs a field of `{head}`",
        "`{word}` には `{head}` のフィールドが必要です"
    );
    let found = Diagnostic::new(Code::MeasureArgument, place, message);
    match some {
        Some(some) => found.help(text!(
            "for example `{word}({head}.{some})`",
            "例: `{word}({head}.{some})`"
        )),
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

impl Selected {
    fn nothing() -> Selected {
        Selected {
            stream: 0,
            predicate: crate::rule::Predicate::True,
            lineage: Vec::new(),
        }
    }
}
