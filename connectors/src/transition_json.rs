//! Transitions and early notices as JSON lines, written and read back.
//!
//! The members and their order are the contract of `hansho replay`. The alert log adds what
//! a restart needs at the end of the line and nowhere else.

mod escape;
mod members;
mod meta;

use std::borrow::Cow;
use std::fmt;

use model::alert_facts::{AlertFacts, Measurement};
use model::key::{decode_key, encode_key};
use model::meta::{MetaAlert, MetaTransition};
use model::transition::{EarlyAlert, EpisodeId, KeyPart, Reason, Transition, TransitionKind};
use serde::{Deserialize, Serialize};

use self::escape::AsciiControls;
use self::members::Members;
use crate::published::{FactMembers, MeasurementMembers, Number, key};

pub use meta::write_meta;

/// The `kind` of an early notice.
const EARLY: &str = "early";

/// Which members a line has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The contract's members only: what `replay` prints and sinks send.
    Replay,
    /// Also `count`, the exact key in hexadecimal, and the triggering event's fields that the
    /// message shows: what the alert log keeps.
    Log,
}

/// A line read back; in the replay form the triggering event's fields are not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlertRecord {
    /// A settled transition and its rendered message.
    Transition(Transition, String),
    /// An early notice and its rendered message.
    Early(EarlyAlert, String),
    /// A step of an alert of the service about itself, and its message.
    Meta(MetaTransition, String),
}

/// Why a line is no transition.
#[derive(Debug)]
pub enum RecordError {
    /// Not JSON, or a member is missing; the text names it, or line and column.
    Malformed(serde_json::Error),
    /// A member's value means nothing.
    Member {
        /// The member's name.
        name: String,
        /// Its value.
        value: String,
    },
}

/// Appends a transition as one line of JSON, without the line end.
pub fn write_transition(out: &mut Vec<u8>, transition: &Transition, message: &str, form: Form) {
    let is_resolved = transition.kind == TransitionKind::Resolved;
    let of = (&transition.facts, transition.measured, transition.episode);
    let mut line = Line::new(transition.kind.name(), of, message);
    line.rest.peak = is_resolved.then_some(Number(transition.peak));
    line.rest.reason = is_resolved.then_some(transition.reason);
    line.keep_exact(form, transition.count, &transition.fields);
    line.write(out);
}

/// Appends an early alert like a transition of kind `early`.
pub fn write_early(out: &mut Vec<u8>, early: &EarlyAlert, message: &str, form: Form) {
    let mut line = Line::new(EARLY, (&early.facts, early.measured, early.episode), message);
    line.keep_exact(form, early.count, &early.fields);
    line.write(out);
}

/// Reads a line in either form back.
///
/// In the replay form `count` is 0 and an address in the key comes back as text; in the log
/// form the key is exact. Members it does not know are passed over.
///
/// # Errors
/// [`RecordError`] names the column or the member that cannot be read.
pub fn read_record(line: &[u8]) -> Result<AlertRecord, RecordError> {
    let members = Members::split(line)?;
    let Kind { kind } = members.read()?;
    let facts = AlertFacts::from(members.read::<FactMembers<'_>>()?);
    let measured = Measurement::from(members.read::<MeasurementMembers>()?);
    let rest = members.read::<RestMembers<'_>>()?;
    let key = exact_key("key_bytes", facts.key, rest.key_bytes)?;
    let facts = AlertFacts { key, ..facts };
    let (episode, message) = (rest.episode, rest.message.into_owned());
    if kind == meta::META {
        let alert = MetaAlert::from_parts(&facts.alert, &facts.key);
        let alert = alert.ok_or_else(|| bad("alert", &facts.alert))?;
        let is_over = meta::is_over(rest.version.unwrap_or(0), rest.step.as_deref())?;
        let AlertFacts { at, since, .. } = facts;
        let step = MetaTransition { alert, is_over, at, since, measured, id: episode };
        return Ok(AlertRecord::Meta(step, message));
    }
    let fields = exact_key("field_bytes", rest.fields.into_owned(), rest.field_bytes)?;
    let count = rest.count.unwrap_or(0);
    if kind == EARLY {
        return Ok(AlertRecord::Early(
            EarlyAlert { facts, measured, episode, count, fields },
            message,
        ));
    }
    let kind = TransitionKind::from_name(&kind).ok_or_else(|| bad("kind", &kind))?;
    let (peak, reason) = (rest.peak.and_then(|peak| peak.0), rest.reason.flatten());
    let tops = Vec::new();
    let transition =
        Transition { kind, facts, measured, peak, reason, episode, count, fields, tops };
    Ok(AlertRecord::Transition(transition, message))
}

/// The member that says what the others are of.
#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
}

