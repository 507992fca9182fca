//! Transitions and early notices as JSON lines, written and read back.
//!
//! The members and their order are the contract of `hansho replay`. The alert log adds what
//! a restart needs at the end of the line and nowhere else.

mod meta;

use std::borrow::Cow;
use std::fmt;
use std::io::Write;

use model::decimal::Decimal;
use model::key::{KeyValue, decode_key, encode_key};
use model::meta::{MetaAlert, MetaStep};
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::{Early, EpisodeId, KeyPart, Reason, Transition, TransitionKind};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

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
pub enum Recorded {
    /// A settled transition and its rendered message.
    Transition(Transition, String),
    /// An early notice and its rendered message.
    Early(Early, String),
    /// A step of an alert of the service about itself, and its message.
    Meta(MetaStep, String),
}

/// Why a line is no transition.
#[derive(Debug)]
pub enum RecordError {
    /// Not JSON, or a member is missing or of the wrong type; the text names line and column.
    Malformed(serde_json::Error),
    /// A member's value means nothing.
    Member {
        /// The member's name.
        name: &'static str,
        /// Its value.
        value: String,
    },
}

/// Appends a transition as one line of JSON, without the line end.
pub fn write_transition(out: &mut Vec<u8>, transition: &Transition, message: &str, form: Form) {
    let resolved = transition.kind == TransitionKind::Resolved;
    let ending = (transition.peak, transition.reason);
    write_line(
        out,
        &Parts {
            kind: transition.kind.name(),
            alert: &transition.alert,
            severity: transition.severity,
            key: &transition.key,
            at: transition.at,
            since: transition.since,
            value: transition.value,
            threshold: transition.threshold,
            ending: resolved.then_some(ending),
            episode: transition.episode,
            message,
            count: transition.count,
            fields: &transition.fields,
        },
        form,
    );
}

/// Appends an early notice like a transition of kind `early`, its `since` the instant `at`.
pub fn write_early(out: &mut Vec<u8>, early: &Early, message: &str, form: Form) {
    write_line(
        out,
        &Parts {
            kind: EARLY,
            alert: &early.alert,
            severity: early.severity,
            key: &early.key,
            at: early.at,
            since: early.at,
            value: early.value,
            threshold: early.threshold,
            ending: None,
            episode: early.episode,
            message,
            count: early.count,
            fields: &early.fields,
        },
        form,
    );
}

/// Reads a line in either form back.
///
/// In the replay form `count` is 0 and an address in the key comes back as text; in the log
/// form the key is exact. Members it does not know are passed over.
///
/// # Errors
/// [`RecordError`] names the column or the member that cannot be read.
pub fn read_record(line: &[u8]) -> Result<Recorded, RecordError> {
    let line: Line<'_> = serde_json::from_slice(line).map_err(RecordError::Malformed)?;
    let at = read_time("at", &line.at)?;
    let since = read_time("since", &line.since)?;
    let severity =
        Severity::from_word(&line.severity).ok_or_else(|| bad("severity", &line.severity))?;
    let value = read_number("value", line.value)?;
    let threshold = read_number("threshold", line.threshold)?;
    let peak = read_number("peak", line.peak)?;
    let episode = EpisodeId::parse(&line.episode).ok_or_else(|| bad("episode", &line.episode))?;
    let key = exact_key("key_bytes", line.key.0, line.key_bytes.as_deref())?;
    if line.kind == meta::META {
        let alert = MetaAlert::from_parts(&line.alert, &key);
        let alert = alert.ok_or_else(|| bad("alert", &line.alert))?;
        let is_over = meta::is_over(line.version, line.step.as_deref())?;
        let step = MetaStep { alert, is_over, at, since, value, threshold, id: episode };
        return Ok(Recorded::Meta(step, line.message.into_owned()));
    }
    let fields = line.fields.map_or_else(Vec::new, |fields| fields.0);
    let fields = exact_key("field_bytes", fields, line.field_bytes.as_deref())?;
    let (alert, count) = (line.alert.into_owned(), line.count);
    let message = line.message.into_owned();
    if line.kind == EARLY {
        let early = Early { alert, severity, key, at, value, threshold, episode, count, fields };
        return Ok(Recorded::Early(early, message));
    }
    let kind = TransitionKind::from_name(&line.kind).ok_or_else(|| bad("kind", &line.kind))?;
    let reason = match line.reason.as_deref() {
        Some(words) => Some(Reason::from_name(words).ok_or_else(|| bad("reason", words))?),
        None => None,
    };
    let transition = Transition {
        kind,
        alert,
        severity,
        key,
        at,
        since,
        value,
        threshold,
        peak,
        reason,
        episode,
        count,
        fields,
        tops: Vec::new(),
    };
    Ok(Recorded::Transition(transition, message))
}

/// What both kinds of line are made of.
struct Parts<'a> {
    kind: &'a str,
    alert: &'a str,
    severity: Severity,
    key: &'a [KeyPart],
    at: Timestamp,
    since: Timestamp,
    value: Option<Decimal>,
    threshold: Option<Decimal>,
    /// Peak and reason; only of what is resolved.
    ending: Option<(Option<Decimal>, Option<Reason>)>,
    episode: EpisodeId,
    message: &'a str,
    count: u64,
    /// Of the triggering event, as far as the message shows them.
    fields: &'a [KeyPart],
}

