//! Bytes of a record to the declared fields of an event.
//!
//! A codec finds where the fields stand, a reader makes a typed value of each, `extract`
//! takes texts apart, and the event is lent to the caller. Buffers are kept from record to
//! record: what decodes well allocates nothing.

mod error;
mod extract;
mod json;
mod limits;
mod logfmt;
mod otlp;
mod payload;
mod request;
mod syslog;
mod time_format;
mod value;

use std::sync::Arc;

use model::decimal::Decimal;
use model::event::{Event, Record, Value};
use model::schema::{Codec, FieldType, Schema};
use model::time::Timestamp;

pub use crate::codec::error::{CodecError, DecodeError, DecodeReason, ErrorPlace, ExpectedInput};
use crate::codec::extract::{MatchedSpans, PatternMatcher};
use crate::codec::json::{FieldProjection, unescape};
pub use crate::codec::limits::{DEPTH_MAX, EVENTS_MAX, SHARED_TEXT_MAX};
use crate::codec::logfmt::{LogfmtPair, PairValue};
use crate::codec::otlp::OtlpDecoder;
pub use crate::codec::payload::DecoderCounters;
use crate::codec::payload::record_text;
use crate::codec::syslog::{SyslogLine, SyslogPart};
pub use crate::codec::value::LIST_ITEMS_MAX;
use crate::codec::value::{
    FieldParser, RawScalar, SpanSource, SpanTexts, TextScratch, TextSpan, ValueError, ValueSlot,
};

/// Decodes the records of one stream, on one thread.
#[derive(Debug)]
pub struct Decoder {
    schema: Arc<Schema>,
    year: Option<i64>,
    /// The timestamp of the record under way: the year of a date that has none.
    recorded: Option<Timestamp>,
    readers: Vec<FieldParser>,
    projection: FieldProjection,
    syslog: Vec<Option<SyslogPart>>,
    otlp: Option<Box<OtlpDecoder>>,
    extracts: Vec<FieldExtractor>,
    constants: String,
    places: MatchedSpans,
    /// The values of the record under way, one per field.
    slots: Vec<ValueSlot>,
    spill: TextScratch,
    counters: DecoderCounters,
    // INVARIANT: both are empty between records; only their memory is kept.
    values: Vec<Value<'static>>,
    items: Vec<Value<'static>>,
}

/// An `extract` ready to run.
#[derive(Debug)]
struct FieldExtractor {
    source: usize,
    patterns: Vec<(PatternMatcher, Vec<(usize, TextSpan)>)>,
}

impl Decoder {
    /// A decoder for a schema; `year` completes dates written without one.
    ///
    /// # Errors
    /// [`CodecError`] for a schema that cannot be decoded: a time format that means nothing,
    /// a list of lists, touching holes.
    pub fn new(schema: Arc<Schema>, year: Option<i64>) -> Result<Decoder, CodecError> {
        let is_time = |kind: &FieldType| matches!(kind, FieldType::Time(_));
        if !schema.fields.get(schema.time).is_some_and(|field| is_time(&field.kind)) {
            let stream = schema.name.clone();
            return Err(CodecError::NoTimeField { stream });
        }
        let readers = schema
            .fields
            .iter()
            .map(|field| FieldParser::new(field, year))
            .collect::<Result<Vec<FieldParser>, CodecError>>()?;
        let mut constants = String::new();
        let extracts = compile_extracts(&schema, &mut constants)?;
        let parts = schema.fields.iter().map(|field| match field.kind {
            FieldType::Time(_) => Some(SyslogPart::Time),
            _ => SyslogPart::from_path(&field.path),
        });
        let otlp = match schema.codec {
            Codec::Otlp(telemetry) => {
                Some(Box::new(OtlpDecoder::new(telemetry, &schema, &readers, &mut constants)))
            }
            _ => None,
        };
        Ok(Decoder {
            year,
            recorded: None,
            readers,
            projection: FieldProjection::new(schema.fields.iter().map(|field| field.path.as_str())),
            syslog: parts.collect(),
            otlp,
            extracts,
            constants,
            places: MatchedSpans::default(),
            slots: Vec::new(),
            spill: TextScratch::default(),
            counters: DecoderCounters {
                misfits: vec![0; schema.fields.len()],
                time_from_record: 0,
            },
            values: Vec::new(),
            items: Vec::new(),
            schema,
        })
    }

    /// Misfits and missing times so far.
    pub fn counters(&self) -> &DecoderCounters {
        &self.counters
    }

