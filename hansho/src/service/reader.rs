//! The reader: partitions of all sources in step with each other, and the commits.

mod commit;
pub mod dead;
pub(super) mod facts;
mod held;
mod snapshot;
mod turn;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use connectors::commit::CommitPoint;
use connectors::source::ReadState;
use connectors::source::kafka::SourceEvent;
use engine::resume::ResumePoint;
use engine::shard::ShardCounts;
use engine::succession::SettledStreams;
use model::meta::MetaAlert;
use model::time::Timestamp;
use tracing::{error, info, warn};

use super::life::Carried;
use super::progress::Told;
use super::reports::Reports;
use super::sources::Sources;
use super::state_log::{KeptFrom, REMEMBERING};
use super::trails::{Trail, Trails};
use super::{ServiceError, ServiceParts};
use crate::pipeline::Inlet;
use crate::pipeline::clock::{monotonic, wall_clock};
use crate::pipeline::intake::Intake;
use crate::reload::Slot;
use crate::rule_files::Rules;
use runtime::telemetry::Telemetry;
use runtime::telemetry::metrics::EventTotals;

use dead::Burial;
use facts::{StreamFacts, stream_facts};
use held::Held;

/// Records read from one partition before the next has its turn.
const RECORDS_A_TURN: usize = 512;
/// How long to wait for news of the group when no partition has records.
const IDLE_POLL: Duration = Duration::from_millis(5);
/// The same while the rings to the shards are full.
const FULL_POLL: Duration = Duration::from_millis(1);
/// How often progress is committed.
const COMMIT_INTERVAL: Duration = Duration::from_secs(1);
/// How long after the first topic the others may take to be assigned before reading starts.
const TOPICS_WAIT: Duration = Duration::from_secs(10);
/// Memory an observation takes while it waits, for the limit in bytes.
pub const WAITING_BYTES: u64 = 160;

/// What bounds the reading.
#[derive(Clone, Copy, Debug)]
pub struct ReaderLimits {
    /// How long a partition must be known empty before time passes there by itself.
    pub idle_ms: i64,
    /// How far, in event time, a partition may be read ahead of the one furthest behind.
    pub skew_max_ms: i64,
    /// Memory for observations that wait to be settled.
    pub unsettled_bytes: u64,
    /// How long a topic may go unread so that others catch up before people are told.
    pub held_back_max_ms: i64,
    /// How often, at most, snapshots are taken; `None` is never.
    pub snapshot_every_ms: Option<i64>,
}

/// Reads all partitions of all topics on one thread.
pub struct Reader {
    source: Sources,
    intake: Intake,
    held: BTreeMap<(usize, i32), Held>,
    burial: Burial,
    told: Arc<Told>,
    trails: Arc<Trails>,
    reports: Arc<Reports>,
    state: Arc<Telemetry>,
    limits: ReaderLimits,
    streams: Vec<StreamFacts>,
    topics: Vec<String>,
    names: Vec<String>,
    rules_hash: u64,
    /// Other rules that are to be put in force.
    slot: Arc<Slot>,
    /// By stream: up to here an earlier life has told everything.
    published: Vec<Timestamp>,
    /// By stream: up to here it has told something.
    told_until: Vec<Timestamp>,
    /// What became of the records of earlier lives of this process.
    events_before: EventTotals,
    /// By stream: how far time was said to have passed.
    marked: Vec<Timestamp>,
    committed_at: Instant,
    /// When the last snapshot was asked for.
    cut_at: Instant,
    /// What the group said while there was no room for more records.
    unheard: Vec<SourceEvent>,
    /// Dead letters could not be written when last tried.
    letters_fail: bool,
}

impl Reader {
    /// A reader of the topics of all streams.
    pub(crate) fn new(
        source: Sources,
        intake: Intake,
        carried: Carried,
        (parts, rules): (&ServiceParts, &Rules),
        told: Arc<Told>,
    ) -> Reader {
        let streams = stream_facts(rules, REMEMBERING, &KeptFrom::new());
        let topics = source.names().to_vec();
        let names: Vec<String> = rules.set.streams.iter().map(|it| it.name.clone()).collect();
        Reader {
            source,
            intake,
            held: BTreeMap::new(),
            burial: Burial::new(carried.letters, carried.buried, names.clone()),
            names,
            events_before: carried.events,
            slot: Arc::clone(&parts.slot),
            published: vec![Timestamp(i64::MIN); streams.len()],
            told_until: vec![Timestamp(i64::MIN); streams.len()],
            told,
            trails: Arc::new(Trails::new(topics.clone())),
            reports: Arc::clone(&parts.reports),
            state: Arc::clone(&parts.state),
            limits: parts.limits,
            marked: vec![Timestamp(i64::MIN); streams.len()],
            streams,
            topics,
            rules_hash: rules.program.hash(),
            committed_at: monotonic(),
            cut_at: monotonic(),
            unheard: Vec::new(),
            letters_fail: false,
        }
    }

