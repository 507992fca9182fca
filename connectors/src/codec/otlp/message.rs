//! Tables of the OTLP messages, with the fields that rules can name.
//!
//! One table serves both encodings: protobuf identifies a member by its number, JSON by its name.
//! (opentelemetry-proto 1.7, `logs.proto`, `metrics.proto`, `trace.proto`, `common.proto`.) Members
//! that are not in a table are skipped, as OTLP requires.

use model::schema::OtlpSignal;

/// A kind of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::codec) enum OtlpMessage {
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

/// Role of a member in its message, whatever the message calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::codec) enum MemberRole {
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

/// Wire format of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::codec) enum WireShape {
    One(OtlpMessage),
    Many(OtlpMessage),
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
pub(in crate::codec) struct OtlpMember {
    pub number: u64,
    pub name: &'static str,
    pub part: MemberRole,
    pub shape: WireShape,
}

impl OtlpMessage {
    /// The message a record of that kind of telemetry is.
    pub(in crate::codec) const fn root(telemetry: OtlpSignal) -> OtlpMessage {
        match telemetry {
            OtlpSignal::Logs => OtlpMessage::LogsRequest,
            OtlpSignal::Metrics => OtlpMessage::MetricsRequest,
            OtlpSignal::Spans => OtlpMessage::SpansRequest,
        }
    }

    /// The members that are read.
    pub(in crate::codec) const fn members(self) -> &'static [OtlpMember] {
        use OtlpMessage::*;
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
    pub(in crate::codec) fn numbered(self, number: u64) -> Option<&'static OtlpMember> {
        self.members().iter().find(|member| member.number == number)
    }

    /// The member with a JSON name.
    pub(in crate::codec) fn named(self, name: &str) -> Option<&'static OtlpMember> {
        self.members().iter().find(|member| member.name == name)
    }
}

const fn member(number: u64, name: &'static str, part: MemberRole, shape: WireShape) -> OtlpMember {
    OtlpMember { number, name, part, shape }
}

const fn group(name: &'static str, message: OtlpMessage) -> OtlpMember {
    member(2, name, MemberRole::ScopeGroup, WireShape::Many(message))
}

const fn attributes(number: u64) -> OtlpMember {
    member(number, "attributes", MemberRole::Attribute, WireShape::Many(OtlpMessage::KeyValue))
}

const fn points(message: OtlpMessage) -> OtlpMember {
    member(1, "dataPoints", MemberRole::Record, WireShape::Many(message))
}

const RESOURCE: OtlpMember =
    member(1, "resource", MemberRole::Resource, WireShape::One(OtlpMessage::Resource));
const SCOPE: OtlpMember = member(1, "scope", MemberRole::Scope, WireShape::One(OtlpMessage::Scope));
const NAME: OtlpMember = member(1, "name", MemberRole::Name, WireShape::Text);
const POINT_START: OtlpMember =
    member(2, "startTimeUnixNano", MemberRole::StartTime, WireShape::Nanos);
const POINT_TIME: OtlpMember = member(3, "timeUnixNano", MemberRole::Time, WireShape::Nanos);
const POINT_COUNT: OtlpMember = member(4, "count", MemberRole::Count, WireShape::Count);
const POINT_TOTAL: OtlpMember = member(5, "sum", MemberRole::Total, WireShape::Double);

static LOGS_REQUEST: [OtlpMember; 1] =
    [member(1, "resourceLogs", MemberRole::Group, WireShape::Many(OtlpMessage::ResourceLogs))];
static METRICS_REQUEST: [OtlpMember; 1] = [member(
    1,
    "resourceMetrics",
    MemberRole::Group,
    WireShape::Many(OtlpMessage::ResourceMetrics),
)];
static SPANS_REQUEST: [OtlpMember; 1] =
    [member(1, "resourceSpans", MemberRole::Group, WireShape::Many(OtlpMessage::ResourceSpans))];
static RESOURCE_LOGS: [OtlpMember; 2] = [RESOURCE, group("scopeLogs", OtlpMessage::ScopeLogs)];
static RESOURCE_METRICS: [OtlpMember; 2] =
    [RESOURCE, group("scopeMetrics", OtlpMessage::ScopeMetrics)];
static RESOURCE_SPANS: [OtlpMember; 2] = [RESOURCE, group("scopeSpans", OtlpMessage::ScopeSpans)];
static SCOPE_LOGS: [OtlpMember; 2] =
    [SCOPE, member(2, "logRecords", MemberRole::Record, WireShape::Many(OtlpMessage::LogRecord))];
static SCOPE_METRICS: [OtlpMember; 2] =
    [SCOPE, member(2, "metrics", MemberRole::Metric, WireShape::Many(OtlpMessage::Metric))];
static SCOPE_SPANS: [OtlpMember; 2] =
    [SCOPE, member(2, "spans", MemberRole::Record, WireShape::Many(OtlpMessage::Span))];
static RESOURCE_ITSELF: [OtlpMember; 1] = [attributes(1)];
static SCOPE_ITSELF: [OtlpMember; 3] =
    [NAME, member(2, "version", MemberRole::Version, WireShape::Text), attributes(3)];

