//! OTLP export requests, as the OpenTelemetry Collector's Kafka exporter writes them: many
//! events in one record, in protobuf or JSON.
//!
//! A request is first read whole into a [`tape::Tape`] and checked, so that a record counts
//! wholly or not at all; then its events are lent one by one, in the order they stand in. What
//! they share (resource, scope, metric) is read once for all of them.

mod fault;
pub(super) mod field;
mod json;
mod message;
pub(super) mod tape;
mod wire;

use model::schema::{Schema, Telemetry};

use crate::codec::error::{DecodeError, DecodeReason};
use crate::codec::otlp::fault::Fault;
use crate::codec::otlp::field::{Aim, KINDS, SHARED};
use crate::codec::otlp::message::Message;
use crate::codec::otlp::tape::{EventPlace, Tape};
use crate::codec::payload::{Counters, check_length, record_text};
use crate::codec::value::{Home, Reader, Slot, Span};

/// What the decoder of an OTLP stream keeps.
#[derive(Debug)]
pub(super) struct Otlp {
    pub(super) root: Message,
    pub(super) tape: Tape,
    /// The fields of each level, from what all events share to what each has itself.
    pub(super) aims: [Vec<Aim>; SHARED + 1],
    /// The names of the kinds of metrics, among the decoder's constants.
    pub(super) kinds: Vec<Span>,
    /// Whether a date may lack its year, which refuses its whole record.
    pub(super) may_lack_year: bool,
    /// The values of the shared fields, one slot a field.
    pub(super) shared: Vec<Slot>,
    /// How many list items stood before each level's.
    pub(super) items_before: [usize; SHARED + 1],
    /// The counters as they were before a record was tried.
    pub(super) counters: Counters,
    pub(super) digits: String,
}

impl Otlp {
    /// Where the fields of a schema are; the names of kinds are added to `constants`.
    pub(super) fn new(
        telemetry: Telemetry,
        schema: &Schema,
        readers: &[Reader],
        constants: &mut String,
    ) -> Otlp {
        let mut aims: [Vec<Aim>; SHARED + 1] = Default::default();
        for (index, field) in schema.fields.iter().enumerate() {
            let found = Aim::new(telemetry, index, field);
            if let Some((level, aim)) = found
                && let Some(aims) = aims.get_mut(level)
            {
                aims.push(aim);
            }
        }
        let kinds = KINDS.iter().map(|(_, name)| {
            let (home, start) = (Home::Constants, constants.len());
            constants.push_str(name);
            Span { home, start, end: constants.len() }
        });
        Otlp {
            root: Message::root(telemetry),
            tape: Tape::new(telemetry),
            aims,
            kinds: kinds.collect(),
            may_lack_year: readers.iter().any(Reader::may_lack_year),
            shared: Vec::new(),
            items_before: [0; SHARED + 1],
            counters: Counters::default(),
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
        let Err(Fault { at, reason, member }) = read else {
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

/// Whether a record is JSON, by its first byte.
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
