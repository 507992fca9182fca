//! Rules as written: what the parser reads and the printer writes.

use model::decimal::Decimal;
use model::severity::Severity;

use crate::quantity::UnitWord;
use crate::rule::{Arithmetic, Comparison, TextTest};
use crate::source::Place;

/// Where a node stands. It is no part of what the node means: two nodes that differ only in
/// their places are equal.
#[derive(Clone, Copy, Debug, Default)]
pub struct At(pub Place);

impl PartialEq for At {
    fn eq(&self, _: &At) -> bool {
        true
    }
}

impl Eq for At {}

/// One file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ast {
    /// In the order written.
    pub statements: Vec<Statement>,
}

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// `stream …`
    Stream(Stream),
    /// `filter …`
    Filter(Filter),
    /// `measure …`
    Measure(MeasureStatement),
    /// `alert …`
    Alert(Box<Alert>),
    /// Declares a name, but could not be read; the reason has been reported.
    Broken(Name),
}

/// A name and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// Normalised.
    pub text: String,
    /// Where.
    pub at: At,
}

/// A dotted path: a field, or a stream's or filter's name followed by a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// Its parts; never empty.
    pub segments: Vec<String>,
    /// Where.
    pub at: At,
}

impl Path {
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
pub struct Quoted {
    /// Unescaped.
    pub text: String,
    /// Where.
    pub at: At,
}

/// A number with its unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    /// As written, before the unit.
    pub value: Decimal,
    /// The unit read directly after it.
    pub unit: Option<&'static UnitWord>,
    /// Where.
    pub at: At,
}

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
    /// Where the record has it, when elsewhere.
    pub path: Option<Quoted>,
}

/// A field's type as written.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldKind {
    /// `str`, `duration` …
    pub name: Name,
    /// What stands in the parentheses.
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

/// `filter NAME = BASE where …`
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// Its name.
    pub name: Name,
    /// The stream or filter it selects from.
    pub base: Name,
    /// Which events; all of them when nothing is written.
    pub condition: Option<Expression>,
}

/// An expression of `where`.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// At least two, joined by `and`.
    And(Vec<Expression>),
    /// At least two, joined by `or`.
    Or(Vec<Expression>),
    /// `not x`
    Not(Box<Expression>, At),
    /// `a >= b`
    Compare(Box<Expression>, Comparison, Box<Expression>),
    /// `x in (…)`, `x not in (…)`
    In {
        /// What is looked up.
        value: Box<Expression>,
        /// Written `not in`.
        negated: bool,
        /// Where it is looked up.
        set: Set,
    },
    /// `x contains "y"`
    Text(Box<Expression>, TextTest, Box<Expression>),
    /// `x matches "regex"`
    Matches(Box<Expression>, Quoted),
    /// `exists(f)`
    Exists(Path),
    /// `lower(x)`
    Lower(Box<Expression>, At),
    /// `a + b`
    Arithmetic(Box<Expression>, Arithmetic, Box<Expression>),
    /// A field.
    Field(Path),
    /// A quoted text.
    Quoted(Quoted),
    /// A number, negative ones included.
    Number(Quantity),
    /// `true`, `false`
    Bool(bool, At),
}

/// What `in` looks in.
#[derive(Clone, Debug, PartialEq)]
pub enum Set {
    /// Literals.
    Literals(Vec<Expression>),
    /// Networks.
    Networks(Vec<Quoted>),
}

/// `measure NAME = …`
#[derive(Clone, Debug, PartialEq)]
pub struct MeasureStatement {
    /// Its name.
    pub name: Name,
    /// What it stands for.
    pub measure: Measure,
}

/// A measure with the window and minimum written at it.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// What is measured.
    pub term: Term,
    /// `within D`
    pub within: Option<Quantity>,
    /// `min N`
    pub min: Option<Quantity>,
}

/// What is measured.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// The name of a stream, filter or measure.
    Named(Name),
    /// `count(x)`, `ratio(a, b)`
    Call(Name, Vec<Path>),
}

/// `alert NAME TRIGGER … SEVERITY { … }`
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Its name.
    pub name: Name,
    /// What is compared; its `within` and `min` may also stand among the clauses.
    pub measure: Measure,
    /// With what.
    pub level: Level,
    /// `by k1, k2?`
    pub by: Vec<Key>,
    /// `for D`
    pub hold_for: Option<Quantity>,
    /// `clear X`
    pub clear: Option<Quantity>,
    /// `keep D`
    pub keep: Option<Quantity>,
    /// `nodata …`
    pub nodata: Option<HoldClause>,
    /// How serious it is.
    pub severity: Severity,
    /// `message "…"`
    pub message: Option<Quoted>,
    /// `runbook "…"`
    pub runbook: Option<Quoted>,
    /// `labels { … }`
    pub labels: Vec<(Path, Quoted)>,
}

/// The level of a trigger.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// How the measure is compared; `>=` unless written.
    pub comparison: Comparison,
    /// With what.
    pub quantity: Quantity,
    /// The window written after a slash: how many of which unit.
    pub per: Option<Quantity>,
}

/// A component of the key.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// The field.
    pub field: Path,
    /// Written `field?`.
    pub optional: bool,
}

/// What happens while the value is unknown.
#[derive(Clone, Debug, PartialEq)]
pub enum HoldClause {
    /// `nodata hold D`
    Hold(Quantity),
    /// `nodata clear`
    Clear,
}
