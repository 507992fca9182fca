//! `stream` statements to schemas.

use std::collections::HashMap;

use model::schema::{
    Codec, DurationUnit, Extract, Field, FieldType, Pattern, PatternPart, PercentScale, Schema,
    TimeFormat, UnixUnit,
};
use model::time::SECOND_MS;

use super::constant::{Least, millis};
use crate::ast::{self, FieldKind, KindArgument, Path, Quoted};
use crate::diagnostic::{Code, Diagnostic, Text, text};

/// Lateness of a stream that names none.
pub const LATENESS_DEFAULT_MS: i64 = 5 * SECOND_MS;
/// What other languages call our types.
const ALIASES: [(&str, &str); 10] = [
    ("string", "str"),
    ("text", "str"),
    ("integer", "int"),
    ("long", "int"),
    ("double", "float"),
    ("number", "float"),
    ("boolean", "bool"),
    ("timestamp", "time"),
    ("datetime", "time"),
    ("size", "bytes"),
];
const TYPES: [&str; 11] = [
    "str", "int", "float", "bool", "time", "instant", "duration", "percent", "bytes", "ip", "list",
];

/// The schema of a stream; what is wrong is reported, and the rest of it still serves to check
/// what uses the stream.
pub(super) fn schema(stream: &ast::Stream, diagnostics: &mut Vec<Diagnostic>) -> Schema {
    let name = stream.name.text.clone();
    let mut seen: HashMap<String, crate::source::Place> = HashMap::new();
    let mut fields = Vec::new();
    let mut times = Vec::new();
    for field in &stream.fields {
        let field_name = field.name.dotted();
        if let Some(first) = seen.insert(field_name.clone(), field.name.at.0) {
            let message = text!(
                "the field `{field_name}` is declared twice",
                "フィールド `{field_name}` が二度宣言されています"
            );
            let note = text!("first declared here", "最初の宣言");
            diagnostics.push(
                Diagnostic::new(Code::DuplicateField, field.name.at.0, message)
                    .related(first, note),
            );
            continue;
        }
        let kind = field_type(&field.kind, diagnostics).unwrap_or(FieldType::Str);
        if matches!(kind, FieldType::Time(_)) {
            times.push((fields.len(), field.name.at.0));
        }
        let path = field
            .path
            .as_ref()
            .map_or_else(|| field_name.clone(), |path| path.text.clone());
        fields.push(Field {
            name: field_name,
            path,
            kind,
        });
    }
    event_time(stream, &times, diagnostics);
    let codec = stream
        .codec
        .as_ref()
        .map_or(Some(Codec::Json), |codec| codec_named(codec, diagnostics));
    let lateness = stream
        .lateness
        .as_ref()
        .and_then(|length| millis(length, Least::Zero, diagnostics));
    let mut schema = Schema {
        input: stream
            .from
            .as_ref()
            .map_or_else(|| name.clone(), |from| from.text.clone()),
        name,
        codec: codec.unwrap_or(Codec::Json),
        fields,
        time: times.first().map_or(0, |(index, _)| *index),
        lateness_ms: lateness.unwrap_or(LATENESS_DEFAULT_MS),
        extracts: Vec::new(),
    };
    let extracts = stream
        .extracts
        .iter()
        .filter_map(|it| extract(&schema, it, diagnostics));
    schema.extracts = extracts.collect();
    schema
}

fn event_time(
    stream: &ast::Stream,
    times: &[(usize, crate::source::Place)],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let name = &stream.name.text;
    match times {
        [_] => {}
        [] => {
            let message = text!(
                "the stream `{name}` has no event time",
                "stream `{name}` にイベント時刻がありません"
            );
            let help = text!(
                "give one field the type `time`: `ts: time`",
                "一つのフィールドを `time` 型にしてください: `ts: time`"
            );
            diagnostics
                .push(Diagnostic::new(Code::EventTime, stream.name.at.0, message).help(help));
        }
        [(_, first), (_, second), ..] => {
            let message = text!(
                "the stream `{name}` has two event times",
                "stream `{name}` にイベント時刻が二つあります"
            );
            let help = text!(
                "the other ones have the type `instant`",
                "他の時刻は `instant` 型にしてください"
            );
            let note = text!("the first one", "最初のもの");
            diagnostics.push(
                Diagnostic::new(Code::EventTime, *second, message)
                    .help(help)
                    .related(*first, note),
            );
        }
    }
}

