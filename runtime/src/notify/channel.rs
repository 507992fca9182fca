//! The one way to on-call: records of the alert log, requests of people, outcomes of attempts and
//! new settings, in the order in which they were sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use model::notification::DeliveryResult;
use oncall::outbox::AttemptId;

use super::config_update::OnCallConfigUpdate;
use super::requests::OnCallRequest;
use crate::alert_log::record::LoggedRecord;

/// Records on their way from the alert log to on-call at most; beyond it the log writer waits.
pub const RECORDS_PENDING_MAX: usize = 4096;

/// Everything that on-call hears of.
#[derive(Debug)]
pub enum NotifyInput {
    /// A record of the alert log.
    Record(Box<LoggedRecord>),
    /// A request of a person.
    Request(Box<OnCallRequest>),
    /// The outcome of a call of a receiver.
    Outcome(DeliveryOutcome),
    /// Other settings.
    Config(Box<OnCallConfigUpdate>),
    /// Nothing follows: attempts under way may end.
    End,
}

/// The outcome of a call of a receiver.
#[derive(Debug)]
pub enum DeliveryOutcome {
    /// Of an attempt.
    Attempt {
        /// The attempt.
        ticket: AttemptId,
        /// Its result.
        result: DeliveryResult,
    },
    /// Of resending what stands.
    Resend {
        /// The receiver's name.
        receiver: String,
        /// Its result.
        result: DeliveryResult,
    },
}

/// Sends to on-call; never waits.
#[derive(Clone, Debug)]
pub struct NotifySender {
    inputs: Sender<NotifyInput>,
    records_pending: Arc<AtomicUsize>,
    records_max: usize,
    position: NotifyPosition,
}

/// Messages to on-call.
#[derive(Debug)]
pub struct NotifyInbox {
    inputs: Receiver<NotifyInput>,
    records_pending: Arc<AtomicUsize>,
    position: NotifyPosition,
}

/// The number of the first record of the alert log that on-call has not folded durably.
#[derive(Clone, Debug, Default)]
pub struct NotifyPosition(Arc<AtomicU64>);

/// Connects on-call.
pub fn channel() -> (NotifySender, NotifyInbox) {
    channel_of(RECORDS_PENDING_MAX)
}

/// Connects on-call, with so many records on their way at most.
pub fn channel_of(records_max: usize) -> (NotifySender, NotifyInbox) {
    let (sender, receiver) = mpsc::channel();
    let (records_pending, position) = (Arc::default(), NotifyPosition::default());
    let inbox = NotifyInbox {
        inputs: receiver,
        records_pending: Arc::clone(&records_pending),
        position: position.clone(),
    };
    (NotifySender { inputs: sender, records_pending, records_max, position }, inbox)
}

impl NotifySender {
    /// True when on-call keeps up: only then a record may be sent.
    pub fn has_room(&self) -> bool {
        self.records_pending.load(Ordering::Acquire) < self.records_max
    }

    /// Sends a record of the alert log.
    pub fn record(&self, record: LoggedRecord) {
        self.records_pending.fetch_add(1, Ordering::AcqRel);
        self.send(NotifyInput::Record(Box::new(record)));
    }

    /// Sends anything else; false when on-call has ended.
    pub fn send(&self, input: NotifyInput) -> bool {
        self.inputs.send(input).is_ok()
    }

    /// Point up to which on-call has folded the alert log.
    pub fn position(&self) -> NotifyPosition {
        self.position.clone()
    }
}

impl NotifyInbox {
    /// The next input, if one is at hand.
    pub fn try_next(&self) -> Option<NotifyInput> {
        self.inputs.try_recv().ok().inspect(|input| self.record_received(input))
    }

    /// The next input, waiting for it.
    pub fn next_within(&self, patience: Duration) -> Option<NotifyInput> {
        self.inputs.recv_timeout(patience).ok().inspect(|input| self.record_received(input))
    }

    /// Point up to which on-call has folded the alert log.
    pub(crate) fn position(&self) -> NotifyPosition {
        self.position.clone()
    }

    fn record_received(&self, input: &NotifyInput) {
        if matches!(input, NotifyInput::Record(_)) {
            self.records_pending.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl NotifyPosition {
    /// The position.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    pub(crate) fn set(&self, position: u64) {
        self.0.store(position, Ordering::Release);
    }
}
