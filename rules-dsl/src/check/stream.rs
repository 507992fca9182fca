//! `stream` statements to schemas.

use std::collections::HashMap;

use model::schema::{
    Codec, DurationUnit, Extract, Field, FieldType, OtlpSignal, Pattern, PatternPart, PercentScale,
    Schema, TimeFormat, UnixUnit,
};
use model::time::SECOND_MS;

use super::constant::{LengthMinimum, millis};
use super::limits::NAMES_SHOWN_MAX;
use super::messages;
use super::template::{TemplatePiece, pieces};
use crate::ast::{self, FieldKind, FieldPath, KindArgument, QuotedText};
use crate::diagnostic::{BilingualText, Diagnostic};
use crate::source::SourceSpan;

/// Lateness of a stream that names none.
pub const LATENESS_DEFAULT_MS: i64 = 5 * SECOND_MS;
/// Type names of other languages, and the equivalents here.
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

/// Codecs of this build.
const CODECS: [(&str, Codec); 7] = [
    ("json", Codec::Json),
    ("logfmt", Codec::Logfmt),
    ("text", Codec::Text),
    ("syslog", Codec::Syslog),
    ("otlp_logs", Codec::Otlp(OtlpSignal::Logs)),
    ("otlp_metrics", Codec::Otlp(OtlpSignal::Metrics)),
    ("otlp_spans", Codec::Otlp(OtlpSignal::Spans)),
];

/// Builds the schema of a stream. Errors are reported, and the rest still serves to check the
/// statements that use the stream.
pub(super) fn schema(stream: &ast::Stream, diagnostics: &mut Vec<Diagnostic>) -> Schema {
    let name = &stream.name.text;
    let (fields, times) = fields(stream, diagnostics);
    event_time(stream, &times, diagnostics);
    let codec = stream.codec.as_ref().and_then(|codec| codec_named(codec, diagnostics));
    let length = stream.lateness.as_ref();
    let lateness = length.and_then(|length| millis(length, LengthMinimum::Zero, diagnostics));
    let mut schema = Schema {
        name: name.clone(),
        input: stream.from.as_ref().map_or(name, |from| &from.text).clone(),
        codec: codec.unwrap_or(Codec::Json),
        fields,
        time: times.first().map_or(0, |(index, _)| *index),
        lateness_ms: lateness.unwrap_or(LATENESS_DEFAULT_MS),
        id: None,
        partitioned_by: None,
        extracts: Vec::new(),
    };
    let mut naming = |path: &Option<FieldPath>| {
        path.as_ref().and_then(|path| identifying(&schema, path, diagnostics))
    };
    let (id, partitioned_by) = (naming(&stream.id), naming(&stream.partitioned_by));
    (schema.id, schema.partitioned_by) = (id, partitioned_by);
    let extracts = stream.extracts.iter();
    schema.extracts = extracts.filter_map(|it| extract(&schema, it, diagnostics)).collect();
    // A broken pattern was reported already; the fields it would have set are unknown.
    if let Codec::Otlp(telemetry) = schema.codec
        && schema.extracts.len() == stream.extracts.len()
    {
        never_there(&schema, telemetry, stream, diagnostics);
    }
    schema
}

/// Reports fields that no record can have: the paths of OTLP are known.
fn never_there(
    schema: &Schema,
    telemetry: OtlpSignal,
    stream: &ast::Stream,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let patterns = || schema.extracts.iter().flat_map(|extract| &extract.patterns);
    let fills = |pattern: &Pattern, index: usize| {
        let sets = pattern.sets.iter().any(|(field, _)| *field == index);
        sets || pattern.parts.contains(&PatternPart::Hole(index))
    };
    for (index, field) in schema.fields.iter().enumerate() {
        // Without a path of its own the event time is the record's, whatever its name.
        let is_own_time = index == schema.time && field.path == field.name;
        let is_filled = patterns().any(|pattern| fills(pattern, index));
        if is_own_time || is_filled || telemetry.has(&field.path) {
            continue;
        }
        let declared = stream.fields.iter().find(|declared| declared.name.dotted() == field.name);
        let Some(declared) = declared else {
            continue;
        };
        let place = declared.path.as_ref().map_or(declared.name.at.0, |path| path.at.0);
        let all = telemetry.paths();
        let found = messages::no_such_path(place, &field.path, &all.join(" "));
        diagnostics.push(found.suggest(&field.path, all.iter().copied()));
    }
}

