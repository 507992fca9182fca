//! Watermarks of all streams, shared by the reader and the shards.

use model::observation::Watermarks;
use model::time::Timestamp;

use super::sync::{AtomicI64, Ordering};

/// "No event yet" in the atomic that holds a stream's first event time.
const NO_EVENT: i64 = i64::MAX;

/// One watermark a stream, each on cache lines of its own.
#[derive(Debug)]
pub struct SharedWatermarks {
    streams: Box<[StreamWatermark]>,
}

/// Two cache lines: processors fetch neighbouring lines in pairs.
#[derive(Debug)]
#[repr(align(128))]
struct StreamWatermark {
    settled: AtomicI64,
    first: AtomicI64,
}

impl SharedWatermarks {
    /// Watermarks of streams in which nothing has happened.
    pub(crate) fn new(streams: usize) -> SharedWatermarks {
        let watermark = || StreamWatermark {
            settled: AtomicI64::new(i64::MIN),
            first: AtomicI64::new(NO_EVENT),
        };
        SharedWatermarks { streams: (0..streams).map(|_| watermark()).collect() }
    }

    /// Stores a stream's watermark. Only the reader does, after pushing its observations.
    pub(crate) fn publish(&self, stream: usize, settled: Timestamp, first: Option<Timestamp>) {
        let Some(mark) = self.streams.get(stream) else {
            return;
        };
        mark.first.store(first.map_or(NO_EVENT, |first| first.0), Ordering::Relaxed);
        // Release: whoever sees this instant also sees `first` and the pushed observations.
        mark.settled.store(settled.0, Ordering::Release);
    }

    /// Loads all watermarks. A shard does so before it drains its ring.
    pub(crate) fn load(&self, into: &mut Watermarks) {
        into.settled.clear();
        into.first.clear();
        for mark in &self.streams {
            into.settled.push(Timestamp(mark.settled.load(Ordering::Acquire)));
            let first = mark.first.load(Ordering::Relaxed);
            into.first.push((first != NO_EVENT).then_some(Timestamp(first)));
        }
    }
}
