//! A disk that keeps what was synced, and of the rest what it likes.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use connectors::alert_log_codec::AlertRecord;
use connectors::commit::CommitPoint;
use connectors::dead_letter::{DeadLetter, DeadLetterError};
use connectors::journal::JournalError;
use connectors::store::{RowChange, StoreError, StoredRow};
use engine::program::Program;
use engine::resume::ResumeIndex;
use engine::snapshot::SnapshotEncode;
use memchr::memmem;
use model::time::Timestamp;
use model::transition::TransitionKind;
use runtime::alert_log::record::LoggedRecord;
use runtime::alert_log::replay::LogEntry;
use runtime::checkpoint::snapshot::{SNAPSHOT, Snapshot};
use runtime::checkpoint::state_log::STATE_LOG;
use runtime::io::{DeadLetterLog, LineLog, LogStore, OpenedLog, PendingWrite, RowStore};
use runtime::rules::supervisor::ALERT_LOG;
use serde_json::Value;

use super::run_handle::{RunHandle, RunState};
use super::{CrashSignal, DurableState, NodeDesign};
use crate::generators::SplitMix;

/// How every line begins that holds a peak.
const PEAK_HEAD: &[u8] = b"{\"peak_of\":";

/// Contents of the disk.
#[derive(Debug, Default)]
pub(super) struct SimulatedDisk {
    logs: BTreeMap<String, DiskLog>,
    files: BTreeMap<String, Vec<u8>>,
    pub(super) rows: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Dead letters that are durable.
    pub(super) letters: u64,
}

/// A log on the disk.
#[derive(Clone, Debug, Default)]
struct DiskLog {
    lines: Vec<Vec<u8>>,
    /// Lines whose sync lied: durable at the next sync.
    promised: Vec<Vec<u8>>,
    /// Lines that were appended and not synced.
    pending: Vec<Vec<u8>>,
}

/// The store of a run.
#[derive(Clone)]
pub(super) struct SimulatedStore(pub(super) RunHandle);

/// A log of the store.
struct SimulatedLog {
    run: RunHandle,
    name: String,
}

/// A file that lands some time later.
struct SimulatedWrite {
    run: RunHandle,
    name: String,
    bytes: Option<Vec<u8>>,
}

/// The rows of on-call.
pub(super) struct SimulatedRows(pub(super) RunHandle);

/// Dead letters.
pub(super) struct SimulatedLetters {
    pub(super) run: RunHandle,
    pub(super) pending: u64,
}

impl SimulatedDisk {
    /// Of what was not synced, the system may have written the first part.
    pub(super) fn crash(&mut self, random: &mut SplitMix, survivors: &mut DurableState) {
        for (name, log) in &mut self.logs {
            log.promised.clear();
            let kept = random.within(0, log.pending.len() as i64) as usize;
            log.pending.truncate(kept);
            if kept > 0 && name == ALERT_LOG {
                survivors.count("kept though never synced");
            }
            record_records(name, &log.pending, survivors);
            log.lines.append(&mut log.pending);
        }
    }

    /// Everything that was written lands.
    pub(super) fn flush(&mut self, survivors: &mut DurableState) {
        for (name, log) in &mut self.logs {
            log.promised.append(&mut log.pending);
            record_records(name, &log.promised, survivors);
            log.lines.append(&mut log.promised);
        }
    }

    /// Loses the end of the state log, or all of it: it is a cache of the streams.
    pub(super) fn cut_state_log(&mut self, random: &mut SplitMix, survivors: &mut DurableState) {
        let Some(log) = self.logs.get_mut(STATE_LOG).filter(|log| !log.lines.is_empty()) else {
            return;
        };
        let kept = random.within(0, log.lines.len() as i64 - 1) as usize;
        log.lines.truncate(kept);
        survivors.count("state log cut short");
    }

    /// Makes everything durable whose sync lied.
    fn keep_promises(&mut self, survivors: &mut DurableState) {
        for (name, log) in &mut self.logs {
            record_records(name, &log.promised, survivors);
            log.lines.append(&mut log.promised);
        }
    }

    /// True when a log holds anything that no crash takes away.
    pub(super) fn has_lines(&self, name: &str) -> bool {
        self.logs.get(name).is_some_and(|log| !log.lines.is_empty())
    }

    /// Lines of the alert log that were appended and not synced.
    pub(super) fn unsynced_alerts(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.logs.get(ALERT_LOG).into_iter().flat_map(|log| &log.pending)
    }

