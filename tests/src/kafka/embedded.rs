//! The broker that stands in where no real one can be started.

use connectors::broker::EmbeddedBroker;

use super::client;
use super::error::{StartError, TopicError};

/// An embedded broker. Topics come into being when they are first asked for, with the number
/// of partitions its maker chose.
pub struct InProcessBroker(EmbeddedBroker);

impl InProcessBroker {
    pub(super) fn start(topics: &[(&str, i32)]) -> Result<InProcessBroker, StartError> {
        EmbeddedBroker::start(topics)
            .map(InProcessBroker)
            .map_err(|error| StartError::Client(error.to_string()))
    }

    pub(super) fn bootstrap(&self) -> String {
        self.0.bootstrap_servers().to_string()
    }

    pub(super) fn create_topic(&self, name: &str, partitions: i32) -> Result<(), TopicError> {
        client::wait_for_leaders(&self.bootstrap(), name, partitions)
    }
}
