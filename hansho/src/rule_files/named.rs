//! What rules name outside their own text: files beside them, time zones, holidays.

use std::fs;
use std::path::Path;

use icalendar::parser::{read_calendar, unfold};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use model::calendar::Zone;
use model::time::{DAY_MS, Timestamp};
use rules_dsl::resolver::Resolver;

/// Size in bytes of a file that rules name.
const NAMED_BYTES_MAX: u64 = 16 << 20;
/// The files that the shipped rules name.
const SHIPPED_FILES: [(&str, &str); 2] = [
    ("admins.txt", include_str!("../../../rules/admins.txt")),
    ("jp-holidays.ics", include_str!("../../../rules/jp-holidays.ics")),
];
/// The years whose changes of the clocks are looked up.
const ZONE_YEARS: std::ops::Range<i16> = 1970..2100;
/// Days one entry of a holiday calendar may last.
const HOLIDAY_DAYS_MAX: i64 = 366;

/// The disk around rule files, and the time zones this program was built with.
#[derive(Clone, Copy, Debug)]
pub struct Beside;

impl Resolver for Beside {
    fn text(&self, rule_file: &str, name: &str) -> Result<String, String> {
        read_beside(rule_file, name)
    }

    fn zone(&self, name: &str) -> Option<Zone> {
        zone(name)
    }

    fn holidays(&self, rule_file: &str, name: &str) -> Result<Vec<i64>, String> {
        holidays(&read_beside(rule_file, name)?)
    }
}

/// What the shipped rules name, wherever the program stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shipped;

impl Resolver for Shipped {
    fn text(&self, _: &str, name: &str) -> Result<String, String> {
        let file = SHIPPED_FILES.iter().find(|(shipped, _)| *shipped == name);
        file.map(|(_, text)| (*text).to_owned()).ok_or_else(|| "it is not shipped".to_owned())
    }

    fn zone(&self, name: &str) -> Option<Zone> {
        zone(name)
    }

    fn holidays(&self, rule_file: &str, name: &str) -> Result<Vec<i64>, String> {
        holidays(&self.text(rule_file, name)?)
    }
}

/// Reads a file named in a rule file, relative to that file.
///
/// # Errors
/// What keeps it from being read, in one sentence.
pub(super) fn read_beside(rule_file: &str, name: &str) -> Result<String, String> {
    let folder = Path::new(rule_file).parent().unwrap_or(Path::new(""));
    let path = folder.join(name);
    let found = fs::metadata(&path).map_err(|error| error.to_string())?;
    if found.is_dir() {
        return Err("it is a folder".to_owned());
    }
    // A device or a pipe never ends, and its size is said to be 0.
    if !found.is_file() {
        return Err("it is no regular file".to_owned());
    }
    let size = found.len();
    if size > NAMED_BYTES_MAX {
        return Err(format!("{size} bytes, more than the limit of {NAMED_BYTES_MAX}"));
    }
    fs::read_to_string(&path).map_err(|error| error.to_string())
}

/// The offsets of an IANA time zone; `None` for a name the database does not have.
pub(super) fn zone(name: &str) -> Option<Zone> {
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
    Some(Zone { offsets })
}

/// The days of an iCalendar file's all-day events, as days since 1970-01-01, ascending.
///
/// # Errors
/// What is wrong with the file, in one sentence: events that are not whole days, or repeat.
pub(super) fn holidays(text: &str) -> Result<Vec<i64>, String> {
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
