//! How batches and marks pass from the reading thread to a shard.
//!
//! The reading thread pushes batches first and stores how far time has passed second; a shard
//! looks whether it is to close first, loads the marks second and empties its ring last. So
//! whatever the marks speak of is there when they are applied, and when closing is seen all is.
//! `tests/tests/handoff.rs` shows it of every interleaving (loom), and that a weaker order loses
//! events.

use model::observation::Marks;

use super::marks::SharedMarks;
use super::sync::{AtomicBool, Ordering};

/// What the reading thread tells all shards.
#[derive(Debug)]
pub struct Shared {
    pub marks: SharedMarks,
    closing: AtomicBool,
    /// Whether what runs at the end is to run out; stored before `closing`.
    drains: AtomicBool,
}

impl Shared {
    pub(crate) fn new(streams: usize) -> Shared {
        Shared {
            marks: SharedMarks::new(streams),
            closing: AtomicBool::new(false),
            drains: AtomicBool::new(false),
        }
    }

    /// Nothing follows; only after the last push and the last mark.
    pub(crate) fn close(&self, drains: bool) {
        self.drains.store(drains, Ordering::Relaxed);
        self.closing.store(true, Ordering::Release);
    }

    /// Whether nothing follows what the next [`Shared::receive`] finds.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Whether what runs at the end is to run out; known once it is closing.
    pub(crate) fn drains(&self) -> bool {
        self.drains.load(Ordering::Relaxed)
    }

    /// Loads the marks, then takes whatever the ring holds: all that they speak of.
    pub(crate) fn receive<B>(
        &self,
        marks: &mut Marks,
        mut pop: impl FnMut() -> Option<B>,
        mut each: impl FnMut(B),
    ) {
        self.marks.load(marks);
        while let Some(batch) = pop() {
            each(batch);
        }
    }
}
