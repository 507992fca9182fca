//! All sources of a node as one: Kafka, followed files and spools, each a log with offsets.
//!
//! Partitions are named by the number of their stream; a local source is partition 0 of its
//! stream. What Kafka keeps as metadata of a commit, local sources keep in one file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use connectors::commit::{CommitPoint, ReplayStart, ReplayStartFn};
use connectors::commit_file::{LocalCommit, read_commits, write_commits};
use connectors::journal::StateDir;
use connectors::source::kafka::{KafkaError, KafkaSettings, KafkaSource, SourceEvent};
use connectors::source::spool::{Spool, SpoolReader};
use connectors::source::stdin;
use connectors::source::tail::{FileTail, TailResume};
use connectors::source::{DrainProgress, OversizedRecord, ReadState};
use model::event::Record;
use runtime::error::NodeError;
use runtime::io::{PartitionCommit, SourceFactory, Sources, StreamPartition};
use runtime::rules::loaded::LoadedRules;
use server::ingest_spools::IngestSpools;
use tracing::{error, info, warn};

use super::clock::wall_clock;
use crate::config::{StreamInput, StreamInputs};

/// The file in which local sources are committed.
const COMMITS: &str = "commits";

/// The commit of a source of which nothing is judged yet.
const BEGINNING: CommitPoint = CommitPoint {
    position: 0,
    replay_from: 0,
    front: None,
    settled: i64::MIN,
    first: None,
    rules: 0,
    remembers: false,
};

/// Inputs of the streams, and what stays open from one run to the next.
pub struct SourceWiring {
    /// Kafka; the topics are those of the active rules.
    pub kafka: Option<KafkaSettings>,
    /// Input of each stream.
    pub inputs: StreamInputs,
    /// The most that events by HTTP or standard input may take on the disk, by stream.
    pub spool_bytes: u64,
    /// Token of senders of events.
    pub ingest_token: Option<String>,
    /// By stream name: the spool that HTTP and standard input are written to, once opened.
    pub spools: BTreeMap<String, Spool>,
    /// The state directory.
    pub state_dir: Arc<StateDir>,
    /// Spools of posted events.
    pub ingest: Arc<IngestSpools>,
}

/// Input of one stream, and the length of its replay.
struct SourceSpec {
    input: StreamInput,
    reach_back: ReplayStartFn,
}

impl SourceFactory for SourceWiring {
    type Sources = NodeSources;

    fn check(&self, rules: &LoadedRules) -> Result<(), String> {
        self.inputs.of(&rules.set).map(drop)
    }

    fn open(
        &mut self,
        rules: &LoadedRules,
        reach_back: Vec<ReplayStartFn>,
    ) -> Result<NodeSources, NodeError> {
        let inputs = self.inputs.of(&rules.set).map_err(NodeError::Rules)?;
        let specs = inputs
            .into_iter()
            .zip(reach_back)
            .map(|(input, reach_back)| SourceSpec { input, reach_back })
            .collect();
        NodeSources::open(self, rules, specs)
    }

    fn record_active(&mut self, _: &LoadedRules) {}
}

fn source_error(stream: &str, error: &dyn std::fmt::Display) -> NodeError {
    let why = format!("stream {stream} cannot be read: {error}");
    NodeError::Source { why, is_configuration: false }
}

fn kafka_error(error: KafkaError) -> NodeError {
    let is_configuration = matches!(error, KafkaError::Property(_));
    NodeError::Source { why: error.to_string(), is_configuration }
}

/// Every partition of every stream.
pub struct NodeSources {
    kafka: Option<KafkaSource>,
    /// By topic of Kafka: its stream.
    kafka_streams: Vec<usize>,
    local: Vec<LocalPartition>,
    commits: PathBuf,
    /// Commits of streams that the rules in force do not have; others may have them again.
    idle_commits: Vec<LocalCommit>,
    /// By stream: what dead letters, figures and log lines call its source.
    names: Vec<String>,
    /// Events for the next poll.
    events: Vec<SourceEvent>,
}

/// The one partition of a stream that is read here.
struct LocalPartition {
    stream: usize,
    name: String,
    log: LocalLog,
    committed: Option<CommitPoint>,
    /// The trouble that was told last and stands.
    trouble: Option<String>,
}

