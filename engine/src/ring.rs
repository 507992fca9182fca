//! Panes: combined entries of one instant, or of one step, in the order of time.

use std::collections::VecDeque;

use crate::snapshot::{SnapshotEncode, packed};

/// Entries below which a collection keeps its memory.
const SPARE_MAX: usize = 32;

/// Combined entries of one instant, or of one step.
pub(crate) trait Pane {
    /// Instant at which the window's end reaches it.
    fn at(&self) -> i64;

    /// Merges a later pane of the same instant; false where panes of an instant stay separate.
    fn join(&mut self, later: &Self) -> bool;
}

/// A running result over the panes inside a window.
pub(crate) trait Accumulator {
    /// Panes it combines.
    type Pane: Pane;

    /// The window's end has reached a pane.
    fn enter(&mut self, pane: &Self::Pane);

    /// The oldest pane has left; `next` is the one that is the oldest now.
    fn leave(&mut self, pane: &Self::Pane, next: Option<&Self::Pane>);
}

/// Panes inside a window, and then those its end has not reached.
#[derive(Debug)]
pub(crate) struct PaneRing<P> {
    // INVARIANT: their instants ascend.
    pub(crate) panes: VecDeque<P>,
    /// Number of them inside, from the oldest on.
    pub(crate) inside: usize,
}

/// A ring and the running result over what is inside: what enters is added, and subtracted
/// when it leaves.
#[derive(Debug)]
pub(crate) struct IncrementalWindow<T: Accumulator> {
    pub(crate) ring: PaneRing<T::Pane>,
    pub(crate) total: T,
}

impl<P> Default for PaneRing<P> {
    fn default() -> PaneRing<P> {
        PaneRing { panes: VecDeque::new(), inside: 0 }
    }
}

impl<T: Accumulator + Default> Default for IncrementalWindow<T> {
    fn default() -> IncrementalWindow<T> {
        IncrementalWindow::new(T::default())
    }
}

impl<P: Pane> PaneRing<P> {
    /// Adds a pane that is not older than any other.
    #[inline]
    pub(crate) fn push(&mut self, pane: P) {
        // A pane that was reached is part of the result and must not change.
        let is_ahead = self.panes.len() > self.inside;
        let same = self.panes.back_mut().filter(|last| is_ahead && last.at() == pane.at());
        if !same.is_some_and(|last| last.join(&pane)) {
            self.panes.push_back(pane);
        }
    }

    /// Removes the oldest pane if it is at or before `up_to`.
    #[inline]
    pub(crate) fn leave(&mut self, up_to: i64) -> Option<P> {
        let gone = self.panes.pop_front_if(|pane| pane.at() <= up_to)?;
        self.inside = self.inside.saturating_sub(1);
        give_back(&mut self.panes);
        Some(gone)
    }

    /// The oldest pane inside.
    pub(crate) fn oldest(&self) -> Option<&P> {
        self.panes.front().filter(|_| self.inside > 0)
    }

    /// The newest pane inside.
    pub(crate) fn newest(&self) -> Option<&P> {
        self.panes.get(self.inside.checked_sub(1)?)
    }

    /// The first pane that is not inside yet.
    pub(crate) fn ahead(&self) -> Option<&P> {
        self.panes.get(self.inside)
    }
}

impl<T: Accumulator> IncrementalWindow<T> {
    /// Creates an empty ring and the result of no panes.
    pub(crate) fn new(total: T) -> IncrementalWindow<T> {
        IncrementalWindow { ring: PaneRing::default(), total }
    }

    /// Moves the end of the window to `now` and its start to `up_to`.
    #[inline]
    pub(crate) fn advance(&mut self, now: i64, up_to: i64) {
        let IncrementalWindow { ring, total } = self;
        while let Some(pane) = ring.panes.get(ring.inside).filter(|pane| pane.at() <= now) {
            total.enter(pane);
            ring.inside += 1;
        }
        while let Some(gone) = ring.leave(up_to) {
            total.leave(&gone, ring.oldest());
        }
    }
}

/// Releases half the memory of a queue that uses less than a quarter of it.
pub(crate) fn give_back<T>(queue: &mut VecDeque<T>) {
    if is_mostly_free(queue.len(), queue.capacity()) {
        queue.shrink_to(queue.capacity() / 2);
    }
}

/// True when a collection uses so little of its capacity that some should be released.
pub(crate) const fn is_mostly_free(len: usize, room: usize) -> bool {
    room > SPARE_MAX && len < room / 4
}

packed!(PaneRing<P> { panes, inside });

impl<T: Accumulator<Pane: SnapshotEncode> + SnapshotEncode> SnapshotEncode
    for IncrementalWindow<T>
{
    fn pack(&self, out: &mut Vec<u8>) {
        self.ring.pack(out);
        self.total.pack(out);
    }

    fn unpack(from: &mut &[u8]) -> Option<IncrementalWindow<T>> {
        Some(IncrementalWindow {
            ring: SnapshotEncode::unpack(from)?,
            total: SnapshotEncode::unpack(from)?,
        })
    }
}