    /// Waits until there is something to read; by stream the instant up to which an earlier
    /// run has told everything. `None` when the service is stopped meanwhile.
    ///
    /// # Errors
    /// Another member of the group.
    pub(crate) fn wait_for_partitions(
        &mut self,
        stop: &AtomicBool,
    ) -> Result<Option<Vec<Timestamp>>, ServiceError> {
        let mut published = vec![Timestamp(i64::MIN); self.streams.len()];
        let mut first_seen: Option<Instant> = None;
        while !stop.load(Ordering::Acquire) {
            for event in self.source.poll(Duration::from_millis(100)) {
                if let SourceEvent::Assigned { topic, commit: Some(commit), .. } = &event
                    && let Some(slot) = published.get_mut(*topic)
                {
                    *slot = (*slot).max(Timestamp(commit.settled));
                }
                // What is lost is lost to whoever reads on, which may be another reader.
                match event {
                    SourceEvent::Lost { .. } => self.unheard.push(event),
                    event => self.follow(event)?,
                }
            }
            let assigned = |stream| self.held.keys().any(|(topic, _)| *topic == stream);
            let all = (0..self.streams.len()).all(assigned);
            if !self.held.is_empty() {
                let since = *first_seen.get_or_insert_with(monotonic);
                if all || monotonic().duration_since(since) > TOPICS_WAIT {
                    self.state.health.note_assigned();
                    return Ok(Some(published));
                }
            }
        }
        Ok(None)
    }

    /// Begins where an earlier life has told everything up to `published`, and something up to
    /// `told_until`; what the rules remember is `kept`.
    pub(crate) fn begin_after(
        &mut self,
        published: &[Timestamp],
        told_until: Vec<Timestamp>,
        (rules, kept): (&Rules, &KeptFrom),
    ) {
        self.published = published.to_vec();
        self.told_until = told_until;
        self.streams = stream_facts(rules, REMEMBERING, kept);
    }

    /// Whether rules wait that may be put in force: what the log holds of those in force was
    /// told by them to its end.
    fn may_be_replaced(&self) -> bool {
        let mut streams = self.settled_by_stream().into_iter().zip(&self.told_until);
        self.slot.is_waiting() && streams.all(|(settled, told)| settled >= *told)
    }

    /// By stream: the last instant the rules in force have judged.
    fn settled_by_stream(&self) -> Vec<Timestamp> {
        let marked = self.marked.iter().zip(&self.published);
        marked.map(|(marked, published)| *marked.max(published)).collect()
    }

    /// Reads until `stop` is set or other rules are to be put in force, then lets the shards
    /// finish and commits what they told.
    ///
    /// # Errors
    /// Another member of the group.
    pub(crate) fn run(&mut self, mut inlet: Inlet, stop: &AtomicBool) -> Result<(), ServiceError> {
        let mut ended = self.serve_group(Duration::ZERO);
        while ended.is_ok() {
            let is_over = stop.load(Ordering::Acquire) || self.told.is_complete();
            if is_over || self.may_be_replaced() {
                break;
            }
            let read = self.read_turn(&mut inlet);
            let patience = if read == 0 { IDLE_POLL } else { Duration::ZERO };
            ended = self.serve_group(patience);
            self.mark(&inlet);
            inlet.wake();
            if monotonic().duration_since(self.committed_at) >= COMMIT_INTERVAL {
                // Last: what is reported now is logged by the next commit.
                self.commit();
                self.cut(&mut inlet);
                self.state.metrics.rules.note_read(self.intake.rule_figures());
                self.note_held_back();
            }
            self.state.health.note_read(wall_clock());
        }
        inlet.close(false);
        while !self.told.is_complete() {
            inlet.wake();
            self.source.poll(IDLE_POLL);
        }
        self.commit();
        ended
    }

    fn serve_group(&mut self, patience: Duration) -> Result<(), ServiceError> {
        let unheard = std::mem::take(&mut self.unheard);
        unheard.into_iter().try_for_each(|event| self.follow(event))?;
        self.source.poll(patience).into_iter().try_for_each(|event| self.follow(event))
    }

