//! Replay of the alert log: what its lines say of the past.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use connectors::alert_log_codec::AlertRecord;
use engine::early_alerts::PendingEarlyAlerts;
use engine::program::Program;
use engine::program_upgrade::{SettledStreams, ended_by_change};
use engine::shard::{RestoredEpisode, ShardRestore, calendar_ends};
use model::decimal::Decimal;
use model::meta::MetaTransition;
use model::time::Timestamp;
use model::transition::{EndReason, Transition, TransitionKind};
use serde::{Deserialize, Serialize};

use super::peaks::{EpisodeName, RecordedPeak, episode_name, read_peak};
use super::record::{
    LoggedRecord, RecordId, canonical, episodes, published_of, read_line, record_id, transition_of,
};
use super::rule_change::{RuleChange, push_change, read_change};
use crate::error::NodeError;
use crate::rules::kept::PreviousRules;

/// The first line of a log from which records were dropped.
#[derive(Serialize, Deserialize)]
struct HeadLine {
    next_sequence: u64,
    published_ms: BTreeMap<String, i64>,
}

/// Opening of the head: no other line of the log begins so.
const HEAD: &[u8] = b"{\"next_sequence\":";

/// Head of a compacted log: counts of the records dropped from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogHead {
    /// Greater than the number of each.
    pub(crate) next_sequence: u64,
    /// By stream name: up to where all was told, so that none of them is told again.
    pub(crate) published: SettledStreams,
}

impl LogHead {
    /// Its line, without the end.
    pub(crate) fn line(&self) -> Vec<u8> {
        let published = self.published.iter().map(|(name, at)| (name.clone(), at.0));
        let (next_sequence, published_ms) = (self.next_sequence, published.collect());
        // A struct of texts and numbers always serializes.
        serde_json::to_vec(&HeadLine { next_sequence, published_ms }).unwrap_or_default()
    }

    /// Reads the line; `None` for any other.
    fn read(line: &[u8]) -> Option<Result<LogHead, String>> {
        line.starts_with(HEAD).then(|| {
            let line: HeadLine = serde_json::from_slice(line).map_err(|error| error.to_string())?;
            let published = line.published_ms.into_iter().map(|(name, at)| (name, Timestamp(at)));
            Ok(LogHead { next_sequence: line.next_sequence, published: published.collect() })
        })
    }
}

/// A line of the log.
pub enum LogEntry {
    /// Of a log that was compacted.
    Head(LogHead),
    /// An activation of rules.
    Change(RuleChange),
    /// The peak of an open episode.
    Peak(EpisodeName, RecordedPeak),
    /// A record.
    Record(Box<LoggedRecord>),
}

impl LogEntry {
    /// Reads a line of which records have numbers from `next` on.
    ///
    /// # Errors
    /// In words: the line is none of the log's.
    pub fn read(line: &[u8], next: u64) -> Result<LogEntry, String> {
        if let Some(head) = LogHead::read(line) {
            return head.map(LogEntry::Head);
        }
        if let Some(change) = read_change(line) {
            return change.map(LogEntry::Change);
        }
        match read_peak(line) {
            Some((name, peak)) => Ok(LogEntry::Peak(name, peak)),
            None => read_line(line, next).map(|logged| LogEntry::Record(Box::new(logged))),
        }
    }
}

/// Everything the log held when the service started.
#[derive(Default)]
pub struct AlertLogReplay {
    logged: Vec<LoggedRecord>,
    peaks: BTreeMap<EpisodeName, RecordedPeak>,
    /// Rules that came into force, oldest first.
    changes: Vec<RuleChange>,
    /// Number of records in the log before the newest of them.
    changed_after: usize,
    /// INVARIANT: greater than the number of every record the log has had.
    next_sequence: u64,
    /// By stream name: up to where all was told that was dropped.
    published: SettledStreams,
}

/// Open episodes and published instants that a run continues from.
pub struct ResumedEpisodes {
    /// For the shards.
    pub(crate) restored: ShardRestore,
    /// The ends of episodes whose rule was changed; they may be in the log already.
    pub(crate) ended: Vec<Transition>,
}

