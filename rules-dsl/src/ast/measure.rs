//! Measures and their windows.

use super::terminal::{FieldPath, NodeSpan, Quantity, SpannedName};
use crate::rule::ArithmeticOp;
use crate::source::SourceSpan;

/// A measure with the window, step and minimum written at it.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// The measure itself.
    pub term: MeasureTerm,
    /// Its window, step and minimum.
    pub window: Window,
}

/// Clauses that may follow a measure: of an arithmetic it goes for every operand without its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    /// `within D`
    pub within: Option<Quantity>,
    /// `step D`; `step 0` evaluates a long window event by event.
    pub step: Option<Quantity>,
    /// `min N`
    pub min: Option<Quantity>,
}

/// The measure itself.
#[derive(Clone, Debug, PartialEq)]
pub enum MeasureTerm {
    /// The name of a stream, filter or measure.
    Named(SpannedName),
    /// `count(x)`, `ratio(a, b)`
    Call(SpannedName, Vec<FieldPath>, NodeSpan),
    /// A number.
    Number(Quantity),
    /// `a * 8 / b`; an operand that has a window of its own, or is an arithmetic of lower
    /// precedence, stands in parentheses.
    Arithmetic(Box<Measure>, ArithmeticOp, Box<Measure>),
    /// `x vs D ago`
    Versus(Box<Measure>, Quantity),
}

impl MeasureTerm {
    /// Place at which it starts.
    pub fn place(&self) -> SourceSpan {
        match self {
            MeasureTerm::Named(name) => name.at.0,
            MeasureTerm::Call(_, _, at) => at.0,
            MeasureTerm::Number(number) => number.at.0,
            MeasureTerm::Arithmetic(left, ..) | MeasureTerm::Versus(left, _) => left.term.place(),
        }
    }
}
