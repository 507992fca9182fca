//! The log writer: a machine that writes what shards found to the alert log, then passes it on to
//! on-call.

use std::collections::{HashSet, VecDeque};
use std::mem;
use std::sync::Arc;

use connectors::alert_log_codec::AlertRecord;
use engine::early_alerts::PendingEarlyAlerts;
use engine::program::Program;
use engine::shard::statistics::RuleCounts;
use engine::shard::{RestoredEpisode, ShardCounts, WatchSample};
use model::meta::MetaAlert;
use model::time::Timestamp;
use model::transition::TransitionKind;
use oncall::episode_fold::OffsetRange;
use tracing::{debug, info, warn};

use super::compaction::AlertLogCompactor;
use super::durable_progress::DurableProgress;
use super::peaks::LoggedPeaks;
use super::record::{LoggedRecord, RecordId, alert_of, record_id, write_line};
use super::replay::AlertLogReplay;
use crate::checkpoint::snapshot::SnapshotWriter;
use crate::checkpoint::state_log::StateLog;
use crate::error::NodeError;
use crate::ingest::offset_index::OffsetIndexes;
use crate::io::{ClockReading, LineLog, StepReadiness};
use crate::notify::templates::AlertTemplates;
use crate::pipeline::PipelineOutput;
use crate::pipeline::shard_worker::{ShardInspection, ShardOutput};
use crate::self_monitor::RuleCostShares;
use crate::self_monitor::monitor::{MetaRecord, SelfMonitor};
use crate::shared::{NodeSettings, NodeShared};
use crate::telemetry::NodeTelemetry;

/// Interval at which it inspects what the rules made of their input, in ms.
const INSPECT_EVERY_MS: i64 = 1_000;

/// Writes the alert log. Nothing is acknowledged, and so committed, before it is durable.
pub struct AlertLogWriter {
    output: PipelineOutput,
    log: Box<dyn LineLog>,
    compactor: AlertLogCompactor,
    state_log: StateLog,
    snapshots: SnapshotWriter,
    offset_indexes: Arc<OffsetIndexes>,
    shared: NodeShared,
    templates: Arc<AlertTemplates>,
    program: Arc<Program>,
    durable: CompleteOnDrop,
    monitor: SelfMonitor,
    /// Episodes that ended with the previous rules; written first.
    ended: Vec<AlertRecord>,
    /// The number of the next record.
    next_sequence: u64,
    /// Records of an earlier run: they are derived again after a crash, not written again.
    known: HashSet<RecordId>,
    /// Early alerts that have not settled.
    announced: PendingEarlyAlerts,
    /// By shard: how far each stream is published.
    settled: Vec<Vec<Timestamp>>,
    counts: Vec<ShardCounts>,
    /// Counts refused by shards of earlier runs of this process.
    counts_before: ShardCounts,
    /// By shard: what every rule made of its input.
    rules: Vec<Vec<RuleCounts>>,
    shares: RuleCostShares,
    /// By shard: what its watches show.
    watched: Vec<Vec<WatchSample>>,
    peaks: LoggedPeaks,
    /// Observations that were late or refused when last inspected.
    refused: u64,
    /// Wall time of the last inspection of the rules.
    inspected_at: Timestamp,
    /// True when something was appended that is not durable.
    is_unsynced: bool,
    /// Durable records for which on-call had no room.
    outgoing: VecDeque<LoggedRecord>,
}

/// The logs that a writer writes.
#[derive(Debug)]
pub(crate) struct NodeLogs {
    pub(crate) alert_log: AlertLog,
    pub(crate) compactor: AlertLogCompactor,
    pub(crate) state_log: StateLog,
    pub(crate) snapshots: SnapshotWriter,
    pub(crate) offset_indexes: Arc<OffsetIndexes>,
}

/// Parts of a writer.
#[derive(Debug)]
pub(crate) struct WriterParts {
    /// The output of the shards.
    pub(crate) output: PipelineOutput,
    /// The logs it writes.
    pub(crate) logs: NodeLogs,
    /// Episodes that ended with the previous rules; written first.
    pub(crate) ended: Vec<AlertRecord>,
    /// Point up to which the logs hold what the shards found.
    pub(crate) durable: Arc<DurableProgress>,
    /// The active rules.
    pub(crate) program: Arc<Program>,
}

/// The alert log, open to be written.
pub(crate) struct AlertLog(pub(crate) Box<dyn LineLog>);

/// Totals of a writer that has finished.
#[derive(Debug)]
pub struct DrainedWriter {
    /// Counts that the shards have refused so far.
    pub(crate) refused: ShardCounts,
    /// The state log, still open.
    pub(crate) state_log: StateLog,
    /// Writes snapshots.
    pub(crate) snapshots: SnapshotWriter,
}

