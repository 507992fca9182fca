//! The reader: a machine that reads partitions of all sources in step with each other, publishes
//! watermarks, and commits.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use connectors::commit::CommitPoint;
use connectors::source::ReadState;
use connectors::source::kafka::SourceEvent;
use engine::program_upgrade::SettledStreams;
use engine::resume::ResumePoint;
use engine::rule_state::StateCheckpointPolicy;
use model::meta::MetaAlert;
use model::time::Timestamp;
use tracing::{error, info, warn};

use super::admission::RecordIngester;
use super::dead_letter::DeadLetterQueue;
use super::limits::ReaderLimits;
use super::offset_index::{OffsetIndexes, OffsetTimeIndex};
use super::partition::PartitionState;
use super::replay_requirements::{ReplayRequirements, replay_requirements};
use crate::alert_log::durable_progress::DurableProgress;
use crate::checkpoint::state_log::KeptFrom;
use crate::error::NodeError;
use crate::io::{ClockReading, Sources, StepReadiness, StreamPartition};
use crate::pipeline::PipelineInput;
use crate::rules::loaded::LoadedRules;
use crate::shared::{NodeSettings, NodeShared, RunTotals};
use crate::telemetry::metrics::EventTotals;

/// Records read from one partition before the next has its turn.
const RECORDS_A_TURN: usize = 512;
/// Memory that an observation takes while it waits to be settled, in bytes.
pub const WAITING_BYTES: u64 = 160;

/// Phase of the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReaderPhase {
    Reading,
    /// The pipeline drains.
    Draining,
    /// Everything that it found is committed.
    Drained,
}

/// Reads all partitions of all streams.
pub struct PartitionReader<S> {
    pub(super) source: S,
    pub(super) ingester: RecordIngester,
    pub(super) partitions: BTreeMap<StreamPartition, PartitionState>,
    pub(super) dead_letters: DeadLetterQueue,
    pub(super) durable: Arc<DurableProgress>,
    offset_indexes: Arc<OffsetIndexes>,
    pub(super) shared: NodeShared,
    pub(super) limits: ReaderLimits,
    commit_every_ms: i64,
    pub(super) requirements: Vec<ReplayRequirements>,
    state_checkpoints: Option<StateCheckpointPolicy>,
    /// By stream: the name of its source.
    topics: Vec<String>,
    /// By stream: its name.
    pub(super) streams: Vec<String>,
    pub(super) rules_hash: u64,
    /// By stream: everything up to here was published before this reader began.
    pub(super) published: Vec<Timestamp>,
    /// By stream: something up to here was published before this reader began.
    published_some: Vec<Timestamp>,
    /// Counts of the records that earlier readers of this process read.
    totals_before: EventTotals,
    /// By stream: the published watermark.
    pub(super) marked: Vec<Timestamp>,
    pub(super) committed_at_ms: i64,
    /// Monotonic time of the last checkpoint barrier.
    pub(super) barrier_at_ms: i64,
    /// A checkpoint barrier that found no room in some ring.
    pub(super) pending_barrier: Option<Arc<Vec<u8>>>,
    /// Group events that wait until reading resumes.
    deferred: Vec<SourceEvent>,
    /// True when dead letters could not be written when last tried.
    pub(super) is_dead_letter_log_failing: bool,
    phase: ReaderPhase,
    failure: Option<NodeError>,
}

/// Parts of a reader.
pub(crate) struct ReaderParts<S> {
    /// The sources of all streams.
    pub(crate) source: S,
    /// Decodes, admits and filters.
    pub(crate) ingester: RecordIngester,
    /// Counts of the previous reader.
    pub(crate) totals: RunTotals,
    /// Point up to which the logs hold what the shards found.
    pub(crate) durable: Arc<DurableProgress>,
}

