//! Scalars of a record to typed values in base units.

use std::net::IpAddr;

use model::decimal::{Decimal, parse_digits};
use model::event::Value;
use model::schema::{DurationUnit, Field, FieldType, PercentScale};
use model::time::Timestamp;

use crate::codec::error::CodecError;
use crate::codec::json::{JsonKind, JsonScanner, RawSpan, unescape};
use crate::codec::time_format::{TimeFault, TimeReader};

/// Most items a list may have; a longer one does not fit its type.
pub const LIST_ITEMS_MAX: usize = 1024;

/// Which text a [`TextSpan`] is cut from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SpanSource {
    /// The record.
    Payload,
    /// Texts that had escapes.
    Scratch,
    /// Constants of the extract patterns.
    Constants,
}

/// A text by its place, so that buffers can grow and be reused while it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TextSpan {
    pub home: SpanSource,
    pub start: usize,
    pub end: usize,
}

/// A [`Value`] without a lifetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueSlot {
    Missing,
    Text(TextSpan),
    Number(Decimal),
    Bool(bool),
    Time(Timestamp),
    Ip(IpAddr),
    List { start: u32, len: u32 },
}

/// The texts that spans are cut from.
#[derive(Clone, Copy)]
pub(super) struct SpanTexts<'a> {
    pub payload: &'a str,
    pub scratch: &'a str,
    pub constants: &'a str,
}

/// A scalar as a codec found it.
#[derive(Clone, Copy, Debug)]
pub(super) enum RawScalar<'a> {
    /// Text, and its place.
    Text(&'a str, TextSpan),
    /// The text of a number.
    Number(&'a str),
    /// A truth value.
    Bool(bool),
}

/// Error of a value that does not fit its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueError {
    /// Wrong type, or out of range.
    Misfit,
    /// A date that needs `--year`.
    NoYear,
}

/// A field's type, ready to read.
#[derive(Clone, Debug)]
pub(super) enum FieldParser {
    Str,
    Int,
    Bool,
    Ip,
    /// Number × factor × 10^power.
    Scaled {
        power: i32,
        factor: i64,
    },
    Time(TimeReader),
    List(Box<FieldParser>),
}

/// Scratch text of the JSON codec, to which slots point.
#[derive(Debug, Default)]
pub(super) struct TextScratch {
    pub items: Vec<ValueSlot>,
    pub scratch: String,
}

impl FieldParser {
    pub fn new(field: &Field, year: Option<i64>) -> Result<FieldParser, CodecError> {
        FieldParser::of(&field.kind, &field.name, year)
    }

    fn of(kind: &FieldType, name: &str, year: Option<i64>) -> Result<FieldParser, CodecError> {
        let scaled = |power, factor| FieldParser::Scaled { power, factor };
        let field = || name.to_owned();
        Ok(match kind {
            FieldType::Str => FieldParser::Str,
            FieldType::Int => FieldParser::Int,
            FieldType::Bool => FieldParser::Bool,
            FieldType::Ip => FieldParser::Ip,
            FieldType::Float | FieldType::Bytes => scaled(0, 1),
            FieldType::Percent(PercentScale::One) => scaled(0, 1),
            FieldType::Percent(PercentScale::Hundred) => scaled(-2, 1),
            FieldType::Duration(unit) => match unit {
                DurationUnit::Nanoseconds => scaled(-9, 1),
                DurationUnit::Microseconds => scaled(-6, 1),
                DurationUnit::Milliseconds => scaled(-3, 1),
                DurationUnit::Seconds => scaled(0, 1),
                DurationUnit::Minutes => scaled(0, 60),
                DurationUnit::Hours => scaled(0, 3600),
            },
            FieldType::Time(format) | FieldType::Instant(format) => {
                let reader = TimeReader::new(format, year).map_err(|reason| {
                    let field = field();
                    CodecError::TimePattern { field, reason }
                })?;
                FieldParser::Time(reader)
            }
            FieldType::List(inner) => match FieldParser::of(inner, name, year)? {
                FieldParser::List(_) => return Err(CodecError::NestedList { field: field() }),
                inner => FieldParser::List(Box::new(inner)),
            },
        })
    }

