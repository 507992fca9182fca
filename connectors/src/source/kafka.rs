//! Kafka topics as streams: one consumer, one queue per partition, explicit commits.
//!
//! One thread owns a [`KafkaSource`] and calls [`KafkaSource::poll`] and [`KafkaSource::drain`] in
//! turn. `poll` serves the group and returns events; `drain` passes the records of one partition
//! without waiting. Backpressure: a partition that is not drained fills its share of the library's
//! queue (`queued.max.messages.kbytes`), after which its records stay in Kafka.
//!
//! Never `StreamConsumer` with split queues: it loses wake-ups (rust-rdkafka #840).

mod assignment;
mod context;
mod partition;
pub mod properties;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::event::Record;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::commit::{CommitPoint, ReplayStartFn};
use crate::source::{DrainProgress, OversizedRecord, ReadState};
use context::{AssignmentChange, ClientEvent, EventContext};
use partition::{Partition, QueuePoll};
use properties::PropertyError;

/// Timeout of a query for offsets or topics.
pub const QUERY_TIMEOUT: Duration = Duration::from_secs(2);
/// Timeout of [`KafkaSource::close`]; a member that does not leave is removed by the group's
/// session timeout.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);
/// Interval between retries of a failed query, or of a fetch that awaits proof of the end.
pub const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// Time for which an assignment must be stable before `alone` is checked.
pub const SETTLE_INTERVAL: Duration = Duration::from_secs(3);

/// Connection settings.
#[derive(Clone)]
pub struct KafkaSettings {
    /// Names from [`properties::ALLOWED_PROPERTIES`] and their values.
    pub properties: Vec<(String, String)>,
    /// Name of the consumer group.
    pub group: String,
    /// Names of the topics, each at most once; events refer to them by index.
    pub topics: Vec<String>,
    /// Start offset of a partition without a commit.
    pub start: StartOffset,
    /// True when this member must own every partition of every topic: `mode one`.
    pub alone: bool,
    /// Function by topic index that returns the replay start of a partition with a commit; without
    /// one, the commit decides.
    pub reach_back: Vec<ReplayStartFn>,
}

/// Start offset of a partition without a commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartOffset {
    /// Oldest retained record.
    #[default]
    Beginning,
    /// Next record to be written.
    End,
}

/// Event of [`KafkaSource::poll`]; `topic` is the index in [`KafkaSettings::topics`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceEvent {
    /// A partition was assigned to this member; [`KafkaSource::drain`] returns its records.
    Assigned {
        /// Index of the topic.
        topic: usize,
        /// Number of the partition.
        partition: i32,
        /// Commit of the last owner; `None` for a new partition or an unreadable commit.
        commit: Option<CommitPoint>,
        /// Offset at which reading starts.
        start: i64,
    },
    /// A partition was revoked and is released at the next `poll`: commits before that are valid,
    /// and it is not drained any more.
    Revoked {
        /// Index of the topic.
        topic: usize,
        /// Number of the partition.
        partition: i32,
    },
    /// Records were lost, because they are not retained or the topic was recreated. Reading resumes
    /// at `available`.
    Lost {
        /// Index of the topic.
        topic: usize,
        /// Number of the partition.
        partition: i32,
        /// Offset that was due next.
        wanted: i64,
        /// Oldest readable offset. `available - wanted` records were lost; a negative number means
        /// that the topic was recreated and the number is unknown.
        available: i64,
    },
    /// Another member is in the group, although the settings require `alone`.
    NotAlone {
        /// Number of partitions that this member owns.
        owned: usize,
        /// Number of all partitions.
        partitions: usize,
    },
    /// Failure that is retried; the text names broker or topic.
    Trouble(String),
    /// A broker answered after a failure.
    Recovered,
}

/// Error of the source.
#[derive(Debug)]
pub enum KafkaError {
    /// A property that must not be set.
    Property(PropertyError),
    /// The list of topics is empty or has duplicates.
    Topics {
        /// Description of the problem.
        why: &'static str,
    },
    /// librdkafka rejects the configuration.
    Connect {
        /// Error text of librdkafka.
        why: String,
    },
    /// A commit was not acknowledged and holds for none of its partitions.
    Commit {
        /// Name of the consumer group.
        group: String,
        /// Error text of librdkafka.
        why: String,
    },
    /// The member did not leave the group within [`CLOSE_TIMEOUT`]; the session timeout removes it.
    Close {
        /// Name of the consumer group.
        group: String,
    },
}

