//! Sources of a run: partitions that come and go, brokers that do not answer, commits.

use connectors::alert_log_codec::AlertRecord;
use connectors::commit::{CommitPoint, ReplayStart, ReplayStartFn};
use connectors::source::kafka::SourceEvent;
use connectors::source::{DrainProgress, OversizedRecord, ReadState};
use model::event::Record;
use model::time::Timestamp;
use runtime::error::NodeError;
use runtime::io::{PartitionCommit, SourceFactory, Sources, StreamPartition};
use runtime::rules::loaded::LoadedRules;

use super::run_handle::{RunHandle, RunState};
use super::{CrashSignal, NodeDesign};

/// Opens the sources of a run.
pub(super) struct SimulatedFactory(pub(super) RunHandle);

/// The partitions of a run.
pub(super) struct SimulatedSources {
    run: RunHandle,
    names: Vec<String>,
    reach_back: Vec<ReplayStartFn>,
}

impl SourceFactory for SimulatedFactory {
    type Sources = SimulatedSources;

    fn check(&self, _: &LoadedRules) -> Result<(), String> {
        Ok(())
    }

    fn open(
        &mut self,
        rules: &LoadedRules,
        reach_back: Vec<ReplayStartFn>,
    ) -> Result<SimulatedSources, NodeError> {
        let mut state = self.0.lock();
        state.begin_run();
        let names = rules.set.streams.iter().map(|schema| schema.name.clone()).collect();
        Ok(SimulatedSources { run: self.0.clone(), names, reach_back })
    }

    fn record_active(&mut self, _: &LoadedRules) {}
}

impl RunState {
    /// True when a partition is this member's now. A group assigns all there are at first, and
    /// takes away later.
    fn is_ours(&self, at: usize) -> bool {
        let place = &self.environment.places[at];
        let is_away = self.run.next.contains_key(&at) && place.away.contains(&self.now_ms);
        place.appears_ms <= self.now_ms && !is_away
    }

    /// Start offset of a partition, by its commit.
    fn start_of(&self, at: usize, commit: Option<CommitPoint>, reach: &ReplayStartFn) -> i64 {
        let Some(commit) = commit else { return 0 };
        match (self.design, reach(self.case.logs[at].partition, &commit)) {
            (NodeDesign::NoReplay, _) => commit.position,
            (_, ReplayStart::Committed) => commit.replay_from,
            (_, ReplayStart::Offset(offset)) => offset,
            (_, ReplayStart::Since(since)) => {
                // The first record that was recorded late enough; lines do not say when.
                let records = &self.case.logs[at].records;
                let is_late = |of: &crate::generators::PartitionRecord| {
                    of.recorded.is_none_or(|at| at >= since)
                };
                let first = records.iter().position(is_late).unwrap_or(records.len()) as i64;
                first.min(commit.replay_from)
            }
        }
    }

    fn commit_shown(&self, at: usize) -> Option<CommitPoint> {
        let commit = self.commit_of(at)?;
        if self.design != NodeDesign::LatestLifecycle {
            return Some(commit);
        }
        let newest = self.survivors.alert_log.iter().filter_map(|record| match &record.recorded {
            AlertRecord::Transition(of, _) => Some(of.facts.at.0),
            _ => None,
        });
        Some(CommitPoint { settled: newest.max().unwrap_or(commit.settled), ..commit })
    }
}

impl Sources for SimulatedSources {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn poll(&mut self) -> Vec<SourceEvent> {
        let mut state = self.run.lock();
        let mut events = Vec::new();
        for at in 0..state.case.logs.len() {
            let (topic, partition) = {
                let log = &state.case.logs[at];
                (log.stream as usize, log.partition)
            };
            let is_assigned = state.run.next.contains_key(&at) && !state.run.revoked.contains(&at);
            match (is_assigned, state.is_ours(at)) {
                (false, true) => {
                    let commit = state.commit_shown(at);
                    let start = if state.run.revoked.remove(&at) {
                        // It is read on from where it was left.
                        state.survivors.count("partition given back");
                        state.run.next.get(&at).map_or(0, |next| *next as i64)
                    } else {
                        if state.environment.places[at].is_added() {
                            state.survivors.count("partition added");
                        }
                        state.start_of(at, commit, &self.reach_back[topic])
                    };
                    let is_newest = state.design == NodeDesign::SnapshotWithNewestCommit;
                    let read = commit.filter(|_| is_newest).map_or(start, |of| of.position);
                    state.run.next.insert(at, read as usize);
                    state.run.read_to.entry(at).or_insert(read as usize);
                    state
                        .trace(|| format!("ASSIGNED {topic}/{partition} {commit:?} start {start}"));
                    events.push(SourceEvent::Assigned { topic, partition, commit, start });
                }
                (true, false) => {
                    if state.design == NodeDesign::UnreachableIsEmpty {
                        continue;
                    }
                    state.survivors.count("partition taken away");
                    state.run.revoked.insert(at);
                    events.push(SourceEvent::Revoked { topic, partition });
                }
                _ => {}
            }
        }
        events
    }

