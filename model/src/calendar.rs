//! Calendars: weekly hours in a time zone, for rules (`during`) and for on-call.
//!
//! A calendar is plain data. Time zones are tables of offsets that the caller resolves from the
//! IANA database; this module has no zone names or rules.

use crate::time::{DAY_MS, MINUTE_MS, SECOND_MS, Timestamp};

/// Minutes of a day.
pub const DAY_MINUTES: u16 = 24 * 60;

/// Limit of the search for an edge: a calendar closed for longer has none.
const SEARCH_DAYS: i64 = 800;

/// Time zone as a table of UTC offsets by instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZoneOffsets {
    /// Ascending (instant, seconds east of UTC from then on). Before the first entry the offset of
    /// the first entry applies; an empty table is UTC.
    pub offsets: Vec<(Timestamp, i32)>,
}

/// Calendar: open during recurring weekly spans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    /// Weekly spans; the calendar is open inside any of them.
    pub spans: Vec<WeeklyHours>,
    /// Time zone of days and hours.
    pub zone: ZoneOffsets,
    /// Days on which no span starts, as days since 1970-01-01, ascending.
    pub closed_days: Vec<i64>,
}

/// Span of hours on some days of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeeklyHours {
    /// Days on which it starts: bit 0 is Monday, bit 6 Sunday.
    pub weekdays: u8,
    /// Start in minutes after midnight, inclusive.
    pub from_minute: u16,
    /// End in minutes after midnight, exclusive; if it is not after `from_minute`, it is on the
    /// next day.
    pub until_minute: u16,
}

impl ZoneOffsets {
    /// Returns the seconds east of UTC at an instant.
    pub fn offset_s(&self, instant: Timestamp) -> i32 {
        let after = self.offsets.partition_point(|(from, _)| *from <= instant);
        let entry = self.offsets.get(after.saturating_sub(1));
        entry.map_or(0, |(_, offset)| *offset)
    }

    /// Returns the local wall-clock time as milliseconds from 1970-01-01T00:00.
    fn local_ms(&self, instant: Timestamp) -> i64 {
        instant.0.saturating_add(i64::from(self.offset_s(instant)) * SECOND_MS)
    }
}

impl Calendar {
    /// Returns true when the local time at an instant lies inside a span.
    ///
    /// Spans follow the wall clock: an hour repeated when clocks are set back is inside twice, an
    /// hour skipped when clocks are set forward does not exist.
    pub fn is_open(&self, instant: Timestamp) -> bool {
        let local_ms = self.zone.local_ms(instant);
        let day = local_ms.div_euclid(DAY_MS);
        let minute = local_ms.rem_euclid(DAY_MS) / MINUTE_MS;
        self.spans.iter().any(|span| {
            let (from, until) = (i64::from(span.from_minute), i64::from(span.until_minute));
            let is_overnight = until <= from;
            let own = minute >= from && (is_overnight || minute < until);
            let of_eve = is_overnight && minute < until;
            (own && self.begins(span, day)) || (of_eve && self.begins(span, day - 1))
        })
    }

    /// Returns the next instant after `instant` at which it opens or closes; `None` where it does
    /// neither for years.
    pub fn next_edge(&self, instant: Timestamp) -> Option<Timestamp> {
        let is_open = self.is_open(instant);
        (0..SEARCH_DAYS).find_map(|ahead| {
            let from = instant.plus(ahead * DAY_MS);
            let mut near: Vec<Timestamp> = self.candidates(from, from.plus(DAY_MS));
            near.sort_unstable();
            near.into_iter().find(|edge| self.is_open(*edge) != is_open)
        })
    }

    /// Returns true when a span starts on a day, counted from 1970-01-01, a Thursday.
    pub fn begins(&self, span: &WeeklyHours, day: i64) -> bool {
        let weekday = (day + 3).rem_euclid(7);
        span.weekdays >> weekday & 1 == 1 && self.closed_days.binary_search(&day).is_err()
    }

    /// Returns the instants in `(after, until]` at which the state may change.
    fn candidates(&self, after: Timestamp, until: Timestamp) -> Vec<Timestamp> {
        let first = self.zone.local_ms(after).div_euclid(DAY_MS) - 2;
        let minutes = self.spans.iter().flat_map(|span| [span.from_minute, span.until_minute]);
        let local = minutes.flat_map(|minute| {
            let minute_ms = i64::from(minute) * MINUTE_MS;
            (first..first + 5).map(move |day| day.saturating_mul(DAY_MS).saturating_add(minute_ms))
        });
        // Around a clock change either offset may apply.
        let offsets =
            [after.minus(DAY_MS), until.plus(DAY_MS)].map(|near| self.zone.offset_s(near));
        let shown = local.flat_map(|local_ms| {
            offsets.map(|offset| Timestamp(local_ms).minus(i64::from(offset) * SECOND_MS))
        });
        let changes = self.zone.offsets.iter().map(|(from, _)| *from);
        shown.chain(changes).filter(|edge| *edge > after && *edge <= until).collect()
    }
}

#[cfg(test)]
mod tests;