impl AlertLogReplay {
    /// Reads the lines of a log.
    ///
    /// # Errors
    /// A line that is no record, by its number.
    pub(crate) fn read(path: &Path, lines: Vec<Vec<u8>>) -> Result<AlertLogReplay, NodeError> {
        let mut history = AlertLogReplay::default();
        let mut next = 0;
        for (index, line) in lines.into_iter().enumerate() {
            let damaged = |why| NodeError::AlertLog { path: path.to_owned(), line: index + 1, why };
            match LogEntry::read(&line, next).map_err(damaged)? {
                LogEntry::Head(head) => {
                    (history.next_sequence, history.published) =
                        (head.next_sequence, head.published);
                }
                LogEntry::Change(change) => history.record_change(change),
                LogEntry::Peak(name, peak) => drop(history.peaks.insert(name, peak)),
                LogEntry::Record(logged) => {
                    next = logged.sequence + 1;
                    history.logged.push(*logged);
                }
            }
        }
        history.next_sequence = history.next_sequence.max(next);
        Ok(history)
    }

    /// The records, oldest first.
    pub(crate) fn logged(&self) -> &[LoggedRecord] {
        &self.logged
    }

    /// The number of the next record.
    pub(crate) const fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// By stream name: up to where all was told of what the log no longer holds.
    pub(crate) const fn published(&self) -> &SettledStreams {
        &self.published
    }

    /// Transitions of the service's own alerts, oldest first.
    pub(crate) fn metas(&self) -> impl Iterator<Item = &MetaTransition> {
        self.logged.iter().filter_map(|logged| match &logged.recorded {
            AlertRecord::Meta(step, _) => Some(step),
            AlertRecord::Transition(..) | AlertRecord::Early(..) => None,
        })
    }

    /// Identities of the records: one that is derived again is not written twice.
    pub(crate) fn record_ids(&self) -> HashSet<RecordId> {
        self.logged.iter().map(|logged| record_id(&logged.recorded)).collect()
    }

    /// Early notices that no settled episode has taken up.
    pub(crate) fn announced(&self) -> PendingEarlyAlerts {
        let mut announced = PendingEarlyAlerts::default();
        for logged in &self.logged {
            match &logged.recorded {
                AlertRecord::Transition(transition, _) => announced.settle(transition),
                AlertRecord::Early(early, _) => announced.announce(early),
                AlertRecord::Meta(..) => {}
            }
        }
        announced.finish_replay();
        announced
    }

    /// The newest peak of every episode that has one in the log, and will have: a peak whose
    /// episode has no record is dropped by a compaction. A crash may leave such a one.
    pub(crate) fn peaks(&self) -> BTreeMap<EpisodeName, Decimal> {
        let recorded: HashSet<EpisodeName> = episodes(self.logged.iter()).collect();
        let peaks = self.peaks.iter().filter(|(name, _)| recorded.contains(*name));
        peaks.map(|(name, kept)| (name.clone(), kept.peak)).collect()
    }

    /// Rules that came into force, oldest first.
    pub(crate) fn changes(&self) -> &[RuleChange] {
        &self.changes
    }

    /// Adds a record of rules that came into force.
    pub(crate) fn record_change(&mut self, change: RuleChange) {
        push_change(&mut self.changes, change, |change| change);
        self.changed_after = self.logged.len();
    }

    /// By stream: the last instant of which something was told by the rules in force, or may be
    /// in the peak of an open episode.
    pub(crate) fn published_some(&self, program: &Program) -> Vec<Timestamp> {
        let mut until = vec![Timestamp(i64::MIN); program.stream_count()];
        for ((alert, ..), kept) in &self.peaks {
            let streams = program.rule(alert).map(|rule| &rule.streams);
            for stream in streams.into_iter().flatten() {
                let slot = until.get_mut(*stream).zip(kept.as_of);
                slot.into_iter().for_each(|(slot, as_of)| *slot = (*slot).max(as_of));
            }
        }
        for logged in self.logged.iter().skip(self.changed_after) {
            let AlertRecord::Transition(transition, _) = &logged.recorded else { continue };
            let streams = program.rule(&transition.facts.alert).map(|rule| &rule.streams);
            // The end of an episode whose rule was changed lies ahead of what is settled.
            let is_settled = transition.reason != Some(EndReason::RuleChanged);
            for stream in streams.into_iter().flatten().filter(|_| is_settled) {
                if let Some(slot) = until.get_mut(*stream) {
                    *slot = (*slot).max(transition.facts.at);
                }
            }
        }
        until
    }

