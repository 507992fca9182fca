//! Assignment and revocation of partitions: start offsets, lost records, other members.

use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError as ClientError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList, TopicPartitionListElem};

use super::context::{AssignmentChange, EventContext};
use super::partition::Partition;
use super::{
    KafkaSource, QUERY_TIMEOUT, RETRY_INTERVAL, SETTLE_INTERVAL, SourceEvent, StartOffset,
};
use crate::commit::{CommitError, CommitPoint, ReplayStart};

/// Start offset of one partition, and its reason.
pub(super) struct PartitionOpening {
    pub(super) topic: usize,
    pub(super) partition: i32,
    pub(super) commit: Option<CommitPoint>,
    /// Wanted start offset, where it is not available.
    pub(super) wanted: Option<i64>,
    pub(super) start: i64,
}

/// Commit that a member left for one partition.
enum LeftPosition {
    Nothing,
    Point(CommitPoint),
    /// Offset with unreadable metadata.
    Offset(i64, CommitError),
}

impl KafkaSource {
    /// Returns true when brokers may be queried: not shortly after a failure.
    pub(super) fn may_query(&mut self) -> bool {
        if self.retry_at.is_some_and(|at| Instant::now() < at) {
            return false;
        }
        self.retry_at = None;
        if self.troubled {
            let topic = self.settings.topics.first().map(String::as_str);
            match self.consumer.fetch_metadata(topic, QUERY_TIMEOUT / 10) {
                Ok(_) => {
                    self.troubled = false;
                    self.events.push(SourceEvent::Recovered);
                }
                Err(_) => self.retry_at = Some(Instant::now() + RETRY_INTERVAL),
            }
        }
        !self.troubled
    }

    /// Releases the partitions reported as revoked at the last `poll`.
    pub(super) fn give_up_revoked(&mut self) {
        if self.leaving.is_empty() {
            return;
        }
        let leaving = std::mem::take(&mut self.leaving);
        let list = partition_list(&leaving);
        let revoked = self.partitions.extract_if(.., |_, part| part.revoked);
        self.given_up.extend(revoked.map(|(place, part)| (place, part.next)));
        if let Err(error) = self.consumer.incremental_unassign(&list) {
            self.trouble(format!("partitions could not be given up: {error}"));
        }
    }

    /// Executes pending assignment changes in order; stops at the first that has to wait.
    pub(super) fn follow_changes(&mut self) {
        while let Some(change) = self.changes.front() {
            match change {
                AssignmentChange::Assign(pairs) => {
                    let pairs = pairs.clone();
                    if let Err(error) = self.take_over(&pairs) {
                        let group = &self.settings.group;
                        let text = format!("group {group}: cannot take over partitions: {error}");
                        self.later(text);
                        return;
                    }
                }
                AssignmentChange::Revoke(pairs) => {
                    let pairs = pairs.clone();
                    self.report_revoked(pairs);
                }
            }
            self.changes.pop_front();
            self.evaluate_at = Some(Instant::now() + SETTLE_INTERVAL);
            if !self.leaving.is_empty() {
                // Revoked partitions are released at the next poll; the other changes follow after
                // that.
                return;
            }
        }
    }

    /// Reports partitions that will be released.
    pub(super) fn report_revoked(&mut self, pairs: Vec<(String, i32)>) {
        for (name, partition) in &pairs {
            let Some(topic) = self.topic(name) else {
                continue;
            };
            if let Some(part) = self.partitions.get_mut(&(topic, *partition)) {
                part.revoked = true;
                self.events.push(SourceEvent::Revoked { topic, partition: *partition });
            }
        }
        self.leaving = pairs;
    }

    /// Starts partitions at the offset where this member released them, or else at the replay start
    /// of their last commit.
    fn take_over(&mut self, pairs: &[(String, i32)]) -> Result<(), ClientError> {
        let mut openings = Vec::with_capacity(pairs.len());
        for (name, partition, left) in self.committed(pairs)? {
            let Some(topic) = self.topic(&name) else {
                continue;
            };
            let (low, high) = self.consumer.fetch_watermarks(&name, partition, QUERY_TIMEOUT)?;
            let reach = match self.given_up.get(&(topic, partition)) {
                Some(next) => ReplayStart::Offset(*next),
                None => self.reach(topic, partition, &left),
            };
            let reached = self.reached_back(&name, partition, reach)?;
            let known = if let ReplayStart::Offset(offset) = reach { Some(offset) } else { None };
            let mut opening = self.opening(topic, partition, left, known, low..=high);
            opening.start = reached.map_or(opening.start, |at| opening.start.min(at.max(low)));
            openings.push(opening);
        }
        self.open(openings)
    }

