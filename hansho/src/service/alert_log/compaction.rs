//! A shorter alert log that says the same.
//!
//! What goes: records of episodes that are closed, told, committed, heard by on-call and older
//! than [`KEEP_MS`]; of open ones what nobody needs any more ([`oncall::compaction`]); peaks but
//! the newest of each open episode; records of rules behind whose change everything that is
//! read again lies, and the rules that are named no more. What stays has the number it had.
//! The head says how far all was told that went, so that it is not told again even where a
//! commit was lost.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use connectors::journal::{Journal, JournalError, StateDir};
use connectors::transition_json::AlertRecord;
use engine::program::Program;
use engine::succession::SettledStreams;
use model::time::{DAY_MS, Timestamp};
use model::transition::{EarlyAlert, Transition};
use oncall::compaction::{Candidate, kept};
use oncall::incident::Step;
use tracing::{debug, info, warn};

use super::super::in_force::{Change, EARLIER_MAX, file_of, hash_of_file};
use super::super::reader::facts::{StreamFacts, stream_facts};
use super::super::state_log::{KeptFrom, REMEMBERING};
use super::peaks::EpisodeName;
use super::{Entry, Head, Logged, canonical, published_of, transition_of, write_line};
use crate::api::State;
use crate::rule_files::Rules;

/// How long a record stays after it was detected, whatever became of it: longer than the day
/// for which a notification is tried, and than on-call may have been away besides.
pub const KEEP_MS: i64 = 2 * DAY_MS;
/// A log of fewer bytes is only made shorter at a start: 8 MiB.
pub const ALERT_LOG_LEFT_BYTES: u64 = 8 << 20;
/// A log is looked at again when it is so many times as long as what was left of it: each
/// byte that is appended is so read about once, however long the log is.
const GROWTH: u64 = 2;

/// How the line of a record begins that has its number.
const NUMBERED: &[u8] = b"{\"sequence\":";

/// Makes the alert log shorter from time to time.
pub struct Compactor {
    state_dir: PathBuf,
    state: Arc<State>,
    program: Arc<Program>,
    names: Vec<String>,
    facts: Vec<StreamFacts>,
    /// The length at which it is to be looked at.
    due_at: u64,
}

/// What decides over a record.
struct Cut<'a> {
    program: &'a Program,
    /// By stream: what is told up to here no successor derives again.
    published: &'a [Timestamp],
    /// What was detected before is old.
    detected_before: Timestamp,
    /// On-call has records with lesser numbers, and has written that down.
    heard: u64,
    /// By stream name: this instant and later ones may be judged again.
    judged_from: SettledStreams,
}

/// A log that is shorter.
struct Shorter {
    lines: Vec<Vec<u8>>,
    /// How many lines it has fewer, heads aside.
    dropped: usize,
    /// Hashes of the rules it names.
    rules: BTreeSet<u64>,
}

impl Compactor {
    /// For the log of a service under these rules.
    pub(in crate::service) fn new(
        rules: &Rules,
        state_dir: &StateDir,
        state: &Arc<State>,
    ) -> Compactor {
        Compactor {
            state_dir: state_dir.path().to_owned(),
            state: Arc::clone(state),
            program: Arc::clone(&rules.program),
            names: rules.set.streams.iter().map(|schema| schema.name.clone()).collect(),
            facts: stream_facts(rules, REMEMBERING, &KeptFrom::new()),
            due_at: 0,
        }
    }

    /// Makes the log shorter if it has outgrown what it must hold, or has not been looked at
    /// yet. Whatever fails leaves it as it is, and it grows on.
    ///
    /// `published` says by stream up to where a successor will know that all is told.
    pub(in crate::service) fn tend(
        &mut self,
        log: &mut Journal,
        published: &[Timestamp],
        now: Timestamp,
    ) {
        self.state.metrics.note_alert_log(log.length());
        if log.length() < self.due_at {
            return;
        }
        let before = log.length();
        match self.shorten(log, published, now) {
            Ok(0) => debug!(before, "nothing of the alert log can be dropped yet"),
            Ok(dropped) => {
                self.state.metrics.note_compacted(dropped as u64, log.length());
                info!(dropped, before, bytes = log.length(), "the alert log was made shorter");
            }
            Err(why) => warn!(why, "the alert log cannot be made shorter; it grows on meanwhile"),
        }
        self.due_at = (log.length() * GROWTH).max(ALERT_LOG_LEFT_BYTES);
    }

