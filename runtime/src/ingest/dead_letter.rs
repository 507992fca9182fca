//! Records that are no events: each becomes a dead letter before its offset is committed.

use std::collections::VecDeque;

use connectors::dead_letter::{DeadLetter, DeadLetterError};
use connectors::source::OversizedRecord;
use model::event::Record;
use model::time::Timestamp;
use tracing::warn;

use super::admission::{AdmissionOutcome, PartitionProgress, RecordIngester};
use crate::io::DeadLetterLog;

/// Dead letters that could not be handed over yet; beyond it nothing more is read.
pub const PENDING_MAX: usize = 1_000;
/// Dead letters that have a log line of their own; the rest is in the counters and the letters.
pub const LOGGED_MAX: u64 = 100;

/// Hands records to the ingester and writes dead letters of those that are no events.
pub struct DeadLetterQueue {
    log: Box<dyn DeadLetterLog>,
    streams: Vec<String>,
    pending: VecDeque<OwnedLetter>,
    written: u64,
}

struct OwnedLetter {
    stream: String,
    topic: String,
    partition: i32,
    offset: i64,
    reason: String,
    payload: Vec<u8>,
}

/// The events of one record that lie in its future: one letter for all of them.
#[derive(Default)]
struct FutureEvents {
    events: u64,
    ahead: u64,
    first: Option<Timestamp>,
}

impl FutureEvents {
    fn record(&mut self, outcome: AdmissionOutcome) {
        self.events += 1;
        if let AdmissionOutcome::Future { time } = outcome {
            self.ahead += 1;
            self.first.get_or_insert(time);
        }
    }

    /// The reason for a dead letter, if there is to be one.
    fn reason(&self) -> Option<String> {
        let FutureEvents { events, ahead, .. } = self;
        let first = self.first?;
        Some(match events {
            1 => format!("event time {first} lies in the record's future"),
            _ => format!(
                "{ahead} of its {events} events lie in the record's future, the first at {first}"
            ),
        })
    }
}

impl DeadLetterQueue {
    /// A queue in front of a log that holds `written` letters of this process; `streams` are the
    /// names by number.
    pub(crate) fn new(
        log: Box<dyn DeadLetterLog>,
        written: u64,
        streams: Vec<String>,
    ) -> DeadLetterQueue {
        DeadLetterQueue { log, streams, pending: VecDeque::new(), written }
    }

    /// The log, for another queue.
    pub(crate) fn into_log(self) -> Box<dyn DeadLetterLog> {
        self.log
    }

    /// Ingests what a partition handed out.
    pub(crate) fn ingest(
        &mut self,
        topic: &str,
        ingester: &mut RecordIngester,
        partition: &mut PartitionProgress,
        record: Result<Record<'_>, OversizedRecord>,
    ) {
        let (offset, payload, reason) = match record {
            Err(oversized) => {
                ingester.skip(partition, oversized.offset);
                (oversized.offset, &[][..], oversized.to_string())
            }
            Ok(record) => {
                let mut ahead = FutureEvents::default();
                let reason =
                    match ingester.ingest(partition, &record, |outcome| ahead.record(outcome)) {
                        Err(error) => error.to_string(),
                        Ok(()) => match ahead.reason() {
                            Some(reason) => reason,
                            None => return,
                        },
                    };
                (record.offset, record.payload, reason)
            }
        };
        self.put(OwnedLetter {
            stream: self.streams.get(partition.stream).cloned().unwrap_or_default(),
            topic: topic.to_owned(),
            partition: partition.number,
            offset,
            reason,
            payload: payload.to_vec(),
        });
    }

    fn put(&mut self, letter: OwnedLetter) {
        self.written += 1;
        if self.written <= LOGGED_MAX {
            let OwnedLetter { topic, partition, offset, reason, .. } = &letter;
            warn!(topic, partition, offset, reason, "dead letter");
        }
        self.pending.push_back(letter);
        // What the log does not take now is tried again before the next commit.
        drop(self.hand_over());
    }

    fn hand_over(&mut self) -> Result<(), DeadLetterError> {
        while let Some(letter) = self.pending.front() {
            self.log.put(&letter.borrow())?;
            self.pending.pop_front();
        }
        Ok(())
    }

    /// Waits until every letter is kept.
    ///
    /// # Errors
    /// Letters that are not kept: nothing may be committed.
    pub(crate) fn flush(&mut self) -> Result<(), DeadLetterError> {
        self.hand_over()?;
        self.log.flush()
    }

    /// Number of letters since the start.
    pub(crate) const fn written(&self) -> u64 {
        self.written
    }

    /// True when so many letters are pending that nothing more may be read.
    pub(crate) fn is_full(&self) -> bool {
        self.pending.len() >= PENDING_MAX
    }
}

impl OwnedLetter {
    fn borrow(&self) -> DeadLetter<'_> {
        DeadLetter {
            stream: &self.stream,
            topic: &self.topic,
            partition: self.partition,
            offset: self.offset,
            reason: &self.reason,
            payload: &self.payload,
        }
    }
}
