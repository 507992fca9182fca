//! A partition the reader holds, and how far time has come in it.

use std::time::Instant;

use connectors::commit::CommitPoint;
use connectors::source::ReadState;
use engine::resume::ResumePoint;
use model::time::Timestamp;

use super::facts::StreamFacts;
use crate::pipeline::intake::Partition;

/// One assigned partition.
pub struct Held {
    /// What is read of it.
    pub partition: Partition,
    /// Whether it is assigned now.
    pub is_ours: bool,
    /// What was last committed for it.
    pub committed: Option<CommitPoint>,
    /// Whether everything there was has been read once.
    pub was_empty: bool,
    empty: Option<Emptiness>,
}

/// Since when the broker's word is that nothing follows, and where time stood then.
#[derive(Clone, Copy, Debug)]
struct Emptiness {
    since: Instant,
    front: Timestamp,
}

impl Held {
    pub(super) fn new(
        stream: usize,
        number: i32,
        facts: &StreamFacts,
        start: i64,
        front: Option<Timestamp>,
    ) -> Held {
        let from = ResumePoint { offset: start, front };
        let partition = Partition::new(stream, number, facts.lateness_ms, facts.horizon_ms, from);
        Held { partition, is_ours: true, committed: None, was_empty: false, empty: None }
    }

    /// Notes why reading it stopped.
    ///
    /// A partition that never held an event starts its time at the wall clock of the moment
    /// it was found empty: whatever comes later is recorded later.
    pub(crate) fn note(&mut self, state: ReadState, wall: Timestamp, now: Instant) {
        self.was_empty |= state == ReadState::Empty;
        self.empty = match (state, self.empty) {
            (ReadState::Empty, None) => {
                let front = self.partition.front().unwrap_or(wall);
                Some(Emptiness { since: now, front })
            }
            (ReadState::Empty, known) => known,
            (ReadState::More | ReadState::Waiting | ReadState::End, _) => None,
        };
    }

    /// Whether the broker's word is that nothing follows what was read.
    pub(crate) fn is_empty(&self) -> bool {
        self.empty.is_some()
    }

    /// How far time has come: the front, and while known empty the time passed since.
    pub(crate) fn reached(&self, now: Instant, idle_ms: i64) -> Option<Timestamp> {
        let Some(empty) = self.empty else {
            return self.partition.front();
        };
        let elapsed = now.saturating_duration_since(empty.since).as_millis();
        let elapsed_ms = i64::try_from(elapsed).unwrap_or(i64::MAX);
        let passed = empty.front.plus((elapsed_ms - idle_ms).max(0));
        self.partition.front().max(Some(passed)).filter(|_| self.knows_time(elapsed_ms, idle_ms))
    }

    /// A partition without events says nothing of time before it has been idle.
    fn knows_time(&self, elapsed_ms: i64, idle_ms: i64) -> bool {
        self.partition.front().is_some() || elapsed_ms >= idle_ms
    }

    /// The last instant it can add nothing to.
    pub(crate) fn settled(&self, now: Instant, idle_ms: i64) -> Option<Timestamp> {
        self.reached(now, idle_ms).map(|front| self.partition.settled_at(front))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn held(front: Option<i64>) -> Held {
        let facts = StreamFacts { lateness_ms: 5, horizon_ms: 1000, companions: vec![0] };
        Held::new(0, 0, &facts, 0, front.map(Timestamp))
    }

    #[test]
    fn time_passes_by_itself_only_while_known_empty_and_after_idle() {
        let start = crate::pipeline::clock::monotonic();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut held = held(Some(1000));
        held.note(ReadState::Waiting, Timestamp(0), at(0));
        assert_eq!(held.settled(at(60_000), 100), Some(Timestamp(994)));
        held.note(ReadState::Empty, Timestamp(0), at(0));
        held.note(ReadState::Empty, Timestamp(0), at(50));
        assert_eq!(held.settled(at(100), 100), Some(Timestamp(994)));
        assert_eq!(held.settled(at(150), 100), Some(Timestamp(1044)));
        held.note(ReadState::More, Timestamp(0), at(160));
        assert_eq!(held.settled(at(60_000), 100), Some(Timestamp(994)));
    }

    #[test]
    fn a_partition_without_events_holds_time_back_until_it_has_been_idle() {
        let start = crate::pipeline::clock::monotonic();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut held = held(None);
        assert_eq!(held.settled(at(0), 100), None);
        held.note(ReadState::Empty, Timestamp(5000), at(0));
        assert_eq!(held.settled(at(99), 100), None);
        assert_eq!(held.settled(at(130), 100), Some(Timestamp(5030 - 6)));
    }
}
