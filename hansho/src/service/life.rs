//! One life of the road: from the logs, under the rules in force, until it is stopped or other
//! rules are to be put in force.
//!
//! A reload is such an end and such a beginning. The old road settles what it can and tells
//! it; the record of the new rules is written; the new road begins as after a crash, reads
//! one horizon again, and goes on at the first instant that was not settled. So what a
//! restart proves of windows and episodes holds here too.
//!
//! Where the new rules are the old ones in another wording, the shards adopt them instead once
//! the record is written: windows, partitions and what waits stay as they are, and nothing is
//! read again. Whoever starts later comes to the same by reading.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::thread;

use connectors::commit::{Reach, ReachBack};
use connectors::dead_letter::DeadLetters;
use connectors::journal::{Journal, StateDir};
use connectors::transition_json::AlertRecord;
use engine::shard::{Shard, ShardCounts};
use engine::succession::SettledStreams;
use engine::watermark::FUTURE_MAX_MS;
use model::time::Timestamp;
use model::transition::Transition;
use tracing::info;

use super::alert_log::History;
use super::alert_log::compaction::Compactor;
use super::in_force::{InForce, Proposal, Replaced, following, in_force, put_in_force};
use super::progress::Told;
use super::reader::Reader;
use super::reader::facts::{StreamFacts, stream_facts};
use super::snapshot::{Snapshot, Snapshots};
use super::sources::{Sources, Wanted};
use super::state_log::{KeptFrom, REMEMBERING, StateLog};
use super::teller::{LastWords, Teller};
use super::trails::Trails;
use super::{Logged, ServiceError, ServiceParts, joined};
use crate::alert_text::AlertTexts;
use crate::api::metrics::EventTotals;
use crate::pipeline::clock::wall_clock;
use crate::pipeline::intake::Intake;
use crate::pipeline::{Inlet, Outlet, RoadSettings, go_on, open_road};
use crate::reload::hex;
use crate::rule_files::Rules;

/// What one life hands on to the next.
pub struct Carried {
    /// Where undecodable records go.
    pub letters: DeadLetters,
    /// Letters so far.
    pub buried: u64,
    /// What became of records so far.
    pub events: EventTotals,
    /// What the shards refused so far.
    pub shards: ShardCounts,
}

/// What a life ends for: other rules are to be put in force.
pub(super) struct Replacement {
    pub(super) proposal: Proposal,
    /// The last instants the rules before judged.
    pub(super) settled: SettledStreams,
    pub(super) carried: Carried,
}

/// The alert log as a life begins with it.
pub(super) struct Memory {
    pub(super) alert_log: Journal,
    pub(super) history: History,
}

impl Memory {
    /// Reads the alert log.
    ///
    /// # Errors
    /// The log cannot be read, or holds a line that is none of its own.
    pub(super) fn read(state_dir: &StateDir) -> Result<Memory, ServiceError> {
        let path = state_dir.file("alerts.jsonl");
        let (alert_log, lines) = Journal::open(&path)?;
        let history = History::read(&path, lines)?;
        Ok(Memory { alert_log, history })
    }

    /// The rules a service begins with: those the log says are in force. Rules that were
    /// edited meanwhile wait until it has come to where the old ones left off.
    ///
    /// # Errors
    /// The state directory cannot be written.
    pub(super) fn begin(
        &mut self,
        state_dir: &StateDir,
        proposed: Rules,
        parts: &ServiceParts,
    ) -> Result<InForce, ServiceError> {
        let language = parts.texts.now().language();
        let hash = proposed.program.hash();
        let newest = self.history.changes().last().map(|change| change.rules);
        let proposal = Proposal { rules: proposed, by: "start" };
        if newest == Some(hash) {
            let rules = Some(proposal.rules);
            let known = in_force(state_dir, self.history.changes(), rules, language);
            return known.ok_or(ServiceError::Thread("rules"));
        }
        if newest.is_some()
            && let Some(known) = in_force(state_dir, self.history.changes(), None, language)
            && parts.inputs.of(&known.rules.set).is_ok()
        {
            info!(rules = hex(hash), "the rules were edited; they follow those in force");
            parts.slot.put(proposal);
            return Ok(known);
        }
        // Nothing was in force, or nobody knows any more what: they apply from the beginning.
        let settled = SettledStreams::new();
        put_in_force(state_dir, &mut self.alert_log, &mut self.history, &proposal, settled)?;
        Ok(InForce { rules: proposal.rules, after: None })
    }

