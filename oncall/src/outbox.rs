//! The outbox: which notification is attempted when, and what an answer means.
//!
//! It holds no file: its state is a function of the notifications pushed and the outcomes
//! recorded. After a restart the caller first restores the logged outcomes
//! ([`Outbox::restore`]), then pushes what the alert log yields; what was finished stays
//! finished, and what was not is attempted again under the same id.
//!
//! Nothing is dropped in silence: a notification leaves by [`Outcome::Delivered`] or by an
//! [`Outcome::GaveUp`] that says why, and both are counted.

mod backoff;
mod queue;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use model::notification::{DeliveryResult, Notification};
use model::time::{DAY_MS, Timestamp};

use crate::hash::fnv_128;
use queue::{Queue, Row};

pub use backoff::{BACKOFF_BASE_MS, BACKOFF_CAP_MS, RETRY_AFTER_MAX_MS};

/// Notifications one receiver may have pending, in flight included, by default.
pub const PENDING_MAX: usize = 10_000;
/// Attempts one receiver may have in flight, by default.
pub const IN_FLIGHT_MAX: usize = 4;
/// How long after its detection a notification is still worth an attempt, in milliseconds.
pub const AGE_MAX_MS: i64 = DAY_MS;
/// Finished notifications remembered against repetition; beyond it the oldest is forgotten.
///
/// Repetitions come from reading the alert log anew, and what is older than
/// [`AGE_MAX_MS`] is not sent then: the figure is deliveries within a day.
pub const FINISHED_MAX: usize = 1 << 20;

/// The limits of an outbox that a configuration may move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxLimits {
    /// Notifications one receiver may have pending; at least 1.
    pub pending_max: usize,
    /// Attempts one receiver may have in flight; at least 1.
    pub in_flight_max: usize,
}

/// Names one attempt until its result is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    receiver: usize,
    row: u64,
}

/// One delivery to try now, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// To be handed back with the result; until then the attempt counts as in flight.
    pub ticket: Ticket,
    /// The receiver's number.
    pub receiver: usize,
    /// 1 for the first.
    pub number: u32,
    /// What to deliver.
    pub notification: Arc<Notification>,
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Delivered,
    /// It is tried again.
    Retrying {
        /// Not before then.
        at: Timestamp,
    },
    /// It is not tried again.
    GaveUp {
        /// For people, the delivery log and the dead letters.
        why: GiveUp,
    },
}

/// Why a notification is not tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GiveUp {
    /// The receiver will never take it; what it said.
    Rejected(String),
    /// It is older than [`AGE_MAX_MS`]; what the receiver last said, if it was ever asked.
    TooOld(Option<String>),
    /// The receiver had too many pending, and this was the least of them.
    Crowded,
}

/// A notification that left the outbox without an attempt, to be logged as any outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is not delivered.
    pub notification: Arc<Notification>,
    /// Why.
    pub why: GiveUp,
}

/// One receiver's figures since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryCounts {
    /// Pending now, in flight included.
    pub pending: usize,
    /// In flight now.
    pub in_flight: usize,
    /// When the service saw what has been pending longest.
    pub oldest: Option<Timestamp>,
    /// Delivered.
    pub delivered: u64,
    /// Attempts that are to be repeated.
    pub retried: u64,
    /// Given up because the receiver refused.
    pub rejected: u64,
    /// Given up because of age.
    pub too_old: u64,
    /// Given up because too many were pending.
    pub crowded: u64,
    /// Pushes of what was already pending or finished.
    pub repeated: u64,
}

/// What was recorded of a notification before a restart, or since.
#[derive(Clone, Copy, Debug)]
enum Known {
    Pending,
    Finished,
    /// A retry restored from the log: attempts made and the next one's time.
    Retrying(u32, Timestamp),
}

/// All pending deliveries.
#[derive(Debug)]
pub struct Outbox {
    limits: OutboxLimits,
    queues: Vec<Queue>,
    counts: Vec<DeliveryCounts>,
    /// By hash of the notification's id.
    known: HashMap<u128, Known>,
    finished: VecDeque<u128>,
    next_row: u64,
}

