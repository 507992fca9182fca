//! Tokens to statements. Parsing never fails: what cannot be read is reported, and reading
//! goes on at the next statement word.
//!
//! The parsers are nom combinators over tokens. A parser that does not apply answers
//! `Err::Error`, and its caller tries another; one that has reported why it cannot go on
//! answers `Err::Failure`, which ends the statement.

mod alert;
mod boundary;
mod elsewhere;
mod expression;
pub(crate) mod keyword;
mod level;
mod measure;
mod reference;
mod statement;
mod stream;
mod test;
mod tokens;
mod trigger;
mod wording;

pub(crate) use statement::parse;

#[cfg(test)]
mod tests;
