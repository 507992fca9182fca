//! Records that cannot be used: each becomes a dead letter before its offset is committed.

use std::collections::VecDeque;

use connectors::dead_letter::{DeadLetter, DeadLetterError, DeadLetters};
use connectors::source::Oversized;
use model::event::Record;
use model::time::Timestamp;
use tracing::warn;

use crate::pipeline::intake::{Fate, Intake, Partition};

/// Dead letters that could not be handed over yet; beyond it nothing more is read.
pub const CLOGGED: usize = 1_000;
/// Dead letters told one by one in the log; the rest is in the counters and the letters.
pub const TOLD_MAX: u64 = 100;

/// Takes records into the intake and buries those that are no events.
pub struct Burial {
    letters: DeadLetters,
    streams: Vec<String>,
    unburied: VecDeque<OwnedLetter>,
    buried: u64,
}

struct OwnedLetter {
    stream: String,
    topic: String,
    partition: i32,
    offset: i64,
    reason: String,
    payload: Vec<u8>,
}

/// The events of one record that lie in its future: they are one letter together.
#[derive(Default)]
struct Ahead {
    events: u64,
    ahead: u64,
    first: Option<Timestamp>,
}

impl Ahead {
    fn note(&mut self, fate: Fate) {
        self.events += 1;
        if let Fate::Future { time } = fate {
            self.ahead += 1;
            self.first.get_or_insert(time);
        }
    }

    /// Why the record is buried, if it is.
    fn reason(&self) -> Option<String> {
        let Ahead { events, ahead, .. } = self;
        let first = self.first?;
        Some(match events {
            1 => format!("event time {first} lies in the record's future"),
            _ => format!(
                "{ahead} of its {events} events lie in the record's future, the first at {first}"
            ),
        })
    }
}

impl Burial {
    /// Buries with these letters, so many of which were written; `streams` are the names by number.
    pub(crate) fn new(letters: DeadLetters, buried: u64, streams: Vec<String>) -> Burial {
        Burial { letters, streams, unburied: VecDeque::new(), buried }
    }

    /// Leaves the letters to others.
    pub(crate) fn into_letters(self) -> DeadLetters {
        self.letters
    }

    /// Takes what a partition handed out.
    pub(crate) fn take(
        &mut self,
        topic: &str,
        intake: &mut Intake,
        partition: &mut Partition,
        record: Result<Record<'_>, Oversized>,
    ) {
        let (offset, payload, reason) = match record {
            Err(oversized) => {
                intake.skip(partition, oversized.offset);
                (oversized.offset, &[][..], oversized.to_string())
            }
            Ok(record) => {
                let mut ahead = Ahead::default();
                let reason = match intake.take(partition, &record, |fate| ahead.note(fate)) {
                    Err(error) => error.to_string(),
                    Ok(()) => match ahead.reason() {
                        Some(reason) => reason,
                        None => return,
                    },
                };
                (record.offset, record.payload, reason)
            }
        };
        self.bury(OwnedLetter {
            stream: self.streams.get(partition.stream).cloned().unwrap_or_default(),
            topic: topic.to_owned(),
            partition: partition.number,
            offset,
            reason,
            payload: payload.to_vec(),
        });
    }

    fn bury(&mut self, letter: OwnedLetter) {
        self.buried += 1;
        if self.buried <= TOLD_MAX {
            let OwnedLetter { topic, partition, offset, reason, .. } = &letter;
            warn!(topic, partition, offset, reason, "dead letter");
        }
        self.unburied.push_back(letter);
        // What is not taken now is tried again before the next commit.
        drop(self.hand_over());
    }

    fn hand_over(&mut self) -> Result<(), DeadLetterError> {
        while let Some(letter) = self.unburied.front() {
            self.letters.put(&letter.borrow())?;
            self.unburied.pop_front();
        }
        Ok(())
    }

    /// Waits until every letter is kept.
    ///
    /// # Errors
    /// Letters that are not kept: nothing may be committed.
    pub(crate) fn flush(&mut self) -> Result<(), DeadLetterError> {
        self.hand_over()?;
        self.letters.flush()
    }

    /// Letters since the start.
    pub(crate) const fn buried(&self) -> u64 {
        self.buried
    }

    /// Whether so many letters wait that reading on makes no sense.
    pub(crate) fn is_clogged(&self) -> bool {
        self.unburied.len() >= CLOGGED
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
