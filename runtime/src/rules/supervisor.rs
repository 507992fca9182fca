//! The supervisor: a machine that runs a pipeline under the active rules, from recovery to a stop
//! or to other rules.
//!
//! A reload is such an end and such a beginning. The old pipeline settles what it can and publishes
//! it; the record of the new rules is written; the new pipeline recovers as after a crash: it
//! replays one horizon and continues at the first instant that was not settled. So what a restart
//! proves of windows and episodes holds here too.
//!
//! Where the new rules are the old ones in another wording, the shards adopt them instead once the
//! record is written: windows, partitions and what waits stay as they are, and nothing is
//! replayed. Whoever recovers later comes to the same.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

use connectors::alert_log_codec::AlertRecord;
use connectors::commit::{ReplayStart, ReplayStartFn};
use engine::shard::{Shard, ShardCounts};
use engine::watermark::FUTURE_MAX_MS;
use model::time::Timestamp;
use tracing::info;

use super::active_rules::{ActiveRules, activate, following, load_active};
use super::kept::PreviousRules;
use super::loaded::LoadedRules;
use super::mailbox::RuleUpdate;
use crate::alert_log::compaction::AlertLogCompactor;
use crate::alert_log::durable_progress::DurableProgress;
use crate::alert_log::record::LoggedRecord;
use crate::alert_log::replay::AlertLogReplay;
use crate::alert_log::rule_change::RuleChange;
use crate::alert_log::writer::{AlertLog, AlertLogWriter, DrainedWriter, NodeLogs, WriterParts};
use crate::checkpoint::snapshot::{Snapshot, SnapshotWriter};
use crate::checkpoint::state_log::{KeptFrom, StateLog, StateLogContents};
use crate::error::NodeError;
use crate::executor::{DrainedPipeline, PipelineExecutor, PipelineMachines};
use crate::ingest::admission::RecordIngester;
use crate::ingest::offset_index::OffsetIndexes;
use crate::ingest::reader::{PartitionReader, ReaderParts};
use crate::ingest::replay_requirements::{ReplayRequirements, replay_requirements};
use crate::io::{ClockReading, SourceFactory, StepReadiness};
use crate::pipeline::{Pipeline, PipelineInput};
use crate::shared::{NodeSettings, NodeShared, RunTotals};

/// Time between two looks at the group while partitions are waited for, in ms.
const ASSIGNMENT_POLL_MS: i64 = 100;

/// The alert log as recovery finds it.
pub(crate) struct AlertLogState {
    alert_log: AlertLog,
    history: AlertLogReplay,
}

/// Runs pipelines, one after the other.
pub struct Supervisor<F: SourceFactory, X> {
    sources: F,
    executor: X,
    shared: NodeShared,
    settings: NodeSettings,
    /// Totals that the next run continues; `None` while a run has it.
    totals: Option<RunTotals>,
    /// Counts refused by shards of earlier runs.
    refused: ShardCounts,
    /// Records of the log that on-call has not been sent yet.
    backlog: VecDeque<LoggedRecord>,
    stage: SupervisorStage<F::Sources>,
}

/// Stage of a supervisor.
enum SupervisorStage<S> {
    /// Rules are active, and nothing is opened.
    Recovery(Box<(AlertLogState, ActiveRules)>),
    /// Partitions are waited for.
    Assignment(Box<PendingRun<S>>),
    /// A pipeline runs.
    Running(Box<ActiveRun<S>>),
    Finished,
}

/// A run that waits for its partitions.
struct PendingRun<S> {
    recovery: RecoveryInput,
    reader: PartitionReader<S>,
    durable: Arc<DurableProgress>,
    /// By stream: everything up to here is published.
    published: Vec<Timestamp>,
    snapshot: Option<Snapshot>,
    /// Monotonic time of the first assignment.
    assigned_at_ms: Option<i64>,
}

