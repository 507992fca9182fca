//! The outbox: which notification is attempted when, and what an answer means.
//!
//! It holds no file. What is pending is kept in rows ([`OutboxEntry`]) that the caller writes down
//! together with its place in the alert log: a row is there from the push to the outcome, so
//! that after a crash what was not answered is attempted again, under the same id.
//!
//! Nothing is dropped in silence: a notification leaves by [`AttemptOutcome::Delivered`] or by an
//! [`AttemptOutcome::GaveUp`] that says why, and both are counted.

mod backoff;
mod failure;
mod queue;
mod reassign;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use model::notification::{DeliveryResult, MissedDelivery, Notification, NotificationKind};
use model::time::{DAY_MS, Timestamp};
use model::transition::EpisodeId;
use serde::{Deserialize, Serialize};

use queue::{OutboxQueue, QueuedNotification};

pub use backoff::{BACKOFF_BASE_MS, BACKOFF_CAP_MS, RETRY_AFTER_MAX_MS};
pub use failure::DeliveryFailure;

/// Notifications one receiver may have pending, in flight included, by default.
pub const PENDING_MAX: usize = 10_000;
/// Attempts one receiver may have in flight, by default.
pub const IN_FLIGHT_MAX: usize = 4;
/// Greatest age, since its detection, of a notification that is attempted, in milliseconds.
pub const AGE_MAX_MS: i64 = DAY_MS;
/// The limits of an outbox that a configuration may move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxLimits {
    /// Notifications one receiver may have pending; at least 1.
    pub pending_max: usize,
    /// Attempts one receiver may have in flight; at least 1.
    pub in_flight_max: usize,
}

/// Names one attempt until its result is recorded, whatever number its receiver has then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AttemptId {
    row: u64,
}

/// A pending notification, as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxEntry {
    /// Its number: what was pushed later has a higher one.
    pub number: u64,
    /// The receiver's number, which changes with the configuration.
    #[serde(skip)]
    pub receiver: usize,
    /// Notification to deliver.
    pub notification: Arc<Notification>,
    /// Attempts made and answered.
    pub attempts: u32,
    /// Not to be attempted before then.
    pub at: Timestamp,
    /// Not to be attempted after then.
    pub expires: Timestamp,
    /// Failure of the last attempt, where there was one.
    pub failure: Option<DeliveryFailure>,
}

/// One delivery to try now, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryAttempt {
    /// To be handed back with the result; until then the attempt counts as in flight.
    pub ticket: AttemptId,
    /// The receiver's number.
    pub receiver: usize,
    /// 1 for the first.
    pub number: u32,
    /// Notification to deliver.
    pub notification: Arc<Notification>,
    /// Receipt of what the receiver has of the incident already, where it gave one.
    pub receipt: Option<String>,
}

/// Outcome of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The receiver has it.
    Delivered {
        /// By what it knows the message.
        receipt: Option<String>,
    },
    /// It is tried again.
    Retrying {
        /// Not before then.
        at: Timestamp,
        /// Why it failed.
        failure: DeliveryFailure,
    },
    /// It is not tried again.
    GaveUp {
        /// For people and the dead letters.
        why: DropReason,
    },
}

/// Why a notification is not tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DropReason {
    /// The receiver will never take it; what it said.
    Rejected(DeliveryFailure),
    /// It is older than [`AGE_MAX_MS`]; why it failed last, if it was ever tried.
    #[serde(alias = "TooOld")]
    Expired(Option<DeliveryFailure>),
    /// The receiver had too many pending, and this was the least of them.
    #[serde(alias = "Crowded")]
    QueueFull,
    /// Its receiver is not configured any more.
    #[serde(alias = "Unknown")]
    ReceiverRemoved,
}

/// An answered attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptResult {
    /// Notification of the attempt.
    pub notification: Arc<Notification>,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// Outcome of the attempt.
    pub outcome: AttemptOutcome,
}

