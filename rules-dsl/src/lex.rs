//! Text to tokens.

mod character;
mod lexer;
mod number;
mod phrase;
mod token;
mod wording;

pub(crate) use character::begins_word;
pub(crate) use lexer::lex;
pub(crate) use phrase::{calendar_word, phrase_trap, unit_alias};
pub(crate) use token::{COMPARISON_WORDS, Token, TokenKind};
pub(crate) use wording::calendar_time;

#[cfg(test)]
mod tests;
