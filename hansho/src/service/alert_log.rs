//! The lines of the alert log, and what they say of the past.

pub mod compaction;
pub(super) mod peaks;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use connectors::transition_json::{
    AlertRecord, Form, read_record, write_early, write_meta, write_transition,
};
use engine::announced::Announced;
use engine::program::Program;
use engine::shard::{OpenEpisode, Restored};
use engine::succession::{SettledStreams, ended_by_change};
use model::decimal::Decimal;
use model::key::encode_key;
use model::meta::MetaTransition;
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::{EpisodeId, KeyPart, Reason, Transition, TransitionKind};
use oncall::incident::OffsetRange;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use self::peaks::{EpisodeName, KeptPeak, episode_name, read_peak};
use super::in_force::{Change, Replaced, read_change};
use super::{Logged, ServiceError};

/// A line: the record and its number, when the service saw it, and whether anyone was to be
/// told. Lines of an earlier build have no number: there it is how many stand before.
#[derive(Serialize, Deserialize)]
struct Line<'a> {
    #[serde(default)]
    sequence: Option<u64>,
    detected_ms: i64,
    #[serde(default)]
    shadow: bool,
    #[serde(default)]
    events: Vec<OffsetRange>,
    #[serde(borrow)]
    record: &'a RawValue,
}

/// What makes two records of the log the same: an early notice has no transition kind.
pub type RecordId = (EpisodeId, Option<TransitionKind>, Timestamp, Severity);

/// The identity of a record.
pub(crate) fn record_id(recorded: &AlertRecord) -> RecordId {
    match recorded {
        AlertRecord::Transition(t, _) => (t.episode, Some(t.kind), t.facts.at, t.facts.severity),
        AlertRecord::Early(early, _) => (early.episode, None, early.facts.at, early.facts.severity),
        AlertRecord::Meta(step, _) => {
            let kind = if step.is_over { TransitionKind::Resolved } else { TransitionKind::Firing };
            (step.id, Some(kind), step.at, step.alert.severity())
        }
    }
}

/// Appends a line without its end.
pub(crate) fn write_line(out: &mut Vec<u8>, logged: &Logged) {
    let mut record = Vec::new();
    match &logged.recorded {
        AlertRecord::Transition(transition, message) => {
            write_transition(&mut record, transition, message, Form::Log);
        }
        AlertRecord::Early(early, message) => write_early(&mut record, early, message, Form::Log),
        AlertRecord::Meta(step, message) => write_meta(&mut record, step, message),
    }
    let Logged { sequence, detected: Timestamp(detected_ms), is_shadow, events, .. } = logged;
    let shadow = if *is_shadow { "\"shadow\":true," } else { "" };
    // A list of texts and numbers always serializes.
    let events = match events.as_slice() {
        [] => String::new(),
        some => format!("\"events\":{},", serde_json::to_string(some).unwrap_or_default()),
    };
    let head = format!(
        "{{\"sequence\":{sequence},\"detected_ms\":{detected_ms},{shadow}{events}\"record\":"
    );
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(&record);
    out.push(b'}');
}

/// Reads a record whose number is `next`, or greater where others were dropped before it.
fn read_line(line: &[u8], next: u64) -> Result<Logged, String> {
    let line: Line<'_> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let recorded = read_record(line.record.get().as_bytes()).map_err(|error| error.to_string())?;
    let sequence = line.sequence.unwrap_or(next);
    if sequence < next {
        return Err(format!("its number is {sequence}, where {next} is the least it can be"));
    }
    let (detected, is_shadow, events) = (Timestamp(line.detected_ms), line.shadow, line.events);
    Ok(Logged { sequence, recorded, detected, is_shadow, events })
}

/// The first line of a log from which records were dropped.
#[derive(Serialize, Deserialize)]
struct HeadLine {
    next_sequence: u64,
    published_ms: BTreeMap<String, i64>,
}

/// How the head begins: nothing else in the log does.
const HEAD: &[u8] = b"{\"next_sequence\":";

/// What a log says of the records that were dropped from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// Greater than the number of each.
    pub(super) next_sequence: u64,
    /// By stream name: up to where all was told, so that none of them is told again.
    pub(super) published: SettledStreams,
}

impl Head {
    /// Its line, without the end.
    pub(super) fn line(&self) -> Vec<u8> {
        let published = self.published.iter().map(|(name, at)| (name.clone(), at.0));
        let (next_sequence, published_ms) = (self.next_sequence, published.collect());
        // A struct of texts and numbers always serializes.
        serde_json::to_vec(&HeadLine { next_sequence, published_ms }).unwrap_or_default()
    }