fn codec_named(codec: &ast::Name, diagnostics: &mut Vec<Diagnostic>) -> Option<Codec> {
    let known = [
        ("json", Codec::Json),
        ("text", Codec::Text),
        ("syslog", Codec::Syslog),
    ];
    let text = codec.text.as_str();
    if let Some((_, codec)) = known.iter().find(|(name, _)| *name == text) {
        return Some(*codec);
    }
    if crate::parse::LATER_CODECS.contains(&text) {
        let message = text!(
            "the codec `{text}` is part of the language but this build does not evaluate it yet",
            "コーデック `{text}` は言語の一部ですが、この版ではまだ評価されません"
        );
        diagnostics.push(Diagnostic::new(Code::NotYet, codec.at.0, message));
        return None;
    }
    let message = text!(
        "there is no codec `{text}`",
        "コーデック `{text}` はありません"
    );
    let expected = text!("json, text or syslog", "json、text、syslog のどれか");
    let found = Diagnostic::new(Code::UnknownCodec, codec.at.0, message).expected(expected);
    diagnostics.push(found.suggest(text, known.iter().map(|(name, _)| *name)));
    None
}

fn field_type(kind: &FieldKind, diagnostics: &mut Vec<Diagnostic>) -> Option<FieldType> {
    let word = kind.name.text.as_str();
    if !TYPES.contains(&word) {
        diagnostics.push(unknown_type(kind));
        return None;
    }
    let bare = kind.argument.is_none();
    let read = match word {
        "str" => bare.then_some(FieldType::Str),
        "int" => bare.then_some(FieldType::Int),
        "float" => bare.then_some(FieldType::Float),
        "bool" => bare.then_some(FieldType::Bool),
        "bytes" => bare.then_some(FieldType::Bytes),
        "ip" => bare.then_some(FieldType::Ip),
        "time" => time_format(kind).map(FieldType::Time),
        "instant" => time_format(kind).map(FieldType::Instant),
        "duration" => duration_unit(kind).map(FieldType::Duration),
        "percent" => percent_scale(kind).map(FieldType::Percent),
        _ => match &kind.argument {
            Some(KindArgument::Kind(inner))
                if !matches!(inner.name.text.as_str(), "list" | "time") =>
            {
                Some(FieldType::List(Box::new(field_type(inner, diagnostics)?)))
            }
            _ => None,
        },
    };
    if read.is_none() {
        let message = text!(
            "the type `{word}` is not written like this",
            "型 `{word}` の書き方が違います"
        );
        let found = Diagnostic::new(Code::TypeArgument, kind.name.at.0, message);
        diagnostics.push(found.help(type_spelling(word)));
    }
    read
}

/// How a type is written.
fn type_spelling(word: &str) -> Text {
    match word {
        "time" | "instant" => text!(
            "`{word}`, `{word}(\"unix_ms\")` (also unix_s unix_us unix_ns) \
             or a pattern: `{word}(\"%Y-%m-%d %H:%M:%S\")`",
            "`{word}`、`{word}(\"unix_ms\")` (unix_s unix_us unix_ns も可)、\
             書式 `{word}(\"%Y-%m-%d %H:%M:%S\")` のどれか"
        ),
        "duration" => text!(
            "name the unit of the record: `duration(ms)`; ns us ms s m h",
            "レコードの単位を書きます: `duration(ms)`。ns us ms s m h"
        ),
        "percent" => text!(
            "say what all of it is: `percent(0..1)` or `percent(0..100)`",
            "全体を示します: `percent(0..1)` か `percent(0..100)`"
        ),
        "list" => text!(
            "name what it holds: `list(str)`",
            "中身の型を書きます: `list(str)`"
        ),
        _ => text!(
            "it takes no argument: `{word}`",
            "引数は取りません: `{word}`"
        ),
    }
}

