//! OTLP's messages, as far as rules can name what is in them.
//!
//! One table serves both encodings: protobuf knows a member by its number, JSON by its name.
//! (opentelemetry-proto 1.7, `logs.proto`, `metrics.proto`, `trace.proto`, `common.proto`.)
//! What is not in a table is skipped, as OTLP asks.

use model::schema::Telemetry;

/// A kind of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::codec) enum Message {
    LogsRequest,
    MetricsRequest,
    SpansRequest,
    ResourceLogs,
    ResourceMetrics,
    ResourceSpans,
    ScopeLogs,
    ScopeMetrics,
    ScopeSpans,
    Resource,
    Scope,
    LogRecord,
    Span,
    Status,
    Metric,
    Numbers,
    Histogram,
    ExponentialHistogram,
    Summary,
    NumberPoint,
    HistogramPoint,
    ExponentialPoint,
    SummaryPoint,
    Quantile,
    KeyValue,
    AnyValue,
    ArrayValue,
    KeyValues,
}

/// What a member is to its message, whatever the message calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::codec) enum Part {
    Request,
    Group,
    Resource,
    ScopeGroup,
    Scope,
    Metric,
    Gauge,
    Sum,
    Histogram,
    ExponentialHistogram,
    Summary,
    /// A log record, a span or a data point: an event.
    Record,
    Attribute,
    Key,
    Value,
    Item,
    Entry,
    Text,
    Bool,
    Int,
    Double,
    Array,
    KeyValues,
    Bytes,
    Name,
    Version,
    Unit,
    Time,
    ObservedTime,
    StartTime,
    EndTime,
    SeverityNumber,
    SeverityText,
    Body,
    TraceId,
    SpanId,
    ParentSpanId,
    EventName,
    Kind,
    Status,
    Code,
    StatusText,
    Number,
    Count,
    Total,
    Min,
    Max,
    Quantile,
    Share,
}

/// How a member is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::codec) enum Shape {
    One(Message),
    Many(Message),
    Text,
    /// An id: bytes in protobuf, hexadecimal digits in JSON.
    Hex,
    /// Other bytes, which no field can hold.
    Bytes,
    /// A signed number: a varint in protobuf.
    Whole,
    /// A signed number of eight bytes.
    Fixed,
    /// An unsigned number of eight bytes.
    Count,
    /// Nanoseconds since the epoch, in eight bytes.
    Nanos,
    Double,
    Bool,
}

/// One member of a message.
#[derive(Clone, Copy, Debug)]
pub(in crate::codec) struct Member {
    pub number: u64,
    pub name: &'static str,
    pub part: Part,
    pub shape: Shape,
}

impl Message {
    /// The message a record of that kind of telemetry is.
    pub(in crate::codec) const fn root(telemetry: Telemetry) -> Message {
        match telemetry {
            Telemetry::Logs => Message::LogsRequest,
            Telemetry::Metrics => Message::MetricsRequest,
            Telemetry::Spans => Message::SpansRequest,
        }
    }

    /// The members that are read.
    pub(in crate::codec) const fn members(self) -> &'static [Member] {
        use Message::*;
        match self {
            LogsRequest => &LOGS_REQUEST,
            MetricsRequest => &METRICS_REQUEST,
            SpansRequest => &SPANS_REQUEST,
            ResourceLogs => &RESOURCE_LOGS,
            ResourceMetrics => &RESOURCE_METRICS,
            ResourceSpans => &RESOURCE_SPANS,
            ScopeLogs => &SCOPE_LOGS,
            ScopeMetrics => &SCOPE_METRICS,
            ScopeSpans => &SCOPE_SPANS,
            Resource => &RESOURCE_ITSELF,
            Scope => &SCOPE_ITSELF,
            LogRecord => &LOG_RECORD,
            Span => &SPAN,
            Status => &STATUS,
            Metric => &METRIC,
            Numbers => &NUMBERS,
            Histogram => &HISTOGRAM,
            ExponentialHistogram => &EXPONENTIAL_HISTOGRAM,
            Summary => &SUMMARY,
            NumberPoint => &NUMBER_POINT,
            HistogramPoint => &HISTOGRAM_POINT,
            ExponentialPoint => &EXPONENTIAL_POINT,
            SummaryPoint => &SUMMARY_POINT,
            Quantile => &QUANTILE,
            KeyValue => &KEY_VALUE,
            AnyValue => &ANY_VALUE,
            ArrayValue => &ARRAY_VALUE,
            KeyValues => &KEY_VALUES,
        }
    }

    /// The member with a protobuf number.
    pub(in crate::codec) fn numbered(self, number: u64) -> Option<&'static Member> {
        self.members().iter().find(|member| member.number == number)
    }

    /// The member with a JSON name.
    pub(in crate::codec) fn named(self, name: &str) -> Option<&'static Member> {
        self.members().iter().find(|member| member.name == name)
    }
}

