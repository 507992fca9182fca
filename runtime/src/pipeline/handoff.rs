//! Hand-off of batches and watermarks from the reader to a shard.
//!
//! The reader pushes batches first and publishes watermarks second; a shard looks first whether it
//! is to finish, loads the watermarks second and drains its ring last. So whatever a watermark
//! covers is there when it is applied, and when the end is seen all is.
//! `tests/tests/handoff.rs` shows it of every interleaving (loom), and that a weaker order loses
//! events.

use model::observation::Watermarks;

use super::shared_watermarks::SharedWatermarks;
use super::sync::{AtomicBool, Ordering};

/// State that the reader shares with all shards.
#[derive(Debug)]
pub struct ShardHandoff {
    /// Point up to which time has passed.
    pub watermarks: SharedWatermarks,
    is_closing: AtomicBool,
    /// True when running timers are to run out at the end; stored before `is_closing`.
    drains: AtomicBool,
}

impl ShardHandoff {
    pub(crate) fn new(streams: usize) -> ShardHandoff {
        ShardHandoff {
            watermarks: SharedWatermarks::new(streams),
            is_closing: AtomicBool::new(false),
            drains: AtomicBool::new(false),
        }
    }

    /// Announces the end; only after the last push and the last watermark.
    pub(crate) fn close(&self, drains: bool) {
        self.drains.store(drains, Ordering::Relaxed);
        self.is_closing.store(true, Ordering::Release);
    }

    /// True when nothing follows what the next [`ShardHandoff::receive`] finds.
    pub(crate) fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Acquire)
    }

    /// True when running timers are to run out; known once it is closing.
    pub(crate) fn drains(&self) -> bool {
        self.drains.load(Ordering::Relaxed)
    }

    /// Loads the watermarks, then receives whatever the ring holds: all that they cover.
    pub(crate) fn receive<B>(
        &self,
        marks: &mut Watermarks,
        mut pop: impl FnMut() -> Option<B>,
        mut each: impl FnMut(B),
    ) {
        self.watermarks.load(marks);
        while let Some(batch) = pop() {
            each(batch);
        }
    }
}