    /// Lines of the alert log that were synced, newest first.
    pub(super) fn synced_alerts(&self) -> impl Iterator<Item = &Vec<u8>> {
        let log = self.logs.get(ALERT_LOG).into_iter();
        log.flat_map(|log| log.lines.iter().chain(&log.promised).rev())
    }

    /// Those that hold peaks.
    pub(super) fn synced_peaks(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.synced_alerts().filter(|line| line.starts_with(PEAK_HEAD))
    }

    /// The first line of the alert log that says that other rules were activated: by stream
    /// name, the last instant that the rules before evaluated.
    fn activation(&self) -> Option<BTreeMap<String, i64>> {
        let of = |line: &Vec<u8>| {
            // Every line is looked at in every round, and few are worth reading.
            memmem::find(line, b"rules_in_force")?;
            let line: Value = serde_json::from_slice(line).ok()?;
            line.get("rules_in_force")?;
            serde_json::from_value(line.get("settled_ms")?.clone()).ok()
        };
        let mut settled = self.logs.get(ALERT_LOG)?.lines.iter().filter_map(of);
        settled.find(|settled: &BTreeMap<String, i64>| !settled.is_empty())
    }
}

/// Notes records of the alert log that have become durable.
fn record_records(name: &str, lines: &[Vec<u8>], survivors: &mut DurableState) {
    if name == ALERT_LOG {
        survivors.alert_log.extend(lines.iter().filter_map(|line| record_of(line)));
    }
}

/// The record of a line, if it holds one.
pub(super) fn record_of(line: &[u8]) -> Option<LoggedRecord> {
    match LogEntry::read(line, 0) {
        Ok(LogEntry::Record(record)) => Some(*record),
        _ => None,
    }
}

fn journal_error(name: &str, _: CrashSignal) -> JournalError {
    let error = io::Error::other("the node has crashed");
    JournalError::Io { what: "write", path: PathBuf::from(name), error }
}

impl RunState {
    /// True when the sync of a log lies, and until the next one.
    fn lies(&self, name: &str) -> bool {
        match self.design {
            NodeDesign::CommitBeforeAppend | NodeDesign::SnapshotBeforeAppend => name == ALERT_LOG,
            NodeDesign::CommitBeforeMemory => name == STATE_LOG,
            _ => false,
        }
    }

    /// True when a line is lost on its way to the disk.
    fn drops(&self, name: &str, line: &[u8]) -> bool {
        if name != ALERT_LOG {
            return false;
        }
        match self.design {
            NodeDesign::ForgottenPeaks => line.starts_with(PEAK_HEAD),
            NodeDesign::ForgottenNotices => record_of(line).is_some_and(|record| {
                let AlertRecord::Transition(end, _) = &record.recorded else { return false };
                let has_fired = |of: &LoggedRecord| {
                    matches!(&of.recorded, AlertRecord::Transition(firing, _)
                        if firing.episode == end.episode && firing.kind == TransitionKind::Firing)
                };
                let pending = self.disk.logs.get(name).into_iter().flat_map(|log| &log.pending);
                let pending: Vec<LoggedRecord> =
                    pending.filter_map(|line| record_of(line)).collect();
                end.kind == TransitionKind::Resolved
                    && !self.survivors.alert_log.iter().chain(&pending).any(has_fired)
            }),
            NodeDesign::SilentByOffset => self.is_before_commits() && record_of(line).is_some(),
            _ => false,
        }
    }

    /// True when some partition is not read again up to where it was committed.
    fn is_before_commits(&self) -> bool {
        (0..self.case.logs.len()).any(|at| {
            let committed = self.commit_of(at).map_or(0, |commit| commit.position);
            self.run.next.get(&at).is_some_and(|next| (*next as i64) < committed)
        })
    }