const fn member(number: u64, name: &'static str, part: Part, shape: Shape) -> Member {
    Member { number, name, part, shape }
}

const fn group(name: &'static str, message: Message) -> Member {
    member(2, name, Part::ScopeGroup, Shape::Many(message))
}

const fn attributes(number: u64) -> Member {
    member(number, "attributes", Part::Attribute, Shape::Many(Message::KeyValue))
}

const fn points(message: Message) -> Member {
    member(1, "dataPoints", Part::Record, Shape::Many(message))
}

const RESOURCE: Member = member(1, "resource", Part::Resource, Shape::One(Message::Resource));
const SCOPE: Member = member(1, "scope", Part::Scope, Shape::One(Message::Scope));
const NAME: Member = member(1, "name", Part::Name, Shape::Text);
const POINT_START: Member = member(2, "startTimeUnixNano", Part::StartTime, Shape::Nanos);
const POINT_TIME: Member = member(3, "timeUnixNano", Part::Time, Shape::Nanos);
const POINT_COUNT: Member = member(4, "count", Part::Count, Shape::Count);
const POINT_TOTAL: Member = member(5, "sum", Part::Total, Shape::Double);

static LOGS_REQUEST: [Member; 1] =
    [member(1, "resourceLogs", Part::Group, Shape::Many(Message::ResourceLogs))];
static METRICS_REQUEST: [Member; 1] =
    [member(1, "resourceMetrics", Part::Group, Shape::Many(Message::ResourceMetrics))];
static SPANS_REQUEST: [Member; 1] =
    [member(1, "resourceSpans", Part::Group, Shape::Many(Message::ResourceSpans))];
static RESOURCE_LOGS: [Member; 2] = [RESOURCE, group("scopeLogs", Message::ScopeLogs)];
static RESOURCE_METRICS: [Member; 2] = [RESOURCE, group("scopeMetrics", Message::ScopeMetrics)];
static RESOURCE_SPANS: [Member; 2] = [RESOURCE, group("scopeSpans", Message::ScopeSpans)];
static SCOPE_LOGS: [Member; 2] =
    [SCOPE, member(2, "logRecords", Part::Record, Shape::Many(Message::LogRecord))];
static SCOPE_METRICS: [Member; 2] =
    [SCOPE, member(2, "metrics", Part::Metric, Shape::Many(Message::Metric))];
static SCOPE_SPANS: [Member; 2] =
    [SCOPE, member(2, "spans", Part::Record, Shape::Many(Message::Span))];
static RESOURCE_ITSELF: [Member; 1] = [attributes(1)];
static SCOPE_ITSELF: [Member; 3] =
    [NAME, member(2, "version", Part::Version, Shape::Text), attributes(3)];

static LOG_RECORD: [Member; 9] = [
    member(1, "timeUnixNano", Part::Time, Shape::Nanos),
    member(2, "severityNumber", Part::SeverityNumber, Shape::Whole),
    member(3, "severityText", Part::SeverityText, Shape::Text),
    member(5, "body", Part::Body, Shape::One(Message::AnyValue)),
    attributes(6),
    member(9, "traceId", Part::TraceId, Shape::Hex),
    member(10, "spanId", Part::SpanId, Shape::Hex),
    member(11, "observedTimeUnixNano", Part::ObservedTime, Shape::Nanos),
    member(12, "eventName", Part::EventName, Shape::Text),
];

