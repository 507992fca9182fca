//! `alert` statements: units, keys and defaults.

use model::decimal::Decimal;
use model::schema::FieldType;
use model::time::MINUTE_MS;

use super::constant::{Least, base, events, millis};
use super::measure::{Function, Shape, shape};
use super::message::{Template, Vocabulary, default_template, template};
use super::{Scope, Selected};
use crate::ast::{self, Key, NoData, Quantity};
use crate::diagnostic::{Code, Diagnostic, text};
use crate::quantity::{UnitKind, shown_as};
use crate::reading::Reading;
use crate::rule::{Alert, Comparison, KeyPart, Measure, Selection, Trigger};
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
    let shape = shape(scope, &alert.measure, 0, diagnostics)?;
    let unit = level_value(&shape, &alert.level.quantity, diagnostics);
    let window = window(&shape, alert, diagnostics);
    let by = key_parts(&alert.by, diagnostics);
    let keys: Vec<Option<Vec<usize>>> = shape
        .of
        .iter()
        .map(|of| key_fields(scope, of, &alert.by, diagnostics))
        .collect();
    let clear = clear_level(&shape, alert, diagnostics);
    let (level, written_ms) = (unit?, window?);
    let keys: Vec<Vec<usize>> = keys.into_iter().collect::<Option<_>>()?;
    keys_agree(scope, &shape, &alert.by, &keys, diagnostics)?;
    level_in_range(&shape, level, alert.level.quantity.at.0, diagnostics);
    let timing = timing(&shape, alert, level, written_ms, diagnostics);
    let min_events = shape
        .min
        .as_ref()
        .and_then(|min| events(min, diagnostics))
        .unwrap_or(0);
    let comparison = alert.level.comparison;
    let text = message(scope, &shape, alert, &by, timing.for_ms, diagnostics);
    let measure = build(scope, &shape, &keys, &text.fields)?;
    let trigger = Trigger {
        measure,
        window_ms: timing.window_ms,
        step_ms: timing.step_ms,
        comparison,
        level,
        min_events,
        unit: shown_as(shape.unit),
    };
    let built = Alert {
        name: alert.name.text.clone(),
        severity: alert.severity,
        trigger,
        by,
        for_ms: timing.for_ms,
        keep_ms: timing.keep_ms,
        clear,
        hold_ms: timing.hold_ms,
        message: text.message,
        message_fields: text.fields,
        runbook: alert.runbook.as_ref().map(|it| it.text.clone()),
        labels: alert
            .labels
            .iter()
            .map(|(label, text)| (label.dotted(), text.text.clone()))
            .collect(),
    };
    let reading = crate::reading::reading(&built, &shape, written_ms);
    Some(CheckedAlert {
        alert: built,
        shape,
        window_written_ms: written_ms,
        place: alert.name.at.0,
        level_place: alert.level.quantity.at.0,
        reading,
    })
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
    let canonical = &shape.canonical;
    let value = quantity.value;
    let message = text!(
        "`{canonical}` cannot be compared with `{spelled}`",
        "`{canonical}` は `{spelled}` と比べられません"
    );
    let (expected, help) = match shape.unit {
        Some(UnitKind::Count) => {
            let events = shape.names.first().map_or("", String::as_str);
            (
                text!("a count: `10`, `10回`", "件数: `10`、`10回`"),
                text!(
                    "a number of events: `{value}回/分`; a share of them: `ratio({events}, …) >= \
                    {value}%`",
                    "件数なら `{value}回/分`、割合なら `ratio({events}, …) >= {value}%`"
                ),
            )
        }
        Some(UnitKind::Percent) => {
            let share = value.shift(2).unwrap_or(value);
            (
                text!("a percentage: `5%`", "割合: `5%`"),
                text!(
                    "`{value}%`, or `{share}%` if it is a fraction",
                    "`{value}%`、または小数のつもりなら `{share}%`"
                ),
            )
        }
        Some(UnitKind::Duration) => (
            text!("a length of time: `3s`", "時間の長さ: `3秒`"),
            text!(
                "`{value}s` or `{value}ms`",
                "`{value}秒` か `{value}ミリ秒`"
            ),
        ),
        Some(UnitKind::Bytes) => (
            text!("a size: `100MB`", "サイズ: `100MB`"),
            text!("`{value}B` or `{value}MB`", "`{value}B` か `{value}MB`"),
        ),
        None => (
            text!("a bare number: `{value}`", "単位のない数: `{value}`"),
            text!(
                "write `{value}`, or declare the field with a unit: `duration(ms)`, \
                `percent(0..100)`, `bytes`",
                "`{value}` と書くか、フィールドに単位を付けて宣言します: `duration(ms)`、`percent(0..100)`、`bytes`"
            ),
        ),
    };
    let found = Diagnostic::new(Code::UnitMismatch, quantity.at.0, message);
    diagnostics.push(found.expected(expected).help(help));
    None
}

