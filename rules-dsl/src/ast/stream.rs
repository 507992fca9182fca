//! Streams as written.

use super::terminal::{FieldPath, Quantity, QuotedText, SpannedName};

/// `stream NAME from "…" { … } …`
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// Its name.
    pub name: SpannedName,
    /// The logical input; the name itself unless written.
    pub from: Option<QuotedText>,
    /// Its fields.
    pub fields: Vec<Field>,
    /// `codec NAME`
    pub codec: Option<SpannedName>,
    /// `lateness D`
    pub lateness: Option<Quantity>,
    /// `id FIELD`
    pub id: Option<FieldPath>,
    /// `partitioned_by FIELD`
    pub partitioned_by: Option<FieldPath>,
    /// `extract …`
    pub extracts: Vec<Extract>,
}

/// One declared field.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: FieldPath,
    /// Its type.
    pub kind: FieldKind,
    /// Path in the record, when it differs from the name.
    pub path: Option<QuotedText>,
}

/// A field's type as written.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldKind {
    /// `str`, `duration` …
    pub name: SpannedName,
    /// Argument in the parentheses.
    pub argument: Option<KindArgument>,
}

/// The argument of a field's type.
#[derive(Clone, Debug, PartialEq)]
pub enum KindArgument {
    /// `duration(ms)`, `list(str)`
    Kind(Box<FieldKind>),
    /// `percent(0..1)`
    Range(Quantity, Quantity),
    /// `time("unix_ms")`
    Format(QuotedText),
}

/// `extract FIELD { … }`
#[derive(Clone, Debug, PartialEq)]
pub struct Extract {
    /// The text taken apart.
    pub source: FieldPath,
    /// Its patterns, in order.
    pub patterns: Vec<Pattern>,
}

/// `"pattern" => field "constant" …`
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    /// Literal text with holes.
    pub pattern: QuotedText,
    /// Fields set when it matches.
    pub sets: Vec<(FieldPath, QuotedText)>,
}