fn write_line(out: &mut Vec<u8>, parts: &Parts<'_>, form: Form) {
    put(out, format_args!("{{\"kind\":\"{}\",\"alert\":", parts.kind));
    write_text(out, parts.alert);
    let (name, level) = (parts.severity.name(), parts.severity.level());
    put(out, format_args!(",\"severity\":\"{name}\",\"level\":{level},\"key\":"));
    write_key(out, parts.key);
    let (at, since) = (parts.at, parts.since);
    put(out, format_args!(",\"at\":\"{at}\",\"since\":\"{since}\",\"value\":"));
    write_number(out, parts.value);
    put(out, format_args!(",\"threshold\":"));
    write_number(out, parts.threshold);
    if let Some((peak, reason)) = parts.ending {
        put(out, format_args!(",\"peak\":"));
        write_number(out, peak);
        match reason {
            Some(reason) => put(out, format_args!(",\"reason\":\"{}\"", reason.name())),
            None => put(out, format_args!(",\"reason\":null")),
        }
    }
    put(out, format_args!(",\"episode\":\"{}\",\"message\":", parts.episode));
    write_text(out, parts.message);
    if form == Form::Log {
        put(out, format_args!(",\"count\":{},\"key_bytes\":", parts.count));
        write_hex(out, parts.key);
        if !parts.fields.is_empty() {
            put(out, format_args!(",\"fields\":"));
            write_key(out, parts.fields);
            put(out, format_args!(",\"field_bytes\":"));
            write_hex(out, parts.fields);
        }
    }
    out.push(b'}');
}

/// The exact values, in hexadecimal.
fn write_hex(out: &mut Vec<u8>, parts: &[KeyPart]) {
    out.push(b'"');
    for byte in encode_key(parts.iter().map(|(_, value)| value)) {
        put(out, format_args!("{byte:02x}"));
    }
    out.push(b'"');
}

fn write_key(out: &mut Vec<u8>, key: &[KeyPart]) {
    out.push(b'{');
    for (index, (name, value)) in key.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_text(out, name);
        out.push(b':');
        match value {
            KeyValue::Null => put(out, format_args!("null")),
            KeyValue::Text(text) => write_text(out, text),
            KeyValue::Int(value) => put(out, format_args!("{value}")),
            KeyValue::Bool(value) => put(out, format_args!("{value}")),
            KeyValue::Ip(value) => put(out, format_args!("\"{value}\"")),
        }
    }
    out.push(b'}');
}

fn write_number(out: &mut Vec<u8>, number: Option<Decimal>) {
    match number {
        Some(number) => put(out, format_args!("{number}")),
        None => put(out, format_args!("null")),
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 | 0x7f => put(out, format_args!("\\u{byte:04x}")),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

fn put(out: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    // Writing to a vector cannot fail.
    let _ = out.write_fmt(text);
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    alert: Cow<'a, str>,
    #[serde(borrow)]
    severity: Cow<'a, str>,
    key: KeyObject,
    #[serde(borrow)]
    at: Cow<'a, str>,
    #[serde(borrow)]
    since: Cow<'a, str>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    #[serde(borrow)]
    threshold: Option<&'a RawValue>,
    #[serde(borrow, default)]
    peak: Option<&'a RawValue>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(borrow)]
    episode: Cow<'a, str>,
    #[serde(borrow)]
    message: Cow<'a, str>,
    #[serde(default)]
    count: u64,
    #[serde(default)]
    key_bytes: Option<String>,
    #[serde(default)]
    fields: Option<KeyObject>,
    #[serde(default)]
    field_bytes: Option<String>,
    #[serde(default)]
    version: u32,
    #[serde(default)]
    step: Option<String>,
}

/// A key's components in the order written; a map would sort them.
struct KeyObject(Vec<KeyPart>);

/// One component, its type guessed from JSON.
#[derive(Deserialize)]
#[serde(untagged)]
enum KeyScalar {
    Bool(bool),
    Int(i64),
    Text(String),
    Null(()),
}

impl<'de> Deserialize<'de> for KeyObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<KeyObject, D::Error> {
        struct KeyVisitor;

        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = KeyObject;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts, whole numbers, truth values and nulls")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<KeyObject, A::Error> {
                let mut key = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, KeyScalar>()? {
                    let value = match value {
                        KeyScalar::Bool(value) => KeyValue::Bool(value),
                        KeyScalar::Int(value) => KeyValue::Int(value),
                        KeyScalar::Text(value) => KeyValue::Text(value),
                        KeyScalar::Null(()) => KeyValue::Null,
                    };
                    key.push((name, value));
                }
                Ok(KeyObject(key))
            }
        }

        deserializer.deserialize_map(KeyVisitor)
    }
}

/// The names of `key` with the exact values, where the line has them.
fn exact_key(
    member: &'static str,
    key: Vec<KeyPart>,
    hex: Option<&str>,
) -> Result<Vec<KeyPart>, RecordError> {
    let Some(hex) = hex else {
        return Ok(key);
    };
    let values = parse_hex(hex).and_then(|bytes| decode_key(&bytes));
    let values = values.filter(|values| values.len() == key.len());
    let values = values.ok_or_else(|| bad(member, hex))?;
    let names = key.into_iter().map(|(name, _)| name);
    Ok(names.zip(values).collect())
}

fn parse_hex(hex: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some((digit(*high)? << 4 | digit(*low)?) as u8));
    rest.is_empty().then(|| bytes.collect()).flatten()
}

fn read_time(name: &'static str, text: &str) -> Result<Timestamp, RecordError> {
    Timestamp::parse_rfc3339(text).ok_or_else(|| bad(name, text))
}

fn read_number(name: &'static str, raw: Option<&RawValue>) -> Result<Option<Decimal>, RecordError> {
    let Some(raw) = raw else {
        return Ok(None);
    };
    let number = Decimal::parse(raw.get()).map_err(|_| bad(name, raw.get()))?;
    Ok(Some(number))
}

fn bad(name: &'static str, value: &str) -> RecordError {
    let value = value.to_owned();
    RecordError::Member { name, value }
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