    /// True when a text that lacks nothing but a year may come to it.
    pub fn may_lack_year(&self) -> bool {
        match self {
            FieldParser::Time(TimeReader::Pattern { year: None, .. }) => true,
            FieldParser::List(inner) => inner.may_lack_year(),
            _ => false,
        }
    }

    /// Reads a scalar. Text that spells a number, a truth value or an address fits those
    /// types, since texts are all that syslog and `extract` have; nothing but text fits `str`.
    pub fn read(&self, scalar: RawScalar<'_>) -> Result<ValueSlot, ValueError> {
        use RawScalar::{Bool, Number, Text};
        match (self, scalar) {
            (FieldParser::Str, Text(_, span)) => Ok(ValueSlot::Text(span)),
            (FieldParser::Bool, Bool(value)) => Ok(ValueSlot::Bool(value)),
            (FieldParser::Bool, Text("true", _)) => Ok(ValueSlot::Bool(true)),
            (FieldParser::Bool, Text("false", _)) => Ok(ValueSlot::Bool(false)),
            (FieldParser::Int, Number(text) | Text(text, _)) => read_int(text),
            (FieldParser::Scaled { power, factor }, Number(text) | Text(text, _)) => {
                let number = Decimal::parse_scaled(text, *power).ok();
                let scaled = match factor {
                    1 => number,
                    _ => number.and_then(|n| n.checked_mul(Decimal::from_int(*factor))),
                };
                scaled.map(ValueSlot::Number).ok_or(ValueError::Misfit)
            }
            (FieldParser::Ip, Text(text, _)) => match text.parse::<IpAddr>() {
                Ok(address) => Ok(ValueSlot::Ip(address.to_canonical())),
                Err(_) => Err(ValueError::Misfit),
            },
            (FieldParser::Time(reader), Text(text, _)) => time_slot(reader.read_text(text)),
            (FieldParser::Time(reader), Number(text)) => time_slot(reader.read_number(text)),
            _ => Err(ValueError::Misfit),
        }
    }

    /// Reads a JSON value that the scanner has checked; null is missing.
    pub fn read_json(
        &self,
        text: &str,
        raw: RawSpan,
        spill: &mut TextScratch,
    ) -> Result<ValueSlot, ValueError> {
        let (start, end) = (raw.start as usize, raw.end as usize);
        match (raw.kind, self) {
            (JsonKind::Plain, FieldParser::Str) => {
                let home = SpanSource::Payload;
                Ok(ValueSlot::Text(TextSpan { home, start: start + 1, end: end - 1 }))
            }
            (JsonKind::Plain, _) => {
                let (home, start, end) = (SpanSource::Payload, start + 1, end - 1);
                let inside = text.get(start..end).unwrap_or_default();
                self.read(RawScalar::Text(inside, TextSpan { home, start, end }))
            }
            (JsonKind::Number, _) => {
                self.read(RawScalar::Number(text.get(start..end).unwrap_or_default()))
            }
            (JsonKind::True, _) => self.read(RawScalar::Bool(true)),
            (JsonKind::False, _) => self.read(RawScalar::Bool(false)),
            (JsonKind::Null, _) => Ok(ValueSlot::Missing),
            (JsonKind::Array, FieldParser::List(inner)) => inner.read_list(text, raw, spill),
            (JsonKind::Array | JsonKind::Object, _) => Err(ValueError::Misfit),
            (JsonKind::Escaped, _) => {
                let inside = text.get(start + 1..end - 1).unwrap_or_default();
                let (home, start) = (SpanSource::Scratch, spill.scratch.len());
                if !unescape(inside, &mut spill.scratch) {
                    return Err(ValueError::Misfit);
                }
                let end = spill.scratch.len();
                let plain = spill.scratch.get(start..end).unwrap_or_default();
                self.read(RawScalar::Text(plain, TextSpan { home, start, end }))
            }
        }
    }

