//! Receivers that come, go and change places while something is pending for them.

use std::collections::BTreeMap;

use model::time::Timestamp;

use super::queue::{OutboxQueue, QueuedNotification};
use super::{
    AttemptId, DeliveryCounts, DropReason, DroppedNotification, Outbox, OutboxEntry, OutboxLimits,
    outgoing,
};

impl Outbox {
    /// Goes by other limits from the next push on: what is there already is not thrown out.
    pub fn bound(&mut self, limits: OutboxLimits) {
        self.limits = limits.usable();
    }

    /// Gives receivers other numbers: by its number now, each one's next, `None` for one that
    /// has nothing pending and is forgotten. What is pending moves along as it is, what is in
    /// flight too, and is answered by the same tickets.
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

    /// The number that the receiver of an attempt in flight has now; `None` for a ticket that
    /// is not in flight.
    pub fn receiver_of(&self, ticket: AttemptId) -> Option<usize> {
        self.queues.iter().position(|queue| queue.in_flight(ticket.row).is_some())
    }

    /// Takes an attempt back that was never made.
    pub fn withdraw(&mut self, ticket: AttemptId) {
        let receiver = self.receiver_of(ticket);
        if let Some(queue) = receiver.and_then(|receiver| self.queues.get_mut(receiver)) {
            queue.withdraw(ticket.row);
        }
    }

    /// A receiver is reached another way now: what waits after failures is tried at once.
    pub fn begin_anew(&mut self, receiver: usize, now: Timestamp) {
        self.queue(receiver).begin_anew(now);
    }

    /// Takes out what is pending for a receiver and not in flight, in the order pushed. Each
    /// is to be given to someone else or to be given up.
    pub fn take_out(&mut self, receiver: usize) -> Vec<OutboxEntry> {
        let gone = self.queue(receiver).take_grounded();
        self.changed.extend(gone.iter().map(|(number, _)| *number));
        gone.iter().map(|(number, row)| outgoing(receiver, *number, row)).collect()
    }

    /// Queues what was taken out for someone else, who has not been tried yet. Returned is
    /// what has no room, as by [`Outbox::push`].
    #[must_use = "a refusal must be logged and counted"]
    pub fn readdress(&mut self, row: OutboxEntry) -> Option<DroppedNotification> {
        let OutboxEntry { number, receiver, notification, at, expires, .. } = row;
        self.changed.insert(number);
        let row = QueuedNotification { notification, attempts: 0, at, expires, failure: None };
        self.queue(receiver).insert(number, row);
        self.make_room(receiver)
    }

    /// Takes out the least of what is pending where there is too much.
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