/// A notification that left the outbox without an attempt, to be logged as any outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DroppedNotification {
    /// Notification that is not delivered.
    pub notification: Arc<Notification>,
    /// Why.
    pub why: DropReason,
}

/// One receiver's figures since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryCounts {
    /// Pending now, in flight included.
    pub pending: usize,
    /// In flight now.
    pub in_flight: usize,
    /// Instant at which the service saw what has been pending longest.
    pub oldest: Option<Timestamp>,
    /// Delivered.
    pub delivered: u64,
    /// Attempts that are to be repeated.
    pub retried: u64,
    /// Given up because the receiver refused.
    pub rejected: u64,
    /// Given up because of age.
    pub expired: u64,
    /// Given up because too many were pending.
    pub queue_full: u64,
    /// Replaced by a later one that says the same or more.
    pub collapsed: u64,
}

/// All pending deliveries.
#[derive(Debug)]
pub struct Outbox {
    limits: OutboxLimits,
    queues: Vec<OutboxQueue>,
    counts: Vec<DeliveryCounts>,
    next_row: u64,
    /// Rows that came, moved or went since they were last asked for.
    changed: BTreeSet<u64>,
}

impl Default for OutboxLimits {
    fn default() -> OutboxLimits {
        OutboxLimits { pending_max: PENDING_MAX, in_flight_max: IN_FLIGHT_MAX }
    }
}

impl OutboxLimits {
    /// With room for one.
    fn usable(self) -> OutboxLimits {
        OutboxLimits {
            pending_max: self.pending_max.max(1),
            in_flight_max: self.in_flight_max.max(1),
        }
    }
}

impl Outbox {
    /// An empty outbox.
    pub fn new(limits: OutboxLimits) -> Outbox {
        Outbox {
            limits: limits.usable(),
            queues: Vec::new(),
            counts: Vec::new(),
            next_row: 0,
            changed: BTreeSet::new(),
        }
    }

    /// Takes over a row written before a restart; rows of an incident in their order.
    pub fn restore(&mut self, row: OutboxEntry) {
        self.next_row = self.next_row.max(row.number + 1);
        let OutboxEntry { number, receiver, notification, attempts, at, expires, failure } = row;
        let row = QueuedNotification { notification, attempts, at, expires, failure };
        self.queue(receiver).insert(number, row);
    }

    /// Leaves at least so many milliseconds between two attempts at a receiver.
    pub fn space_out(&mut self, receiver: usize, spacing_ms: i64) {
        self.queue(receiver).space_out(spacing_ms);
    }

    /// Queues a notification for a receiver; ids differ between receivers, as
    /// [`crate::route::notification_id`] makes them.
    ///
    /// A reminder or a further match takes the place of one that still waits. Returned is
    /// what therefore will not be delivered and must be logged and shown: the notification
    /// itself when `expires` has passed, or, when the receiver has too
    /// many pending, the newest `firing` (else `resolved`) of the lowest severity that is not
    /// in flight, be it this one or another.
    #[must_use = "a refusal must be logged and counted"]
    pub fn push(
        &mut self,
        receiver: usize,
        notification: Notification,
        now: Timestamp,
        expires: Timestamp,
    ) -> Option<DroppedNotification> {
        let notification = Arc::new(notification);
        if now > expires {
            return Some(self.refuse(receiver, notification, DropReason::Expired(None)));
        }
        let repeats = [NotificationKind::Again, NotificationKind::Reminder];
        if repeats.contains(&notification.kind) {
            let alike = |row: &QueuedNotification| row.notification.kind == notification.kind;
            let gone = self.queue(receiver).take_waiting(notification.incident, alike);
            self.forget(receiver, &gone);
        }
        let number = self.next_row;
        self.next_row += 1;
        self.changed.insert(number);
        let row = QueuedNotification { notification, attempts: 0, at: now, expires, failure: None };
        self.queue(receiver).insert(number, row);
        self.make_room(receiver)
    }