/// Contents of the logs before anything is read.
struct RecoveryInput {
    rules: LoadedRules,
    previous: Option<PreviousRules>,
    alert_log: AlertLog,
    history: AlertLogReplay,
    state_log: StateLog,
    state: StateLogContents,
    kept: KeptFrom,
}

/// A pipeline that is about to run, and the reader in front of it.
struct PipelineLaunch<S> {
    rules: LoadedRules,
    reader: PartitionReader<S>,
    pipeline: Pipeline,
    logs: NodeLogs,
    ended: Vec<AlertRecord>,
    durable: Arc<DurableProgress>,
}

/// A run that has its partitions.
struct ActiveRun<S> {
    rules: LoadedRules,
    reader: PartitionReader<S>,
    input: PipelineInput,
    durable: Arc<DurableProgress>,
    is_drained: bool,
}

impl<F: SourceFactory, X: PipelineExecutor> Supervisor<F, X> {
    /// A supervisor that starts with the rules that the log says are active, or else with these.
    /// Rules that were edited meanwhile wait until it has come to where the old ones stopped.
    ///
    /// # Errors
    /// The alert log cannot be read or written.
    pub(crate) fn new(
        proposed: LoadedRules,
        sources: F,
        executor: X,
        shared: NodeShared,
        settings: NodeSettings,
        totals: RunTotals,
        now: ClockReading,
    ) -> Result<Supervisor<F, X>, NodeError> {
        let mut state = AlertLogState::read(&shared)?;
        let rules = state.first_rules(proposed, &sources, &shared, now)?;
        let backlog = state.history.logged().iter().cloned().collect();
        let stage = SupervisorStage::Recovery(Box::new((state, rules)));
        let (totals, refused) = (Some(totals), ShardCounts::default());
        Ok(Supervisor { sources, executor, shared, settings, totals, refused, backlog, stage })
    }

    /// Executor of the machines of its pipelines.
    pub const fn executor(&mut self) -> &mut X {
        &mut self.executor
    }

    /// The sources, to be waited on between two steps; `None` while none are open.
    pub fn open_sources(&mut self) -> Option<&mut F::Sources> {
        match &mut self.stage {
            SupervisorStage::Assignment(assignment) => Some(assignment.reader.sources()),
            SupervisorStage::Running(run) => Some(run.reader.sources()),
            SupervisorStage::Recovery(_) | SupervisorStage::Finished => None,
        }
    }

    /// By stream: the watermark that is published; empty while no pipeline runs.
    pub fn watermarks(&self) -> &[Timestamp] {
        match &self.stage {
            SupervisorStage::Running(run) => run.reader.watermarks(),
            _ => &[],
        }
    }

    /// Recovers, waits for partitions, reads, drains, activates other rules: whatever is next.
    ///
    /// # Errors
    /// See [`NodeError`]. After any of them a restart recovers.
    pub fn step(
        &mut self,
        is_stopping: bool,
        now: ClockReading,
    ) -> Result<StepReadiness, NodeError> {
        self.send_backlog();
        match mem::replace(&mut self.stage, SupervisorStage::Finished) {
            SupervisorStage::Recovery(recovery) => {
                let (state, rules) = *recovery;
                self.open(state, rules, now)?;
                Ok(StepReadiness::Again)
            }
            SupervisorStage::Assignment(assignment) if is_stopping => {
                self.totals = Some(assignment.reader.close().1);
                Ok(StepReadiness::Finished)
            }
            SupervisorStage::Assignment(assignment) => self.await_partitions(assignment, now),
            SupervisorStage::Running(run) => self.run(run, is_stopping, now),
            SupervisorStage::Finished => Ok(StepReadiness::Finished),
        }
    }

    /// Records of the log go to on-call before new ones do, as fast as it folds them.
    fn send_backlog(&mut self) {
        while self.shared.notify.has_room() {
            let Some(record) = self.backlog.pop_front() else { return };
            self.shared.notify.record(record);
        }
    }