    /// Reads the line; `None` for any other.
    fn read(line: &[u8]) -> Option<Result<Head, String>> {
        line.starts_with(HEAD).then(|| {
            let line: HeadLine = serde_json::from_slice(line).map_err(|error| error.to_string())?;
            let published = line.published_ms.into_iter().map(|(name, at)| (name, Timestamp(at)));
            Ok(Head { next_sequence: line.next_sequence, published: published.collect() })
        })
    }
}

/// A line of the log.
enum Entry {
    Head(Head),
    Change(Change),
    Peak(EpisodeName, KeptPeak),
    Record(Box<Logged>),
}

impl Entry {
    /// Reads a line of which records have numbers from `next` on.
    fn read(line: &[u8], next: u64) -> Result<Entry, String> {
        if let Some(head) = Head::read(line) {
            return head.map(Entry::Head);
        }
        if let Some(change) = read_change(line) {
            return change.map(Entry::Change);
        }
        match read_peak(line) {
            Some((name, peak)) => Ok(Entry::Peak(name, peak)),
            None => read_line(line, next).map(|logged| Entry::Record(Box::new(logged))),
        }
    }
}

/// Everything the log held when the service started.
#[derive(Default)]
pub struct History {
    logged: Vec<Logged>,
    peaks: BTreeMap<EpisodeName, KeptPeak>,
    /// Rules that came into force, oldest first.
    changes: Vec<Change>,
    /// How many records stood in the log before the newest of them.
    told_before: usize,
    /// INVARIANT: greater than the number of every record the log has had.
    next_sequence: u64,
    /// By stream name: up to where all was told that was dropped.
    published: SettledStreams,
}

/// What the log says of the past to those who continue it.
pub struct Resumed {
    /// For the shards.
    pub(super) restored: Restored,
    /// The ends of episodes whose rule was changed; they may be in the log already.
    pub(super) ended: Vec<Transition>,
}

impl History {
    /// Reads the lines of a log.
    ///
    /// # Errors
    /// A line that is no record, by its number.
    pub(crate) fn read(path: &Path, lines: Vec<Vec<u8>>) -> Result<History, ServiceError> {
        let mut history = History::default();
        let mut next = 0;
        for (index, line) in lines.into_iter().enumerate() {
            let damaged =
                |why| ServiceError::AlertLog { path: path.to_owned(), line: index + 1, why };
            match Entry::read(&line, next).map_err(damaged)? {
                Entry::Head(head) => {
                    (history.next_sequence, history.published) =
                        (head.next_sequence, head.published);
                }
                Entry::Change(change) => history.note_change(change),
                Entry::Peak(name, peak) => drop(history.peaks.insert(name, peak)),
                Entry::Record(logged) => {
                    next = logged.sequence + 1;
                    history.logged.push(*logged);
                }
            }
        }
        history.next_sequence = history.next_sequence.max(next);
        Ok(history)
    }

    /// The records, oldest first.
    pub(crate) fn logged(&self) -> &[Logged] {
        &self.logged
    }

    /// The number of the next record.
    pub(crate) const fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// By stream name: up to where all was told of what the log no longer holds.
    pub(super) const fn published(&self) -> &SettledStreams {
        &self.published
    }

    /// What the service said of itself, oldest first.
    pub(crate) fn of_itself(&self) -> impl Iterator<Item = &MetaTransition> {
        self.logged.iter().filter_map(|logged| match &logged.recorded {
            AlertRecord::Meta(step, _) => Some(step),
            AlertRecord::Transition(..) | AlertRecord::Early(..) => None,
        })
    }

    /// What the records are known by: one that is derived again is not written twice.
    pub(crate) fn record_ids(&self) -> HashSet<RecordId> {
        self.logged.iter().map(|logged| record_id(&logged.recorded)).collect()
    }

    /// Early notices that no settled episode has taken up.
    pub(super) fn announced(&self) -> Announced {
        let mut announced = Announced::default();
        for logged in &self.logged {
            match &logged.recorded {
                AlertRecord::Transition(transition, _) => announced.settle(transition),
                AlertRecord::Early(early, _) => announced.announce(early),
                AlertRecord::Meta(..) => {}
            }
        }
        announced.go_on();
        announced
    }

    /// The newest peak of every episode that has one in the log.
    pub(super) fn peaks(&self) -> BTreeMap<EpisodeName, Decimal> {
        self.peaks.iter().map(|(name, kept)| (name.clone(), kept.peak)).collect()
    }

