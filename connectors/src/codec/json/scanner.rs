//! A place in a JSON text that moves forward over checked values and converts nothing.

use crate::codec::error::{DecodeReason, ExpectedInput};
use crate::codec::limits::DEPTH_MAX;

/// Span and kind of a value in the text.
///
/// A record has at most [`crate::source::MAX_RECORD_BYTES`], so 32 bits hold a place; small
/// spans and faults travel in registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::codec) struct RawSpan {
    pub start: u32,
    pub end: u32,
    pub kind: JsonKind,
}

/// Kind of a value, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::codec) enum JsonKind {
    /// A text without backslashes: it means what it spells.
    Plain,
    /// A text with backslashes in it.
    Escaped,
    Number,
    True,
    False,
    Null,
    Array,
    Object,
}

/// Error of a text that is no JSON object, with its byte offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::codec) struct JsonError {
    pub at: u32,
    pub flaw: JsonErrorKind,
}

/// The part of [`DecodeReason`] that is about JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::codec) enum JsonErrorKind {
    Truncated,
    Trailing,
    NotAnObject,
    TooDeep,
    Syntax(ExpectedInput),
}

impl From<JsonError> for (usize, DecodeReason) {
    fn from(fault: JsonError) -> (usize, DecodeReason) {
        let reason = match fault.flaw {
            JsonErrorKind::Truncated => DecodeReason::Truncated,
            JsonErrorKind::Trailing => DecodeReason::Trailing,
            JsonErrorKind::NotAnObject => DecodeReason::NotAnObject,
            JsonErrorKind::TooDeep => DecodeReason::TooDeep,
            JsonErrorKind::Syntax(expected) => DecodeReason::Syntax(expected),
        };
        (fault.at as usize, reason)
    }
}

/// A text to be looked for at one place.
#[derive(Debug)]
pub(in crate::codec) struct JsonNeedle {
    text: String,
    /// Its first eight bytes, and which of their bits count: a short text needs no call.
    head: u64,
    mask: u64,
}

impl JsonNeedle {
    pub fn new(text: String) -> JsonNeedle {
        let word = |of: fn(u8) -> u8| {
            let eight = text.bytes().take(8).enumerate();
            eight.fold(0, |word, (at, byte)| word | u64::from(of(byte)) << (8 * at))
        };
        let (head, mask) = (word(|byte| byte), word(|_| 0xff));
        JsonNeedle { text, head, mask }
    }

    fn begins(&self, rest: &[u8]) -> bool {
        let Some(eight) = rest.first_chunk::<8>() else {
            return rest.starts_with(self.text.as_bytes());
        };
        (u64::from_le_bytes(*eight) ^ self.head) & self.mask == 0
            && (self.text.len() <= 8 || rest.starts_with(self.text.as_bytes()))
    }
}

/// A place in a JSON text, moving forward.
pub(in crate::codec) struct JsonScanner<'a> {
    pub text: &'a str,
    pub at: usize,
}

