//! The few Kafka requests a harness makes, through the same client library hansho uses.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;

use super::error::{StartError, TopicError};

/// Time that a topic may take from its creation until every partition has a leader.
const TOPIC_MAX: Duration = Duration::from_secs(20);

/// One request's share of that.
const ASK_MAX: Duration = Duration::from_millis(500);

/// A consumer that reads every topic from its beginning and commits nothing.
///
/// # Errors
/// When the client library refuses the settings.
pub fn reader(bootstrap: &str, group: &str) -> Result<BaseConsumer, StartError> {
    settings(bootstrap)
        .set("group.id", group)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .create()
        .map_err(|error| StartError::Client(error.to_string()))
}

/// Client settings for loopback: connect again soon, and keep the library's own log lines
/// about a broker that is not up yet out of the test's output.
pub fn settings(bootstrap: &str) -> ClientConfig {
    let mut settings = ClientConfig::new();
    settings
        .set("bootstrap.servers", bootstrap)
        .set("broker.address.family", "v4")
        .set("reconnect.backoff.ms", "20")
        .set("reconnect.backoff.max.ms", "100")
        .set("log_level", "0");
    settings
}

/// True when a broker answers within `wait`.
pub(super) fn has_broker(asking: &BaseConsumer, wait: Duration) -> bool {
    asking.fetch_metadata(None, wait).is_ok_and(|answer| !answer.brokers().is_empty())
}

/// Creates a topic and waits until each of its partitions has a leader. One that exists with
/// as many partitions is fine.
///
/// # Errors
/// When the broker refuses it, or some partition has no leader after 20 s.
pub(super) fn create_topic(bootstrap: &str, name: &str, partitions: i32) -> Result<(), TopicError> {
    let refused = |reason: String| TopicError::Refused(name.to_owned(), reason);
    let admin: AdminClient<DefaultClientContext> =
        settings(bootstrap).create().map_err(|error| refused(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|error| refused(error.to_string()))?;
    let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
    let options = AdminOptions::new().operation_timeout(Some(TOPIC_MAX));
    let answers = runtime
        .block_on(admin.create_topics([&topic], &options))
        .map_err(|error| refused(error.to_string()))?;
    for answer in answers {
        match answer {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(refused(code.to_string())),
        }
    }
    wait_for_leaders(bootstrap, name, partitions)
}

/// Asks for the topic until all its partitions have a leader.
pub(super) fn wait_for_leaders(
    bootstrap: &str,
    name: &str,
    partitions: i32,
) -> Result<(), TopicError> {
    let refused = |error: StartError| TopicError::Refused(name.to_owned(), error.to_string());
    let asking = reader(bootstrap, "hansho-harness").map_err(refused)?;
    let wanted = usize::try_from(partitions).unwrap_or(0);
    let deadline = Instant::now() + TOPIC_MAX;
    let mut led = 0;
    while Instant::now() < deadline {
        let Ok(answer) = asking.fetch_metadata(Some(name), ASK_MAX) else {
            continue;
        };
        let of_topic = answer.topics().iter().flat_map(|topic| topic.partitions());
        led = of_topic.filter(|partition| partition.leader() >= 0).count();
        if led == wanted {
            return Ok(());
        }
    }
    Err(TopicError::Leaderless { topic: name.to_owned(), led, wanted })
}
