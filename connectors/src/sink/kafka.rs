//! Kafka sink: a record counts as written when all replicas have it.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use model::notification::{DeliveryResult, FailureReason, Notification};
use model::time::Timestamp;
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult as Delivered, Header, OwnedHeaders};
use rdkafka::producer::{
    BaseProducer, BaseRecord, FutureProducer, FutureRecord, Producer, ProducerContext,
};
use serde::Deserialize;
use toml::Spanned;

use super::{
    DELIVERY_TIMEOUT_MS, DeliveryFuture, ResolvedSink, Sink, SinkConfig, SinkContext, SinkError,
    SinkKind, SinkSettings, json,
};
use crate::source::kafka::properties::{PropertyError, RedactedProperties, producer_config};

pub(super) static KIND: SinkKind = SinkKind::new::<KafkaConfig>("kafka");

/// Maximum wait of [`AckedProducer::send`] for room in librdkafka's queue.
pub const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);

/// Interval at which a flush checks for acknowledgements.
const FLUSH_SLICE: Duration = Duration::from_millis(2);

/// Maximum memory for unacknowledged records, in KiB: beyond it senders wait. librdkafka's default
/// is 1 GiB.
const QUEUE_KBYTES: &str = "65536";

/// Error of writing to a topic.
#[derive(Debug)]
pub enum ProduceError {
    /// A property that must not be set.
    Property(PropertyError),
    /// librdkafka rejects the configuration.
    Connect {
        /// Error text of librdkafka.
        why: String,
    },
    /// A record was not queued; the caller still owns it.
    Queue {
        /// Name of the topic.
        topic: String,
        /// Error text of librdkafka.
        why: String,
    },
    /// Records are not acknowledged yet; they stay queued, and the next flush continues.
    Unacknowledged {
        /// Number of these records.
        records: usize,
        /// Reason of the first failure.
        why: String,
    },
}

/// Producer that loses no record: failed records are sent again at the next flush.
pub struct AckedProducer {
    producer: BaseProducer<FailedRecords>,
}

/// Record in flight, with all data to send it again.
struct PendingRecord {
    topic: String,
    partition: Option<i32>,
    key: Vec<u8>,
    payload: Vec<u8>,
    headers: Vec<(&'static str, String)>,
}

/// Records that failed and are to be sent again.
#[derive(Default)]
struct FailedRecords {
    records: Mutex<Vec<(ClientError, Box<PendingRecord>)>>,
}

impl AckedProducer {
    /// Creates a producer with a connection of its own.
    ///
    /// # Errors
    /// [`ProduceError`] for properties that can never work.
    pub fn new(properties: &[(String, String)]) -> Result<AckedProducer, ProduceError> {
        let mut config = producer_config(properties).map_err(ProduceError::Property)?;
        bound_queue(&mut config);
        let refused = |error: ClientError| ProduceError::Connect { why: error.to_string() };
        let producer = config.create_with_context(FailedRecords::default()).map_err(refused)?;
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
        self.queue(Box::new(PendingRecord {
            topic: topic.to_owned(),
            partition,
            key: key.to_vec(),
            payload: payload.to_vec(),
            headers: headers.to_vec(),
        }))
        .map_err(|(error, pending)| ProduceError::Queue {
            topic: pending.topic,
            why: error.to_string(),
        })
    }

    /// Waits until all records are acknowledged.
    ///
    /// # Errors
    /// [`ProduceError::Unacknowledged`] on a timeout; no record is lost.
    pub fn flush(&self, timeout: Duration) -> Result<(), ProduceError> {
        self.producer.poll(Duration::ZERO);
        let mut failed = self.failures().into_iter();
        while let Some((error, pending)) = failed.next() {
            if let Err((_, pending)) = self.queue(pending) {
                let mut records = self.lock();
                records.push((error, pending));
                records.extend(failed);
                break;
            }
        }
        let flushed = self.wait(timeout);
        let failed = self.lock();
        let why = match (failed.first(), flushed) {
            (None, Ok(())) => return Ok(()),
            (Some((error, pending)), _) => format!("topic {}: {error}", pending.topic),
            (None, Err(error)) => error.to_string(),
        };
        let waiting = usize::try_from(self.producer.in_flight_count()).unwrap_or(0);
        Err(ProduceError::Unacknowledged { records: waiting + failed.len(), why })
    }

    fn queue(&self, given: Box<PendingRecord>) -> Result<(), (ClientError, Box<PendingRecord>)> {
        let deadline = Instant::now() + QUEUE_TIMEOUT;
        let mut pending = given;
        loop {
            // librdkafka copies the record into its queue: the borrowed parts come from a copy,
            // while the original is attached for a retry.
            let PendingRecord { topic, partition, key, payload, headers } = &*pending.copy();
            let mut record = BaseRecord::with_opaque_to(topic, pending).payload(payload);
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
                    pending = record.delivery_opaque;
                    self.producer.poll(Duration::from_millis(10));
                }
            }
        }
    }

    /// Waits in short slices: the client otherwise polls only every 100 ms.
    fn wait(&self, timeout: Duration) -> Result<(), ClientError> {
        let deadline = Instant::now() + timeout;
        loop {
            match self.producer.flush(FLUSH_SLICE) {
                Err(_) if Instant::now() < deadline => {}
                done => return done,
            }
        }
    }

    fn failures(&self) -> Vec<(ClientError, Box<PendingRecord>)> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(ClientError, Box<PendingRecord>)>> {
        lock(&self.producer.context().records)
    }
}

