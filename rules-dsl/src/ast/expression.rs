//! Expressions of `where`.

use super::terminal::{FieldPath, NodeSpan, Quantity, QuotedText, SpannedName};
use crate::rule::{ArithmeticOp, ComparisonOp, TextTest};

/// An expression of `where`.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// At least two, joined by `and`.
    And(Vec<Expression>),
    /// At least two, joined by `or`.
    Or(Vec<Expression>),
    /// `not x`
    Not(Box<Expression>, NodeSpan),
    /// `a >= b`
    Compare(Box<Expression>, ComparisonOp, Box<Expression>),
    /// `x in (…)`, `x not in (…)`
    In {
        /// Value that is looked up.
        value: Box<Expression>,
        /// Written `not in`.
        negated: bool,
        /// Set in which it is looked up.
        set: MembershipSet,
    },
    /// `x contains "y"`
    Text(Box<Expression>, TextTest, Box<Expression>),
    /// `x matches "regex"`
    Matches(Box<Expression>, QuotedText),
    /// `exists(f)`
    Exists(FieldPath),
    /// `lower(x)`
    Lower(Box<Expression>, NodeSpan),
    /// `a + b`
    Arithmetic(Box<Expression>, ArithmeticOp, Box<Expression>),
    /// A field.
    Field(FieldPath),
    /// A quoted text.
    Quoted(QuotedText),
    /// A number, negative ones included.
    Number(Quantity),
    /// `true`, `false`
    Bool(bool, NodeSpan),
}

/// Set on the right side of `in`.
#[derive(Clone, Debug, PartialEq)]
pub enum MembershipSet {
    /// Literals.
    Literals(Vec<Expression>),
    /// Networks.
    Networks(Vec<QuotedText>),
    /// The name of a list.
    List(SpannedName),
}