impl Default for OutboxLimits {
    fn default() -> OutboxLimits {
        OutboxLimits { pending_max: PENDING_MAX, in_flight_max: IN_FLIGHT_MAX }
    }
}

impl Ticket {
    /// The receiver's number.
    pub fn receiver(self) -> usize {
        self.receiver
    }
}

impl Outbox {
    /// An empty outbox.
    pub fn new(limits: OutboxLimits) -> Outbox {
        let limits = OutboxLimits {
            pending_max: limits.pending_max.max(1),
            in_flight_max: limits.in_flight_max.max(1),
        };
        Outbox {
            limits,
            queues: Vec::new(),
            counts: Vec::new(),
            known: HashMap::new(),
            finished: VecDeque::new(),
            next_row: 0,
        }
    }

    /// Takes over an outcome logged before a restart; all of them, oldest first, before
    /// the first [`Outbox::push`]. `attempts` is the number of the attempt it belongs to.
    pub fn restore(&mut self, id: &str, attempts: u32, outcome: &Outcome) {
        let id = fnv_128(id.as_bytes());
        match outcome {
            Outcome::Retrying { at } => {
                self.known.insert(id, Known::Retrying(attempts, *at));
            }
            Outcome::Delivered | Outcome::GaveUp { .. } => self.finish(id),
        }
    }

    /// Queues a notification for a receiver; one whose id is known changes nothing. Ids differ
    /// between receivers, as [`crate::route::notification_id`] makes them.
    ///
    /// Returned is what therefore will not be delivered and must be logged and shown: the
    /// notification itself when it was detected more than [`AGE_MAX_MS`] ago, or, when the
    /// receiver has too many pending, the newest `firing` (else `resolved`) of the lowest
    /// severity that is not in flight, be it this one or another.
    #[must_use = "a refusal must be logged and counted"]
    pub fn push(
        &mut self,
        receiver: usize,
        notification: Notification,
        now: Timestamp,
    ) -> Option<Refusal> {
        self.make_room(receiver);
        let id = fnv_128(notification.id.as_bytes());
        let (attempts, at) = match self.known.get(&id) {
            Some(Known::Pending | Known::Finished) => {
                self.count(receiver, |counts| counts.repeated += 1);
                return None;
            }
            Some(Known::Retrying(attempts, at)) => (*attempts, *at),
            None => (0, now),
        };
        let notification = Arc::new(notification);
        if now > expiry(&notification) {
            self.finish(id);
            return Some(self.refuse(receiver, notification, GiveUp::TooOld(None)));
        }
        self.known.insert(id, Known::Pending);
        let row = self.next_row;
        self.next_row += 1;
        let queue = self.queues.get_mut(receiver)?;
        queue.insert(row, Row { notification, attempts, at });
        if queue.len() <= self.limits.pending_max {
            return None;
        }
        let victim = queue.evict()?.notification;
        self.finish(fnv_128(victim.id.as_bytes()));
        Some(self.refuse(receiver, victim, GiveUp::Crowded))
    }

    /// The attempts to make now, each to be answered by [`Outbox::record`].
    ///
    /// Of an incident a receiver gets one notification at a time, in the order pushed;
    /// among incidents the more severe go first, then the earlier.
    pub fn due(&mut self, now: Timestamp) -> Vec<Attempt> {
        let mut attempts = Vec::new();
        for (receiver, queue) in self.queues.iter_mut().enumerate() {
            while let Some((row, taken)) = queue.take_due(now, self.limits.in_flight_max) {
                attempts.push(Attempt {
                    ticket: Ticket { receiver, row },
                    receiver,
                    number: taken.attempts,
                    notification: Arc::clone(&taken.notification),
                });
            }
        }
        attempts
    }

    /// When [`Outbox::due`] next has something to say, should no result come before; an
    /// instant that has passed means now, `None` that only a push or a result can help.
    pub fn next_due(&self) -> Option<Timestamp> {
        let next = |queue: &Queue| queue.next_due(self.limits.in_flight_max);
        self.queues.iter().filter_map(next).min()
    }

