//! Instants as records write them.

use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::Offset;
use model::decimal::{Decimal, parse_digits};
use model::schema::{TimeFormat, UnixUnit};
use model::time::Timestamp;

/// Upper limit of numbers in seconds (until the year 5138). Each further factor of 1,000 separates
/// milliseconds (from 1973 on), microseconds and nanoseconds.
const SECONDS_BELOW: i64 = 100_000_000_000;

/// 2024-02-29T12:30:45Z, with which a pattern is tried when a decoder is made.
const SAMPLE_S: i64 = 1_709_209_845;

/// Parser of one time format.
#[derive(Clone, Debug)]
pub(super) enum TimeReader {
    Auto,
    Unix(UnixUnit),
    Pattern { pattern: String, year: Option<i64> },
}

/// Error of a text that is no instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeFault {
    Unreadable,
    /// Valid except for a missing year.
    NoYear,
}

impl TimeReader {
    /// Checks a pattern by writing and reading an instant with it.
    pub fn new(format: &TimeFormat, year: Option<i64>) -> Result<TimeReader, String> {
        let pattern = match format {
            TimeFormat::Auto => return Ok(TimeReader::Auto),
            TimeFormat::Unix(unit) => return Ok(TimeReader::Unix(*unit)),
            TimeFormat::Pattern(pattern) => pattern.clone(),
        };
        let sample = jiff::Timestamp::new(SAMPLE_S, 0).map_err(|error| error.to_string())?;
        let text =
            BrokenDownTime::from(sample).to_string(&pattern).map_err(|error| error.to_string())?;
        // The sample's own year: the given one may lack the sample's day.
        match read_pattern(&pattern, Some(2024), &text) {
            Ok(_) => Ok(TimeReader::Pattern { pattern, year }),
            Err(_) => Err("it must give a date and a time of day".to_owned()),
        }
    }

    /// Reads a text: RFC 3339, digits of a Unix number, or the pattern.
    pub fn read_text(&self, text: &str) -> Result<Timestamp, TimeFault> {
        match self {
            TimeReader::Auto => match Timestamp::parse_rfc3339(text) {
                Some(time) => in_range(Some(time)),
                None => self.read_number(text),
            },
            TimeReader::Unix(_) => self.read_number(text),
            TimeReader::Pattern { pattern, year } => read_pattern(pattern, *year, text),
        }
    }

    /// Reads a number's text.
    pub fn read_number(&self, text: &str) -> Result<Timestamp, TimeFault> {
        let unit = match self {
            TimeReader::Auto => None,
            TimeReader::Unix(unit) => Some(*unit),
            TimeReader::Pattern { .. } => return self.read_text(text),
        };
        in_range(unix_time(text, unit))
    }
}

fn in_range(time: Option<Timestamp>) -> Result<Timestamp, TimeFault> {
    time.filter(|time| (Timestamp::EARLIEST..=Timestamp::LATEST).contains(time))
        .ok_or(TimeFault::Unreadable)
}

fn unix_time(text: &str, unit: Option<UnixUnit>) -> Option<Timestamp> {
    if let (Some(UnixUnit::Milliseconds), Some(millis)) = (unit, parse_digits(text)) {
        return Some(Timestamp(millis));
    }
    // Finer digits are cut, and a decimal would round the tenth.
    let cut = match text.find('.') {
        Some(dot) if !text.contains(['e', 'E']) => text.get(..dot + 10).unwrap_or(text),
        _ => text,
    };
    let number = Decimal::parse(cut).ok()?;
    let size = number.units().unsigned_abs() / Decimal::ONE.units().unsigned_abs();
    let limit = SECONDS_BELOW.unsigned_abs() as u128;
    let unit = unit.unwrap_or(match size {
        _ if size < limit => UnixUnit::Seconds,
        _ if size < limit * 1_000 => UnixUnit::Milliseconds,
        _ if size < limit * 1_000_000 => UnixUnit::Microseconds,
        _ => UnixUnit::Nanoseconds,
    });
    let units_per_ms = Decimal::ONE.units();
    let millis = match unit {
        UnixUnit::Seconds => return number.to_millis().map(Timestamp),
        UnixUnit::Milliseconds => number.units().div_euclid(units_per_ms),
        UnixUnit::Microseconds => number.units().div_euclid(units_per_ms * 1_000),
        UnixUnit::Nanoseconds => number.units().div_euclid(units_per_ms * 1_000_000),
    };
    i64::try_from(millis).ok().map(Timestamp)
}

fn read_pattern(pattern: &str, year: Option<i64>, text: &str) -> Result<Timestamp, TimeFault> {
    let unreadable = |_| TimeFault::Unreadable;
    let mut parts = BrokenDownTime::parse(pattern, text).map_err(unreadable)?;
    if parts.timestamp().is_none() {
        if parts.year().is_none() && parts.iso_week_year().is_none() {
            let year =
                i16::try_from(year.ok_or(TimeFault::NoYear)?).map_err(|_| TimeFault::Unreadable)?;
            parts.set_year(Some(year)).map_err(unreadable)?;
        }
        if parts.offset().is_none() && parts.iana_time_zone().is_none() {
            parts.set_offset(Some(Offset::UTC));
        }
    }
    let instant = match parts.iana_time_zone() {
        Some(_) if parts.offset().is_none() => {
            parts.to_zoned_datetime().map_err(unreadable)?.timestamp()
        }
        _ => parts.to_timestamp().map_err(unreadable)?,
    };
    let nanos = instant.as_nanosecond();
    let millis = i64::try_from(nanos.div_euclid(1_000_000)).map_err(|_| TimeFault::Unreadable)?;
    in_range(Some(Timestamp(millis)))
}