    /// Lines as a design shows them to who opens a log.
    fn shown(&self, name: &str, lines: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        match self.design {
            NodeDesign::ForgottenLifecycle if name == ALERT_LOG => {
                let ended = ended_episodes(&lines);
                let is_open =
                    |line: &Vec<u8>| episode_of(line).is_some_and(|id| !ended.contains(&id));
                lines.into_iter().filter(|line| !is_open(line)).collect()
            }
            NodeDesign::ForgottenRules if name == ALERT_LOG => {
                let mut activations = 0;
                let mut is_first = |line: &[u8]| {
                    activations += u64::from(line.starts_with(b"{\"rules_in_force\":"));
                    activations < 2 || !line.starts_with(b"{\"rules_in_force\":")
                };
                lines.into_iter().filter(|line| is_first(line)).collect()
            }
            NodeDesign::ForgottenMemory if name == STATE_LOG => {
                lines.into_iter().filter(|line| !has_sightings(line)).collect()
            }
            NodeDesign::NewestMemory if name == STATE_LOG => {
                lines.into_iter().map(|line| dated_back(&line)).collect()
            }
            _ => lines,
        }
    }
}

fn contains(line: &[u8], part: &[u8]) -> bool {
    line.windows(part.len()).any(|window| window == part)
}

/// The episode of a line that fires, changes or repeats.
fn episode_of(line: &[u8]) -> Option<u128> {
    match record_of(line)?.recorded {
        AlertRecord::Transition(of, _) => Some(of.episode.0),
        _ => None,
    }
}

fn ended_episodes(lines: &[Vec<u8>]) -> Vec<u128> {
    let ended = lines.iter().filter_map(|line| match record_of(line)?.recorded {
        AlertRecord::Transition(of, _) if of.kind == TransitionKind::Resolved => Some(of.episode.0),
        _ => None,
    });
    ended.collect()
}

/// True when a line of the state log holds what was seen.
fn has_sightings(line: &[u8]) -> bool {
    contains(line, b"\"seen\":")
}

/// The head of a compacted log without how far what it lacks was published.
fn without_published(line: &[u8]) -> Vec<u8> {
    let Ok(mut value) = serde_json::from_slice::<Value>(line) else { return line.to_vec() };
    match value.get_mut("published_ms").and_then(Value::as_object_mut) {
        Some(published) => published.clear(),
        None => return line.to_vec(),
    }
    // The members of a head stand in this order.
    let next = value.get("next_sequence").cloned().unwrap_or_default();
    format!("{{\"next_sequence\":{next},\"published_ms\":{{}}}}").into_bytes()
}

/// A line of sightings with the instants of the newest replayed as if they were old.
fn dated_back(line: &[u8]) -> Vec<u8> {
    let Ok(mut value) = serde_json::from_slice::<Value>(line) else { return line.to_vec() };
    if let Some(seen) = value.get_mut("seen").and_then(Value::as_array_mut) {
        for sighting in seen {
            if let Some(at) = sighting.get_mut(2) {
                let instant = at.as_i64().unwrap_or(0);
                *at = (instant - 60).max(0).min(instant).into();
            }
        }
    }
    serde_json::to_vec(&value).unwrap()
}

impl LogStore for SimulatedStore {
    fn open(&self, name: &str) -> Result<OpenedLog, JournalError> {
        let mut state = self.0.lock();
        let log = state.disk.logs.entry(name.to_owned()).or_default();
        // Whoever opens it again in the same process sees what it has appended.
        let lines = [&log.lines[..], &log.promised, &log.pending].concat();
        let lines = state.shown(name, lines);
        Ok((Box::new(SimulatedLog { run: self.0.clone(), name: name.to_owned() }), lines))
    }

    fn set_aside(&self, name: &str) -> Result<(), JournalError> {
        let set_aside = |state: &mut RunState| {
            state.survivors.count("log put aside");
            drop(state.disk.logs.remove(name));
        };
        self.0.lock().effect(set_aside).map_err(|crash| journal_error(name, crash))
    }

    fn remove(&self, name: &str) -> Result<(), JournalError> {
        let remove = |state: &mut RunState| drop(state.disk.logs.remove(name));
        self.0.lock().effect(remove).map_err(|crash| journal_error(name, crash))
    }

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().disk.logs.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let mut state = self.0.lock();
        // A cache may be lost at any time.
        if name == SNAPSHOT && state.fate.random.chance(30) {
            return Ok(None);
        }
        Ok(state.disk.files.get(name).cloned())
    }

    fn replace(&self, name: &str, pieces: &[Vec<u8>]) -> Result<(), JournalError> {
        let bytes = pieces.concat();
        let replace = |state: &mut RunState| drop(state.disk.files.insert(name.to_owned(), bytes));
        self.0.lock().effect(replace).map_err(|crash| journal_error(name, crash))
    }

    fn start_replace(&self, name: &str, pieces: Vec<Vec<u8>>) -> Box<dyn PendingWrite> {
        let bytes = Some(pieces.concat());
        Box::new(SimulatedWrite { run: self.0.clone(), name: name.to_owned(), bytes })
    }

    fn place(&self, name: &str) -> Box<Path> {
        PathBuf::from(name).into_boxed_path()
    }
}