/// However a writer ends, nothing more becomes durable: the reader must not wait for it.
#[derive(Debug)]
struct CompleteOnDrop(Arc<DurableProgress>);

impl Drop for CompleteOnDrop {
    fn drop(&mut self) {
        self.0.complete();
    }
}

impl AlertLogWriter {
    /// A writer of what these shards find, that knows what the log held before.
    pub(crate) fn new(
        parts: WriterParts,
        history: &AlertLogReplay,
        shared: &NodeShared,
        settings: &NodeSettings,
        now: ClockReading,
    ) -> AlertLogWriter {
        let WriterParts { output, logs, ended, durable, program } = parts;
        let NodeLogs { alert_log: AlertLog(log), compactor, state_log, snapshots, offset_indexes } =
            logs;
        let (streams, shards) = (durable.streams(), output.shards());
        let templates = shared.templates.current();
        // Rules were loaded: what kept earlier ones from being activated is over.
        shared.reports.wake_with(output.wake_handle().clone());
        shared.reports.end(MetaAlert::ReloadFailed);
        let language = templates.language();
        AlertLogWriter {
            output,
            log,
            compactor,
            state_log,
            snapshots,
            offset_indexes,
            shared: shared.clone(),
            templates,
            program,
            durable: CompleteOnDrop(durable),
            monitor: SelfMonitor::new(settings.meta, language, history.metas(), now.wall),
            ended,
            next_sequence: history.next_sequence(),
            known: history.record_ids(),
            announced: history.announced(),
            settled: vec![vec![Timestamp(i64::MIN); streams]; shards],
            counts: vec![ShardCounts::default(); shards],
            counts_before: ShardCounts::default(),
            rules: vec![Vec::new(); shards],
            shares: RuleCostShares::default(),
            watched: vec![Vec::new(); shards],
            peaks: LoggedPeaks::new(history.peaks(), shards),
            refused: 0,
            inspected_at: Timestamp(i64::MIN),
            is_unsynced: false,
            outgoing: VecDeque::new(),
        }
    }

    /// Counts on from what shards of earlier runs of this process refused.
    pub(crate) fn continue_counts(&mut self, before: ShardCounts) {
        self.counts_before = ShardCounts { waiting: 0, keys: 0, states: 0, ..before };
    }

    /// Wakes whoever runs this writer, once that is set.
    pub fn wake_handle(&self) -> &crate::io::WakeHandle {
        self.output.wake_handle()
    }

    /// Writes what the shards have found, makes it durable, passes it on and acknowledges it.
    ///
    /// # Errors
    /// A log cannot be written: the node must stop, and recovery derives it again.
    pub fn step(&mut self, now: ClockReading) -> Result<StepReadiness, NodeError> {
        if !self.pass_on() {
            return Ok(StepReadiness::Blocked);
        }
        let mut ended = mem::take(&mut self.ended);
        self.drop_known(&mut ended);
        self.write(ended, now)?;
        let mut outputs = Vec::new();
        let is_finished = self.output.is_finished();
        let has_output = self.output.collect(|shard, output| outputs.push((shard, output)));
        if has_output {
            self.publish(outputs, now)?;
        }
        self.monitor(is_finished, now)?;
        self.shared.telemetry.health.record_reported(now.wall);
        if has_output {
            return Ok(StepReadiness::Again);
        }
        if is_finished {
            if !self.pass_on() {
                return Ok(StepReadiness::Blocked);
            }
            self.durable.0.complete();
            return Ok(StepReadiness::Finished);
        }
        Ok(StepReadiness::Wait(Some(now.monotonic_ms.saturating_add(INSPECT_EVERY_MS))))
    }

    /// Takes its totals when it has finished.
    pub fn into_drained(self) -> DrainedWriter {
        let refused = self.all_counts();
        DrainedWriter { refused, state_log: self.state_log, snapshots: self.snapshots }
    }

    fn all_counts(&self) -> ShardCounts {
        [self.counts_before].into_iter().chain(self.counts.iter().copied()).sum()
    }

    /// Passes durable records on to on-call; false when there is no room for all.
    fn pass_on(&mut self) -> bool {
        while self.shared.notify.has_room() {
            match self.outgoing.pop_front() {
                Some(record) => self.shared.notify.record(record),
                None => return true,
            }
        }
        self.outgoing.is_empty()
    }

