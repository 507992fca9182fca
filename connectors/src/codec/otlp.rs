//! OTLP export requests, as the OpenTelemetry Collector's Kafka exporter writes them: many
//! events in one record, in protobuf or JSON.
//!
//! A request is first read whole into a [`tape::Tape`] and checked, so that a record counts
//! wholly or not at all; then its events are lent one by one, in the order they stand in. What
//! they share (resource, scope, metric) is read once for all of them.

mod field;
mod json;
mod message;
mod tape;
mod wire;

use model::event::{Event, Record};
use model::schema::{Schema, Telemetry};
use model::time::Timestamp;

use crate::codec::error::{DecodeError, DecodeReason};
use crate::codec::otlp::field::{Aim, Bench, KINDS, SHARED};
use crate::codec::otlp::message::Message;
use crate::codec::otlp::tape::{EventPlace, Tape};
use crate::codec::value::{Fault as ValueFault, Home, Reader, Slot, Span};
use crate::codec::{Counters, Decoder, check_length, record_text};

/// Most events one record may have: 16 bytes for each in the longest record, and a real one
/// takes more.
pub const EVENTS_MAX: usize = 65_536;
/// Most bytes of text that the events of one record may share, counted for each of them: a
/// resource's attribute is in every event's key and message, and 1 MiB must not become 64 GiB.
pub const SHARED_TEXT_MAX: usize = 64 << 20;

/// What the decoder of an OTLP stream keeps.
#[derive(Debug)]
pub(super) struct Otlp {
    root: Message,
    tape: Tape,
    /// The fields of each level, from what all events share to what each has itself.
    aims: [Vec<Aim>; SHARED + 1],
    /// The names of the kinds of metrics, among the decoder's constants.
    kinds: Vec<Span>,
    /// Whether a date may lack its year, which refuses its whole record.
    may_lack_year: bool,
    /// The values of the shared fields, one slot a field.
    shared: Vec<Slot>,
    /// How many list items stood before each level's.
    items_before: [usize; SHARED + 1],
    /// The counters as they were before a record was tried.
    counters: Counters,
    digits: String,
}

/// Why a record is no request, and where: a byte of the record, and the name of the member
/// beneath the innermost message that had begun.
struct Fault {
    at: usize,
    reason: DecodeReason,
    member: Option<&'static str>,
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
    fn read<'a>(&mut self, payload: &'a [u8], texts: &mut String) -> Result<&'a str, DecodeError> {
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
    fn of_event(&self, place: EventPlace, error: DecodeError) -> DecodeError {
        let [.., record] = place.levels;
        let reason = reason_within(self.tape.path(record as usize), error.reason);
        DecodeError { reason, ..error }
    }
}

