//! Kafka topics as streams: one consumer, one queue per partition, explicit commits.
//!
//! One thread owns a [`KafkaSource`] and calls [`KafkaSource::poll`] and
//! [`KafkaSource::drain`] in turn. `poll` serves the group and tells what happened; `drain`
//! hands out one partition's records without waiting. A partition that is not drained fills
//! its share of the library's queue (`queued.max.messages.kbytes`) and then stays in Kafka:
//! that is the backpressure.
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

/// Longest wait for an answer about offsets or topics.
pub const QUERY_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest time [`KafkaSource::close`] takes. The group notices a silent member by itself.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);
/// A failed query, or a proof of emptiness that does not come, is tried again after this.
pub const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// Time for which an assignment must stand before a member that wants to be alone judges it.
pub const SETTLE_INTERVAL: Duration = Duration::from_secs(3);

/// Connection settings.
#[derive(Clone)]
pub struct KafkaSettings {
    /// Names from [`properties::ALLOWED_PROPERTIES`] and their values.
    pub properties: Vec<(String, String)>,
    /// The consumer group.
    pub group: String,
    /// The topics, each at most once; events name them by their place here.
    pub topics: Vec<String>,
    /// Start offset of a partition without a commit.
    pub start: StartOffset,
    /// This member must own every partition of every topic: `mode one`.
    pub alone: bool,
    /// By topic: from where a partition with a commit is read. Where there is none, from where the
    /// commit says.
    pub reach_back: Vec<ReplayStartFn>,
}

/// Start offset of a partition without a commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartOffset {
    /// At the oldest retained record.
    #[default]
    Beginning,
    /// At the next record to come.
    End,
}

/// What [`KafkaSource::poll`] has to tell. `topic` is the place in [`KafkaSettings::topics`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceEvent {
    /// A partition is this member's; its records follow from [`KafkaSource::drain`].
    Assigned {
        /// Which topic.
        topic: usize,
        /// Which partition.
        partition: i32,
        /// Commit of the last owner; `None` for a new partition or an unreadable text.
        commit: Option<CommitPoint>,
        /// The offset reading starts at.
        start: i64,
    },
    /// A partition goes to another member. It is given up at the next `poll`: what is
    /// committed before that still counts, and nothing more is drained.
    Revoked {
        /// Which topic.
        topic: usize,
        /// Which partition.
        partition: i32,
    },
    /// Retained records end before the wanted one, or the topic was made anew. Reading goes
    /// on at `available`.
    Lost {
        /// Which topic.
        topic: usize,
        /// Which partition.
        partition: i32,
        /// The offset that should have been read next.
        wanted: i64,
        /// The oldest that can be read. `available - wanted` records were lost; where that is
        /// negative, the topic was made anew and nobody knows how many.
        available: i64,
    },
    /// Another member shares the group, and the settings say `alone`.
    NotAlone {
        /// Partitions this member owns.
        owned: usize,
        /// Partitions there are.
        partitions: usize,
    },
    /// Something does not work and is tried again: broker or topic by name, in words.
    Trouble(String),
    /// After trouble with the brokers, one has answered.
    Recovered,
}

/// Why the source cannot be used.
#[derive(Debug)]
pub enum KafkaError {
    /// A property may not be set.
    Property(PropertyError),
    /// The topics are none, or one is named twice.
    Topics {
        /// Problem with them.
        why: &'static str,
    },
    /// The library refuses the configuration.
    Connect {
        /// Its words.
        why: String,
    },
    /// A commit was not acknowledged: what it says holds for none of its partitions.
    Commit {
        /// The group.
        group: String,
        /// The library's words.
        why: String,
    },
    /// The group did not let go in [`CLOSE_TIMEOUT`]; it will notice by itself.
    Close {
        /// The group.
        group: String,
    },
}