fn unknown_type(kind: &FieldKind) -> Diagnostic {
    let word = kind.name.text.as_str();
    let message = text!("there is no type `{word}`", "型 `{word}` はありません");
    let all = TYPES.join(" ");
    let expected = text!("one of {all}", "{all} のどれか");
    let found = Diagnostic::new(Code::UnknownType, kind.name.at.0, message).expected(expected);
    match ALIASES.iter().find(|(other, _)| *other == word) {
        Some((_, name)) => found.help(text!("did you mean `{name}`?", "`{name}` のことですか?")),
        None => found.suggest(word, TYPES),
    }
}

fn time_format(kind: &FieldKind) -> Option<TimeFormat> {
    let Some(argument) = &kind.argument else {
        return Some(TimeFormat::Auto);
    };
    let KindArgument::Format(format) = argument else {
        return None;
    };
    match format.text.as_str() {
        "unix_s" => Some(TimeFormat::Unix(UnixUnit::Seconds)),
        "unix_ms" => Some(TimeFormat::Unix(UnixUnit::Milliseconds)),
        "unix_us" => Some(TimeFormat::Unix(UnixUnit::Microseconds)),
        "unix_ns" => Some(TimeFormat::Unix(UnixUnit::Nanoseconds)),
        pattern if pattern.contains('%') => Some(TimeFormat::Pattern(pattern.to_owned())),
        _ => None,
    }
}

fn duration_unit(kind: &FieldKind) -> Option<DurationUnit> {
    let Some(KindArgument::Kind(unit)) = &kind.argument else {
        return None;
    };
    match unit.name.text.as_str() {
        "ns" => Some(DurationUnit::Nanoseconds),
        "us" => Some(DurationUnit::Microseconds),
        "ms" | "ミリ秒" => Some(DurationUnit::Milliseconds),
        "s" | "秒" => Some(DurationUnit::Seconds),
        "m" | "分" => Some(DurationUnit::Minutes),
        "h" | "時間" => Some(DurationUnit::Hours),
        _ => None,
    }
}

fn percent_scale(kind: &FieldKind) -> Option<PercentScale> {
    let Some(KindArgument::Range(low, high)) = &kind.argument else {
        return None;
    };
    let bare = low.unit.is_none() && high.unit.is_none();
    match (low.value.to_int(), high.value.to_int()) {
        (Some(0), Some(1)) if bare => Some(PercentScale::One),
        (Some(0), Some(100)) if bare => Some(PercentScale::Hundred),
        _ => None,
    }
}

