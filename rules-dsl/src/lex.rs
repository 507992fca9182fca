//! Text to tokens.

mod character;
mod lexer;
mod messages;
mod number;
mod phrase;
mod token;

pub(crate) use character::begins_word;
pub(crate) use lexer::lex;
pub(crate) use messages::calendar_time;
pub(crate) use phrase::{calendar_word, phrase_trap, unit_alias};
pub(crate) use token::{COMPARISON_WORDS, Token, TokenKind};

#[cfg(test)]
mod tests;