    /// How many lines went.
    fn shorten(
        &self,
        log: &mut Journal,
        published: &[Timestamp],
        now: Timestamp,
    ) -> Result<usize, String> {
        let said = |error: JournalError| error.to_string();
        log.sync().map_err(said)?;
        let lines = log.lines().map_err(said)?;
        let cut = self.cut(published, now);
        let Shorter { lines, dropped, rules } = cut.apply(lines, &self.names)?;
        if dropped > 0 {
            log.rewrite(lines.iter().map(Vec::as_slice)).map_err(said)?;
        }
        // Only once no line names them.
        self.remove_rules(&rules).map_err(|error| error.to_string())?;
        Ok(dropped)
    }

    fn cut<'a>(&'a self, published: &'a [Timestamp], now: Timestamp) -> Cut<'a> {
        let of = |stream: &usize| published.get(*stream).copied().unwrap_or(Timestamp(i64::MIN));
        let from = |facts: &StreamFacts| {
            let told = facts.companions.iter().map(of).min().unwrap_or(Timestamp(i64::MIN));
            told.minus(facts.horizon_ms())
        };
        let judged_from = self.names.iter().cloned().zip(self.facts.iter().map(from)).collect();
        let detected_before = now.minus(KEEP_MS);
        let (program, heard) = (&self.program, self.state.on_call_position());
        Cut { program, published, detected_before, heard, judged_from }
    }

    fn remove_rules(&self, named: &BTreeSet<u64>) -> std::io::Result<()> {
        for entry in fs::read_dir(&self.state_dir)? {
            let name = entry?.file_name();
            let hash = name.to_str().and_then(hash_of_file);
            if let Some(hash) = hash.filter(|hash| !named.contains(hash)) {
                fs::remove_file(self.state_dir.join(file_of(hash)))?;
            }
        }
        Ok(())
    }
}

