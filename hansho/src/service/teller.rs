//! The teller: what shards found goes into the alert log, then to on-call.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::Duration;

use connectors::journal::Journal;
use connectors::transition_json::AlertRecord;
use engine::announced::Announced;
use engine::program::Program;
use engine::shard::statistics::RuleCounts;
use engine::shard::{OpenEpisode, Shard, ShardCounts, Watched};
use model::meta::MetaAlert;
use model::time::Timestamp;
use model::transition::TransitionKind;
use oncall::incident::OffsetRange;
use tracing::{debug, info, warn};

use super::alert_log::compaction::Compactor;
use super::alert_log::peaks::LoggedPeaks;
use super::alert_log::{History, RecordId, published_of, record_id, write_line};
use super::itself::{Itself, Said};
use super::life::Logs;
use super::progress::Told;
use super::reports::Reports;
use super::shares::Shares;
use super::snapshot::Snapshots;
use super::state_log::StateLog;
use super::trails::Trails;
use super::{Logged, ServiceError, ServiceParts, alert_of};
use crate::alert_text::AlertTexts;
use crate::api::State;
use crate::pipeline::clock::wall_clock;
use crate::pipeline::{self, Outlet};

/// How often it looks at what the rules made of their input, in milliseconds.
const LOOK_MS: i64 = 1_000;
/// How long to sleep when no shard has told anything.
const IDLE_SLEEP: Duration = Duration::from_millis(2);

/// Writes the alert log. Nothing is acknowledged, and so committed, before it is synced.
pub struct Teller {
    outlet: Outlet,
    alert_log: Journal,
    compactor: Compactor,
    state_log: StateLog,
    /// The number of the next record.
    next_sequence: u64,
    texts: Arc<AlertTexts>,
    program: Arc<Program>,
    told: Arc<Told>,
    reports: Arc<Reports>,
    itself: Itself,
    /// What was late or refused when last looked at.
    refused: u64,
    /// When it last looked at the rules.
    shown_at: Timestamp,
    state: Arc<State>,
    /// Records an earlier run wrote: they are derived again after a crash, not written again.
    known: HashSet<RecordId>,
    /// Early notices that are not settled.
    announced: Announced,
    /// By shard: how far each stream is told.
    settled: Vec<Vec<Timestamp>>,
    counts: Vec<ShardCounts>,
    /// What shards of earlier lives of this process refused.
    counts_before: ShardCounts,
    /// By shard: what every rule made of its input.
    rules: Vec<Vec<RuleCounts>>,
    shares: Shares,
    /// By shard: what its watches show.
    watched: Vec<Vec<Watched>>,
    peaks: LoggedPeaks,
    snapshots: Snapshots,
    trails: Arc<Trails>,
    /// Something was appended that was not synced.
    is_unsynced: bool,
}

/// What is left when all is told.
pub struct LastWords {
    /// What the shards have refused so far.
    pub refused: ShardCounts,
    /// The shards, which may go on.
    pub shards: Vec<Shard>,
    /// The state log, open to go on.
    pub state_log: StateLog,
    /// What writes snapshots.
    pub snapshots: Snapshots,
}

/// However the teller ends, nothing more will be told: the reader must not wait for it.
struct CompleteOnDrop(Arc<Told>);

impl Drop for CompleteOnDrop {
    fn drop(&mut self) {
        self.0.complete();
    }
}

impl Teller {
    /// A teller for these shards that knows what the log held before.
    pub(crate) fn new(
        outlet: Outlet,
        Logs { alert_log, compactor, state_log, snapshots, trails }: Logs,
        history: &History,
        told: Arc<Told>,
        (parts, program): (&ServiceParts, Arc<Program>),
    ) -> Teller {
        let streams = told.streams();
        let texts = parts.texts.now();
        // Rules were read: what kept earlier ones from being used is over.
        parts.reports.end(MetaAlert::ReloadFailed);
        let (of_itself, language) = (history.of_itself(), texts.language());
        Teller {
            outlet,
            alert_log,
            compactor,
            state_log,
            next_sequence: history.next_sequence(),
            texts,
            told,
            reports: Arc::clone(&parts.reports),
            itself: Itself::new(parts.meta, language, of_itself, wall_clock()),
            refused: 0,
            shown_at: Timestamp(i64::MIN),
            state: Arc::clone(&parts.state),
            known: history.record_ids(),
            announced: history.announced(),
            program,
            settled: vec![vec![Timestamp(i64::MIN); streams]; parts.workers.max(1)],
            counts: vec![ShardCounts::default(); parts.workers.max(1)],
            counts_before: ShardCounts::default(),
            rules: vec![Vec::new(); parts.workers.max(1)],
            shares: Shares::default(),
            watched: vec![Vec::new(); parts.workers.max(1)],
            peaks: LoggedPeaks::new(history.peaks(), parts.workers.max(1)),
            snapshots,
            trails,
            is_unsynced: false,
        }
    }

    /// Counts on from what shards of earlier lives of this process refused.
    pub(crate) fn carry(&mut self, before: ShardCounts) {
        self.counts_before = ShardCounts { waiting: 0, keys: 0, states: 0, ..before };
    }