    fn follow(&mut self, event: SourceEvent) -> Result<(), ServiceError> {
        match event {
            SourceEvent::Assigned { topic, partition, commit, start } => {
                info!(topic = self.topic(topic), partition, start, "partition assigned");
                self.take_up(topic, partition, commit, start);
                // Whatever kept it away is over.
                self.state.health.note_recovered();
            }
            SourceEvent::Revoked { topic, partition } => {
                info!(topic = self.topic(topic), partition, "partition revoked");
                self.state.metrics.note_rebalance();
                if let Some(held) = self.held.get_mut(&(topic, partition)) {
                    held.leave(self.limits.idle_ms);
                }
            }
            SourceEvent::Lost { topic, partition, wanted, available } => {
                self.lose((topic, partition), wanted, available);
            }
            SourceEvent::NotAlone { owned, partitions } => {
                return Err(ServiceError::NotAlone { owned, partitions });
            }
            SourceEvent::Trouble(what) => {
                warn!("{what}");
                self.state.health.note_trouble(&what);
            }
            SourceEvent::Recovered => {
                info!("a broker answers again");
                self.state.health.note_recovered();
            }
        }
        Ok(())
    }

    /// Goes on where records are still retained. Those that had been read before are no loss of
    /// events, but what they were read again for is not whole.
    fn lose(&mut self, at: (usize, i32), wanted: i64, available: i64) {
        let (topic, partition) = (self.topic(at.0).to_owned(), at.1);
        let held = self.held.get(&at);
        let unread = held.map_or(wanted, |held| held.unread_from.max(wanted));
        let lost = u64::try_from(available - unread).unwrap_or(0);
        error!(topic, partition, wanted, available, lost, "records expired before they were read");
        // A topic that was made anew has lost nobody knows how many.
        let is_anew = available < wanted;
        if lost > 0 || is_anew {
            self.state.metrics.note_lost(lost);
            let alert = MetaAlert::RecordsLost { topic, partition };
            self.reports.see(alert, (!is_anew).then_some(lost), None);
        }
        if let Some(held) = self.held.get_mut(&at) {
            held.partition.next_offset = available;
        }
    }

    /// A partition that comes back goes on where it was left: what was read stays read.
    fn take_up(&mut self, topic: usize, partition: i32, commit: Option<CommitPoint>, start: i64) {
        if let Some(held) = self.held.get_mut(&(topic, partition)) {
            held.is_ours = true;
            return;
        }
        let Some(stream) = self.streams.get(topic) else {
            return;
        };
        self.intake.restore_first(topic, commit.and_then(|point| point.first).map(Timestamp));
        if let Some(commit) = commit {
            self.intake.note_settled(topic, Timestamp(commit.settled));
        }
        let settled = commit.map(|point| Timestamp(point.settled));
        // Read from further back than the commit says, its front is not known there.
        let commit = commit.filter(|point| point.replay_from <= start);
        let front = commit.and_then(|point| point.front).map(Timestamp);
        let from = ResumePoint { offset: start, front };
        let told = settled.filter(|settled| settled.0 > i64::MIN);
        let mut held = Held::new(topic, partition, stream, from, told, monotonic());
        held.unread_from = commit.map_or(start, |commit| commit.position);
        let trail = Trail::new(stream.lateness_ms, from, std::iter::empty());
        self.trails.begin((topic, partition), trail);
        self.held.insert((topic, partition), held);
    }

    /// Gives every partition that may be read a turn, the furthest behind first.
    fn read_turn(&mut self, inlet: &mut Inlet) -> usize {
        if self.burial.is_clogged() {
            return 0;
        }
        let (now, idle_ms) = (monotonic(), self.limits.idle_ms);
        let mut order: Vec<_> =
            self.held.iter().map(|(at, held)| (held.reached(idle_ms), *at)).collect();
        order.sort();
        let is_crowded = self.told.waiting() * WAITING_BYTES > self.limits.unsettled_bytes;
        let behind = order.first().and_then(|(front, _)| *front);
        let mut read = 0;
        let mut held_back = 0;
        for (turn, (front, at)) in order.into_iter().enumerate() {
            let is_ahead = match (front, behind) {
                (Some(front), Some(behind)) => front > behind.plus(self.limits.skew_max_ms),
                // Nothing is known of the one furthest behind: the others may go on until
                // it says how far it is, as far as there is room.
                _ => false,
            };
            let is_held_back = turn > 0 && (is_ahead || is_crowded);
            if let Some(held) = self.held.get_mut(&at) {
                held.hold_back(is_held_back.then_some(now));
            }
            if is_held_back {
                held_back += 1;
                continue;
            }
            read += self.read_partition(at);
            if self.intake.is_full() {
                self.deliver(inlet);
            }
        }
        self.state.metrics.note_held_back(held_back);
        self.deliver(inlet);
        read
    }

