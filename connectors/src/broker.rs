//! A Kafka-protocol broker inside the process, for the demonstration and for tests.
//!
//! It is librdkafka's mock cluster. It listens on loopback only, forgets everything when it is
//! dropped, and keeps at most 5 MiB or 100,000 batches of a partition. It knows neither
//! transactions nor time queries, and it makes a topic for whoever asks for its name and
//! allows that.

use std::fmt;
use std::time::Duration;

use rdkafka::error::KafkaError as ClientError;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use crate::sink::kafka::{AckedProducer, ProduceError};

/// The only broker's number.
const BROKER: i32 = 1;

/// A running broker; it stops when dropped.
pub struct EmbeddedBroker {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

/// Why the broker does not run.
#[derive(Debug)]
pub struct BrokerError {
    what: String,
    why: ClientError,
}

impl EmbeddedBroker {
    /// Starts a broker with some topics, each with a number of partitions.
    ///
    /// # Errors
    /// [`BrokerError`] names what could not be made.
    pub fn start(topics: &[(&str, i32)]) -> Result<EmbeddedBroker, BrokerError> {
        let failed = |why| BrokerError { what: "start".to_owned(), why };
        let broker = EmbeddedBroker { cluster: MockCluster::new(BROKER).map_err(failed)? };
        for (topic, partitions) in topics {
            broker.create_topic(topic, *partitions)?;
        }
        Ok(broker)
    }

    /// `host:port`, as `bootstrap.servers` wants it.
    pub fn bootstrap_servers(&self) -> String {
        self.cluster.bootstrap_servers()
    }

    /// Makes one more topic.
    ///
    /// # Errors
    /// [`BrokerError`] when it exists.
    pub fn create_topic(&self, topic: &str, partitions: i32) -> Result<(), BrokerError> {
        let failed = |why| BrokerError { what: format!("make the topic {topic}"), why };
        self.cluster.create_topic(topic, partitions, 1).map_err(failed)
    }

    /// Cuts all connections and takes no more, or takes them again.
    ///
    /// # Errors
    /// [`BrokerError`] when the broker does not obey.
    pub fn set_reachable(&self, reachable: bool) -> Result<(), BrokerError> {
        let done = if reachable {
            self.cluster.broker_up(BROKER)
        } else {
            self.cluster.broker_down(BROKER)
        };
        done.map_err(|why| BrokerError { what: "change".to_owned(), why })
    }
}

/// Writes events to a topic, as an application would.
pub struct EventProducer {
    producer: AckedProducer,
}

impl EventProducer {
    /// A producer for brokers at `host:port,…`.
    ///
    /// # Errors
    /// [`ProduceError`] when the client refuses the address.
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

    /// Waits until the brokers have all that was sent.
    ///
    /// # Errors
    /// [`ProduceError`] when they do not in `timeout`.
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