    /// Records what an attempt came to; `None` for a ticket that is not in flight here.
    pub fn record(
        &mut self,
        ticket: Ticket,
        result: DeliveryResult,
        now: Timestamp,
    ) -> Option<Outcome> {
        let queue = self.queues.get_mut(ticket.receiver)?;
        let row = queue.in_flight(ticket.row)?;
        let outcome = match result {
            DeliveryResult::Sent { .. } => Outcome::Delivered,
            DeliveryResult::Reject { why, .. } => Outcome::GaveUp { why: GiveUp::Rejected(why) },
            DeliveryResult::Retry { why, after_ms, .. } => {
                let wait_ms = backoff::wait_ms(&row.notification.id, row.attempts, after_ms);
                let at = now.plus(wait_ms);
                if at > expiry(&row.notification) {
                    Outcome::GaveUp { why: GiveUp::TooOld(Some(why)) }
                } else {
                    if after_ms.is_some() {
                        queue.pause_until(at);
                    }
                    Outcome::Retrying { at }
                }
            }
        };
        match &outcome {
            Outcome::Retrying { at } => queue.retry(ticket.row, *at),
            Outcome::Delivered | Outcome::GaveUp { .. } => {
                let done = queue.remove(ticket.row)?;
                self.finish(fnv_128(done.notification.id.as_bytes()));
            }
        }
        self.count(ticket.receiver, |counts| counts.add(&outcome));
        Some(outcome)
    }

    /// A receiver's figures; all zero for one that never had anything.
    pub fn counts(&self, receiver: usize) -> DeliveryCounts {
        let mut counts = self.counts.get(receiver).copied().unwrap_or_default();
        if let Some(queue) = self.queues.get(receiver) {
            counts.pending = queue.len();
            counts.in_flight = queue.in_flight_count();
            counts.oldest = queue.oldest();
        }
        counts
    }

    fn make_room(&mut self, receiver: usize) {
        while self.queues.len() <= receiver {
            self.queues.push(Queue::default());
            self.counts.push(DeliveryCounts::default());
        }
    }

    fn refuse(&mut self, receiver: usize, notification: Arc<Notification>, why: GiveUp) -> Refusal {
        let outcome = Outcome::GaveUp { why: why.clone() };
        self.count(receiver, |counts| counts.add(&outcome));
        Refusal { notification, why }
    }

    fn finish(&mut self, id: u128) {
        if matches!(self.known.insert(id, Known::Finished), Some(Known::Finished)) {
            return;
        }
        self.finished.push_back(id);
        if self.finished.len() > FINISHED_MAX
            && let Some(oldest) = self.finished.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    fn count(&mut self, receiver: usize, change: impl FnOnce(&mut DeliveryCounts)) {
        if let Some(counts) = self.counts.get_mut(receiver) {
            change(counts);
        }
    }
}

impl DeliveryCounts {
    fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Delivered => self.delivered += 1,
            Outcome::Retrying { .. } => self.retried += 1,
            Outcome::GaveUp { why: GiveUp::Rejected(_) } => self.rejected += 1,
            Outcome::GaveUp { why: GiveUp::TooOld(_) } => self.too_old += 1,
            Outcome::GaveUp { why: GiveUp::Crowded } => self.crowded += 1,
        }
    }
}

impl fmt::Display for GiveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GiveUp::Rejected(why) => write!(f, "the receiver refused it: {why}"),
            GiveUp::TooOld(Some(why)) => write!(f, "undelivered for 24 hours, last: {why}"),
            GiveUp::TooOld(None) => f.write_str("older than 24 hours before its first attempt"),
            GiveUp::Crowded => f.write_str("too many pending, and this was the least severe"),
        }
    }
}

fn expiry(notification: &Notification) -> Timestamp {
    notification.detected.plus(AGE_MAX_MS)
}

#[cfg(test)]
mod tests;
