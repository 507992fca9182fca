//! Outbox: pending notifications, the schedule of their attempts, and the outcome of each.
//!
//! The outbox performs no I/O. Pending notifications are rows ([`OutboxEntry`]) that the caller
//! writes in one transaction with the position in the alert log. A row exists from the push to the
//! outcome. After a crash, an attempt without a recorded result is repeated under the same id
//! (at-least-once delivery).
//!
//! Every drop is counted: a notification leaves by [`AttemptOutcome::Delivered`] or by
//! [`AttemptOutcome::GaveUp`] with its reason, or a later notification of the incident replaces it
//! ([`DeliveryCounts::collapsed`]).

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

/// Default maximum of pending notifications per receiver, in flight included.
pub const PENDING_MAX: usize = 10_000;
/// Default maximum of attempts in flight per receiver.
pub const IN_FLIGHT_MAX: usize = 4;
/// Maximum age of a notification that is still attempted, in milliseconds; see [`expiry`].
pub const AGE_MAX_MS: i64 = DAY_MS;
/// Configurable limits of an outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxLimits {
    /// Maximum of pending notifications per receiver, in flight included; at least 1.
    pub pending_max: usize,
    /// Maximum of attempts in flight per receiver; at least 1.
    pub in_flight_max: usize,
}

/// Identifies an attempt until its result is recorded, even if its receiver is renumbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AttemptId {
    row: u64,
}

/// Row of a pending notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxEntry {
    /// Number of the row; a later push has a higher one.
    pub number: u64,
    /// Number of the receiver, which changes with the configuration.
    #[serde(skip)]
    pub receiver: usize,
    /// Notification to deliver.
    pub notification: Arc<Notification>,
    /// Number of attempts with a recorded result.
    pub attempts: u32,
    /// Earliest instant of the next attempt.
    pub at: Timestamp,
    /// Latest instant of an attempt.
    pub expires: Timestamp,
    /// Failure of the last attempt, if there was one.
    pub failure: Option<DeliveryFailure>,
}

/// Delivery to attempt now, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryAttempt {
    /// Id to record the result with; until then the attempt counts as in flight.
    pub ticket: AttemptId,
    /// Number of the receiver.
    pub receiver: usize,
    /// Number of the attempt, from 1.
    pub number: u32,
    /// Notification to deliver.
    pub notification: Arc<Notification>,
    /// Receipt of the last message about the incident, if the receiver returned one.
    pub receipt: Option<String>,
}

/// Outcome of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The receiver accepted the notification.
    Delivered {
        /// Receipt that identifies the message at the receiver.
        receipt: Option<String>,
    },
    /// The attempt failed and will be retried.
    Retrying {
        /// Earliest instant of the retry.
        at: Timestamp,
        /// Failure of the attempt.
        failure: DeliveryFailure,
    },
    /// The notification is dropped.
    GaveUp {
        /// Reason for the drop.
        why: DropReason,
    },
}

/// Reason for which a notification is dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DropReason {
    /// Permanent failure at the receiver.
    Rejected(DeliveryFailure),
    /// Older than [`AGE_MAX_MS`], with the failure of the last attempt, if any.
    #[serde(alias = "TooOld")]
    Expired(Option<DeliveryFailure>),
    /// The queue of the receiver was full, and this notification had the lowest rank.
    #[serde(alias = "Crowded")]
    QueueFull,
    /// The receiver was removed.
    #[serde(alias = "Unknown")]
    ReceiverRemoved,
}

/// Attempt with its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptResult {
    /// Notification of the attempt.
    pub notification: Arc<Notification>,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// Outcome of the attempt.
    pub outcome: AttemptOutcome,
}

/// Notification dropped without an attempt, to be logged like any outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DroppedNotification {
    /// Notification that is not delivered.
    pub notification: Arc<Notification>,
    /// Reason for the drop.
    pub why: DropReason,
}

/// Delivery counts of one receiver since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryCounts {
    /// Pending notifications, in flight included.
    pub pending: usize,
    /// Attempts in flight.
    pub in_flight: usize,
    /// Detection time of the notification that has been pending longest.
    pub oldest: Option<Timestamp>,
    /// Notifications delivered.
    pub delivered: u64,
    /// Failed attempts that are retried.
    pub retried: u64,
    /// Notifications dropped because the receiver rejected them or was removed.
    pub rejected: u64,
    /// Notifications dropped because of their age.
    pub expired: u64,
    /// Notifications dropped because the queue was full.
    pub queue_full: u64,
    /// Notifications replaced by a later one of the same incident.
    pub collapsed: u64,
}

/// Pending notifications of all receivers, with their schedule.
#[derive(Debug)]
pub struct Outbox {
    limits: OutboxLimits,
    queues: Vec<OutboxQueue>,
    counts: Vec<DeliveryCounts>,
    next_row: u64,
    /// Rows created, changed or deleted since the last call of `take_changes`.
    changed: BTreeSet<u64>,
}

