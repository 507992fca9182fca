//! OTLP's JSON: ids in hexadecimal digits, numbers of 64 bits mostly as text, names in
//! lowerCamelCase; `null` is what is not there.

use crate::codec::error::{DecodeReason, Expected};
use crate::codec::json::{Fault as JsonFault, Kind, RawSpan, Scanner, unescape};
use crate::codec::otlp::fault::Fault;
use crate::codec::otlp::message::{Member, Message, Part, Shape};
use crate::codec::otlp::tape::{Leaf, Tape};
use crate::codec::value::Home;

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Reads a request into a tape; texts with escapes, and ids, go to `texts`.
pub(super) fn read(
    text: &str,
    root: Message,
    tape: &mut Tape,
    texts: &mut String,
) -> Result<(), Fault> {
    let start = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let mut reader = JsonReader { scanner: Scanner::new(text, start), tape, texts };
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
    scanner: Scanner<'a>,
    tape: &'a mut Tape,
    texts: &'a mut String,
}

impl From<JsonFault> for Fault {
    fn from(fault: JsonFault) -> Fault {
        let (at, reason) = fault.into();
        Fault { at, reason, member: None }
    }
}

impl JsonReader<'_> {
    fn message(&mut self, message: Message, depth: usize) -> Result<(), Fault> {
        self.scanner.skip_space();
        if self.scanner.peek() != Some(b'{') {
            return Err(self.expected(Expected::Object));
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
            if !self.scanner.skip_comma(b'}', Expected::CommaOrBrace)? {
                return Ok(());
            }
        }
    }

    fn member(&self, message: Message, name: RawSpan) -> Option<&'static Member> {
        let inside = self.scanner.text.get(name.start as usize + 1..name.end as usize - 1)?;
        if name.kind == Kind::Plain {
            return message.named(inside);
        }
        let mut plain = String::new();
        unescape(inside, &mut plain).then(|| message.named(&plain)).flatten()
    }

    fn value(&mut self, member: &'static Member, depth: usize) -> Result<(), Fault> {
        self.scanner.skip_space();
        if self.scanner.peek() == Some(b'n') {
            self.scanner.value(depth)?;
            return Ok(());
        }
        match member.shape {
            Shape::One(message) => self.nested(member.part, message, depth),
            Shape::Many(message) => self.list(member, message, depth),
            shape => {
                let start = self.scanner.at;
                let kind = self.scanner.value(depth)?;
                let raw = self.scanner.span_from(start, kind);
                let leaf = self.leaf(shape, raw).map_err(|expected| {
                    let (reason, member) = (DecodeReason::Otlp(expected), Some(member.name));
                    Fault { at: start, reason, member }
                })?;
                self.tape.leaf(member.part, leaf);
                Ok(())
            }
        }
    }

    fn list(
        &mut self,
        member: &'static Member,
        message: Message,
        depth: usize,
    ) -> Result<(), Fault> {
        if self.scanner.peek() != Some(b'[') {
            let fault = self.expected(Expected::Array);
            return Err(Fault { member: Some(member.name), ..fault });
        }
        self.scanner.enter(depth)?;
        if self.scanner.skip_if(b']') {
            return Ok(());
        }
        loop {
            self.nested(member.part, message, depth + 1)?;
            if !self.scanner.skip_comma(b']', Expected::CommaOrBracket)? {
                return Ok(());
            }
        }
    }

    fn nested(&mut self, part: Part, message: Message, depth: usize) -> Result<(), Fault> {
        let Some(node) = self.tape.open(part) else {
            return Err(self.fault(DecodeReason::TooManyEvents));
        };
        self.message(message, depth)?;
        self.tape.close(node);
        Ok(())
    }

    fn leaf(&mut self, shape: Shape, raw: RawSpan) -> Result<Leaf, Expected> {
        let (start, end) = (raw.start as usize, raw.end as usize);
        let is_text = matches!(raw.kind, Kind::Plain | Kind::Escaped);
        let (from, to) = if is_text { (start + 1, end - 1) } else { (start, end) };
        let inside = self.scanner.text.get(from..to).unwrap_or_default();
        let is_number = matches!(raw.kind, Kind::Plain | Kind::Number);
        match shape {
            Shape::Text if raw.kind == Kind::Plain => {
                Ok(Leaf::Text { home: Home::Payload, start: from as u32, end: to as u32 })
            }
            Shape::Text if raw.kind == Kind::Escaped => {
                let start = self.texts.len();
                // Half a surrogate pair is no text, and protobuf could not write it.
                unescape(inside, self.texts).then_some(()).ok_or(Expected::Escape)?;
                Ok(scratch(start, self.texts))
            }
            Shape::Text => Err(Expected::Text),
            Shape::Hex if raw.kind == Kind::Plain => {
                let is_hex = inside.bytes().all(|byte| byte.is_ascii_hexdigit());
                is_hex.then_some(()).ok_or(Expected::HexDigits)?;
                let start = self.texts.len();
                self.texts.extend(inside.chars().map(|digit| digit.to_ascii_lowercase()));
                Ok(scratch(start, self.texts))
            }
            Shape::Hex => Err(Expected::HexDigits),
            Shape::Bytes if is_text => Ok(Leaf::Bytes),
            Shape::Bytes => Err(Expected::Text),
            Shape::Whole | Shape::Fixed if is_number => {
                inside.parse().map(Leaf::Whole).map_err(|_| Expected::Whole)
            }
            Shape::Count if is_number => {
                inside.parse().map(Leaf::Count).map_err(|_| Expected::Whole)
            }
            Shape::Nanos if is_number => {
                inside.parse().map(Leaf::Nanos).map_err(|_| Expected::Whole)
            }
            Shape::Whole | Shape::Fixed | Shape::Count | Shape::Nanos => Err(Expected::Whole),
            Shape::Double if is_number => Ok(Leaf::Spelled { start: from as u32, end: to as u32 }),
            Shape::Double => Err(Expected::Number),
            Shape::Bool if matches!(raw.kind, Kind::True | Kind::False) => {
                Ok(Leaf::Bool(raw.kind == Kind::True))
            }
            Shape::Bool => Err(Expected::Truth),
            // They are no leaves; `value` never asks.
            Shape::One(_) | Shape::Many(_) => Err(Expected::Object),
        }
    }

    fn expected(&self, expected: Expected) -> Fault {
        match self.scanner.peek() {
            None => self.fault(DecodeReason::Truncated),
            Some(_) => self.fault(DecodeReason::Otlp(expected)),
        }
    }

    fn fault(&self, reason: DecodeReason) -> Fault {
        Fault { at: self.scanner.at, reason, member: None }
    }
}

/// The text from `start` to the end of what was written so far.
pub(super) fn scratch(start: usize, texts: &str) -> Leaf {
    Leaf::Text { home: Home::Scratch, start: start as u32, end: texts.len() as u32 }
}
