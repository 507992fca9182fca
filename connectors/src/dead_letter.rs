//! Records that could not be decoded: kept with their place and the reason, never skipped.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::journal::{Journal, JournalError};
use crate::sink::kafka::{AckedProducer, ProduceError};

/// Most bytes of a record that a dead letter keeps; the log it came from has all of them.
pub const MAX_PAYLOAD_BYTES: usize = 64 << 10;

/// Longest wait of [`DeadLetterSink::flush`] for brokers.
pub const FLUSH_TIMEOUT: Duration = Duration::from_secs(10);

/// One record that could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadLetter<'a> {
    /// The stream's name.
    pub stream: &'a str,
    /// The topic, or the file.
    pub topic: &'a str,
    /// The partition.
    pub partition: i32,
    /// The offset, or the line from 0.
    pub offset: i64,
    /// Reason, for people.
    pub reason: &'a str,
    /// The record's bytes.
    pub payload: &'a [u8],
}

/// Destination of dead letters.
pub enum DeadLetterSink {
    /// A file of JSON lines.
    File(Journal),
    /// A Kafka topic.
    Topic(DeadLetterTopic),
}

/// A topic of dead letters.
pub struct DeadLetterTopic {
    producer: AckedProducer,
    topic: String,
}

/// Why dead letters are not kept.
#[derive(Debug)]
pub enum DeadLetterError {
    /// The file.
    File(JournalError),
    /// The topic.
    Topic(ProduceError),
}

impl DeadLetter<'_> {
    /// One line of JSON: `payload` where the bytes are text, else `payload_hex`; `bytes` is
    /// the record's length, and `cut` is true where not all of it is there.
    pub fn to_line(&self) -> String {
        let mut object = Map::new();
        let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
        put("stream", self.stream.into());
        put("topic", self.topic.into());
        put("partition", self.partition.into());
        put("offset", self.offset.into());
        put("reason", self.reason.into());
        match std::str::from_utf8(self.payload) {
            Ok(text) => put("payload", cut_text(text).into()),
            Err(_) => put("payload_hex", hex(cut_bytes(self.payload)).into()),
        };
        put("bytes", self.payload.len().into());
        put("cut", (self.payload.len() > MAX_PAYLOAD_BYTES).into());
        Value::Object(object).to_string()
    }
}

fn cut_bytes(payload: &[u8]) -> &[u8] {
    payload.get(..MAX_PAYLOAD_BYTES).unwrap_or(payload)
}

fn cut_text(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_PAYLOAD_BYTES)).unwrap_or(text)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl DeadLetterSink {
    /// Dead letters into a file, made if need be.
    ///
    /// # Errors
    /// [`DeadLetterError::File`] names the file.
    pub fn to_file(path: impl AsRef<Path>) -> Result<DeadLetterSink, DeadLetterError> {
        let journal = Journal::open_with(path, |_| ()).map_err(DeadLetterError::File)?;
        Ok(DeadLetterSink::File(journal))
    }

    /// Dead letters into a topic: the key is `topic/partition/offset`, the value the record's
    /// own bytes, and the headers `errors.topic`, `errors.partition`, `errors.offset`,
    /// `errors.reason`, `errors.stream` and `errors.cut` say the rest.
    ///
    /// # Errors
    /// [`DeadLetterError::Topic`] for properties that can never work.
    pub fn to_topic(
        properties: &[(String, String)],
        topic: &str,
    ) -> Result<DeadLetterSink, DeadLetterError> {
        let producer = AckedProducer::new(properties).map_err(DeadLetterError::Topic)?;
        Ok(DeadLetterSink::Topic(DeadLetterTopic { producer, topic: topic.to_owned() }))
    }

    /// Takes one; it counts as kept after [`DeadLetterSink::flush`].
    ///
    /// # Errors
    /// [`DeadLetterError`]: a letter for a file is kept in memory, one for a topic was not
    /// taken.
    pub fn put(&mut self, letter: &DeadLetter<'_>) -> Result<(), DeadLetterError> {
        match self {
            DeadLetterSink::File(journal) => {
                journal.append(letter.to_line().as_bytes()).map_err(DeadLetterError::File)
            }
            DeadLetterSink::Topic(topic) => topic.put(letter).map_err(DeadLetterError::Topic),
        }
    }

    /// Waits until all that was put is kept: call it before the records' offsets are committed.
    ///
    /// # Errors
    /// [`DeadLetterError`]; nothing is forgotten, and the next call goes on.
    pub fn flush(&mut self) -> Result<(), DeadLetterError> {
        match self {
            DeadLetterSink::File(journal) => journal.sync().map_err(DeadLetterError::File),
            DeadLetterSink::Topic(topic) => {
                topic.producer.flush(FLUSH_TIMEOUT).map_err(DeadLetterError::Topic)
            }
        }
    }
}

impl DeadLetterTopic {
    fn put(&self, letter: &DeadLetter<'_>) -> Result<(), ProduceError> {
        let DeadLetter { stream, topic, partition, offset, reason, payload } = letter;
        let key = format!("{topic}/{partition}/{offset}");
        let headers = [
            ("errors.stream", (*stream).to_owned()),
            ("errors.topic", (*topic).to_owned()),
            ("errors.partition", partition.to_string()),
            ("errors.offset", offset.to_string()),
            ("errors.reason", (*reason).to_owned()),
            ("errors.cut", (payload.len() > MAX_PAYLOAD_BYTES).to_string()),
        ];
        self.producer.send(&self.topic, None, key.as_bytes(), cut_bytes(payload), &headers)
    }
}

impl fmt::Display for DeadLetterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeadLetterError::File(error) => write!(f, "dead letters are not kept: {error}"),
            DeadLetterError::Topic(error) => write!(f, "dead letters are not kept: {error}"),
        }
    }
}

impl std::error::Error for DeadLetterError {}

#[cfg(test)]
mod tests;
