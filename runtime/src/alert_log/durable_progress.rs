//! Point up to which the logs hold what the shards found: the gate of every commit (ARCHITECTURE
//! D8).

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use model::time::Timestamp;

/// Written by the log writer after each sync, read by the reader to commit; and the other way
/// what was committed, so that the logs may be compacted.
#[derive(Debug)]
pub struct DurableProgress {
    settled: Box<[AtomicI64]>,
    committed: Box<[AtomicI64]>,
    waiting: AtomicU64,
    is_complete: AtomicBool,
}

impl DurableProgress {
    /// Nothing durable yet in so many streams.
    pub(crate) fn new(streams: usize) -> DurableProgress {
        let never = || (0..streams).map(|_| AtomicI64::new(i64::MIN)).collect();
        DurableProgress {
            settled: never(),
            committed: never(),
            waiting: AtomicU64::new(0),
            is_complete: AtomicBool::new(false),
        }
    }

    /// Number of streams.
    pub(crate) fn streams(&self) -> usize {
        self.settled.len()
    }

    /// Every transition of the stream up to here is in the alert log.
    pub(crate) fn acknowledge(&self, stream: usize, settled: Timestamp) {
        if let Some(slot) = self.settled.get(stream) {
            slot.store(settled.0, Ordering::Release);
        }
    }

    /// Point up to which a stream is durable.
    pub(crate) fn settled(&self, stream: usize) -> Timestamp {
        let slot = self.settled.get(stream);
        Timestamp(slot.map_or(i64::MIN, |slot| slot.load(Ordering::Acquire)))
    }

    /// Notes that recovery will know the stream to be published up to here.
    pub(crate) fn record_committed(&self, stream: usize, settled: Timestamp) {
        if let Some(slot) = self.committed.get(stream) {
            slot.fetch_max(settled.0, Ordering::Release);
        }
    }

    /// By stream: up to where recovery will know that everything is published.
    pub(crate) fn committed(&self) -> Vec<Timestamp> {
        self.committed.iter().map(|slot| Timestamp(slot.load(Ordering::Acquire))).collect()
    }

    /// Notes how many observations wait in the shards.
    pub(crate) fn record_waiting(&self, observations: u64) {
        self.waiting.store(observations, Ordering::Relaxed);
    }

    /// Number of observations buffered in the shards.
    pub(crate) fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Notes that all that the shards will ever find is in the alert log.
    pub(crate) fn complete(&self) {
        self.is_complete.store(true, Ordering::Release);
    }

    /// True when the log writer has finished.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_complete.load(Ordering::Acquire)
    }
}
