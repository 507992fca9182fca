//! Boundaries of statements: the words that start one, the name it declares, and its end.

use nom::Parser;

use super::keyword::STATEMENTS;
use super::messages;
use super::tokens::{ParseResult, ParseStop, TokenCursor, expect, name, symbol};
use crate::ast::SpannedName;
use crate::diagnostic::{BilingualText, nearest};
use crate::lex::TokenKind;

/// `alret a …`: a word near to a statement word, and a name.
pub(super) fn misspells_statement(input: TokenCursor<'_>) -> bool {
    let near = input.bare_word().and_then(|word| nearest(word, STATEMENTS.iter().copied()));
    near.is_some() && matches!(input.skip(1).first(), Some(TokenKind::Word(_)))
}

pub(super) fn starts_statement(input: TokenCursor<'_>) -> bool {
    let next = input.skip(1);
    STATEMENTS.iter().any(|word| input.is_word(word))
        && matches!(next.first(), Some(TokenKind::Word(_) | TokenKind::Broken))
}

pub(super) fn declared_name(input: TokenCursor<'_>) -> ParseResult<'_, SpannedName> {
    expect(messages::a_name(), name).parse(input)
}

pub(super) fn expect_equals(input: TokenCursor<'_>) -> ParseResult<'_, ()> {
    expect(messages::equals(), symbol("=")).map(|_| ()).parse(input)
}

/// Holds the statement to its end, so that what follows it is reported where it stands. A
/// misspelt statement word ends it too: what is wrong is the next statement.
pub(super) fn statement_end(
    input: TokenCursor<'_>,
    what: BilingualText,
) -> Result<TokenCursor<'_>, ParseStop> {
    let next = STATEMENTS.iter().any(|word| input.is_word(word));
    if input.is_empty() || next || misspells_statement(input) {
        Ok(input)
    } else {
        Err(input.unexpected(what))
    }
}
