//! Extraction of the declared fields of a JSON object in one validating pass.
//!
//! The scanner records the position of each declared value and converts nothing. Numbers stay text,
//! so that a value such as `1e999` in an undeclared field is harmless and a declared one is
//! converted exactly. The whole document is validated against the grammar of RFC 8259.

mod scanner;
mod unescape;

use crate::codec::error::{DecodeReason, ExpectedInput};
pub(super) use crate::codec::json::scanner::{JsonError, JsonKind, JsonScanner, RawSpan};
use crate::codec::json::scanner::{JsonErrorKind, JsonNeedle};
pub(super) use crate::codec::json::unescape::unescape;

/// Tree of the declared paths, with the positions of their values in the last document.
///
/// A field `a.b.c` may be spelled `{"a.b.c":…}`, `{"a":{"b":{"c":…}}}`, `{"a.b":{"c":…}}` or
/// `{"a":{"b.c":…}}`. So a node stands for the joined names so far, and an edge for each possible
/// continuation. Of duplicate fields in a document, the last one applies.
#[derive(Debug)]
pub(super) struct FieldProjection {
    nodes: Vec<PathNode>,
    edges: Vec<PathEdge>,
    /// One per field; `None` where the document does not have it.
    pub spans: Vec<Option<RawSpan>>,
    /// Fields whose path an earlier field has, and that field.
    copies: Vec<(usize, usize)>,
    name: String,
}

#[derive(Debug, Default)]
struct PathNode {
    prefix: String,
    // INVARIANT: the names of a node's edges are different.
    edges: Vec<usize>,
    /// A bit for each length that a name has; the highest for all lengths from 63.
    lengths: u64,
    /// The edge of the first declared member in the last object.
    first: usize,
}

#[derive(Debug)]
struct PathEdge {
    name: String,
    /// The name as writers spell it, with its colon.
    token: JsonNeedle,
    aim: EdgeTarget,
    /// The edge of the declared member that followed in the last object.
    next: usize,
}

/// Target of an edge: to a field, to a node, or to both.
#[derive(Clone, Copy, Debug, Default)]
struct EdgeTarget {
    field: Option<u32>,
    child: Option<u32>,
}

