//! Callbacks of librdkafka: they queue events, which the owner of the source handles.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;

/// Maximum number of queued errors; beyond it the oldest are dropped.
const MAX_NOTES: usize = 64;

/// Assignment change that the group requests of this member: (topic, partition) pairs.
#[derive(Debug)]
pub(super) enum AssignmentChange {
    /// Partitions to assign.
    Assign(Vec<(String, i32)>),
    /// Partitions to release.
    Revoke(Vec<(String, i32)>),
}

/// Error with the text of librdkafka, which names broker or topic.
#[derive(Debug)]
pub(super) struct ClientEvent {
    pub(super) code: Option<RDKafkaErrorCode>,
    pub(super) text: String,
}

/// Events queued by the callbacks, which run inside the owner's calls of `poll`.
#[derive(Default)]
pub(super) struct EventContext {
    changes: Mutex<VecDeque<AssignmentChange>>,
    notes: Mutex<VecDeque<ClientEvent>>,
    closing: AtomicBool,
}

impl EventContext {
    /// Returns the assignment changes since the last call, in order.
    pub(super) fn take_changes(&self) -> VecDeque<AssignmentChange> {
        std::mem::take(&mut *lock(&self.changes))
    }

    /// Returns the errors since the last call, in order.
    pub(super) fn take_notes(&self) -> VecDeque<ClientEvent> {
        std::mem::take(&mut *lock(&self.notes))
    }

    /// Makes the callback release partitions itself, as the owner handles no events any more.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    fn note(&self, code: Option<RDKafkaErrorCode>, text: String) {
        let mut notes = lock(&self.notes);
        if notes.len() == MAX_NOTES {
            notes.pop_front();
        }
        notes.push_back(ClientEvent { code, text });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A poisoned lock is no problem: the queue is consistent after every step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ClientContext for EventContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning => tracing::warn!(facility, "librdkafka: {message}"),
            _ => tracing::debug!(facility, "librdkafka: {message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        if code != Some(RDKafkaErrorCode::PartitionEOF) {
            self.note(code, reason.to_owned());
        }
    }
}

impl ConsumerContext for EventContext {
    /// Queues the change. The default callback would assign at once, at the committed offset, and
    /// ignore errors.
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        what: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let assign = what == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(Ordering::Acquire) {
            // Closing waits until every partition is released; an error here concerns a member that
            // leaves anyway.
            let done = match assign {
                true => consumer.incremental_assign(&TopicPartitionList::new()),
                false => consumer.incremental_unassign(list),
            };
            if done.is_err() && consumer.unassign().is_err() {
                tracing::warn!("the partitions could not be given up in order");
            }
            return;
        }
        let elements = list.elements();
        let pairs = elements.iter().map(|e| (e.topic().to_owned(), e.partition())).collect();
        let change =
            if assign { AssignmentChange::Assign(pairs) } else { AssignmentChange::Revoke(pairs) };
        lock(&self.changes).push_back(change);
    }
}