/// The fields, and the indices and places of those that are event times.
fn fields(
    stream: &ast::Stream,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Vec<Field>, Vec<(usize, SourceSpan)>) {
    let mut seen: HashMap<String, SourceSpan> = HashMap::new();
    let (mut fields, mut times) = (Vec::new(), Vec::new());
    for field in &stream.fields {
        let (name, place) = (field.name.dotted(), field.name.at.0);
        if let Some(first) = seen.insert(name.clone(), place) {
            let found = messages::field_twice(place, &name);
            diagnostics.push(found.related(first, messages::first_declared()));
            continue;
        }
        // A time in a format that was refused is still the event time.
        let instead = match field.kind.name.text.as_str() {
            "time" => FieldType::Time(TimeFormat::Auto),
            _ => FieldType::Str,
        };
        let kind = field_type(&field.kind, diagnostics).unwrap_or(instead);
        if matches!(kind, FieldType::Time(_)) {
            times.push((fields.len(), place));
        }
        let path = field.path.as_ref().map_or(&name, |path| &path.text).clone();
        fields.push(Field { name, path, kind });
    }
    (fields, times)
}

/// A field that names something: events, or the partition they lie in.
fn identifying(
    schema: &Schema,
    path: &FieldPath,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<usize> {
    let (name, place) = (path.dotted(), path.at.0);
    let index = field_index(schema, &name, place, diagnostics)?;
    let is_one = identifies(&schema.fields.get(index)?.kind);
    if !is_one {
        diagnostics.push(messages::measured_key(place, &name));
    }
    is_one.then_some(index)
}

/// True for types whose values name something, rather than measure it.
pub(super) const fn identifies(kind: &FieldType) -> bool {
    use FieldType::{Bool, Int, Ip, Str};
    matches!(kind, Str | Int | Bool | Ip)
}

fn event_time(
    stream: &ast::Stream,
    times: &[(usize, SourceSpan)],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let name = &stream.name;
    match times {
        [_] => {}
        [] => diagnostics.push(messages::no_event_time(name.at.0, &name.text)),
        [(_, first), (_, second), ..] => {
            let found = messages::two_event_times(*second, &name.text);
            diagnostics.push(found.related(*first, messages::the_first_one()));
        }
    }
}

fn codec_named(codec: &ast::SpannedName, diagnostics: &mut Vec<Diagnostic>) -> Option<Codec> {
    let (text, place) = (codec.text.as_str(), codec.at.0);
    if let Some((_, codec)) = CODECS.iter().find(|(name, _)| *name == text) {
        return Some(*codec);
    }
    let names = CODECS.iter().map(|(name, _)| *name);
    diagnostics.push(match text {
        "otlp" => messages::codec_of_which(place),
        _ => messages::unknown_codec(place, text).suggest(text, names),
    });
    None
}

fn field_type(kind: &FieldKind, diagnostics: &mut Vec<Diagnostic>) -> Option<FieldType> {
    let word = kind.name.text.as_str();
    if !TYPES.contains(&word) {
        diagnostics.push(unknown_type(kind));
        return None;
    }
    let read = match word {
        "time" => time_format(kind).map(FieldType::Time),
        "instant" => time_format(kind).map(FieldType::Instant),
        "duration" => duration_unit(kind).map(FieldType::Duration),
        "percent" => percent_scale(kind).map(FieldType::Percent),
        "list" => match list_item(kind) {
            Some(inner) => Some(FieldType::List(Box::new(field_type(inner, diagnostics)?))),
            None => None,
        },
        _ if kind.argument.is_none() => bare_type(word),
        _ => None,
    };
    if read.is_none() {
        let found = messages::type_argument(kind.name.at.0, word);
        diagnostics.push(found.help(type_spelling(word)));
    }
    read
}

fn bare_type(word: &str) -> Option<FieldType> {
    match word {
        "str" => Some(FieldType::Str),
        "int" => Some(FieldType::Int),
        "float" => Some(FieldType::Float),
        "bool" => Some(FieldType::Bool),
        "bytes" => Some(FieldType::Bytes),
        "ip" => Some(FieldType::Ip),
        _ => None,
    }
}

/// Type of the items of a list: any type but lists and the event time.
fn list_item(kind: &FieldKind) -> Option<&FieldKind> {
    match &kind.argument {
        Some(KindArgument::Kind(inner)) => {
            (!["list", "time"].contains(&inner.name.text.as_str())).then_some(&**inner)
        }
        _ => None,
    }
}

/// Spelling of a type.
fn type_spelling(word: &str) -> BilingualText {
    match word {
        "time" | "instant" => messages::time_spelling(word),
        "duration" => messages::duration_spelling(),
        "percent" => messages::percent_spelling(),
        "list" => messages::list_spelling(),
        _ => messages::bare_spelling(word),
    }
}

fn unknown_type(kind: &FieldKind) -> Diagnostic {
    let word = kind.name.text.as_str();
    let found = messages::unknown_type(kind.name.at.0, word, &TYPES.join(" "));
    match ALIASES.iter().find(|(other, _)| *other == word) {
        Some((_, name)) => found.help(messages::did_you_mean(name)),
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
    place: SourceSpan,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<usize> {
    let index = schema.fields.iter().position(|field| field.name == name);
    if index.is_none() {
        let names = || schema.fields.iter().map(|field| field.name.as_str());
        let all: Vec<&str> = names().take(NAMES_SHOWN_MAX).collect();
        let found = messages::unknown_field(place, &schema.name, name, &all.join(" "));
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

fn text_field(
    schema: &Schema,
    field: &FieldPath,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<usize> {
    let name = field.dotted();
    let index = field_index(schema, &name, field.at.0, diagnostics)?;
    if schema.fields.get(index)?.kind != FieldType::Str {
        diagnostics.push(messages::not_text(field.at.0, &name));
        return None;
    }
    Some(index)
}

fn pattern(
    schema: &Schema,
    pattern: &ast::Pattern,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Pattern> {
    let parts =
        pattern_parts(schema, &pattern.pattern).map_err(|found| diagnostics.push(*found)).ok()?;
    let mut sets = Vec::new();
    for (field, constant) in &pattern.sets {
        let index = text_field(schema, field, diagnostics)?;
        let set = sets.iter().any(|(set, _)| *set == index);
        if set || parts.contains(&PatternPart::Hole(index)) {
            diagnostics.push(messages::set_twice(field.at.0, &field.dotted()));
            return None;
        }
        sets.push((index, constant.text.clone()));
    }
    Some(Pattern { parts, sets })
}

/// Pieces of a pattern, or its error.
fn pattern_parts(
    schema: &Schema,
    pattern: &QuotedText,
) -> Result<Vec<PatternPart>, Box<Diagnostic>> {
    let place = pattern.at.0;
    let pieces = pieces(&pattern.text)
        .map_err(|reason| Box::new(messages::bad_pattern(place, &reason.en, &reason.ja)))?;
    let mut parts: Vec<PatternPart> = Vec::new();
    for piece in pieces {
        let part = pattern_part(schema, piece, place)?;
        let is_literal = |part: &PatternPart| matches!(part, PatternPart::Literal(_));
        if !is_literal(&part) && parts.last().is_some_and(|last| !is_literal(last)) {
            return Err(Box::new(messages::touching_holes(place)));
        }
        if matches!(part, PatternPart::Hole(_)) && parts.contains(&part) {
            return Err(Box::new(messages::hole_twice(place)));
        }
        parts.push(part);
    }
    Ok(parts)
}

fn pattern_part(
    schema: &Schema,
    piece: TemplatePiece,
    place: SourceSpan,
) -> Result<PatternPart, Box<Diagnostic>> {
    match piece {
        TemplatePiece::Literal(text) => Ok(PatternPart::Literal(text)),
        TemplatePiece::Hole(name) if name == "_" => Ok(PatternPart::Skip),
        TemplatePiece::Hole(name) => {
            let mut fields = schema.fields.iter().enumerate();
            match fields.find(|(_, field)| field.name == name) {
                Some((_, field)) if matches!(field.kind, FieldType::List(_)) => {
                    Err(Box::new(messages::list_hole(place, &name)))
                }
                Some((index, _)) => Ok(PatternPart::Hole(index)),
                None => Err(Box::new(messages::unknown_hole(place, &schema.name, &name))),
            }
        }
    }
}
