//! Terminals of the grammar: names, paths, texts and quantities, each with its place.

use model::decimal::Decimal;

use crate::quantity::UnitWord;
use crate::source::SourceSpan;

/// Place of a node. It is no part of what the node means: two nodes that differ only in
/// their places are equal.
#[derive(Clone, Copy, Debug, Default)]
pub struct NodeSpan(pub SourceSpan);

impl PartialEq for NodeSpan {
    fn eq(&self, _: &NodeSpan) -> bool {
        true
    }
}

impl Eq for NodeSpan {}

/// A name and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpannedName {
    /// Normalised.
    pub text: String,
    /// Its place.
    pub at: NodeSpan,
}

/// A dotted path: a field, or a stream's or filter's name followed by a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldPath {
    /// Its parts; never empty.
    pub segments: Vec<String>,
    /// Its place.
    pub at: NodeSpan,
}

impl FieldPath {
    /// All of it, as fields are named.
    pub fn dotted(&self) -> String {
        self.segments.join(".")
    }

    /// The first part and the rest, if there is one.
    pub fn split(&self) -> (&str, Option<String>) {
        match self.segments.split_first() {
            Some((head, [])) => (head, None),
            Some((head, rest)) => (head, Some(rest.join("."))),
            None => ("", None),
        }
    }
}

/// A quoted text and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotedText {
    /// Unescaped.
    pub text: String,
    /// Its place.
    pub at: NodeSpan,
}

/// A number with its unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    /// As written, before the unit.
    pub value: Decimal,
    /// The unit read directly after it.
    pub unit: Option<&'static UnitWord>,
    /// Its place.
    pub at: NodeSpan,
}
