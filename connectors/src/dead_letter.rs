//! Dead letters: records that could not be decoded, kept with their position and the reason.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::journal::{Journal, JournalError};
use crate::sink::kafka::{AckedProducer, ProduceError};

/// Maximum number of bytes of a record that a dead letter keeps; the source log has all of them.
pub const MAX_PAYLOAD_BYTES: usize = 64 << 10;

/// Maximum wait of [`DeadLetterSink::flush`] for brokers.
pub const FLUSH_TIMEOUT: Duration = Duration::from_secs(10);

/// Record that could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadLetter<'a> {
    /// Name of the stream.
    pub stream: &'a str,
    /// Name of the topic, or path of the file.
    pub topic: &'a str,
    /// Number of the partition.
    pub partition: i32,
    /// Offset, or line number from 0.
    pub offset: i64,
    /// Reason, for people.
    pub reason: &'a str,
    /// Bytes of the record.
    pub payload: &'a [u8],
}

/// Destination of dead letters.
pub enum DeadLetterSink {
    /// File of JSON lines.
    File(Journal),
    /// Kafka topic.
    Topic(DeadLetterTopic),
}

/// Kafka topic of dead letters.
pub struct DeadLetterTopic {
    producer: AckedProducer,
    topic: String,
}

/// Error of writing dead letters.
#[derive(Debug)]
pub enum DeadLetterError {
    /// Error of the file.
    File(JournalError),
    /// Error of the topic.
    Topic(ProduceError),
}

impl DeadLetter<'_> {
    /// Returns one line of JSON: `payload` if the bytes are text, else `payload_hex`; `bytes` is
    /// the length of the record, and `cut` is true if the payload is truncated.
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
    /// Writes dead letters to a file, which is created if needed.
    ///
    /// # Errors
    /// [`DeadLetterError::File`] names the file.
    pub fn to_file(path: impl AsRef<Path>) -> Result<DeadLetterSink, DeadLetterError> {
        let journal = Journal::open_with(path, |_| ()).map_err(DeadLetterError::File)?;
        Ok(DeadLetterSink::File(journal))
    }

    /// Writes dead letters to a topic: the key is `topic/partition/offset`, the value is the
    /// record's own bytes, and the headers `errors.topic`, `errors.partition`, `errors.offset`,
    /// `errors.reason`, `errors.stream` and `errors.cut` contain the other fields.
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

    /// Queues a dead letter; it is durable after [`DeadLetterSink::flush`].
    ///
    /// # Errors
    /// [`DeadLetterError`]: a letter for a file stays buffered, one for a topic was not queued.
    pub fn put(&mut self, letter: &DeadLetter<'_>) -> Result<(), DeadLetterError> {
        match self {
            DeadLetterSink::File(journal) => {
                journal.append(letter.to_line().as_bytes()).map_err(DeadLetterError::File)
            }
            DeadLetterSink::Topic(topic) => topic.put(letter).map_err(DeadLetterError::Topic),
        }
    }

    /// Waits until all queued letters are durable; must precede the commit of their offsets.
    ///
    /// # Errors
    /// [`DeadLetterError`]; no letter is lost, and the next call continues.
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
