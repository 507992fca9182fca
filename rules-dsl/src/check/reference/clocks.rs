//! Hours of a calendar on days with a clock change.
//!
//! An opening period is defined by local wall-clock time. An edge that the clocks skip takes effect
//! at the change. An edge that they repeat takes effect twice, with the calendar inverted in
//! between: an open episode resolves, and `for` starts again.

use model::calendar::{Calendar, WeeklyHours, ZoneOffsets};
use model::time::{DAY_MS, MINUTE_MS, SECOND_MS, Timestamp};

use super::messages;
use crate::diagnostic::Diagnostic;
use crate::print::clock;
use crate::source::SourceSpan;

/// 2027-01-01: start of the search for clock changes, since nothing here reads a clock. Earlier
/// changes do not matter to new rules. A zone that has abolished them has none after it.
const CHANGES_SINCE: Timestamp = Timestamp(20_819 * DAY_MS);

/// One change of the clocks, as a clock on the wall shows it, in milliseconds since
/// 1970-01-01T00:00 there.
#[derive(Clone, Copy)]
struct ClockChange {
    /// The time that it would have shown.
    before_ms: i64,
    /// The time that it shows instead.
    after_ms: i64,
}

/// Opening period that starts on a certain day, in wall-clock time.
#[derive(Clone, Copy)]
struct WallClockSpan {
    from_ms: i64,
    until_ms: i64,
}

/// Warns about the hours of one period, written at `place`, for the first day of either kind of
/// change on which they differ from their meaning.
pub(super) fn changed_hours(
    calendar: &Calendar,
    span: &WeeklyHours,
    zone: &str,
    place: SourceSpan,
) -> Vec<Diagnostic> {
    let on_wall = Calendar { zone: ZoneOffsets::default(), ..calendar.clone() };
    let changes = changes(&calendar.zone);
    let found = |is_forward: bool| {
        let mut alike = changes.iter().filter(|change| change.is_forward() == is_forward);
        alike.find_map(|change| strained(&on_wall, span, *change, zone, place))
    };
    [true, false].into_iter().filter_map(found).collect()
}

fn changes(zone: &ZoneOffsets) -> Vec<ClockChange> {
    let pairs = zone.offsets.iter().zip(zone.offsets.iter().skip(1));
    let known = pairs.filter(|(_, (at, _))| *at >= CHANGES_SINCE);
    let change = |((_, before), (at, after)): (&(Timestamp, i32), &(Timestamp, i32))| {
        let shown = |offset: &i32| at.0.saturating_add(i64::from(*offset) * SECOND_MS);
        ClockChange { before_ms: shown(before), after_ms: shown(after) }
    };
    known.map(change).collect()
}

impl ClockChange {
    const fn is_forward(self) -> bool {
        self.after_ms > self.before_ms
    }

    /// True when an edge lies in what is skipped or shown twice. At either end of it nothing is
    /// lost and nothing comes again.
    fn touches(self, edge_ms: i64) -> bool {
        let (first, last) = self.ends();
        first < edge_ms && edge_ms < last
    }

    fn ends(self) -> (i64, i64) {
        (self.before_ms.min(self.after_ms), self.before_ms.max(self.after_ms))
    }

    fn swallows(self, stretch: WallClockSpan) -> bool {
        let (first, last) = self.ends();
        self.is_forward() && first <= stretch.from_ms && stretch.until_ms <= last
    }
}

/// Diagnostic of a change inside a period, if it affects the rule.
fn strained(
    on_wall: &Calendar,
    span: &WeeklyHours,
    change: ClockChange,
    zone: &str,
    place: SourceSpan,
) -> Option<Diagnostic> {
    // An edge inside another stretch is none.
    let is_edge =
        |at: i64| on_wall.is_open(Timestamp(at)) != on_wall.is_open(Timestamp(at).minus(MINUTE_MS));
    let is_met = |at: i64| change.touches(at) && is_edge(at);
    let (first, last) = change.ends();
    let near = first.div_euclid(DAY_MS) - 1..=last.div_euclid(DAY_MS);
    let stretches = near.filter(|day| on_wall.begins(span, *day)).map(|day| of_day(span, day));
    let hit = |stretch: &WallClockSpan| {
        let is_swallowed = change.swallows(*stretch) && is_edge(stretch.from_ms);
        is_swallowed || is_met(stretch.from_ms) || is_met(stretch.until_ms)
    };
    let stretch = stretches.into_iter().find(hit)?;
    let shown = |at: i64| clock((at.rem_euclid(DAY_MS) / MINUTE_MS) as u16);
    let [before, after] = [change.before_ms, change.after_ms].map(shown);
    let edge = if is_met(stretch.from_ms) { stretch.from_ms } else { stretch.until_ms };
    let (edge_shown, day) = (shown(edge), shown_day(change.before_ms));
    let found = if change.swallows(stretch) {
        messages::hours_skipped(place, &day, zone, &before, &after)
    } else if !change.is_forward() {
        messages::edge_twice(place, &edge_shown, &day, zone, &before, &after)
    } else if edge == stretch.from_ms {
        messages::opening_skipped(place, &edge_shown, &day, zone, &before, &after)
    } else {
        messages::closing_skipped(place, &edge_shown, &day, zone, &before, &after)
    };
    Some(found.help(messages::whole_hours(&wider(stretch, change))))
}