/// A record as both folds take it.
enum Told<'a> {
    Settled(&'a Transition),
    OfItself(Box<Transition>),
    Early(&'a EarlyAlert),
}

impl<'a> Told<'a> {
    fn of(recorded: &'a AlertRecord) -> Told<'a> {
        match recorded {
            AlertRecord::Transition(transition, _) => Told::Settled(transition),
            AlertRecord::Early(early, _) => Told::Early(early),
            AlertRecord::Meta(step, _) => Told::OfItself(Box::new(step.as_transition())),
        }
    }

    fn step(&self) -> Step<'_> {
        match self {
            Told::Settled(transition) => Step::Transition(transition),
            Told::OfItself(transition) => Step::Transition(transition),
            Told::Early(early) => Step::Early(early),
        }
    }
}

impl Cut<'_> {
    /// The lines that stay, in their order, behind a new head.
    fn apply(&self, lines: Vec<Vec<u8>>, names: &[String]) -> Result<Shorter, String> {
        let mut entries = Vec::with_capacity(lines.len());
        let (mut next, mut before) = (0, Head::default());
        for line in lines {
            let entry = Entry::read(&line, next)?;
            match &entry {
                Entry::Head(head) => before = head.clone(),
                Entry::Record(logged) => next = logged.sequence + 1,
                Entry::Change(_) | Entry::Peak(..) => {}
            }
            entries.push((entry, line));
        }
        let records = self.records(&entries);
        let peaks = newest_peaks(&entries, &records);
        let changes: Vec<&Change> = entries
            .iter()
            .filter_map(|(entry, _)| match entry {
                Entry::Change(change) => Some(change),
                _ => None,
            })
            .collect();
        let first_change = self.first_needed(&changes);
        let rules = changes.iter().skip(first_change).map(|change| change.rules).collect();

        let published = names.iter().zip(self.published).map(|(name, at)| {
            let known = before.published.get(name).copied();
            (name.clone(), known.map_or(*at, |known| known.max(*at)))
        });
        let published = published.filter(|(_, at)| *at > Timestamp(i64::MIN)).collect();
        let next_sequence = next.max(before.next_sequence);
        let mut left = vec![Head { next_sequence, published }.line()];
        let (mut change, mut dropped) = (0, 0);
        for (index, (entry, line)) in entries.into_iter().enumerate() {
            let stays = match &entry {
                // The new one stands in its place.
                Entry::Head(_) => continue,
                Entry::Change(_) => {
                    change += 1;
                    change > first_change
                }
                Entry::Peak(name, _) => peaks.get(name) == Some(&index),
                Entry::Record(_) => records.contains(&index),
            };
            match entry {
                _ if !stays => dropped += 1,
                // A line of an earlier build gets its number now.
                Entry::Record(logged) if !line.starts_with(NUMBERED) => {
                    let mut line = Vec::new();
                    write_line(&mut line, &logged);
                    left.push(line);
                }
                _ => left.push(line),
            }
        }
        Ok(Shorter { lines: left, dropped, rules })
    }

    /// The places of the records that stay.
    fn records(&self, entries: &[(Entry, Vec<u8>)]) -> BTreeSet<usize> {
        let records = entries.iter().enumerate().filter_map(|(index, (entry, _))| match entry {
            Entry::Record(logged) => Some((index, &**logged, Told::of(&logged.recorded))),
            _ => None,
        });
        let records: Vec<(usize, &Logged, Told<'_>)> = records.collect();
        // No later step of the service itself is dated before the newest one.
        let of_itself = records.iter().filter_map(|(_, logged, _)| match &logged.recorded {
            AlertRecord::Meta(step, _) => Some((step.at, logged.sequence)),
            _ => None,
        });
        let newest = of_itself.max().map(|(_, sequence)| sequence);
        let candidates = records.iter().map(|(_, logged, told)| {
            let step = told.step();
            let (alert, at) = match step {
                Step::Transition(of) => (&of.facts.alert, of.facts.at),
                Step::Early(of) => (&of.facts.alert, of.facts.at),
            };
            let is_old = logged.detected < self.detected_before;
            let is_heard = logged.sequence < self.heard;
            let is_done =
                is_old && is_heard && Some(logged.sequence) != newest && self.is_told(alert, at);
            Candidate { step, is_shadow: logged.is_shadow, is_done }
        });
        let stays = kept(candidates);
        let places = records.iter().map(|(index, ..)| *index).zip(stays);
        places.filter(|(_, stays)| *stays).map(|(index, _)| index).collect()
    }

    /// Whether no successor derives it again. What rules told that are no more is told.
    fn is_told(&self, alert: &str, at: Timestamp) -> bool {
        self.program.rule(alert).is_none()
            || at <= published_of(self.program, self.published, alert)
    }

    /// The place among all changes of the first one that is needed: the rules before a change
    /// are, while instants up to it may be judged again.
    fn first_needed(&self, changes: &[&Change]) -> usize {
        let least = changes.len().saturating_sub(EARLIER_MAX + 1);
        let mut first = changes.len().saturating_sub(1);
        while first > least
            && changes.get(first).is_some_and(|change| self.may_be_judged_again(&change.settled))
        {
            first -= 1;
        }
        first
    }

    /// Also while the ends that the change has brought, at the next instant, may be told again.
    fn may_be_judged_again(&self, settled: &SettledStreams) -> bool {
        let from = |name: &String| self.judged_from.get(name);
        settled.iter().any(|(name, settled)| from(name).is_some_and(|from| from <= settled))
    }
}

/// By open episode: the place of its newest peak.
fn newest_peaks(
    entries: &[(Entry, Vec<u8>)],
    records: &BTreeSet<usize>,
) -> BTreeMap<EpisodeName, usize> {
    let named = records.iter().filter_map(|index| match entries.get(*index) {
        Some((Entry::Record(logged), _)) => transition_of(logged),
        _ => None,
    });
    let named: BTreeSet<EpisodeName> = named
        .map(|of| (of.facts.alert.clone(), canonical(&of.facts.key), of.facts.since))
        .collect();
    let peaks = entries.iter().enumerate().filter_map(|(index, (entry, _))| match entry {
        Entry::Peak(name, _) if named.contains(name) => Some((name.clone(), index)),
        _ => None,
    });
    peaks.collect()
}

#[cfg(test)]
mod tests;
