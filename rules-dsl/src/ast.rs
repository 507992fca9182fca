//! Rules as written: what the parser reads and the printer writes.

mod alert;
#[cfg(test)]
pub(crate) mod drawn;
mod reference;
mod stream;
mod test;

use model::decimal::Decimal;

use crate::quantity::UnitWord;
use crate::rule::{Arithmetic, Comparison, TextTest};
use crate::source::Place;
pub use alert::{
    Alert, Clauses, Compare, Condition, During, Grade, HoldClause, Key, Level, Lookup, Rung,
    Trigger,
};
pub use reference::{Calendar, Items, List, Span, Table, Weekday};
pub use stream::{Extract, Field, FieldKind, KindArgument, Pattern, Stream};
pub use test::{Expect, Expected, Given, Test, TestStep, Value};

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
    /// `list …`
    List(List),
    /// `table …`
    Table(Table),
    /// `calendar …`
    Calendar(Calendar),
    /// `filter …`
    Filter(Filter),
    /// `measure …`
    Measure(MeasureStatement),
    /// `watch …`
    Watch(Watch),
    /// `alert …`
    Alert(Box<Alert>),
    /// `test …`
    Test(Test),
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
    /// The name of a list.
    List(Name),
}

/// `measure NAME = …`
#[derive(Clone, Debug, PartialEq)]
pub struct MeasureStatement {
    /// Its name.
    pub name: Name,
    /// What it stands for.
    pub measure: Measure,
}

/// `watch NAME = MEASURE by k1, k2?`
#[derive(Clone, Debug, PartialEq)]
pub struct Watch {
    /// Its name.
    pub name: Name,
    /// What is shown.
    pub measure: Measure,
    /// What it is grouped by.
    pub by: Vec<Key>,
}

/// A measure with the window, step and minimum written at it.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// What is measured.
    pub term: Term,
    /// How far back, and of how many events at least.
    pub window: Window,
}

/// What may follow a measure: of an arithmetic it goes for every operand without its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    /// `within D`
    pub within: Option<Quantity>,
    /// `step D`; `step 0` judges a long window event by event.
    pub step: Option<Quantity>,
    /// `min N`
    pub min: Option<Quantity>,
}

/// What is measured.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// The name of a stream, filter or measure.
    Named(Name),
    /// `count(x)`, `ratio(a, b)`
    Call(Name, Vec<Path>, At),
    /// A number.
    Number(Quantity),
    /// `a * 8 / b`; an operand that has a window of its own, or is an arithmetic of lower
    /// precedence, stands in parentheses.
    Arithmetic(Box<Measure>, Arithmetic, Box<Measure>),
    /// `x vs D ago`
    Versus(Box<Measure>, Quantity),
}

impl Term {
    /// Where it begins.
    pub fn place(&self) -> Place {
        match self {
            Term::Named(name) => name.at.0,
            Term::Call(_, _, at) => at.0,
            Term::Number(number) => number.at.0,
            Term::Arithmetic(left, ..) | Term::Versus(left, _) => left.term.place(),
        }
    }
}