    /// Opens the sources where a snapshot says, or where the commits do.
    fn open(
        &mut self,
        state: AlertLogState,
        active: ActiveRules,
        now: ClockReading,
    ) -> Result<(), NodeError> {
        let AlertLogState { alert_log, history } = state;
        let ActiveRules { rules, previous } = active;
        let how = self.settings.pipeline.state_checkpoints;
        let bytes_min = self.settings.retention.compact_bytes_min;
        let (state_log, state) = StateLog::open(&*self.shared.store, how, bytes_min)?;
        let kept = state.kept();
        let recovery =
            RecoveryInput { rules, previous, alert_log, history, state_log, state, kept };
        let snapshot = Snapshot::load(&*self.shared.store, &recovery.rules.program);
        self.assign(recovery, snapshot, now)
    }

    fn assign(
        &mut self,
        recovery: RecoveryInput,
        snapshot: Option<Snapshot>,
        now: ClockReading,
    ) -> Result<(), NodeError> {
        let rules = &recovery.rules;
        let reach_back = recovery.reach_back(&self.settings, snapshot.as_ref());
        self.record_active(rules)?;
        let durable = Arc::new(DurableProgress::new(rules.set.streams.len()));
        let source = self.sources.open(rules, reach_back)?;
        let workers = self.settings.pipeline.workers.max(1);
        let ingester = RecordIngester::new(&rules.program, &rules.set.streams, None, workers);
        let ingester = ingester.map_err(NodeError::Schema)?;
        let totals = self.totals.take().ok_or(NodeError::Machine("supervisor"))?;
        let parts = ReaderParts { source, ingester, totals, durable: Arc::clone(&durable) };
        let reader = PartitionReader::new(parts, rules, &self.shared, &self.settings, now);
        let published = vec![Timestamp(i64::MIN); rules.set.streams.len()];
        let assigned_at_ms = None;
        self.stage = SupervisorStage::Assignment(Box::new(PendingRun {
            recovery,
            reader,
            durable,
            published,
            snapshot,
            assigned_at_ms,
        }));
        Ok(())
    }

    /// Makes rules those of the node: their texts, their figures.
    fn record_active(&mut self, rules: &LoadedRules) -> Result<(), NodeError> {
        self.sources.check(rules).map_err(NodeError::Rules)?;
        self.shared.templates.replace_rules(rules);
        let metrics = &self.shared.telemetry.metrics;
        metrics.rules.begin(&rules.program);
        metrics.record_rules(rules.program.hash());
        self.shared.mailbox.record_active(rules.program.hash());
        Ok(())
    }

    fn await_partitions(
        &mut self,
        mut assignment: Box<PendingRun<F::Sources>>,
        now: ClockReading,
    ) -> Result<StepReadiness, NodeError> {
        for (stream, commit) in assignment.reader.follow_assignments(now)? {
            if let Some(slot) = assignment.published.get_mut(stream) {
                *slot = (*slot).max(Timestamp(commit.settled));
            }
        }
        let (any, all) = assignment.reader.assigned();
        let since = assignment.assigned_at_ms.or(any.then_some(now.monotonic_ms));
        assignment.assigned_at_ms = since;
        let waited_ms = since.map_or(0, |since| now.monotonic_ms.saturating_sub(since));
        // New records follow those that on-call has still to be sent.
        let may_start =
            any && (all || waited_ms > self.settings.assignment_wait_ms) && self.backlog.is_empty();
        if may_start {
            self.shared.telemetry.health.record_assigned();
            self.recover(*assignment, now)?;
            return Ok(StepReadiness::Again);
        }
        self.stage = SupervisorStage::Assignment(assignment);
        Ok(StepReadiness::Wait(Some(now.monotonic_ms.saturating_add(ASSIGNMENT_POLL_MS))))
    }

