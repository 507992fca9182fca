//! A Kafka for scenarios: the real one, or the embedded one where that cannot be had.
//!
//! `TestBroker::start` says on standard error which of the two a test ran on and why. With
//! `CI=true` in the environment there is no standing in: a scenario that claims to have met
//! Apache Kafka has met it.

pub mod artifacts;
pub mod client;
pub mod embedded;
mod error;
pub mod node;

use std::io::{self, Write as _};

use self::embedded::InProcessBroker;
pub use self::error::{StartError, TopicError};
use self::node::RealKafka;

/// A broker on loopback, gone when this is dropped.
pub enum TestBroker {
    /// Apache Kafka in a Java process of its own.
    Real(RealKafka),
    /// The Kafka-protocol broker inside this process.
    Embedded(InProcessBroker),
}

impl TestBroker {
    /// Starts Apache Kafka, or the embedded broker where that fails.
    ///
    /// # Panics
    /// With the reason, when neither starts, or when the real one does not and `CI=true`.
    pub fn start() -> TestBroker {
        TestBroker::start_with(&[])
    }

    /// As `start`, with `(topic, partitions)` created. Tests that may run on the embedded
    /// broker and need more than one partition name their topics here.
    ///
    /// # Panics
    /// As `start`; also when a topic cannot be created.
    pub fn start_with(topics: &[(&str, i32)]) -> TestBroker {
        let broker = match RealKafka::start() {
            Ok(real) => TestBroker::Real(real),
            Err(reason) => TestBroker::stand_in(&reason, topics),
        };
        for (name, partitions) in topics {
            broker.create_topic(name, *partitions).unwrap_or_else(|error| panic!("{error}"));
        }
        broker.announce();
        broker
    }

    fn stand_in(reason: &StartError, topics: &[(&str, i32)]) -> TestBroker {
        let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!in_ci, "CI needs a real Apache Kafka and it did not start: {reason}");
        report(&format!("no real Apache Kafka: {reason}"));
        match InProcessBroker::start(topics) {
            Ok(embedded) => TestBroker::Embedded(embedded),
            Err(error) => {
                panic!("neither Apache Kafka ({reason}) nor the embedded broker: {error}")
            }
        }
    }

    fn announce(&self) {
        report(&match self {
            TestBroker::Real(real) => format!(
                "real Apache Kafka {} at {}, ready in {:.1} s",
                real.version(),
                real.bootstrap(),
                real.ready_in().as_secs_f64()
            ),
            TestBroker::Embedded(_) => format!("embedded broker at {}", self.bootstrap()),
        });
    }

    /// `host:port` for `bootstrap.servers`.
    pub fn bootstrap(&self) -> String {
        match self {
            TestBroker::Real(real) => real.bootstrap(),
            TestBroker::Embedded(embedded) => embedded.bootstrap(),
        }
    }

    /// Creates a topic and waits until each partition has a leader; one that exists is fine.
    /// The embedded broker makes topics when asked for, with its own number of partitions.
    ///
    /// # Errors
    /// When the broker refuses it, or not all partitions have a leader in 20 s.
    pub fn create_topic(&self, name: &str, partitions: i32) -> Result<(), TopicError> {
        match self {
            TestBroker::Real(real) => client::create_topic(&real.bootstrap(), name, partitions),
            TestBroker::Embedded(embedded) => embedded.create_topic(name, partitions),
        }
    }

    /// The real node, for what only it can do: `stop` and `restart`.
    pub fn real(&mut self) -> Option<&mut RealKafka> {
        match self {
            TestBroker::Real(real) => Some(real),
            TestBroker::Embedded(_) => None,
        }
    }
}

/// Writes past libtest's capture, which would hide the line of a test that passed.
fn report(line: &str) {
    let _ = writeln!(io::stderr().lock(), "broker: {line}");
}
