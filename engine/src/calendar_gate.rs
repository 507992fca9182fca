//! Calendar of a rule, cached for each period that it is open or closed.

use model::time::Timestamp;
use rules_dsl::rule::During;

/// State of a rule's calendar, and the instant until which it stays the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CalendarOpening {
    pub is_open: bool,
    /// Instant of the next change; `None` is never.
    pub until: Option<i64>,
}

impl CalendarOpening {
    /// Opening of a rule without a calendar: always open.
    pub(crate) const ALWAYS: CalendarOpening = CalendarOpening { is_open: true, until: None };
}

/// Cached opening of a rule's calendar: instants come one after the other, and edges are hours
/// apart.
#[derive(Clone, Copy, Debug, Default)]
pub struct CalendarState {
    known: Option<(i64, CalendarOpening)>,
}

impl CalendarState {
    /// Opening of the calendar at `now`; instants need not ascend.
    pub(crate) fn at(&mut self, now: i64, during: Option<&During>) -> CalendarOpening {
        let Some(during) = during else {
            return CalendarOpening::ALWAYS;
        };
        if let Some((from, open)) = self.known
            && now >= from
            && open.until.is_none_or(|until| now < until)
        {
            return open;
        }
        let instant = Timestamp(now);
        let open = CalendarOpening {
            is_open: during.calendar.is_open(instant) == during.inside,
            until: during.calendar.next_edge(instant).map(|edge| edge.0),
        };
        self.known = Some((now, open));
        open
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::calendar::{Calendar, WeeklyHours, ZoneOffsets};
    use model::time::MINUTE_MS;

    use super::*;

    #[test]
    fn what_is_remembered_is_what_the_calendar_says() {
        let span = WeeklyHours { weekdays: 0b000_1000, from_minute: 2, until_minute: 4 };
        let calendar =
            Calendar { spans: vec![span], zone: ZoneOffsets::default(), closed_days: Vec::new() };
        for inside in [true, false] {
            let during = During { calendar: Arc::new(calendar.clone()), inside };
            let mut hours = CalendarState::default();
            // 1970-01-01 was a Thursday. Forward, and back again.
            for minute in (0..8_i64).chain((0..8).rev()) {
                let now = minute * MINUTE_MS;
                let open = hours.at(now, Some(&during));
                assert_eq!(open.is_open, (2..4).contains(&minute) == inside, "minute {minute}");
                let until = if minute < 2 { 2 } else { 4 };
                if minute < 4 {
                    assert_eq!(open.until, Some(until * MINUTE_MS), "minute {minute}");
                }
            }
        }
        assert_eq!(CalendarState::default().at(5, None), CalendarOpening::ALWAYS);
    }
}