impl<S: Sources> PartitionReader<S> {
    /// A reader of the sources of all streams, which begins at a moment of the clocks.
    pub(crate) fn new(
        parts: ReaderParts<S>,
        rules: &LoadedRules,
        shared: &NodeShared,
        settings: &NodeSettings,
        now: ClockReading,
    ) -> PartitionReader<S> {
        let ReaderParts { source, ingester, totals, durable } = parts;
        let how = settings.pipeline.state_checkpoints;
        let requirements = replay_requirements(rules, how, &KeptFrom::new());
        let topics = source.names().to_vec();
        let streams: Vec<String> = rules.set.streams.iter().map(|it| it.name.clone()).collect();
        let never = || vec![Timestamp(i64::MIN); requirements.len()];
        PartitionReader {
            source,
            ingester,
            partitions: BTreeMap::new(),
            dead_letters: DeadLetterQueue::new(totals.letters, totals.buried, streams.clone()),
            durable,
            offset_indexes: Arc::new(OffsetIndexes::new(topics.clone())),
            shared: shared.clone(),
            limits: settings.reader,
            commit_every_ms: settings.commit_every_ms,
            published: never(),
            published_some: never(),
            marked: never(),
            requirements,
            state_checkpoints: how,
            topics,
            streams,
            rules_hash: rules.program.hash(),
            totals_before: totals.events,
            committed_at_ms: now.monotonic_ms,
            barrier_at_ms: now.monotonic_ms,
            pending_barrier: None,
            deferred: Vec::new(),
            is_dead_letter_log_failing: false,
            phase: ReaderPhase::Reading,
            failure: None,
        }
    }

    /// Follows the group before anything is read; returns the commits of partitions that were
    /// assigned, by stream.
    ///
    /// # Errors
    /// Another member of the group.
    pub(crate) fn follow_assignments(
        &mut self,
        now: ClockReading,
    ) -> Result<Vec<(usize, CommitPoint)>, NodeError> {
        let mut commits = Vec::new();
        for event in self.source.poll() {
            if let SourceEvent::Assigned { topic, commit: Some(commit), .. } = &event {
                commits.push((*topic, *commit));
            }
            self.follow_unread(event, now)?;
        }
        Ok(commits)
    }

    /// Follows the group while nothing is read. What is lost is lost to whoever reads next, which
    /// may be another reader.
    fn follow_unread(&mut self, event: SourceEvent, now: ClockReading) -> Result<(), NodeError> {
        match event {
            SourceEvent::Lost { .. } => {
                self.deferred.push(event);
                Ok(())
            }
            event => self.follow(event, now),
        }
    }

    /// Assignment: whether any partition is assigned, and whether every stream has one.
    pub(crate) fn assigned(&self) -> (bool, bool) {
        let has_partition = |stream| self.partitions.keys().any(|(of, _)| *of == stream);
        (!self.partitions.is_empty(), (0..self.streams.len()).all(has_partition))
    }

    /// Continues where an earlier run has published everything up to `published`, and something
    /// up to `published_some`; what the rules remember is in `kept`.
    pub(crate) fn continue_after(
        &mut self,
        published: &[Timestamp],
        published_some: Vec<Timestamp>,
        rules: &LoadedRules,
        kept: &KeptFrom,
    ) {
        self.published = published.to_vec();
        self.published_some = published_some;
        self.requirements = replay_requirements(rules, self.state_checkpoints, kept);
    }

    /// Takes one turn: follows the group, reads every partition that may be read, hands over
    /// what it found, publishes watermarks, commits when that is due.
    ///
    /// With `is_stopping`, or when other rules wait that may be activated, it closes the pipeline
    /// and finishes once everything the shards found is committed.
    ///
    /// # Errors
    /// Another member of the group, once the pipeline has drained.
    pub(crate) fn step(
        &mut self,
        pipeline: &mut PipelineInput,
        is_stopping: bool,
        now: ClockReading,
    ) -> Result<StepReadiness, NodeError> {
        self.shared.telemetry.health.record_read(now.wall);
        match self.phase {
            ReaderPhase::Reading => Ok(self.read(pipeline, is_stopping, now)),
            ReaderPhase::Draining => {
                // A partition that goes now is committed by its next owner.
                for event in self.source.poll() {
                    if let Err(error) = self.follow_unread(event, now) {
                        self.failure = Some(error);
                    }
                }
                if !self.durable.is_complete() {
                    pipeline.wake();
                    return Ok(StepReadiness::Wait(None));
                }
                self.commit(now);
                self.phase = ReaderPhase::Drained;
                Ok(StepReadiness::Again)
            }
            ReaderPhase::Drained => match self.failure.take() {
                Some(error) => Err(error),
                None => Ok(StepReadiness::Finished),
            },
        }
    }