enum LocalLog {
    File(FileTail),
    Spool(Spool, SpoolReader),
}

impl NodeSources {
    /// Opens the sources of all streams of the rules. What HTTP and standard input write to is
    /// opened once in a process, and can be written to from then on.
    ///
    /// # Errors
    /// A source that can never be read as configured, or commits that cannot be read.
    fn open(
        wiring: &mut SourceWiring,
        rules: &LoadedRules,
        specs: Vec<SourceSpec>,
    ) -> Result<NodeSources, NodeError> {
        let commits = wiring.state_dir.file(COMMITS);
        let known = read_commits(&commits).map_err(|error| NodeError::Source {
            why: error.to_string(),
            is_configuration: false,
        })?;
        let names = rules.set.streams.iter().map(|schema| schema.name.clone());
        let names: Vec<String> = names.collect();
        let (known, idle_commits) = known.into_iter().partition(|one| names.contains(&one.stream));
        let mut sources = NodeSources {
            kafka: None,
            kafka_streams: Vec::new(),
            local: Vec::new(),
            commits,
            idle_commits,
            names: Vec::new(),
            events: Vec::new(),
        };
        sources.connect(wiring, &specs)?;
        sources.open_local(wiring, names, specs, &known)?;
        Ok(sources)
    }

    /// Reads the streams of Kafka, if there are any.
    fn connect(
        &mut self,
        wiring: &mut SourceWiring,
        specs: &[SourceSpec],
    ) -> Result<(), NodeError> {
        let mut reach_back = Vec::new();
        let mut topics = Vec::new();
        for (stream, spec) in specs.iter().enumerate() {
            if let StreamInput::Topic(topic) = &spec.input {
                self.kafka_streams.push(stream);
                topics.push(topic.clone());
                reach_back.push(Arc::clone(&spec.reach_back));
            }
        }
        if let Some(kafka) = wiring.kafka.as_mut().filter(|_| !topics.is_empty()) {
            (kafka.topics, kafka.reach_back) = (topics, reach_back);
            self.kafka = Some(KafkaSource::connect(kafka).map_err(kafka_error)?);
        }
        Ok(())
    }

    fn open_local(
        &mut self,
        wiring: &mut SourceWiring,
        names: Vec<String>,
        specs: Vec<SourceSpec>,
        known: &[LocalCommit],
    ) -> Result<(), NodeError> {
        let mut posted = BTreeMap::new();
        for (stream, (name, spec)) in names.into_iter().zip(specs).enumerate() {
            let commit = known.iter().find(|commit| commit.stream == name);
            let reach = commit
                .map(|commit| (spec.reach_back)(0, &commit.point))
                .unwrap_or(ReplayStart::Committed);
            let start = LocalStart { commit, reach };
            let label = match spec.input {
                StreamInput::Topic(topic) => topic,
                StreamInput::File(path) => {
                    self.follow_file(stream, name, &path, start)?;
                    path.display().to_string()
                }
                StreamInput::Http => {
                    let (spool, _) = wiring.spool(&name)?;
                    posted.insert(name.clone(), spool.clone());
                    self.read_spool(stream, name.clone(), spool, start);
                    format!("spool/{name}")
                }
                StreamInput::Stdin => {
                    let (spool, is_new) = wiring.spool(&name)?;
                    if is_new {
                        read_stdin(name.clone(), spool.clone());
                    }
                    self.read_spool(stream, name.clone(), spool, start);
                    format!("spool/{name}")
                }
            };
            self.names.push(label);
        }
        wiring.ingest.open(posted, wiring.ingest_token.clone());
        Ok(())
    }

    /// Follows a file from its commit on. Where that says too little, it is read from the
    /// beginning of the first file the commit needs: lines do not say when they were written.
    fn follow_file(
        &mut self,
        stream: usize,
        name: String,
        path: &Path,
        start: LocalStart<'_>,
    ) -> Result<(), NodeError> {
        let LocalStart { commit, reach } = start;
        let files = commit.map_or(&[][..], |commit| &commit.parts);
        let wanted = wanted_of(commit, reach);
        let first = files.first().map_or(wanted, |part| part.base.min(wanted));
        let from = if let ReplayStart::Since(_) = reach { first } else { wanted };
        let resumed = match FileTail::resume(path, files, from) {
            Ok((_, TailResume::Lost(_))) if from < wanted => {
                FileTail::resume(path, files, wanted).map(|resumed| (resumed, wanted))
            }
            other => other.map(|resumed| (resumed, from)),
        };
        let ((tail, resumed), from) = resumed.map_err(|error| source_error(&name, &error))?;
        let available = if let TailResume::Lost(available) = resumed { available } else { from };
        self.add(stream, name, LocalLog::File(tail), commit, [from, available]);
        Ok(())
    }

