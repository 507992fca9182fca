//! Codec of the alert log: transitions and early alerts as JSON lines.
//!
//! The fields and their order are the contract of `hansho replay`. The alert log appends the fields
//! that a restart needs at the end of the line.

mod error;
mod escape;
mod line;
mod members;
mod meta;

use std::borrow::Cow;

use model::alert_facts::{AlertFacts, Measurement};
use model::key::decode_key;
use model::meta::{MetaAlert, MetaTransition};
use model::transition::{EarlyAlert, NamedKeyPart, Transition, TransitionKind};
use serde::Deserialize;

use self::error::bad;
use self::line::{AlertLogLine, KeyBytes, RestMembers};
use self::members::JsonMembers;
use crate::published::{ExactNumber, FactMembers, MeasurementMembers};

pub use error::RecordError;
pub use line::LineForm;
pub use meta::write_meta;

/// Value of `kind` of an early alert.
const EARLY: &str = "early";

/// Decoded line; the replay form does not contain the fields of the triggering event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlertRecord {
    /// A settled transition and its rendered message.
    Transition(Transition, String),
    /// An early alert and its rendered message.
    Early(EarlyAlert, String),
    /// A step of a self-alert and its message.
    Meta(MetaTransition, String),
}

/// Appends a transition as one line of JSON, without the line end.
pub fn write_transition(out: &mut Vec<u8>, transition: &Transition, message: &str, form: LineForm) {
    let is_resolved = transition.kind == TransitionKind::Resolved;
    let of = (&transition.facts, transition.measured, transition.episode);
    let mut line = AlertLogLine::new(transition.kind.name(), of, message);
    line.rest.peak = is_resolved.then_some(ExactNumber(transition.peak));
    line.rest.reason = is_resolved.then_some(transition.reason);
    line.keep_exact(form, transition.count, &transition.fields);
    line.write(out);
}

/// Appends an early alert like a transition of kind `early`.
pub fn write_early(out: &mut Vec<u8>, early: &EarlyAlert, message: &str, form: LineForm) {
    let mut line = AlertLogLine::new(EARLY, (&early.facts, early.measured, early.episode), message);
    line.keep_exact(form, early.count, &early.fields);
    line.write(out);
}

/// Decodes a line in either form.
///
/// In the replay form `count` is 0 and an address in the key becomes text; in the log form the key
/// is exact. Unknown fields are ignored.
///
/// # Errors
/// [`RecordError`] names the column or the field that cannot be decoded.
pub fn read_record(line: &[u8]) -> Result<AlertRecord, RecordError> {
    let members = JsonMembers::split(line)?;
    let RecordKind { kind } = members.read()?;
    let facts = AlertFacts::from(members.read::<FactMembers<'_>>()?);
    let measured = Measurement::from(members.read::<MeasurementMembers>()?);
    let rest = members.read::<RestMembers<'_>>()?;
    let key = exact_key("key_bytes", facts.key, rest.key_bytes)?;
    let facts = AlertFacts { key, ..facts };
    let (episode, message) = (rest.episode, rest.message.into_owned());
    if kind == meta::META {
        let alert = MetaAlert::from_parts(&facts.alert, &facts.key)
            .ok_or_else(|| bad("alert", &facts.alert))?;
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

/// Field that determines the type of the line.
#[derive(Deserialize)]
struct RecordKind<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
}

/// Returns the names of `key` with the exact values, if the line has them.
fn exact_key(
    member: &str,
    key: Vec<NamedKeyPart>,
    bytes: Option<KeyBytes>,
) -> Result<Vec<NamedKeyPart>, RecordError> {
    let Some(bytes) = bytes else {
        return Ok(key);
    };
    let values = decode_key(&bytes.0)
        .filter(|values| values.len() == key.len())
        .ok_or_else(|| bad(member, &String::from(bytes)))?;
    let names = key.into_iter().map(|(name, _)| name);
    Ok(names.zip(values).collect())
}

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;