    fn read(
        &mut self,
        pipeline: &mut PipelineInput,
        is_stopping: bool,
        now: ClockReading,
    ) -> StepReadiness {
        if let Err(error) = self.serve_group(now) {
            self.failure = Some(error);
        }
        let is_over = is_stopping || self.failure.is_some() || self.durable.is_complete();
        if is_over || self.may_be_replaced() {
            // Everything read is delivered first: a last snapshot says that the shards have it.
            if !self.durable.is_complete() && !self.hand_over(pipeline) {
                return StepReadiness::Blocked;
            }
            pipeline.close(false);
            self.phase = ReaderPhase::Draining;
            return StepReadiness::Again;
        }
        if !self.hand_over(pipeline) {
            return StepReadiness::Blocked;
        }
        let read = self.read_turn(pipeline, now);
        if !self.hand_over(pipeline) {
            return StepReadiness::Blocked;
        }
        self.publish(pipeline, now);
        pipeline.wake();
        let due_ms = self.committed_at_ms.saturating_add(self.commit_every_ms);
        if now.monotonic_ms >= due_ms {
            // Last: what is reported now is logged by the next commit.
            self.commit(now);
            self.start_barrier(now);
            self.hand_over(pipeline);
            self.shared.telemetry.metrics.rules.record_read(self.ingester.rule_figures());
            self.record_held_back(now);
        }
        if read > 0 {
            StepReadiness::Again
        } else {
            StepReadiness::Wait(Some(due_ms.max(now.monotonic_ms)))
        }
    }

    fn serve_group(&mut self, now: ClockReading) -> Result<(), NodeError> {
        let deferred = mem::take(&mut self.deferred);
        deferred.into_iter().try_for_each(|event| self.follow(event, now))?;
        self.source.poll().into_iter().try_for_each(|event| self.follow(event, now))
    }

    fn follow(&mut self, event: SourceEvent, now: ClockReading) -> Result<(), NodeError> {
        match event {
            SourceEvent::Assigned { topic, partition, commit, start } => {
                info!(topic = self.topic(topic), partition, start, "partition assigned");
                self.assign((topic, partition), commit, start, now);
                // Whatever kept it away is over.
                self.shared.telemetry.health.record_recovered();
            }
            SourceEvent::Revoked { topic, partition } => {
                info!(topic = self.topic(topic), partition, "partition revoked");
                self.shared.telemetry.metrics.record_rebalance();
                if let Some(state) = self.partitions.get_mut(&(topic, partition)) {
                    state.revoke(self.limits.idle_ms);
                }
            }
            SourceEvent::Lost { topic, partition, wanted, available } => {
                self.skip_lost((topic, partition), wanted, available);
            }
            SourceEvent::NotAlone { owned, partitions } => {
                return Err(NodeError::NotAlone { owned, partitions });
            }
            SourceEvent::Trouble(what) => {
                warn!("{what}");
                self.shared.telemetry.health.record_trouble(&what);
            }
            SourceEvent::Recovered => {
                info!("a broker answers again");
                self.shared.telemetry.health.record_recovered();
            }
        }
        Ok(())
    }

    /// Continues where records are still retained. Those that had been read before are no loss of
    /// events, but what they were read again for is not whole.
    fn skip_lost(&mut self, at: StreamPartition, wanted: i64, available: i64) {
        let (topic, partition) = (self.topic(at.0).to_owned(), at.1);
        let state = self.partitions.get(&at);
        let unread = state.map_or(wanted, |state| state.unread_from.max(wanted));
        let lost = u64::try_from(available - unread).unwrap_or(0);
        error!(topic, partition, wanted, available, lost, "records expired before they were read");
        // Nobody knows how many records a topic lost that was created anew.
        let is_recreated = available < wanted;
        if lost > 0 || is_recreated {
            self.shared.telemetry.metrics.record_lost(lost);
            let alert = MetaAlert::RecordsLost { topic, partition };
            self.shared.reports.see(alert, (!is_recreated).then_some(lost), None);
        }
        if let Some(state) = self.partitions.get_mut(&at) {
            state.progress.next_offset = available;
        }
    }

    /// A partition that is assigned again continues where it was left: what was read stays read.
    fn assign(
        &mut self,
        at: StreamPartition,
        commit: Option<CommitPoint>,
        start: i64,
        now: ClockReading,
    ) {
        if let Some(state) = self.partitions.get_mut(&at) {
            state.is_assigned = true;
            return;
        }
        let (stream, number) = at;
        let Some(requirements) = self.requirements.get(stream) else {
            return;
        };
        self.ingester.restore_first(stream, commit.and_then(|point| point.first).map(Timestamp));
        if let Some(commit) = commit {
            self.ingester.record_settled(stream, Timestamp(commit.settled));
        }
        let settled = commit.map(|point| Timestamp(point.settled));
        // Read from further back than the commit says, its front is not known there.
        let commit = commit.filter(|point| point.replay_from <= start);
        let front = commit.and_then(|point| point.front).map(Timestamp);
        let from = ResumePoint { offset: start, front };
        let settled = settled.filter(|settled| settled.0 > i64::MIN);
        let lateness_ms = requirements.lateness_ms;
        let mut state =
            PartitionState::new(stream, number, requirements, from, settled, now.monotonic_ms);
        state.unread_from = commit.map_or(start, |commit| commit.position);
        let index = OffsetTimeIndex::new(lateness_ms, from, std::iter::empty());
        self.offset_indexes.insert(at, index);
        self.partitions.insert(at, state);
    }

