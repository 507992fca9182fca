//! Tokens to statements. Parsing never fails: what cannot be read is reported, and reading
//! goes on at the next statement word.
//!
//! The parsers are nom combinators over tokens. A parser that does not apply answers
//! `Err::Error`, and its caller tries another; one that has reported why it cannot go on
//! answers `Err::Failure`, which ends the statement.

mod alert;
mod boundary;
mod expression;
mod foreign_syntax;
pub(crate) mod keyword;
mod level;
mod measure;
mod messages;
mod reference;
mod statement;
mod stream;
mod test;
mod tokens;
mod trigger;

pub(crate) use statement::parse;

#[cfg(test)]
mod tests;