    /// Puts rules in force: from here on they are, whatever happens.
    ///
    /// # Errors
    /// The state directory cannot be written.
    pub(super) fn replace(
        &mut self,
        state_dir: &StateDir,
        proposal: Proposal,
        settled: SettledStreams,
        parts: &ServiceParts,
    ) -> Result<InForce, ServiceError> {
        put_in_force(state_dir, &mut self.alert_log, &mut self.history, &proposal, settled)?;
        let language = parts.texts.now().language();
        let (by, hash) = (proposal.by, proposal.rules.program.hash());
        let known = in_force(state_dir, self.history.changes(), Some(proposal.rules), language);
        let known = known.ok_or(ServiceError::Thread("rules"))?;
        let kept =
            known.after.as_ref().map_or(0, |it| it.rules.program.rules_kept(&known.rules.program));
        info!(by, rules = hex(hash), kept, "other rules are in force");
        Ok(known)
    }
}

/// Runs the road under rules until it is stopped, `None`, or they are replaced.
///
/// # Errors
/// See [`ServiceError`].
pub(super) fn live(
    (parts, state_dir): (&mut ServiceParts, &StateDir),
    (memory, rules): (Memory, InForce),
    mut carried: Carried,
    tell_on_call: &SyncSender<Logged>,
    stop: &AtomicBool,
) -> Result<Option<Replacement>, ServiceError> {
    let Memory { mut alert_log, history } = memory;
    let InForce { rules, after } = rules;
    let old_texts = after.as_ref().map(|after| parts.texts.now().of(&after.rules));
    let (mut state_log, memories) = StateLog::open(state_dir)?;
    let road = RoadSettings {
        workers: parts.workers,
        early: true,
        keys_per_rule_max: parts.keys_per_rule,
        remembering: Some(REMEMBERING),
    };
    let program = Arc::clone(&rules.program);
    let shards_before = std::mem::take(&mut carried.shards);
    let past = Past { after: after.as_ref(), history: &history, kept: memories.kept() };
    let begun = begin((parts, state_dir), (&rules, road), &past, carried, stop)?;
    let Some(Begun { mut reader, told, published, shards }) = begun else { return Ok(None) };
    let mut compactor = Compactor::new(&rules, state_dir, &parts.state);
    compactor.tend(&mut alert_log, &published, wall_clock());
    (0..).zip(&published).for_each(|(stream, at)| told.note_committed(stream, *at));
    let recalled = state_log.take_up(&program, memories, &published)?;
    reader.begin_after(&published, history.told_until(&program), (&rules, &recalled.kept));
    let mut resumed = history.resumed(&published, &program, after.as_ref());
    resumed.restored.memories = recalled.memories;
    let (inlet, outlet) = match shards {
        Some(shards) => go_on(shards),
        None => open_road(&program, road, &resumed.restored),
    };
    reader.mark_again(&inlet);
    let ended = ended_records(resumed.ended, old_texts.as_ref());
    let snapshots = Snapshots::new(state_dir, &program, parts.workers, &parts.state);
    let trails = reader.trails();
    let logs = Logs { alert_log, compactor, state_log, snapshots, trails };
    let road = (Road { inlet, outlet, told, ended }, logs, history);
    let life = Life { parts, state_dir, rules, reader, shards_before };
    life.run(road, tell_on_call, stop)
}

/// What the logs say before anything is read.
struct Past<'a> {
    after: Option<&'a Replaced>,
    history: &'a History,
    kept: KeptFrom,
}

/// A life that has its partitions.
struct Begun {
    reader: Reader,
    told: Arc<Told>,
    /// By stream: up to here an earlier life has told everything.
    published: Vec<Timestamp>,
    /// Where a snapshot is taken up, the shards that go on.
    shards: Option<Vec<Shard>>,
}

/// Opens the sources where a snapshot says, or where the commits do; `None` when the service is
/// stopped before it has its partitions.
fn begin(
    (parts, state_dir): (&mut ServiceParts, &StateDir),
    (rules, road): (&Rules, RoadSettings),
    past: &Past<'_>,
    mut carried: Carried,
    stop: &AtomicBool,
) -> Result<Option<Begun>, ServiceError> {
    let (program, streams) = (&rules.program, &rules.set.streams);
    let mut snapshot = Snapshot::find(state_dir, program);
    loop {
        let wanted = take_up(parts, rules, reach_back(rules, past, snapshot.as_ref()))?;
        let told = Arc::new(Told::new(streams.len()));
        let source = Sources::open(parts, rules, wanted, state_dir)?;
        let intake =
            Intake::new(program, streams, None, parts.workers).map_err(ServiceError::Schema)?;
        let mut reader = Reader::new(source, intake, carried, (parts, rules), Arc::clone(&told));
        let Some(mut published) = reader.wait_for_partitions(stop)? else {
            return Ok(None);
        };
        for (slot, schema) in published.iter_mut().zip(streams) {
            let by_others = past.after.and_then(|after| after.settled.get(&schema.name));
            // Nor is told again what the log no longer holds.
            let dropped = past.history.published().get(&schema.name);
            *slot = by_others.into_iter().chain(dropped).copied().fold(*slot, Timestamp::max);
        }
        let Some(Snapshot { known, shards }) = snapshot.take() else {
            return Ok(Some(Begun { reader, told, published, shards: None }));
        };
        let shards = shards.resume(program, road, &published);
        let shards = shards.filter(|_| past.remembers(rules, &published) && reader.resume(known));
        if let Some(shards) = shards {
            let states: u64 = shards.iter().map(|shard| shard.counts().states).sum();
            info!(states, "a snapshot is taken up; nothing is read again");
            return Ok(Some(Begun { reader, told, published, shards: Some(shards) }));
        }
        info!("the snapshot does not fit what was committed; one horizon is read again");
        carried = reader.close().1;
    }
}