    fn read_partition(&mut self, at: (usize, i32)) -> usize {
        let Reader { source, intake, held, burial, topics, limits, .. } = self;
        let Some(held) = held.get_mut(&at).filter(|held| held.is_ours) else {
            return 0;
        };
        let topic = topics.get(at.0).map_or("?", String::as_str);
        let budget = intake.records_a_turn(at.0, RECORDS_A_TURN);
        let progress = source.drain(at, budget, |record| {
            burial.take(topic, intake, &mut held.partition, record);
        });
        held.note(progress.state, wall_clock(), monotonic(), limits.idle_ms);
        if progress.state == ReadState::Empty && self.held.values().all(|held| held.was_empty) {
            self.state.health.note_caught_up();
        }
        progress.read
    }

    /// Hands over all batches. While there is no room the group is served and nothing read;
    /// without a teller there will never be room again.
    fn deliver(&mut self, inlet: &mut Inlet) {
        // Before a shard has anything of it to tell.
        let read = self.held.iter().map(|(at, held)| (*at, &held.partition));
        self.trails.note(read.map(|(at, read)| (at, read.front(), read.next_offset)));
        while !inlet.deliver(self.intake.batches()) && !self.told.is_complete() {
            inlet.wake();
            self.unheard.extend(self.source.poll(FULL_POLL));
            self.state.health.note_read(wall_clock());
        }
    }

    /// Where the events of recent instants lie.
    pub(crate) fn trails(&self) -> Arc<Trails> {
        Arc::clone(&self.trails)
    }

    /// Says how far time has passed in every stream. Time never goes back.
    fn mark(&mut self, inlet: &Inlet) {
        for (stream, marked) in self.marked.iter_mut().enumerate() {
            let mine = self.held.iter().filter(|((topic, _), _)| *topic == stream);
            let settled = mine.map(|(_, held)| held.settled(self.limits.idle_ms));
            let Some(settled) = settled.min().flatten() else {
                continue;
            };
            if settled > *marked {
                *marked = settled;
                inlet.mark(stream, settled, self.intake.first(stream));
                self.intake.note_settled(stream, settled);
            }
        }
        let wall = wall_clock();
        let metrics = &self.state.metrics;
        metrics.note_events(&self.events());
        for ((topic, partition), held) in &self.held {
            if let Some(front) = held.partition.front() {
                metrics.note_front(self.topic(*topic), *partition, front, wall);
            }
        }
        metrics.note_dead_letters(self.burial.buried());
        metrics.note_idle(self.held.values().filter(|held| held.is_empty()).count());
    }

    /// Shows what holds streams back, and for how long; for long, people are told.
    fn note_held_back(&self) {
        let now = monotonic();
        let behind = self.held.iter().min_by_key(|(_, held)| held.partition.front());
        for (stream, topic) in self.topics.iter().enumerate() {
            let mine = self.held.iter().filter(|((topic, _), _)| *topic == stream);
            let held_ms = mine.map(|(_, held)| held.held_back_ms(now)).max().unwrap_or(0);
            self.state.metrics.note_held_back_for(topic, held_ms);
            if held_ms > self.limits.held_back_max_ms
                && let Some(((by, partition), _)) = behind
            {
                let by = format!("{}/{partition}", self.topic(*by));
                self.reports.see(MetaAlert::HeldBack { topic: topic.clone() }, None, Some(by));
            }
        }
    }

    /// What became of records since the start of the process.
    fn events(&self) -> EventTotals {
        let (counts, before) = (self.intake.counts(), &self.events_before);
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

    /// Leaves the consumer group: how far the rules have judged, by stream name, and what goes
    /// on with others.
    pub(crate) fn close(self) -> (SettledStreams, Carried) {
        let settled = self.settled_streams();
        let events = self.events();
        self.source.close();
        let buried = self.burial.buried();
        let letters = self.burial.into_letters();
        (settled, Carried { letters, buried, events, shards: ShardCounts::default() })
    }
}