    /// Reads the items of an array. One null or unfit item makes the list no value of its
    /// type: leaving it out would let a rule count a list that is not what was sent.
    fn read_list(
        &self,
        text: &str,
        raw: RawSpan,
        spill: &mut TextScratch,
    ) -> Result<ValueSlot, ValueError> {
        let first = spill.items.len();
        let mut scanner = JsonScanner::new(text, raw.start as usize + 1);
        scanner.skip_space();
        while scanner.at + 1 < raw.end as usize {
            let fits = spill.items.len() - first < LIST_ITEMS_MAX;
            let start = scanner.at;
            let item = match scanner.value(0) {
                Ok(kind) if fits => self.read_json(text, scanner.span_from(start, kind), spill),
                _ => Err(ValueError::Misfit),
            };
            match item {
                Ok(ValueSlot::Missing) | Err(ValueError::Misfit) => {
                    spill.items.truncate(first);
                    return Err(ValueError::Misfit);
                }
                Err(fault) => return Err(fault),
                Ok(slot) => spill.items.push(slot),
            }
            scanner.skip_space();
            scanner.skip_if(b',');
            scanner.skip_space();
        }
        let (start, len) = (first as u32, (spill.items.len() - first) as u32);
        Ok(ValueSlot::List { start, len })
    }
}

impl<'a> SpanTexts<'a> {
    #[inline]
    pub fn cut(&self, span: TextSpan) -> &'a str {
        let home = match span.home {
            SpanSource::Payload => self.payload,
            SpanSource::Scratch => self.scratch,
            SpanSource::Constants => self.constants,
        };
        home.get(span.start..span.end).unwrap_or_default()
    }

    /// The value of a slot.
    #[inline]
    pub fn value(&self, slot: ValueSlot) -> Value<'a> {
        match slot {
            ValueSlot::Missing => Value::Missing,
            ValueSlot::Text(span) => Value::Text(self.cut(span)),
            ValueSlot::Number(number) => Value::Number(number),
            ValueSlot::Bool(value) => Value::Bool(value),
            ValueSlot::Time(time) => Value::Time(time),
            ValueSlot::Ip(address) => Value::Ip(address),
            ValueSlot::List { start, len } => Value::List { start, len },
        }
    }
}

fn time_slot(read: Result<Timestamp, TimeFault>) -> Result<ValueSlot, ValueError> {
    match read {
        Ok(time) => Ok(ValueSlot::Time(time)),
        Err(TimeFault::Unreadable) => Err(ValueError::Misfit),
        Err(TimeFault::NoYear) => Err(ValueError::NoYear),
    }
}

/// A whole number that fits an `i64`, in any spelling: `5`, `5.0`, `50e-1`.
fn read_int(text: &str) -> Result<ValueSlot, ValueError> {
    if let Some(whole) = parse_digits(text) {
        return Ok(ValueSlot::Number(Decimal::from_int(whole)));
    }
    let number = Decimal::parse(text).map_err(|_| ValueError::Misfit)?;
    let whole = number.to_int().ok_or(ValueError::Misfit)?;
    // Rounding to nine digits must not make a whole number of 3.0000000001.
    if text.contains(['.', 'e', 'E']) && !is_whole(text) {
        return Err(ValueError::Misfit);
    }
    Ok(ValueSlot::Number(Decimal::from_int(whole)))
}

/// True when a well-formed number has no fraction, however small.
fn is_whole(text: &str) -> bool {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = || whole.bytes().chain(fraction.bytes()).filter(u8::is_ascii_digit);
    if digits().all(|digit| digit == b'0') {
        return true;
    }
    let zeros = digits().rev().take_while(|digit| *digit == b'0').count() as i64;
    let exponent = exponent.parse::<i64>().unwrap_or(i64::from(i32::MIN));
    exponent - fraction.len() as i64 + zeros >= 0
}

#[cfg(test)]
mod tests;
