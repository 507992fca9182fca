//! Streams as written.

use super::terminal::{Name, Path, Quantity, Quoted};

/// `stream NAME from "…" { … } …`
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// Its name.
    pub name: Name,
    /// The logical input; the name itself unless written.
    pub from: Option<Quoted>,
    /// Its fields.
    pub fields: Vec<Field>,
    /// `codec NAME`
    pub codec: Option<Name>,
    /// `lateness D`
    pub lateness: Option<Quantity>,
    /// `id FIELD`
    pub id: Option<Path>,
    /// `partitioned_by FIELD`
    pub partitioned_by: Option<Path>,
    /// `extract …`
    pub extracts: Vec<Extract>,
}

/// One declared field.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: Path,
    /// Its type.
    pub kind: FieldKind,
    /// Path in the record, when it differs from the name.
    pub path: Option<Quoted>,
}

/// A field's type as written.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldKind {
    /// `str`, `duration` …
    pub name: Name,
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
    Format(Quoted),
}

/// `extract FIELD { … }`
#[derive(Clone, Debug, PartialEq)]
pub struct Extract {
    /// The text taken apart.
    pub source: Path,
    /// Its patterns, in order.
    pub patterns: Vec<Pattern>,
}

/// `"pattern" => field "constant" …`
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    /// Literal text with holes.
    pub pattern: Quoted,
    /// Fields set when it matches.
    pub sets: Vec<(Path, Quoted)>,
}
