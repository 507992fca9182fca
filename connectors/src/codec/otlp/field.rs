//! The declared fields of a stream as places in OTLP's messages.

use model::decimal::Decimal;
use model::schema::{Field, FieldType, OtlpSignal};
use model::time::Timestamp;

use crate::codec::otlp::message::MemberRole;
use crate::codec::otlp::tape::{EventPlace, NodeKind, RequestTape, TapeNode};
use crate::codec::value::{
    FieldParser, LIST_ITEMS_MAX, RawScalar, SpanTexts, TextScratch, TextSpan, ValueError, ValueSlot,
};

/// Levels of [`EventPlace`] that events share.
pub(in crate::codec) const SHARED: usize = 3;
const RESOURCE: usize = 0;
const SCOPE: usize = 1;
const METRIC: usize = 2;
const RECORD: usize = 3;

/// Kinds of metrics, as the field `type` names them.
pub(in crate::codec) const KINDS: [(MemberRole, &str); 5] = [
    (MemberRole::Gauge, "gauge"),
    (MemberRole::Sum, "sum"),
    (MemberRole::Histogram, "histogram"),
    (MemberRole::ExponentialHistogram, "exponential_histogram"),
    (MemberRole::Summary, "summary"),
];

/// Target of a field.
#[derive(Debug)]
pub(in crate::codec) struct FieldTarget {
    /// Index of the field.
    pub field: usize,
    what: TargetKind,
}

#[derive(Debug)]
enum TargetKind {
    /// The first of these that is there and not what protobuf leaves away.
    First(&'static [MemberRole]),
    /// A member that is there even where it is zero.
    Given(MemberRole),
    /// A value by the key of its attribute, and perhaps names within it.
    Attribute(String),
    /// A log's body, or what is at a path within it.
    Body(String),
    /// A member of a span's status; its code is 0 where there is none.
    Status(MemberRole),
    /// From a span's start to its end.
    Duration,
    /// The kind of metric.
    Kind,
    /// Of a histogram or summary; 0 where protobuf left it away.
    Count,
    Total,
    /// The least and the greatest; of a summary, its quantiles 0 and 1.
    Extreme(MemberRole, f64),
}

/// Value found for a field.
enum FoundField {
    Nothing,
    Leaf(NodeKind),
    /// An `AnyValue`, by its node.
    Any(usize),
    /// Nanoseconds from one instant to another.
    Nanos(i128),
    Kind(MemberRole),
}

/// Buffers in which values are assembled.
pub(in crate::codec) struct ValueBuffers<'a> {
    pub payload: &'a str,
    pub constants: &'a str,
    /// The names of [`KINDS`] among the constants, in their order.
    pub kinds: &'a [TextSpan],
    pub spill: &'a mut TextScratch,
    /// For a number being spelled.
    pub digits: &'a mut String,
}

impl FieldTarget {
    /// Resolves the target of a field and its level; `None` for an unknown path, which `extract`
    /// may fill. The codec defines the event time, unless its path names something else.
    pub(in crate::codec) fn new(
        telemetry: OtlpSignal,
        field: usize,
        declared: &Field,
    ) -> Option<(usize, FieldTarget)> {
        let path = declared.path.as_str();
        let found = of_any(path).or_else(|| match telemetry {
            OtlpSignal::Logs => of_log(path),
            OtlpSignal::Metrics => of_metric(path),
            OtlpSignal::Spans => of_span(path),
        });
        let is_time = matches!(declared.kind, FieldType::Time(_));
        // `time` is no member of a request, but what an event's time is by default.
        let stands_for_time = is_time || path == "time";
        let found_or_time =
            found.or_else(|| stands_for_time.then_some((RECORD, event_time(telemetry))));
        found_or_time.map(|(level, what)| (level, FieldTarget { field, what }))
    }

    /// Reads the field at a place; null and what is not there are missing.
    pub(in crate::codec) fn read(
        &self,
        reader: &FieldParser,
        tape: &RequestTape,
        level: usize,
        place: EventPlace,
        bench: &mut ValueBuffers<'_>,
    ) -> Result<ValueSlot, ValueError> {
        let node = place.levels.get(level).map_or(0, |node| *node as usize);
        let home = match level {
            RESOURCE => tape.last(node, MemberRole::Resource).map(|(home, _)| home),
            SCOPE => tape.last(node, MemberRole::Scope).map(|(home, _)| home),
            _ => Some(node),
        };
        let Some(home) = home.filter(|home| *home > 0) else {
            return Ok(ValueSlot::Missing);
        };
        match self.what.find(tape, home, place.kind, &bench.texts()) {
            FoundField::Nothing => Ok(ValueSlot::Missing),
            FoundField::Leaf(leaf) => bench.leaf(reader, leaf),
            FoundField::Any(any) => bench.any(reader, tape, any),
            FoundField::Nanos(nanos) => bench.number(reader, format_args!("{nanos}")),
            FoundField::Kind(kind) => bench.kind(reader, kind),
        }
    }
}

