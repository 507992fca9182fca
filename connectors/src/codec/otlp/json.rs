//! OTLP's JSON: ids in hexadecimal digits, numbers of 64 bits mostly as text, names in
//! lowerCamelCase; `null` is what is not there.

use crate::codec::error::{DecodeReason, ExpectedInput};
use crate::codec::json::{JsonError as JsonFault, JsonKind, JsonScanner, RawSpan, unescape};
use crate::codec::otlp::error::OtlpError;
use crate::codec::otlp::message::{MemberRole, OtlpMember, OtlpMessage, WireShape};
use crate::codec::otlp::tape::{NodeKind, RequestTape};
use crate::codec::value::SpanSource;

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Reads a request into a tape; texts with escapes, and ids, go to `texts`.
pub(super) fn read(
    text: &str,
    root: OtlpMessage,
    tape: &mut RequestTape,
    texts: &mut String,
) -> Result<(), OtlpError> {
    let start = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let mut reader = JsonReader { scanner: JsonScanner::new(text, start), tape, texts };
    reader.scanner.skip_space();
    match reader.scanner.peek() {
        Some(b'{') => reader.message(root, 1)?,
        None => return Err(reader.fault(DecodeReason::Truncated)),
        Some(_) => return Err(reader.fault(DecodeReason::NotAnObject)),
    }
    reader.scanner.skip_space();
    match reader.scanner.peek() {
        Some(_) => Err(reader.fault(DecodeReason::Trailing)),
        None => Ok(()),
    }
}

struct JsonReader<'a> {
    scanner: JsonScanner<'a>,
    tape: &'a mut RequestTape,
    texts: &'a mut String,
}

impl From<JsonFault> for OtlpError {
    fn from(fault: JsonFault) -> OtlpError {
        let (at, reason) = fault.into();
        OtlpError { at, reason, member: None }
    }
}

