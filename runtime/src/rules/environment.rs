//! Time zones and holidays that rules name.

use icalendar::parser::{read_calendar, unfold};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use model::calendar::ZoneOffsets;
use model::time::{DAY_MS, Timestamp};

/// The years whose changes of the clocks are looked up.
const ZONE_YEARS: std::ops::Range<i16> = 1970..2100;
/// Days that one entry of a holiday calendar may last.
const HOLIDAY_DAYS_MAX: i64 = 366;

/// The zone without an offset.
pub const fn utc() -> TimeZone {
    TimeZone::UTC
}

/// The offsets of an IANA time zone; `None` for a name the database does not have.
pub fn zone(name: &str) -> Option<ZoneOffsets> {
    let zone = TimeZone::get(name).ok()?;
    let year = |year: i16| {
        Some(Date::new(year, 1, 1).ok()?.to_zoned_datetime(TimeZone::UTC).ok()?.timestamp())
    };
    let (first, end) = (year(ZONE_YEARS.start)?, year(ZONE_YEARS.end)?);
    let mut offsets = vec![(Timestamp(first.as_millisecond()), zone.to_offset(first).seconds())];
    for change in zone.following(first).take_while(|change| change.timestamp() < end) {
        let from = Timestamp(change.timestamp().as_millisecond());
        let offset = change.offset().seconds();
        // A change of name alone is none.
        if offsets.last().is_none_or(|(_, last)| *last != offset) {
            offsets.push((from, offset));
        }
    }
    Some(ZoneOffsets { offsets })
}

/// The days of an iCalendar file's all-day events, as days since 1970-01-01, ascending.
///
/// # Errors
/// What is wrong with the file, in one sentence: events that are not whole days, or repeat.
pub fn holidays(text: &str) -> Result<Vec<i64>, String> {
    let unfolded = unfold(text);
    let calendar = read_calendar(&unfolded)?;
    let mut days = Vec::new();
    for event in calendar.components.iter().filter(|component| component.name == "VEVENT") {
        let property = |name: &str| {
            let found = event.properties.iter().find(|property| property.name == name);
            found.map(|property| property.val.as_str().to_owned())
        };
        let summary = property("SUMMARY").unwrap_or_else(|| "an event".to_owned());
        if property("RRULE").is_some() {
            return Err(format!("`{summary}` repeats by a rule; list its days one by one"));
        }
        let day = |text: &str| {
            day_of(text).ok_or_else(|| {
                format!("`{summary}` is at `{text}`; holidays are whole days, as in 20260101")
            })
        };
        let start = property("DTSTART").ok_or_else(|| format!("`{summary}` has no DTSTART"))?;
        let first = day(&start)?;
        // The end is the first day after; without one it is the day itself.
        let end = property("DTEND").map_or(Ok(first + 1), |end| day(&end))?;
        if !(1..=HOLIDAY_DAYS_MAX).contains(&(end - first)) {
            return Err(format!("`{summary}` does not last from 1 to {HOLIDAY_DAYS_MAX} days"));
        }
        days.extend(first..end);
    }
    days.sort_unstable();
    days.dedup();
    Ok(days)
}

/// `20260101` as days since 1970-01-01.
fn day_of(text: &str) -> Option<i64> {
    let plain = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    let date = plain.then(|| Date::strptime("%Y%m%d", text).ok()).flatten()?;
    let midnight = date.to_zoned_datetime(TimeZone::UTC).ok()?.timestamp().as_millisecond();
    Some(midnight.div_euclid(DAY_MS))
}

#[cfg(test)]
mod tests;
