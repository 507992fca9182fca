//! Compaction of the alert log: a shorter log that says the same.
//!
//! Dropped are: records of episodes that are closed, published, committed, folded by on-call and
//! older than the retention; of open ones what nobody needs any more ([`oncall::compaction`]);
//! peaks but the newest of each open episode; records of rule changes behind which everything lies
//! that is replayed, and the rules that no record names. What stays keeps its number. The head says
//! how far everything dropped was published, so that it is not published again even where a commit
//! was lost.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use connectors::alert_log_codec::AlertRecord;
use connectors::journal::JournalError;
use engine::program::Program;
use engine::program_upgrade::SettledStreams;
use model::time::Timestamp;
use model::transition::{EarlyAlert, EndReason, Transition};
use oncall::compaction::{CompactionRecord, kept};
use oncall::episode_fold::AlertLogEntry;
use tracing::{debug, info, warn};

use super::peaks::EpisodeName;
use super::record::{LoggedRecord, episodes, published_of, write_line};
use super::replay::{LogEntry, LogHead};
use super::retention::LogRetention;
use super::rule_change::{RuleChange, push_change};
use crate::checkpoint::state_log::KeptFrom;
use crate::ingest::replay_requirements::{ReplayRequirements, replay_requirements};
use crate::io::{LineLog, LogStore};
use crate::notify::channel::NotifyPosition;
use crate::rules::kept::{PREVIOUS_MAX, file_of, hash_of_file};
use crate::rules::loaded::LoadedRules;
use crate::shared::{NodeSettings, NodeShared};
use crate::telemetry::NodeTelemetry;

/// A log is looked at again when it is so many times as long as what was left of it: each
/// byte that is appended is so read about once, however long the log is.
const GROWTH: u64 = 2;

/// Opening of a record's line that has its number.
const NUMBERED: &[u8] = b"{\"sequence\":";

/// Compacts the alert log from time to time.
pub struct AlertLogCompactor {
    store: Arc<dyn LogStore>,
    telemetry: Arc<NodeTelemetry>,
    notified: NotifyPosition,
    retention: LogRetention,
    program: Arc<Program>,
    names: Vec<String>,
    requirements: Vec<ReplayRequirements>,
    /// The length at which it is due.
    due_at: u64,
}

/// The rule that decides which lines stay.
struct RetentionRule<'a> {
    program: &'a Program,
    /// By stream: no recovery derives again what is published up to here.
    published: &'a [Timestamp],
    /// Records detected before this are old.
    detected_before: Timestamp,
    /// On-call has folded records with lesser numbers, durably.
    folded: u64,
    /// By stream: this instant and later ones may be evaluated again.
    replayed_from: Vec<Timestamp>,
}

/// A log after compaction.
struct CompactedLog {
    lines: Vec<Vec<u8>>,
    /// Number of lines dropped, heads aside.
    dropped: usize,
    /// Hashes of the rules it names.
    rules: BTreeSet<u64>,
}

impl AlertLogCompactor {
    /// For the log of a node under these rules.
    pub(crate) fn new(
        rules: &LoadedRules,
        shared: &NodeShared,
        settings: &NodeSettings,
    ) -> AlertLogCompactor {
        let how = settings.pipeline.state_checkpoints;
        AlertLogCompactor {
            store: Arc::clone(&shared.store),
            telemetry: Arc::clone(&shared.telemetry),
            notified: shared.notify.position(),
            retention: settings.retention,
            program: Arc::clone(&rules.program),
            names: rules.set.streams.iter().map(|schema| schema.name.clone()).collect(),
            requirements: replay_requirements(rules, how, &KeptFrom::new()),
            due_at: 0,
        }
    }

    /// Compacts the log if it has outgrown what it must hold, or was not compacted yet. Whatever
    /// fails leaves it as it is, and it grows on.
    ///
    /// `published` says by stream up to where recovery will know that everything is published.
    pub(crate) fn compact_if_due(
        &mut self,
        log: &mut dyn LineLog,
        published: &[Timestamp],
        now: Timestamp,
    ) {
        self.telemetry.metrics.record_alert_log(log.length());
        if log.length() < self.due_at {
            return;
        }
        let before = log.length();
        match self.compact(log, published, now) {
            Ok(0) => debug!(before, "nothing of the alert log can be dropped yet"),
            Ok(dropped) => {
                self.telemetry.metrics.record_compacted(dropped as u64, log.length());
                info!(dropped, before, bytes = log.length(), "alert log compacted");
            }
            Err(why) => warn!(why, "alert log cannot be compacted; it grows meanwhile"),
        }
        self.due_at = (log.length() * GROWTH).max(self.retention.compact_bytes_min);
    }