impl FieldProjection {
    /// The tree of the given paths, one per field.
    pub fn new<'a>(paths: impl Iterator<Item = &'a str>) -> FieldProjection {
        let mut projection = FieldProjection {
            nodes: vec![PathNode::default()],
            edges: Vec::new(),
            spans: Vec::new(),
            copies: Vec::new(),
            name: String::new(),
        };
        let mut seen = Vec::new();
        for (field, path) in paths.enumerate() {
            projection.spans.push(None);
            match seen.iter().position(|seen| *seen == path) {
                Some(first) => projection.copies.push((field, first)),
                None => projection.add(path, field),
            }
            seen.push(path);
        }
        projection
    }

    /// Every dot may be the end of a name, so every part between two dots is an edge.
    fn add(&mut self, path: &str, field: usize) {
        let dots = path.match_indices('.').map(|(dot, _)| dot + 1);
        for start in std::iter::once(0).chain(dots) {
            let (prefix, rest) = path.split_at(start);
            let node = self.node(prefix);
            if let Some(aim) = self.aim(node, rest) {
                aim.field = Some(field as u32);
            }
            for (dot, _) in rest.match_indices('.') {
                let child = self.node(path.get(..start + dot + 1).unwrap_or(path));
                if let Some(aim) = self.aim(node, rest.get(..dot).unwrap_or(rest)) {
                    aim.child = Some(child as u32);
                }
            }
        }
    }

    fn node(&mut self, prefix: &str) -> usize {
        let known = self.nodes.iter().position(|node| node.prefix == prefix);
        known.unwrap_or_else(|| {
            self.nodes.push(PathNode { prefix: prefix.to_owned(), ..PathNode::default() });
            self.nodes.len() - 1
        })
    }

    fn aim(&mut self, node: usize, name: &str) -> Option<&mut EdgeTarget> {
        let node = self.nodes.get_mut(node)?;
        let of_name = |edge: &&usize| self.edges.get(**edge).is_some_and(|edge| edge.name == name);
        let at = node.edges.iter().find(of_name).copied().unwrap_or(self.edges.len());
        if at == self.edges.len() {
            // A guess to begin with: members come in the order of their declarations.
            match node.edges.last().and_then(|last| self.edges.get_mut(*last)) {
                Some(last) => last.next = at,
                None => node.first = at,
            }
            node.edges.push(at);
            node.lengths |= length_bit(name.len());
            let token = JsonNeedle::new(format!("{}:", serde_json::Value::from(name)));
            let (name, aim, next) = (name.to_owned(), EdgeTarget::default(), usize::MAX);
            self.edges.push(PathEdge { name, token, aim, next });
        }
        self.edges.get_mut(at).map(|edge| &mut edge.aim)
    }

    /// Checks a whole document and notes where the fields stand.
    pub fn scan(&mut self, text: &str) -> Result<(), (usize, DecodeReason)> {
        Ok(self.document(text)?)
    }

    fn document(&mut self, text: &str) -> Result<(), JsonError> {
        self.spans.fill(None);
        let mut scanner = JsonScanner::new(text, 0);
        // A byte order mark has no meaning, and some producers write it.
        if text.starts_with('\u{feff}') {
            scanner.at = '\u{feff}'.len_utf8();
        }
        scanner.skip_space();
        match scanner.peek() {
            Some(b'{') => self.object(&mut scanner, 0, 1)?,
            None => return Err(scanner.fault(JsonErrorKind::Truncated)),
            Some(_) => return Err(scanner.fault(JsonErrorKind::NotAnObject)),
        }
        scanner.skip_space();
        if scanner.peek().is_some() {
            return Err(scanner.fault(JsonErrorKind::Trailing));
        }
        for (copy, field) in &self.copies {
            let span = self.spans.get(*field).copied().flatten();
            if let Some(place) = self.spans.get_mut(*copy) {
                *place = span;
            }
        }
        Ok(())
    }

    /// Scans an object whose members continue the path of a node.
    fn object(
        &mut self,
        scanner: &mut JsonScanner<'_>,
        node: usize,
        depth: usize,
    ) -> Result<(), JsonError> {
        scanner.enter(depth)?;
        if scanner.skip_if(b'}') {
            return Ok(());
        }
        let mut before = None;
        let mut guess = self.nodes.get(node).map_or(usize::MAX, |node| node.first);
        loop {
            // Events of a stream have their members in one order, mostly: what followed last time
            // is tried first, and only a wrong guess pays for reading a name and looking it up.
            let edge = match self.edges.get(guess) {
                Some(edge) if scanner.skip_token(&edge.token) => Some(guess),
                _ => self.look_up(scanner, node, before)?,
            };
            match edge.and_then(|edge| self.edges.get(edge)) {
                Some(&PathEdge { aim, next, .. }) => {
                    (before, guess) = (edge, next);
                    self.wanted_value(scanner, aim, depth + 1)?;
                }
                None => {
                    scanner.value(depth + 1)?;
                }
            }
            if !scanner.skip_comma(b'}', ExpectedInput::CommaOrBrace)? {
                return Ok(());
            }
        }
    }

    /// Reads a member's name and finds its edge; next time that is the guess for what follows
    /// `before`.
    fn look_up(
        &mut self,
        scanner: &mut JsonScanner<'_>,
        node: usize,
        before: Option<usize>,
    ) -> Result<Option<usize>, JsonError> {
        let name = scanner.name()?;
        let found = self.find(node, scanner.text, name);
        if let Some(found) = found {
            let guess = match before {
                Some(before) => self.edges.get_mut(before).map(|edge| &mut edge.next),
                None => self.nodes.get_mut(node).map(|node| &mut node.first),
            };
            if let Some(guess) = guess {
                *guess = found;
            }
        }
        Ok(found)
    }

    fn find(&mut self, node: usize, text: &str, name: RawSpan) -> Option<usize> {
        let raw = text.get(name.start as usize + 1..name.end as usize - 1)?;
        let name = if name.kind == JsonKind::Escaped {
            self.name.clear();
            if !unescape(raw, &mut self.name) {
                return None;
            }
            self.name.as_str()
        } else {
            raw
        };
        let node = self.nodes.get(node)?;
        if node.lengths & length_bit(name.len()) == 0 {
            return None;
        }
        let of_name = |edge: &&usize| self.edges.get(**edge).is_some_and(|edge| edge.name == name);
        node.edges.iter().find(of_name).copied()
    }

    /// Scans a declared member's value and notes where it stands.
    fn wanted_value(
        &mut self,
        scanner: &mut JsonScanner<'_>,
        aim: EdgeTarget,
        depth: usize,
    ) -> Result<(), JsonError> {
        scanner.skip_space();
        let start = scanner.at;
        let kind = match aim.child {
            Some(child) if scanner.peek() == Some(b'{') => {
                self.object(scanner, child as usize, depth)?;
                JsonKind::Object
            }
            _ => scanner.value(depth)?,
        };
        if let Some(place) = aim.field.and_then(|field| self.spans.get_mut(field as usize)) {
            *place = Some(scanner.span_from(start, kind));
        }
        Ok(())
    }
}

fn length_bit(length: usize) -> u64 {
    1 << length.min(63)
}