    /// Rules that came into force, oldest first.
    pub(super) fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Adds a record of rules that came into force.
    pub(super) fn note_change(&mut self, change: Change) {
        self.changes.push(change);
        self.told_before = self.logged.len();
    }

    /// By stream: the last instant of which something was told by the rules in force, or may be
    /// in the peak of an open episode.
    pub(super) fn told_until(&self, program: &Program) -> Vec<Timestamp> {
        let mut until = vec![Timestamp(i64::MIN); program.stream_count()];
        for ((alert, ..), kept) in &self.peaks {
            let streams = program.rule(alert).map(|rule| &rule.streams);
            for stream in streams.into_iter().flatten() {
                let slot = until.get_mut(*stream).zip(kept.as_of);
                slot.into_iter().for_each(|(slot, as_of)| *slot = (*slot).max(as_of));
            }
        }
        for logged in self.logged.iter().skip(self.told_before) {
            let AlertRecord::Transition(transition, _) = &logged.recorded else { continue };
            let streams = program.rule(&transition.facts.alert).map(|rule| &rule.streams);
            // The end of an episode whose rule was changed lies ahead of what is settled.
            let is_settled = transition.reason != Some(Reason::RuleChanged);
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
    pub(super) fn resumed(
        &self,
        published: &[Timestamp],
        program: &Program,
        after: Option<&Replaced>,
    ) -> Resumed {
        let mut open: BTreeMap<(String, Vec<u8>), OpenEpisode> = BTreeMap::new();
        let mut newest: BTreeMap<(&str, Vec<u8>), &Transition> = BTreeMap::new();
        let mut ended = Vec::new();
        let told_before = if after.is_some() { self.told_before } else { 0 };
        let (before, since) = self.logged.split_at(told_before.min(self.logged.len()));
        for transition in before.iter().filter_map(transition_of) {
            newest.insert((&transition.facts.alert, canonical(&transition.facts.key)), transition);
            fold(&mut open, transition);
        }
        self.recall_peaks(&mut open);
        if let Some(Replaced { rules, settled }) = after {
            open.retain(|_, episode| {
                let at = rules.program.ends_at(&episode.alert, program, settled);
                ended.extend(
                    at.zip(newest.get(&(episode.alert.as_str(), episode.key.clone())))
                        .map(|(at, told)| ended_by_change(told, episode.peak, at)),
                );
                at.is_none()
            });
        }
        for transition in since.iter().filter_map(transition_of) {
            if transition.facts.at <= published_of(program, published, &transition.facts.alert) {
                fold(&mut open, transition);
            }
        }
        self.recall_peaks(&mut open);
        let restored = Restored {
            published: published.to_vec(),
            open: open.into_values().collect(),
            memories: Vec::new(),
        };
        Resumed { restored, ended }
    }

    fn recall_peaks(&self, open: &mut BTreeMap<(String, Vec<u8>), OpenEpisode>) {
        for episode in open.values_mut() {
            let kept = self.peaks.get(&episode_name(episode)).map(|kept| kept.peak);
            episode.peak = kept.or(episode.peak);
        }
    }
}

const fn transition_of(logged: &Logged) -> Option<&Transition> {
    match &logged.recorded {
        AlertRecord::Transition(transition, _) => Some(transition),
        AlertRecord::Early(..) | AlertRecord::Meta(..) => None,
    }
}

pub(super) fn published_of(program: &Program, published: &[Timestamp], alert: &str) -> Timestamp {
    let streams = program.rule(alert).map(|rule| &rule.streams);
    let of = |stream: &usize| published.get(*stream).copied().unwrap_or(Timestamp(i64::MIN));
    streams.and_then(|streams| streams.iter().map(of).min()).unwrap_or(Timestamp(i64::MIN))
}

fn fold(open: &mut BTreeMap<(String, Vec<u8>), OpenEpisode>, transition: &Transition) {
    let key = canonical(&transition.facts.key);
    let identity = (transition.facts.alert.clone(), key.clone());
    match transition.kind {
        TransitionKind::Firing => {
            let (alert, severity) = (transition.facts.alert.clone(), transition.facts.severity);
            let (since, peak) = (transition.facts.since, transition.measured.value);
            let fields = transition.fields.clone();
            open.insert(identity, OpenEpisode { alert, key, since, peak, severity, fields });
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

fn canonical(key: &[KeyPart]) -> Vec<u8> {
    encode_key(key.iter().map(|(_, value)| value))
}

#[cfg(test)]
mod tests;
