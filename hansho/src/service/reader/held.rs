//! A partition the reader holds, and how far time has come in it.

use std::collections::BTreeMap;
use std::time::Instant;

use connectors::commit::CommitPoint;
use connectors::source::ReadState;
use engine::resume::ResumePoint;
use engine::watermark::Silence;
use model::time::Timestamp;

use super::facts::StreamFacts;
use crate::pipeline::intake::Partition;

/// One assigned partition.
pub struct Held {
    /// What is read of it.
    pub partition: Partition,
    /// What lies before this offset an earlier run has read: it is only read again.
    pub unread_from: i64,
    /// Whether it is assigned now.
    pub is_ours: bool,
    /// What was last committed for it.
    pub committed: Option<CommitPoint>,
    /// Whether everything there was has been read once.
    pub was_empty: bool,
    taken_up: Instant,
    /// Up to here an earlier run has told everything, be it that time passed by itself.
    told: Option<Timestamp>,
    silence: Silence,
    /// Since when it has not been read so that others can catch up.
    held_back: Option<Instant>,
}

/// By partition: its stream, and up to where that is committed as told.
pub(super) fn committed(
    held: &BTreeMap<(usize, i32), Held>,
) -> impl Iterator<Item = (usize, Timestamp)> {
    held.iter().filter_map(|((stream, _), held)| {
        held.committed.map(|point| (*stream, Timestamp(point.settled)))
    })
}

impl Held {
    /// A partition to be read from some point on, of which everything up to `told` was told.
    pub(super) fn new(
        stream: usize,
        number: i32,
        facts: &StreamFacts,
        from: ResumePoint,
        told: Option<Timestamp>,
        taken_up: Instant,
    ) -> Held {
        let partition = Partition::new(stream, number, facts.lateness_ms, facts.reread_ms(), from);
        Held {
            partition,
            unread_from: from.offset,
            is_ours: true,
            committed: None,
            was_empty: false,
            taken_up,
            told,
            silence: Silence::default(),
            held_back: None,
        }
    }

    /// Notes why reading it stopped.
    pub(crate) fn note(&mut self, state: ReadState, wall: Timestamp, now: Instant, idle_ms: i64) {
        self.was_empty |= state == ReadState::Empty;
        let front = self.partition.front();
        match state {
            ReadState::Empty => {
                // All that an earlier run had read, it has read again.
                if let Some(told) = self.told.take() {
                    self.silence.resume(self.partition.reached_at(told));
                }
                let elapsed = now.saturating_duration_since(self.taken_up).as_millis();
                let now_ms = i64::try_from(elapsed).unwrap_or(i64::MAX);
                self.silence.note_empty(front, wall, now_ms);
            }
            ReadState::More | ReadState::Waiting | ReadState::End => {
                self.silence.end(front, idle_ms);
            }
        }
    }

    /// It is another's for now: what happens there is not known here.
    pub(crate) fn leave(&mut self, idle_ms: i64) {
        self.is_ours = false;
        self.silence.end(self.partition.front(), idle_ms);
    }

    /// Notes whether it is left unread for others now; it counts from the first time on.
    pub(super) fn hold_back(&mut self, now: Option<Instant>) {
        self.held_back = now.map(|now| self.held_back.unwrap_or(now));
    }

    /// How long it has been left unread, in milliseconds.
    pub(super) fn held_back_ms(&self, now: Instant) -> i64 {
        let elapsed = self.held_back.map(|since| now.saturating_duration_since(since));
        elapsed.map_or(0, |elapsed| i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
    }

    /// Whether the broker's word is that nothing follows what was read.
    pub(crate) fn is_empty(&self) -> bool {
        self.silence.is_empty()
    }

    /// How far time has come: the front, and what passed while known empty.
    pub(crate) fn reached(&self, idle_ms: i64) -> Option<Timestamp> {
        self.silence.reached(self.partition.front(), idle_ms)
    }

    /// The last instant it can add nothing to.
    pub(crate) fn settled(&self, idle_ms: i64) -> Option<Timestamp> {
        self.reached(idle_ms).map(|front| self.partition.settled_at(front))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn time_passes_by_itself_only_in_a_partition_that_is_ours_and_was_asked() {
        let start = crate::pipeline::clock::monotonic();
        let facts = StreamFacts::alone(5, 1000);
        let from = ResumePoint { offset: 0, front: Some(Timestamp(1000)) };
        let mut held = Held::new(0, 0, &facts, from, None, start);
        let say = |held: &mut Held, state, ms| {
            held.note(state, Timestamp(0), start + Duration::from_millis(ms), 100);
            held.settled(100)
        };
        assert_eq!(say(&mut held, ReadState::Waiting, 0), Some(Timestamp(994)));
        assert_eq!(say(&mut held, ReadState::Empty, 10), Some(Timestamp(994)));
        assert_eq!(say(&mut held, ReadState::Empty, 160), Some(Timestamp(1044)));
        assert_eq!(say(&mut held, ReadState::More, 170), Some(Timestamp(1044)));
        assert_eq!(say(&mut held, ReadState::Empty, 200), Some(Timestamp(1044)));
        held.leave(100);
        assert_eq!((held.is_ours, held.is_empty()), (false, false));
        assert_eq!(held.settled(100), Some(Timestamp(1044)));
        assert_eq!(say(&mut held, ReadState::Empty, 60_000), Some(Timestamp(1044)));
        assert_eq!(say(&mut held, ReadState::Empty, 60_130), Some(Timestamp(1074)));
    }
    /// After a restart in a silence time goes on where it was, once what is there is read.
    #[test]
    fn a_silence_goes_on_where_an_earlier_run_had_come() {
        let start = crate::pipeline::clock::monotonic();
        let from = ResumePoint { offset: 0, front: Some(Timestamp(1000)) };
        let facts = StreamFacts::alone(5, 1000);
        let mut held = Held::new(0, 0, &facts, from, Some(Timestamp(9000)), start);
        let say = |held: &mut Held, state, ms| {
            held.note(state, Timestamp(0), start + Duration::from_millis(ms), 100);
            held.settled(100)
        };
        assert_eq!(say(&mut held, ReadState::More, 0), Some(Timestamp(994)));
        assert_eq!(say(&mut held, ReadState::Empty, 10), Some(Timestamp(9000)));
        assert_eq!(say(&mut held, ReadState::Empty, 150), Some(Timestamp(9040)));
    }
}