/// A member of a consumer group that reads some topics.
pub struct KafkaSource {
    settings: KafkaSettings,
    consumer: Arc<BaseConsumer<EventContext>>,
    partitions: BTreeMap<(usize, i32), Partition>,
    /// Partitions that were given up, and the next offset of each: one that comes back is read on
    /// from there, wherever its commit is. Whoever reads them may be behind it or ahead of it.
    given_up: BTreeMap<(usize, i32), i64>,
    /// Assignment changes that the group asked for and that are not done yet, in order.
    changes: VecDeque<AssignmentChange>,
    /// Partitions revoked by the group: reported to the caller and released at the next `poll`.
    leaving: Vec<(String, i32)>,
    /// Events from outside of `poll`.
    events: Vec<SourceEvent>,
    /// The brokers are in doubt: counts the doubts, so that each proof knows how old it is.
    doubts: u64,
    /// Trouble with the brokers was told, and `Recovered` was not yet.
    troubled: bool,
    /// No query before this, after one failed.
    retry_at: Option<Instant>,
    /// Instant at which to judge whether this member is alone.
    evaluate_at: Option<Instant>,
    unreadable_commits: u64,
}

impl KafkaSource {
    /// Joins the group. Brokers that cannot be reached are trouble later, not an error here.
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

    /// Serves the group for at most `timeout` and tells what happened. Call it at least every
    /// few seconds, records or not: a member that does not poll is thought dead.
    pub fn poll(&mut self, timeout: Duration) -> Vec<SourceEvent> {
        self.give_up_revoked();
        if let Some(Ok(message)) = self.consumer.poll(timeout) {
            // Partitions have queues of their own, so this one was fetched before its queue
            // was set up. It is not lost: the partition is read from there again.
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

    /// Hands at most `budget` records of one partition to `each`, without waiting.
    ///
    /// The state is `Empty` only while the broker's word holds that nothing follows the last
    /// record: a record, or doubt about the brokers, ends it, and after a doubt the partition
    /// is fetched anew to hear it again. A partition that is not this member's is `Waiting`.
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
        // Ends and faults stand between records, so they have a bound of their own.
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

    /// Writes how far partitions are done, all in one request, and waits for the answer.
    ///
    /// # Errors
    /// [`KafkaError::Commit`] when the group did not acknowledge all of it: brokers away, or
    /// a partition that went to another member.
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

    /// Commits this group's offsets could not be read from: replay began at their offset.
    pub fn unreadable_commits(&self) -> u64 {
        self.unreadable_commits
    }

    /// Leaves the group, in at most [`CLOSE_TIMEOUT`].
    ///
    /// # Errors
    /// [`KafkaError::Close`] when it took longer; the library is then left to itself.
    pub fn close(mut self) -> Result<(), KafkaError> {
        if self.leave() {
            Ok(())
        } else {
            Err(KafkaError::Close { group: self.settings.group.clone() })
        }
    }

    /// Leaves the group; whether it let go in time.
    fn leave(&mut self) -> bool {
        self.consumer.context().close();
        self.give_up_revoked();
        self.partitions.clear();
        let deadline = Instant::now() + CLOSE_TIMEOUT;
        // An error says that it is closed already, or broken for good: nothing to wait for.
        let leaving = self.consumer.close_queue().is_ok();
        while leaving && !self.consumer.closed() {
            if Instant::now() > deadline {
                // Dropping it would wait without a limit.
                std::mem::forget(Arc::clone(&self.consumer));
                return false;
            }
            self.consumer.poll(Duration::from_millis(20));
        }
        true
    }

    /// Why a drain ended, once the queue has nothing more at hand.
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
            // A seek to where we are makes the library fetch anew and tell the end again,
            // which it otherwise tells once per offset. Without a timeout it does not wait.
            let offset = Offset::Offset(part.next);
            let begun = self.consumer.seek(name, partition, offset, Duration::ZERO);
            part.ask_anew(begun.is_ok().then_some(doubts));
        }
        ReadState::Waiting
    }

    /// Turns the library's errors into doubts and events.
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

    /// The brokers as configured, for people who must know which ones are meant.
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
    /// As [`KafkaSource::close`]: bounded, unlike the library's own.
    fn drop(&mut self) {
        if !self.consumer.closed() && !self.leave() {
            tracing::warn!(group = self.settings.group, "the consumer group did not let go");
        }
    }
}

impl fmt::Debug for KafkaSettings {
    /// Everything but secrets.
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
