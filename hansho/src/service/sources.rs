//! All sources of a service as one: Kafka, followed files and spools, each a log with offsets.
//!
//! Partitions are named by the number of their stream; a local source is partition 0 of its
//! stream. What Kafka keeps as metadata of a commit, local sources keep in one file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use connectors::commit::{CommitPoint, Reach, ReachBack};
use connectors::commit_file::{LocalCommit, read_commits, write_commits};
use connectors::journal::StateDir;
use connectors::source::kafka::{KafkaSource, SourceEvent};
use connectors::source::spool::{Spool, SpoolReader};
use connectors::source::tail::{Resumed, Tail};
use connectors::source::{Oversized, Progress, ReadState};
use model::event::Record;
use tracing::warn;

use super::{ServiceError, ServiceParts, stdin};
use crate::config::Input;
use crate::rule_files::Rules;

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

/// Where a life wants to read one stream from.
pub(super) struct Wanted {
    pub(super) input: Input,
    /// From where its partitions are read.
    pub(super) reach_back: ReachBack,
}

/// Every partition of every stream.
pub struct Sources {
    kafka: Option<KafkaSource>,
    /// By topic of Kafka: its stream.
    kafka_streams: Vec<usize>,
    local: Vec<Local>,
    commits: PathBuf,
    /// Commits of streams that the rules in force do not have; others may have them again.
    idle_commits: Vec<LocalCommit>,
    /// By stream: what dead letters, figures and log lines call its source.
    names: Vec<String>,
    /// What there is to tell at the next poll.
    events: Vec<SourceEvent>,
}

/// The one partition of a stream that is read here.
struct Local {
    stream: usize,
    name: String,
    log: LocalLog,
    committed: Option<CommitPoint>,
    /// The trouble that was told last and stands.
    trouble: Option<String>,
}

enum LocalLog {
    File(Tail),
    Spool(Spool, SpoolReader),
}

impl Sources {
    /// Opens the sources of all streams of the rules. What HTTP and standard input write to is
    /// opened once in a process, and can be written to from then on.
    ///
    /// # Errors
    /// A source that can never be read as configured, or commits that cannot be read.
    pub(super) fn open(
        parts: &mut ServiceParts,
        rules: &Rules,
        wanted: Vec<Wanted>,
        state_dir: &StateDir,
    ) -> Result<Sources, ServiceError> {
        let commits = state_dir.file(COMMITS);
        let known = read_commits(&commits).map_err(ServiceError::Commits)?;
        let names = rules.set.streams.iter().map(|schema| schema.name.clone());
        let names: Vec<String> = names.collect();
        let (known, idle_commits) = known.into_iter().partition(|one| names.contains(&one.stream));
        let mut sources = Sources {
            kafka: None,
            kafka_streams: Vec::new(),
            local: Vec::new(),
            commits,
            idle_commits,
            names: Vec::new(),
            events: Vec::new(),
        };
        sources.connect(parts, &wanted)?;
        sources.open_local(parts, (names, wanted), known, state_dir)?;
        Ok(sources)
    }

    /// Whoever reads on has all of the past: commits say enough from here on.
    pub(super) fn trust_commits(&mut self) {
        if let Some(kafka) = &mut self.kafka {
            kafka.trust_commits();
        }
    }

    /// Reads the streams of Kafka, if there are any.
    fn connect(&mut self, parts: &mut ServiceParts, wanted: &[Wanted]) -> Result<(), ServiceError> {
        let mut reach_back = Vec::new();
        let mut topics = Vec::new();
        for (stream, wanted) in wanted.iter().enumerate() {
            if let Input::Topic(topic) = &wanted.input {
                self.kafka_streams.push(stream);
                topics.push(topic.clone());
                reach_back.push(Arc::clone(&wanted.reach_back));
            }
        }
        if let Some(kafka) = parts.kafka.as_mut().filter(|_| !topics.is_empty()) {
            (kafka.topics, kafka.reach_back) = (topics, reach_back);
            self.kafka = Some(KafkaSource::connect(kafka).map_err(ServiceError::Kafka)?);
        }
        Ok(())
    }

    fn open_local(
        &mut self,
        parts: &mut ServiceParts,
        (names, wanted): (Vec<String>, Vec<Wanted>),
        known: Vec<LocalCommit>,
        state_dir: &StateDir,
    ) -> Result<(), ServiceError> {
        let mut posted = BTreeMap::new();
        for (stream, (name, wanted)) in names.into_iter().zip(wanted).enumerate() {
            let commit = known.iter().find(|commit| commit.stream == name);
            let reach = commit.map(|commit| (wanted.reach_back)(0, &commit.point));
            let reach = reach.unwrap_or(Reach::Committed);
            let label = match wanted.input {
                Input::Topic(topic) => topic,
                Input::File(path) => {
                    self.follow_file(stream, name, &path, (commit, reach))?;
                    path.display().to_string()
                }
                Input::Http => {
                    let (spool, _) = spool_of(parts, &name, state_dir)?;
                    posted.insert(name.clone(), spool.clone());
                    self.read_spool(stream, name.clone(), spool, (commit, reach));
                    format!("spool/{name}")
                }
                Input::Stdin => {
                    let (spool, is_new) = spool_of(parts, &name, state_dir)?;
                    if is_new {
                        stdin::read_stdin(name.clone(), spool.clone());
                    }
                    self.read_spool(stream, name.clone(), spool, (commit, reach));
                    format!("spool/{name}")
                }
            };
            self.names.push(label);
        }
        parts.ingest.open(posted, parts.ingest_token.clone());
        Ok(())
    }