fn of_any(path: &str) -> Option<(usize, TargetKind)> {
    let attribute = |level, key: &str| Some((level, TargetKind::Attribute(key.to_owned())));
    let prefixes = [(RESOURCE, "resource."), (SCOPE, "scope.attributes."), (RECORD, "attributes.")];
    for (level, prefix) in prefixes {
        if let Some(key) = path.strip_prefix(prefix) {
            return attribute(level, key);
        }
    }
    match path {
        "scope.name" => Some((SCOPE, TargetKind::First(&[MemberRole::Name]))),
        "scope.version" => Some((SCOPE, TargetKind::First(&[MemberRole::Version]))),
        _ => None,
    }
}

fn of_log(path: &str) -> Option<(usize, TargetKind)> {
    let what = match path {
        "body" => TargetKind::Body(String::new()),
        "severity_number" => TargetKind::First(&[MemberRole::SeverityNumber]),
        "severity_text" => TargetKind::First(&[MemberRole::SeverityText]),
        "trace_id" => TargetKind::First(&[MemberRole::TraceId]),
        "span_id" => TargetKind::First(&[MemberRole::SpanId]),
        "event_name" => TargetKind::First(&[MemberRole::EventName]),
        "time_unix_nano" => TargetKind::First(&[MemberRole::Time]),
        "observed_time_unix_nano" => TargetKind::First(&[MemberRole::ObservedTime]),
        _ => TargetKind::Body(path.strip_prefix("body.")?.to_owned()),
    };
    Some((RECORD, what))
}

fn of_metric(path: &str) -> Option<(usize, TargetKind)> {
    let what = match path {
        "name" => return Some((METRIC, TargetKind::First(&[MemberRole::Name]))),
        "unit" => return Some((METRIC, TargetKind::First(&[MemberRole::Unit]))),
        "type" => TargetKind::Kind,
        "value" => TargetKind::Given(MemberRole::Number),
        "count" => TargetKind::Count,
        "sum" => TargetKind::Total,
        "min" => TargetKind::Extreme(MemberRole::Min, 0.0),
        "max" => TargetKind::Extreme(MemberRole::Max, 1.0),
        "time_unix_nano" => TargetKind::First(&[MemberRole::Time]),
        "start_time_unix_nano" => TargetKind::First(&[MemberRole::StartTime]),
        _ => return None,
    };
    Some((RECORD, what))
}

fn of_span(path: &str) -> Option<(usize, TargetKind)> {
    let what = match path {
        "name" => TargetKind::First(&[MemberRole::Name]),
        "kind" => TargetKind::First(&[MemberRole::Kind]),
        "trace_id" => TargetKind::First(&[MemberRole::TraceId]),
        "span_id" => TargetKind::First(&[MemberRole::SpanId]),
        "parent_span_id" => TargetKind::First(&[MemberRole::ParentSpanId]),
        "status.code" => TargetKind::Status(MemberRole::Code),
        "status.message" => TargetKind::Status(MemberRole::StatusText),
        "duration" => TargetKind::Duration,
        "start_time_unix_nano" => TargetKind::First(&[MemberRole::StartTime]),
        "end_time_unix_nano" => TargetKind::First(&[MemberRole::EndTime]),
        _ => return None,
    };
    Some((RECORD, what))
}

/// Returns the target of the event time; that of a span is its end, as a span is exported after it
/// has ended.
const fn event_time(telemetry: OtlpSignal) -> TargetKind {
    match telemetry {
        OtlpSignal::Logs => TargetKind::First(&[MemberRole::Time, MemberRole::ObservedTime]),
        OtlpSignal::Metrics => TargetKind::First(&[MemberRole::Time]),
        OtlpSignal::Spans => TargetKind::First(&[MemberRole::EndTime, MemberRole::StartTime]),
    }
}

