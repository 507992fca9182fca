//! Measures and their windows.

use super::terminal::{At, Name, Path, Quantity};
use crate::rule::Arithmetic;
use crate::source::SourceSpan;

/// A measure with the window, step and minimum written at it.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// The measure itself.
    pub term: Term,
    /// Its window, step and minimum.
    pub window: Window,
}

/// Clauses that may follow a measure: of an arithmetic it goes for every operand without its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    /// `within D`
    pub within: Option<Quantity>,
    /// `step D`; `step 0` judges a long window event by event.
    pub step: Option<Quantity>,
    /// `min N`
    pub min: Option<Quantity>,
}

/// The measure itself.
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
    /// Place at which it begins.
    pub fn place(&self) -> SourceSpan {
        match self {
            Term::Named(name) => name.at.0,
            Term::Call(_, _, at) => at.0,
            Term::Number(number) => number.at.0,
            Term::Arithmetic(left, ..) | Term::Versus(left, _) => left.term.place(),
        }
    }
}
