//! One pass over a JSON object that finds the declared fields and checks all the rest.
//!
//! The scanner notes where each declared field's value stands and converts nothing; numbers
//! stay text, so that a value such as `1e999` in a field nobody declared does no harm and a
//! declared one is read exactly. The whole document is held to RFC 8259's grammar.

use crate::codec::error::{DecodeReason, Expected};

/// Deepest nesting of objects and arrays that is read; the record's object is level 1.
pub const DEPTH_MAX: usize = 64;

/// Where a value stands in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RawSpan {
    pub start: usize,
    pub end: usize,
    /// A text with backslashes in it.
    pub escaped: bool,
}

/// A fault and the byte at which it is.
pub(super) type Fault = (usize, DecodeReason);

/// The declared paths as a tree, and where the last document had them.
///
/// A field `a.b.c` may be spelled `{"a.b.c":…}`, `{"a":{"b":{"c":…}}}`, `{"a.b":{"c":…}}` or
/// `{"a":{"b.c":…}}`. So a node stands for the joined names so far, and an edge for every way
/// to go on. Where a document has a field several times, the last one wins.
#[derive(Debug)]
pub(super) struct Projection {
    nodes: Vec<Node>,
    /// One per field; `None` where the document does not have it.
    pub spans: Vec<Option<RawSpan>>,
    name: String,
}

#[derive(Debug, Default)]
struct Node {
    prefix: String,
    // INVARIANT: sorted by (length, text) of the name; names are different.
    edges: Vec<Edge>,
}

#[derive(Debug)]
struct Edge {
    name: String,
    fields: Vec<usize>,
    child: Option<usize>,
}