impl PendingRecord {
    fn copy(&self) -> Box<PendingRecord> {
        Box::new(PendingRecord {
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

impl ClientContext for FailedRecords {
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

impl ProducerContext for FailedRecords {
    type DeliveryOpaque = Box<PendingRecord>;

    fn delivery(&self, result: &Delivered<'_>, pending: Box<PendingRecord>) {
        if let Err((error, _)) = result {
            lock(&self.records).push((error.clone(), pending));
        }
    }
}

/// Keys of the sink.
#[derive(Clone, Deserialize)]
struct KafkaConfig {
    topic: Spanned<String>,
}

/// Settings of the sink.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaSinkSettings {
    /// Names from [`crate::source::kafka::properties::ALLOWED_PROPERTIES`] and values.
    pub properties: Vec<(String, String)>,
    /// Name of the topic.
    pub topic: String,
    /// Timeout of one attempt, in ms.
    pub timeout_ms: u64,
}

/// Kafka topic as a sink: the key is the incident id, the value the JSON document.
struct KafkaSink {
    producer: FutureProducer,
    topic: String,
    timeout: Duration,
}

impl SinkConfig for KafkaConfig {
    fn written_topic(&self) -> Option<&Spanned<String>> {
        Some(&self.topic)
    }

    fn resolve(&self, context: &SinkContext<'_>) -> Result<ResolvedSink, SinkError> {
        Ok(ResolvedSink::new(KafkaSinkSettings {
            properties: context.properties.to_vec(),
            topic: self.topic.get_ref().clone(),
            timeout_ms: DELIVERY_TIMEOUT_MS,
        }))
    }
}

impl SinkSettings for KafkaSinkSettings {
    fn open(&self) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(KafkaSink::new(self).map_err(SinkError::refused)?))
    }
}

impl KafkaSink {
    fn new(settings: &KafkaSinkSettings) -> Result<KafkaSink, ProduceError> {
        let mut config = producer_config(&settings.properties).map_err(ProduceError::Property)?;
        bound_queue(&mut config);
        // One attempt: the outbox decides on retries.
        config.set("message.timeout.ms", settings.timeout_ms.to_string());
        let refused = |error: ClientError| ProduceError::Connect { why: error.to_string() };
        let producer = config.create().map_err(refused)?;
        Ok(KafkaSink {
            producer,
            topic: settings.topic.clone(),
            timeout: Duration::from_millis(settings.timeout_ms),
        })
    }

    async fn produce(&self, notification: &Notification) -> DeliveryResult {
        let (key, payload) = (notification.incident.to_string(), json::render(notification));
        let headers = own_headers(&[("webhook-id", notification.id.clone())]);
        let record = FutureRecord::to(&self.topic).key(&key).payload(&payload).headers(headers);
        let sent = tokio::time::timeout(self.timeout, self.producer.send(record, QUEUE_TIMEOUT));
        let topic = &self.topic;
        match sent.await {
            Ok(Ok(_)) => DeliveryResult::Sent { receipt: None },
            // It may still arrive; then it is a duplicate with the same id.
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

impl Sink for KafkaSink {
    fn deliver<'a>(
        &'a self,
        notification: &'a Notification,
        _receipt: Option<&'a str>,
        _now: Timestamp,
    ) -> DeliveryFuture<'a> {
        Box::pin(self.produce(notification))
    }

    fn preview(&self, notification: &Notification) -> String {
        json::render(notification)
    }
}

impl fmt::Debug for KafkaConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaConfig").field("topic", self.topic.get_ref()).finish()
    }
}

impl fmt::Debug for KafkaSinkSettings {
    /// Shows everything but secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSinkSettings")
            .field("properties", &RedactedProperties(&self.properties))
            .field("topic", &self.topic)
            .field("timeout_ms", &self.timeout_ms)
            .finish()
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

#[cfg(test)]
mod tests {
    use rdkafka::consumer::{BaseConsumer, Consumer};
    use rdkafka::message::Message;
    use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

    use super::*;
    use crate::broker::EmbeddedBroker;
    use crate::sink::tests::notification;

    #[tokio::test]
    async fn a_topic_gets_the_document_under_its_incident_and_a_dead_broker_is_a_retry() {
        let broker = EmbeddedBroker::start(&[("alerts", 1)]).unwrap();
        let property = |name: &str, value: String| (name.to_owned(), value);
        let settings = |timeout_ms| KafkaSinkSettings {
            properties: vec![property("bootstrap.servers", broker.bootstrap_servers())],
            topic: "alerts".to_owned(),
            timeout_ms,
        };
        let sink = settings(60_000).open().unwrap();
        assert_eq!(
            sink.deliver(&notification(), None, Timestamp(0)).await,
            DeliveryResult::Sent { receipt: None }
        );
        let (key, payload) = first_record(&broker, "alerts");
        assert_eq!(key, notification().incident.to_string());
        assert_eq!(payload, json::render(&notification()));

        broker.set_reachable(false).unwrap();
        let sink = settings(1_000).open().unwrap();
        let DeliveryResult::Retry { why, .. } =
            sink.deliver(&notification(), None, Timestamp(0)).await
        else {
            panic!("it was delivered nowhere");
        };
        assert!(why.starts_with("topic alerts: "), "{why}");
    }

    fn first_record(broker: &EmbeddedBroker, topic: &str) -> (String, String) {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", broker.bootstrap_servers())
            .set("group.id", "test")
            .create()
            .unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
        consumer.assign(&list).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        let message = loop {
            assert!(Instant::now() < deadline);
            if let Some(Ok(message)) = consumer.poll(Duration::from_millis(50)) {
                break message;
            }
        };
        let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
        (text(message.key()), text(message.payload()))
    }
}
