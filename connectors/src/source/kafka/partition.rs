//! Queue of one partition: records in the order of their offsets, and end-of-partition events.

use std::time::{Duration, Instant};

use model::event::Record;
use model::time::Timestamp;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};

use super::context::EventContext;
use crate::source::{MAX_RECORD_BYTES, OversizedRecord};

/// Partition that is assigned to this member.
pub(super) struct Partition {
    pub(super) queue: PartitionQueue<EventContext>,
    /// Next offset to read.
    pub(super) next: i64,
    /// True when the broker reported that no record follows.
    pub(super) ended: bool,
    /// Value of the source's `doubts` when the current fetch started: a later end-of-partition is
    /// as recent.
    pub(super) asked: u64,
    /// Instant at which the current fetch started.
    pub(super) asked_at: Instant,
    /// True when `next` is not retained any more.
    pub(super) out_of_range: bool,
    /// True when it is released at the next `poll`.
    pub(super) revoked: bool,
}

/// Result of one poll of a partition's queue.
pub(super) enum QueuePoll {
    Record,
    End,
    Fault,
    Nothing,
}

impl Partition {
    /// Takes one record or event from the queue.
    pub(super) fn poll_queue(
        &mut self,
        partition: i32,
        each: &mut impl FnMut(Result<Record<'_>, OversizedRecord>),
    ) -> QueuePoll {
        match self.queue.poll(Duration::ZERO) {
            None => QueuePoll::Nothing,
            // INVARIANT: returned offsets only grow. Records queued before a new fetch may be
            // delivered twice; duplicates are skipped.
            Some(Ok(message)) if message.offset() < self.next => QueuePoll::Fault,
            Some(Ok(message)) => {
                self.next = message.offset() + 1;
                self.ended = false;
                each(record(partition, &message));
                QueuePoll::Record
            }
            Some(Err(ClientError::PartitionEOF(_))) => {
                self.ended = true;
                QueuePoll::End
            }
            Some(Err(error)) => {
                let code = error.rdkafka_error_code();
                self.out_of_range |= code == Some(RDKafkaErrorCode::AutoOffsetReset);
                QueuePoll::Fault
            }
        }
    }

    /// Records the start of a new fetch; `None` for a failed attempt.
    pub(super) fn ask_anew(&mut self, doubts: Option<u64>) {
        self.asked = doubts.unwrap_or(self.asked);
        self.asked_at = Instant::now();
        self.ended = false;
    }
}

fn record<'a>(
    partition: i32,
    message: &'a BorrowedMessage<'_>,
) -> Result<Record<'a>, OversizedRecord> {
    let (offset, payload) = (message.offset(), message.payload().unwrap_or_default());
    if payload.len() > MAX_RECORD_BYTES {
        return Err(OversizedRecord { offset, bytes: payload.len() as u64 });
    }
    let timestamp = message.timestamp().to_millis().map(Timestamp);
    Ok(Record { partition, offset, timestamp, payload })
}