    /// Tells what `ended` with the rules before, then what the shards find until they have
    /// ended.
    ///
    /// # Errors
    /// The alert log cannot be written: the service must stop, and a restart tells again.
    pub(crate) fn run(
        mut self,
        mut ended: Vec<AlertRecord>,
        on_call: &SyncSender<Logged>,
    ) -> Result<LastWords, ServiceError> {
        let _complete = CompleteOnDrop(Arc::clone(&self.told));
        ended.retain(|recorded| !self.known.contains(&record_id(recorded)));
        self.log(ended, on_call)?;
        while !self.outlet.is_finished() {
            let mut found = Vec::new();
            let is_news = self.outlet.collect(|shard, told| found.push((shard, told)));
            if is_news {
                self.tell(found, on_call)?;
            }
            self.tell_of_itself(on_call)?;
            if !is_news {
                self.state.health.note_told(wall_clock());
                thread::sleep(IDLE_SLEEP);
            }
        }
        self.tell_of_itself(on_call)?;
        let refused = self.all_counts();
        let shards = self.outlet.join().map_err(|_| ServiceError::Thread("shard"))?;
        let (state_log, snapshots) = (self.state_log, self.snapshots);
        Ok(LastWords { refused, shards, state_log, snapshots })
    }

    fn all_counts(&self) -> ShardCounts {
        [self.counts_before].into_iter().chain(self.counts.iter().copied()).sum()
    }

    fn tell(
        &mut self,
        found: Vec<(usize, pipeline::Told)>,
        on_call: &SyncSender<Logged>,
    ) -> Result<(), ServiceError> {
        let mut fresh = Vec::new();
        // What is acknowledged moves only where the peaks as of then are kept too.
        let mut settled = self.settled.clone();
        for (shard, told) in found {
            let early = told.out.early.into_iter().map(|early| {
                let message = self.texts.early(&early);
                AlertRecord::Early(early, message)
            });
            let steps = told.out.transitions.into_iter().map(|transition| {
                let message = self.texts.transition(&transition);
                AlertRecord::Transition(transition, message)
            });
            fresh.extend(early.chain(steps));
            for memory in &told.out.memories {
                self.state_log.learn(memory)?;
            }
            if let Some(slot) = self.counts.get_mut(shard) {
                *slot = told.counts;
            }
            if let Some(cut) = told.cut {
                self.snapshots.take_in(shard, cut);
            }
            if let (Some(slot), Some(watched)) = (self.watched.get_mut(shard), told.watched) {
                *slot = watched;
                self.state.note_watched(self.watched.iter().flatten().cloned().collect());
            }
            if let (Some(slot), Some(rules)) = (self.rules.get_mut(shard), told.rules) {
                *slot = rules;
            }
            let Some(open) = told.open else { continue };
            self.keep_peaks(shard, &open, &told.settled)?;
            if let Some(slot) = settled.get_mut(shard) {
                *slot = told.settled;
            }
        }
        fresh.retain(|recorded| !self.known.contains(&record_id(recorded)));
        // What is refused up to here will not be counted again once this is committed.
        let all: ShardCounts = self.counts.iter().copied().sum();
        let refused = all.late_after_settle + all.refused_keys + all.refused_values;
        if settled != self.settled && std::mem::replace(&mut self.refused, refused) != refused {
            let said = self.look_at_rules(wall_clock());
            fresh.extend(self.records(said));
        }
        self.log(fresh, on_call)?;
        self.settled = settled;
        self.withdraw(on_call)?;
        self.acknowledge()?;
        self.snapshots.settle();
        Ok(())
    }

    /// Ends what was announced and has settled with nothing to show for it.
    fn withdraw(&mut self, on_call: &SyncSender<Logged>) -> Result<(), ServiceError> {
        if self.announced.is_empty() {
            return Ok(());
        }
        let settled = self.told_by_all();
        let ends = self.announced.withdrawn(&self.program, &settled).into_iter().map(|end| {
            let message = self.texts.transition(&end);
            AlertRecord::Transition(end, message)
        });
        let mut ends: Vec<AlertRecord> = ends.collect();
        ends.retain(|recorded| !self.known.contains(&record_id(recorded)));
        self.log(ends, on_call)
    }

    /// By stream: how far all shards have told it.
    fn told_by_all(&self) -> Vec<Timestamp> {
        let least = |stream: usize| {
            let told = self.settled.iter().filter_map(|shard| shard.get(stream)).min();
            told.copied().unwrap_or(Timestamp(i64::MIN))
        };
        (0..self.told.streams()).map(least).collect()
    }

    /// Tells what was noticed about the service itself. Until it is in the alert log, nothing
    /// is committed.
    fn tell_of_itself(&mut self, on_call: &SyncSender<Logged>) -> Result<(), ServiceError> {
        let now = wall_clock();
        let mut said = self.itself.hear(self.reports.take(), now);
        if now.0.saturating_sub(self.shown_at.0).abs() >= LOOK_MS || self.outlet.is_finished() {
            self.shown_at = now;
            said.extend(self.look_at_rules(now));
        }
        let fresh = self.records(said);
        self.log(fresh, on_call)?;
        self.reports.logged();
        Ok(())
    }

