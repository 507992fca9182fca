//! Observations waiting for their instant to settle.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use model::observation::EventOrigin;
use model::time::Timestamp;

use crate::aggregate::sooner;
use crate::keys::KeyId;
use crate::ring::give_back;

/// An observation waiting for its instant.
#[derive(Debug)]
pub struct BufferedObservation {
    /// Event time, then where the event stood: the order of all events.
    pub order: (Timestamp, EventOrigin),
    /// Hash of the event's id, or 0.
    pub id: u64,
    /// The signal it belongs to.
    pub signal: u32,
    /// Its key.
    pub key: KeyId,
    /// Its value.
    pub value: i128,
    /// The event's fields that messages show.
    pub fields: Box<[u8]>,
}

impl PartialEq for BufferedObservation {
    fn eq(&self, other: &BufferedObservation) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for BufferedObservation {}

impl PartialOrd for BufferedObservation {
    fn partial_cmp(&self, other: &BufferedObservation) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for BufferedObservation {
    fn cmp(&self, other: &BufferedObservation) -> std::cmp::Ordering {
        (self.order, self.signal).cmp(&(other.order, other.signal))
    }
}

/// Reorder buffer: observations arrive in any order and leave in event order.
#[derive(Debug, Default)]
pub struct ReorderBuffer {
    // INVARIANT: ascending.
    /// Observations that arrived in order, as nearly all of one partition do: no search is needed.
    queue: VecDeque<BufferedObservation>,
    /// Observations that arrived after a later one.
    strays: BinaryHeap<Reverse<BufferedObservation>>,
}

impl ReorderBuffer {
    /// Adds an observation.
    #[inline]
    pub(crate) fn push(&mut self, waiting: BufferedObservation) {
        if self.queue.back().is_none_or(|last| *last <= waiting) {
            self.queue.push_back(waiting);
        } else {
            self.strays.push(Reverse(waiting));
        }
    }

    /// The earliest waiting instant.
    #[inline]
    pub(crate) fn next(&self) -> Option<i64> {
        let queued = self.queue.front().map(|waiting| waiting.order.0.0);
        match self.strays.peek() {
            Some(Reverse(stray)) => sooner(queued, Some(stray.order.0.0)),
            None => queued,
        }
    }

    /// Takes the next observation of exactly the instant `now`.
    #[inline]
    pub(crate) fn pop_at(&mut self, now: i64) -> Option<BufferedObservation> {
        let is_now = |waiting: &BufferedObservation| waiting.order.0.0 == now;
        let Some(Reverse(stray)) = self.strays.peek() else {
            return self.queue.pop_front_if(|waiting| is_now(waiting));
        };
        let is_stray = self.queue.front().is_none_or(|queued| stray < queued);
        if !is_stray {
            return self.queue.pop_front_if(|waiting| is_now(waiting));
        }
        let is_now = is_now(stray);
        is_now.then(|| self.strays.pop()).flatten().map(|Reverse(waiting)| waiting)
    }

    /// Iterates over all waiting observations, first those that arrived in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &BufferedObservation> {
        self.queue.iter().chain(self.strays.iter().map(|Reverse(stray)| stray))
    }

    /// Releases memory that only a burst needed.
    pub(crate) fn give_back(&mut self) {
        give_back(&mut self.queue);
        if self.strays.len() < self.strays.capacity() / 4 {
            self.strays.shrink_to(self.strays.capacity() / 2);
        }
    }

    /// Number of waiting observations.
    pub(crate) fn len(&self) -> usize {
        self.queue.len() + self.strays.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Order = (Timestamp, EventOrigin);

    fn order() -> impl Strategy<Value = Order> {
        let place = (0_i64..9, 0_u32..3, 0_i32..3, 0_i64..9, 0_u32..3);
        place.prop_map(|(time, stream, partition, offset, index)| {
            (Timestamp(time), EventOrigin { stream, partition, offset, index })
        })
    }

    fn waiting(order: Order) -> BufferedObservation {
        BufferedObservation { order, id: 0, signal: 0, key: 0, value: 0, fields: Box::default() }
    }

    proptest! {
        #[test]
        fn observations_leave_in_the_order_of_time_stream_partition_offset_index(
            mut places in prop::collection::vec(order(), 0..60),
            in_order in 0_usize..60,
            taken in 0_i64..9,
        ) {
            // Part of the input in order, so that both the queue and the strays have some.
            let in_order = in_order.min(places.len());
            places[..in_order].sort_unstable();
            let mut reorder = ReorderBuffer::default();
            places.iter().for_each(|place| reorder.push(waiting(*place)));
            places.sort_unstable();
            prop_assert_eq!(reorder.next(), places.first().map(|(time, _)| time.0));
            prop_assert_eq!(reorder.len(), places.len());
            let is_first = reorder.next() == Some(taken);
            prop_assert_eq!(reorder.pop_at(taken).is_some(), is_first);
            let rest = std::iter::from_fn(|| reorder.next().and_then(|now| reorder.pop_at(now)));
            let orders: Vec<_> = rest.map(|waiting| waiting.order).collect();
            let want = places.into_iter().skip(usize::from(is_first));
            prop_assert_eq!(orders, want.collect::<Vec<_>>());
            prop_assert_eq!(reorder.len(), 0);
        }
    }
}
