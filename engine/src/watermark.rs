//! Admission of events, watermark and idle timeout of one partition.

use model::time::{MINUTE_MS, Timestamp};

/// Greatest lead of an event's time over its record's timestamp; beyond it the event is refused.
pub const FUTURE_MAX_MS: i64 = 5 * MINUTE_MS;

/// Admission of an event by its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventAdmission {
    /// On time: the event is processed.
    Accepted,
    /// Older than the watermark: dropped and counted.
    Late,
    /// Too far in the future: a dead letter, which does not advance the watermark.
    Future,
}

/// Watermark of one partition, derived from the largest event time read so far (the front).
///
/// It depends only on the order within this partition, so the same events are admitted whatever
/// other partitions do and however often the partition is replayed.
#[derive(Clone, Copy, Debug)]
pub struct PartitionWatermark {
    lateness_ms: i64,
    front: Option<Timestamp>,
}

impl PartitionWatermark {
    /// Creates the watermark of a partition that is read from its start (`None`), or from a
    /// position at which its front was `front`.
    pub const fn new(lateness_ms: i64, front: Option<Timestamp>) -> PartitionWatermark {
        PartitionWatermark { lateness_ms, front }
    }

    /// Restores the front.
    pub const fn put(&mut self, front: Option<Timestamp>) {
        self.front = front;
    }

    /// Admits or refuses the next event of the partition and advances the front.
    ///
    /// `recorded` is the record's own timestamp, where the log keeps one.
    pub fn admit(&mut self, time: Timestamp, recorded: Option<Timestamp>) -> EventAdmission {
        if recorded.is_some_and(|recorded| time > recorded.plus(FUTURE_MAX_MS)) {
            return EventAdmission::Future;
        }
        if self.watermark().is_some_and(|watermark| time < watermark) {
            return EventAdmission::Late;
        }
        let reached = recorded.map_or(time, |recorded| time.min(recorded));
        self.front = self.front.max(Some(reached));
        EventAdmission::Accepted
    }

    /// The largest min(event time, record timestamp) read so far.
    pub const fn front(&self) -> Option<Timestamp> {
        self.front
    }

    /// Watermark: front − lateness. Events older than this are late.
    pub fn watermark(&self) -> Option<Timestamp> {
        self.front.map(|front| front.minus(self.lateness_ms))
    }

    /// Last instant that this partition can no longer add events to, for a given front.
    pub const fn settled_at(&self, front: Timestamp) -> Timestamp {
        front.minus(self.lateness_ms).minus(1)
    }

    /// Front of a partition for which a previous run has settled everything up to `settled`.
    pub const fn reached_at(&self, settled: Timestamp) -> Timestamp {
        settled.plus(1).plus(self.lateness_ms)
    }
}

/// Idle timeout: event time advances in a partition that is known to be empty (LANGUAGE §3.6).
///
/// It advances only up to the last poll that found nothing. A partition that was not polled since
/// (paused, throttled, revoked or unreachable) may hold events that are not read yet. Time that has
/// advanced never goes back; the next idle period continues from there.
#[derive(Clone, Copy, Debug, Default)]
pub struct IdleTimeout {
    empty: Option<KnownEmpty>,
    passed: Option<Timestamp>,
}

/// Period in which every poll found nothing, by a monotonic clock.
#[derive(Clone, Copy, Debug)]
struct KnownEmpty {
    from: Timestamp,
    since_ms: i64,
    until_ms: i64,
}

impl KnownEmpty {
    /// Event time reached by idling; `None` before the idle timeout has passed.
    fn reached(&self, idle_ms: i64) -> Option<Timestamp> {
        let passed_ms = self.until_ms.saturating_sub(self.since_ms).saturating_sub(idle_ms);
        (passed_ms >= 0).then(|| self.from.plus(passed_ms))
    }
}

impl IdleTimeout {
    /// Records that the log had nothing more to read at `now_ms` of a monotonic clock.
    ///
    /// A partition that never held an event starts at the wall clock of the first empty poll: later
    /// events are recorded later.
    pub fn record_empty(&mut self, front: Option<Timestamp>, wall: Timestamp, now_ms: i64) {
        match &mut self.empty {
            Some(empty) => empty.until_ms = now_ms.max(empty.until_ms),
            None => {
                let from = front.max(self.passed).unwrap_or(wall);
                self.empty = Some(KnownEmpty { from, since_ms: now_ms, until_ms: now_ms });
            }
        }
    }

    /// Restores the time that a previous run had reached; everything it had read is replayed.
    pub fn resume(&mut self, reached: Timestamp) {
        self.passed = self.passed.max(Some(reached));
    }