    /// Returns the commits of the last owners, by partition.
    fn committed(
        &self,
        pairs: &[(String, i32)],
    ) -> Result<Vec<(String, i32, LeftPosition)>, ClientError> {
        if pairs.is_empty() {
            return Ok(Vec::new());
        }
        let list = partition_list(pairs);
        let list = self.consumer.committed_offsets(list, QUERY_TIMEOUT)?;
        let elements = list.elements();
        let read = |element: &TopicPartitionListElem<'_>| {
            element.error()?;
            Ok((element.topic().to_owned(), element.partition(), left_behind(element)))
        };
        elements.iter().map(read).collect()
    }

    /// Returns the replay start of a partition with this commit.
    fn reach(&self, topic: usize, partition: i32, left: &LeftPosition) -> ReplayStart {
        match (left, self.settings.reach_back.get(topic)) {
            (LeftPosition::Point(point), Some(reach)) => reach(partition, point),
            _ => ReplayStart::Committed,
        }
    }

    /// Returns the first offset with a log timestamp from `Since` on; `None` for other replay
    /// starts, and if every record is older.
    fn reached_back(
        &self,
        name: &str,
        partition: i32,
        reach: ReplayStart,
    ) -> Result<Option<i64>, ClientError> {
        let ReplayStart::Since(since) = reach else { return Ok(None) };
        let mut wanted = TopicPartitionList::new();
        wanted.add_partition_offset(name, partition, Offset::Offset(since.max(0)))?;
        let found = self.consumer.offsets_for_times(wanted, QUERY_TIMEOUT)?;
        let offset = found.elements().first().map(TopicPartitionListElem::offset);
        Ok(match offset {
            Some(Offset::Offset(offset)) => Some(offset),
            _ => None,
        })
    }

    /// Determines the start offset of a partition from its commit, the known next offset and the
    /// range of retained offsets.
    fn opening(
        &mut self,
        topic: usize,
        partition: i32,
        left: LeftPosition,
        known: Option<i64>,
        retained: RangeInclusive<i64>,
    ) -> PartitionOpening {
        let (commit, wanted) = match (left, known) {
            (LeftPosition::Point(point), known) => {
                (Some(point), known.unwrap_or(point.replay_from))
            }
            (LeftPosition::Nothing | LeftPosition::Offset(..), Some(known)) => (None, known),
            (LeftPosition::Offset(offset, error), None) => {
                self.unreadable_commits += 1;
                let name = self.settings.topics.get(topic).map_or("", String::as_str);
                let text = format!(
                    "topic {name} partition {partition}: {error}; reading from offset {offset} \
                     without what came before it"
                );
                self.trouble(text);
                (None, offset)
            }
            (LeftPosition::Nothing, None) => match self.settings.start {
                StartOffset::Beginning => (None, *retained.start()),
                StartOffset::End => (None, *retained.end()),
            },
        };
        let readable = retained.contains(&wanted);
        let start = if readable { wanted } else { *retained.start() };
        PartitionOpening { topic, partition, commit, wanted: (!readable).then_some(wanted), start }
    }

    /// Assigns partitions with queues of their own and reports each.
    pub(super) fn open(&mut self, openings: Vec<PartitionOpening>) -> Result<(), ClientError> {
        let mut list = TopicPartitionList::with_capacity(openings.len());
        let mut queues = Vec::with_capacity(openings.len());
        for opening in &openings {
            let Some(name) = self.settings.topics.get(opening.topic) else {
                continue;
            };
            let offset = Offset::Offset(opening.start);
            list.add_partition_offset(name, opening.partition, offset)?;
            // The queue is split before the assignment: later it would miss records fetched until
            // then.
            let queue = self.consumer.split_partition_queue(name, opening.partition);
            queues.push(queue.ok_or(ClientError::Canceled)?);
        }
        // An empty assignment is confirmed too: the group waits for it.
        self.consumer.incremental_assign(&list)?;
        for (opening, queue) in openings.into_iter().zip(queues) {
            let PartitionOpening { topic, partition, commit, wanted, start } = opening;
            let part = Partition {
                queue,
                next: start,
                ended: false,
                asked: self.doubts,
                asked_at: Instant::now(),
                out_of_range: false,
                revoked: false,
            };
            self.partitions.insert((topic, partition), part);
            self.events.push(SourceEvent::Assigned { topic, partition, commit, start });
            // Reported after `Assigned`: only its commit shows which of the lost records had been
            // read.
            if let Some(wanted) = wanted {
                self.events.push(SourceEvent::Lost { topic, partition, wanted, available: start });
            }
        }
        Ok(())
    }

    /// Resumes at the oldest retained record and reports what was lost.
    pub(super) fn skip_lost(&mut self) {
        let lost: Vec<(usize, i32, i64)> = self
            .partitions
            .iter()
            .filter(|(_, part)| part.out_of_range && !part.revoked)
            .map(|((topic, partition), part)| (*topic, *partition, part.next))
            .collect();
        for (topic, partition, wanted) in lost {
            let Some(name) = self.settings.topics.get(topic).cloned() else {
                continue;
            };
            let found = self.consumer.fetch_watermarks(&name, partition, QUERY_TIMEOUT);
            let moved = found.and_then(|(low, high)| {
                // Within the range after all: the earlier response was stale.
                let available = if (low..=high).contains(&wanted) { wanted } else { low };
                self.restart(topic, partition, available).map(|()| available)
            });
            match moved {
                Ok(available) if available != wanted => {
                    self.events.push(SourceEvent::Lost { topic, partition, wanted, available });
                }
                Ok(_) => {}
                Err(error) => {
                    let text = format!("topic {name} partition {partition}: no offset: {error}");
                    self.later(text);
                }
            }
        }
    }

    /// Fetches a partition again from the next offset of its queue.
    pub(super) fn reread(&mut self, name: &str, partition: i32) {
        let Some(topic) = self.topic(name) else {
            return;
        };
        let Some(part) = self.partitions.get(&(topic, partition)) else {
            return;
        };
        let next = part.next;
        if let Err(error) = self.restart(topic, partition, next) {
            self.later(format!("topic {name} partition {partition}: cannot read on: {error}"));
        }
    }

    /// Reassigns one partition at an offset, with a new queue.
    fn restart(&mut self, topic: usize, partition: i32, offset: i64) -> Result<(), ClientError> {
        let doubts = self.doubts;
        let name = self.settings.topics.get(topic).ok_or(ClientError::Canceled)?;
        let part = self.partitions.get_mut(&(topic, partition)).ok_or(ClientError::Canceled)?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(name, partition, Offset::Offset(offset))?;
        if let Err(error) = self.consumer.incremental_unassign(&list) {
            // After an incomplete attempt it is not assigned; if it is, the assignment below fails.
            tracing::debug!("{name}/{partition} was not assigned: {error}");
        }
        let queue = self.consumer.split_partition_queue(name, partition);
        part.queue = queue.ok_or(ClientError::Canceled)?;
        self.consumer.incremental_assign(&list)?;
        part.next = offset;
        part.out_of_range = false;
        part.ask_anew(Some(doubts));
        Ok(())
    }

    /// Reports if this member requires to be alone and is not.
    pub(super) fn evaluate_alone(&mut self) {
        if !self.settings.alone || self.evaluate_at.is_none_or(|at| Instant::now() < at) {
            return;
        }
        self.evaluate_at = None;
        let partitions = match count_partitions(&self.consumer, &self.settings.topics) {
            Ok(partitions) => partitions,
            Err(error) => {
                self.evaluate_at = Some(Instant::now() + SETTLE_INTERVAL);
                return self.later(format!("cannot count the topics' partitions: {error}"));
            }
        };
        let owned = self.partitions.len();
        if owned < partitions {
            self.events.push(SourceEvent::NotAlone { owned, partitions });
        }
    }

    /// Reports a broker failure and schedules the next query.
    fn later(&mut self, text: String) {
        self.trouble(text);
        self.retry_at = Some(Instant::now() + RETRY_INTERVAL);
    }

    fn topic(&self, name: &str) -> Option<usize> {
        self.settings.topics.iter().position(|topic| topic == name)
    }
}

