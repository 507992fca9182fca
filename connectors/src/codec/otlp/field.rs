//! The declared fields of a stream as places in OTLP's messages.

use model::decimal::Decimal;
use model::schema::{Field, FieldType, Telemetry};
use model::time::Timestamp;

use crate::codec::otlp::message::Part;
use crate::codec::otlp::tape::{EventPlace, Leaf, Node, Tape};
use crate::codec::value::{Fault, LIST_ITEMS_MAX, Reader, Scalar, Slot, Span, Spill, Texts};

/// Levels of [`EventPlace`] that events share.
pub(in crate::codec) const SHARED: usize = 3;
const RESOURCE: usize = 0;
const SCOPE: usize = 1;
const METRIC: usize = 2;
const RECORD: usize = 3;

/// Kinds of metrics, as the field `type` names them.
pub(in crate::codec) const KINDS: [(Part, &str); 5] = [
    (Part::Gauge, "gauge"),
    (Part::Sum, "sum"),
    (Part::Histogram, "histogram"),
    (Part::ExponentialHistogram, "exponential_histogram"),
    (Part::Summary, "summary"),
];

/// Where a field is read.
#[derive(Debug)]
pub(in crate::codec) struct Aim {
    /// Index of the field.
    pub field: usize,
    what: What,
}

#[derive(Debug)]
enum What {
    /// The first of these that is there and not what protobuf leaves away.
    First(&'static [Part]),
    /// A member that is there even where it is zero.
    Given(Part),
    /// A value by the key of its attribute, and perhaps names within it.
    Attribute(String),
    /// A log's body, or what is at a path within it.
    Body(String),
    /// A member of a span's status; its code is 0 where there is none.
    Status(Part),
    /// From a span's start to its end.
    Duration,
    /// The kind of metric.
    Kind,
    /// Of a histogram or summary; 0 where protobuf left it away.
    Count,
    Total,
    /// The least and the greatest; of a summary, its quantiles 0 and 1.
    Extreme(Part, f64),
}

/// What a field found.
enum Found {
    Nothing,
    Leaf(Leaf),
    /// An `AnyValue`, by its node.
    Any(usize),
    /// Nanoseconds from one instant to another.
    Nanos(i128),
    Kind(Part),
}

/// Where values are put together.
pub(in crate::codec) struct Bench<'a> {
    pub payload: &'a str,
    pub constants: &'a str,
    /// The names of [`KINDS`] among the constants, in their order.
    pub kinds: &'a [Span],
    pub spill: &'a mut Spill,
    /// For a number being spelled.
    pub digits: &'a mut String,
}

impl Aim {
    /// Where a field is read, and at which level; `None` for a path that nothing has, which
    /// `extract` may fill. The event time is what the codec says it is, unless its path names
    /// something else.
    pub(in crate::codec) fn new(
        telemetry: Telemetry,
        field: usize,
        declared: &Field,
    ) -> Option<(usize, Aim)> {
        let path = declared.path.as_str();
        let found = of_any(path).or_else(|| match telemetry {
            Telemetry::Logs => of_log(path),
            Telemetry::Metrics => of_metric(path),
            Telemetry::Spans => of_span(path),
        });
        let is_time = matches!(declared.kind, FieldType::Time(_));
        // `time` is no member of a request, but what an event's time is by default.
        let stands_for_time = is_time || path == "time";
        let found_or_time =
            found.or_else(|| stands_for_time.then_some((RECORD, event_time(telemetry))));
        found_or_time.map(|(level, what)| (level, Aim { field, what }))
    }

    /// Reads the field at a place; null and what is not there are missing.
    pub(in crate::codec) fn read(
        &self,
        reader: &Reader,
        tape: &Tape,
        level: usize,
        place: EventPlace,
        bench: &mut Bench<'_>,
    ) -> Result<Slot, Fault> {
        let node = place.levels.get(level).map_or(0, |node| *node as usize);
        let home = match level {
            RESOURCE => tape.last(node, Part::Resource).map(|(home, _)| home),
            SCOPE => tape.last(node, Part::Scope).map(|(home, _)| home),
            _ => Some(node),
        };
        let Some(home) = home.filter(|home| *home > 0) else {
            return Ok(Slot::Missing);
        };
        match self.what.find(tape, home, place.kind, &bench.texts()) {
            Found::Nothing => Ok(Slot::Missing),
            Found::Leaf(leaf) => bench.leaf(reader, leaf),
            Found::Any(any) => bench.any(reader, tape, any),
            Found::Nanos(nanos) => bench.number(reader, format_args!("{nanos}")),
            Found::Kind(kind) => bench.kind(reader, kind),
        }
    }
}

fn of_any(path: &str) -> Option<(usize, What)> {
    let attribute = |level, key: &str| Some((level, What::Attribute(key.to_owned())));
    let prefixes = [(RESOURCE, "resource."), (SCOPE, "scope.attributes."), (RECORD, "attributes.")];
    for (level, prefix) in prefixes {
        if let Some(key) = path.strip_prefix(prefix) {
            return attribute(level, key);
        }
    }
    match path {
        "scope.name" => Some((SCOPE, What::First(&[Part::Name]))),
        "scope.version" => Some((SCOPE, What::First(&[Part::Version]))),
        _ => None,
    }
}