impl Past<'_> {
    /// Whether what rules remember for long is all there: a log that begins anew would miss what
    /// the shards of a snapshot have told already.
    fn remembers(&self, rules: &Rules, published: &[Timestamp]) -> bool {
        let told = |stream: &usize| published.get(*stream).copied();
        stream_facts(rules, REMEMBERING, &self.kept).iter().all(|facts| {
            let settled = facts.companions.iter().filter_map(told).min();
            settled.is_none_or(|settled| !facts.has_forgotten(settled))
        })
    }
}

/// What tells, from one wording of the rules to the next.
struct Road {
    inlet: Inlet,
    outlet: Outlet,
    told: Arc<Told>,
    /// What ended because rules were changed.
    ended: Vec<AlertRecord>,
}

/// The logs that a teller writes, and where it looks events up.
pub(super) struct Logs {
    pub(super) alert_log: Journal,
    pub(super) compactor: Compactor,
    pub(super) state_log: StateLog,
    pub(super) snapshots: Snapshots,
    pub(super) trails: Arc<Trails>,
}

/// A life under way.
struct Life<'a> {
    parts: &'a mut ServiceParts,
    state_dir: &'a StateDir,
    rules: Rules,
    reader: Reader,
    shards_before: ShardCounts,
}

impl Life<'_> {
    /// Reads and tells until it is stopped, or rules are to be put in force that the shards
    /// cannot adopt.
    fn run(
        mut self,
        (mut road, mut logs, mut history): (Road, Logs, History),
        tell_on_call: &SyncSender<Logged>,
        stop: &AtomicBool,
    ) -> Result<Option<Replacement>, ServiceError> {
        loop {
            let Road { inlet, outlet, told, ended } = road;
            let so_far = Arc::clone(&told);
            let program = Arc::clone(&self.rules.program);
            let mut teller = Teller::new(outlet, logs, &history, told, (self.parts, program));
            teller.carry(self.shards_before);
            drop(history);
            let to_on_call = tell_on_call.clone();
            let teller = thread::spawn(move || teller.run(ended, &to_on_call));
            let read = self.reader.run(inlet, stop);
            let told = joined(teller, "teller");
            let proposal = self.parts.slot.take().filter(|_| !stop.load(Ordering::Acquire));
            let may_go_on = read.is_ok() && told.is_ok();
            if proposal.is_none() && may_go_on {
                return self.end(told?);
            }
            let adopted = proposal.as_ref().filter(|it| may_go_on && self.may_adopt(&it.rules));
            if adopted.is_none() {
                let (settled, mut carried) = self.reader.close();
                carried.shards = told?.refused;
                read?;
                return Ok(proposal.map(|proposal| Replacement { proposal, settled, carried }));
            }
            let (Some(proposal), Ok(told)) = (proposal, told) else { return Ok(None) };
            (road, logs, history) = self.adopt(proposal, told)?;
            (0..).zip(so_far.committed()).for_each(|(at, of)| road.told.note_committed(at, of));
        }
    }

    /// Ends for good, and leaves a snapshot of its end.
    fn end(
        self,
        LastWords { shards, snapshots, .. }: LastWords,
    ) -> Result<Option<Replacement>, ServiceError> {
        let is_wanted = self.parts.limits.snapshot_every_ms.is_some();
        if let Some(known) = self.reader.known().filter(|_| is_wanted) {
            snapshots.write_last(&known, &shards);
        }
        self.reader.close();
        Ok(None)
    }

    /// Whether shards and reader may go on with other rules as they are.
    fn may_adopt(&self, next: &Rules) -> bool {
        let streams = &self.rules.set.streams;
        *streams == next.set.streams
            && next.program.may_be_adopted(&self.rules.program)
            && self.parts.inputs.of(&next.set).is_ok()
    }

    /// Puts rules in force that the shards adopt: once the log says so, they judge.
    fn adopt(
        &mut self,
        proposal: Proposal,
        LastWords { mut shards, state_log, .. }: LastWords,
    ) -> Result<(Road, Logs, History), ServiceError> {
        let settled = self.reader.settled_streams();
        let Memory { mut alert_log, mut history } = Memory::read(self.state_dir)?;
        let written = (&mut alert_log, &mut history);
        put_in_force(self.state_dir, written.0, written.1, &proposal, settled.clone())?;
        let Proposal { rules, by } = proposal;
        self.rules = following(rules, Some(&self.rules), &settled);
        let Rules { program, set, .. } = &self.rules;
        info!(by, rules = hex(program.hash()), "other rules are in force; nothing is read again");
        shards.iter_mut().for_each(|shard| shard.adopt(program));
        // What is open goes on: nothing is opened to read it.
        take_up(self.parts, &self.rules, Vec::new())?;
        let told = Arc::new(Told::new(set.streams.len()));
        let (inlet, outlet) = go_on(shards);
        self.reader.adopt(&self.rules, Arc::clone(&told), &inlet);
        let compactor = Compactor::new(&self.rules, self.state_dir, &self.parts.state);
        let snapshots =
            Snapshots::new(self.state_dir, program, self.parts.workers, &self.parts.state);
        let road = Road { inlet, outlet, told, ended: Vec::new() };
        let trails = self.reader.trails();
        Ok((road, Logs { alert_log, compactor, state_log, snapshots, trails }, history))
    }
}

