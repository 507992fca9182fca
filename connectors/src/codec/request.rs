//! A decoder of OTLP requests: many events in one record.

use model::event::{Event, Record};
use model::time::Timestamp;

use crate::codec::Decoder;
use crate::codec::error::{DecodeError, DecodeReason};
use crate::codec::limits::SHARED_TEXT_MAX;
use crate::codec::otlp::OtlpDecoder;
use crate::codec::otlp::field::{SHARED, ValueBuffers};
use crate::codec::otlp::tape::EventPlace;
use crate::codec::value::{ValueError as ValueFault, ValueSlot};

impl Decoder {
    /// Lends the events of a request, in their order, once all of it has proved sound.
    pub(super) fn decode_request(
        &mut self,
        otlp: &mut OtlpDecoder,
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
    fn try_request(&mut self, otlp: &mut OtlpDecoder, payload: &str) -> Result<(), DecodeError> {
        // An event with a time is sound once its request is: its fields fit or are missing.
        let each_may_fail = self.recorded.is_none() || otlp.may_lack_year;
        let mut before = EventPlace::NOWHERE;
        let (mut shared, mut total) = (0, 0_usize);
        for index in 0..otlp.tape.events.len() {
            let Some(place) = otlp.tape.events.get(index).copied() else {
                break;
            };
            if self.read_shared(otlp, payload, before, place)? {
                let length = |slot: &ValueSlot| match slot {
                    ValueSlot::Text(span) => span.end - span.start,
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
        otlp: &mut OtlpDecoder,
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
            otlp.shared.resize(self.readers.len(), ValueSlot::Missing);
        }
        for level in first..SHARED {
            let mut slots = std::mem::take(&mut otlp.shared);
            let read = self.read_level(otlp, payload, level, place, &mut slots);
            otlp.shared = slots;
            read?;
        }
        Ok(true)
    }

    /// Reads the fields an event has itself, and answers its time.
    fn read_own(
        &mut self,
        otlp: &mut OtlpDecoder,
        payload: &str,
        place: EventPlace,
    ) -> Result<Timestamp, DecodeError> {
        let misfits_before = self.misfits_of(self.schema.time);
        let mut slots = std::mem::take(&mut self.slots);
        slots.clone_from(&otlp.shared);
        let read = self.read_level(otlp, payload, SHARED, place, &mut slots);
        self.slots = slots;
        read?;
        self.extract(payload)
            .map_err(|(_, reason)| DecodeError::whole(reason))
            .and_then(|()| self.date(misfits_before))
            .map_err(|error| otlp.of_event(place, error))
    }

    fn read_level(
        &mut self,
        otlp: &mut OtlpDecoder,
        payload: &str,
        level: usize,
        place: EventPlace,
        slots: &mut [ValueSlot],
    ) -> Result<(), DecodeError> {
        self.spill.items.truncate(otlp.items_before.get(level).copied().unwrap_or(0));
        let mut bench = ValueBuffers {
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
                    ValueSlot::Missing
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