fn partition_list(pairs: &[(String, i32)]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(pairs.len());
    for (name, partition) in pairs {
        list.add_partition(name, *partition);
    }
    list
}

fn left_behind(element: &TopicPartitionListElem<'_>) -> LeftPosition {
    let Offset::Offset(offset) = element.offset() else {
        return LeftPosition::Nothing;
    };
    // The client panics on metadata that is not UTF-8, which any program may have written.
    let text = catch_unwind(AssertUnwindSafe(|| element.metadata().to_owned()));
    let point = text.map_err(|_| CommitError::Foreign).and_then(|text| CommitPoint::parse(&text));
    match point {
        Ok(point) if point.position == offset => LeftPosition::Point(point),
        Ok(_) => LeftPosition::Offset(offset, CommitError::Damaged),
        Err(error) => LeftPosition::Offset(offset, error),
    }
}

/// Counts the partitions of all topics; a topic that does not exist yet has none.
fn count_partitions(
    consumer: &BaseConsumer<EventContext>,
    topics: &[String],
) -> Result<usize, ClientError> {
    topics.iter().try_fold(0, |count, topic| {
        let metadata = consumer.fetch_metadata(Some(topic), QUERY_TIMEOUT)?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        Ok(count + found.map_or(0, |found| found.partitions().len()))
    })
}
