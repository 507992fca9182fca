//! Why Kafka or a topic is not there.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why no broker could be started.
#[derive(Debug)]
pub enum StartError {
    /// The pom names no Kafka version.
    Pom,
    /// A program is not there: its name and what the system said.
    Missing(&'static str, String),
    /// A folder cannot be written.
    Folder(PathBuf, io::Error),
    /// No free loopback port.
    Port(io::Error),
    /// Maven did not bring the artifacts.
    Fetch(String),
    /// Storage could not be formatted.
    Format(String),
    /// The client library refused its settings, or the embedded broker its topics.
    Client(String),
    /// The node ended; its last lines.
    Ended(String),
    /// The node runs but did not answer in this time.
    Silent(Duration),
}

impl fmt::Display for StartError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Pom => write!(out, "tests/kafka/pom.xml names no <kafka.version>"),
            StartError::Missing(program, said) => {
                write!(out, "{program} cannot be run ({said}); install Java 17 and Maven")
            }
            StartError::Folder(path, error) => {
                write!(out, "{} cannot be written: {error}", path.display())
            }
            StartError::Port(error) => write!(out, "no free loopback port: {error}"),
            StartError::Fetch(said) => {
                write!(out, "mvn could not fetch Kafka; try it by hand in tests/kafka: {said}")
            }
            StartError::Format(said) => write!(out, "storage could not be formatted: {said}"),
            StartError::Client(said) => write!(out, "the Kafka client could not be made: {said}"),
            StartError::Ended(said) => write!(out, "the node ended while starting: {said}"),
            StartError::Silent(waited) => {
                write!(out, "the node did not answer within {} s", waited.as_secs())
            }
        }
    }
}

impl std::error::Error for StartError {}

/// Why a topic is not there.
#[derive(Debug)]
pub enum TopicError {
    /// The broker or the client said no: topic and reason.
    Refused(String, String),
    /// Not all partitions have a leader.
    Leaderless {
        /// The topic.
        topic: String,
        /// Partitions that have a leader.
        led: usize,
        /// Partitions asked for.
        wanted: usize,
    },
}

impl fmt::Display for TopicError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TopicError::Refused(topic, reason) => write!(out, "topic {topic}: {reason}"),
            TopicError::Leaderless { topic, led, wanted } => write!(
                out,
                "topic {topic}: {led} of {wanted} partitions have a leader; \
                 on the embedded broker name the topic in Broker::start_with"
            ),
        }
    }
}

impl std::error::Error for TopicError {}
