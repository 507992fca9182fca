//! One life of the road: from the logs, under the rules in force, until it is stopped or other
//! rules are to be put in force.
//!
//! A reload is such an end and such a beginning. The old road settles what it can and tells
//! it; the record of the new rules is written; the new road begins as after a crash, reads
//! one horizon again, and goes on at the first instant that was not settled. So what a
//! restart proves of windows and episodes holds here too.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::thread;

use connectors::dead_letter::DeadLetters;
use connectors::journal::{Journal, StateDir};
use connectors::transition_json::Recorded;
use engine::shard::ShardCounts;
use engine::succession::SettledStreams;
use engine::watermark::FUTURE_MAX_MS;
use model::time::Timestamp;
use model::transition::Transition;
use tracing::info;

use super::alert_log::History;
use super::alert_log::compaction::Compactor;
use super::in_force::{InForce, Proposal, Replaced, in_force, put_in_force};
use super::progress::Told;
use super::reader::Reader;
use super::reader::facts::{StreamFacts, stream_facts};
use super::sources::{Sources, Wanted};
use super::teller::Teller;
use super::{Logged, ServiceError, ServiceParts, joined};
use crate::alert_text::AlertTexts;
use crate::api::metrics::EventTotals;
use crate::pipeline::RoadSettings;
use crate::pipeline::clock::wall_clock;
use crate::pipeline::intake::Intake;
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
    let wanted = take_up(parts, &rules, after.as_ref())?;

    let told = Arc::new(Told::new(rules.set.streams.len()));
    let source = Sources::open(parts, &rules, wanted, state_dir)?;
    let road = RoadSettings {
        workers: parts.workers,
        early: true,
        keys_per_rule_max: parts.keys_per_rule,
    };
    let program = Arc::clone(&rules.program);
    let intake = Intake::new(&program, &rules.set.streams, None, parts.workers)
        .map_err(ServiceError::Schema)?;
    let shards_before = std::mem::take(&mut carried.shards);
    let mut reader = Reader::new(source, intake, carried, (parts, &rules), Arc::clone(&told));
    let Some(mut published) = reader.wait_for_partitions(stop)? else {
        return Ok(None);
    };
    for (slot, schema) in published.iter_mut().zip(&rules.set.streams) {
        let by_others = after.as_ref().and_then(|after| after.settled.get(&schema.name));
        // Nor is told again what the log no longer holds.
        let dropped = history.published().get(&schema.name);
        *slot = by_others.into_iter().chain(dropped).copied().fold(*slot, Timestamp::max);
    }
    let mut compactor = Compactor::new(&rules, state_dir, &parts.state);
    compactor.tend(&mut alert_log, &published, wall_clock());
    (0..).zip(&published).for_each(|(stream, at)| told.note_committed(stream, *at));
    reader.begin_after(&published, history.told_until(&program));
    let resumed = history.resumed(&published, &program, after.as_ref());
    let (inlet, outlet) = crate::pipeline::open_road(&program, road, &resumed.restored);
    let ended = ended_records(resumed.ended, old_texts.as_ref());
    let alert_log = (alert_log, compactor);
    let mut teller = Teller::new(outlet, alert_log, &history, Arc::clone(&told), parts);
    teller.carry(shards_before);
    drop(history);
    let to_on_call = tell_on_call.clone();
    let teller = thread::spawn(move || teller.run(ended, &to_on_call));

    let read = reader.run(inlet, stop);
    let (settled, mut carried) = reader.close();
    carried.shards = joined(teller, "teller")?;
    read?;
    let proposal = parts.slot.take().filter(|_| !stop.load(Ordering::Acquire));
    Ok(proposal.map(|proposal| Replacement { proposal, settled, carried }))
}

/// Makes the rules in force those of the service: their texts, their sources, their figures.
fn take_up(
    parts: &mut ServiceParts,
    rules: &Rules,
    after: Option<&Replaced>,
) -> Result<Vec<Wanted>, ServiceError> {
    let inputs = parts.inputs.of(&rules.set).map_err(ServiceError::Rules)?;
    let mut since = after.map_or_else(Vec::new, |after| reach_back(rules, after));
    since.resize(inputs.len(), None);
    let wanted = inputs.into_iter().zip(since);
    let wanted = wanted.map(|(input, reach_back)| Wanted { input, reach_back }).collect();
    parts.texts.change(parts.texts.now().of(rules));
    parts.state.metrics.rules.begin(&rules.program);
    parts.state.metrics.note_rules(rules.program.hash());
    parts.slot.note_in_force(rules.program.hash());
    Ok(wanted)
}

/// By stream: since when records must be read again to know all that its rules depend on, of
/// a commit that other rules made.
///
/// An event is at most so much older than its record, or it was refused: what was recorded
/// before has no event later than the horizon begins. Where such records set the front of
/// their partition, it lay before the horizon, and so did all that it made late.
fn reach_back(rules: &Rules, after: &Replaced) -> Vec<Option<i64>> {
    let streams = &rules.set.streams;
    let settled = |stream: &usize| {
        let name = streams.get(*stream).map(|schema| &schema.name);
        name.and_then(|name| after.settled.get(name)).copied()
    };
    let of = |facts: StreamFacts| {
        let known = facts.companions.iter().map(settled).collect::<Option<Vec<Timestamp>>>()?;
        let settled = known.into_iter().min().filter(|at| at.0 > i64::MIN)?;
        Some(settled.minus(facts.horizon_ms + 1).minus(FUTURE_MAX_MS).0)
    };
    stream_facts(rules).into_iter().map(of).collect()
}

fn ended_records(ended: Vec<Transition>, texts: Option<&AlertTexts>) -> Vec<Recorded> {
    let record = |transition: Transition| {
        let message = texts.map_or_else(String::new, |texts| texts.transition(&transition));
        Recorded::Transition(transition, message)
    };
    ended.into_iter().map(record).collect()
}