    /// Takes out what still waits to tell a receiver of an incident that has ended, and says
    /// what was missed; `None` where nothing has failed yet, or an attempt may just succeed.
    pub fn collapse(&mut self, receiver: usize, incident: EpisodeId) -> Option<MissedDelivery> {
        let queue = self.queue(receiver);
        if queue.is_flying(incident) || !queue.has_failed(incident) {
            return None;
        }
        self.merge(receiver, incident)
    }

    /// As [`Outbox::collapse`], of what nobody has tried to deliver yet either.
    pub fn merge(&mut self, receiver: usize, incident: EpisodeId) -> Option<MissedDelivery> {
        let gone = self.queue(receiver).take_waiting(incident, |_| true);
        let (_, first) = gone.first()?;
        let why = first.failure.as_ref().map(|failure| failure.why.clone());
        let missed = MissedDelivery { at: first.notification.facts.at, why };
        self.forget(receiver, &gone);
        Some(missed)
    }

    /// The attempts to make now, each to be answered by [`Outbox::record`].
    ///
    /// Of an incident a receiver gets one notification at a time, in the order pushed;
    /// among incidents the more severe go first, then the earlier.
    pub fn due(&mut self, now: Timestamp) -> Vec<DeliveryAttempt> {
        let mut attempts = Vec::new();
        for (receiver, queue) in self.queues.iter_mut().enumerate() {
            while let Some((row, taken)) = queue.take_due(now, self.limits.in_flight_max) {
                attempts.push(DeliveryAttempt {
                    ticket: AttemptId { row },
                    receiver,
                    number: taken.attempts,
                    notification: Arc::clone(&taken.notification),
                    receipt: None,
                });
            }
        }
        attempts
    }

    /// Instant at which [`Outbox::due`] next has something to say, should no result come before; an
    /// instant that has passed means now, `None` that only a push or a result can help.
    pub fn next_due(&self) -> Option<Timestamp> {
        let next = |queue: &OutboxQueue| queue.next_due(self.limits.in_flight_max);
        self.queues.iter().filter_map(next).min()
    }

    /// Records what an attempt came to; `None` for a ticket that is not in flight here.
    pub fn record(
        &mut self,
        ticket: AttemptId,
        result: DeliveryResult,
        now: Timestamp,
    ) -> Option<AttemptResult> {
        let receiver = self.receiver_of(ticket)?;
        let queue = self.queues.get_mut(receiver)?;
        let row = queue.in_flight(ticket.row)?;
        let (notification, attempt) = (Arc::clone(&row.notification), row.attempts);
        let expires = row.expires;
        let outcome = match result {
            DeliveryResult::Sent { receipt } => AttemptOutcome::Delivered { receipt },
            DeliveryResult::Reject { reason, why } => AttemptOutcome::GaveUp {
                why: DropReason::Rejected(DeliveryFailure { reason, why }),
            },
            DeliveryResult::Retry { reason, why, after_ms } => {
                let failure = DeliveryFailure { reason, why };
                let at = now.plus(backoff::wait_ms(&notification.id, attempt, after_ms));
                if at > expires {
                    AttemptOutcome::GaveUp { why: DropReason::Expired(Some(failure)) }
                } else {
                    if after_ms.is_some() {
                        queue.pause_until(at);
                    }
                    AttemptOutcome::Retrying { at, failure }
                }
            }
        };
        match &outcome {
            AttemptOutcome::Retrying { at, failure } => queue.retry(ticket.row, *at, failure),
            AttemptOutcome::Delivered { .. } => {
                queue.remove(ticket.row);
                queue.wake(now);
            }
            AttemptOutcome::GaveUp { .. } => {
                queue.remove(ticket.row);
            }
        }
        self.changed.insert(ticket.row);
        self.count(receiver, |counts| counts.add(&outcome));
        Some(AttemptResult { notification, attempt, outcome })
    }