impl<'a> JsonScanner<'a> {
    pub fn new(text: &'a str, at: usize) -> JsonScanner<'a> {
        JsonScanner { text, at }
    }

    pub fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    pub fn skip_if(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Steps over a token that may stand here.
    pub fn skip_token(&mut self, token: &JsonNeedle) -> bool {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let found = token.begins(rest);
        self.at += if found { token.text.len() } else { 0 };
        found
    }

    /// Any value and the space before it, checked; the scanner stands behind it.
    pub fn value(&mut self, depth: usize) -> Result<JsonKind, JsonError> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'{') => self.nested(depth, JsonKind::Object),
            Some(b'[') => self.nested(depth, JsonKind::Array),
            Some(b't') => self.word("true", JsonKind::True),
            Some(b'f') => self.word("false", JsonKind::False),
            Some(b'n') => self.word("null", JsonKind::Null),
            Some(b' ' | b'\t' | b'\n' | b'\r') => {
                self.skip_space();
                self.value(depth)
            }
            _ => Err(self.expected(ExpectedInput::Value)),
        }
    }

    /// Span that the scanner has passed since `start`.
    pub fn span_from(&self, start: usize, kind: JsonKind) -> RawSpan {
        RawSpan { start: start as u32, end: self.at as u32, kind }
    }

    /// A member's name with its colon and the space between them.
    pub fn name(&mut self) -> Result<RawSpan, JsonError> {
        if self.peek() != Some(b'"') {
            return Err(self.expected(ExpectedInput::Name));
        }
        let start = self.at;
        let kind = self.string()?;
        let name = self.span_from(start, kind);
        self.skip_space();
        if !self.skip_if(b':') {
            return Err(self.expected(ExpectedInput::Colon));
        }
        Ok(name)
    }

    /// Steps over a comma, or over the closing byte and answers `false`.
    pub fn skip_comma(&mut self, close: u8, expected: ExpectedInput) -> Result<bool, JsonError> {
        // Few writers put space before a comma, and none is looked for where one stands.
        if self.peek() != Some(b',') {
            self.skip_space();
            if self.skip_if(close) {
                return Ok(false);
            }
            if self.peek() != Some(b',') {
                return Err(self.expected(expected));
            }
        }
        self.at += 1;
        self.skip_space();
        Ok(true)
    }

    /// Steps over an opening byte, unless it opens one level too many.
    pub fn enter(&mut self, depth: usize) -> Result<(), JsonError> {
        if depth > DEPTH_MAX {
            return Err(self.fault(JsonErrorKind::TooDeep));
        }
        self.at += 1;
        self.skip_space();
        Ok(())
    }

    /// Steps over an object or array of which no part is wanted.
    fn nested(&mut self, depth: usize, kind: JsonKind) -> Result<JsonKind, JsonError> {
        // A bit for each open level, the innermost lowest, set for an object: levels are at
        // most DEPTH_MAX, and so many bits there are.
        let (mut objects, mut open) = (0_u64, 0);
        loop {
            self.skip_space();
            let is_object = self.peek() == Some(b'{');
            if is_object || self.peek() == Some(b'[') {
                self.enter(depth + open)?;
                if !self.skip_if(if is_object { b'}' } else { b']' }) {
                    (objects, open) = (objects << 1 | u64::from(is_object), open + 1);
                    if is_object {
                        self.name()?;
                    }
                    continue;
                }
            } else {
                self.value(depth)?;
            }
            // Behind a value: on to the next one, out of every level that ends here.
            loop {
                if open == 0 {
                    return Ok(kind);
                }
                let is_object = objects & 1 == 1;
                let more = match is_object {
                    true => self.skip_comma(b'}', ExpectedInput::CommaOrBrace)?,
                    false => self.skip_comma(b']', ExpectedInput::CommaOrBracket)?,
                };
                if more && is_object {
                    self.name()?;
                }
                if more {
                    break;
                }
                (objects, open) = (objects >> 1, open - 1);
            }
        }
    }

    fn string(&mut self) -> Result<JsonKind, JsonError> {
        self.at += 1;
        // Most names and many values have at most eight bytes: one look is enough for them.
        let inside = self.text.as_bytes().get(self.at..).unwrap_or_default();
        if let Some(eight) = inside.first_chunk::<8>() {
            let plain = plain_before(*eight);
            if inside.get(plain) == Some(&b'"') {
                self.at += plain + 1;
                return Ok(JsonKind::Plain);
            }
        }
        self.long_string()
    }

    #[inline(never)]
    fn long_string(&mut self) -> Result<JsonKind, JsonError> {
        let mut kind = JsonKind::Plain;
        loop {
            self.skip_plain();
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(kind);
                }
                Some(b'\\') => {
                    self.at += 1;
                    kind = JsonKind::Escaped;
                    self.escape()?;
                }
                Some(_) => {
                    return Err(self.fault(JsonErrorKind::Syntax(ExpectedInput::EscapedControl)));
                }
                None => return Err(self.fault(JsonErrorKind::Truncated)),
            }
        }
    }

    /// Steps over bytes that neither end a string nor mean something in it.
    fn skip_plain(&mut self) {
        let mut rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        while let Some((eight, after)) = rest.split_first_chunk::<8>() {
            let plain = plain_before(*eight);
            self.at += plain;
            if plain < 8 {
                return;
            }
            rest = after;
        }
        let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
        self.at += rest.iter().position(is_special).unwrap_or(rest.len());
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.peek().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                        return Err(self.expected(ExpectedInput::Escape));
                    }
                    self.at += 1;
                }
            }
            _ => return Err(self.expected(ExpectedInput::Escape)),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<JsonKind, JsonError> {
        self.skip_if(b'-');
        if !self.skip_if(b'0') {
            self.digits()?;
        }
        if self.skip_if(b'.') {
            self.digits()?;
        }
        if self.skip_if(b'e') || self.skip_if(b'E') {
            let _ = self.skip_if(b'+') || self.skip_if(b'-');
            self.digits()?;
        }
        Ok(JsonKind::Number)
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let count = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        self.at += count;
        match count {
            0 => Err(self.expected(ExpectedInput::Digit)),
            _ => Ok(()),
        }
    }

    fn word(&mut self, word: &str, kind: JsonKind) -> Result<JsonKind, JsonError> {
        for byte in word.bytes() {
            if !self.skip_if(byte) {
                return Err(self.expected(ExpectedInput::Value));
            }
        }
        Ok(kind)
    }

    /// A fault at this place.
    pub fn fault(&self, flaw: JsonErrorKind) -> JsonError {
        JsonError { at: self.at as u32, flaw }
    }

    #[cold]
    fn expected(&self, expected: ExpectedInput) -> JsonError {
        let is_end = self.at >= self.text.len();
        self.fault(if is_end { JsonErrorKind::Truncated } else { JsonErrorKind::Syntax(expected) })
    }
}

/// Number of bytes, of eight, before the first quote, backslash or control character.
///
/// Eight bytes are judged as one word: what is subtracted borrows from the highest bit of a byte
/// just if the byte is below it. (Henry Warren, "Hacker's Delight", 6-1.) A borrow can run on
/// into the bytes above, never below, and the lowest mark is the one that counts.
fn plain_before(eight: [u8; 8]) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const QUOTES: u64 = u64::from_le_bytes([b'"'; 8]);
    const BACKSLASHES: u64 = u64::from_le_bytes([b'\\'; 8]);
    const SPACES: u64 = u64::from_le_bytes([b' '; 8]);
    const HIGHEST: u64 = u64::from_le_bytes([0x80; 8]);
    let word = u64::from_le_bytes(eight);
    let quote = (word ^ QUOTES).wrapping_sub(ONES);
    let backslash = (word ^ BACKSLASHES).wrapping_sub(ONES);
    let control = word.wrapping_sub(SPACES);
    let special = (quote | backslash | control) & !word & HIGHEST;
    special.trailing_zeros() as usize / 8
}

#[cfg(test)]
mod tests;