    fn drain(
        &mut self,
        of: StreamPartition,
        budget: usize,
        mut each: impl FnMut(Result<Record<'_>, OversizedRecord>),
    ) -> DrainProgress {
        let mut state = self.run.lock();
        let mut logs = state.case.logs.iter();
        let at = logs.position(|log| (log.stream as usize, log.partition) == of);
        let waiting = DrainProgress { read: 0, state: ReadState::Waiting };
        let Some(at) = at.filter(|at| state.run.next.contains_key(at)) else { return waiting };
        let is_empty = DrainProgress { read: 0, state: ReadState::Empty };
        let is_mute = state.environment.places[at].mute.contains(&state.now_ms);
        if is_mute || !state.is_ours(at) {
            if is_mute {
                state.survivors.count("no answer from a broker");
            }
            return if state.design == NodeDesign::UnreachableIsEmpty { is_empty } else { waiting };
        }
        let patience = if state.environment.idle_ms.is_some() { 75 } else { 60 };
        if !state.is_finishing && !state.fate.random.chance(patience) {
            return if state.design == NodeDesign::HeldBackIsEmpty { is_empty } else { waiting };
        }
        let most = state.fate.random.within(1, 4).min(budget as i64);
        let mut read = 0;
        while read < most as usize {
            let next = state.run.next[&at];
            let arrived = state.environment.places[at].arrivals.get(next);
            if arrived.is_none_or(|arrived| *arrived > state.now_ms) {
                break;
            }
            state.run.next.insert(at, next + 1);
            // What was read before a partition was taken away stays read.
            let is_new = state.run.read_to.get(&at).is_none_or(|read_to| next >= *read_to);
            if is_new {
                state.run.read_to.insert(at, next + 1);
                state.record_read(at, next);
            }
            let record = &state.case.logs[at].records[next];
            each(Ok(Record {
                partition: of.1,
                offset: next as i64,
                timestamp: record.recorded.map(Timestamp),
                payload: &state.payloads[at][next],
            }));
            read += 1;
        }
        let next = state.run.next[&at];
        let follows = state.environment.places[at].arrivals.get(next);
        let follows = follows.is_some_and(|arrived| *arrived <= state.now_ms);
        let passes = state.environment.idle_ms.is_some() || state.is_finishing;
        let read_state = match (follows, passes) {
            (true, _) => ReadState::More,
            (false, true) => ReadState::Empty,
            (false, false) => ReadState::Waiting,
        };
        DrainProgress { read, state: read_state }
    }

    fn commit(&mut self, points: &[PartitionCommit]) -> Result<(), String> {
        let mut state = self.run.lock();
        state.before_commit();
        let lies = state.design == NodeDesign::CompactsBeyondCommit && state.fate.random.chance(80);
        let commit = |state: &mut RunState| {
            for (stream, partition, point) in points {
                let mut logs = state.case.logs.iter();
                let is_it = |log: &crate::generators::PartitionLog| {
                    (log.stream as usize, log.partition) == (*stream, *partition)
                };
                let at = logs.position(is_it);
                if at.is_some_and(|at| state.run.revoked.contains(&at)) {
                    let fault = format!("commits {stream}/{partition}, which is another's");
                    state.expected.fault = Some(fault);
                }
                if let Some(at) = at.filter(|_| !lies) {
                    let text = state.patched(at, *point).encode();
                    state.commits.insert(at, text);
                }
            }
            state.trace(|| format!("COMMIT {points:?}"));
            if !points.is_empty() {
                state.record_commit(points);
            }
        };
        state.effect(commit).map_err(|CrashSignal| "the node has crashed".to_owned())
    }

    fn close(self) {}
}

impl RunState {
    /// Notes how long the alert log was at a commit, and what it says is settled.
    fn record_commit(&mut self, points: &[PartitionCommit]) {
        let mut settled = vec![Timestamp(i64::MIN); self.case.rules.streams.len()];
        for (stream, _, point) in points {
            settled[*stream] = settled[*stream].max(Timestamp(point.settled));
        }
        self.survivors.count("committed");
        let length = self.survivors.alert_log.len();
        self.run.unchecked = Some(settled.clone());
        self.expected.commits.push((length, settled));
    }
}
