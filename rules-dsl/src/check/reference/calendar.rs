//! Calendars: days and hours of a zone, without holidays.

use std::sync::Arc;

use model::calendar::{Calendar, DAY_MINUTES, WeeklyHours};

use super::clocks::changed_hours;
use super::messages;
use crate::ast::{self, Statement, Weekday};
use crate::check::scope::NameScope;
use crate::diagnostic::Diagnostic;
use crate::rule::During;

/// Resolves a calendar; `None` is reported.
pub(in crate::check) fn calendar(
    scope: &NameScope<'_>,
    written: &ast::Calendar,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Arc<Calendar>> {
    let zone = match &written.zone {
        None => {
            diagnostics.push(messages::no_zone(written.name.at.0, &written.name.text));
            None
        }
        Some(name) => {
            let zone = scope.resolver.zone(&name.text);
            if zone.is_none() {
                diagnostics.push(messages::unknown_zone(name.at.0, &name.text));
            }
            zone
        }
    };
    let closed_days = match &written.holidays {
        None => Some(Vec::new()),
        Some(file) => {
            let near = scope.file_name(file.at.0.file);
            match scope.resolver.holidays(near, &file.text) {
                Ok(days) => Some(days),
                Err(error) => {
                    diagnostics.push(messages::unreadable(file.at.0, &file.text, &error));
                    None
                }
            }
        }
    };
    for span in &written.spans {
        if let Some((from, until)) = span.hours.filter(|(from, until)| from == until) {
            let hours = format!("{}-{}", crate::print::clock(from), crate::print::clock(until));
            diagnostics.push(messages::all_day_or_never(span.at.0, &hours));
        }
    }
    let spans = written.spans.iter().map(span).collect();
    let calendar = Calendar { spans, zone: zone?, closed_days: closed_days? };
    let zone = written.zone.as_ref().map_or("", |name| &name.text);
    for (span, written) in calendar.spans.iter().zip(&written.spans) {
        // A day without hours starts and ends at its own midnight, however its clocks change.
        if written.hours.is_some() {
            diagnostics.extend(changed_hours(&calendar, span, zone, written.at.0));
        }
    }
    Some(Arc::new(calendar))
}

fn span(span: &ast::CalendarSpan) -> WeeklyHours {
    let (from_minute, until_minute) = span.hours.unwrap_or((0, DAY_MINUTES));
    let days = span.days.iter().fold(0, |days, (first, last)| days | weekdays(*first, *last));
    WeeklyHours { weekdays: days, from_minute, until_minute }
}

/// The days from one to another, both inside, over Sunday if need be; bit 0 is Monday.
fn weekdays(first: Weekday, last: Weekday) -> u8 {
    let (first, last) = (number(first), number(last));
    let many = (last + 7 - first) % 7;
    (0..=many).fold(0, |days, ahead| days | 1 << ((first + ahead) % 7))
}

const fn number(day: Weekday) -> u8 {
    match day {
        Weekday::Monday => 0,
        Weekday::Tuesday => 1,
        Weekday::Wednesday => 2,
        Weekday::Thursday => 3,
        Weekday::Friday => 4,
        Weekday::Saturday => 5,
        Weekday::Sunday => 6,
    }
}

/// `during CAL`, `during not CAL`.
pub(in crate::check) fn during(
    scope: &NameScope<'_>,
    written: &ast::During,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<During> {
    let name = &written.calendar;
    // `営業時間外`: the nearest name would mean the opposite.
    let inside =
        name.text.strip_suffix('外').filter(|inside| scope.calendars.contains_key(*inside));
    if let (Some(inside), false) = (inside, scope.calendars.contains_key(&name.text)) {
        let inside = crate::print::name(inside);
        diagnostics.push(crate::check::messages::outside_of(name.at.0, &name.text, &inside));
        return None;
    }
    let Some(Statement::Calendar(_)) = scope.statement(name, "calendar", diagnostics) else {
        return None;
    };
    // Its errors were reported at its declaration.
    let calendar = Arc::clone(scope.calendars.get(&name.text)?);
    Some(During { calendar, inside: !written.negated })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_run_over_the_end_of_the_week() {
        use Weekday::{Friday, Monday, Saturday, Sunday, Wednesday};
        let cases = [
            (Monday, Friday, 0b001_1111),
            (Saturday, Monday, 0b110_0001),
            (Wednesday, Wednesday, 0b000_0100),
            (Sunday, Saturday, 0b111_1111),
        ];
        for (first, last, want) in cases {
            assert_eq!(weekdays(first, last), want, "{first:?}-{last:?}");
        }
    }
}