    /// Starts the pipeline: from a snapshot that fits the commits, or by a replay.
    fn recover(
        &mut self,
        assignment: PendingRun<F::Sources>,
        now: ClockReading,
    ) -> Result<(), NodeError> {
        let PendingRun { recovery, mut reader, durable, mut published, snapshot, .. } = assignment;
        let program = Arc::clone(&recovery.rules.program);
        recovery.raise(&mut published);
        let mut shards = None;
        if let Some(Snapshot { reader: checkpoint, shards: of }) = snapshot {
            let resumed = of.resume(&program, self.settings.pipeline, &published);
            shards = resumed.filter(|_| {
                recovery.has_state(&self.settings, &published) && reader.resume(checkpoint)
            });
            if let Some(shards) = &shards {
                let states: u64 = shards.iter().map(|shard| shard.counts().states).sum();
                info!(states, "recovery resumes from a snapshot; nothing is replayed");
            } else {
                info!("snapshot does not fit the commits; replaying one horizon");
                self.totals = Some(reader.close().1);
                return self.assign(recovery, None, now);
            }
        }
        self.start(recovery, reader, durable, &published, shards, now)
    }

    fn start(
        &mut self,
        recovery: RecoveryInput,
        mut reader: PartitionReader<F::Sources>,
        durable: Arc<DurableProgress>,
        published: &[Timestamp],
        shards: Option<Vec<Shard>>,
        now: ClockReading,
    ) -> Result<(), NodeError> {
        let RecoveryInput { rules, previous, alert_log, history, state_log, state, .. } = recovery;
        let program = Arc::clone(&rules.program);
        let mut logs = self.logs(&rules, alert_log, state_log, reader.offset_indexes());
        logs.compactor.compact_if_due(&mut *logs.alert_log.0, published, now.wall);
        (0..).zip(published).for_each(|(stream, at)| durable.record_committed(stream, *at));
        let restored_state = logs.state_log.restore(&program, state, published)?;
        let published_some = history.published_some(&program);
        reader.continue_after(published, published_some, &rules, &restored_state.kept);
        let mut resumed = history.resumed(published, &program, previous.as_ref());
        resumed.restored.memories = restored_state.memories;
        let pipeline = match shards {
            Some(shards) => Pipeline::of(shards, self.settings.pipeline),
            None => Pipeline::new(&program, self.settings.pipeline, &resumed.restored),
        };
        reader.publish_again(&pipeline.input);
        // Rules that replaced none have ended nothing.
        let texts = previous.map(|of| self.shared.templates.of_rules(&of.rules));
        let ended = texts.map_or_else(Vec::new, |texts| {
            resumed.ended.into_iter().map(|end| texts.transition_record(end)).collect()
        });
        let launch = PipelineLaunch { rules, reader, pipeline, logs, ended, durable };
        self.launch(launch, &history, now);
        Ok(())
    }

    /// The logs of a node under these rules.
    fn logs(
        &self,
        rules: &LoadedRules,
        alert_log: AlertLog,
        state_log: StateLog,
        offset_indexes: Arc<OffsetIndexes>,
    ) -> NodeLogs {
        let NodeShared { store, telemetry, .. } = &self.shared;
        let workers = self.settings.pipeline.workers;
        NodeLogs {
            alert_log,
            compactor: AlertLogCompactor::new(rules, &self.shared, &self.settings),
            state_log,
            snapshots: SnapshotWriter::new(store, &rules.program, workers, telemetry),
            offset_indexes,
        }
    }

    fn launch(
        &mut self,
        launch: PipelineLaunch<F::Sources>,
        history: &AlertLogReplay,
        now: ClockReading,
    ) {
        let PipelineLaunch { rules, reader, pipeline, logs, ended, durable } = launch;
        let Pipeline { input, output, workers } = pipeline;
        let program = Arc::clone(&rules.program);
        let parts = WriterParts { output, logs, ended, durable: Arc::clone(&durable), program };
        let mut writer = AlertLogWriter::new(parts, history, &self.shared, &self.settings, now);
        writer.continue_counts(self.refused);
        self.executor.start(PipelineMachines { workers, writer: Box::new(writer) });
        let run = ActiveRun { rules, reader, input, durable, is_drained: false };
        self.stage = SupervisorStage::Running(Box::new(run));
    }

