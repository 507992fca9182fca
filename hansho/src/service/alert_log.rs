//! The lines of the alert log, and what they say of the past.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use connectors::transition_json::{Form, Recorded, read_record, write_early, write_transition};
use engine::program::Program;
use engine::shard::{OpenEpisode, Restored};
use model::decimal::Decimal;
use model::key::encode_key;
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::{EpisodeId, KeyPart, Transition, TransitionKind};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Logged, ServiceError};

/// A line: the record, when the service saw it, and whether anyone was to be told.
#[derive(Serialize, Deserialize)]
struct Line<'a> {
    detected_ms: i64,
    #[serde(default)]
    shadow: bool,
    #[serde(borrow)]
    record: &'a RawValue,
}

/// What makes two records of the log the same: an early notice has no transition kind.
pub type RecordId = (EpisodeId, Option<TransitionKind>, Timestamp, Severity);

/// The identity of a record.
pub(crate) fn record_id(recorded: &Recorded) -> RecordId {
    match recorded {
        Recorded::Transition(t, _) => (t.episode, Some(t.kind), t.at, t.severity),
        Recorded::Early(early, _) => (early.episode, None, early.at, early.severity),
    }
}

/// Appends a line without its end.
pub(crate) fn write_line(out: &mut Vec<u8>, logged: &Logged) {
    let mut record = Vec::new();
    match &logged.recorded {
        Recorded::Transition(transition, message) => {
            write_transition(&mut record, transition, message, Form::Log);
        }
        Recorded::Early(early, message) => write_early(&mut record, early, message, Form::Log),
    }
    let (detected_ms, shadow) = (logged.detected.0, logged.is_shadow);
    let shadow = if shadow { "\"shadow\":true," } else { "" };
    let head = format!("{{\"detected_ms\":{detected_ms},{shadow}\"record\":");
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(&record);
    out.push(b'}');
}

/// The furthest value an open episode has reached: an upsert, the newest is true.
#[derive(Serialize, Deserialize)]
struct PeakLine<'a> {
    #[serde(borrow)]
    peak_of: Cow<'a, str>,
    key_bytes: Cow<'a, str>,
    since_ms: i64,
    peak: Cow<'a, str>,
}

/// What names an open episode: alert, key bytes and `since`.
pub type EpisodeName = (String, Vec<u8>, Timestamp);

/// The name of an open episode.
pub fn episode_name(open: &OpenEpisode) -> EpisodeName {
    (open.alert.clone(), open.key.clone(), open.since)
}

/// A line that keeps an open episode's peak, without its end.
pub fn peak_line(open: &OpenEpisode, peak: Decimal) -> Vec<u8> {
    let line = PeakLine {
        peak_of: open.alert.as_str().into(),
        key_bytes: open.key.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
        since_ms: open.since.0,
        peak: peak.to_string().into(),
    };
    // A struct of texts and numbers always serializes.
    serde_json::to_vec(&line).unwrap_or_default()
}

fn read_peak(line: &[u8]) -> Option<(EpisodeName, Decimal)> {
    let line: PeakLine<'_> = serde_json::from_slice(line).ok()?;
    let pairs = line.key_bytes.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let key = pairs.map(byte).collect::<Option<Vec<u8>>>()?;
    let name = (line.peak_of.into_owned(), key, Timestamp(line.since_ms));
    Some((name, Decimal::parse(&line.peak).ok()?))
}

fn read_line(line: &[u8]) -> Result<Logged, String> {
    let line: Line<'_> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let recorded = read_record(line.record.get().as_bytes()).map_err(|error| error.to_string())?;
    Ok(Logged { recorded, detected: Timestamp(line.detected_ms), is_shadow: line.shadow })
}

/// Everything the log held when the service started.
pub struct History {
    logged: Vec<Logged>,
    peaks: BTreeMap<EpisodeName, Decimal>,
}

impl History {
    /// Reads the lines of a log.
    ///
    /// # Errors
    /// A line that is no record, by its number.
    pub(crate) fn read(path: &Path, lines: Vec<Vec<u8>>) -> Result<History, ServiceError> {
        let mut history = History { logged: Vec::new(), peaks: BTreeMap::new() };
        for (index, line) in lines.into_iter().enumerate() {
            if let Some((name, peak)) = read_peak(&line) {
                history.peaks.insert(name, peak);
                continue;
            }
            let logged = read_line(&line).map_err(|why| ServiceError::AlertLog {
                path: path.to_owned(),
                line: index + 1,
                why,
            })?;
            history.logged.push(logged);
        }
        Ok(history)
    }

    /// The records, oldest first.
    pub(crate) fn logged(&self) -> &[Logged] {
        &self.logged
    }

    /// What the records are known by: one that is derived again is not written twice.
    pub(crate) fn record_ids(&self) -> HashSet<RecordId> {
        self.logged.iter().map(|logged| record_id(&logged.recorded)).collect()
    }

    /// What shards must know of the past: how far it was published, and what was open then.
    ///
    /// An open episode is the fold of its transitions as of the published instant of its
    /// rule; later ones will be derived again.
    pub(crate) fn restored(&self, published: &[Timestamp], program: &Program) -> Restored {
        let mut open: BTreeMap<(String, Vec<u8>), OpenEpisode> = BTreeMap::new();
        for logged in &self.logged {
            let Recorded::Transition(transition, _) = &logged.recorded else {
                continue;
            };
            if transition.at <= published_of(program, published, &transition.alert) {
                fold(&mut open, transition);
            }
        }
        for episode in open.values_mut() {
            episode.peak = self.peaks.get(&episode_name(episode)).copied().or(episode.peak);
        }
        Restored { published: published.to_vec(), open: open.into_values().collect() }
    }
}

fn published_of(program: &Program, published: &[Timestamp], alert: &str) -> Timestamp {
    let rules = program.rules();
    let rule = rules.binary_search_by(|rule| rule.alert.name.as_str().cmp(alert));
    let streams = rule.ok().and_then(|index| rules.get(index)).map(|rule| &rule.streams);
    let of = |stream: &usize| published.get(*stream).copied().unwrap_or(Timestamp(i64::MIN));
    streams.and_then(|streams| streams.iter().map(of).min()).unwrap_or(Timestamp(i64::MIN))
}

fn fold(open: &mut BTreeMap<(String, Vec<u8>), OpenEpisode>, transition: &Transition) {
    let key = canonical(&transition.key);
    let identity = (transition.alert.clone(), key.clone());
    match transition.kind {
        TransitionKind::Firing => {
            let (alert, severity) = (transition.alert.clone(), transition.severity);
            let (since, peak) = (transition.since, transition.value);
            let fields = transition.fields.clone();
            open.insert(identity, OpenEpisode { alert, key, since, peak, severity, fields });
        }
        TransitionKind::Resolved => {
            open.remove(&identity);
        }
        TransitionKind::Changed => {
            if let Some(episode) = open.get_mut(&identity) {
                episode.severity = transition.severity;
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