static LOG_RECORD: [OtlpMember; 9] = [
    member(1, "timeUnixNano", MemberRole::Time, WireShape::Nanos),
    member(2, "severityNumber", MemberRole::SeverityNumber, WireShape::Whole),
    member(3, "severityText", MemberRole::SeverityText, WireShape::Text),
    member(5, "body", MemberRole::Body, WireShape::One(OtlpMessage::AnyValue)),
    attributes(6),
    member(9, "traceId", MemberRole::TraceId, WireShape::Hex),
    member(10, "spanId", MemberRole::SpanId, WireShape::Hex),
    member(11, "observedTimeUnixNano", MemberRole::ObservedTime, WireShape::Nanos),
    member(12, "eventName", MemberRole::EventName, WireShape::Text),
];

static SPAN: [OtlpMember; 9] = [
    member(1, "traceId", MemberRole::TraceId, WireShape::Hex),
    member(2, "spanId", MemberRole::SpanId, WireShape::Hex),
    member(4, "parentSpanId", MemberRole::ParentSpanId, WireShape::Hex),
    member(5, "name", MemberRole::Name, WireShape::Text),
    member(6, "kind", MemberRole::Kind, WireShape::Whole),
    member(7, "startTimeUnixNano", MemberRole::StartTime, WireShape::Nanos),
    member(8, "endTimeUnixNano", MemberRole::EndTime, WireShape::Nanos),
    attributes(9),
    member(15, "status", MemberRole::Status, WireShape::One(OtlpMessage::Status)),
];

static STATUS: [OtlpMember; 2] = [
    member(2, "message", MemberRole::StatusText, WireShape::Text),
    member(3, "code", MemberRole::Code, WireShape::Whole),
];

static METRIC: [OtlpMember; 7] = [
    NAME,
    member(3, "unit", MemberRole::Unit, WireShape::Text),
    member(5, "gauge", MemberRole::Gauge, WireShape::One(OtlpMessage::Numbers)),
    member(7, "sum", MemberRole::Sum, WireShape::One(OtlpMessage::Numbers)),
    member(9, "histogram", MemberRole::Histogram, WireShape::One(OtlpMessage::Histogram)),
    member(
        10,
        "exponentialHistogram",
        MemberRole::ExponentialHistogram,
        WireShape::One(OtlpMessage::ExponentialHistogram),
    ),
    member(11, "summary", MemberRole::Summary, WireShape::One(OtlpMessage::Summary)),
];

static NUMBERS: [OtlpMember; 1] = [points(OtlpMessage::NumberPoint)];
static HISTOGRAM: [OtlpMember; 1] = [points(OtlpMessage::HistogramPoint)];
static EXPONENTIAL_HISTOGRAM: [OtlpMember; 1] = [points(OtlpMessage::ExponentialPoint)];
static SUMMARY: [OtlpMember; 1] = [points(OtlpMessage::SummaryPoint)];

static NUMBER_POINT: [OtlpMember; 5] = [
    POINT_START,
    POINT_TIME,
    member(4, "asDouble", MemberRole::Number, WireShape::Double),
    member(6, "asInt", MemberRole::Number, WireShape::Fixed),
    attributes(7),
];

static HISTOGRAM_POINT: [OtlpMember; 7] = [
    POINT_START,
    POINT_TIME,
    POINT_COUNT,
    POINT_TOTAL,
    attributes(9),
    member(11, "min", MemberRole::Min, WireShape::Double),
    member(12, "max", MemberRole::Max, WireShape::Double),
];

static EXPONENTIAL_POINT: [OtlpMember; 7] = [
    attributes(1),
    POINT_START,
    POINT_TIME,
    POINT_COUNT,
    POINT_TOTAL,
    member(12, "min", MemberRole::Min, WireShape::Double),
    member(13, "max", MemberRole::Max, WireShape::Double),
];

static SUMMARY_POINT: [OtlpMember; 6] = [
    POINT_START,
    POINT_TIME,
    POINT_COUNT,
    POINT_TOTAL,
    member(6, "quantileValues", MemberRole::Quantile, WireShape::Many(OtlpMessage::Quantile)),
    attributes(7),
];

static QUANTILE: [OtlpMember; 2] = [
    member(1, "quantile", MemberRole::Share, WireShape::Double),
    member(2, "value", MemberRole::Number, WireShape::Double),
];

static KEY_VALUE: [OtlpMember; 2] = [
    member(1, "key", MemberRole::Key, WireShape::Text),
    member(2, "value", MemberRole::Value, WireShape::One(OtlpMessage::AnyValue)),
];

static ANY_VALUE: [OtlpMember; 7] = [
    member(1, "stringValue", MemberRole::Text, WireShape::Text),
    member(2, "boolValue", MemberRole::Bool, WireShape::Bool),
    member(3, "intValue", MemberRole::Int, WireShape::Whole),
    member(4, "doubleValue", MemberRole::Double, WireShape::Double),
    member(5, "arrayValue", MemberRole::Array, WireShape::One(OtlpMessage::ArrayValue)),
    member(6, "kvlistValue", MemberRole::KeyValues, WireShape::One(OtlpMessage::KeyValues)),
    member(7, "bytesValue", MemberRole::Bytes, WireShape::Bytes),
];

static ARRAY_VALUE: [OtlpMember; 1] =
    [member(1, "values", MemberRole::Item, WireShape::Many(OtlpMessage::AnyValue))];
static KEY_VALUES: [OtlpMember; 1] =
    [member(1, "values", MemberRole::Entry, WireShape::Many(OtlpMessage::KeyValue))];