impl TargetKind {
    fn find(
        &self,
        tape: &RequestTape,
        home: usize,
        kind: MemberRole,
        texts: &SpanTexts<'_>,
    ) -> FoundField {
        let given = |part| tape.last(home, part).map(|(_, node)| node.leaf);
        let first = |part| given(part).filter(|leaf| !leaf.is_default());
        let found = |leaf: Option<NodeKind>| leaf.map_or(FoundField::Nothing, FoundField::Leaf);
        match self {
            TargetKind::First(parts) => found(parts.iter().find_map(|part| first(*part))),
            TargetKind::Given(part) => found(given(*part)),
            TargetKind::Attribute(key) => {
                let any = at_path(tape, home, MemberRole::Attribute, key, texts);
                any.map_or(FoundField::Nothing, FoundField::Any)
            }
            TargetKind::Body(path) => {
                let any = tape
                    .last(home, MemberRole::Body)
                    .map(|(body, _)| body)
                    .and_then(|body| within(tape, body, path, texts));
                any.map_or(FoundField::Nothing, FoundField::Any)
            }
            TargetKind::Status(part) => {
                let status = tape.last(home, MemberRole::Status);
                let member = status.and_then(|(status, _)| tape.last(status, *part));
                match (member, part) {
                    (Some((_, node)), _) if !node.leaf.is_default() => FoundField::Leaf(node.leaf),
                    (_, MemberRole::Code) => FoundField::Leaf(NodeKind::Whole(0)),
                    _ => FoundField::Nothing,
                }
            }
            TargetKind::Duration => {
                match (first(MemberRole::StartTime), first(MemberRole::EndTime)) {
                    (Some(NodeKind::Nanos(start)), Some(NodeKind::Nanos(end))) => {
                        FoundField::Nanos(i128::from(end) - i128::from(start))
                    }
                    _ => FoundField::Nothing,
                }
            }
            TargetKind::Kind => FoundField::Kind(kind),
            TargetKind::Count if matches!(kind, MemberRole::Gauge | MemberRole::Sum) => {
                FoundField::Nothing
            }
            TargetKind::Count => {
                FoundField::Leaf(given(MemberRole::Count).unwrap_or(NodeKind::Count(0)))
            }
            TargetKind::Total if kind == MemberRole::Summary => {
                FoundField::Leaf(given(MemberRole::Total).unwrap_or(NodeKind::Double(0.0)))
            }
            TargetKind::Total => found(given(MemberRole::Total)),
            TargetKind::Extreme(_, share) if kind == MemberRole::Summary => {
                found(quantile(tape, home, *share, texts))
            }
            TargetKind::Extreme(part, _) => found(given(*part)),
        }
    }
}

/// The value of a summary's quantile.
fn quantile(
    tape: &RequestTape,
    point: usize,
    share: f64,
    texts: &SpanTexts<'_>,
) -> Option<NodeKind> {
    let wanted = Decimal::from_f64(share).ok();
    let spelled = |leaf| match leaf {
        NodeKind::Double(number) => Decimal::from_f64(number).ok(),
        NodeKind::Spelled { start, end } => {
            Decimal::parse(texts.payload.get(start as usize..end as usize)?).ok()
        }
        _ => None,
    };
    let part = |at, part| tape.last(at, part).map_or(NodeKind::Double(0.0), |(_, node)| node.leaf);
    let quantiles = tape.children(point).filter(|(_, node)| node.part == MemberRole::Quantile);
    let wanted = quantiles.filter(|(at, _)| spelled(part(*at, MemberRole::Share)) == wanted);
    wanted.last().map(|(at, _)| part(at, MemberRole::Number))
}

/// The value at a path among the key-values of a node: a key may have dots, and what it names
/// may have keys of its own. Of several, the last counts.
fn at_path(
    tape: &RequestTape,
    list: usize,
    part: MemberRole,
    path: &str,
    texts: &SpanTexts<'_>,
) -> Option<usize> {
    let mut found = None;
    for (at, _) in tape.children(list).filter(|(_, node)| node.part == part) {
        let key = tape.last(at, MemberRole::Key).map_or("", |(_, node)| text_of(node, texts));
        let Some(rest) = path.strip_prefix(key) else {
            continue;
        };
        let value = tape.last(at, MemberRole::Value).map(|(value, _)| value);
        if rest.is_empty() {
            found = value;
        } else if let (Some(value), Some(rest)) = (value, rest.strip_prefix('.')) {
            found = within(tape, value, rest, texts).or(found);
        }
    }
    found
}