fn level_in_range(shape: &Shape, level: Decimal, place: Place, diagnostics: &mut Vec<Diagnostic>) {
    if shape.function == Function::Distinct && level > Decimal::from_int(DISTINCT_LEVEL_MAX) {
        let message = text!(
            "`distinct` is exact up to {DISTINCT_LEVEL_MAX} only",
            "`distinct` が正確なのは {DISTINCT_LEVEL_MAX} までです"
        );
        let help = text!(
            "lower the level, or count events",
            "しきい値を下げるか、イベントを数えてください"
        );
        diagnostics.push(Diagnostic::new(Code::LevelRange, place, message).help(help));
    }
}

/// The window as written, from the slash, the clause or the measure.
fn window(shape: &Shape, alert: &ast::Alert, diagnostics: &mut Vec<Diagnostic>) -> Option<i64> {
    let written = match (&alert.level.per, &shape.within) {
        (Some(per), Some(within)) => {
            let message = text!("the window is given twice", "窓が二度指定されています");
            let help = text!(
                "keep `/…` or `within …`",
                "`/…` か `within …` のどちらかにしてください"
            );
            let note = text!("the other one", "もう一方");
            let found = Diagnostic::new(Code::RepeatedWindow, per.at.0, message);
            diagnostics.push(found.help(help).related(within.at.0, note));
            return None;
        }
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) if shape.function == Function::Last => return Some(LAST_WINDOW_DEFAULT_MS),
        (None, None) => {
            let level = crate::print::quantity(&alert.level.quantity);
            let canonical = &shape.canonical;
            let message = text!(
                "`{canonical}` needs a window",
                "`{canonical}` には窓が必要です"
            );
            let help = text!(
                "write `{level}/分`, or `within 5m` after the level",
                "`{level}/分` か、しきい値の後に `within 5分` と書いてください"
            );
            diagnostics.push(
                Diagnostic::new(Code::MissingWindow, alert.level.quantity.at.0, message).help(help),
            );
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
            let message = text!(
                "the key has `{name}` twice",
                "キーに `{name}` が二度あります"
            );
            let help = text!("keep one of them", "一つだけ残してください");
            diagnostics
                .push(Diagnostic::new(Code::RepeatedClause, key.field.at.0, message).help(help));
        }
        parts.push(KeyPart {
            name,
            optional: key.optional,
        });
    }
    if let Some(extra) = keys.get(KEY_PARTS_MAX) {
        let message = text!(
            "a key has at most {KEY_PARTS_MAX} components",
            "キーは {KEY_PARTS_MAX} 個までです"
        );
        diagnostics.push(Diagnostic::new(
            Code::LimitExceeded,
            extra.field.at.0,
            message,
        ));
    }
    parts
}

