//! A Kafka topic as the place where records go: counted as there when every replica has them.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use model::notification::{DeliveryResult, FailureReason, Notification};
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult as Delivered, Header, OwnedHeaders};
use rdkafka::producer::{
    BaseProducer, BaseRecord, FutureProducer, FutureRecord, Producer, ProducerContext,
};

use crate::sink::document;
use crate::source::kafka::properties::{PropertyError, producer_config};

/// How long [`AckedProducer::send`] waits for room in the library's queue.
pub const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a flush waits before it looks again whether all is acknowledged.
const FLUSH_SLICE: Duration = Duration::from_millis(2);

/// Largest memory for unacknowledged records: beyond it senders wait. The library takes 1 GiB.
const QUEUE_KBYTES: &str = "65536";

/// Why records did not get into a topic.
#[derive(Debug)]
pub enum ProduceError {
    /// A property may not be set.
    Property(PropertyError),
    /// The library refuses the configuration.
    Connect {
        /// Its words.
        why: String,
    },
    /// A record did not get into the queue: it is still the caller's.
    Queue {
        /// The topic.
        topic: String,
        /// The library's words.
        why: String,
    },
    /// Records wait for the brokers; they are kept, and the next flush waits on.
    Unacknowledged {
        /// How many.
        records: usize,
        /// The first reason heard.
        why: String,
    },
}

/// A producer that forgets no record: what failed is sent again at the next flush.
pub struct AckedProducer {
    producer: BaseProducer<Failures>,
}

/// A record on its way, as much of it as sending it again takes.
struct Outgoing {
    topic: String,
    partition: Option<i32>,
    key: Vec<u8>,
    payload: Vec<u8>,
    headers: Vec<(&'static str, String)>,
}

/// What the brokers refused.
#[derive(Default)]
struct Failures {
    records: Mutex<Vec<(ClientError, Box<Outgoing>)>>,
}

impl AckedProducer {
    /// A producer of its own connection.
    ///
    /// # Errors
    /// [`ProduceError`] for properties that can never work.
    pub fn new(properties: &[(String, String)]) -> Result<AckedProducer, ProduceError> {
        let mut config = producer_config(properties).map_err(ProduceError::Property)?;
        bound_queue(&mut config);
        let refused = |error: ClientError| ProduceError::Connect { why: error.to_string() };
        let producer = config.create_with_context(Failures::default()).map_err(refused)?;
        Ok(AckedProducer { producer })
    }