impl Projection {
    /// The tree of the given paths, one per field.
    pub fn new<'a>(paths: impl Iterator<Item = &'a str>) -> Projection {
        let mut projection =
            Projection { nodes: vec![Node::default()], spans: Vec::new(), name: String::new() };
        for (field, path) in paths.enumerate() {
            projection.spans.push(None);
            projection.add(path, field);
        }
        for node in &mut projection.nodes {
            node.edges.sort_by(|a, b| shorter_first(&a.name, &b.name));
        }
        projection
    }

    /// Every dot may be the end of a name, so every part between two dots is an edge.
    fn add(&mut self, path: &str, field: usize) {
        let dots = path.match_indices('.').map(|(dot, _)| dot + 1);
        for start in std::iter::once(0).chain(dots) {
            let (prefix, rest) = path.split_at(start);
            let node = self.node(prefix);
            if let Some(edge) = self.edge(node, rest) {
                edge.fields.push(field);
            }
            for (dot, _) in rest.match_indices('.') {
                let child = self.node(path.get(..start + dot + 1).unwrap_or(path));
                if let Some(edge) = self.edge(node, rest.get(..dot).unwrap_or(rest)) {
                    edge.child = Some(child);
                }
            }
        }
    }

    fn node(&mut self, prefix: &str) -> usize {
        let known = self.nodes.iter().position(|node| node.prefix == prefix);
        known.unwrap_or_else(|| {
            let (prefix, edges) = (prefix.to_owned(), Vec::new());
            self.nodes.push(Node { prefix, edges });
            self.nodes.len() - 1
        })
    }

    fn edge(&mut self, node: usize, name: &str) -> Option<&mut Edge> {
        let edges = &mut self.nodes.get_mut(node)?.edges;
        let at = edges.iter().position(|edge| edge.name == name).unwrap_or(edges.len());
        if at == edges.len() {
            let (name, fields, child) = (name.to_owned(), Vec::new(), None);
            edges.push(Edge { name, fields, child });
        }
        edges.get_mut(at)
    }

    /// Checks a whole document and notes where the fields stand.
    pub fn scan(&mut self, text: &str) -> Result<(), Fault> {
        self.spans.fill(None);
        let mut scanner = Scanner::new(text, 0);
        // A byte order mark says nothing, and some producers write it.
        if text.starts_with('\u{feff}') {
            scanner.at = '\u{feff}'.len_utf8();
        }
        scanner.skip_space();
        match scanner.peek() {
            Some(b'{') => self.object(&mut scanner, Some(0), 1)?,
            None => return Err((scanner.at, DecodeReason::Truncated)),
            Some(_) => return Err((scanner.at, DecodeReason::NotAnObject)),
        }
        scanner.skip_space();
        match scanner.peek() {
            None => Ok(()),
            Some(_) => Err((scanner.at, DecodeReason::Trailing)),
        }
    }

    /// Scans an object whose members go on from a node, or concern nobody.
    fn object(
        &mut self,
        scanner: &mut Scanner<'_>,
        node: Option<usize>,
        depth: usize,
    ) -> Result<(), Fault> {
        scanner.enter(depth)?;
        if scanner.skip_if(b'}') {
            return Ok(());
        }
        loop {
            if scanner.peek() != Some(b'"') {
                return Err(scanner.expected(Expected::Name));
            }
            let name = scanner.string()?;
            scanner.skip_space();
            if !scanner.skip_if(b':') {
                return Err(scanner.expected(Expected::Colon));
            }
            scanner.skip_space();
            let edge = node.and_then(|node| self.find(node, scanner.text, name));
            let child = edge.and_then(|(node, edge)| self.nodes.get(node)?.edges.get(edge)?.child);
            let span = match scanner.peek() {
                Some(b'{') => {
                    let start = scanner.at;
                    self.object(scanner, child, depth + 1)?;
                    let (end, escaped) = (scanner.at, false);
                    RawSpan { start, end, escaped }
                }
                _ => scanner.value(depth + 1)?,
            };
            self.note(edge, span);
            if !scanner.skip_comma(b'}', Expected::CommaOrBrace)? {
                return Ok(());
            }
        }
    }

    fn find(&mut self, node: usize, text: &str, name: RawSpan) -> Option<(usize, usize)> {
        let raw = text.get(name.start + 1..name.end - 1)?;
        let name = if name.escaped {
            self.name.clear();
            if !unescape(raw, &mut self.name) {
                return None;
            }
            self.name.as_str()
        } else {
            raw
        };
        let edges = &self.nodes.get(node)?.edges;
        let at = edges.binary_search_by(|edge| shorter_first(&edge.name, name)).ok()?;
        Some((node, at))
    }

    fn note(&mut self, edge: Option<(usize, usize)>, span: RawSpan) {
        let Some((node, edge)) = edge else {
            return;
        };
        let edge = self.nodes.get(node).and_then(|node| node.edges.get(edge));
        for field in edge.into_iter().flat_map(|edge| &edge.fields) {
            if let Some(place) = self.spans.get_mut(*field) {
                *place = Some(span);
            }
        }
    }
}

/// Lengths differ more often than texts of equal length: compared first, they decide faster.
fn shorter_first(a: &str, b: &str) -> std::cmp::Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// A place in a JSON text, moving forward.
pub(super) struct Scanner<'a> {
    text: &'a str,
    pub at: usize,
}