fn key_fields(
    scope: &Scope<'_>,
    of: &Selected,
    keys: &[Key],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<usize>> {
    let schema = scope.schema(of.stream)?;
    let mut indices = Vec::new();
    for key in keys {
        let name = key.field.dotted();
        let index = super::stream::field_index(&schema, &name, key.field.at.0, diagnostics)?;
        let kind = &schema.fields.get(index)?.kind;
        if !matches!(
            kind,
            FieldType::Str | FieldType::Int | FieldType::Bool | FieldType::Ip
        ) {
            let message = text!(
                "`{name}` is measured, it identifies nothing",
                "`{name}` は測定値で、識別には使えません"
            );
            let expected = text!(
                "a field of type str, int, bool or ip",
                "str、int、bool、ip 型のフィールド"
            );
            diagnostics
                .push(Diagnostic::new(Code::KeyType, key.field.at.0, message).expected(expected));
            return None;
        }
        indices.push(index);
    }
    Some(indices)
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
    let (part_schema, whole_schema) = (scope.schema(part.stream)?, scope.schema(whole.stream)?);
    for ((key, left), right) in by.iter().zip(part_keys).zip(whole_keys) {
        let (left, right) = (
            part_schema.fields.get(*left)?,
            whole_schema.fields.get(*right)?,
        );
        if left.kind != right.kind {
            let name = &left.name;
            let (a, b) = (&part_schema.name, &whole_schema.name);
            let message = text!(
                "`{name}` has different types in `{a}` and `{b}`",
                "`{name}` の型が `{a}` と `{b}` で違います"
            );
            let help = text!(
                "declare it alike in both streams",
                "両方の stream で同じ型にしてください"
            );
            diagnostics
                .push(Diagnostic::new(Code::KeysDisagree, key.field.at.0, message).help(help));
            return None;
        }
    }
    Some(())
}

fn clear_level(
    shape: &Shape,
    alert: &ast::Alert,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Decimal> {
    let written = alert.clear.as_ref()?;
    let clear = level_value(shape, written, diagnostics)?;
    // An unreadable level is reported where it stands.
    let level = level_value(shape, &alert.level.quantity, &mut Vec::new())?;
    let easier = match alert.level.comparison {
        Comparison::AtLeast | Comparison::Above => clear < level,
        Comparison::AtMost | Comparison::Below => clear > level,
        Comparison::Equal | Comparison::NotEqual => false,
    };
    if !easier {
        let (symbol, level) = (
            alert.level.comparison.symbol(),
            crate::print::quantity(&alert.level.quantity),
        );
        let message = text!(
            "`clear` is not on the easier side of the level",
            "`clear` がしきい値より緩い側にありません"
        );
        let expected = match alert.level.comparison {
            Comparison::AtLeast | Comparison::Above => {
                text!("a value below {level}", "{level} より小さい値")
            }
            Comparison::AtMost | Comparison::Below => {
                text!("a value above {level}", "{level} より大きい値")
            }
            _ => text!(
                "no `clear` with `{symbol}`",
                "`{symbol}` に `clear` は付けられません"
            ),
        };
        diagnostics
            .push(Diagnostic::new(Code::ClearSide, written.at.0, message).expected(expected));
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
    alert: &ast::Alert,
    level: Decimal,
    written_ms: i64,
    diagnostics: &mut Vec<Diagnostic>,
) -> Timing {
    let few_values = matches!(shape.function, Function::Count | Function::Distinct)
        && level <= Decimal::from_int(STEPLESS_LEVEL_MAX);
    let stepless =
        shape.function == Function::Last || few_values || written_ms <= STEPLESS_WINDOW_MS_MAX;
    let step_ms = if stepless {
        0
    } else {
        (written_ms + WINDOW_STEPS - 1) / WINDOW_STEPS
    };
    let window_ms = if step_ms == 0 {
        written_ms
    } else {
        written_ms / step_ms * step_ms
    };
    let mut length = |written: &Option<Quantity>| {
        written
            .as_ref()
            .and_then(|length| millis(length, Least::Zero, diagnostics))
    };
    let for_ms = length(&alert.hold_for).unwrap_or(0);
    let keep_default = match (&alert.clear, shape.function) {
        (Some(_), _) => 0,
        (None, Function::Last) => WINDOWLESS_KEEP_MS,
        (None, _) => window_ms,
    };
    let keep_ms = length(&alert.keep).unwrap_or(keep_default);
    let hold_default = window_ms.max(HOLD_DEFAULT_MS_MIN);
    let hold_ms = match &alert.nodata {
        None => hold_default,
        Some(NoData::Clear) => 0,
        Some(NoData::Hold(written)) => length(&Some(written.clone())).unwrap_or(hold_default),
    };
    Timing {
        window_ms,
        step_ms,
        for_ms,
        keep_ms,
        hold_ms,
    }
}

fn message(
    scope: &Scope<'_>,
    shape: &Shape,
    alert: &ast::Alert,
    by: &[KeyPart],
    for_ms: i64,
    diagnostics: &mut Vec<Diagnostic>,
) -> Template {
    let rises = matches!(
        alert.level.comparison,
        Comparison::AtLeast | Comparison::Above
    );
    let on_event = matches!(
        shape.function,
        Function::Count | Function::Sum | Function::Distinct | Function::Max
    );
    let schema = shape.of.first().and_then(|of| scope.schema(of.stream));
    let event = schema
        .as_deref()
        .filter(|_| rises && on_event && for_ms == 0);
    match &alert.message {
        Some(text) => template(text, &Vocabulary { by, event }, diagnostics),
        None => {
            let symbol = alert.level.comparison.symbol();
            Template {
                message: default_template(&alert.name.text, by, symbol),
                fields: Vec::new(),
            }
        }
    }
}

fn build(
    scope: &Scope<'_>,
    shape: &Shape,
    keys: &[Vec<usize>],
    fields: &[String],
) -> Option<Measure> {
    let selection = |index: usize| -> Option<Selection> {
        let of = shape.of.get(index)?;
        let schema = scope.schema(of.stream)?;
        let shown = fields
            .iter()
            .map(|name| schema.fields.iter().position(|field| field.name == *name));
        Some(Selection {
            stream: of.stream,
            predicate: of.predicate.clone(),
            field: shape.field,
            key: keys.get(index)?.clone(),
            message_fields: shown.collect::<Option<_>>()?,
        })
    };
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
