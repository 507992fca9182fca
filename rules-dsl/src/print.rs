//! Canonical printer: statements to text. Parsing its output yields the same statements.

mod alert;
mod expression;
mod measure;
mod reference;
mod statement;
mod stream;
mod term;
mod test;

pub use expression::expression;
pub(crate) use expression::test_word;
pub(crate) use measure::measure;
pub use statement::print;
pub(crate) use term::{clock, comparison_word, keys, sign};
pub use term::{dotted, name, path, quantity, quoted};
pub(crate) use test::expect as expectation;

#[cfg(test)]
mod tests;
