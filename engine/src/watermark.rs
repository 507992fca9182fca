//! Acceptance and the passing of time in one partition.

use model::time::{MINUTE_MS, Timestamp};

/// An event dated further than this after its record's timestamp is refused.
pub const FUTURE_MAX_MS: i64 = 5 * MINUTE_MS;

/// What a partition says to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It counts.
    Accepted,
    /// It is older than the watermark: dropped and counted.
    Late,
    /// It claims to come from the future: a dead letter; it moves nothing.
    Future,
}

/// The front of one partition: how far its own time has come.
///
/// Depends on this partition's order alone, so what is accepted is the same whatever other
/// partitions do and however often the partition is read again.
#[derive(Clone, Copy, Debug)]
pub struct Front {
    lateness_ms: i64,
    front: Option<Timestamp>,
}

impl Front {
    /// A partition of which nothing was read, or that is read again from a place where its
    /// front was `front`.
    pub const fn new(lateness_ms: i64, front: Option<Timestamp>) -> Front {
        Front { lateness_ms, front }
    }

    /// Judges the next event of the partition and moves the front.
    ///
    /// `recorded` is the record's own timestamp, where the log keeps one.
    pub fn admit(&mut self, time: Timestamp, recorded: Option<Timestamp>) -> Admission {
        if recorded.is_some_and(|recorded| time > recorded.plus(FUTURE_MAX_MS)) {
            return Admission::Future;
        }
        if self.watermark().is_some_and(|watermark| time < watermark) {
            return Admission::Late;
        }
        let reached = recorded.map_or(time, |recorded| time.min(recorded));
        self.front = self.front.max(Some(reached));
        Admission::Accepted
    }

    /// The largest min(event time, record timestamp) read so far.
    pub const fn front(&self) -> Option<Timestamp> {
        self.front
    }

    /// Front − lateness: events older than this are late.
    pub fn watermark(&self) -> Option<Timestamp> {
        self.front.map(|front| front.minus(self.lateness_ms))
    }

    /// The last instant this partition can add nothing to, were its front at `front`.
    pub const fn settled_at(&self, front: Timestamp) -> Timestamp {
        front.minus(self.lateness_ms).minus(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Admission::{Accepted, Future, Late};

    #[test]
    fn admits_by_the_order_of_the_partition() {
        let mut front = Front::new(5, None);
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
    fn a_partition_read_again_judges_as_before() {
        let mut again = Front::new(5, Some(Timestamp(100)));
        assert_eq!(again.admit(Timestamp(94), None), Late);
        assert_eq!(again.admit(Timestamp(95), None), Accepted);
    }
}
