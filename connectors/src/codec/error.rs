//! Errors of creating a decoder and of decoding a record.

use std::fmt;

use crate::codec::limits::{DEPTH_MAX, EVENTS_MAX, SHARED_TEXT_MAX};
use crate::source::MAX_RECORD_BYTES;

/// Error of a schema for which no decoder can be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodecError {
    /// The schema has no event time field of type time.
    NoTimeField {
        /// The stream.
        stream: String,
    },
    /// An invalid `strptime` pattern.
    TimePattern {
        /// The field that has it.
        field: String,
        /// Problem with it.
        reason: String,
    },
    /// A list of lists.
    NestedList {
        /// The field.
        field: String,
    },
    /// An extract pattern with two adjacent captures.
    TouchingHoles {
        /// The stream.
        stream: String,
    },
    /// An extract pattern that names a field the schema does not have.
    UnknownField {
        /// The stream.
        stream: String,
    },
}

/// Error of decoding a record, with its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// Position in the record; `None` for an error of the whole record.
    pub place: Option<ErrorPlace>,
    /// Reason, as an enum, so that it can be shown in any language.
    pub reason: DecodeReason,
}

/// Position in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorPlace {
    /// Byte offset in the record.
    pub byte: usize,
    /// Line in the record, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// Reason for which a record cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeReason {
    /// Longer than [`MAX_RECORD_BYTES`].
    TooLong {
        /// Length of the record in bytes.
        bytes: usize,
    },
    /// Not UTF-8.
    NotUtf8,
    /// JSON that ends before its object does.
    Truncated,
    /// JSON with more behind its object.
    Trailing,
    /// JSON that is no object.
    NotAnObject,
    /// Nested deeper than [`DEPTH_MAX`].
    TooDeep,
    /// Not JSON: what should stand there.
    Syntax(ExpectedInput),
    /// Not a syslog line: what should stand there.
    Syslog(ExpectedInput),
    /// Not a logfmt line: what should stand there.
    Logfmt(ExpectedInput),
    /// Not an OTLP request: what should stand there.
    Otlp(ExpectedInput),
    /// More than [`EVENTS_MAX`] events.
    TooManyEvents,
    /// Texts that events share come to more than [`SHARED_TEXT_MAX`], counted for each event.
    TooMuchShared,
    /// Something at a named place of the record.
    Within {
        /// The place, as in `resourceLogs[0].scopeLogs[1]`.
        path: String,
        /// Reason of the error.
        reason: Box<DecodeReason>,
    },
    /// Neither the event nor the record has a time.
    NoTime {
        /// The time field.
        field: String,
        /// Something stood there, but it is no time.
        unreadable: bool,
    },
    /// A date without a year, and none was given.
    NoYear,
}

/// Input expected at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedInput {
    /// A JSON value.
    Value,
    /// A member's name in quotes.
    Name,
    /// The colon behind a name.
    Colon,
    /// A comma or the end of the object.
    CommaOrBrace,
    /// A comma or the end of the array.
    CommaOrBracket,
    /// A digit.
    Digit,
    /// One of JSON's escapes behind a backslash.
    Escape,
    /// A control character written as an escape.
    EscapedControl,
    /// `<0>` to `<191>`.
    Priority,
    /// `Mmm dd hh:mm:ss` or an RFC 3339 time.
    HeaderTime,
    /// A word followed by a space.
    HeaderWord,
    /// `-` or `[id name="value"]`.
    StructuredPart,
    /// A key before `=`.
    Key,
    /// The quote that ends a value.
    ClosingQuote,
    /// A space between two pairs.
    Gap,
    /// A JSON object.
    Object,
    /// A JSON array.
    Array,
    /// A text.
    Text,
    /// Hexadecimal digits.
    HexDigits,
    /// A whole number of 64 bits.
    Whole,
    /// A number.
    Number,
    /// `true` or `false`.
    Truth,
    /// A protobuf tag.
    Tag,
    /// A protobuf number of variable length.
    Varint,
    /// A protobuf field that ends where its message does, or before.
    WholeField,
    /// UTF-8.
    Utf8,
}

impl DecodeError {
    /// An error at a byte of a payload.
    pub(super) fn at(payload: &[u8], byte: usize, reason: DecodeReason) -> DecodeError {
        let before = payload.get(..byte).unwrap_or(payload);
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let this_line = before.get(line_start..).unwrap_or_default();
        let column = String::from_utf8_lossy(this_line).chars().count() + 1;
        let place = Some(ErrorPlace { byte, line, column });
        DecodeError { place, reason }
    }

    /// An error at a byte of a payload that is no text.
    pub(super) fn at_byte(byte: usize, reason: DecodeReason) -> DecodeError {
        let place = Some(ErrorPlace { byte, line: 1, column: byte + 1 });
        DecodeError { place, reason }
    }