impl<'a> Scanner<'a> {
    pub fn new(text: &'a str, at: usize) -> Scanner<'a> {
        Scanner { text, at }
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

    /// Any value, checked; the scanner stands behind it.
    pub fn value(&mut self, depth: usize) -> Result<RawSpan, Fault> {
        let start = self.at;
        match self.peek() {
            Some(b'"') => return self.string(),
            Some(b'{') => self.ignored_object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true")?,
            Some(b'f') => self.word("false")?,
            Some(b'n') => self.word("null")?,
            _ => return Err(self.expected(Expected::Value)),
        }
        let (end, escaped) = (self.at, false);
        Ok(RawSpan { start, end, escaped })
    }

    /// Steps over a comma, or over the closing byte and answers `false`.
    pub fn skip_comma(&mut self, close: u8, expected: Expected) -> Result<bool, Fault> {
        self.skip_space();
        if self.skip_if(close) {
            return Ok(false);
        }
        if !self.skip_if(b',') {
            return Err(self.expected(expected));
        }
        self.skip_space();
        Ok(true)
    }

    /// Steps over an opening byte, unless it opens one level too many.
    fn enter(&mut self, depth: usize) -> Result<(), Fault> {
        if depth > DEPTH_MAX {
            return Err((self.at, DecodeReason::TooDeep));
        }
        self.at += 1;
        self.skip_space();
        Ok(())
    }

    fn ignored_object(&mut self, depth: usize) -> Result<(), Fault> {
        self.enter(depth)?;
        if self.skip_if(b'}') {
            return Ok(());
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.expected(Expected::Name));
            }
            self.string()?;
            self.skip_space();
            if !self.skip_if(b':') {
                return Err(self.expected(Expected::Colon));
            }
            self.skip_space();
            self.value(depth + 1)?;
            if !self.skip_comma(b'}', Expected::CommaOrBrace)? {
                return Ok(());
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), Fault> {
        self.enter(depth)?;
        if self.skip_if(b']') {
            return Ok(());
        }
        loop {
            self.value(depth + 1)?;
            if !self.skip_comma(b']', Expected::CommaOrBracket)? {
                return Ok(());
            }
        }
    }

    fn string(&mut self) -> Result<RawSpan, Fault> {
        let start = self.at;
        self.at += 1;
        let mut escaped = false;
        loop {
            self.skip_plain();
            let Some(byte) = self.peek() else {
                return Err((self.at, DecodeReason::Truncated));
            };
            match byte {
                b'"' => {
                    self.at += 1;
                    return Ok(RawSpan { start, end: self.at, escaped });
                }
                b'\\' => {
                    self.at += 1;
                    escaped = true;
                    self.escape()?;
                }
                0..0x20 => {
                    let expected = DecodeReason::Syntax(Expected::EscapedControl);
                    return Err((self.at, expected));
                }
                _ => self.at += 1,
            }
        }
    }

    /// Steps over bytes that neither end a string nor mean something in it. Names and values
    /// of events are short: a plain loop beats eight bytes at a time on them.
    fn skip_plain(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let special = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
        self.at += special.unwrap_or(rest.len());
    }

    fn escape(&mut self) -> Result<(), Fault> {
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.peek().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                        return Err(self.expected(Expected::Escape));
                    }
                    self.at += 1;
                }
            }
            _ => return Err(self.expected(Expected::Escape)),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Fault> {
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
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start {
            return Err(self.expected(Expected::Digit));
        }
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<(), Fault> {
        for byte in word.bytes() {
            if self.peek().is_none() {
                return Err((self.at, DecodeReason::Truncated));
            }
            if !self.skip_if(byte) {
                return Err(self.expected(Expected::Value));
            }
        }
        Ok(())
    }

    fn expected(&self, expected: Expected) -> Fault {
        let reason = match self.peek() {
            Some(_) => DecodeReason::Syntax(expected),
            None => DecodeReason::Truncated,
        };
        (self.at, reason)
    }
}

/// Appends a checked string's content without its escapes; `false` for half a surrogate pair,
/// which is no text.
pub(super) fn unescape(raw: &str, out: &mut String) -> bool {
    let mut rest = raw;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut after = escape.chars();
        let decoded = match after.next() {
            Some('b') => Some('\u{8}'),
            Some('f') => Some('\u{c}'),
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('t') => Some('\t'),
            Some('u') => {
                let (decoded, left) = unescape_unit(after.as_str());
                after = left.chars();
                decoded
            }
            other => other,
        };
        let Some(decoded) = decoded else {
            return false;
        };
        out.push(decoded);
        rest = after.as_str();
    }
    out.push_str(rest);
    true
}

/// The character of `XXXX` or `XXXX\uXXXX`, and what follows it.
fn unescape_unit(text: &str) -> (Option<char>, &str) {
    let unit = |text: &str| text.get(..4).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let after = text.get(4..).unwrap_or_default();
    let Some(first) = unit(text) else {
        return (None, after);
    };
    if !(0xd800..0xdc00).contains(&first) {
        return (char::from_u32(first), after);
    }
    let second = after.strip_prefix("\\u").and_then(unit);
    let Some(second @ 0xdc00..0xe000) = second else {
        return (None, after);
    };
    let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    (char::from_u32(code), after.get(6..).unwrap_or_default())
}