impl Decoder {
    /// Lends the events of a request, in their order, once all of it has proved sound.
    pub(super) fn decode_request(
        &mut self,
        otlp: &mut Otlp,
        record: &Record<'_>,
        mut use_event: impl FnMut(&Event<'_>),
    ) -> Result<(), DecodeError> {
        let payload = otlp.read(record.payload, &mut self.spill.scratch)?;
        otlp.counters.clone_from(&self.counters);
        let tried = self.try_request(otlp, payload);
        self.counters.clone_from(&otlp.counters);
        tried?;
        let mut before = EventPlace::NOWHERE;
        for index in 0..otlp.tape.events.len() {
            let Some(place) = otlp.tape.events.get(index).copied() else {
                break;
            };
            self.read_shared(otlp, payload, before, place)?;
            let time = self.read_own(otlp, payload, place)?;
            before = place;
            self.lend(payload, time, &mut use_event);
        }
        Ok(())
    }

    /// Goes through the events as if they were lent, and finds what refuses the record.
    fn try_request(&mut self, otlp: &mut Otlp, payload: &str) -> Result<(), DecodeError> {
        // An event with a time is sound once its request is: its fields fit or are missing.
        let each_may_fail = self.recorded.is_none() || otlp.may_lack_year;
        let mut before = EventPlace::NOWHERE;
        let (mut shared, mut total) = (0, 0_usize);
        for index in 0..otlp.tape.events.len() {
            let Some(place) = otlp.tape.events.get(index).copied() else {
                break;
            };
            if self.read_shared(otlp, payload, before, place)? {
                let length = |slot: &Slot| match slot {
                    Slot::Text(span) => span.end - span.start,
                    _ => 0,
                };
                let items = self.spill.items.iter().map(length).sum::<usize>();
                shared = otlp.shared.iter().map(length).sum::<usize>() + items;
            }
            total += shared;
            if total > SHARED_TEXT_MAX {
                let error = DecodeError::whole(DecodeReason::TooMuchShared);
                return Err(otlp.of_event(place, error));
            }
            if each_may_fail {
                self.read_own(otlp, payload, place)?;
            }
            before = place;
        }
        Ok(())
    }

    /// Reads the fields of the levels that are not those of the event before; whether there
    /// were any.
    fn read_shared(
        &mut self,
        otlp: &mut Otlp,
        payload: &str,
        before: EventPlace,
        place: EventPlace,
    ) -> Result<bool, DecodeError> {
        let levels = before.levels.iter().zip(&place.levels).take(SHARED);
        let Some(first) = levels.into_iter().position(|(before, now)| before != now) else {
            return Ok(false);
        };
        if before == EventPlace::NOWHERE {
            otlp.shared.clear();
            otlp.shared.resize(self.readers.len(), Slot::Missing);
        }
        for level in first..SHARED {
            let mut slots = std::mem::take(&mut otlp.shared);
            let read = self.read_level(otlp, payload, (level, place), &mut slots);
            otlp.shared = slots;
            read?;
        }
        Ok(true)
    }

    /// Reads the fields an event has itself, and answers its time.
    fn read_own(
        &mut self,
        otlp: &mut Otlp,
        payload: &str,
        place: EventPlace,
    ) -> Result<Timestamp, DecodeError> {
        let misfits_before = self.misfits_of(self.schema.time);
        let mut slots = std::mem::take(&mut self.slots);
        slots.clone_from(&otlp.shared);
        let read = self.read_level(otlp, payload, (SHARED, place), &mut slots);
        self.slots = slots;
        read?;
        self.extract(payload)
            .map_err(|(_, reason)| DecodeError::whole(reason))
            .and_then(|()| self.date(misfits_before))
            .map_err(|error| otlp.of_event(place, error))
    }

    fn read_level(
        &mut self,
        otlp: &mut Otlp,
        payload: &str,
        (level, place): (usize, EventPlace),
        slots: &mut [Slot],
    ) -> Result<(), DecodeError> {
        self.spill.items.truncate(otlp.items_before.get(level).copied().unwrap_or(0));
        let mut bench = Bench {
            payload,
            constants: &self.constants,
            kinds: &otlp.kinds,
            spill: &mut self.spill,
            digits: &mut otlp.digits,
        };
        for aim in otlp.aims.get(level).into_iter().flatten() {
            let (Some(reader), Some(slot)) =
                (self.readers.get(aim.field), slots.get_mut(aim.field))
            else {
                continue;
            };
            *slot = match aim.read(reader, &otlp.tape, level, place, &mut bench) {
                Ok(read) => read,
                Err(ValueFault::Misfit) => {
                    if let Some(count) = self.counters.misfits.get_mut(aim.field) {
                        *count += 1;
                    }
                    Slot::Missing
                }
                Err(ValueFault::NoYear) => {
                    let error = DecodeError::whole(DecodeReason::NoYear);
                    return Err(otlp.of_event(place, error));
                }
            };
        }
        if let Some(after) = otlp.items_before.get_mut(level + 1) {
            *after = self.spill.items.len();
        }
        Ok(())
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