    fn run(
        &mut self,
        mut run: Box<ActiveRun<F::Sources>>,
        is_stopping: bool,
        now: ClockReading,
    ) -> Result<StepReadiness, NodeError> {
        if !run.is_drained {
            let flow = run.reader.step(&mut run.input, is_stopping, now);
            match flow {
                Ok(StepReadiness::Finished) => run.is_drained = true,
                Ok(flow) => {
                    self.stage = SupervisorStage::Running(run);
                    return Ok(flow);
                }
                Err(error) => {
                    // What the writer failed with explains more than what the reader noticed.
                    let joined = self.executor.try_join();
                    return Err(joined.and_then(Result::err).unwrap_or(error));
                }
            }
        }
        let Some(drained) = self.executor.try_join() else {
            self.stage = SupervisorStage::Running(run);
            return Ok(StepReadiness::Wait(Some(now.monotonic_ms.saturating_add(1))));
        };
        let update = self.shared.mailbox.take().filter(|_| !is_stopping);
        self.end_run(*run, drained?, update, now)
    }

    /// Ends a run for good, activates rules that the shards adopt, or recovers under other rules.
    fn end_run(
        &mut self,
        run: ActiveRun<F::Sources>,
        drained: DrainedPipeline,
        update: Option<RuleUpdate>,
        now: ClockReading,
    ) -> Result<StepReadiness, NodeError> {
        let DrainedPipeline { shards, writer } = drained;
        let Some(update) = update else {
            self.write_last_snapshot(&run, writer, &shards);
            self.totals = Some(run.reader.close().1);
            return Ok(StepReadiness::Finished);
        };
        if self.may_adopt(&run.rules, &update.rules) {
            self.adopt(run, update, shards, writer, now)?;
            return Ok(StepReadiness::Again);
        }
        let (settled, totals) = run.reader.close();
        (self.totals, self.refused) = (Some(totals), writer.refused);
        let mut state = AlertLogState::read(&self.shared)?;
        let change = RuleChange::after(&run.rules, &update.rules, settled);
        let active = state.replace(update, change, &self.shared, now)?;
        self.stage = SupervisorStage::Recovery(Box::new((state, active)));
        Ok(StepReadiness::Again)
    }

    fn write_last_snapshot(
        &self,
        run: &ActiveRun<F::Sources>,
        writer: DrainedWriter,
        shards: &[Shard],
    ) {
        let is_wanted = self.settings.reader.snapshot_every_ms.is_some();
        if let Some(checkpoint) = run.reader.checkpoint().filter(|_| is_wanted) {
            writer.snapshots.write_last(&checkpoint, shards);
        }
    }

    /// True when shards and reader may continue under other rules as they are.
    fn may_adopt(&self, active: &LoadedRules, next: &LoadedRules) -> bool {
        active.set.streams == next.set.streams
            && next.program.may_be_adopted(&active.program)
            && self.sources.check(next).is_ok()
    }