/// Makes the rules in force those of the service: their texts, their sources, their figures.
fn take_up(
    parts: &mut ServiceParts,
    rules: &Rules,
    reach_back: Vec<ReachBack>,
) -> Result<Vec<Wanted>, ServiceError> {
    let inputs = parts.inputs.of(&rules.set).map_err(ServiceError::Rules)?;
    let wanted = inputs.into_iter().zip(reach_back);
    let wanted = wanted.map(|(input, reach_back)| Wanted { input, reach_back }).collect();
    parts.texts.change(parts.texts.now().of(rules));
    parts.state.metrics.rules.begin(&rules.program);
    parts.state.metrics.note_rules(rules.program.hash());
    parts.slot.note_in_force(rules.program.hash());
    Ok(wanted)
}

/// By stream: from where its partitions are read. That is where a snapshot says, if the commit has
/// come to it; and further back than the commit says where that was made by other rules, or relies
/// on memories that are not there.
///
/// An event is at most so much older than its record, or it was refused: what was recorded
/// before has no event later than the horizon begins. Where such records set the front of
/// their partition, it lay before the horizon, and so did all that it made late.
fn reach_back(rules: &Rules, past: &Past<'_>, snapshot: Option<&Snapshot>) -> Vec<ReachBack> {
    let streams = &rules.set.streams;
    let settled = |stream: &usize| {
        let name = streams.get(*stream).map(|schema| &schema.name)?;
        past.after?.settled.get(name).copied()
    };
    let hash = rules.program.hash();
    let of = |(stream, facts): (usize, StreamFacts)| -> ReachBack {
        let known = facts.companions.iter().map(settled).collect::<Option<Vec<Timestamp>>>();
        let replaced = known.and_then(|known| known.into_iter().min());
        let replaced = replaced.filter(|at| at.0 > i64::MIN).map(|at| facts.read_after(at));
        let offsets = snapshot.map(|snapshot| snapshot.offsets(stream)).unwrap_or_default();
        Arc::new(move |partition, point| {
            let settled = Timestamp(point.settled);
            let is_torn = point.remembers && facts.has_forgotten(settled);
            let torn = is_torn.then(|| settled.minus(facts.horizon_ms() + 1));
            let after = if point.rules == hash { torn } else { replaced.or(torn) };
            if let Some(after) = after {
                return Reach::Since(after.minus(FUTURE_MAX_MS).0);
            }
            let offset = offsets.get(&partition).filter(|offset| **offset <= point.position);
            offset.map_or(Reach::Committed, |offset| Reach::Offset(*offset))
        })
    };
    stream_facts(rules, REMEMBERING, &past.kept).into_iter().enumerate().map(of).collect()
}

fn ended_records(ended: Vec<Transition>, texts: Option<&AlertTexts>) -> Vec<AlertRecord> {
    let record = |transition: Transition| {
        let message = texts.map_or_else(String::new, |texts| texts.transition(&transition));
        AlertRecord::Transition(transition, message)
    };
    ended.into_iter().map(record).collect()
}