    /// The rows that came, moved or went since this was last asked: each as it is, `None`
    /// where it is gone.
    pub fn take_changes(&mut self) -> Vec<(u64, Option<OutboxEntry>)> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().map(|number| (number, self.row(number))).collect()
    }

    /// Everything pending, by number.
    pub fn rows(&self) -> impl Iterator<Item = OutboxEntry> {
        let of = |(receiver, queue): (usize, &OutboxQueue)| {
            let row =
                move |(number, row): (u64, &QueuedNotification)| outgoing(receiver, number, row);
            queue.rows().map(row).collect::<Vec<_>>()
        };
        self.queues.iter().enumerate().flat_map(of)
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

    /// A pending row.
    pub fn row(&self, number: u64) -> Option<OutboxEntry> {
        let mut queues = self.queues.iter().enumerate();
        queues.find_map(|(receiver, queue)| {
            queue.row(number).map(|row| outgoing(receiver, number, row))
        })
    }

    fn queue(&mut self, receiver: usize) -> &mut OutboxQueue {
        if self.queues.len() <= receiver {
            self.queues.resize_with(receiver + 1, OutboxQueue::default);
            self.counts.resize_with(receiver + 1, DeliveryCounts::default);
        }
        // The vector was made long enough above.
        #[expect(clippy::indexing_slicing, reason = "it was made long enough just before")]
        &mut self.queues[receiver]
    }

    fn forget(&mut self, receiver: usize, gone: &[(u64, QueuedNotification)]) {
        self.changed.extend(gone.iter().map(|(number, _)| *number));
        self.count(receiver, |counts| counts.collapsed += gone.len() as u64);
    }

    fn refuse(
        &mut self,
        receiver: usize,
        notification: Arc<Notification>,
        why: DropReason,
    ) -> DroppedNotification {
        let outcome = AttemptOutcome::GaveUp { why: why.clone() };
        self.count(receiver, |counts| counts.add(&outcome));
        DroppedNotification { notification, why }
    }

    fn count(&mut self, receiver: usize, change: impl FnOnce(&mut DeliveryCounts)) {
        if let Some(counts) = self.counts.get_mut(receiver) {
            change(counts);
        }
    }
}

fn outgoing(receiver: usize, number: u64, row: &QueuedNotification) -> OutboxEntry {
    OutboxEntry {
        number,
        receiver,
        notification: Arc::clone(&row.notification),
        attempts: row.attempts,
        at: row.at,
        expires: row.expires,
        failure: row.failure.clone(),
    }
}

impl DeliveryCounts {
    fn add(&mut self, outcome: &AttemptOutcome) {
        match outcome {
            AttemptOutcome::Delivered { .. } => self.delivered += 1,
            AttemptOutcome::Retrying { .. } => self.retried += 1,
            AttemptOutcome::GaveUp {
                why: DropReason::Rejected(_) | DropReason::ReceiverRemoved,
            } => self.rejected += 1,
            AttemptOutcome::GaveUp { why: DropReason::Expired(_) } => self.expired += 1,
            AttemptOutcome::GaveUp { why: DropReason::QueueFull } => self.queue_full += 1,
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DropReason::Rejected(failure) => write!(f, "the receiver refused it: {}", failure.why),
            DropReason::Expired(Some(failure)) => {
                write!(f, "not delivered within 24 hours; last error: {}", failure.why)
            }
            DropReason::Expired(None) => {
                f.write_str("older than 24 hours before its first attempt")
            }
            DropReason::QueueFull => {
                f.write_str("the queue of the receiver was full, and this was the least severe")
            }
            DropReason::ReceiverRemoved => f.write_str("its receiver is not configured any more"),
        }
    }
}

/// Time for which a notification is worth attempts: [`AGE_MAX_MS`] from what it tells of.
pub fn expiry(notification: &Notification) -> Timestamp {
    notification.detected.max(notification.facts.at).plus(AGE_MAX_MS)
}

#[cfg(test)]
mod tests;
