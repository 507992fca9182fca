//! In-process Kafka broker, for the demonstration and for tests.
//!
//! It is librdkafka's mock cluster. It listens on loopback only, loses its data when dropped, and
//! keeps at most 5 MiB or 100,000 batches per partition. It supports neither transactions nor time
//! queries, and it creates a topic for a client that requests it and allows that.

use std::fmt;
use std::time::Duration;

use rdkafka::error::KafkaError as ClientError;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use crate::sink::kafka::{AckedProducer, ProduceError};

/// Id of the only broker.
const BROKER: i32 = 1;

/// Running broker; stops when dropped.
pub struct EmbeddedBroker {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

/// Error of the broker.
#[derive(Debug)]
pub struct BrokerError {
    what: String,
    why: ClientError,
}

impl EmbeddedBroker {
    /// Starts a broker with some topics, each with a number of partitions.
    ///
    /// # Errors
    /// [`BrokerError`] names the part that could not be created.
    pub fn start(topics: &[(&str, i32)]) -> Result<EmbeddedBroker, BrokerError> {
        let failed = |why| BrokerError { what: "start".to_owned(), why };
        let broker = EmbeddedBroker { cluster: MockCluster::new(BROKER).map_err(failed)? };
        for (topic, partitions) in topics {
            broker.create_topic(topic, *partitions)?;
        }
        Ok(broker)
    }

    /// Returns `host:port`, for `bootstrap.servers`.
    pub fn bootstrap_servers(&self) -> String {
        self.cluster.bootstrap_servers()
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// [`BrokerError`] when it exists.
    pub fn create_topic(&self, topic: &str, partitions: i32) -> Result<(), BrokerError> {
        let failed = |why| BrokerError { what: format!("make the topic {topic}"), why };
        self.cluster.create_topic(topic, partitions, 1).map_err(failed)
    }

    /// Closes all connections and accepts none, or accepts them again.
    ///
    /// # Errors
    /// [`BrokerError`] when the broker rejects the change.
    pub fn set_reachable(&self, reachable: bool) -> Result<(), BrokerError> {
        let done = if reachable {
            self.cluster.broker_up(BROKER)
        } else {
            self.cluster.broker_down(BROKER)
        };
        done.map_err(|why| BrokerError { what: "change".to_owned(), why })
    }
}

/// Producer of events for a topic.
pub struct EventProducer {
    producer: AckedProducer,
}

impl EventProducer {
    /// Creates a producer for brokers at `host:port,…`.
    ///
    /// # Errors
    /// [`ProduceError`] when the client rejects the address.
    pub fn new(bootstrap_servers: &str) -> Result<EventProducer, ProduceError> {
        let servers = ("bootstrap.servers".to_owned(), bootstrap_servers.to_owned());
        Ok(EventProducer { producer: AckedProducer::new(&[servers])? })
    }

    /// Queues one event; equal keys share a partition.
    ///
    /// # Errors
    /// [`ProduceError`] when the queue stays full.
    pub fn send(&self, topic: &str, key: &[u8], payload: &[u8]) -> Result<(), ProduceError> {
        self.producer.send(topic, None, key, payload, &[])
    }

    /// Queues one event for a given partition.
    ///
    /// # Errors
    /// [`ProduceError`] when the queue stays full.
    pub fn send_to(&self, topic: &str, partition: i32, payload: &[u8]) -> Result<(), ProduceError> {
        self.producer.send(topic, Some(partition), b"", payload, &[])
    }

    /// Waits until all records are acknowledged.
    ///
    /// # Errors
    /// [`ProduceError`] on a timeout.
    pub fn flush(&self, timeout: Duration) -> Result<(), ProduceError> {
        self.producer.flush(timeout)
    }
}

impl fmt::Display for BrokerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the embedded broker cannot {}: {}", self.what, self.why)
    }
}

impl std::error::Error for BrokerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.why)
    }
}