    /// Reads a spool from its commit on, or all that it still has where that says too little.
    fn read_spool(&mut self, stream: usize, name: String, spool: Spool, start: LocalStart<'_>) {
        let LocalStart { commit, reach } = start;
        let wanted = wanted_of(commit, reach);
        let is_reaching = matches!(reach, ReplayStart::Since(_));
        let (reader, start) = spool.reader(if is_reaching { 0 } else { wanted });
        let wanted = if is_reaching { wanted.min(start) } else { wanted };
        self.add(stream, name, LocalLog::Spool(spool, reader), commit, [wanted, start]);
    }

    fn add(
        &mut self,
        stream: usize,
        name: String,
        log: LocalLog,
        commit: Option<&LocalCommit>,
        offsets: [i64; 2],
    ) {
        let [wanted, available] = offsets;
        let (topic, partition) = (stream, 0);
        let committed = commit.map(|commit| commit.point);
        let commit = committed;
        self.events.push(SourceEvent::Assigned { topic, partition, commit, start: available });
        if available != wanted {
            self.events.push(SourceEvent::Lost { topic, partition, wanted, available });
        }
        self.local.push(LocalPartition { stream, name, log, committed, trouble: None });
    }

    /// Waits for news of the group, at most for so long.
    pub(crate) fn wait(&mut self, patience: Duration) {
        match &mut self.kafka {
            Some(_) if !self.events.is_empty() => {}
            Some(kafka) => {
                let polled = kafka.poll(patience);
                let events = polled.into_iter().map(|event| in_streams(event, &self.kafka_streams));
                self.events.extend(events);
            }
            None if self.events.is_empty() => thread::sleep(patience),
            None => {}
        }
    }

    /// Commits the beginning of files that were found just now: renamed before the first
    /// commit proper, they would not be found again.
    fn keep_beginnings(&mut self) {
        for local in self.local.iter_mut().filter(|local| local.is_new_file()) {
            local.committed = Some(BEGINNING);
        }
        if let Err(error) = write_commits(&self.commits, &self.local_commits()) {
            warn!(%error, "local sources cannot be committed; it is tried again");
        }
    }

    fn local_commits(&self) -> Vec<LocalCommit> {
        let own = self.local.iter().filter_map(LocalPartition::commit);
        own.chain(self.idle_commits.iter().cloned()).collect()
    }
}

impl Sources for NodeSources {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn poll(&mut self) -> Vec<SourceEvent> {
        self.wait(Duration::ZERO);
        std::mem::take(&mut self.events)
    }