fn of_day(span: &WeeklyHours, day: i64) -> WallClockSpan {
    let at = |minute: u16| day * DAY_MS + i64::from(minute) * MINUTE_MS;
    let until_ms = at(span.until_minute);
    let is_overnight = span.until_minute <= span.from_minute;
    let until_ms = if is_overnight { until_ms + DAY_MS } else { until_ms };
    WallClockSpan { from_ms: at(span.from_minute), until_ms }
}

/// The day before the change and after it is one, but for changes at midnight.
fn shown_day(local_ms: i64) -> String {
    Timestamp(local_ms).to_string().chars().take("2027-03-14".len()).collect()
}

/// The hours with their edges moved outwards, to where the clocks neither skip nor repeat them.
fn wider(stretch: WallClockSpan, change: ClockChange) -> String {
    let (first, last) = change.ends();
    let is_swallowed = change.swallows(stretch);
    let from_ms =
        if is_swallowed || change.touches(stretch.from_ms) { first } else { stretch.from_ms };
    let until_ms = if is_swallowed {
        last + (last - first)
    } else if change.touches(stretch.until_ms) {
        last
    } else {
        stretch.until_ms
    };
    let shown = |at: i64| clock((at.rem_euclid(DAY_MS) / MINUTE_MS) as u16);
    format!("{}-{}", shown(from_ms), shown(until_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::time::HOUR_MS;

    /// Two changes of 2027, told in UTC, and the offsets in hours before and after the first.
    fn zone(forward: (u32, u32, i64), back: (u32, u32, i64), winter: i32) -> ZoneOffsets {
        let at = |(month, day, hour): (u32, u32, i64)| {
            Timestamp::from_civil(2027, month, day, hour * HOUR_MS).unwrap()
        };
        let (winter, summer) = (winter * 3600, (winter + 1) * 3600);
        ZoneOffsets {
            offsets: vec![(Timestamp(0), winter), (at(forward), summer), (at(back), winter)],
        }
    }

    fn reported(
        zone: &ZoneOffsets,
        closed_days: &[i64],
        weekdays: u8,
        hours: (u16, u16),
    ) -> Vec<String> {
        let span = WeeklyHours { weekdays, from_minute: hours.0, until_minute: hours.1 };
        let closed_days = closed_days.to_vec();
        let calendar = Calendar { spans: vec![span], zone: zone.clone(), closed_days };
        let found = changed_hours(&calendar, &span, "Z", SourceSpan::default());
        let help = |of: &Diagnostic| of.help.iter().map(|it| it.en.clone()).collect::<String>();
        found.iter().map(|of| format!("{} / {}", of.message.en, help(of))).collect()
    }

    const EVERY_DAY: u8 = 0b111_1111;
    const SUNDAY: u8 = 0b100_0000;

    #[test]
    fn edges_that_the_clocks_skip_or_repeat() {
        let new_york = zone((3, 14, 7), (11, 7, 6), -5);
        let berlin = zone((3, 28, 1), (10, 31, 1), 1);
        let minutes = |hour: u16, minute: u16| hour * 60 + minute;
        let cases = [
            // Skipped: 02:00 to 03:00; twice: 01:00 to 02:00.
            (&new_york, EVERY_DAY, (minutes(2, 30), minutes(4, 0)), vec!["opens / 02:00-04:00"]),
            (&new_york, EVERY_DAY, (minutes(22, 0), minutes(2, 30)), vec!["closes / 22:00-03:00"]),
            (&new_york, EVERY_DAY, (minutes(2, 0), minutes(3, 0)), vec!["never / 02:00-04:00"]),
            (&new_york, EVERY_DAY, (minutes(2, 15), minutes(2, 45)), vec!["never / 02:00-04:00"]),
            (&new_york, EVERY_DAY, (minutes(1, 30), minutes(4, 0)), vec!["twice / 01:00-04:00"]),
            (&new_york, EVERY_DAY, (minutes(0, 0), minutes(1, 30)), vec!["twice / 00:00-02:00"]),
            (&new_york, EVERY_DAY, (minutes(2, 0), minutes(4, 0)), vec![]),
            (&new_york, EVERY_DAY, (minutes(1, 0), minutes(3, 0)), vec![]),
            (&new_york, EVERY_DAY, (minutes(9, 0), minutes(18, 0)), vec![]),
            (&new_york, SUNDAY, (minutes(2, 30), minutes(4, 0)), vec!["opens / 02:00-04:00"]),
            // Saturday's runs into Sunday; the clocks of other days do not change.
            (
                &new_york,
                SUNDAY >> 1,
                (minutes(22, 0), minutes(2, 30)),
                vec!["closes / 22:00-03:00"],
            ),
            (&new_york, SUNDAY, (minutes(22, 0), minutes(2, 30)), vec![]),
            (&new_york, EVERY_DAY & !SUNDAY, (minutes(2, 30), minutes(4, 0)), vec![]),
            // Both, at the same hours of the day.
            (
                &berlin,
                EVERY_DAY,
                (minutes(2, 30), minutes(4, 0)),
                vec!["opens / 02:00-04:00", "twice / 02:00-04:00"],
            ),
        ];
        let words = [
            ("opens", "it opens as the clocks go"),
            ("closes", "it closes as the clocks go"),
            ("never", "it does not open"),
            ("twice", "comes twice"),
        ];
        for (zone, weekdays, hours, want) in cases {
            let found = reported(zone, &[], weekdays, hours);
            assert_eq!(found.len(), want.len(), "{hours:?} {weekdays:b}: {found:?}");
            for (found, want) in found.iter().zip(want) {
                let (word, help) = want.split_once(" / ").unwrap();
                let says = words.iter().find(|(short, _)| *short == word).unwrap().1;
                let help = format!("`{help}`");
                assert!(found.contains(says) && found.contains(&help), "{want}: {found}");
            }
        }
    }

    #[test]
    fn holidays_and_zones_without_changes_are_silent() {
        let new_york = zone((3, 14, 7), (11, 7, 6), -5);
        let hours = (2 * 60 + 30, 4 * 60);
        let day = Timestamp::from_civil(2027, 3, 14, 0).unwrap().0 / DAY_MS;
        assert_eq!(reported(&new_york, &[], EVERY_DAY, hours).len(), 1);
        assert_eq!(reported(&new_york, &[day], EVERY_DAY, hours), [""; 0]);
        // Tokyo's clocks have not changed for long, and Sao Paulo's do not any more.
        let tokyo = ZoneOffsets { offsets: vec![(Timestamp(0), 9 * 3600)] };
        let past = |at: &(Timestamp, i32)| (at.0.minus(9 * 366 * DAY_MS), at.1);
        let sao_paulo = ZoneOffsets { offsets: new_york.offsets.iter().map(past).collect() };
        assert_eq!(reported(&tokyo, &[], EVERY_DAY, hours), [""; 0]);
        assert_eq!(reported(&sao_paulo, &[], EVERY_DAY, hours), [""; 0]);
    }

    /// The diagnostics match the calendar itself, evaluated minute by minute.
    #[test]
    fn the_calendar_does_what_is_reported() {
        let new_york = zone((3, 14, 7), (11, 7, 6), -5);
        let edges = |hours: (u16, u16), month: u32, day: u32| {
            let span =
                WeeklyHours { weekdays: EVERY_DAY, from_minute: hours.0, until_minute: hours.1 };
            let calendar =
                Calendar { spans: vec![span], zone: new_york.clone(), closed_days: Vec::new() };
            let start = Timestamp::from_civil(2027, month, day, 4 * HOUR_MS).unwrap();
            let mut edges = Vec::new();
            let mut at = start;
            while let Some(edge) = calendar.next_edge(at).filter(|e| e.0 < start.0 + 8 * HOUR_MS) {
                edges.push(edge.to_string().get(11..16).unwrap().to_owned());
                at = edge;
            }
            edges
        };
        // 02:30 and 04:00: it opens at 03:00, which is 07:00 in UTC, not half an hour later.
        assert_eq!(edges((150, 240), 3, 14), ["07:00", "08:00"]);
        assert_eq!(edges((120, 180), 3, 14), [""; 0]);
        // 01:30 is there twice, and it is closed from 01:00, shown anew, to 01:30.
        assert_eq!(edges((90, 240), 11, 7), ["05:30", "06:00", "06:30", "09:00"]);
    }
}