impl Default for OutboxLimits {
    fn default() -> OutboxLimits {
        OutboxLimits { pending_max: PENDING_MAX, in_flight_max: IN_FLIGHT_MAX }
    }
}

impl OutboxLimits {
    /// Raises both limits to at least 1.
    fn usable(self) -> OutboxLimits {
        OutboxLimits {
            pending_max: self.pending_max.max(1),
            in_flight_max: self.in_flight_max.max(1),
        }
    }
}

impl Outbox {
    /// Returns an empty outbox.
    pub fn new(limits: OutboxLimits) -> Outbox {
        Outbox {
            limits: limits.usable(),
            queues: Vec::new(),
            counts: Vec::new(),
            next_row: 0,
            changed: BTreeSet::new(),
        }
    }

    /// Restores a row written before a restart; rows of an incident come in their order.
    pub fn restore(&mut self, row: OutboxEntry) {
        self.next_row = self.next_row.max(row.number + 1);
        let OutboxEntry { number, receiver, notification, attempts, at, expires, failure } = row;
        let row = QueuedNotification { notification, attempts, at, expires, failure };
        self.queue(receiver).insert(number, row);
    }

    /// Sets the minimum time between two attempts at a receiver, in milliseconds.
    pub fn space_out(&mut self, receiver: usize, spacing_ms: i64) {
        self.queue(receiver).space_out(spacing_ms);
    }

    /// Queues a notification for a receiver; ids differ between receivers, as
    /// [`crate::route::notification_id`] makes them.
    ///
    /// A reminder or a further match replaces a waiting one of the same kind and incident. The
    /// return value is a notification that is dropped thereby and must be logged: this one if
    /// `expires` has passed; or, when the receiver's queue is full, the newest `firing` (else
    /// `resolved`) of the lowest severity that is not in flight.
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

    /// Removes the waiting notifications of a resolved incident and describes the delivery that was
    /// missed; `None` if no attempt has failed yet, or one is in flight.
    pub fn collapse(&mut self, receiver: usize, incident: EpisodeId) -> Option<MissedDelivery> {
        let queue = self.queue(receiver);
        if queue.is_flying(incident) || !queue.has_failed(incident) {
            return None;
        }
        self.merge(receiver, incident)
    }

    /// Removes waiting notifications as [`Outbox::collapse`] does, also those without an attempt.
    pub fn merge(&mut self, receiver: usize, incident: EpisodeId) -> Option<MissedDelivery> {
        let gone = self.queue(receiver).take_waiting(incident, |_| true);
        let (_, first) = gone.first()?;
        let why = first.failure.as_ref().map(|failure| failure.why.clone());
        let missed = MissedDelivery { at: first.notification.facts.at, why };
        self.forget(receiver, &gone);
        Some(missed)
    }

    /// Returns the attempts to make now; the result of each goes to [`Outbox::record`].
    ///
    /// A receiver gets the notifications of one incident one at a time, in the order pushed; among
    /// incidents the more severe go first, then the earlier.
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

    /// Earliest instant at which [`Outbox::due`] returns an attempt, unless a result comes before.
    /// A past instant means now; `None` means that only a push or a result can change that.
    pub fn next_due(&self) -> Option<Timestamp> {
        let next = |queue: &OutboxQueue| queue.next_due(self.limits.in_flight_max);
        self.queues.iter().filter_map(next).min()
    }

    /// Records the result of an attempt; `None` for a ticket that is not in flight.
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

    /// Returns the rows changed since the last call: each with its new value, or `None` for a
    /// deletion.
    pub fn take_changes(&mut self) -> Vec<(u64, Option<OutboxEntry>)> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().map(|number| (number, self.row(number))).collect()
    }

    /// Returns all pending rows, by receiver and number.
    pub fn rows(&self) -> impl Iterator<Item = OutboxEntry> {
        let of = |(receiver, queue): (usize, &OutboxQueue)| {
            let row =
                move |(number, row): (u64, &QueuedNotification)| outgoing(receiver, number, row);
            queue.rows().map(row).collect::<Vec<_>>()
        };
        self.queues.iter().enumerate().flat_map(of)
    }

    /// Returns the counts of a receiver; all zero for an unknown one.
    pub fn counts(&self, receiver: usize) -> DeliveryCounts {
        let mut counts = self.counts.get(receiver).copied().unwrap_or_default();
        if let Some(queue) = self.queues.get(receiver) {
            counts.pending = queue.len();
            counts.in_flight = queue.in_flight_count();
            counts.oldest = queue.oldest();
        }
        counts
    }

    /// Returns a pending row.
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
        // The vector was resized above.
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

/// Returns the instant at which a notification expires: [`AGE_MAX_MS`] after its detection or event
/// time, whichever is later.
pub fn expiry(notification: &Notification) -> Timestamp {
    notification.detected.max(notification.facts.at).plus(AGE_MAX_MS)
}

#[cfg(test)]
mod tests;
