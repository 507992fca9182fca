//! Expressions of `where`.

use super::terminal::{At, Name, Path, Quantity, Quoted};
use crate::rule::{Arithmetic, Comparison, TextTest};

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
        /// Value that is looked up.
        value: Box<Expression>,
        /// Written `not in`.
        negated: bool,
        /// Set in which it is looked up.
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

/// Set on the right side of `in`.
#[derive(Clone, Debug, PartialEq)]
pub enum Set {
    /// Literals.
    Literals(Vec<Expression>),
    /// Networks.
    Networks(Vec<Quoted>),
    /// The name of a list.
    List(Name),
}