    /// Queues one record; equal keys share a partition unless one is named.
    ///
    /// # Errors
    /// [`ProduceError::Queue`] when there was no room in [`QUEUE_TIMEOUT`].
    pub fn send(
        &self,
        topic: &str,
        partition: Option<i32>,
        key: &[u8],
        payload: &[u8],
        headers: &[(&'static str, String)],
    ) -> Result<(), ProduceError> {
        self.queue(Box::new(Outgoing {
            topic: topic.to_owned(),
            partition,
            key: key.to_vec(),
            payload: payload.to_vec(),
            headers: headers.to_vec(),
        }))
        .map_err(|(error, outgoing)| ProduceError::Queue {
            topic: outgoing.topic,
            why: error.to_string(),
        })
    }

    /// Waits until all that was sent is acknowledged.
    ///
    /// # Errors
    /// [`ProduceError::Unacknowledged`] when it is not in `timeout`; nothing is forgotten.
    pub fn flush(&self, timeout: Duration) -> Result<(), ProduceError> {
        self.producer.poll(Duration::ZERO);
        let mut failed = self.failures().into_iter();
        while let Some((error, outgoing)) = failed.next() {
            if let Err((_, outgoing)) = self.queue(outgoing) {
                let mut records = self.lock();
                records.push((error, outgoing));
                records.extend(failed);
                break;
            }
        }
        let flushed = self.wait(timeout);
        let failed = self.lock();
        let why = match (failed.first(), flushed) {
            (None, Ok(())) => return Ok(()),
            (Some((error, outgoing)), _) => format!("topic {}: {error}", outgoing.topic),
            (None, Err(error)) => error.to_string(),
        };
        let waiting = usize::try_from(self.producer.in_flight_count()).unwrap_or(0);
        Err(ProduceError::Unacknowledged { records: waiting + failed.len(), why })
    }

    fn queue(&self, outgoing: Box<Outgoing>) -> Result<(), (ClientError, Box<Outgoing>)> {
        let deadline = Instant::now() + QUEUE_TIMEOUT;
        let mut outgoing = outgoing;
        loop {
            // The record is copied into the library's queue, so the borrowed parts come from a
            // copy while the original rides along to be sent again.
            let Outgoing { topic, partition, key, payload, headers } = &*outgoing.copy();
            let mut record = BaseRecord::with_opaque_to(topic, outgoing).payload(payload);
            if !key.is_empty() {
                record = record.key(key);
            }
            if let Some(partition) = partition {
                record = record.partition(*partition);
            }
            if !headers.is_empty() {
                record = record.headers(own_headers(headers));
            }
            match self.producer.send(record) {
                Ok(()) => {
                    self.producer.poll(Duration::ZERO);
                    return Ok(());
                }
                Err((error, record)) => {
                    let full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
                    if !full || Instant::now() > deadline {
                        return Err((error, record.delivery_opaque));
                    }
                    outgoing = record.delivery_opaque;
                    self.producer.poll(Duration::from_millis(10));
                }
            }
        }
    }

    /// Waits in short slices: the client looks up only every 100 ms otherwise.
    fn wait(&self, timeout: Duration) -> Result<(), ClientError> {
        let deadline = Instant::now() + timeout;
        loop {
            match self.producer.flush(FLUSH_SLICE) {
                Err(_) if Instant::now() < deadline => {}
                done => return done,
            }
        }
    }

    fn failures(&self) -> Vec<(ClientError, Box<Outgoing>)> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(ClientError, Box<Outgoing>)>> {
        lock(&self.producer.context().records)
    }
}

impl Outgoing {
    fn copy(&self) -> Box<Outgoing> {
        Box::new(Outgoing {
            topic: self.topic.clone(),
            partition: self.partition,
            key: self.key.clone(),
            payload: self.payload.clone(),
            headers: self.headers.clone(),
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn own_headers(headers: &[(&'static str, String)]) -> OwnedHeaders {
    let empty = OwnedHeaders::new_with_capacity(headers.len());
    headers.iter().fold(empty, |all, (key, value)| all.insert(Header { key, value: Some(value) }))
}

fn bound_queue(config: &mut ClientConfig) {
    if config.get("queue.buffering.max.kbytes").is_none() {
        config.set("queue.buffering.max.kbytes", QUEUE_KBYTES);
    }
}

impl ClientContext for Failures {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                tracing::debug!(facility, "librdkafka: {message}");
            }
            _ => tracing::warn!(facility, "librdkafka: {message}"),
        }
    }

    fn error(&self, error: ClientError, reason: &str) {
        tracing::warn!("librdkafka: {error}: {reason}");
    }
}

impl ProducerContext for Failures {
    type DeliveryOpaque = Box<Outgoing>;

    fn delivery(&self, result: &Delivered<'_>, outgoing: Box<Outgoing>) {
        if let Err((error, _)) = result {
            lock(&self.records).push((error.clone(), outgoing));
        }
    }
}

/// Notifications into a topic, keyed by incident.
pub(super) struct KafkaSink {
    producer: FutureProducer,
    topic: String,
    timeout: Duration,
}

impl KafkaSink {
    pub(super) fn new(
        properties: &[(String, String)],
        topic: &str,
        timeout_ms: u64,
    ) -> Result<KafkaSink, ProduceError> {
        let mut config = producer_config(properties).map_err(ProduceError::Property)?;
        bound_queue(&mut config);
        // One attempt: whether there is another is not ours to say.
        config.set("message.timeout.ms", timeout_ms.to_string());
        let refused = |error: ClientError| ProduceError::Connect { why: error.to_string() };
        let producer = config.create().map_err(refused)?;
        Ok(KafkaSink {
            producer,
            topic: topic.to_owned(),
            timeout: Duration::from_millis(timeout_ms),
        })
    }

    pub(super) async fn deliver(&self, notification: &Notification) -> DeliveryResult {
        let (key, payload) = (notification.incident.to_string(), document::render(notification));
        let headers = own_headers(&[("webhook-id", notification.id.clone())]);
        let record = FutureRecord::to(&self.topic).key(&key).payload(&payload).headers(headers);
        let sent = tokio::time::timeout(self.timeout, self.producer.send(record, QUEUE_TIMEOUT));
        let topic = &self.topic;
        match sent.await {
            Ok(Ok(_)) => DeliveryResult::Sent { receipt: None },
            // It may yet arrive; then it does so twice, with the same id.
            Err(_) => {
                let ms = self.timeout.as_millis();
                let why = format!("topic {topic}: no broker acknowledged within {ms} ms");
                let reason = FailureReason::Timeout;
                DeliveryResult::Retry { reason, why, after_ms: None }
            }
            Ok(Err((error, _))) => {
                let why = format!("topic {topic}: {error}");
                match error.rdkafka_error_code() {
                    Some(RDKafkaErrorCode::MessageSizeTooLarge) => {
                        DeliveryResult::Reject { reason: FailureReason::TooLarge, why }
                    }
                    Some(RDKafkaErrorCode::InvalidMessage) => {
                        DeliveryResult::Reject { reason: FailureReason::Client, why }
                    }
                    _ => {
                        let reason = FailureReason::Network;
                        DeliveryResult::Retry { reason, why, after_ms: None }
                    }
                }
            }
        }
    }
}

impl fmt::Display for ProduceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProduceError::Property(error) => error.fmt(f),
            ProduceError::Connect { why } => {
                write!(f, "Kafka's client refuses the properties: {why}")
            }
            ProduceError::Queue { topic, why } => {
                write!(f, "a record for topic {topic} was not taken: {why}")
            }
            ProduceError::Unacknowledged { records, why } => {
                write!(f, "{records} records are not acknowledged yet: {why}")
            }
        }
    }
}

impl std::error::Error for ProduceError {}