    /// An error about the record as a whole.
    pub(super) fn whole(reason: DecodeReason) -> DecodeError {
        let place = None;
        DecodeError { place, reason }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(ErrorPlace { byte, line, column }) = self.place {
            if line > 1 {
                write!(f, "line {line} of the record, ")?;
            }
            write!(f, "column {column} (byte {byte}): ")?;
        }
        self.reason.fmt(f)
    }
}

impl fmt::Display for DecodeReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeReason::TooLong { bytes } => {
                write!(f, "the record is {bytes} bytes long; the limit is {MAX_RECORD_BYTES}")
            }
            DecodeReason::NotUtf8 => f.write_str("the bytes are not UTF-8"),
            DecodeReason::Truncated => {
                f.write_str("the record ends in the middle of its JSON object")
            }
            DecodeReason::Trailing => {
                f.write_str("more text follows the JSON object; a record holds one object")
            }
            DecodeReason::NotAnObject => {
                f.write_str("the record is no JSON object; it must begin with `{`")
            }
            DecodeReason::TooDeep => {
                write!(f, "the record is nested deeper than {DEPTH_MAX} levels")
            }
            DecodeReason::Syntax(expected) => write!(f, "not JSON: expected {expected}"),
            DecodeReason::Syslog(expected) => {
                write!(f, "not a syslog line: expected {expected}")
            }
            DecodeReason::Logfmt(expected) => {
                write!(f, "not a logfmt line: expected {expected}")
            }
            DecodeReason::Otlp(expected) => write!(f, "not OTLP: expected {expected}"),
            DecodeReason::TooManyEvents => {
                write!(f, "the record has more than {EVENTS_MAX} events")
            }
            DecodeReason::TooMuchShared => write!(
                f,
                "the texts of its resources, scopes and metrics come to more than \
                 {SHARED_TEXT_MAX} bytes, counted for each event"
            ),
            DecodeReason::Within { path, reason } => write!(f, "{path}: {reason}"),
            DecodeReason::NoTime { field, unreadable: false } => {
                write!(f, "no time: `{field}` is missing and the record has no timestamp")
            }
            DecodeReason::NoTime { field, unreadable: true } => write!(
                f,
                "no time: `{field}` cannot be read as its declared format and the record has no \
                 timestamp"
            ),
            DecodeReason::NoYear => {
                f.write_str("the date has no year; give one with --year, as in `--year 2026`")
            }
        }
    }
}

impl fmt::Display for ExpectedInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ExpectedInput::Value => "a value",
            ExpectedInput::Name => "a name in double quotes",
            ExpectedInput::Colon => "`:` after the name",
            ExpectedInput::CommaOrBrace => "`,` or `}`",
            ExpectedInput::CommaOrBracket => "`,` or `]`",
            ExpectedInput::Digit => "a digit",
            ExpectedInput::Escape => "an escape such as `\\n` or `\\u000a`",
            ExpectedInput::EscapedControl => "control characters to be escaped, as in `\\u0000`",
            ExpectedInput::Priority => "a priority from `<0>` to `<191>`",
            ExpectedInput::HeaderTime => {
                "a time such as `Dec 10 06:55:46` or `2026-01-05T09:00:00Z`"
            }
            ExpectedInput::HeaderWord => "a word and a space",
            ExpectedInput::StructuredPart => "`-` or `[id name=\"value\"]`",
            ExpectedInput::Key => "a key such as `level=`",
            ExpectedInput::ClosingQuote => "a `\"` that ends the value",
            ExpectedInput::Gap => "a space before the next pair",
            ExpectedInput::Object => "an object",
            ExpectedInput::Array => "an array",
            ExpectedInput::Text => "a text",
            ExpectedInput::HexDigits => "hexadecimal digits",
            ExpectedInput::Whole => "a whole number of 64 bits",
            ExpectedInput::Number => "a number",
            ExpectedInput::Truth => "true or false",
            ExpectedInput::Tag => "a field with a wire type that it can have",
            ExpectedInput::Varint => "a number of at most ten bytes",
            ExpectedInput::WholeField => "a field that ends within its message",
            ExpectedInput::Utf8 => "a text in UTF-8",
        })
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CodecError::NoTimeField { stream } => {
                write!(f, "stream `{stream}` has no field of type `time`")
            }
            CodecError::TimePattern { field, reason } => {
                write!(f, "the time format of field `{field}` cannot be used: {reason}")
            }
            CodecError::NestedList { field } => {
                write!(f, "field `{field}` is a list of lists; declare list(T) of a plain type")
            }
            CodecError::TouchingHoles { stream } => write!(
                f,
                "an extract pattern of stream `{stream}` has two holes that touch; put text \
                 between them"
            ),
            CodecError::UnknownField { stream } => {
                write!(f, "an extract of stream `{stream}` names a field it does not declare")
            }
        }
    }
}

impl std::error::Error for DecodeError {}
impl std::error::Error for CodecError {}