impl SimulatedWrite {
    fn land(&mut self) -> Option<Result<(), JournalError>> {
        let bytes = self.bytes.take()?;
        let land = |state: &mut RunState| {
            state.survivors.count("snapshot written");
            state.disk.files.insert(self.name.clone(), bytes);
        };
        let landed = self.run.lock().effect(land);
        Some(landed.map_err(|crash| journal_error(&self.name, crash)))
    }
}

impl PendingWrite for SimulatedWrite {
    fn try_result(&mut self) -> Option<Result<(), JournalError>> {
        let is_there = self.run.lock().fate.random.chance(50);
        if is_there { self.land() } else { None }
    }

    fn wait(&mut self) -> Option<Result<(), JournalError>> {
        self.land()
    }
}

impl LineLog for SimulatedLog {
    fn append(&mut self, line: &[u8]) -> Result<(), JournalError> {
        let mut state = self.run.lock();
        if state.is_dead {
            return Err(journal_error(&self.name, CrashSignal));
        }
        if !state.drops(&self.name, line) {
            let log = state.disk.logs.entry(self.name.clone()).or_default();
            log.pending.push(line.to_vec());
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), JournalError> {
        let sync = |state: &mut RunState| {
            let lies = state.lies(&self.name);
            let keeps_promises = state.fate.random.chance(1);
            state.trace(|| {
                let log = state.disk.logs.get(&self.name);
                let lines = log.into_iter().flat_map(|log| &log.pending);
                let lines: Vec<_> = lines
                    .map(|l| String::from_utf8_lossy(l).chars().take(260).collect::<String>())
                    .collect();
                format!("SYNC {} {lines:#?}", self.name)
            });
            let log = state.disk.logs.entry(self.name.clone()).or_default();
            if !lies {
                log.promised.append(&mut log.pending);
            } else if self.name == STATE_LOG {
                // It says that everything is written, but the sightings are not there yet.
                let (sightings, whole): (Vec<_>, Vec<_>) = std::mem::take(&mut log.pending)
                    .into_iter()
                    .partition(|line| has_sightings(line));
                if keeps_promises {
                    log.lines.append(&mut log.promised);
                }
                log.lines.extend(whole);
                log.promised.extend(sightings);
                return;
            }
            record_records(&self.name, &log.promised, &mut state.survivors);
            log.lines.append(&mut log.promised);
            log.promised.append(&mut log.pending);
        };
        self.run.lock().effect(sync).map_err(|crash| journal_error(&self.name, crash))
    }

    fn lines(&self) -> Result<Vec<Vec<u8>>, JournalError> {
        let state = self.run.lock();
        let log = state.disk.logs.get(&self.name).cloned().unwrap_or_default();
        Ok([log.lines, log.promised].concat())
    }

    fn rewrite(&mut self, lines: &[Vec<u8>]) -> Result<(), JournalError> {
        let rewrite = |state: &mut RunState| {
            if self.name == ALERT_LOG {
                state.survivors.count("alert log compacted");
                let ended = ended_episodes(lines);
                let is_open = |id: u128| !ended.contains(&id);
                if lines.iter().filter_map(|line| episode_of(line)).any(is_open) {
                    state.survivors.count("open episode kept by compaction");
                }
            }
            let mut lines = lines.to_vec();
            if state.design == NodeDesign::CompactsOpenEpisode && self.name == ALERT_LOG {
                let ended = ended_episodes(&lines);
                let is_open =
                    |line: &Vec<u8>| episode_of(line).is_some_and(|id| !ended.contains(&id));
                lines.retain(|line| !is_open(line));
            }
            if state.design == NodeDesign::CompactsBeyondCommit && self.name == ALERT_LOG {
                lines.iter_mut().for_each(|line| *line = without_published(line));
            }
            let log = state.disk.logs.entry(self.name.clone()).or_default();
            *log = DiskLog { lines, ..DiskLog::default() };
        };
        self.run.lock().effect(rewrite).map_err(|crash| journal_error(&self.name, crash))
    }

    fn length(&self) -> u64 {
        let state = self.run.lock();
        let log = state.disk.logs.get(&self.name);
        let lines = log
            .into_iter()
            .flat_map(|log| log.lines.iter().chain(&log.promised).chain(&log.pending));
        lines.map(|line| line.len() as u64 + 1).sum()
    }
}

impl RowStore for SimulatedRows {
    fn rows(&self) -> Result<Vec<StoredRow>, StoreError> {
        let state = self.0.lock();
        Ok(state.disk.rows.iter().map(|(key, row)| (key.clone(), row.clone())).collect())
    }

