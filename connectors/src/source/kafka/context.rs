//! Callbacks of librdkafka: it only takes notes, and the owner of the source acts on them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;

/// Longest queue of unread error texts; beyond it the oldest go.
const MAX_NOTES: usize = 64;

/// Assignment change that the group asks of this member: (topic, partition) pairs.
#[derive(Debug)]
pub(super) enum AssignmentChange {
    /// To take these.
    Assign(Vec<(String, i32)>),
    /// To give these up.
    Revoke(Vec<(String, i32)>),
}

/// An error with librdkafka's own words, which name broker or topic.
#[derive(Debug)]
pub(super) struct ClientEvent {
    pub(super) code: Option<RDKafkaErrorCode>,
    pub(super) text: String,
}

/// Notes of the callbacks, which run inside the owner's own calls of `poll`.
#[derive(Default)]
pub(super) struct EventContext {
    changes: Mutex<VecDeque<AssignmentChange>>,
    notes: Mutex<VecDeque<ClientEvent>>,
    closing: AtomicBool,
}

impl EventContext {
    /// The changes noted since the last call, in order.
    pub(super) fn take_changes(&self) -> VecDeque<AssignmentChange> {
        std::mem::take(&mut *lock(&self.changes))
    }

    /// The errors noted since the last call, in order.
    pub(super) fn take_notes(&self) -> VecDeque<ClientEvent> {
        std::mem::take(&mut *lock(&self.notes))
    }

    /// From now on partitions are given up inside the callback: nobody acts on notes any more.
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
    // What is guarded is a queue, whole after every step.
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
    /// Notes the change. The default would assign at once, from the committed offset, and
    /// ignore whether it worked.
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        what: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let assign = what == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(Ordering::Acquire) {
            // A close waits until every partition is given up; one that is refused here stays
            // with a member that is leaving anyway.
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