    /// Number of lines dropped.
    fn compact(
        &self,
        log: &mut dyn LineLog,
        published: &[Timestamp],
        now: Timestamp,
    ) -> Result<usize, String> {
        let said = |error: JournalError| error.to_string();
        log.sync().map_err(said)?;
        let lines = log.lines().map_err(said)?;
        let rule = self.retention_rule(published, now);
        let CompactedLog { lines, dropped, rules } = rule.apply(lines, &self.names)?;
        if dropped > 0 {
            log.rewrite(&lines).map_err(said)?;
        }
        // Only once no line names them.
        self.remove_rules(&rules).map_err(|error| error.to_string())?;
        Ok(dropped)
    }

    fn retention_rule<'a>(
        &'a self,
        published: &'a [Timestamp],
        now: Timestamp,
    ) -> RetentionRule<'a> {
        let of = |stream: &usize| published.get(*stream).copied().unwrap_or(Timestamp(i64::MIN));
        let from = |of_stream: &ReplayRequirements| {
            let least = of_stream.companions.iter().map(of).min();
            least.unwrap_or(Timestamp(i64::MIN)).minus(of_stream.horizon_ms())
        };
        RetentionRule {
            program: &self.program,
            published,
            detected_before: now.minus(self.retention.keep_ms),
            folded: self.notified.get(),
            replayed_from: self.requirements.iter().map(from).collect(),
        }
    }

    fn remove_rules(&self, named: &BTreeSet<u64>) -> io::Result<()> {
        for name in self.store.names()? {
            let hash = hash_of_file(&name).filter(|hash| !named.contains(hash));
            if let Some(hash) = hash {
                self.store.remove(&file_of(hash)).map_err(io::Error::other)?;
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for AlertLogCompactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AlertLogCompactor").field("due_at", &self.due_at).finish_non_exhaustive()
    }
}

/// A record as the folds read it.
enum PublishedKind<'a> {
    Settled(&'a Transition),
    Meta(Box<Transition>),
    Early(&'a EarlyAlert),
}

impl<'a> PublishedKind<'a> {
    fn of(recorded: &'a AlertRecord) -> PublishedKind<'a> {
        match recorded {
            AlertRecord::Transition(transition, _) => PublishedKind::Settled(transition),
            AlertRecord::Early(early, _) => PublishedKind::Early(early),
            AlertRecord::Meta(step, _) => PublishedKind::Meta(Box::new(step.as_transition())),
        }
    }

    fn step(&self) -> AlertLogEntry<'_> {
        match self {
            PublishedKind::Settled(transition) => AlertLogEntry::Transition(transition),
            PublishedKind::Meta(transition) => AlertLogEntry::Transition(transition),
            PublishedKind::Early(early) => AlertLogEntry::Early(early),
        }
    }
}

impl RetentionRule<'_> {
    /// The lines that stay, in their order, behind a new head.
    fn apply(&self, lines: Vec<Vec<u8>>, names: &[String]) -> Result<CompactedLog, String> {
        let mut entries = Vec::with_capacity(lines.len());
        let (mut next, mut before) = (0, LogHead::default());
        for line in lines {
            let entry = LogEntry::read(&line, next)?;
            match &entry {
                LogEntry::Head(head) => before = head.clone(),
                LogEntry::Record(logged) => next = logged.sequence + 1,
                LogEntry::Change(_) | LogEntry::Peak(..) => {}
            }
            entries.push((entry, line));
        }
        let records = self.records(&entries);
        let peaks = newest_peaks(&entries, &records);
        let changes = self.changes(&entries);
        let rules = changes.values().map(|change| change.rules).collect();

        let published = names.iter().zip(self.published).map(|(name, at)| {
            let known = before.published.get(name).copied();
            (name.clone(), known.map_or(*at, |known| known.max(*at)))
        });
        let published = published.filter(|(_, at)| *at > Timestamp(i64::MIN)).collect();
        let next_sequence = next.max(before.next_sequence);
        let mut left = vec![LogHead { next_sequence, published }.line()];
        let changes: BTreeSet<usize> = changes.into_keys().collect();
        let mut dropped = 0;
        for (index, (entry, line)) in entries.into_iter().enumerate() {
            let stays = match &entry {
                // The new one stands in its place.
                LogEntry::Head(_) => continue,
                LogEntry::Change(_) => changes.contains(&index),
                LogEntry::Peak(name, _) => peaks.get(name) == Some(&index),
                LogEntry::Record(_) => records.contains(&index),
            };
            match entry {
                _ if !stays => dropped += 1,
                // A line of an earlier build gets its number now.
                LogEntry::Record(logged) if !line.starts_with(NUMBERED) => {
                    let mut line = Vec::new();
                    write_line(&mut line, &logged);
                    left.push(line);
                }
                _ => left.push(line),
            }
        }
        Ok(CompactedLog { lines: left, dropped, rules })
    }

    /// The places of the records that stay.
    fn records(&self, entries: &[(LogEntry, Vec<u8>)]) -> BTreeSet<usize> {
        let records = entries.iter().enumerate().filter_map(|(index, (entry, _))| match entry {
            LogEntry::Record(logged) => {
                Some((index, &**logged, PublishedKind::of(&logged.recorded)))
            }
            _ => None,
        });
        let records: Vec<(usize, &LoggedRecord, PublishedKind<'_>)> = records.collect();
        // No later step of the service itself is dated before the newest one.
        let metas = records.iter().filter_map(|(_, logged, _)| match &logged.recorded {
            AlertRecord::Meta(step, _) => Some((step.at, logged.sequence)),
            _ => None,
        });
        let newest = metas.max().map(|(_, sequence)| sequence);
        let candidates = records.iter().map(|(_, logged, reported)| {
            let step = reported.step();
            let (alert, at, reason) = match step {
                AlertLogEntry::Transition(of) => (&of.facts.alert, of.facts.at, of.reason),
                AlertLogEntry::Early(of) => (&of.facts.alert, of.facts.at, None),
            };
            let is_old = logged.detected < self.detected_before;
            let is_folded = logged.sequence < self.folded;
            let is_done = is_old
                && is_folded
                && Some(logged.sequence) != newest
                && self.is_published(alert, at)
                && !(reason == Some(EndReason::Calendar) && self.may_be_rehearsed(alert, at));
            CompactionRecord { step, is_shadow: logged.is_shadow, is_done }
        });
        let stays = kept(candidates);
        let places = records.iter().map(|(index, ..)| *index).zip(stays);
        places.filter(|(_, stays)| *stays).map(|(index, _)| index).collect()
    }

    /// By place: the records of rule changes that stay.
    fn changes<'a>(&self, entries: &'a [(LogEntry, Vec<u8>)]) -> BTreeMap<usize, &'a RuleChange> {
        let mut changes: Vec<(usize, &RuleChange)> = Vec::new();
        for (index, (entry, _)) in entries.iter().enumerate() {
            let LogEntry::Change(change) = entry else { continue };
            push_change(&mut changes, (index, change), |(_, change)| change);
        }
        let all: Vec<&RuleChange> = changes.iter().map(|(_, change)| *change).collect();
        changes.split_off(self.first_needed(&all)).into_iter().collect()
    }

    /// True when no successor derives it again. What rules told that are no more is told.
    fn is_published(&self, alert: &str, at: Timestamp) -> bool {
        self.program.rule(alert).is_none()
            || at <= published_of(self.program, self.published, alert)
    }

    /// True when a recovery may evaluate what comes before an instant again.
    fn may_be_rehearsed(&self, alert: &str, at: Timestamp) -> bool {
        self.program.rule(alert).is_some()
            && at >= published_of(self.program, &self.replayed_from, alert)
    }

    /// The place among all changes of the first one that is needed: the rules before a change
    /// are, while instants up to it may be judged again.
    fn first_needed(&self, changes: &[&RuleChange]) -> usize {
        let least = changes.len().saturating_sub(PREVIOUS_MAX + 1);
        let mut first = changes.len().saturating_sub(1);
        while first > least
            && changes.get(first).is_some_and(|change| self.may_be_replayed(&change.settled))
        {
            first -= 1;
        }
        first
    }

    /// Also while the ends that the change has brought, at the next instant, may be told again.
    ///
    /// An alert that was moved from one stream to another begins where the first had settled: so
    /// the latest of all streams counts for each of them.
    fn may_be_replayed(&self, settled: &SettledStreams) -> bool {
        let latest = settled.values().max();
        latest.is_some_and(|latest| self.replayed_from.iter().any(|from| from <= latest))
    }
}

/// By open episode: the place of its newest peak.
fn newest_peaks(
    entries: &[(LogEntry, Vec<u8>)],
    records: &BTreeSet<usize>,
) -> BTreeMap<EpisodeName, usize> {
    let staying = records.iter().filter_map(|index| match entries.get(*index) {
        Some((LogEntry::Record(logged), _)) => Some(&**logged),
        _ => None,
    });
    let named: BTreeSet<EpisodeName> = episodes(staying).collect();
    let peaks = entries.iter().enumerate().filter_map(|(index, (entry, _))| match entry {
        LogEntry::Peak(name, _) if named.contains(name) => Some((name.clone(), index)),
        _ => None,
    });
    peaks.collect()
}

#[cfg(test)]
mod tests;