    /// What is known of the past: how far it was published, what was open then, and what
    /// ends because the rules in force came `after` others.
    ///
    /// An open episode is the fold of its transitions as of the published instant of its
    /// rule; later ones will be derived again. What other rules told is published, all of it.
    pub(crate) fn resumed(
        &self,
        published: &[Timestamp],
        program: &Program,
        after: Option<&PreviousRules>,
    ) -> ResumedEpisodes {
        let mut open: BTreeMap<(String, Vec<u8>), RestoredEpisode> = BTreeMap::new();
        let mut newest: BTreeMap<(&str, Vec<u8>), &Transition> = BTreeMap::new();
        let mut ended = Vec::new();
        let changed_after = if after.is_some() { self.changed_after } else { 0 };
        let (before, since) = self.logged.split_at(changed_after.min(self.logged.len()));
        for transition in before.iter().filter_map(transition_of) {
            newest.insert((&transition.facts.alert, canonical(&transition.facts.key)), transition);
            fold(&mut open, transition);
        }
        self.restore_peaks(&mut open);
        if let Some(PreviousRules { rules, settled }) = after {
            open.retain(|_, episode| {
                let at = rules.program.ends_at(&episode.alert, program, settled);
                ended.extend(
                    at.zip(newest.get(&(episode.alert.as_str(), episode.key.clone())))
                        .map(|(at, reported)| ended_by_change(reported, episode.peak, at)),
                );
                at.is_none()
            });
        }
        for transition in since.iter().filter_map(transition_of) {
            if transition.facts.at <= published_of(program, published, &transition.facts.alert) {
                fold(&mut open, transition);
            }
        }
        self.restore_peaks(&mut open);
        let is_published =
            |of: &&Transition| of.facts.at <= published_of(program, published, &of.facts.alert);
        let restored = ShardRestore {
            published: published.to_vec(),
            open: open.into_values().collect(),
            calendar_ends: calendar_ends(
                self.logged.iter().filter_map(transition_of).filter(is_published),
            ),
            memories: Vec::new(),
        };
        ResumedEpisodes { restored, ended }
    }

    fn restore_peaks(&self, open: &mut BTreeMap<(String, Vec<u8>), RestoredEpisode>) {
        for episode in open.values_mut() {
            let kept = self.peaks.get(&episode_name(episode)).map(|kept| kept.peak);
            episode.peak = kept.or(episode.peak);
        }
    }
}

fn fold(open: &mut BTreeMap<(String, Vec<u8>), RestoredEpisode>, transition: &Transition) {
    let key = canonical(&transition.facts.key);
    let identity = (transition.facts.alert.clone(), key.clone());
    match transition.kind {
        TransitionKind::Firing => {
            let (alert, severity) = (transition.facts.alert.clone(), transition.facts.severity);
            let (since, peak) = (transition.facts.since, transition.measured.value);
            let (as_of, fields) = (transition.facts.at, transition.fields.clone());
            open.insert(
                identity,
                RestoredEpisode { alert, key, since, peak, as_of, severity, fields },
            );
        }
        // An end may come, of one that was ended by a change, after another has begun.
        TransitionKind::Resolved => {
            if open.get(&identity).is_some_and(|episode| episode.since == transition.facts.since) {
                open.remove(&identity);
            }
        }
        TransitionKind::Changed => {
            if let Some(episode) = open.get_mut(&identity) {
                episode.severity = transition.facts.severity;
            }
        }
        TransitionKind::Again => {
            if let Some(episode) = open.get_mut(&identity) {
                episode.fields.clone_from(&transition.fields);
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