fn of_log(path: &str) -> Option<(usize, What)> {
    let what = match path {
        "body" => What::Body(String::new()),
        "severity_number" => What::First(&[Part::SeverityNumber]),
        "severity_text" => What::First(&[Part::SeverityText]),
        "trace_id" => What::First(&[Part::TraceId]),
        "span_id" => What::First(&[Part::SpanId]),
        "event_name" => What::First(&[Part::EventName]),
        "time_unix_nano" => What::First(&[Part::Time]),
        "observed_time_unix_nano" => What::First(&[Part::ObservedTime]),
        _ => What::Body(path.strip_prefix("body.")?.to_owned()),
    };
    Some((RECORD, what))
}

fn of_metric(path: &str) -> Option<(usize, What)> {
    let what = match path {
        "name" => return Some((METRIC, What::First(&[Part::Name]))),
        "unit" => return Some((METRIC, What::First(&[Part::Unit]))),
        "type" => What::Kind,
        "value" => What::Given(Part::Number),
        "count" => What::Count,
        "sum" => What::Total,
        "min" => What::Extreme(Part::Min, 0.0),
        "max" => What::Extreme(Part::Max, 1.0),
        "time_unix_nano" => What::First(&[Part::Time]),
        "start_time_unix_nano" => What::First(&[Part::StartTime]),
        _ => return None,
    };
    Some((RECORD, what))
}

fn of_span(path: &str) -> Option<(usize, What)> {
    let what = match path {
        "name" => What::First(&[Part::Name]),
        "kind" => What::First(&[Part::Kind]),
        "trace_id" => What::First(&[Part::TraceId]),
        "span_id" => What::First(&[Part::SpanId]),
        "parent_span_id" => What::First(&[Part::ParentSpanId]),
        "status.code" => What::Status(Part::Code),
        "status.message" => What::Status(Part::StatusText),
        "duration" => What::Duration,
        "start_time_unix_nano" => What::First(&[Part::StartTime]),
        "end_time_unix_nano" => What::First(&[Part::EndTime]),
        _ => return None,
    };
    Some((RECORD, what))
}

/// A span is told of once it has ended, so that its end is its time.
const fn event_time(telemetry: Telemetry) -> What {
    match telemetry {
        Telemetry::Logs => What::First(&[Part::Time, Part::ObservedTime]),
        Telemetry::Metrics => What::First(&[Part::Time]),
        Telemetry::Spans => What::First(&[Part::EndTime, Part::StartTime]),
    }
}

impl What {
    fn find(&self, tape: &Tape, home: usize, kind: Part, texts: &Texts<'_>) -> Found {
        let given = |part| tape.last(home, part).map(|(_, node)| node.leaf);
        let first = |part| given(part).filter(|leaf| !leaf.is_default());
        let found = |leaf: Option<Leaf>| leaf.map_or(Found::Nothing, Found::Leaf);
        match self {
            What::First(parts) => found(parts.iter().find_map(|part| first(*part))),
            What::Given(part) => found(given(*part)),
            What::Attribute(key) => {
                let any = at_path(tape, home, Part::Attribute, key, texts);
                any.map_or(Found::Nothing, Found::Any)
            }
            What::Body(path) => {
                let any = tape
                    .last(home, Part::Body)
                    .map(|(body, _)| body)
                    .and_then(|body| within(tape, body, path, texts));
                any.map_or(Found::Nothing, Found::Any)
            }
            What::Status(part) => {
                let status = tape.last(home, Part::Status);
                let member = status.and_then(|(status, _)| tape.last(status, *part));
                match (member, part) {
                    (Some((_, node)), _) if !node.leaf.is_default() => Found::Leaf(node.leaf),
                    (_, Part::Code) => Found::Leaf(Leaf::Whole(0)),
                    _ => Found::Nothing,
                }
            }
            What::Duration => match (first(Part::StartTime), first(Part::EndTime)) {
                (Some(Leaf::Nanos(start)), Some(Leaf::Nanos(end))) => {
                    Found::Nanos(i128::from(end) - i128::from(start))
                }
                _ => Found::Nothing,
            },
            What::Kind => Found::Kind(kind),
            What::Count if matches!(kind, Part::Gauge | Part::Sum) => Found::Nothing,
            What::Count => Found::Leaf(given(Part::Count).unwrap_or(Leaf::Count(0))),
            What::Total if kind == Part::Summary => {
                Found::Leaf(given(Part::Total).unwrap_or(Leaf::Double(0.0)))
            }
            What::Total => found(given(Part::Total)),
            What::Extreme(_, share) if kind == Part::Summary => {
                found(quantile(tape, home, *share, texts))
            }
            What::Extreme(part, _) => found(given(*part)),
        }
    }
}

