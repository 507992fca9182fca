//! OTLP's protobuf. (Protocol Buffers, "Encoding".)

use crate::codec::error::{DecodeReason, ExpectedInput};
use crate::codec::limits::DEPTH_MAX;
use crate::codec::otlp::error::OtlpError;
use crate::codec::otlp::json::scratch;
use crate::codec::otlp::message::{OtlpMember, OtlpMessage, WireShape};
use crate::codec::otlp::tape::{NodeKind, RequestTape};

/// The largest field number there is.
const NUMBER_MAX: u64 = (1 << 29) - 1;

const VARINT: u64 = 0;
const EIGHT_BYTES: u64 = 1;
const WITH_LENGTH: u64 = 2;
const FOUR_BYTES: u64 = 5;

/// Reads a request into a tape; texts and ids go to `texts`, since what is between them is no
/// text.
pub(super) fn read(
    bytes: &[u8],
    root: OtlpMessage,
    tape: &mut RequestTape,
    texts: &mut String,
) -> Result<(), OtlpError> {
    WireReader { bytes, at: 0, tape, texts }.message(root, bytes.len(), 1)
}

struct WireReader<'a> {
    bytes: &'a [u8],
    at: usize,
    tape: &'a mut RequestTape,
    texts: &'a mut String,
}

impl<'a> WireReader<'a> {
    fn message(&mut self, message: OtlpMessage, end: usize, depth: usize) -> Result<(), OtlpError> {
        if depth > DEPTH_MAX {
            return Err(self.fault(self.at, DecodeReason::TooDeep));
        }
        while self.at < end {
            let start = self.at;
            let tag = self.varint(end)?;
            let (number, wire) = (tag >> 3, tag & 7);
            if number == 0 || number > NUMBER_MAX {
                return Err(self.expected(start, ExpectedInput::Tag));
            }
            match message.numbered(number) {
                Some(member) => self.value(member, start, wire, end, depth)?,
                None => self.skip(start, wire, end)?,
            }
        }
        Ok(())
    }

    fn value(
        &mut self,
        member: &'static OtlpMember,
        start: usize,
        wire: u64,
        end: usize,
        depth: usize,
    ) -> Result<(), OtlpError> {
        let named = |fault: OtlpError| OtlpError { member: Some(member.name), ..fault };
        let leaf = match (member.shape, wire) {
            (WireShape::One(inner) | WireShape::Many(inner), WITH_LENGTH) => {
                let inner_end = self.length(end).map_err(named)?;
                let Some(node) = self.tape.open(member.part) else {
                    return Err(self.fault(start, DecodeReason::TooManyEvents));
                };
                self.message(inner, inner_end, depth + 1)?;
                self.tape.close(node);
                return Ok(());
            }
            (WireShape::Text, WITH_LENGTH) => self.text(end).map_err(named)?,
            (WireShape::Hex, WITH_LENGTH) => self.hex(end).map_err(named)?,
            (WireShape::Bytes, WITH_LENGTH) => {
                self.at = self.length(end).map_err(named)?;
                NodeKind::Bytes
            }
            (WireShape::Whole, VARINT) => NodeKind::Whole(self.varint(end).map_err(named)? as i64),
            (WireShape::Bool, VARINT) => NodeKind::Bool(self.varint(end).map_err(named)? != 0),
            (WireShape::Fixed, EIGHT_BYTES) => {
                NodeKind::Whole(self.eight(end).map_err(named)? as i64)
            }
            (WireShape::Count, EIGHT_BYTES) => NodeKind::Count(self.eight(end).map_err(named)?),
            (WireShape::Nanos, EIGHT_BYTES) => NodeKind::Nanos(self.eight(end).map_err(named)?),
            (WireShape::Double, EIGHT_BYTES) => {
                NodeKind::Double(f64::from_bits(self.eight(end).map_err(named)?))
            }
            _ => return Err(named(self.expected(start, ExpectedInput::Tag))),
        };
        self.tape.leaf(member.part, leaf);
        Ok(())
    }

    fn skip(&mut self, start: usize, wire: u64, end: usize) -> Result<(), OtlpError> {
        match wire {
            VARINT => self.varint(end).map(|_| ()),
            EIGHT_BYTES => self.advance(8, end),
            WITH_LENGTH => {
                self.at = self.length(end)?;
                Ok(())
            }
            FOUR_BYTES => self.advance(4, end),
            // Groups, which OTLP has never had, and types that do not exist.
            _ => Err(self.expected(start, ExpectedInput::Tag)),
        }
    }

    fn text(&mut self, end: usize) -> Result<NodeKind, OtlpError> {
        let start = self.at;
        let bytes = self.run(end)?;
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(_) => return Err(self.expected(start, ExpectedInput::Utf8)),
        };
        let from = self.texts.len();
        self.texts.push_str(text);
        Ok(scratch(from, self.texts))
    }

    fn hex(&mut self, end: usize) -> Result<NodeKind, OtlpError> {
        let from = self.texts.len();
        for byte in self.run(end)? {
            let digits = [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16));
            self.texts.extend(digits.into_iter().flatten());
        }
        Ok(scratch(from, self.texts))
    }

    /// Bytes that have their length before them.
    fn run(&mut self, end: usize) -> Result<&'a [u8], OtlpError> {
        let run_end = self.length(end)?;
        let run = self.bytes.get(self.at..run_end).unwrap_or_default();
        self.at = run_end;
        Ok(run)
    }

    fn eight(&mut self, end: usize) -> Result<u64, OtlpError> {
        let rest = self.bytes.get(self.at..end).unwrap_or_default();
        let Some(eight) = rest.first_chunk::<8>() else {
            return Err(self.expected(self.at, ExpectedInput::WholeField));
        };
        self.at += 8;
        Ok(u64::from_le_bytes(*eight))
    }

    fn advance(&mut self, count: usize, end: usize) -> Result<(), OtlpError> {
        if end - self.at < count {
            return Err(self.expected(self.at, ExpectedInput::WholeField));
        }
        self.at += count;
        Ok(())
    }

    /// Reads a length, and answers where what has it ends.
    fn length(&mut self, end: usize) -> Result<usize, OtlpError> {
        let start = self.at;
        let length = self.varint(end)?;
        match usize::try_from(length) {
            Ok(length) if length <= end - self.at => Ok(self.at + length),
            _ => Err(self.expected(start, ExpectedInput::WholeField)),
        }
    }

    fn varint(&mut self, end: usize) -> Result<u64, OtlpError> {
        let start = self.at;
        let mut number = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let Some(byte) = self.bytes.get(self.at).copied().filter(|_| self.at < end) else {
                return Err(self.expected(start, ExpectedInput::WholeField));
            };
            self.at += 1;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(self.expected(start, ExpectedInput::Varint))
    }

    fn expected(&self, at: usize, expected: ExpectedInput) -> OtlpError {
        self.fault(at, DecodeReason::Otlp(expected))
    }

    fn fault(&self, at: usize, reason: DecodeReason) -> OtlpError {
        OtlpError { at, reason, member: None }
    }
}
