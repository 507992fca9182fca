//! One partition's queue: records in the order of their offsets, and where they end.

use std::time::{Duration, Instant};

use model::event::Record;
use model::time::Timestamp;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};

use super::context::EventContext;
use crate::source::{MAX_RECORD_BYTES, OversizedRecord};

/// One partition of this member.
pub(super) struct Partition {
    pub(super) queue: PartitionQueue<EventContext>,
    /// The next offset to read.
    pub(super) next: i64,
    /// The broker said that nothing follows.
    pub(super) ended: bool,
    /// The source's `doubts` when fetching began anew: an end told since then is as fresh.
    pub(super) asked: u64,
    /// Instant at which fetching began anew.
    pub(super) asked_at: Instant,
    /// `next` is not retained any more.
    pub(super) out_of_range: bool,
    /// Given up at the next `poll`.
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
    /// Takes one thing from the queue.
    pub(super) fn poll_queue(
        &mut self,
        partition: i32,
        each: &mut impl FnMut(Result<Record<'_>, OversizedRecord>),
    ) -> QueuePoll {
        match self.queue.poll(Duration::ZERO) {
            None => QueuePoll::Nothing,
            // INVARIANT: offsets handed out only grow. What was queued before a partition was
            // fetched anew may come twice; only the first time counts.
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

    /// Fetching begins anew; `None` is an attempt that failed.
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