    fn publish(
        &mut self,
        outputs: Vec<(usize, ShardOutput)>,
        now: ClockReading,
    ) -> Result<(), NodeError> {
        let mut fresh = Vec::new();
        // What is acknowledged moves only where the peaks as of then are kept too.
        let mut settled = self.settled.clone();
        for (shard, output) in outputs {
            let templates = &self.templates;
            fresh.extend(output.out.early.into_iter().map(|of| templates.early_record(of)));
            let transitions = output.out.transitions.into_iter();
            fresh.extend(transitions.map(|of| templates.transition_record(of)));
            for memory in &output.out.memories {
                self.state_log.append_state(memory)?;
            }
            if let Some(slot) = self.counts.get_mut(shard) {
                *slot = output.counts;
            }
            if let Some(part) = output.barrier {
                self.snapshots.add(shard, part);
            }
            let Some(inspection) = output.inspection else { continue };
            self.record_inspection(shard, inspection)?;
            if let Some(slot) = settled.get_mut(shard) {
                *slot = output.settled;
            }
        }
        self.drop_known(&mut fresh);
        // What is refused up to here will not be counted again once this is committed.
        let all: ShardCounts = self.counts.iter().copied().sum();
        let refused = all.late_after_settle + all.refused_keys + all.refused_values;
        if settled != self.settled && mem::replace(&mut self.refused, refused) != refused {
            let metas = self.inspect_rules(now.wall);
            fresh.extend(self.meta_records(metas));
        }
        self.write(fresh, now)?;
        self.settled = settled;
        self.withdraw(now)?;
        self.acknowledge()?;
        self.snapshots.write_whole();
        Ok(())
    }

    fn record_inspection(
        &mut self,
        shard: usize,
        inspection: ShardInspection,
    ) -> Result<(), NodeError> {
        let ShardInspection { open, watched, rules } = inspection;
        if let (Some(slot), Some(watched)) = (self.watched.get_mut(shard), watched) {
            *slot = watched;
            let all = self.watched.iter().flatten().cloned().collect();
            self.shared.telemetry.record_watched(all);
        }
        if let Some(slot) = self.rules.get_mut(shard) {
            *slot = rules;
        }
        self.append_peaks(shard, &open)
    }

    /// Ends early alerts that have settled without an episode.
    fn withdraw(&mut self, now: ClockReading) -> Result<(), NodeError> {
        if self.announced.is_empty() {
            return Ok(());
        }
        let settled = self.settled_by_all();
        let withdrawn = self.announced.withdrawn(&self.program, &settled).into_iter();
        let mut ends = withdrawn.map(|end| self.templates.transition_record(end)).collect();
        self.drop_known(&mut ends);
        self.write(ends, now)
    }

    /// Drops records that the log held before this run.
    fn drop_known(&self, records: &mut Vec<AlertRecord>) {
        records.retain(|recorded| !self.known.contains(&record_id(recorded)));
    }

    /// By stream: how far all shards have settled it.
    fn settled_by_all(&self) -> Vec<Timestamp> {
        let least = |stream: usize| {
            let settled = self.settled.iter().filter_map(|shard| shard.get(stream)).min();
            settled.copied().unwrap_or(Timestamp(i64::MIN))
        };
        (0..self.durable.0.streams()).map(least).collect()
    }

    /// Writes what was reported about the node itself. Until it is durable, nothing is committed.
    fn monitor(&mut self, is_finished: bool, now: ClockReading) -> Result<(), NodeError> {
        let mut metas = self.monitor.apply(self.shared.reports.take(), now.wall);
        let elapsed_ms = now.wall.0.saturating_sub(self.inspected_at.0).saturating_abs();
        if elapsed_ms >= INSPECT_EVERY_MS || is_finished {
            self.inspected_at = now.wall;
            metas.extend(self.inspect_rules(now.wall));
        }
        let fresh = self.meta_records(metas);
        self.write(fresh, now)?;
        self.shared.reports.logged();
        Ok(())
    }

    /// Meta transitions as the alert log records them.
    fn meta_records(&self, metas: Vec<MetaRecord>) -> Vec<AlertRecord> {
        for name in MetaAlert::NAMES.iter().filter(|_| !metas.is_empty()) {
            self.shared.telemetry.metrics.record_of_itself(name, self.monitor.open(name));
        }
        metas.into_iter().map(|(step, message)| AlertRecord::Meta(step, message)).collect()
    }

    /// Shows what the rules made of their input, and the share of each in the work; returns the
    /// meta transitions that follow.
    fn inspect_rules(&mut self, now: Timestamp) -> Vec<MetaRecord> {
        let most = self.rules.iter().map(Vec::len).max().unwrap_or(0);
        let mut all = vec![RuleCounts::default(); most];
        for shard in &self.rules {
            all.iter_mut().zip(shard).for_each(|(all, of)| all.add(of));
        }
        let table = &self.shared.telemetry.metrics.rules;
        table.record_shards(&all);
        let work = all.iter().map(|of| of.work).collect();
        if let Some(shares) = self.shares.measure(work, now) {
            table.record_shares(&shares);
        }
        let all = self.counts.iter().copied().sum();
        self.monitor.inspect(&all, &table.rows(), now)
    }