/// The value of a summary's quantile.
fn quantile(tape: &Tape, point: usize, share: f64, texts: &Texts<'_>) -> Option<Leaf> {
    let wanted = Decimal::from_f64(share).ok();
    let spelled = |leaf| match leaf {
        Leaf::Double(number) => Decimal::from_f64(number).ok(),
        Leaf::Spelled { start, end } => {
            Decimal::parse(texts.payload.get(start as usize..end as usize)?).ok()
        }
        _ => None,
    };
    let part = |at, part| tape.last(at, part).map_or(Leaf::Double(0.0), |(_, node)| node.leaf);
    let quantiles = tape.children(point).filter(|(_, node)| node.part == Part::Quantile);
    let wanted = quantiles.filter(|(at, _)| spelled(part(*at, Part::Share)) == wanted);
    wanted.last().map(|(at, _)| part(at, Part::Number))
}

/// The value at a path among the key-values of a node: a key may have dots, and what it names
/// may have keys of its own. Of several, the last counts.
fn at_path(tape: &Tape, list: usize, part: Part, path: &str, texts: &Texts<'_>) -> Option<usize> {
    let mut found = None;
    for (at, _) in tape.children(list).filter(|(_, node)| node.part == part) {
        let key = tape.last(at, Part::Key).map_or("", |(_, node)| text_of(node, texts));
        let Some(rest) = path.strip_prefix(key) else {
            continue;
        };
        let value = tape.last(at, Part::Value).map(|(value, _)| value);
        if rest.is_empty() {
            found = value;
        } else if let (Some(value), Some(rest)) = (value, rest.strip_prefix('.')) {
            found = within(tape, value, rest, texts).or(found);
        }
    }
    found
}

/// An `AnyValue` itself, or what is at a path in the key-values it holds.
fn within(tape: &Tape, any: usize, path: &str, texts: &Texts<'_>) -> Option<usize> {
    if path.is_empty() {
        return Some(any);
    }
    match tape.any(any) {
        Some((list, node)) if node.part == Part::KeyValues => {
            at_path(tape, list, Part::Entry, path, texts)
        }
        _ => None,
    }
}

fn text_of<'a>(node: &Node, texts: &Texts<'a>) -> &'a str {
    match node.leaf {
        Leaf::Text { home, start, end } => {
            texts.cut(Span { home, start: start as usize, end: end as usize })
        }
        _ => "",
    }
}

impl Bench<'_> {
    fn texts(&self) -> Texts<'_> {
        Texts { payload: self.payload, scratch: &self.spill.scratch, constants: self.constants }
    }

    fn any(&mut self, reader: &Reader, tape: &Tape, any: usize) -> Result<Slot, Fault> {
        match tape.any(any) {
            None => Ok(Slot::Missing),
            Some((list, node)) if node.part == Part::Array => self.list(reader, tape, list),
            Some((_, node)) => self.leaf(reader, node.leaf),
        }
    }

    /// As in JSON, one null or unfit item makes the list no value of its type.
    fn list(&mut self, reader: &Reader, tape: &Tape, list: usize) -> Result<Slot, Fault> {
        let Reader::List(inner) = reader else {
            return Err(Fault::Misfit);
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
                    return Err(Fault::Misfit);
                }
            }
        }
        let (start, len) = (first as u32, (self.spill.items.len() - first) as u32);
        Ok(Slot::List { start, len })
    }

    fn leaf(&mut self, reader: &Reader, leaf: Leaf) -> Result<Slot, Fault> {
        match leaf {
            Leaf::Message | Leaf::Bytes => Err(Fault::Misfit),
            Leaf::Bool(value) => reader.read(Scalar::Bool(value)),
            Leaf::Text { home, start, end } => {
                let span = Span { home, start: start as usize, end: end as usize };
                reader.read(Scalar::Text(self.texts().cut(span), span))
            }
            Leaf::Spelled { start, end } => {
                let spelled = self.payload.get(start as usize..end as usize).unwrap_or_default();
                reader.read(Scalar::Number(spelled))
            }
            Leaf::Whole(number) => self.number(reader, format_args!("{number}")),
            Leaf::Count(number) => self.number(reader, format_args!("{number}")),
            // The shortest text that reads back as the same float, as JSON's writers have it.
            Leaf::Double(number) => self.number(reader, format_args!("{number:e}")),
            // Its unit is known, whatever format the field declares.
            Leaf::Nanos(nanos) if matches!(reader, Reader::Time(_)) => {
                Ok(Slot::Time(Timestamp((nanos / 1_000_000) as i64)))
            }
            Leaf::Nanos(nanos) => self.number(reader, format_args!("{nanos}")),
        }
    }

    fn number(&mut self, reader: &Reader, number: std::fmt::Arguments<'_>) -> Result<Slot, Fault> {
        self.digits.clear();
        // A `String` takes whatever is written.
        let _ = std::fmt::Write::write_fmt(self.digits, number);
        reader.read(Scalar::Number(self.digits))
    }

    fn kind(&mut self, reader: &Reader, kind: Part) -> Result<Slot, Fault> {
        let known = KINDS.iter().position(|(part, _)| *part == kind);
        let Some(span) = known.and_then(|known| self.kinds.get(known)).copied() else {
            return Ok(Slot::Missing);
        };
        reader.read(Scalar::Text(self.texts().cut(span), span))
    }
}
