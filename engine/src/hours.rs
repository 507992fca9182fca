//! The calendar of a rule, asked once for each stretch of it.

use model::time::Timestamp;
use rules_dsl::rule::During;

/// Whether a rule's calendar lets it be true, and until when that stays so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    pub is_open: bool,
    /// `None` is for good.
    pub until: Option<i64>,
}

impl Open {
    /// A rule without a calendar.
    pub(crate) const ALWAYS: Open = Open { is_open: true, until: None };
}

/// What was last asked of a rule's calendar: instants come one after the other, and edges
/// are hours apart.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hours {
    known: Option<(i64, Open)>,
}

impl Hours {
    /// Whether a rule may be true at `now`; instants need not ascend.
    pub(crate) fn at(&mut self, now: i64, during: Option<&During>) -> Open {
        let Some(during) = during else {
            return Open::ALWAYS;
        };
        if let Some((from, open)) = self.known
            && now >= from
            && open.until.is_none_or(|until| now < until)
        {
            return open;
        }
        let instant = Timestamp(now);
        let open = Open {
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

    use model::calendar::{Calendar, Span, Zone};
    use model::time::MINUTE_MS;

    use super::*;

    #[test]
    fn what_is_remembered_is_what_the_calendar_says() {
        let span = Span { weekdays: 0b000_1000, from_minute: 2, until_minute: 4 };
        let calendar =
            Calendar { spans: vec![span], zone: Zone::default(), closed_days: Vec::new() };
        for inside in [true, false] {
            let during = During { calendar: Arc::new(calendar.clone()), inside };
            let mut hours = Hours::default();
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
        assert_eq!(Hours::default().at(5, None), Open::ALWAYS);
    }
}