/// An `AnyValue` itself, or what is at a path in the key-values it holds.
fn within(tape: &RequestTape, any: usize, path: &str, texts: &SpanTexts<'_>) -> Option<usize> {
    if path.is_empty() {
        return Some(any);
    }
    match tape.any(any) {
        Some((list, node)) if node.part == MemberRole::KeyValues => {
            at_path(tape, list, MemberRole::Entry, path, texts)
        }
        _ => None,
    }
}

fn text_of<'a>(node: &TapeNode, texts: &SpanTexts<'a>) -> &'a str {
    match node.leaf {
        NodeKind::Text { home, start, end } => {
            texts.cut(TextSpan { home, start: start as usize, end: end as usize })
        }
        _ => "",
    }
}

impl ValueBuffers<'_> {
    fn texts(&self) -> SpanTexts<'_> {
        SpanTexts { payload: self.payload, scratch: &self.spill.scratch, constants: self.constants }
    }

    fn any(
        &mut self,
        reader: &FieldParser,
        tape: &RequestTape,
        any: usize,
    ) -> Result<ValueSlot, ValueError> {
        match tape.any(any) {
            None => Ok(ValueSlot::Missing),
            Some((list, node)) if node.part == MemberRole::Array => self.list(reader, tape, list),
            Some((_, node)) => self.leaf(reader, node.leaf),
        }
    }

    /// As in JSON, one null or unfit item makes the list no value of its type.
    fn list(
        &mut self,
        reader: &FieldParser,
        tape: &RequestTape,
        list: usize,
    ) -> Result<ValueSlot, ValueError> {
        let FieldParser::List(inner) = reader else {
            return Err(ValueError::Misfit);
        };
        let first = self.spill.items.len();
        for (item, _) in tape.children(list) {
            let fits = self.spill.items.len() - first < LIST_ITEMS_MAX;
            match tape.any(item).map(|(_, node)| node.leaf) {
                Some(leaf) if fits => match self.leaf(inner, leaf) {
                    Ok(slot) => self.spill.items.push(slot),
                    Err(fault) => {
                        self.spill.items.truncate(first);
                        return Err(fault);
                    }
                },
                _ => {
                    self.spill.items.truncate(first);
                    return Err(ValueError::Misfit);
                }
            }
        }
        let (start, len) = (first as u32, (self.spill.items.len() - first) as u32);
        Ok(ValueSlot::List { start, len })
    }

    fn leaf(&mut self, reader: &FieldParser, leaf: NodeKind) -> Result<ValueSlot, ValueError> {
        match leaf {
            NodeKind::Message | NodeKind::Bytes => Err(ValueError::Misfit),
            NodeKind::Bool(value) => reader.read(RawScalar::Bool(value)),
            NodeKind::Text { home, start, end } => {
                let span = TextSpan { home, start: start as usize, end: end as usize };
                reader.read(RawScalar::Text(self.texts().cut(span), span))
            }
            NodeKind::Spelled { start, end } => {
                let spelled = self.payload.get(start as usize..end as usize).unwrap_or_default();
                reader.read(RawScalar::Number(spelled))
            }
            NodeKind::Whole(number) => self.number(reader, format_args!("{number}")),
            NodeKind::Count(number) => self.number(reader, format_args!("{number}")),
            // The shortest text that reads back as the same float, as JSON's writers have it.
            NodeKind::Double(number) => self.number(reader, format_args!("{number:e}")),
            // Its unit is known, whatever format the field declares.
            NodeKind::Nanos(nanos) if matches!(reader, FieldParser::Time(_)) => {
                Ok(ValueSlot::Time(Timestamp((nanos / 1_000_000) as i64)))
            }
            NodeKind::Nanos(nanos) => self.number(reader, format_args!("{nanos}")),
        }
    }

    fn number(
        &mut self,
        reader: &FieldParser,
        number: std::fmt::Arguments<'_>,
    ) -> Result<ValueSlot, ValueError> {
        self.digits.clear();
        // A `String` takes whatever is written.
        let _ = std::fmt::Write::write_fmt(self.digits, number);
        reader.read(RawScalar::Number(self.digits))
    }

    fn kind(&mut self, reader: &FieldParser, kind: MemberRole) -> Result<ValueSlot, ValueError> {
        let known = KINDS.iter().position(|(part, _)| *part == kind);
        let Some(span) = known.and_then(|known| self.kinds.get(known)).copied() else {
            return Ok(ValueSlot::Missing);
        };
        reader.read(RawScalar::Text(self.texts().cut(span), span))
    }
}
