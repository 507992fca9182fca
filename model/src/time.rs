//! Event time: whole milliseconds since the Unix epoch, and its RFC 3339 text.

use std::fmt;

/// Milliseconds in one second, minute, hour and day.
pub const SECOND_MS: i64 = 1_000;
/// Milliseconds in one minute.
pub const MINUTE_MS: i64 = 60 * SECOND_MS;
/// Milliseconds in one hour.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Milliseconds in one day of 24 hours.
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// An instant in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// 0001-01-01T00:00:00Z, the earliest time an event may carry.
    pub const EARLIEST: Timestamp = Timestamp(-62_135_596_800_000);
    /// 9999-12-31T23:59:59.999Z, the latest time an event may carry.
    pub const LATEST: Timestamp = Timestamp(253_402_300_799_999);

    /// Returns the instant of a UTC calendar date and time of day; `None` when a part is out of
    /// range.
    pub fn from_civil(year: i64, month: u32, day: u32, millis_of_day: i64) -> Option<Timestamp> {
        let in_range = (1..=9999).contains(&year) && (1..=12).contains(&month);
        if !in_range || day < 1 || day > days_in_month(year, month) {
            return None;
        }
        (0..DAY_MS)
            .contains(&millis_of_day)
            .then(|| Timestamp(days_from_civil(year, month, day) * DAY_MS + millis_of_day))
    }

    /// Parses RFC 3339 (`2026-01-05T09:00:00.5+09:00`); digits finer than 1 ms are truncated.
    ///
    /// A space may stand for `T`, and a leap second reads as the last millisecond before it ends.
    /// `None` for anything else, a missing offset included.
    pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
        let (head, rest) = text.as_bytes().split_first_chunk::<19>()?;
        // One layout as one slice pattern, without lookups by index.
        #[rustfmt::skip]
        let &[
            y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T' | b't' | b' ',
            h1, h2, b':', n1, n2, b':', s1, s2,
        ] = head else {
            return None;
        };
        let digits = [y1, y2, y3, y4, m1, m2, d1, d2, h1, h2, n1, n2, s1, s2];
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let pair = |tens: u8, ones: u8| i64::from(tens - b'0') * 10 + i64::from(ones - b'0');
        let (hour, minute, second) = (pair(h1, h2), pair(n1, n2), pair(s1, s2));
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let (fraction_ms, offset_at) = fraction_millis(rest)?;
        let offset_ms = parse_offset(rest.get(offset_at..)?)?;
        let (second, fraction_ms) = if second == 60 { (59, 999) } else { (second, fraction_ms) };
        let of_day = hour * HOUR_MS + minute * MINUTE_MS + second * SECOND_MS + fraction_ms;
        let (year, month, day) = (pair(y1, y2) * 100 + pair(y3, y4), pair(m1, m2), pair(d1, d2));
        let local = Timestamp::from_civil(year, month as u32, day as u32, of_day)?;
        Some(Timestamp(local.0 - offset_ms))
    }

    /// Adds `millis`, saturating.
    pub const fn plus(self, millis: i64) -> Timestamp {
        Timestamp(self.0.saturating_add(millis))
    }

    /// Subtracts `millis`, saturating.
    pub const fn minus(self, millis: i64) -> Timestamp {
        Timestamp(self.0.saturating_sub(millis))
    }

    /// Returns the UTC calendar date: year, month, day.
    pub fn date(self) -> (i64, u32, u32) {
        civil_from_days(self.0.div_euclid(DAY_MS))
    }
}

/// Parses an optional fraction of a second; returns its milliseconds and length, both 0 without
/// one.
fn fraction_millis(bytes: &[u8]) -> Option<(i64, usize)> {
    let Some(digits) = bytes.strip_prefix(b".") else {
        return Some((0, 0));
    };
    let digits = digits.iter().take_while(|b| b.is_ascii_digit());
    let (mut millis, mut count) = (0, 0);
    for digit in digits {
        if count < 3 {
            millis = millis * 10 + i64::from(digit - b'0');
        }
        count += 1;
    }
    let padding = [1000, 100, 10, 1];
    (count > 0).then(|| (millis * padding.get(count).copied().unwrap_or(1), 1 + count))
}

/// Parses `Z` or `±hh:mm` as milliseconds east of UTC.
fn parse_offset(bytes: &[u8]) -> Option<i64> {
    match bytes {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let pair = |a: &u8, b: &u8| {
                let digits = a.is_ascii_digit() && b.is_ascii_digit();
                digits.then(|| i64::from(a - b'0') * 10 + i64::from(b - b'0'))
            };
            let (hours, minutes) = (pair(h1, h2)?, pair(m1, m2)?);
            let total = hours * HOUR_MS + minutes * MINUTE_MS;
            (hours < 24 && minutes < 60).then_some(if *sign == b'-' { -total } else { total })
        }
        _ => None,
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        2 => 28 + u32::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since the epoch of a proleptic Gregorian date.
///
/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = i64::from((month + 9) % 12);
    let day_of_year = (153 * shifted_month + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`], from the same source.
fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u32;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 } as u32;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC; three fraction digits where not a whole second.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        let of_day = self.0.rem_euclid(DAY_MS);
        let (hour, minute) = (of_day / HOUR_MS, of_day / MINUTE_MS % 60);
        let (second, millis) = (of_day / SECOND_MS % 60, of_day % SECOND_MS);
        let digit = |number: i64| b'0' + (number % 10) as u8;
        let (month, day) = (i64::from(month), i64::from(day));
        // In one piece, with no padding to work out: every line of output has two of these.
        #[rustfmt::skip]
        let text = [
            b'-', digit(month / 10), digit(month), b'-', digit(day / 10), digit(day),
            b'T', digit(hour / 10), digit(hour), b':', digit(minute / 10), digit(minute),
            b':', digit(second / 10), digit(second),
            b'.', digit(millis / 100), digit(millis / 10), digit(millis), b'Z',
        ];
        let text = std::str::from_utf8(&text).map_err(|_| fmt::Error)?;
        let (to_second, fraction) = text.split_at_checked(15).ok_or(fmt::Error)?;
        write!(f, "{year:04}{to_second}")?;
        f.write_str(if millis == 0 { "Z" } else { fraction })
    }
}

#[cfg(test)]
mod tests;