    /// Ends the idle period: there is more to read, or the state of the log is unknown.
    pub fn end(&mut self, front: Option<Timestamp>, idle_ms: i64) {
        self.passed =
            self.reached(front, idle_ms).filter(|_| self.empty.is_some()).max(self.passed);
        self.empty = None;
    }

    /// True when the last poll found nothing.
    pub const fn is_empty(&self) -> bool {
        self.empty.is_some()
    }

    /// Time reached in a partition with this front; `None` before anything is known.
    pub fn reached(&self, front: Option<Timestamp>, idle_ms: i64) -> Option<Timestamp> {
        let by_itself = self.empty.and_then(|empty| empty.reached(idle_ms));
        front.max(self.passed).max(by_itself)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use EventAdmission::{Accepted, Future, Late};

    #[test]
    fn admits_by_the_order_of_the_partition() {
        let mut front = PartitionWatermark::new(5, None);
        let events = [
            (100, None, Accepted, 100),
            (95, None, Accepted, 100),
            (94, None, Late, 100),
            (200, Some(150), Accepted, 150),
            (145, None, Accepted, 150),
            (144, None, Late, 150),
            (300_151, Some(150), Future, 150),
            (300_150, Some(150), Accepted, 150),
        ];
        for (time, recorded, want, after) in events {
            let said = front.admit(Timestamp(time), recorded.map(Timestamp));
            assert_eq!((said, front.front()), (want, Some(Timestamp(after))), "event at {time}");
        }
        assert_eq!(front.settled_at(Timestamp(150)), Timestamp(144));
    }

    #[test]
    fn a_partition_read_again_evaluates_as_before() {
        let mut again = PartitionWatermark::new(5, Some(Timestamp(100)));
        assert_eq!(again.admit(Timestamp(94), None), Late);
        assert_eq!(again.admit(Timestamp(95), None), Accepted);
    }

    #[test]
    fn time_passes_by_itself_up_to_the_last_answer_that_nothing_follows() {
        enum IdleWord {
            Empty(i64),
            Other,
        }
        use IdleWord::{Empty, Other};
        // With an idle time of 100 ms: answers, then how far time has come from a front of 1000.
        let cases: [(&[IdleWord], i64); 8] = [
            (&[Other], 1000),
            (&[Empty(0), Empty(50)], 1000),
            (&[Empty(0), Empty(150)], 1050),
            // What was not asked again has not passed.
            (&[Empty(0), Empty(150), Empty(150)], 1050),
            // An outage takes nothing back; after it time goes on from there.
            (&[Empty(0), Empty(150), Other], 1050),
            (&[Empty(0), Empty(150), Other, Empty(5000)], 1050),
            (&[Empty(0), Empty(150), Other, Empty(5000), Empty(5130)], 1080),
            (&[Empty(0), Other, Empty(90), Empty(180)], 1000),
        ];
        for (number, (words, want)) in cases.into_iter().enumerate() {
            let front = Some(Timestamp(1000));
            let mut silence = IdleTimeout::default();
            for word in words {
                match word {
                    Empty(at) => silence.record_empty(front, Timestamp(0), *at),
                    Other => silence.end(front, 100),
                }
            }
            assert_eq!(silence.reached(front, 100), Some(Timestamp(want)), "case {number}");
        }
    }

    #[test]
    fn a_partition_without_events_holds_time_back_until_it_has_been_idle() {
        let mut silence = IdleTimeout::default();
        assert_eq!(silence.reached(None, 100), None);
        for (at, want) in [(0, None), (99, None), (130, Some(Timestamp(5030)))] {
            silence.record_empty(None, Timestamp(5000), at);
            assert_eq!((silence.is_empty(), silence.reached(None, 100)), (true, want), "{at}");
        }
        silence.end(None, 100);
        assert_eq!(silence.reached(None, 100), Some(Timestamp(5030)));
        assert_eq!(silence.reached(Some(Timestamp(7000)), 100), Some(Timestamp(7000)));
    }

    #[test]
    fn a_first_event_that_was_on_its_way_is_not_overtaken_by_the_wall_clock() {
        let mut silence = IdleTimeout::default();
        silence.record_empty(None, Timestamp(5000), 0);
        let front = Some(Timestamp(4000));
        silence.record_empty(front, Timestamp(5050), 50);
        assert_eq!(silence.reached(front, 100), front);
        silence.record_empty(front, Timestamp(5120), 120);
        assert_eq!(silence.reached(front, 100), Some(Timestamp(5020)));
    }
}