/// Member of a consumer group that reads some topics.
pub struct KafkaSource {
    settings: KafkaSettings,
    consumer: Arc<BaseConsumer<EventContext>>,
    partitions: BTreeMap<(usize, i32), Partition>,
    /// Next offset of each released partition: a partition that is assigned again resumes there,
    /// wherever its commit is, as the commit may be behind or ahead.
    given_up: BTreeMap<(usize, i32), i64>,
    /// Assignment changes that the group requested and that are pending, in order.
    changes: VecDeque<AssignmentChange>,
    /// Partitions revoked by the group: reported to the caller and released at the next `poll`.
    leaving: Vec<(String, i32)>,
    /// Events that arose outside of `poll`.
    events: Vec<SourceEvent>,
    /// Number of broker failures so far, which dates each proof of the end of a partition.
    doubts: u64,
    /// True when `Trouble` was reported and `Recovered` was not yet.
    troubled: bool,
    /// Earliest instant of the next query after a failed one.
    retry_at: Option<Instant>,
    /// Instant of the check that this member is alone.
    evaluate_at: Option<Instant>,
    unreadable_commits: u64,
}

impl KafkaSource {
    /// Joins the group. Unreachable brokers are reported as events, not as an error here.
    ///
    /// # Errors
    /// [`KafkaError`] for settings that can never work.
    pub fn connect(settings: &KafkaSettings) -> Result<KafkaSource, KafkaError> {
        let topics: Vec<&str> = settings.topics.iter().map(String::as_str).collect();
        let mut sorted = topics.clone();
        sorted.sort_unstable();
        sorted.dedup();
        if topics.is_empty() || sorted.len() != topics.len() {
            return Err(KafkaError::Topics { why: "name at least one topic, each once" });
        }
        if topics.iter().any(|topic| topic.is_empty() || topic.starts_with('^')) {
            return Err(KafkaError::Topics { why: "a topic is a name, not a pattern" });
        }
        let refused = |error: ClientError| KafkaError::Connect { why: error.to_string() };
        let config = properties::consumer_config(&settings.properties, &settings.group)
            .map_err(KafkaError::Property)?;
        let consumer: BaseConsumer<EventContext> =
            config.create_with_context(EventContext::default()).map_err(refused)?;
        consumer.subscribe(&topics).map_err(refused)?;
        Ok(KafkaSource {
            settings: settings.clone(),
            consumer: Arc::new(consumer),
            partitions: BTreeMap::new(),
            given_up: BTreeMap::new(),
            changes: VecDeque::new(),
            leaving: Vec::new(),
            events: Vec::new(),
            doubts: 0,
            troubled: false,
            retry_at: None,
            evaluate_at: None,
            unreadable_commits: 0,
        })
    }

    /// Serves the group for at most `timeout` and returns the events. Must be called every few
    /// seconds even without records: the group removes a member that does not poll.
    pub fn poll(&mut self, timeout: Duration) -> Vec<SourceEvent> {
        self.give_up_revoked();
        if let Some(Ok(message)) = self.consumer.poll(timeout) {
            // A record fetched before its partition's queue was split. It is not lost: the
            // partition is fetched again from its offset.
            let (name, partition) = (message.topic().to_owned(), message.partition());
            self.reread(&name, partition);
        }
        self.changes.extend(self.consumer.context().take_changes());
        self.read_notes();
        if self.may_query() {
            self.follow_changes();
            self.skip_lost();
            self.evaluate_alone();
        }
        std::mem::take(&mut self.events)
    }