    /// By stream: what dead letters, figures and log lines call its source.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Follows a file from its commit on. Where that says too little, it is read from the
    /// beginning of the first file the commit needs: lines do not say when they were written.
    fn follow_file(
        &mut self,
        stream: usize,
        name: String,
        path: &Path,
        (commit, reach): (Option<&LocalCommit>, Reach),
    ) -> Result<(), ServiceError> {
        let files = commit.map_or(&[][..], |commit| &commit.parts);
        let wanted = wanted_of(commit, reach);
        let first = files.first().map_or(wanted, |part| part.base.min(wanted));
        let from = if let Reach::Since(_) = reach { first } else { wanted };
        let resumed = match Tail::resume(path, files, from) {
            Ok((_, Resumed::Lost(_))) if from < wanted => {
                Tail::resume(path, files, wanted).map(|resumed| (resumed, wanted))
            }
            other => other.map(|resumed| (resumed, from)),
        };
        let ((tail, resumed), from) =
            resumed.map_err(|error| ServiceError::Source { stream: name.clone(), error })?;
        let start = if let Resumed::Lost(available) = resumed { available } else { from };
        self.add(stream, name, LocalLog::File(tail), commit, (from, start));
        Ok(())
    }

    /// Reads a spool from its commit on, or all that it still has where that says too little.
    fn read_spool(
        &mut self,
        stream: usize,
        name: String,
        spool: Spool,
        (commit, reach): (Option<&LocalCommit>, Reach),
    ) {
        let wanted = wanted_of(commit, reach);
        let is_reaching = matches!(reach, Reach::Since(_));
        let (reader, start) = spool.reader(if is_reaching { 0 } else { wanted });
        let wanted = if is_reaching { wanted.min(start) } else { wanted };
        self.add(stream, name, LocalLog::Spool(spool, reader), commit, (wanted, start));
    }

    fn add(
        &mut self,
        stream: usize,
        name: String,
        log: LocalLog,
        commit: Option<&LocalCommit>,
        (wanted, available): (i64, i64),
    ) {
        let (topic, partition) = (stream, 0);
        let committed = commit.map(|commit| commit.point);
        let commit = committed;
        self.events.push(SourceEvent::Assigned { topic, partition, commit, start: available });
        if available != wanted {
            self.events.push(SourceEvent::Lost { topic, partition, wanted, available });
        }
        self.local.push(Local { stream, name, log, committed, trouble: None });
    }

    /// Tells what happened, after at most `timeout`.
    pub(crate) fn poll(&mut self, timeout: Duration) -> Vec<SourceEvent> {
        let mut events = std::mem::take(&mut self.events);
        match &mut self.kafka {
            Some(kafka) => {
                let polled = kafka.poll(timeout);
                events
                    .extend(polled.into_iter().map(|event| in_streams(event, &self.kafka_streams)));
            }
            None if events.is_empty() => thread::sleep(timeout),
            None => {}
        }
        events
    }

    /// Hands at most `budget` records of one partition to `each`, without waiting.
    pub(crate) fn drain(
        &mut self,
        (stream, partition): (usize, i32),
        budget: usize,
        each: impl FnMut(Result<Record<'_>, Oversized>),
    ) -> Progress {
        let nothing = Progress { read: 0, state: ReadState::Waiting };
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

    /// Writes how far partitions are done and waits until that is safe.
    ///
    /// # Errors
    /// In words: what it says holds for none, or only for those of Kafka.
    pub(crate) fn commit(&mut self, points: &[(usize, i32, CommitPoint)]) -> Result<(), String> {
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
        self.local.iter().for_each(Local::forget);
        Ok(())
    }

    fn local_commits(&self) -> Vec<LocalCommit> {
        let own = self.local.iter().filter_map(Local::commit);
        own.chain(self.idle_commits.iter().cloned()).collect()
    }

    /// Leaves the consumer group, if there is one.
    pub(crate) fn close(self) {
        if let Some(Err(error)) = self.kafka.map(KafkaSource::close) {
            warn!(%error, "the consumer group was left without saying so");
        }
    }
}

impl Local {
    /// Whether it is a file that no commit knows of.
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
fn wanted_of(commit: Option<&LocalCommit>, reach: Reach) -> i64 {
    let committed = commit.map_or(0, |commit| commit.point.replay_from);
    if let Reach::Offset(offset) = reach { offset } else { committed }
}

/// The spool of a stream, and whether this opened it.
fn spool_of(
    parts: &mut ServiceParts,
    name: &str,
    state_dir: &StateDir,
) -> Result<(Spool, bool), ServiceError> {
    if let Some(spool) = parts.spools.get(name) {
        return Ok((spool.clone(), false));
    }
    let spool = Spool::open(state_dir.file("spool").join(name), parts.spool_bytes)?;
    parts.spools.insert(name.to_owned(), spool.clone());
    Ok((spool, true))
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