/// The index of a field; a missing one is reported with the nearest name.
pub(super) fn field_index(
    schema: &Schema,
    name: &str,
    place: crate::source::Place,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<usize> {
    let index = schema.fields.iter().position(|field| field.name == name);
    if index.is_none() {
        let stream = &schema.name;
        let message = text!(
            "the stream `{stream}` has no field `{name}`",
            "stream `{stream}` にフィールド `{name}` はありません"
        );
        let names = || schema.fields.iter().map(|field| field.name.as_str());
        let all: Vec<&str> = names().take(20).collect();
        let all = all.join(" ");
        let expected = text!("one of its fields: {all}", "フィールドのどれか: {all}");
        let found = Diagnostic::new(Code::UnknownField, place, message).expected(expected);
        diagnostics.push(found.suggest(name, names()));
    }
    index
}

fn extract(
    schema: &Schema,
    extract: &ast::Extract,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Extract> {
    let source = text_field(schema, &extract.source, diagnostics)?;
    let read = |it: &ast::Pattern| pattern(schema, it, diagnostics);
    let patterns: Vec<Pattern> = extract.patterns.iter().filter_map(read).collect();
    Some(Extract { source, patterns })
}

fn text_field(schema: &Schema, field: &Path, diagnostics: &mut Vec<Diagnostic>) -> Option<usize> {
    let name = field.dotted();
    let index = field_index(schema, &name, field.at.0, diagnostics)?;
    let is_text = schema
        .fields
        .get(index)
        .is_some_and(|field| field.kind == FieldType::Str);
    if !is_text {
        let message = text!("`{name}` is no text", "`{name}` は文字列ではありません");
        let expected = text!("a field of type `str`", "`str` 型のフィールド");
        diagnostics
            .push(Diagnostic::new(Code::TypeMismatch, field.at.0, message).expected(expected));
        return None;
    }
    Some(index)
}

fn pattern(
    schema: &Schema,
    pattern: &ast::Pattern,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Pattern> {
    let parts = match pattern_parts(schema, &pattern.pattern) {
        Ok(parts) => parts,
        Err((message, help)) => {
            diagnostics
                .push(Diagnostic::new(Code::BadPattern, pattern.pattern.at.0, message).help(help));
            return None;
        }
    };
    let mut sets = Vec::new();
    for (field, constant) in &pattern.sets {
        let index = text_field(schema, field, diagnostics)?;
        let twice =
            sets.iter().any(|(set, _)| *set == index) || parts.contains(&PatternPart::Hole(index));
        if twice {
            let name = field.dotted();
            let message = text!(
                "the pattern reads `{name}` twice",
                "パターンが `{name}` を二度読みます"
            );
            let help = text!("keep one of them", "一つだけ残してください");
            diagnostics.push(Diagnostic::new(Code::BadPattern, field.at.0, message).help(help));
            return None;
        }
        sets.push((index, constant.text.clone()));
    }
    Some(Pattern { parts, sets })
}

/// A pattern's pieces, or what is wrong and the way out.
fn pattern_parts(schema: &Schema, pattern: &Quoted) -> Result<Vec<PatternPart>, (Text, Text)> {
    let pieces = super::message::pieces(&pattern.text).map_err(|message| {
        (
            message,
            text!(
                "a brace of the text is doubled: `{{{{`",
                "文字としての波括弧は二つ書きます: `{{{{`"
            ),
        )
    })?;
    let mut parts: Vec<PatternPart> = Vec::new();
    for piece in pieces {
        let part = match piece {
            super::message::Piece::Literal(text) => PatternPart::Literal(text),
            super::message::Piece::Hole(name) if name == "_" => PatternPart::Skip,
            super::message::Piece::Hole(name) => {
                let index = schema.fields.iter().position(|field| field.name == name);
                PatternPart::Hole(index.ok_or_else(|| unknown_hole(schema, &name))?)
            }
        };
        let literal = matches!(part, PatternPart::Literal(_));
        if !literal
            && parts
                .last()
                .is_some_and(|last| !matches!(last, PatternPart::Literal(_)))
        {
            let message = text!(
                "two holes touch: nothing says where one ends",
                "穴が隣り合っていて、境目が決まりません"
            );
            return Err((
                message,
                text!(
                    "put the text that stands between them",
                    "間の文字を書いてください"
                ),
            ));
        }
        if matches!(part, PatternPart::Hole(_)) && parts.contains(&part) {
            let message = text!(
                "the pattern reads one field twice",
                "パターンが同じフィールドを二度読みます"
            );
            return Err((
                message,
                text!(
                    "skip the other with `{{_}}`",
                    "片方は `{{_}}` で読み飛ばします"
                ),
            ));
        }
        parts.push(part);
    }
    Ok(parts)
}

fn unknown_hole(schema: &Schema, name: &str) -> (Text, Text) {
    let stream = &schema.name;
    let message = text!(
        "the stream `{stream}` has no field `{name}`",
        "stream `{stream}` にフィールド `{name}` はありません"
    );
    let help = text!(
        "declare `{name}: str` in it, or skip with `{{_}}`",
        "`{name}: str` を宣言するか、`{{_}}` で読み飛ばします"
    );
    (message, help)
}
