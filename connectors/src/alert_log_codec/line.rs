//! Line of the alert log, and its members after facts and measurement.

use std::borrow::Cow;

use model::alert_facts::{AlertFacts, Measurement};
use model::key::encode_key;
use model::transition::{EndReason, EpisodeId, NamedKeyPart};
use serde::{Deserialize, Serialize};

use super::escape::AsciiControls;
use crate::published::{ExactNumber, FactMembers, MeasurementMembers, key};

/// Form of a line, which determines its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineForm {
    /// Members of the contract only, as `replay` prints and sinks send them.
    Replay,
    /// Also `count`, the exact key in hexadecimal, and the fields of the triggering event that the
    /// message shows, as the alert log keeps them.
    Log,
}

/// Members of a line, in their order.
#[derive(Serialize)]
pub(super) struct AlertLogLine<'a> {
    pub(super) kind: &'a str,
    #[serde(flatten)]
    pub(super) facts: FactMembers<'a>,
    #[serde(flatten)]
    pub(super) measured: MeasurementMembers,
    #[serde(flatten)]
    pub(super) rest: RestMembers<'a>,
}

/// Members of a line after its facts and measurement; which of them it has depends on what it
/// is of, and on the form.
#[derive(Serialize, Deserialize)]
pub(super) struct RestMembers<'a> {
    /// Present for a resolution, as `reason` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) peak: Option<ExactNumber>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<Option<EndReason>>,
    pub(super) episode: EpisodeId,
    #[serde(borrow)]
    pub(super) message: Cow<'a, str>,
    /// Present in the log form, as the exact key is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) count: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key_bytes: Option<KeyBytes>,
    /// Fields of the triggering event that the message shows; present in the log form.
    #[serde(default, with = "key", skip_serializing_if = "<[NamedKeyPart]>::is_empty")]
    pub(super) fields: Cow<'a, [NamedKeyPart]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) field_bytes: Option<KeyBytes>,
    /// Present for self-alerts, as `step` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<u32>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) step: Option<Cow<'a, str>>,
}

/// Canonical bytes of a key, written in hexadecimal digits.
#[derive(Clone, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(super) struct KeyBytes(pub(super) Vec<u8>);

impl<'a> AlertLogLine<'a> {
    /// Returns a line without the optional members.
    pub(super) fn new(
        kind: &'a str,
        of: (&'a AlertFacts, Measurement, EpisodeId),
        message: &'a str,
    ) -> AlertLogLine<'a> {
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
        AlertLogLine { kind, facts: facts.into(), measured: measured.into(), rest }
    }

    /// Adds the members of the log form, which recovery reads.
    pub(super) fn keep_exact(&mut self, form: LineForm, count: u64, fields: &'a [NamedKeyPart]) {
        if form == LineForm::Log {
            self.rest.count = Some(count);
            self.rest.key_bytes = Some(KeyBytes::of(self.facts.key()));
            self.rest.field_bytes = (!fields.is_empty()).then(|| KeyBytes::of(fields));
            self.rest.fields = fields.into();
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut writer = serde_json::Serializer::with_formatter(out, AsciiControls);
        // Serialization can only fail for non-string keys or a failing writer.
        let _ = self.serialize(&mut writer);
    }
}

impl KeyBytes {
    fn of(key: &[NamedKeyPart]) -> KeyBytes {
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
