//! Parser: tokens to statements. It never fails: it reports a syntax error and resumes at the next
//! statement word.
//!
//! The parsers are nom combinators over tokens. A parser that does not apply returns `Err::Error`,
//! and its caller tries another. A parser that has reported an error returns `Err::Failure`, which
//! ends the statement.

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