    /// Reads every partition that may be read, the furthest behind first, while there is room.
    fn read_turn(&mut self, pipeline: &mut PipelineInput, now: ClockReading) -> usize {
        if self.dead_letters.is_full() {
            return 0;
        }
        let idle_ms = self.limits.idle_ms;
        let mut order: Vec<_> =
            self.partitions.iter().map(|(at, state)| (state.reached(idle_ms), *at)).collect();
        order.sort();
        let is_crowded = self.durable.waiting() * WAITING_BYTES > self.limits.unsettled_bytes;
        let behind = order.first().and_then(|(front, _)| *front);
        let (mut read, mut held_back) = (0, 0);
        for (turn, (front, at)) in order.into_iter().enumerate() {
            let is_ahead = match (front, behind) {
                (Some(front), Some(behind)) => front > behind.plus(self.limits.skew_max_ms),
                // Nothing is known of the one furthest behind: the others may be read until it is
                // known how far it is, as far as there is room.
                _ => false,
            };
            let is_held_back = turn > 0 && (is_ahead || is_crowded);
            if let Some(state) = self.partitions.get_mut(&at) {
                state.hold_back(is_held_back.then_some(now.monotonic_ms));
            }
            if is_held_back {
                held_back += 1;
                continue;
            }
            read += self.read_partition(at, now);
            if self.ingester.is_full() && !self.hand_over(pipeline) {
                break;
            }
        }
        self.shared.telemetry.metrics.record_held_back(held_back);
        read
    }

    fn read_partition(&mut self, at: StreamPartition, now: ClockReading) -> usize {
        let PartitionReader { source, ingester, partitions, dead_letters, topics, limits, .. } =
            self;
        let Some(state) = partitions.get_mut(&at).filter(|state| state.is_assigned) else {
            return 0;
        };
        let topic = topics.get(at.0).map_or("?", String::as_str);
        let budget = ingester.records_a_turn(at.0, RECORDS_A_TURN);
        let progress = source.drain(at, budget, |record| {
            dead_letters.ingest(topic, ingester, &mut state.progress, record);
        });
        state.record(progress.state, now, limits.idle_ms);
        let has_caught_up = |state: &PartitionState| state.was_empty;
        if progress.state == ReadState::Empty && self.partitions.values().all(has_caught_up) {
            self.shared.telemetry.health.record_caught_up();
        }
        progress.read
    }

    /// Hands over all batches, then a barrier that waits; true when all are handed over.
    fn hand_over(&mut self, pipeline: &mut PipelineInput) -> bool {
        // Before a shard has found anything in it.
        let read = self.partitions.iter().map(|(at, state)| (*at, &state.progress));
        let read = read.map(|(at, read)| (at, read.front(), read.next_offset));
        self.offset_indexes.record(read);
        let is_sent = pipeline.deliver(self.ingester.batches())
            && self.pending_barrier.as_ref().is_none_or(|known| pipeline.send_barrier(known));
        if is_sent {
            self.pending_barrier = None;
        } else {
            pipeline.wake();
        }
        is_sent
    }

    /// Offsets of the events of recent instants.
    pub(crate) fn offset_indexes(&self) -> Arc<OffsetIndexes> {
        Arc::clone(&self.offset_indexes)
    }

    /// Sets where the events of a partition lie.
    pub(super) fn set_offset_index(&self, at: StreamPartition, index: OffsetTimeIndex) {
        self.offset_indexes.insert(at, index);
    }