    /// Activates rules that the shards adopt: once the log says so, they evaluate.
    fn adopt(
        &mut self,
        run: ActiveRun<F::Sources>,
        update: RuleUpdate,
        mut shards: Vec<Shard>,
        drained: DrainedWriter,
        now: ClockReading,
    ) -> Result<(), NodeError> {
        let ActiveRun { rules: active, mut reader, durable: before, .. } = run;
        let AlertLogState { mut alert_log, mut history } = AlertLogState::read(&self.shared)?;
        let log = &mut *alert_log.0;
        let change = RuleChange::after(&active, &update.rules, reader.settled_streams());
        activate(&self.shared, log, &mut history, &update, change.clone(), now.wall)?;
        let rules = following(update.rules, Some(&active), &change);
        let (by, hash) = (update.by, hex(rules.program.hash()));
        info!(by, rules = hash, "rules activated; nothing is replayed");
        shards.iter_mut().for_each(|shard| shard.adopt(&rules.program));
        self.record_active(&rules)?;
        self.sources.record_active(&rules);
        let durable = Arc::new(DurableProgress::new(rules.set.streams.len()));
        (0..).zip(before.committed()).for_each(|(at, of)| durable.record_committed(at, of));
        let pipeline = Pipeline::of(shards, self.settings.pipeline);
        reader.adopt(&rules, Arc::clone(&durable), &pipeline.input);
        let logs = self.logs(&rules, alert_log, drained.state_log, reader.offset_indexes());
        self.refused = drained.refused;
        let ended = Vec::new();
        let launch = PipelineLaunch { rules, reader, pipeline, logs, ended, durable };
        self.launch(launch, &history, now);
        Ok(())
    }
}

impl AlertLogState {
    /// Reads the alert log.
    ///
    /// # Errors
    /// The log cannot be read, or holds a line that is none of its own.
    fn read(shared: &NodeShared) -> Result<AlertLogState, NodeError> {
        let (alert_log, lines) = shared.store.open(ALERT_LOG)?;
        let history = AlertLogReplay::read(&shared.store.place(ALERT_LOG), lines)?;
        Ok(AlertLogState { alert_log: AlertLog(alert_log), history })
    }

    /// The rules that a node starts with.
    ///
    /// # Errors
    /// The store cannot be written.
    fn first_rules<F: SourceFactory>(
        &mut self,
        proposed: LoadedRules,
        sources: &F,
        shared: &NodeShared,
        now: ClockReading,
    ) -> Result<ActiveRules, NodeError> {
        let hash = proposed.program.hash();
        let newest = self.history.changes().last().map(|change| change.rules);
        let update = RuleUpdate { rules: proposed, by: "start" };
        if newest == Some(hash) {
            let known = load_active(shared, self.history.changes(), Some(update.rules));
            return known.ok_or(NodeError::Machine("recovery of the active rules"));
        }
        if newest.is_some()
            && let Some(known) = load_active(shared, self.history.changes(), None)
            && sources.check(&known.rules).is_ok()
        {
            info!(rules = hex(hash), "rules changed on disk; reload scheduled after recovery");
            shared.mailbox.put(update);
            return Ok(known);
        }
        // No rules were active, or nobody can load them any more: these apply from the beginning.
        let change = RuleChange::first(&update.rules);
        let log = &mut *self.alert_log.0;
        activate(shared, log, &mut self.history, &update, change, now.wall)?;
        Ok(ActiveRules { rules: update.rules, previous: None })
    }

    /// Activates rules: from here on they are, whatever crashes.
    ///
    /// # Errors
    /// The store cannot be written.
    fn replace(
        &mut self,
        update: RuleUpdate,
        change: RuleChange,
        shared: &NodeShared,
        now: ClockReading,
    ) -> Result<ActiveRules, NodeError> {
        let log = &mut *self.alert_log.0;
        activate(shared, log, &mut self.history, &update, change, now.wall)?;
        let (by, hash) = (update.by, update.rules.program.hash());
        let known = load_active(shared, self.history.changes(), Some(update.rules));
        let known = known.ok_or(NodeError::Machine("activation of rules"))?;
        let kept = known.previous.as_ref();
        let kept = kept.map_or(0, |it| it.rules.program.rules_kept(&known.rules.program));
        info!(by, rules = hex(hash), kept, "rules activated; replaying one horizon");
        Ok(known)
    }
}