    fn drain(
        &mut self,
        at: StreamPartition,
        budget: usize,
        each: impl FnMut(Result<Record<'_>, OversizedRecord>),
    ) -> DrainProgress {
        let (stream, partition) = at;
        let nothing = DrainProgress { read: 0, state: ReadState::Waiting };
        if let Some(local) = self.local.iter_mut().find(|local| local.stream == stream) {
            let drained = match &mut local.log {
                LocalLog::File(tail) => tail.drain(budget, each),
                LocalLog::Spool(_, reader) => reader.drain(budget, each),
            };
            let is_unknown = local.is_new_file();
            let trouble = drained
                .as_ref()
                .err()
                .map(|error| format!("stream {} cannot be read: {error}", local.name));
            if trouble != local.trouble {
                self.events.push(match &trouble {
                    Some(trouble) => SourceEvent::Trouble(trouble.clone()),
                    None => SourceEvent::Recovered,
                });
                local.trouble = trouble;
            }
            if is_unknown {
                self.keep_beginnings();
            }
            return drained.unwrap_or(nothing);
        }
        let topic = self.kafka_streams.iter().position(|known| *known == stream);
        match (topic, &mut self.kafka) {
            (Some(topic), Some(kafka)) => kafka.drain(topic, partition, budget, each),
            _ => nothing,
        }
    }

    fn commit(&mut self, points: &[PartitionCommit]) -> Result<(), String> {
        if let Some(kafka) = &self.kafka {
            let topic = |stream: &usize| self.kafka_streams.iter().position(|of| of == stream);
            let own = points.iter().filter_map(|(stream, partition, point)| {
                Some((topic(stream)?, *partition, *point))
            });
            kafka.commit(&own.collect::<Vec<_>>()).map_err(|error| error.to_string())?;
        }
        let mut is_changed = false;
        for (stream, _, point) in points {
            if let Some(local) = self.local.iter_mut().find(|local| local.stream == *stream) {
                local.committed = Some(*point);
                is_changed = true;
            }
        }
        if !is_changed {
            return Ok(());
        }
        write_commits(&self.commits, &self.local_commits()).map_err(|error| error.to_string())?;
        self.local.iter().for_each(LocalPartition::forget);
        Ok(())
    }

    fn close(self) {
        if let Some(Err(error)) = self.kafka.map(KafkaSource::close) {
            warn!(%error, "the consumer group was left without saying so");
        }
    }
}

impl LocalPartition {
    /// True when it is a file that no commit knows of.
    fn is_new_file(&self) -> bool {
        let is_found = matches!(&self.log, LocalLog::File(tail) if !tail.parts_from(0).is_empty());
        is_found && self.committed.is_none()
    }

    fn commit(&self) -> Option<LocalCommit> {
        let point = self.committed?;
        let parts = match &self.log {
            LocalLog::File(tail) => tail.parts_from(point.replay_from),
            LocalLog::Spool(..) => Vec::new(),
        };
        Some(LocalCommit { stream: self.name.clone(), point, parts })
    }

    /// Lets go of what no restart reads again.
    fn forget(&self) {
        if let (LocalLog::Spool(spool, _), Some(point)) = (&self.log, self.committed)
            && let Err(error) = spool.forget_before(point.replay_from)
        {
            warn!(%error, "a part of a spool cannot be deleted; it is tried again");
        }
    }
}

/// From which offset on the one partition of a stream is to be there.
fn wanted_of(commit: Option<&LocalCommit>, reach: ReplayStart) -> i64 {
    let committed = commit.map_or(0, |commit| commit.point.replay_from);
    if let ReplayStart::Offset(offset) = reach { offset } else { committed }
}

/// Start of a local source.
#[derive(Clone, Copy)]
struct LocalStart<'a> {
    commit: Option<&'a LocalCommit>,
    reach: ReplayStart,
}

impl SourceWiring {
    /// The spool of a stream, and whether this opened it.
    fn spool(&mut self, name: &str) -> Result<(Spool, bool), NodeError> {
        if let Some(spool) = self.spools.get(name) {
            return Ok((spool.clone(), false));
        }
        let spool = Spool::open(self.state_dir.file("spool").join(name), self.spool_bytes)?;
        self.spools.insert(name.to_owned(), spool.clone());
        Ok((spool, true))
    }
}

/// Reads standard input on a thread of its own, for as long as the process lives.
fn read_stdin(stream: String, spool: Spool) {
    thread::spawn(move || match stdin::pump(&mut std::io::stdin().lock(), &spool, wall_clock) {
        Ok(lines) => info!(stream, lines, "standard input has ended"),
        Err(error) => error!(stream, %error, "standard input is no longer read"),
    });
}

/// An event of Kafka with its topic as the stream's number.
fn in_streams(event: SourceEvent, streams: &[usize]) -> SourceEvent {
    let of = |topic: usize| streams.get(topic).copied().unwrap_or(usize::MAX);
    match event {
        SourceEvent::Assigned { topic, partition, commit, start } => {
            SourceEvent::Assigned { topic: of(topic), partition, commit, start }
        }
        SourceEvent::Revoked { topic, partition } => {
            SourceEvent::Revoked { topic: of(topic), partition }
        }
        SourceEvent::Lost { topic, partition, wanted, available } => {
            SourceEvent::Lost { topic: of(topic), partition, wanted, available }
        }
        SourceEvent::NotAlone { .. } | SourceEvent::Trouble(_) | SourceEvent::Recovered => event,
    }
}