    /// Publishes the watermark of every stream. Time never goes back.
    fn publish(&mut self, pipeline: &PipelineInput, now: ClockReading) {
        for (stream, marked) in self.marked.iter_mut().enumerate() {
            let own = self.partitions.iter().filter(|((of, _), _)| *of == stream);
            let settled = own.map(|(_, state)| state.settled(self.limits.idle_ms));
            let Some(settled) = settled.min().flatten() else {
                continue;
            };
            if settled > *marked {
                *marked = settled;
                pipeline.publish(stream, settled, self.ingester.first(stream));
                self.ingester.record_settled(stream, settled);
            }
        }
        let metrics = &self.shared.telemetry.metrics;
        metrics.record_events(&self.totals());
        for ((topic, partition), state) in &self.partitions {
            if let Some(front) = state.progress.front() {
                metrics.record_front(self.topic(*topic), *partition, front, now.wall);
            }
        }
        metrics.record_dead_letters(self.dead_letters.written());
        metrics.record_idle(self.partitions.values().filter(|state| state.is_empty()).count());
    }

    /// Reports which streams are held back, and for how long.
    fn record_held_back(&self, now: ClockReading) {
        let behind = self.partitions.iter().min_by_key(|(_, state)| state.progress.front());
        for (stream, topic) in self.topics.iter().enumerate() {
            let own = self.partitions.iter().filter(|((of, _), _)| *of == stream);
            let held_ms = own.map(|(_, state)| state.held_back_ms(now.monotonic_ms)).max();
            let held_ms = held_ms.unwrap_or(0);
            self.shared.telemetry.metrics.record_held_back_for(topic, held_ms);
            if held_ms > self.limits.held_back_max_ms
                && let Some(((by, partition), _)) = behind
            {
                let by = format!("{}/{partition}", self.topic(*by));
                let alert = MetaAlert::PartitionPaused { topic: topic.clone() };
                self.shared.reports.see(alert, None, Some(by));
            }
        }
    }

    /// True when rules wait that may be activated: everything the log holds of the active ones was
    /// published by them to its end, and streams that settle together say so together.
    fn may_be_replaced(&self) -> bool {
        // Every turn asks: what costs something comes last.
        self.shared.mailbox.is_waiting()
            && self
                .settled_by_stream()
                .iter()
                .zip(&self.published_some)
                .all(|(by, some)| by >= some)
            && self.requirements.iter().all(|of| self.settles_together(&of.companions))
    }

    /// True when the least of what these streams have settled is what their rules have evaluated.
    ///
    /// It is not where one stream has passed what was published before while another still comes
    /// back to it: the other counts as settled up to instants that no rule of both has seen.
    fn settles_together(&self, streams: &[usize]) -> bool {
        let compared = |of: &usize| self.marked.get(*of).cmp(&self.published.get(*of));
        streams.iter().all(|of| compared(of).is_ge())
            || streams.iter().all(|of| compared(of).is_le())
    }

    /// By stream: the last instant that the active rules have evaluated.
    fn settled_by_stream(&self) -> Vec<Timestamp> {
        let marked = self.marked.iter().zip(&self.published);
        marked.map(|(marked, published)| *marked.max(published)).collect()
    }

    /// By stream name: the last instant that the active rules have evaluated.
    pub(crate) fn settled_streams(&self) -> SettledStreams {
        self.streams.iter().cloned().zip(self.settled_by_stream()).collect()
    }

    /// Starts to read again after a drain.
    pub(super) fn reopen(&mut self) {
        self.phase = ReaderPhase::Reading;
    }

    /// Counts of records since the start of the process.
    fn totals(&self) -> EventTotals {
        let (counts, before) = (self.ingester.counts(), &self.totals_before);
        EventTotals {
            decoded: before.decoded + counts.events,
            undecodable: before.undecodable + counts.undecodable,
            late: before.late + counts.late_dropped,
            refused_future: before.refused_future + counts.refused_future,
            skipped_missing_key: before.skipped_missing_key + counts.observed.skipped_missing_key,
            observations: before.observations + counts.observed.observations,
        }
    }

    fn topic(&self, topic: usize) -> &str {
        self.topics.get(topic).map_or("?", String::as_str)
    }

    /// By stream: the published watermark.
    pub fn watermarks(&self) -> &[Timestamp] {
        &self.marked
    }

    /// The sources, to be waited on between two steps.
    pub fn sources(&mut self) -> &mut S {
        &mut self.source
    }

    /// Leaves the consumer group: how far the rules have evaluated, by stream name, and the totals
    /// that the next reader continues.
    pub(crate) fn close(self) -> (SettledStreams, RunTotals) {
        let (settled, events) = (self.settled_streams(), self.totals());
        self.source.close();
        let buried = self.dead_letters.written();
        let letters = self.dead_letters.into_log();
        (settled, RunTotals { letters, buried, events })
    }
}

impl<S> std::fmt::Debug for PartitionReader<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("phase", &self.phase).finish_non_exhaustive()
    }
}