    /// The schema it decodes.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// True when one record may hold many events.
    pub fn is_many(&self) -> bool {
        self.otlp.is_some()
    }

    /// Decodes a record and lends its events to `use_event`, in the order they stand in.
    ///
    /// A record of most codecs is one event; an OTLP request is any number of them, and none
    /// is lent unless all are sound.
    ///
    /// # Errors
    /// [`DecodeError`] with the position in the record and the reason; the decoder stays usable.
    pub fn decode(
        &mut self,
        record: &Record<'_>,
        mut use_event: impl FnMut(&Event<'_>),
    ) -> Result<(), DecodeError> {
        self.recorded = record.timestamp;
        self.spill.items.clear();
        self.spill.scratch.clear();
        if let Some(mut otlp) = self.otlp.take() {
            let decoded = self.decode_request(&mut otlp, record, use_event);
            self.otlp = Some(otlp);
            return decoded;
        }
        let payload = record_text(record.payload)?;
        self.slots.clear();
        self.slots.resize(self.readers.len(), ValueSlot::Missing);
        let misfits_before = self.misfits_of(self.schema.time);
        let read = match self.schema.codec {
            Codec::Json => self.read_json(payload),
            Codec::Text => self.read_text(payload),
            Codec::Logfmt => self.read_logfmt(payload),
            Codec::Syslog => self.read_syslog(payload),
            // Its state is there, so that it was read above.
            Codec::Otlp(_) => Ok(()),
        };
        read.and_then(|()| self.extract(payload))
            .map_err(|(byte, reason)| DecodeError::at(record.payload, byte, reason))?;
        let time = self.date(misfits_before)?;
        self.lend(payload, time, &mut use_event);
        Ok(())
    }

    /// The time of the event in the slots: its own, or else its record's.
    fn date(&mut self, misfits_before: u64) -> Result<Timestamp, DecodeError> {
        match (self.slots.get_mut(self.schema.time), self.recorded) {
            (Some(ValueSlot::Time(time)), _) => Ok(*time),
            (Some(slot), Some(timestamp)) => {
                *slot = ValueSlot::Time(timestamp);
                self.counters.time_from_record += 1;
                Ok(timestamp)
            }
            _ => Err(self.no_time(misfits_before)),
        }
    }

    /// Lends the event in the slots.
    fn lend(&mut self, payload: &str, time: Timestamp, use_event: &mut impl FnMut(&Event<'_>)) {
        let texts = SpanTexts { payload, scratch: &self.spill.scratch, constants: &self.constants };
        let mut values = recycle(std::mem::take(&mut self.values));
        let mut items = recycle(std::mem::take(&mut self.items));
        values.extend(self.slots.iter().map(|slot| texts.value(*slot)));
        items.extend(self.spill.items.iter().map(|slot| texts.value(*slot)));
        use_event(&Event { time, values: &values, items: &items });
        self.values = recycle(values);
        self.items = recycle(items);
    }

    fn misfits_of(&self, field: usize) -> u64 {
        self.counters.misfits.get(field).copied().unwrap_or(0)
    }

    fn no_time(&self, misfits_before: u64) -> DecodeError {
        let field = self
            .schema
            .fields
            .get(self.schema.time)
            .map_or_else(String::new, |field| field.name.clone());
        let unreadable = self.misfits_of(self.schema.time) > misfits_before;
        DecodeError::whole(DecodeReason::NoTime { field, unreadable })
    }

    /// Keeps a value, or counts that it does not fit. A date that only lacks its year is an
    /// error of the whole record, since the cure is one option for all of them.
    fn keep(
        &mut self,
        field: usize,
        at: usize,
        read: Result<ValueSlot, ValueError>,
    ) -> Result<(), (usize, DecodeReason)> {
        let slot = match read {
            Ok(slot) => slot,
            Err(ValueError::Misfit) => {
                if let Some(count) = self.counters.misfits.get_mut(field) {
                    *count += 1;
                }
                ValueSlot::Missing
            }
            Err(ValueError::NoYear) => return Err((at, DecodeReason::NoYear)),
        };
        if let Some(place) = self.slots.get_mut(field) {
            *place = slot;
        }
        Ok(())
    }

    fn read_json(&mut self, text: &str) -> Result<(), (usize, DecodeReason)> {
        self.projection.scan(text)?;
        let fields = self.readers.iter().zip(&self.projection.spans);
        let places = self.slots.iter_mut().zip(&mut self.counters.misfits);
        for ((reader, raw), (slot, misfits)) in fields.zip(places) {
            let Some(raw) = *raw else {
                continue;
            };
            match reader.read_json(text, raw, &mut self.spill) {
                Ok(value) => *slot = value,
                Err(ValueError::Misfit) => *misfits += 1,
                Err(ValueError::NoYear) => return Err((raw.start as usize, DecodeReason::NoYear)),
            }
        }
        Ok(())
    }

    fn read_text(&mut self, text: &str) -> Result<(), (usize, DecodeReason)> {
        let line = without_line_end(text);
        for field in 0..self.readers.len() {
            let is_message = self.schema.fields.get(field).is_some_and(|f| f.path == "message");
            if is_message {
                self.keep_text(field, text, line)?;
            }
        }
        Ok(())
    }

    /// Of repeated keys the last counts, as in JSON.
    fn read_logfmt(&mut self, text: &str) -> Result<(), (usize, DecodeReason)> {
        let line = without_line_end(text);
        let mut rest = line;
        while let Some(LogfmtPair { key, value }) = logfmt::next_pair(line, &mut rest)? {
            for field in 0..self.readers.len() {
                if self.schema.fields.get(field).is_none_or(|declared| declared.path != key) {
                    continue;
                }
                match value {
                    PairValue::Bare(part) => self.keep_text(field, text, part)?,
                    PairValue::Quoted(part) if !part.contains('\\') => {
                        self.keep_text(field, text, part)?;
                    }
                    PairValue::Quoted(part) => self.keep_escaped(field, text, part)?,
                    PairValue::Alone => {
                        let reader = self.readers.get(field);
                        let read = reader
                            .map_or(Err(ValueError::Misfit), |of| of.read(RawScalar::Bool(true)));
                        self.keep(field, 0, read)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads a text with escapes as a field.
    fn keep_escaped(
        &mut self,
        field: usize,
        payload: &str,
        part: &str,
    ) -> Result<(), (usize, DecodeReason)> {
        let start = self.spill.scratch.len();
        if !unescape(part, &mut self.spill.scratch) {
            let at = part.as_ptr() as usize - payload.as_ptr() as usize;
            return Err((at, DecodeReason::Logfmt(ExpectedInput::Escape)));
        }
        let (home, end) = (SpanSource::Scratch, self.spill.scratch.len());
        self.keep_span(field, payload, TextSpan { home, start, end })
    }

    fn read_syslog(&mut self, text: &str) -> Result<(), (usize, DecodeReason)> {
        let line = syslog::parse(without_line_end(text))?;
        for field in 0..self.readers.len() {
            let Some(part) = self.syslog.get(field).copied().flatten() else {
                continue;
            };
            self.keep_part(field, part, text, &line)?;
        }
        Ok(())
    }

    fn keep_part(
        &mut self,
        field: usize,
        part: SyslogPart,
        text: &str,
        line: &SyslogLine<'_>,
    ) -> Result<(), (usize, DecodeReason)> {
        let number = match part {
            SyslogPart::Time => return self.keep_header_time(field, line),
            SyslogPart::Priority => line.priority,
            SyslogPart::Facility => line.priority.map(|priority| priority / 8),
            SyslogPart::Severity => line.priority.map(|priority| priority % 8),
            _ => None,
        };
        let word = match part {
            SyslogPart::Host => line.host,
            SyslogPart::Program => line.program,
            SyslogPart::Pid => line.pid,
            SyslogPart::MessageId => line.message_id,
            SyslogPart::Message => Some(line.message),
            _ => None,
        };
        if let Some(word) = word {
            return self.keep_text(field, text, word);
        }
        let (Some(number), Some(reader)) = (number, self.readers.get(field)) else {
            return Ok(());
        };
        let read = match reader {
            FieldParser::Int | FieldParser::Scaled { .. } => {
                Ok(ValueSlot::Number(Decimal::from_int(i64::from(number))))
            }
            _ => Err(ValueError::Misfit),
        };
        self.keep(field, 0, read)
    }

    fn keep_header_time(
        &mut self,
        field: usize,
        line: &SyslogLine<'_>,
    ) -> Result<(), (usize, DecodeReason)> {
        let read = match (line.time, self.readers.get(field)) {
            (None, _) => return Ok(()),
            (Some(time), Some(FieldParser::Time(_))) => {
                match time.instant(self.year, self.recorded) {
                    Some(instant) => Ok(ValueSlot::Time(instant)),
                    None if self.year.is_none() && self.recorded.is_none() => {
                        Err(ValueError::NoYear)
                    }
                    None => Err(ValueError::Misfit),
                }
            }
            _ => Err(ValueError::Misfit),
        };
        self.keep(field, 0, read)
    }

    /// Reads a part of the payload as a field.
    fn keep_text(
        &mut self,
        field: usize,
        payload: &str,
        part: &str,
    ) -> Result<(), (usize, DecodeReason)> {
        let start = part.as_ptr() as usize - payload.as_ptr() as usize;
        let (home, end) = (SpanSource::Payload, start + part.len());
        let Some(reader) = self.readers.get(field) else {
            return Ok(());
        };
        let read = reader.read(RawScalar::Text(part, TextSpan { home, start, end }));
        self.keep(field, start, read)
    }

    /// Runs every `extract` whose source is there; the first pattern that matches fills its
    /// holes and sets its constants, over whatever the record had in those fields.
    fn extract(&mut self, payload: &str) -> Result<(), (usize, DecodeReason)> {
        if self.extracts.is_empty() {
            return Ok(());
        }
        let extracts = std::mem::take(&mut self.extracts);
        let run = extracts.iter().try_for_each(|extract| self.run_extract(extract, payload));
        self.extracts = extracts;
        run
    }

    fn run_extract(
        &mut self,
        extract: &FieldExtractor,
        payload: &str,
    ) -> Result<(), (usize, DecodeReason)> {
        let Some(ValueSlot::Text(source)) = self.slots.get(extract.source).copied() else {
            return Ok(());
        };
        let mut places = std::mem::take(&mut self.places);
        let text = self.cut(payload, source);
        let mut patterns = extract.patterns.iter();
        let found = patterns.find(|(matcher, _)| matcher.matches(text, &mut places));
        let mut kept = Ok(());
        if let Some((_, sets)) = found {
            let home = source.home;
            let holes = places.holes.iter().map(|(field, start, end)| {
                let (start, end) = (source.start + start, source.start + end);
                (*field, TextSpan { home, start, end })
            });
            kept = holes
                .chain(sets.iter().copied())
                .try_for_each(|(field, span)| self.keep_span(field, payload, span));
        }
        self.places = places;
        kept
    }

    fn keep_span(
        &mut self,
        field: usize,
        payload: &str,
        span: TextSpan,
    ) -> Result<(), (usize, DecodeReason)> {
        let Some(reader) = self.readers.get(field) else {
            return Ok(());
        };
        let read = reader.read(RawScalar::Text(self.cut(payload, span), span));
        let at = if span.home == SpanSource::Payload { span.start } else { 0 };
        self.keep(field, at, read)
    }

    fn cut<'a>(&'a self, payload: &'a str, span: TextSpan) -> &'a str {
        let texts = SpanTexts { payload, scratch: &self.spill.scratch, constants: &self.constants };
        texts.cut(span)
    }
}

fn compile_extracts(
    schema: &Schema,
    constants: &mut String,
) -> Result<Vec<FieldExtractor>, CodecError> {
    let stream = || schema.name.clone();
    let mut extracts = Vec::new();
    for extract in &schema.extracts {
        let mut patterns = Vec::new();
        for pattern in &extract.patterns {
            let matcher = PatternMatcher::new(pattern)
                .ok_or_else(|| CodecError::TouchingHoles { stream: stream() })?;
            let set_fields = pattern.sets.iter().map(|(field, _)| *field);
            let unknown = |field| field >= schema.fields.len();
            if matcher.fields().chain(set_fields).any(unknown) {
                return Err(CodecError::UnknownField { stream: stream() });
            }
            let sets = pattern.sets.iter().map(|(field, text)| {
                let (home, start) = (SpanSource::Constants, constants.len());
                constants.push_str(text);
                let end = constants.len();
                (*field, TextSpan { home, start, end })
            });
            patterns.push((matcher, sets.collect()));
        }
        let source = extract.source;
        extracts.push(FieldExtractor { source, patterns });
    }
    Ok(extracts)
}

fn without_line_end(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

/// An empty vector for values of another lifetime in the memory of the old one.
///
/// Collecting from a vector of the same layout happens in place, so nothing is allocated; a
/// test holds the standard library to that.
fn recycle<'b>(mut values: Vec<Value<'_>>) -> Vec<Value<'b>> {
    values.clear();
    values.into_iter().map(|_| Value::Missing).collect()
}

#[cfg(test)]
mod tests;
