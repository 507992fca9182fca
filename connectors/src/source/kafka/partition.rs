//! One partition's queue: records in the order of their offsets, and where they end.

use std::time::{Duration, Instant};

use model::event::Record;
use model::time::Timestamp;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};

use super::context::Context;
use crate::source::{MAX_RECORD_BYTES, Oversized};

/// One partition of this member.
pub(super) struct Partition {
    pub(super) queue: PartitionQueue<Context>,
    /// The next offset to read.
    pub(super) next: i64,
    /// The broker said that nothing follows.
    pub(super) ended: bool,
    /// The source's `doubts` when fetching began anew: an end told since then is as fresh.
    pub(super) asked: u64,
    /// When fetching began anew.
    pub(super) asked_at: Instant,
    /// `next` is not retained any more.
    pub(super) out_of_range: bool,
    /// Given up at the next `poll`.
    pub(super) revoked: bool,
}

/// What one look into a partition's queue found.
pub(super) enum Found {
    Record,
    End,
    Fault,
    Nothing,
}

impl Partition {
    /// Takes one thing from the queue.
    pub(super) fn look(
        &mut self,
        partition: i32,
        each: &mut impl FnMut(Result<Record<'_>, Oversized>),
    ) -> Found {
        match self.queue.poll(Duration::ZERO) {
            None => Found::Nothing,
            // INVARIANT: offsets handed out only grow. What was queued before a partition was
            // fetched anew may come twice; only the first time counts.
            Some(Ok(message)) if message.offset() < self.next => Found::Fault,
            Some(Ok(message)) => {
                self.next = message.offset() + 1;
                self.ended = false;
                each(record(partition, &message));
                Found::Record
            }
            Some(Err(ClientError::PartitionEOF(_))) => {
                self.ended = true;
                Found::End
            }
            Some(Err(error)) => {
                let code = error.rdkafka_error_code();
                self.out_of_range |= code == Some(RDKafkaErrorCode::AutoOffsetReset);
                Found::Fault
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

fn record<'a>(partition: i32, message: &'a BorrowedMessage<'_>) -> Result<Record<'a>, Oversized> {
    let (offset, payload) = (message.offset(), message.payload().unwrap_or_default());
    if payload.len() > MAX_RECORD_BYTES {
        return Err(Oversized { offset, bytes: payload.len() as u64 });
    }
    let timestamp = message.timestamp().to_millis().map(Timestamp);
    Ok(Record { partition, offset, timestamp, payload })
}
