//! OTLP export requests, as the OpenTelemetry Collector's Kafka exporter writes them: many
//! events in one record, in protobuf or JSON.
//!
//! A request is first read whole into a [`tape::RequestTape`] and checked, so that a record counts
//! wholly or not at all; then its events are lent one by one, in the order they stand in. What
//! they share (resource, scope, metric) is read once for all of them.

mod error;
pub(super) mod field;
mod json;
mod message;
pub(super) mod tape;
mod wire;

use model::schema::{OtlpSignal, Schema};

use crate::codec::error::{DecodeError, DecodeReason};
use crate::codec::otlp::error::OtlpError;
use crate::codec::otlp::field::{FieldTarget, KINDS, SHARED};
use crate::codec::otlp::message::OtlpMessage;
use crate::codec::otlp::tape::{EventPlace, RequestTape};
use crate::codec::payload::{DecoderCounters, check_length, record_text};
use crate::codec::value::{FieldParser, SpanSource, TextSpan, ValueSlot};

/// State of the decoder of an OTLP stream.
#[derive(Debug)]
pub(super) struct OtlpDecoder {
    pub(super) root: OtlpMessage,
    pub(super) tape: RequestTape,
    /// The fields of each level, from what all events share to what each has itself.
    pub(super) aims: [Vec<FieldTarget>; SHARED + 1],
    /// The names of the kinds of metrics, among the decoder's constants.
    pub(super) kinds: Vec<TextSpan>,
    /// True when a date may lack its year, which refuses its whole record.
    pub(super) may_lack_year: bool,
    /// The values of the shared fields, one slot a field.
    pub(super) shared: Vec<ValueSlot>,
    /// Number of list items before those of each level.
    pub(super) items_before: [usize; SHARED + 1],
    /// The counters as they were before a record was tried.
    pub(super) counters: DecoderCounters,
    pub(super) digits: String,
}

impl OtlpDecoder {
    /// Resolves the paths of a schema's fields; the names of kinds are added to `constants`.
    pub(super) fn new(
        telemetry: OtlpSignal,
        schema: &Schema,
        readers: &[FieldParser],
        constants: &mut String,
    ) -> OtlpDecoder {
        let mut aims: [Vec<FieldTarget>; SHARED + 1] = Default::default();
        for (index, field) in schema.fields.iter().enumerate() {
            let found = FieldTarget::new(telemetry, index, field);
            if let Some((level, aim)) = found
                && let Some(aims) = aims.get_mut(level)
            {
                aims.push(aim);
            }
        }
        let kinds = KINDS.iter().map(|(_, name)| {
            let (home, start) = (SpanSource::Constants, constants.len());
            constants.push_str(name);
            TextSpan { home, start, end: constants.len() }
        });
        OtlpDecoder {
            root: OtlpMessage::root(telemetry),
            tape: RequestTape::new(telemetry),
            aims,
            kinds: kinds.collect(),
            may_lack_year: readers.iter().any(FieldParser::may_lack_year),
            shared: Vec::new(),
            items_before: [0; SHARED + 1],
            counters: DecoderCounters::default(),
            digits: String::new(),
        }
    }

    /// Reads a record into the tape; what of it is text is what payload spans are cut from.
    pub(super) fn read<'a>(
        &mut self,
        payload: &'a [u8],
        texts: &mut String,
    ) -> Result<&'a str, DecodeError> {
        check_length(payload)?;
        self.tape.restart();
        let (text, read) = if is_json(payload) {
            let text = record_text(payload)?;
            (text, json::read(text, self.root, &mut self.tape, texts))
        } else {
            ("", wire::read(payload, self.root, &mut self.tape, texts))
        };
        let Err(OtlpError { at, reason, member }) = read else {
            self.tape.close(0);
            return Ok(text);
        };
        let mut path = self.tape.stopped_in();
        if let Some(member) = member {
            path.push_str(if path.is_empty() { "" } else { "." });
            path.push_str(member);
        }
        let reason = reason_within(path, reason);
        Err(match is_json(payload) {
            true => DecodeError::at(payload, at, reason),
            false => DecodeError::at_byte(at, reason),
        })
    }

    /// An error of an event, with its path.
    pub(super) fn of_event(&self, place: EventPlace, error: DecodeError) -> DecodeError {
        let [.., record] = place.levels;
        let reason = reason_within(self.tape.path(record as usize), error.reason);
        DecodeError { reason, ..error }
    }
}

/// True when a record is JSON, by its first byte.
///
/// Protobuf begins with the tag of the first resource (10), or not at all. A line end is 10
/// too, so that JSON may begin with any white space but that.
fn is_json(payload: &[u8]) -> bool {
    matches!(payload.first(), Some(b'{' | b'[' | b' ' | b'\t' | b'\r' | 0xef))
}

fn reason_within(path: String, reason: DecodeReason) -> DecodeReason {
    if path.is_empty() {
        return reason;
    }
    let reason = Box::new(reason);
    DecodeReason::Within { path, reason }
}
