//! Renumbering and removal of receivers with pending notifications.

use std::collections::BTreeMap;

use model::time::Timestamp;

use super::queue::{OutboxQueue, QueuedNotification};
use super::{
    AttemptId, DeliveryCounts, DropReason, DroppedNotification, Outbox, OutboxEntry, OutboxLimits,
    outgoing,
};

impl Outbox {
    /// Sets new limits. They apply from the next push on; rows already queued are not evicted.
    pub fn bound(&mut self, limits: OutboxLimits) {
        self.limits = limits.usable();
    }

    /// Renumbers receivers: `next` maps each current number to the next one; `None` discards a
    /// receiver that has nothing pending. Pending notifications and attempts in flight move along,
    /// and tickets stay valid.
    pub fn renumber(&mut self, next: &[Option<usize>]) {
        let queues = std::mem::take(&mut self.queues);
        let counts = std::mem::take(&mut self.counts);
        let pairs = next.iter().zip(queues.into_iter().zip(counts));
        let mut moved: BTreeMap<usize, (OutboxQueue, DeliveryCounts)> =
            pairs.filter_map(|(next, pair)| Some(((*next)?, pair))).collect();
        let length = moved.last_key_value().map_or(0, |(last, _)| last + 1);
        for number in 0..length {
            let (queue, counts) = moved.remove(&number).unwrap_or_default();
            self.queues.push(queue);
            self.counts.push(counts);
        }
    }

    /// Returns the current number of the receiver of an attempt in flight; `None` for a ticket that
    /// is not in flight.
    pub fn receiver_of(&self, ticket: AttemptId) -> Option<usize> {
        self.queues.iter().position(|queue| queue.in_flight(ticket.row).is_some())
    }

    /// Returns an attempt that was never made to the queue.
    pub fn withdraw(&mut self, ticket: AttemptId) {
        let receiver = self.receiver_of(ticket);
        if let Some(queue) = receiver.and_then(|receiver| self.queues.get_mut(receiver)) {
            queue.withdraw(ticket.row);
        }
    }

    /// Makes waiting notifications due at once and resets failures, because the receiver's sink
    /// changed.
    pub fn begin_anew(&mut self, receiver: usize, now: Timestamp) {
        self.queue(receiver).begin_anew(now);
    }

    /// Removes the pending notifications of a receiver that are not in flight and returns them in
    /// the order pushed. The caller readdresses or drops each.
    pub fn take_out(&mut self, receiver: usize) -> Vec<OutboxEntry> {
        let gone = self.queue(receiver).take_grounded();
        self.changed.extend(gone.iter().map(|(number, _)| *number));
        gone.iter().map(|(number, row)| outgoing(receiver, *number, row)).collect()
    }

    /// Queues a removed entry for another receiver, with no attempts counted. Returns a
    /// notification dropped for lack of room, as [`Outbox::push`] does.
    #[must_use = "a refusal must be logged and counted"]
    pub fn readdress(&mut self, row: OutboxEntry) -> Option<DroppedNotification> {
        let OutboxEntry { number, receiver, notification, at, expires, .. } = row;
        self.changed.insert(number);
        let row = QueuedNotification { notification, attempts: 0, at, expires, failure: None };
        self.queue(receiver).insert(number, row);
        self.make_room(receiver)
    }

    /// Evicts the pending row of the greatest rank if the queue exceeds its limit.
    pub(super) fn make_room(&mut self, receiver: usize) -> Option<DroppedNotification> {
        let pending_max = self.limits.pending_max;
        let queue = self.queue(receiver);
        if queue.len() <= pending_max {
            return None;
        }
        let (number, victim) = queue.evict()?;
        self.changed.insert(number);
        Some(self.refuse(receiver, victim.notification, DropReason::QueueFull))
    }
}
