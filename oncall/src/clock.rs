//! Clock of a deadline: counts every hour, or only the hours of a calendar.

use model::calendar::Calendar;
use model::time::Timestamp;

/// Maximum number of calendar edges that one deadline may cross; a calendar that needs more is
/// never open for long enough.
const EDGES_MAX: usize = 10_000;

/// Clock of deadlines: always, or in a calendar's hours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EscalationClock {
    /// Counts all time.
    #[default]
    Always,
    /// Counts time while a calendar is open.
    While(Calendar),
}

impl EscalationClock {
    /// Returns the instant at which `span_ms` of counted time have passed since `from`; `None`
    /// where the calendar is never open for long enough.
    pub fn after(&self, from: Timestamp, span_ms: i64) -> Option<Timestamp> {
        let calendar = match self {
            EscalationClock::Always => return Some(from.plus(span_ms)),
            EscalationClock::While(calendar) => calendar,
        };
        let (mut at, mut left_ms) = (from, span_ms.max(0));
        for _ in 0..EDGES_MAX {
            let is_open = calendar.is_open(at);
            if is_open && left_ms == 0 {
                return Some(at);
            }
            let edge = calendar.next_edge(at);
            if is_open {
                let open_ms = edge.map_or(i64::MAX, |edge| edge.0.saturating_sub(at.0));
                // The last counted millisecond ends where the calendar closes.
                if left_ms <= open_ms {
                    return Some(at.plus(left_ms));
                }
                left_ms -= open_ms;
            }
            at = edge?;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use model::calendar::{WeeklyHours, ZoneOffsets};

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    /// Monday to Friday, 9:00 to 17:30, in Tokyo or, with its night in which clocks are set
    /// back, in New York.
    fn office(zone: ZoneOffsets) -> EscalationClock {
        let span = WeeklyHours { weekdays: 0b001_1111, from_minute: 540, until_minute: 1050 };
        EscalationClock::While(Calendar { spans: vec![span], zone, closed_days: Vec::new() })
    }

    #[test]
    fn time_counts_while_the_calendar_is_open() {
        let tokyo = office(ZoneOffsets { offsets: vec![(Timestamp(0), 9 * 3600)] });
        let hours = |hours: i64| hours * 3_600_000;
        // 2026-01-05 is a Monday; 9:00 in Tokyo is midnight in UTC.
        let cases = [
            ("2026-01-05T00:00:00Z", hours(2), "2026-01-05T02:00:00Z"),
            ("2026-01-05T08:00:00Z", hours(2), "2026-01-06T01:30:00Z"),
            ("2026-01-05T07:30:00Z", hours(1), "2026-01-05T08:30:00Z"),
            ("2026-01-05T12:00:00Z", hours(1), "2026-01-06T01:00:00Z"),
            ("2026-01-05T12:00:00Z", 0, "2026-01-06T00:00:00Z"),
            // Friday evening to Monday.
            ("2026-01-09T08:00:00Z", hours(24), "2026-01-14T06:30:00Z"),
        ];
        for (from, span_ms, want) in cases {
            assert_eq!(tokyo.after(at(from), span_ms), Some(at(want)), "{from} + {span_ms}");
        }
        assert_eq!(
            EscalationClock::Always.after(at("2026-01-09T08:00:00Z"), 1),
            Some(Timestamp(1_767_945_600_001))
        );
        let never = EscalationClock::While(Calendar::default());
        assert_eq!(never.after(at("2026-01-05T00:00:00Z"), 1), None);
    }

    #[test]
    fn a_night_with_an_hour_more_counts_it() {
        // Open from 0:00 to 4:00; clocks go back from 2:00 to 1:00 at 06:00 UTC.
        let change = at("2026-11-01T06:00:00Z");
        let zone = ZoneOffsets { offsets: vec![(Timestamp(0), -4 * 3600), (change, -5 * 3600)] };
        let span = WeeklyHours { weekdays: 0b111_1111, from_minute: 0, until_minute: 240 };
        let clock =
            EscalationClock::While(Calendar { spans: vec![span], zone, closed_days: Vec::new() });
        let five_hours = 5 * 3_600_000;
        let opens = at("2026-11-01T04:00:00Z");
        assert_eq!(clock.after(opens, five_hours), Some(at("2026-11-01T09:00:00Z")));
    }
}