impl RecoveryInput {
    /// Raises what the commits say is published by what the log says.
    fn raise(&self, published: &mut [Timestamp]) {
        for (slot, schema) in published.iter_mut().zip(&self.rules.set.streams) {
            let previous = self.previous.as_ref().and_then(|of| of.settled.get(&schema.name));
            // Nor is published again what the log no longer holds.
            let dropped = self.history.published().get(&schema.name);
            *slot = previous.into_iter().chain(dropped).copied().fold(*slot, Timestamp::max);
        }
    }

    /// True when the state log has all that rules remember: where it starts anew, a snapshot's
    /// shards would not write again what they have written.
    fn has_state(&self, settings: &NodeSettings, published: &[Timestamp]) -> bool {
        let at = |stream: &usize| published.get(*stream).copied();
        let how = settings.pipeline.state_checkpoints;
        replay_requirements(&self.rules, how, &self.kept).iter().all(|requirements| {
            let settled = requirements.companions.iter().filter_map(at).min();
            settled.is_none_or(|settled| !requirements.lacks_state(settled))
        })
    }

    /// By stream: from where its partitions are read. That is where a snapshot says, if the commit
    /// has come to it; and further back than the commit says where that was made by other rules, or
    /// relies on a state log that is not whole.
    ///
    /// An event is at most so much older than its record, or it was refused: what was recorded
    /// before has no event later than the horizon begins. Where such records set the front of
    /// their partition, it lay before the horizon, and so did all that it made late.
    fn reach_back(
        &self,
        settings: &NodeSettings,
        snapshot: Option<&Snapshot>,
    ) -> Vec<ReplayStartFn> {
        let streams = &self.rules.set.streams;
        let settled = |stream: &usize| {
            let name = streams.get(*stream).map(|schema| &schema.name)?;
            self.previous.as_ref()?.settled.get(name).copied()
        };
        let hash = self.rules.program.hash();
        let of = |(stream, requirements): (usize, ReplayRequirements)| -> ReplayStartFn {
            let known = requirements.companions.iter().map(settled);
            let known = known.collect::<Option<Vec<Timestamp>>>();
            let replaced = known.and_then(|known| known.into_iter().min());
            // Of a stream that has never settled everything is still to be evaluated, and so it is
            // of those that rules join with it.
            let replaced = replaced.map(|at| match at {
                Timestamp(i64::MIN) => at,
                at => requirements.read_after(at),
            });
            let offsets = snapshot.map(|snapshot| snapshot.offsets(stream)).unwrap_or_default();
            Arc::new(move |partition, point| {
                let settled = Timestamp(point.settled);
                let is_torn = point.remembers && requirements.lacks_state(settled);
                let torn = is_torn.then(|| settled.minus(requirements.horizon_ms() + 1));
                let after = if point.rules == hash { torn } else { replaced.or(torn) };
                if let Some(after) = after {
                    return ReplayStart::Since(after.minus(FUTURE_MAX_MS).0);
                }
                let offset = offsets.get(&partition).filter(|offset| **offset <= point.position);
                offset.map_or(ReplayStart::Committed, |offset| ReplayStart::Offset(*offset))
            })
        };
        let how = settings.pipeline.state_checkpoints;
        let requirements = replay_requirements(&self.rules, how, &self.kept);
        requirements.into_iter().enumerate().map(of).collect()
    }
}

/// A hash of rules as logs and pages show it.
pub fn hex(rules: u64) -> String {
    format!("{rules:016x}")
}

/// The name of the alert log.
pub const ALERT_LOG: &str = "alerts.jsonl";

impl<F: SourceFactory, X> std::fmt::Debug for Supervisor<F, X> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let stage = match &self.stage {
            SupervisorStage::Recovery(_) => "recovery",
            SupervisorStage::Assignment(_) => "assignment",
            SupervisorStage::Running(_) => "running",
            SupervisorStage::Finished => "finished",
        };
        f.debug_struct("Supervisor").field("stage", &stage).finish_non_exhaustive()
    }
}