static SPAN: [Member; 9] = [
    member(1, "traceId", Part::TraceId, Shape::Hex),
    member(2, "spanId", Part::SpanId, Shape::Hex),
    member(4, "parentSpanId", Part::ParentSpanId, Shape::Hex),
    member(5, "name", Part::Name, Shape::Text),
    member(6, "kind", Part::Kind, Shape::Whole),
    member(7, "startTimeUnixNano", Part::StartTime, Shape::Nanos),
    member(8, "endTimeUnixNano", Part::EndTime, Shape::Nanos),
    attributes(9),
    member(15, "status", Part::Status, Shape::One(Message::Status)),
];

static STATUS: [Member; 2] = [
    member(2, "message", Part::StatusText, Shape::Text),
    member(3, "code", Part::Code, Shape::Whole),
];

static METRIC: [Member; 7] = [
    NAME,
    member(3, "unit", Part::Unit, Shape::Text),
    member(5, "gauge", Part::Gauge, Shape::One(Message::Numbers)),
    member(7, "sum", Part::Sum, Shape::One(Message::Numbers)),
    member(9, "histogram", Part::Histogram, Shape::One(Message::Histogram)),
    member(
        10,
        "exponentialHistogram",
        Part::ExponentialHistogram,
        Shape::One(Message::ExponentialHistogram),
    ),
    member(11, "summary", Part::Summary, Shape::One(Message::Summary)),
];

static NUMBERS: [Member; 1] = [points(Message::NumberPoint)];
static HISTOGRAM: [Member; 1] = [points(Message::HistogramPoint)];
static EXPONENTIAL_HISTOGRAM: [Member; 1] = [points(Message::ExponentialPoint)];
static SUMMARY: [Member; 1] = [points(Message::SummaryPoint)];

static NUMBER_POINT: [Member; 5] = [
    POINT_START,
    POINT_TIME,
    member(4, "asDouble", Part::Number, Shape::Double),
    member(6, "asInt", Part::Number, Shape::Fixed),
    attributes(7),
];

static HISTOGRAM_POINT: [Member; 7] = [
    POINT_START,
    POINT_TIME,
    POINT_COUNT,
    POINT_TOTAL,
    attributes(9),
    member(11, "min", Part::Min, Shape::Double),
    member(12, "max", Part::Max, Shape::Double),
];

static EXPONENTIAL_POINT: [Member; 7] = [
    attributes(1),
    POINT_START,
    POINT_TIME,
    POINT_COUNT,
    POINT_TOTAL,
    member(12, "min", Part::Min, Shape::Double),
    member(13, "max", Part::Max, Shape::Double),
];

static SUMMARY_POINT: [Member; 6] = [
    POINT_START,
    POINT_TIME,
    POINT_COUNT,
    POINT_TOTAL,
    member(6, "quantileValues", Part::Quantile, Shape::Many(Message::Quantile)),
    attributes(7),
];

static QUANTILE: [Member; 2] = [
    member(1, "quantile", Part::Share, Shape::Double),
    member(2, "value", Part::Number, Shape::Double),
];

static KEY_VALUE: [Member; 2] = [
    member(1, "key", Part::Key, Shape::Text),
    member(2, "value", Part::Value, Shape::One(Message::AnyValue)),
];

static ANY_VALUE: [Member; 7] = [
    member(1, "stringValue", Part::Text, Shape::Text),
    member(2, "boolValue", Part::Bool, Shape::Bool),
    member(3, "intValue", Part::Int, Shape::Whole),
    member(4, "doubleValue", Part::Double, Shape::Double),
    member(5, "arrayValue", Part::Array, Shape::One(Message::ArrayValue)),
    member(6, "kvlistValue", Part::KeyValues, Shape::One(Message::KeyValues)),
    member(7, "bytesValue", Part::Bytes, Shape::Bytes),
];

static ARRAY_VALUE: [Member; 1] = [member(1, "values", Part::Item, Shape::Many(Message::AnyValue))];
static KEY_VALUES: [Member; 1] = [member(1, "values", Part::Entry, Shape::Many(Message::KeyValue))];