    /// Passes at most `budget` records of one partition to `each`, without waiting.
    ///
    /// The state is `Empty` only while the broker's proof that no record follows is valid: a record
    /// or a broker failure invalidates it, and after a failure the partition is fetched again to
    /// renew it. A partition that is not assigned to this member is `Waiting`.
    pub fn drain(
        &mut self,
        topic: usize,
        partition: i32,
        budget: usize,
        mut each: impl FnMut(Result<Record<'_>, OversizedRecord>),
    ) -> DrainProgress {
        let mut read = 0;
        let Some(part) = self.partitions.get_mut(&(topic, partition)) else {
            return DrainProgress { read, state: ReadState::Waiting };
        };
        let mut looks = 0;
        // Ends and errors are interleaved with records, so they have a limit of their own.
        while read < budget && looks <= budget.saturating_mul(2) && !part.revoked {
            looks += 1;
            match part.poll_queue(partition, &mut each) {
                QueuePoll::Record => read += 1,
                QueuePoll::End | QueuePoll::Fault => {}
                QueuePoll::Nothing => break,
            }
        }
        let full = read == budget || looks > budget.saturating_mul(2);
        self.read_notes();
        let state = self.read_state(topic, partition, full);
        DrainProgress { read, state }
    }

    /// Commits partitions in one request and waits for the response.
    ///
    /// # Errors
    /// [`KafkaError::Commit`] when the group did not acknowledge the whole request: brokers are
    /// unreachable, or a partition was reassigned.
    pub fn commit(&self, points: &[(usize, i32, CommitPoint)]) -> Result<(), KafkaError> {
        let failed = |error: ClientError| KafkaError::Commit {
            group: self.settings.group.clone(),
            why: error.to_string(),
        };
        let mut list = TopicPartitionList::with_capacity(points.len());
        for (topic, partition, point) in points {
            let Some(name) = self.settings.topics.get(*topic) else {
                continue;
            };
            let mut element = list.add_partition(name, *partition);
            element.set_offset(Offset::Offset(point.position)).map_err(failed)?;
            element.set_metadata(point.encode());
        }
        if list.count() == 0 {
            return Ok(());
        }
        self.consumer.commit(&list, CommitMode::Sync).map_err(failed)?;
        list.elements().iter().try_for_each(|element| element.error().map_err(failed))
    }

    /// Number of commits with unreadable metadata; replay started at their offset.
    pub fn unreadable_commits(&self) -> u64 {
        self.unreadable_commits
    }

    /// Leaves the group, in at most [`CLOSE_TIMEOUT`].
    ///
    /// # Errors
    /// [`KafkaError::Close`] on a timeout; the client is then leaked.
    pub fn close(mut self) -> Result<(), KafkaError> {
        if self.leave() {
            Ok(())
        } else {
            Err(KafkaError::Close { group: self.settings.group.clone() })
        }
    }

    /// Leaves the group; returns true if that completed in time.
    fn leave(&mut self) -> bool {
        self.consumer.context().close();
        self.give_up_revoked();
        self.partitions.clear();
        let deadline = Instant::now() + CLOSE_TIMEOUT;
        // An error means that it is closed or broken: no wait is needed.
        let leaving = self.consumer.close_queue().is_ok();
        while leaving && !self.consumer.closed() {
            if Instant::now() > deadline {
                // Drop would wait without a limit.
                std::mem::forget(Arc::clone(&self.consumer));
                return false;
            }
            self.consumer.poll(Duration::from_millis(20));
        }
        true
    }

    /// Returns the state of a partition whose queue is empty.
    fn read_state(&mut self, topic: usize, partition: i32, full: bool) -> ReadState {
        let (doubts, name) = (self.doubts, self.settings.topics.get(topic));
        let (Some(part), Some(name)) = (self.partitions.get_mut(&(topic, partition)), name) else {
            return ReadState::Waiting;
        };
        if full {
            return ReadState::More;
        }
        if part.ended && part.asked == doubts {
            return ReadState::Empty;
        }
        let doubtful = part.asked != doubts && part.asked_at.elapsed() >= RETRY_INTERVAL;
        if doubtful && !part.revoked && !part.out_of_range {
            // A seek to the current offset makes librdkafka fetch again and repeat its
            // end-of-partition event, which it otherwise sends once per offset. Without a timeout
            // the call does not wait.
            let offset = Offset::Offset(part.next);
            let begun = self.consumer.seek(name, partition, offset, Duration::ZERO);
            part.ask_anew(begun.is_ok().then_some(doubts));
        }
        ReadState::Waiting
    }

    /// Converts the errors of librdkafka to failures and events.
    fn read_notes(&mut self) {
        for ClientEvent { code, text } in self.consumer.context().take_notes() {
            if code == Some(RDKafkaErrorCode::AutoOffsetReset) {
                continue;
            }
            self.doubts += 1;
            let topic = matches!(
                code,
                Some(
                    RDKafkaErrorCode::UnknownTopicOrPartition
                        | RDKafkaErrorCode::UnknownTopic
                        | RDKafkaErrorCode::TopicAuthorizationFailed
                )
            );
            self.troubled |= !topic;
            let servers = self.servers();
            match topic || text.contains(servers) {
                true => self.trouble(text),
                false => self.trouble(format!("Kafka at {servers}: {text}")),
            }
        }
    }

    /// Returns the configured brokers, for messages.
    fn servers(&self) -> &str {
        let named = self.settings.properties.iter().find(|(name, _)| name == "bootstrap.servers");
        named.map_or("?", |(_, servers)| servers)
    }

    fn trouble(&mut self, text: String) {
        let event = SourceEvent::Trouble(text);
        if !self.events.contains(&event) {
            self.events.push(event);
        }
    }
}

impl Drop for KafkaSource {
    /// Leaves the group as [`KafkaSource::close`] does: bounded, unlike librdkafka's own drop.
    fn drop(&mut self) {
        if !self.consumer.closed() && !self.leave() {
            tracing::warn!(group = self.settings.group, "the consumer group did not let go");
        }
    }
}

impl fmt::Debug for KafkaSettings {
    /// Shows everything but secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSettings")
            .field("properties", &properties::RedactedProperties(&self.properties))
            .field("group", &self.group)
            .field("topics", &self.topics)
            .field("start", &self.start)
            .field("alone", &self.alone)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for KafkaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KafkaError::Property(error) => error.fmt(f),
            KafkaError::Topics { why } => write!(f, "the topics cannot be read: {why}"),
            KafkaError::Connect { why } => {
                write!(f, "Kafka's client refuses the properties: {why}")
            }
            KafkaError::Commit { group, why } => {
                write!(f, "the commit of group {group} was not acknowledged: {why}")
            }
            KafkaError::Close { group } => {
                let seconds = CLOSE_TIMEOUT.as_secs();
                write!(f, "group {group} did not let go within {seconds} s; it will by itself")
            }
        }
    }
}

impl std::error::Error for KafkaError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            KafkaError::Property(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