/// Members of a line, in their order.
#[derive(Serialize)]
struct Line<'a> {
    kind: &'a str,
    #[serde(flatten)]
    facts: FactMembers<'a>,
    #[serde(flatten)]
    measured: MeasurementMembers,
    #[serde(flatten)]
    rest: RestMembers<'a>,
}

/// Members of a line after its facts and measurement; which of them it has depends on what it
/// is of, and on the form.
#[derive(Serialize, Deserialize)]
struct RestMembers<'a> {
    /// Of what is resolved, as `reason` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    peak: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<Option<Reason>>,
    episode: EpisodeId,
    #[serde(borrow)]
    message: Cow<'a, str>,
    /// In the log form, as the exact key is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_bytes: Option<KeyBytes>,
    /// In the log form, of the triggering event as far as the message shows them.
    #[serde(default, with = "key", skip_serializing_if = "<[KeyPart]>::is_empty")]
    fields: Cow<'a, [KeyPart]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    field_bytes: Option<KeyBytes>,
    /// Of the alerts of the service about itself, as `step` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    step: Option<Cow<'a, str>>,
}

/// Canonical bytes of a key, written in hexadecimal digits.
#[derive(Clone, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
struct KeyBytes(Vec<u8>);

impl<'a> Line<'a> {
    /// A line without the members that only some have.
    fn new(
        kind: &'a str,
        of: (&'a AlertFacts, Measurement, EpisodeId),
        message: &'a str,
    ) -> Line<'a> {
        let (facts, measured, episode) = of;
        let rest = RestMembers {
            peak: None,
            reason: None,
            episode,
            message: message.into(),
            count: None,
            key_bytes: None,
            fields: Cow::Borrowed(&[]),
            field_bytes: None,
            version: None,
            step: None,
        };
        Line { kind, facts: facts.into(), measured: measured.into(), rest }
    }

    /// Adds what a form keeps so that a restart finds it.
    fn keep_exact(&mut self, form: Form, count: u64, fields: &'a [KeyPart]) {
        if form == Form::Log {
            self.rest.count = Some(count);
            self.rest.key_bytes = Some(KeyBytes::of(self.facts.key()));
            self.rest.field_bytes = (!fields.is_empty()).then(|| KeyBytes::of(fields));
            self.rest.fields = fields.into();
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mut writer = serde_json::Serializer::with_formatter(out, AsciiControls);
        // Only a map whose keys are no strings, or a failing writer, could fail here.
        let _ = self.serialize(&mut writer);
    }
}

impl KeyBytes {
    fn of(key: &[KeyPart]) -> KeyBytes {
        KeyBytes(encode_key(key.iter().map(|(_, value)| value)))
    }
}

impl From<KeyBytes> for String {
    fn from(KeyBytes(bytes): KeyBytes) -> String {
        let digit = |four: u8| char::from_digit(u32::from(four), 16).unwrap_or_default();
        bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
    }
}

impl TryFrom<String> for KeyBytes {
    type Error = &'static str;

    fn try_from(text: String) -> Result<KeyBytes, &'static str> {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let bytes = pairs.iter().map(|[high, low]| Some((digit(*high)? << 4 | digit(*low)?) as u8));
        let bytes = rest.is_empty().then(|| bytes.collect()).flatten();
        bytes.map(KeyBytes).ok_or("not the bytes of a key")
    }
}

/// The names of `key` with the exact values, where the line has them.
fn exact_key(
    member: &str,
    key: Vec<KeyPart>,
    bytes: Option<KeyBytes>,
) -> Result<Vec<KeyPart>, RecordError> {
    let Some(bytes) = bytes else {
        return Ok(key);
    };
    let values = decode_key(&bytes.0).filter(|values| values.len() == key.len());
    let values = values.ok_or_else(|| bad(member, &String::from(bytes)))?;
    let names = key.into_iter().map(|(name, _)| name);
    Ok(names.zip(values).collect())
}

fn bad(name: &str, value: &str) -> RecordError {
    RecordError::Member { name: name.to_owned(), value: value.to_owned() }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordError::Malformed(error) => write!(f, "not a transition: {error}"),
            RecordError::Member { name, value } => {
                write!(f, "not a transition: `{name}` cannot be `{value}`")
            }
        }
    }
}

impl std::error::Error for RecordError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            RecordError::Malformed(error) => Some(error),
            RecordError::Member { .. } => None,
        }
    }
}

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;
