//! The lines of the alert log, and what they say of the past.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use connectors::transition_json::{Form, Recorded, read_record, write_early, write_transition};
use engine::program::Program;
use engine::shard::{OpenEpisode, Restored};
use model::key::encode_key;
use model::time::Timestamp;
use model::transition::{EpisodeId, KeyPart, Transition, TransitionKind};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Logged, ServiceError};

/// A line: the record, and when the service saw it.
#[derive(Serialize, Deserialize)]
struct Line<'a> {
    detected_ms: i64,
    #[serde(borrow)]
    record: &'a RawValue,
}

/// What makes two records of the log the same: an early notice has no transition kind.
pub type RecordId = (EpisodeId, Option<TransitionKind>, Timestamp);

/// The identity of a record.
pub(crate) fn record_id(recorded: &Recorded) -> RecordId {
    match recorded {
        Recorded::Transition(t, _) => (t.episode, Some(t.kind), t.at),
        Recorded::Early(early, _) => (early.episode, None, early.at),
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
    let head = format!("{{\"detected_ms\":{},\"record\":", logged.detected.0);
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(&record);
    out.push(b'}');
}

fn read_line(line: &[u8]) -> Result<Logged, String> {
    let line: Line<'_> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let recorded = read_record(line.record.get().as_bytes()).map_err(|error| error.to_string())?;
    Ok(Logged { recorded, detected: Timestamp(line.detected_ms) })
}

/// Everything the log held when the service started.
pub struct History {
    logged: Vec<Logged>,
}

impl History {
    /// Reads the lines of a log.
    ///
    /// # Errors
    /// A line that is no record, by its number.
    pub(crate) fn read(path: &Path, lines: Vec<Vec<u8>>) -> Result<History, ServiceError> {
        let read = |(index, line): (usize, Vec<u8>)| {
            read_line(&line).map_err(|why| ServiceError::AlertLog {
                path: path.to_owned(),
                line: index + 1,
                why,
            })
        };
        let logged = lines.into_iter().enumerate().map(read).collect::<Result<_, _>>()?;
        Ok(History { logged })
    }

    /// The records, oldest first.
    pub(crate) fn logged(&self) -> &[Logged] {
        &self.logged
    }

    /// The records told after `published` by stream: what is derived again is known by them.
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
            let (alert, since, peak) =
                (transition.alert.clone(), transition.since, transition.value);
            open.insert(identity, OpenEpisode { alert, key, since, peak });
        }
        TransitionKind::Resolved => {
            open.remove(&identity);
        }
        TransitionKind::Changed | TransitionKind::Again => {}
    }
}

fn canonical(key: &[KeyPart]) -> Vec<u8> {
    encode_key(key.iter().map(|(_, value)| value))
}

impl Logged {
    /// A copy, to be told once more.
    pub(crate) fn clone_record(&self) -> Logged {
        Logged { recorded: self.recorded.clone(), detected: self.detected }
    }
}
