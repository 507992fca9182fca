//! Calendars: days and hours of a time zone, asked by rules (`during`) and by people on call.
//!
//! A calendar is plain data. Zones come as tables of offsets, resolved from the IANA
//! database by whoever may read it; nothing here knows a zone's name or rules.

use crate::time::{DAY_MS, MINUTE_MS, SECOND_MS, Timestamp};

/// Minutes of a day.
pub const DAY_MINUTES: u16 = 24 * 60;

/// Point up to which an edge is searched: a calendar closed for longer has none.
const SEARCH_DAYS: i64 = 800;

/// A time zone as a table: which offset goes from which instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZoneOffsets {
    /// Ascending (instant, seconds east of UTC from then on). Before the first entry the first
    /// entry's offset goes; an empty table is UTC.
    pub offsets: Vec<(Timestamp, i32)>,
}

/// Recurring stretches of time: open on some days of the week, between some hours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    /// Its stretches; it is open inside any of them.
    pub spans: Vec<WeeklyHours>,
    /// The zone its days and hours are read in.
    pub zone: ZoneOffsets,
    /// Days on which no stretch begins, as days since 1970-01-01, ascending.
    pub closed_days: Vec<i64>,
}

/// Some hours of some days of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeeklyHours {
    /// Bit 0 is Monday, bit 6 Sunday: the days on which it begins.
    pub weekdays: u8,
    /// First minute after midnight, inside.
    pub from_minute: u16,
    /// First minute after midnight that is outside; where it is not after `from_minute`, it is
    /// of the next day.
    pub until_minute: u16,
}

impl ZoneOffsets {
    /// Seconds east of UTC at an instant.
    pub fn offset_s(&self, instant: Timestamp) -> i32 {
        let after = self.offsets.partition_point(|(from, _)| *from <= instant);
        let entry = self.offsets.get(after.saturating_sub(1));
        entry.map_or(0, |(_, offset)| *offset)
    }

    /// Milliseconds from 1970-01-01T00:00 as a wall clock here shows them.
    fn local_ms(&self, instant: Timestamp) -> i64 {
        instant.0.saturating_add(i64::from(self.offset_s(instant)) * SECOND_MS)
    }
}

impl Calendar {
    /// True when the wall clock at an instant lies inside one of its stretches.
    ///
    /// Where clocks are set back an hour is inside twice, where they are set forward what is
    /// skipped is not there: a stretch is what a clock on the wall would show of it.
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

    /// The next instant after `instant` at which it opens or closes; `None` where it does
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

    /// True when a stretch begins on a day, counted from 1970-01-01, a Thursday.
    pub fn begins(&self, span: &WeeklyHours, day: i64) -> bool {
        let weekday = (day + 3).rem_euclid(7);
        span.weekdays >> weekday & 1 == 1 && self.closed_days.binary_search(&day).is_err()
    }

    /// The instants in `(after, until]` at which something may change.
    fn candidates(&self, after: Timestamp, until: Timestamp) -> Vec<Timestamp> {
        let first = self.zone.local_ms(after).div_euclid(DAY_MS) - 2;
        let minutes = self.spans.iter().flat_map(|span| [span.from_minute, span.until_minute]);
        let local = minutes.flat_map(|minute| {
            let minute_ms = i64::from(minute) * MINUTE_MS;
            (first..first + 5).map(move |day| day.saturating_mul(DAY_MS).saturating_add(minute_ms))
        });
        // Around a change of the clocks either offset may be the one that goes.
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
