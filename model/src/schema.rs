//! Schema of a stream: produced by the rule language, used by the codecs.

/// Schema of one input stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// Name of the stream in rules.
    pub name: String,
    /// Logical input, as in `from "auth.events"`.
    pub input: String,
    /// Codec of the records.
    pub codec: Codec,
    /// Fields that rules may use; an [`crate::event::Event`] holds one value for each.
    pub fields: Vec<Field>,
    /// Index in `fields` of the one field of type [`FieldType::Time`].
    pub time: usize,
    /// Maximum lateness of an event behind the newest of its partition, in milliseconds.
    pub lateness_ms: i64,
    /// Index in `fields` of the event id: events of equal id and equal time are duplicates.
    pub id: Option<usize>,
    /// Index in `fields` of the record key: events with an equal value are in one partition.
    pub partitioned_by: Option<usize>,
    /// Text fields that patterns parse after the record is decoded.
    pub extracts: Vec<Extract>,
}

/// Declared field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Name in rules: a dotted path.
    pub name: String,
    /// Path of the field in the record; the name itself unless the declaration says otherwise.
    pub path: String,
    /// Type and unit.
    pub kind: FieldType,
}

/// Type of a field; numbers are decoded into base units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// Text.
    Str,
    /// A whole number that fits an `i64`.
    Int,
    /// A decimal number.
    Float,
    /// `true` or `false`.
    Bool,
    /// The event time.
    Time(TimeFormat),
    /// Another instant.
    Instant(TimeFormat),
    /// Duration, decoded into seconds.
    Duration(DurationUnit),
    /// Percentage, decoded into a fraction: `0..1` or `0..100`.
    Percent(PercentScale),
    /// A size in bytes.
    Bytes,
    /// An IPv4 or IPv6 address.
    Ip,
    /// Several values of one type.
    List(Box<FieldType>),
}

/// The unit in which a record writes a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DurationUnit {
    /// Nanoseconds.
    Nanoseconds,
    /// Microseconds.
    Microseconds,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Minutes.
    Minutes,
    /// Hours.
    Hours,
}

/// Scale of a percentage in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PercentScale {
    /// `1` is the whole.
    One,
    /// `100` is the whole.
    Hundred,
}

/// Format of an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimeFormat {
    /// RFC 3339 text, or a Unix number in s, ms, µs or ns, distinguished by its magnitude.
    Auto,
    /// A Unix number in the given unit.
    Unix(UnixUnit),
    /// A `strptime` pattern such as `%d/%b/%Y:%H:%M:%S %z`.
    Pattern(String),
}

/// The unit of a Unix time number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnixUnit {
    /// Seconds, a fraction allowed.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
}

/// Format of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// One JSON object.
    Json,
    /// Text: the whole record is the field `message`.
    Text,
    /// `key=value` pairs on one line.
    Logfmt,
    /// A syslog line, RFC 3164 or RFC 5424: `time host program pid message` and the header's parts.
    Syslog,
    /// An OTLP export request, protobuf or JSON: many events in one record.
    Otlp(OtlpSignal),
}

/// Signal that an OTLP request carries. The encoding does not identify it, so the stream declares
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtlpSignal {
    /// Log records.
    Logs,
    /// Metrics; their data points are the events.
    Metrics,
    /// Spans of traces.
    Spans,
}

/// Prefixes of paths that continue with the key of an attribute, for all signals.
const KEYED: [&str; 3] = ["attributes.", "resource.", "scope.attributes."];

impl OtlpSignal {
    /// Paths of the fields of its events, except keys of attributes and the content of a log's
    /// body.
    pub const fn paths(self) -> &'static [&'static str] {
        match self {
            OtlpSignal::Logs => &[
                "body",
                "severity_number",
                "severity_text",
                "event_name",
                "trace_id",
                "span_id",
                "time",
                "time_unix_nano",
                "observed_time_unix_nano",
                "scope.name",
                "scope.version",
            ],
            OtlpSignal::Metrics => &[
                "name",
                "unit",
                "type",
                "value",
                "count",
                "sum",
                "min",
                "max",
                "time",
                "time_unix_nano",
                "start_time_unix_nano",
                "scope.name",
                "scope.version",
            ],
            OtlpSignal::Spans => &[
                "name",
                "kind",
                "duration",
                "trace_id",
                "span_id",
                "parent_span_id",
                "status.code",
                "status.message",
                "time",
                "start_time_unix_nano",
                "end_time_unix_nano",
                "scope.name",
                "scope.version",
            ],
        }
    }

    /// Returns true when its events may have a value at a path.
    pub fn has(self, path: &str) -> bool {
        let in_body = self == OtlpSignal::Logs && path.starts_with("body.");
        in_body || KEYED.iter().any(|key| path.starts_with(key)) || self.paths().contains(&path)
    }
}

/// Patterns that parse declared fields out of a text field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extract {
    /// Index of the text field to parse.
    pub source: usize,
    /// Patterns in order; the first that matches the whole text applies.
    pub patterns: Vec<Pattern>,
}

/// Pattern of an [`Extract`]: literal text with captures, which matches the whole text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Pieces in order. Two captures are never adjacent: a literal separates them.
    pub parts: Vec<PatternPart>,
    /// Fields set to a constant text when the pattern matches: (field index, text).
    pub sets: Vec<(usize, String)>,
}

/// A piece of a [`Pattern`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatternPart {
    /// Literal text.
    Literal(String),
    /// `{_}`: skips the shortest text that lets the rest match.
    Skip,
    /// `{field}`: the longest text that lets the rest match, read as the field's type.
    Hole(usize),
}