    fn write(&mut self, changes: &[RowChange]) -> Result<(), StoreError> {
        let mut state = self.0.lock();
        let mut changes = changes.to_vec();
        if state.design == NodeDesign::PositionBeforeOutbox {
            // The key of the position sorts first.
            changes.sort_by(|one, other| one.0.cmp(&other.0));
            let rest = changes.split_off(1.min(changes.len()));
            write_rows(&mut state, changes)?;
            changes = rest;
        }
        write_rows(&mut state, changes)
    }
}

fn write_rows(state: &mut RunState, changes: Vec<RowChange>) -> Result<(), StoreError> {
    let write = |state: &mut RunState| {
        for (key, row) in changes {
            match row {
                Some(row) => state.disk.rows.insert(key, row),
                None => state.disk.rows.remove(&key),
            };
        }
    };
    state
        .effect(write)
        .map_err(|CrashSignal| StoreError::new("written", Path::new("rows"), "crashed"))
}

impl DeadLetterLog for SimulatedLetters {
    fn put(&mut self, _: &DeadLetter<'_>) -> Result<(), DeadLetterError> {
        self.pending += 1;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), DeadLetterError> {
        let pending = std::mem::take(&mut self.pending);
        if pending == 0 {
            return Ok(());
        }
        let flush = |state: &mut RunState| {
            state.disk.letters += pending;
            state.survivors.count("dead letter written");
        };
        let flushed = self.run.lock().effect(flush);
        flushed.map_err(|crash| DeadLetterError::File(journal_error("letters", crash)))
    }
}

impl RunState {
    /// Notes where other rules were activated, once the record of it is durable.
    pub(super) fn record_activation(&mut self) {
        if self.replaced.is_some() {
            return;
        }
        if let Some(settled) = self.disk.activation() {
            let of = |name: &String| Timestamp(settled.get(name).copied().unwrap_or(i64::MIN));
            let streams = self.case.rules.streams.iter().map(|schema| of(&schema.name));
            self.replaced = Some(streams.collect());
            self.survivors.count("rules replaced");
        }
    }

    /// Condition of a commit in a wrong design.
    pub(super) fn before_commit(&mut self) {
        if self.design == NodeDesign::SnapshotBeforeAppend {
            self.disk.keep_promises(&mut self.survivors);
        }
    }

    /// Patches the snapshot of a wrong design.
    pub(super) fn patch_snapshot(&mut self, program: &Program) {
        if self.design != NodeDesign::SnapshotWithoutPast {
            return;
        }
        let Some(bytes) = self.disk.files.get(SNAPSHOT) else { return };
        let Ok(mut snapshot) = Snapshot::decode(bytes, program) else { return };
        for partition in snapshot.reader.partitions.values_mut() {
            partition.past = ResumeIndex::new(1);
        }
        let mut reader = Vec::new();
        snapshot.reader.pack(&mut reader);
        let pieces = Snapshot::encode(program, &reader, snapshot.shards.0);
        self.disk.files.insert(SNAPSHOT.to_owned(), pieces.concat());
    }

    /// A commit as a wrong design writes or reads it.
    pub(super) fn patched(&self, at: usize, point: CommitPoint) -> CommitPoint {
        match self.design {
            NodeDesign::RewoundByTime => {
                let log = &self.case.logs[at];
                let front =
                    log.records.iter().take(point.position as usize).map(|of| of.time).max();
                let horizon_ms = self.environment.horizon_ms;
                let from = front.unwrap_or(0) - horizon_ms;
                let first = log.records.iter().position(|of| of.time > from);
                let replay_from = first.unwrap_or(0) as i64;
                CommitPoint { replay_from: replay_from.min(point.position), front: None, ..point }
            }
            NodeDesign::SilentByOffset => CommitPoint { settled: i64::MIN, ..point },
            _ => point,
        }
    }
}
