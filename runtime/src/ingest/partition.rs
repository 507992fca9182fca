//! A partition of the reader, and how far time has come in it.

use std::collections::BTreeMap;

use connectors::commit::CommitPoint;
use connectors::source::ReadState;
use engine::resume::ResumePoint;
use engine::watermark::IdleTimeout;
use model::time::Timestamp;

use super::admission::PartitionProgress;
use super::replay_requirements::ReplayRequirements;
use crate::io::{ClockReading, StreamPartition};

/// One assigned partition.
pub struct PartitionState {
    /// Progress of its reading.
    pub progress: PartitionProgress,
    /// An earlier run has read what lies before this offset: it is only replayed.
    pub unread_from: i64,
    /// True when it is assigned now.
    pub is_assigned: bool,
    /// Last commit for it.
    pub committed: Option<CommitPoint>,
    /// True when everything that was there has been read once.
    pub was_empty: bool,
    assigned_at_ms: i64,
    /// Up to here an earlier run has published everything, be it that time passed by itself.
    published: Option<Timestamp>,
    silence: IdleTimeout,
    /// Since when it has not been read so that others can catch up.
    held_back_at_ms: Option<i64>,
}

/// By partition: its stream, and up to where that is committed as told.
pub(super) fn committed(
    held: &BTreeMap<StreamPartition, PartitionState>,
) -> impl Iterator<Item = (usize, Timestamp)> {
    held.iter().filter_map(|((stream, _), held)| {
        held.committed.map(|point| (*stream, Timestamp(point.settled)))
    })
}

impl PartitionState {
    /// A partition to be read from some point on, of which everything up to `reported` was told.
    pub(super) fn new(
        stream: usize,
        number: i32,
        requirements: &ReplayRequirements,
        from: ResumePoint,
        published: Option<Timestamp>,
        assigned_at_ms: i64,
    ) -> PartitionState {
        let progress = PartitionProgress::new(
            stream,
            number,
            requirements.lateness_ms,
            requirements.reread_ms(),
            from,
        );
        PartitionState {
            progress,
            unread_from: from.offset,
            is_assigned: true,
            committed: None,
            was_empty: false,
            assigned_at_ms,
            published,
            silence: IdleTimeout::default(),
            held_back_at_ms: None,
        }
    }

    /// Notes why reading it stopped.
    pub(crate) fn record(&mut self, state: ReadState, now: ClockReading, idle_ms: i64) {
        self.was_empty |= state == ReadState::Empty;
        let front = self.progress.front();
        match state {
            ReadState::Empty => {
                // Everything that an earlier run had read is replayed.
                if let Some(published) = self.published.take() {
                    self.silence.resume(self.progress.reached_at(published));
                }
                let now_ms = now.monotonic_ms.saturating_sub(self.assigned_at_ms);
                self.silence.record_empty(front, now.wall, now_ms);
            }
            ReadState::More | ReadState::Waiting | ReadState::End => {
                self.silence.end(front, idle_ms);
            }
        }
    }

    /// It is another's for now: what happens there is not known here.
    pub(crate) fn revoke(&mut self, idle_ms: i64) {
        self.is_assigned = false;
        self.silence.end(self.progress.front(), idle_ms);
    }

    /// Notes whether it is left unread for others now; it counts from the first time on.
    pub(super) fn hold_back(&mut self, now_ms: Option<i64>) {
        self.held_back_at_ms = now_ms.map(|now_ms| self.held_back_at_ms.unwrap_or(now_ms));
    }

    /// Time for which it has been left unread, in milliseconds.
    pub(super) fn held_back_ms(&self, now_ms: i64) -> i64 {
        self.held_back_at_ms.map_or(0, |since| now_ms.saturating_sub(since))
    }

    /// True when the broker's word is that nothing follows what was read.
    pub(crate) fn is_empty(&self) -> bool {
        self.silence.is_empty()
    }

    /// Point up to which time has come: the front, and what passed while known empty.
    pub(crate) fn reached(&self, idle_ms: i64) -> Option<Timestamp> {
        self.silence.reached(self.progress.front(), idle_ms)
    }

    /// The last instant it can add nothing to.
    pub(crate) fn settled(&self, idle_ms: i64) -> Option<Timestamp> {
        self.reached(idle_ms).map(|front| self.progress.settled_at(front))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_by_itself_only_in_a_partition_that_is_assigned_and_was_asked() {
        let start = 5_000;
        let facts = ReplayRequirements::alone(5, 1000);
        let from = ResumePoint { offset: 0, front: Some(Timestamp(1000)) };
        let mut held = PartitionState::new(0, 0, &facts, from, None, start);
        let note = |held: &mut PartitionState, state, ms| {
            let now = ClockReading { wall: Timestamp(0), monotonic_ms: start + ms };
            held.record(state, now, 100);
            held.settled(100)
        };
        assert_eq!(note(&mut held, ReadState::Waiting, 0), Some(Timestamp(994)));
        assert_eq!(note(&mut held, ReadState::Empty, 10), Some(Timestamp(994)));
        assert_eq!(note(&mut held, ReadState::Empty, 160), Some(Timestamp(1044)));
        assert_eq!(note(&mut held, ReadState::More, 170), Some(Timestamp(1044)));
        assert_eq!(note(&mut held, ReadState::Empty, 200), Some(Timestamp(1044)));
        held.revoke(100);
        assert_eq!((held.is_assigned, held.is_empty()), (false, false));
        assert_eq!(held.settled(100), Some(Timestamp(1044)));
        assert_eq!(note(&mut held, ReadState::Empty, 60_000), Some(Timestamp(1044)));
        assert_eq!(note(&mut held, ReadState::Empty, 60_130), Some(Timestamp(1074)));
    }
    /// After a restart in a silence time goes on where it was, once what is there is read.
    #[test]
    fn a_silence_resumes_where_an_earlier_run_had_come() {
        let start = 5_000;
        let from = ResumePoint { offset: 0, front: Some(Timestamp(1000)) };
        let facts = ReplayRequirements::alone(5, 1000);
        let mut held = PartitionState::new(0, 0, &facts, from, Some(Timestamp(9000)), start);
        let note = |held: &mut PartitionState, state, ms| {
            let now = ClockReading { wall: Timestamp(0), monotonic_ms: start + ms };
            held.record(state, now, 100);
            held.settled(100)
        };
        assert_eq!(note(&mut held, ReadState::More, 0), Some(Timestamp(994)));
        assert_eq!(note(&mut held, ReadState::Empty, 10), Some(Timestamp(9000)));
        assert_eq!(note(&mut held, ReadState::Empty, 150), Some(Timestamp(9040)));
    }
}
