//! Edges that clocks pass over, or pass twice, when they are moved.

use super::{Calendar, Span, Zone};
use crate::time::{DAY_MS, MINUTE_MS, SECOND_MS, Timestamp};

/// What a change of the clocks makes of a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// Clocks are set forward over all of it: it is not open that day.
    NotOpen,
    /// Clocks are set forward over this edge, in minutes after midnight: it is where they go on.
    Skipped(u16),
    /// Clocks are set back over this edge: they show it twice.
    Twice(u16),
}

/// A stretch that a change of the clocks moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MovedSpan {
    /// Its place among [`Calendar::spans`].
    pub span: usize,
    /// What happens to it.
    pub what: Moved,
    /// The day, as days since 1970-01-01.
    pub day: i64,
    /// What clocks show before they are set, and after, in minutes after midnight.
    pub clocks: (u16, u16),
}

impl Calendar {
    /// By stretch: the first change of the clocks after `since` that moves it.
    pub fn moved_spans(&self, since: Timestamp) -> Vec<MovedSpan> {
        let changes = changes(&self.zone, since);
        let spans = self.spans.iter().enumerate();
        let first = |(place, span): (usize, &Span)| {
            changes.iter().find_map(|change| self.moved(place, span, change))
        };
        spans.filter_map(first).collect()
    }

    fn moved(&self, place: usize, span: &Span, change: &Change) -> Option<MovedSpan> {
        let (low, high) = (change.before.min(change.after), change.before.max(change.after));
        let is_forward = change.after > change.before;
        let of_day = |minute: u16, day: i64| day * (DAY_MS / MINUTE_MS) + i64::from(minute);
        let overnight = i64::from(span.until_minute <= span.from_minute);
        // A stretch of the day before may end in the hour that is missing.
        let first = low.div_euclid(DAY_MS / MINUTE_MS);
        (first - 1..=first).filter(|day| self.begins(span, *day)).find_map(|day| {
            let (from, until) = (span.from_minute, span.until_minute);
            let (opens, closes) = (of_day(from, day), of_day(until, day + overnight));
            let inside = |edge: i64| low < edge && edge < high;
            let what = match (is_forward, inside(opens), inside(closes)) {
                (true, ..) if low <= opens && closes <= high => Moved::NotOpen,
                (true, true, _) => Moved::Skipped(from),
                (true, _, true) => Moved::Skipped(until),
                (false, true, _) => Moved::Twice(from),
                (false, _, true) => Moved::Twice(until),
                _ => return None,
            };
            let minute = |at: i64| at.rem_euclid(DAY_MS / MINUTE_MS) as u16;
            let clocks = (minute(change.before), minute(change.after));
            Some(MovedSpan { span: place, what, day: first, clocks })
        })
    }
}

/// A change of the clocks: minutes since 1970-01-01T00:00 as they show it before and after.
struct Change {
    before: i64,
    after: i64,
}

fn changes(zone: &Zone, since: Timestamp) -> Vec<Change> {
    let pairs = zone.offsets.iter().zip(zone.offsets.iter().skip(1));
    let pairs = pairs.filter(|(_, (at, _))| *at > since);
    let shown =
        |at: Timestamp, offset: i32| at.plus(i64::from(offset) * SECOND_MS).0.div_euclid(MINUTE_MS);
    pairs
        .map(|((_, old), (at, new))| Change { before: shown(*at, *old), after: shown(*at, *new) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    /// New York in 2026: forward on Sunday 8 March, back on Sunday 1 November.
    fn moved(weekdays: u8, from_minute: u16, until_minute: u16) -> Option<(Moved, String)> {
        let (spring, autumn) = (at("2026-03-08T07:00:00Z"), at("2026-11-01T06:00:00Z"));
        let offsets = vec![(Timestamp(0), -18_000), (spring, -14_400), (autumn, -18_000)];
        let span = Span { weekdays, from_minute, until_minute };
        let zone = Zone { offsets };
        let calendar = Calendar { spans: vec![span], zone, closed_days: Vec::new() };
        let moved = calendar.moved_spans(at("2026-01-01T00:00:00Z"));
        let moved = moved.first()?;
        let day = Timestamp(moved.day * DAY_MS).to_string();
        // What is said of it is what happens.
        let change = if day.contains("-03-") { spring } else { autumn };
        let near = |ms: i64| calendar.is_open(change.plus(ms));
        match moved.what {
            Moved::NotOpen => assert!(!near(-1) && !near(0)),
            Moved::Skipped(_) => assert!(near(-1) != near(0)),
            Moved::Twice(_) => assert!(near(-1) != near(0)),
        }
        Some((moved.what, day.get(..10).unwrap().to_owned()))
    }

    #[test]
    fn edges_inside_the_hour_that_is_missing_or_comes_twice_are_found() {
        const SUNDAY: u8 = 0b100_0000;
        const SATURDAY: u8 = 0b010_0000;
        let hour = |hour: u16, minute: u16| hour * 60 + minute;
        let spring = |what| Some((what, "2026-03-08".to_owned()));
        let autumn = |what| Some((what, "2026-11-01".to_owned()));
        let cases = [
            (SUNDAY, hour(2, 30), hour(4, 0), spring(Moved::Skipped(150))),
            (SUNDAY, hour(0, 30), hour(2, 30), spring(Moved::Skipped(150))),
            (SUNDAY, hour(2, 0), hour(3, 0), spring(Moved::NotOpen)),
            (SUNDAY, hour(2, 10), hour(2, 50), spring(Moved::NotOpen)),
            (SUNDAY, hour(1, 30), hour(6, 0), autumn(Moved::Twice(90))),
            (SATURDAY, hour(22, 0), hour(1, 30), autumn(Moved::Twice(90))),
            (SATURDAY, hour(22, 0), hour(2, 30), spring(Moved::Skipped(150))),
            // Edges on the hours themselves are where everyone expects them.
            (SUNDAY, hour(2, 0), hour(4, 0), None),
            (SUNDAY, hour(1, 0), hour(3, 0), None),
            (SUNDAY, hour(9, 0), hour(18, 0), None),
            // Other days know no such hour.
            (0b001_1111, hour(2, 30), hour(4, 0), None),
        ];
        for (weekdays, from, until, want) in cases {
            assert_eq!(moved(weekdays, from, until), want, "{weekdays:b} {from}-{until}");
        }
    }
}