    /// What was said, as the alert log has it.
    fn records(&self, said: Vec<Said>) -> Vec<AlertRecord> {
        for name in MetaAlert::NAMES.iter().filter(|_| !said.is_empty()) {
            self.state.metrics.note_of_itself(name, self.itself.open(name));
        }
        said.into_iter().map(|(step, message)| AlertRecord::Meta(step, message)).collect()
    }

    /// Shows what the rules made of their input, and what part of the work each took; what is
    /// to be told of that.
    fn look_at_rules(&mut self, now: Timestamp) -> Vec<Said> {
        let most = self.rules.iter().map(Vec::len).max().unwrap_or(0);
        let mut all = vec![RuleCounts::default(); most];
        for shard in &self.rules {
            all.iter_mut().zip(shard).for_each(|(all, of)| all.add(of));
        }
        let table = &self.state.metrics.rules;
        table.note_shards(&all);
        let work = all.iter().map(|of| of.work).collect();
        if let Some(shares) = self.shares.measure(work, now) {
            table.note_shares(&shares);
        }
        let all = self.counts.iter().copied().sum();
        self.itself.look(&all, &table.rows(), now)
    }

    /// Notes the peaks of open episodes where they have moved.
    fn keep_peaks(
        &mut self,
        shard: usize,
        open: &[OpenEpisode],
        settled: &[Timestamp],
    ) -> Result<(), ServiceError> {
        let as_of = |alert: &str| published_of(&self.program, settled, alert);
        for line in self.peaks.moved(shard, open, as_of) {
            self.alert_log.append(&line)?;
            self.is_unsynced = true;
        }
        Ok(())
    }

    /// Appends, syncs, and only then passes on.
    fn log(
        &mut self,
        fresh: Vec<AlertRecord>,
        on_call: &SyncSender<Logged>,
    ) -> Result<(), ServiceError> {
        if fresh.is_empty() && !std::mem::take(&mut self.is_unsynced) {
            return Ok(());
        }
        self.is_unsynced = false;
        let detected = wall_clock();
        let logged = fresh.into_iter().zip(self.next_sequence..).map(|(recorded, sequence)| {
            let is_shadow = self.texts.rule(alert_of(&recorded)).is_some_and(|r| r.is_shadow);
            let events = self.events_of(&recorded);
            Logged { sequence, recorded, detected, is_shadow, events }
        });
        let logged: Vec<Logged> = logged.collect();
        self.next_sequence += logged.len() as u64;
        let mut line = Vec::new();
        for logged in &logged {
            line.clear();
            write_line(&mut line, logged);
            self.alert_log.append(&line)?;
        }
        self.alert_log.sync()?;
        for logged in logged {
            match &logged.recorded {
                AlertRecord::Transition(transition, _) => self.announced.settle(transition),
                AlertRecord::Early(early, _) => self.announced.announce(early),
                AlertRecord::Meta(..) => {}
            }
            note(&logged.recorded, &self.state);
            drop(on_call.send(logged));
        }
        self.compactor.tend(&mut self.alert_log, &self.told.committed(), detected);
        Ok(())
    }

    /// Where the events lie of what has begun, risen or matched.
    fn events_of(&self, recorded: &AlertRecord) -> Vec<OffsetRange> {
        match recorded {
            AlertRecord::Transition(transition, _)
                if transition.kind != TransitionKind::Resolved =>
            {
                self.trails.cover(&self.program, &transition.facts.alert, transition.facts.at)
            }
            AlertRecord::Early(early, _) => {
                self.trails.cover(&self.program, &early.facts.alert, early.facts.at)
            }
            AlertRecord::Transition(..) | AlertRecord::Meta(..) => Vec::new(),
        }
    }

    /// Lets the reader commit what every shard has told, once what was learnt by then is kept.
    fn acknowledge(&mut self) -> Result<(), ServiceError> {
        let settled = self.told_by_all();
        self.state_log.settle(&settled)?;
        self.state_log.tend(&self.told.committed(), &self.state.metrics);
        (0..).zip(&settled).for_each(|(stream, told)| self.told.acknowledge(stream, *told));
        let all = self.all_counts();
        self.told.note_waiting(all.waiting);
        self.state.metrics.note_shards(&all);
        self.state.health.note_told(wall_clock());
        Ok(())
    }
}

fn note(recorded: &AlertRecord, state: &State) {
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
            state.metrics.note_transition(transition.kind, transition.facts.severity);
        }
        AlertRecord::Early(early, _) => {
            let (alert, at) = (&early.facts.alert, early.facts.at);
            debug!(alert, at = %at, notice = %early.episode, "early notice");
            state.metrics.note_early(early.facts.severity);
        }
        AlertRecord::Meta(step, message) => {
            let (alert, at) = (step.alert.name(), step.at);
            warn!(alert, is_over = step.is_over, at = %at, message, "about the service itself");
        }
    }
}
