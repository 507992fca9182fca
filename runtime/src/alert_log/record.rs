//! One record of the alert log, and its line.

use connectors::alert_log_codec::{
    AlertRecord, LineForm, read_record, write_early, write_meta, write_transition,
};
use engine::program::Program;
use model::key::encode_key;
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::{EpisodeId, NamedKeyPart, Transition, TransitionKind};
use oncall::episode_fold::{AlertText, OffsetRange};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::peaks::EpisodeName;
use crate::notify::templates::AlertTemplates;

/// One record as the alert log and on-call know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedRecord {
    /// Its number in the log, from 0: greater than those before it, and never used again, also
    /// when others are dropped from the log.
    pub sequence: u64,
    /// Transition with its rendered message.
    pub recorded: AlertRecord,
    /// Instant at which the node saw it.
    pub detected: Timestamp,
    /// True when its rule ran in shadow then, so that nobody is notified.
    pub is_shadow: bool,
    /// Offsets of the events of its window.
    pub events: Vec<OffsetRange>,
}

impl LoggedRecord {
    /// Texts about it for people.
    pub fn text(&self, templates: &AlertTemplates) -> AlertText {
        let alert = alert_of(&self.recorded);
        let rule = templates.rule(alert);
        let (message, reading) = match &self.recorded {
            AlertRecord::Transition(_, message) | AlertRecord::Early(_, message) => {
                (message, templates.reading(alert))
            }
            AlertRecord::Meta(step, message) => (message, step.alert.reading(templates.language())),
        };
        AlertText {
            message: message.clone(),
            reading: reading.to_owned(),
            runbook: rule.and_then(|rule| rule.runbook.clone()),
            labels: rule.map_or_else(Vec::new, |rule| rule.labels.clone()),
            detected: self.detected,
            events: self.events.clone(),
        }
    }
}

/// The alert of a record.
pub(crate) fn alert_of(recorded: &AlertRecord) -> &str {
    match recorded {
        AlertRecord::Transition(transition, _) => &transition.facts.alert,
        AlertRecord::Early(early, _) => &early.facts.alert,
        AlertRecord::Meta(step, _) => step.alert.name(),
    }
}

/// A line: the record, its number, when the node saw it, and whether it was in shadow. Lines of
/// an earlier build have no number: there it is how many stand before.
#[derive(Serialize, Deserialize)]
struct RecordLine<'a> {
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

/// Identity of a record: an early alert has no transition kind.
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
pub(crate) fn write_line(out: &mut Vec<u8>, logged: &LoggedRecord) {
    let mut record = Vec::new();
    match &logged.recorded {
        AlertRecord::Transition(transition, message) => {
            write_transition(&mut record, transition, message, LineForm::Log);
        }
        AlertRecord::Early(early, message) => {
            write_early(&mut record, early, message, LineForm::Log)
        }
        AlertRecord::Meta(step, message) => write_meta(&mut record, step, message),
    }
    let LoggedRecord { sequence, detected: Timestamp(detected_ms), is_shadow, events, .. } = logged;
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
pub(crate) fn read_line(line: &[u8], next: u64) -> Result<LoggedRecord, String> {
    let line: RecordLine<'_> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let recorded = read_record(line.record.get().as_bytes()).map_err(|error| error.to_string())?;
    let sequence = line.sequence.unwrap_or(next);
    if sequence < next {
        return Err(format!("its number is {sequence}, where {next} is the least it can be"));
    }
    let (detected, is_shadow, events) = (Timestamp(line.detected_ms), line.shadow, line.events);
    Ok(LoggedRecord { sequence, recorded, detected, is_shadow, events })
}

pub(crate) const fn transition_of(logged: &LoggedRecord) -> Option<&Transition> {
    match &logged.recorded {
        AlertRecord::Transition(transition, _) => Some(transition),
        AlertRecord::Early(..) | AlertRecord::Meta(..) => None,
    }
}

/// The instant up to which an alert is published: the least of its streams.
pub(crate) fn published_of(program: &Program, published: &[Timestamp], alert: &str) -> Timestamp {
    let streams = program.rule(alert).map(|rule| &rule.streams);
    let of = |stream: &usize| published.get(*stream).copied().unwrap_or(Timestamp(i64::MIN));
    streams.and_then(|streams| streams.iter().map(of).min()).unwrap_or(Timestamp(i64::MIN))
}

/// The episodes that records are of.
pub(crate) fn episodes<'a>(
    records: impl Iterator<Item = &'a LoggedRecord>,
) -> impl Iterator<Item = EpisodeName> {
    records
        .filter_map(transition_of)
        .map(|of| (of.facts.alert.clone(), canonical(&of.facts.key), of.facts.since))
}

/// The canonical bytes of a key.
pub(crate) fn canonical(key: &[NamedKeyPart]) -> Vec<u8> {
    encode_key(key.iter().map(|(_, value)| value))
}