impl JsonReader<'_> {
    fn message(&mut self, message: OtlpMessage, depth: usize) -> Result<(), OtlpError> {
        self.scanner.skip_space();
        if self.scanner.peek() != Some(b'{') {
            return Err(self.expected(ExpectedInput::Object));
        }
        self.scanner.enter(depth)?;
        if self.scanner.skip_if(b'}') {
            return Ok(());
        }
        loop {
            let name = self.scanner.name()?;
            match self.member(message, name) {
                Some(member) => self.value(member, depth + 1)?,
                None => {
                    self.scanner.value(depth + 1)?;
                }
            }
            if !self.scanner.skip_comma(b'}', ExpectedInput::CommaOrBrace)? {
                return Ok(());
            }
        }
    }

    fn member(&self, message: OtlpMessage, name: RawSpan) -> Option<&'static OtlpMember> {
        let inside = self.scanner.text.get(name.start as usize + 1..name.end as usize - 1)?;
        if name.kind == JsonKind::Plain {
            return message.named(inside);
        }
        let mut plain = String::new();
        unescape(inside, &mut plain).then(|| message.named(&plain)).flatten()
    }

    fn value(&mut self, member: &'static OtlpMember, depth: usize) -> Result<(), OtlpError> {
        self.scanner.skip_space();
        if self.scanner.peek() == Some(b'n') {
            self.scanner.value(depth)?;
            return Ok(());
        }
        match member.shape {
            WireShape::One(message) => self.nested(member.part, message, depth),
            WireShape::Many(message) => self.list(member, message, depth),
            shape => {
                let start = self.scanner.at;
                let kind = self.scanner.value(depth)?;
                let raw = self.scanner.span_from(start, kind);
                let leaf = self.leaf(shape, raw).map_err(|expected| {
                    let (reason, member) = (DecodeReason::Otlp(expected), Some(member.name));
                    OtlpError { at: start, reason, member }
                })?;
                self.tape.leaf(member.part, leaf);
                Ok(())
            }
        }
    }

    fn list(
        &mut self,
        member: &'static OtlpMember,
        message: OtlpMessage,
        depth: usize,
    ) -> Result<(), OtlpError> {
        if self.scanner.peek() != Some(b'[') {
            let fault = self.expected(ExpectedInput::Array);
            return Err(OtlpError { member: Some(member.name), ..fault });
        }
        self.scanner.enter(depth)?;
        if self.scanner.skip_if(b']') {
            return Ok(());
        }
        loop {
            self.nested(member.part, message, depth + 1)?;
            if !self.scanner.skip_comma(b']', ExpectedInput::CommaOrBracket)? {
                return Ok(());
            }
        }
    }

    fn nested(
        &mut self,
        part: MemberRole,
        message: OtlpMessage,
        depth: usize,
    ) -> Result<(), OtlpError> {
        let Some(node) = self.tape.open(part) else {
            return Err(self.fault(DecodeReason::TooManyEvents));
        };
        self.message(message, depth)?;
        self.tape.close(node);
        Ok(())
    }

    fn leaf(&mut self, shape: WireShape, raw: RawSpan) -> Result<NodeKind, ExpectedInput> {
        let (start, end) = (raw.start as usize, raw.end as usize);
        let is_text = matches!(raw.kind, JsonKind::Plain | JsonKind::Escaped);
        let (from, to) = if is_text { (start + 1, end - 1) } else { (start, end) };
        let inside = self.scanner.text.get(from..to).unwrap_or_default();
        let is_number = matches!(raw.kind, JsonKind::Plain | JsonKind::Number);
        match shape {
            WireShape::Text if raw.kind == JsonKind::Plain => {
                Ok(NodeKind::Text { home: SpanSource::Payload, start: from as u32, end: to as u32 })
            }
            WireShape::Text if raw.kind == JsonKind::Escaped => {
                let start = self.texts.len();
                // Half a surrogate pair is no text, and protobuf could not write it.
                unescape(inside, self.texts).then_some(()).ok_or(ExpectedInput::Escape)?;
                Ok(scratch(start, self.texts))
            }
            WireShape::Text => Err(ExpectedInput::Text),
            WireShape::Hex if raw.kind == JsonKind::Plain => {
                let is_hex = inside.bytes().all(|byte| byte.is_ascii_hexdigit());
                is_hex.then_some(()).ok_or(ExpectedInput::HexDigits)?;
                let start = self.texts.len();
                self.texts.extend(inside.chars().map(|digit| digit.to_ascii_lowercase()));
                Ok(scratch(start, self.texts))
            }
            WireShape::Hex => Err(ExpectedInput::HexDigits),
            WireShape::Bytes if is_text => Ok(NodeKind::Bytes),
            WireShape::Bytes => Err(ExpectedInput::Text),
            WireShape::Whole | WireShape::Fixed if is_number => {
                inside.parse().map(NodeKind::Whole).map_err(|_| ExpectedInput::Whole)
            }
            WireShape::Count if is_number => {
                inside.parse().map(NodeKind::Count).map_err(|_| ExpectedInput::Whole)
            }
            WireShape::Nanos if is_number => {
                inside.parse().map(NodeKind::Nanos).map_err(|_| ExpectedInput::Whole)
            }
            WireShape::Whole | WireShape::Fixed | WireShape::Count | WireShape::Nanos => {
                Err(ExpectedInput::Whole)
            }
            WireShape::Double if is_number => {
                Ok(NodeKind::Spelled { start: from as u32, end: to as u32 })
            }
            WireShape::Double => Err(ExpectedInput::Number),
            WireShape::Bool if matches!(raw.kind, JsonKind::True | JsonKind::False) => {
                Ok(NodeKind::Bool(raw.kind == JsonKind::True))
            }
            WireShape::Bool => Err(ExpectedInput::Truth),
            // They are no leaves; `value` is never called for them.
            WireShape::One(_) | WireShape::Many(_) => Err(ExpectedInput::Object),
        }
    }

    fn expected(&self, expected: ExpectedInput) -> OtlpError {
        match self.scanner.peek() {
            None => self.fault(DecodeReason::Truncated),
            Some(_) => self.fault(DecodeReason::Otlp(expected)),
        }
    }

    fn fault(&self, reason: DecodeReason) -> OtlpError {
        OtlpError { at: self.scanner.at, reason, member: None }
    }
}

/// The text from `start` to the end of what was written so far.
pub(super) fn scratch(start: usize, texts: &str) -> NodeKind {
    NodeKind::Text { home: SpanSource::Scratch, start: start as u32, end: texts.len() as u32 }
}