    /// Appends the peaks of open episodes where they have moved.
    fn append_peaks(&mut self, shard: usize, open: &[RestoredEpisode]) -> Result<(), NodeError> {
        for line in self.peaks.moved(shard, open) {
            self.log.append(&line)?;
            self.is_unsynced = true;
        }
        Ok(())
    }

    /// Appends, syncs, and only then passes on.
    fn write(&mut self, fresh: Vec<AlertRecord>, now: ClockReading) -> Result<(), NodeError> {
        if fresh.is_empty() && !mem::take(&mut self.is_unsynced) {
            return Ok(());
        }
        self.is_unsynced = false;
        let records: Vec<LoggedRecord> = fresh
            .into_iter()
            .zip(self.next_sequence..)
            .map(|(recorded, sequence)| LoggedRecord {
                sequence,
                detected: now.wall,
                is_shadow: self.templates.rule(alert_of(&recorded)).is_some_and(|r| r.is_shadow),
                events: self.events_of(&recorded),
                recorded,
            })
            .collect();
        self.next_sequence += records.len() as u64;
        let mut line = Vec::new();
        for record in &records {
            line.clear();
            write_line(&mut line, record);
            self.log.append(&line)?;
        }
        self.log.sync()?;
        for record in records {
            match &record.recorded {
                AlertRecord::Transition(transition, _) => self.announced.settle(transition),
                AlertRecord::Early(early, _) => self.announced.announce(early),
                AlertRecord::Meta(..) => {}
            }
            record_metrics(&record.recorded, &self.shared.telemetry);
            self.outgoing.push_back(record);
        }
        self.pass_on();
        let committed = self.durable.0.committed();
        self.compactor.compact_if_due(&mut *self.log, &committed, now.wall);
        Ok(())
    }

    /// Offsets of the events behind a record that began, rose or matched.
    fn events_of(&self, recorded: &AlertRecord) -> Vec<OffsetRange> {
        match recorded {
            AlertRecord::Transition(transition, _)
                if transition.kind != TransitionKind::Resolved =>
            {
                self.offset_indexes.cover(
                    &self.program,
                    &transition.facts.alert,
                    transition.facts.at,
                )
            }
            AlertRecord::Early(early, _) => {
                self.offset_indexes.cover(&self.program, &early.facts.alert, early.facts.at)
            }
            AlertRecord::Transition(..) | AlertRecord::Meta(..) => Vec::new(),
        }
    }

    /// Lets the reader commit what every shard has found, once the state log has what rules have
    /// learnt by then.
    fn acknowledge(&mut self) -> Result<(), NodeError> {
        let settled = self.settled_by_all();
        self.state_log.settle(&settled)?;
        let committed = self.durable.0.committed();
        self.state_log.compact_if_due(&committed, &self.shared.telemetry.metrics);
        for (stream, settled) in settled.iter().enumerate() {
            self.durable.0.acknowledge(stream, *settled);
        }
        let all = self.all_counts();
        self.durable.0.record_waiting(all.waiting);
        self.shared.telemetry.metrics.record_shards(&all);
        Ok(())
    }
}

fn record_metrics(recorded: &AlertRecord, telemetry: &NodeTelemetry) {
    match recorded {
        AlertRecord::Transition(transition, _) => {
            info!(
                kind = transition.kind.name(),
                alert = transition.facts.alert,
                severity = transition.facts.severity.name(),
                at = %transition.facts.at,
                episode = %transition.episode,
                "transition"
            );
            telemetry.metrics.record_transition(transition.kind, transition.facts.severity);
        }
        AlertRecord::Early(early, _) => {
            let (alert, at) = (&early.facts.alert, early.facts.at);
            debug!(alert, %at, notice = %early.episode, "early alert");
            telemetry.metrics.record_early(early.facts.severity);
        }
        AlertRecord::Meta(step, message) => {
            let (alert, at) = (step.alert.name(), step.at);
            warn!(alert, is_over = step.is_over, at = %at, message, "meta alert");
        }
    }
}

impl std::fmt::Debug for AlertLogWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let next = self.next_sequence;
        f.debug_struct("AlertLogWriter").field("next_sequence", &next).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for AlertLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AlertLog").field("bytes", &self.0.length()).finish()
    }
}
