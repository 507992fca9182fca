//! Tokens to statements. Parsing never fails: what cannot be read is reported, and reading
//! goes on at the next statement word.
//!
//! The parsers are nom combinators over tokens. A parser that does not apply answers
//! `Err::Error`, and its caller tries another; one that has reported why it cannot go on
//! answers `Err::Failure`, which ends the statement.

mod alert;
mod expression;
mod level;
mod stream;
mod tokens;
mod word;

use nom::Parser;
use nom::branch::alt;
use nom::combinator::opt;

use crate::ast::{Ast, At, Filter, MeasureStatement, Name, Statement};
use crate::diagnostic::{Code, Diagnostic, text};
use crate::lex::{TokenKind, lex};
use tokens::{Context, Parsed, Tokens, expect, keyword, name, symbol};
pub(crate) use word::{LATER_CODECS, needs_quotes};
use word::{LATER_STATEMENTS, STATEMENTS};

/// Deepest nesting of parentheses, `not` and arithmetic.
pub const NESTING_MAX: usize = 64;
/// Most statements of one file.
pub const STATEMENTS_MAX: usize = 20_000;

/// Reads one file; `file` is its index in every place.
pub(crate) fn parse(file: usize, source: &str) -> (Ast, Vec<Diagnostic>) {
    let (tokens, found) = lex(file, source);
    let context = Context::new(file, source.len(), found);
    let mut rest = Tokens::new(&tokens, &context);
    let mut statements = Vec::new();
    while !rest.is_empty() {
        if statements.len() >= STATEMENTS_MAX {
            let message = text!(
                "more than {STATEMENTS_MAX} statements in one file",
                "1ファイルの文が {STATEMENTS_MAX} を超えています"
            );
            context.report(Diagnostic::new(Code::LimitExceeded, rest.place(), message));
            break;
        }
        let start = rest;
        match statement(rest) {
            Ok((after, read)) => {
                statements.extend(read);
                rest = after;
            }
            Err(_) => {
                statements.extend(broken(start));
                rest = recover(start);
            }
        }
        context.surface();
    }
    (Ast { statements }, context.into_diagnostics())
}

fn statement(input: Tokens<'_>) -> Parsed<'_, Option<Statement>> {
    if let Some(word) = LATER_STATEMENTS.iter().find(|word| input.is_word(word)) {
        return Err(input.not_yet(word));
    }
    let known = alt((stream::stream, filter, measure, alert::alert)).map(Some);
    let what = text!(
        "a statement: stream, filter, measure or alert",
        "文: stream、filter、measure、alert のどれか"
    );
    expect(what, known).parse(input)
}

/// The name a statement declares although the rest of it cannot be read, so that its uses
/// are not reported as well.
fn broken(start: Tokens<'_>) -> Option<Statement> {
    let named = |input: Tokens<'_>| match input.first() {
        Some(TokenKind::Word(segments)) => {
            let text = segments.first()?.text.clone();
            Some(Statement::Broken(Name { text, at: At(input.place()) }))
        }
        _ => None,
    };
    starts_statement(start).then(|| named(start.skip(1))).flatten()
}

fn starts_statement(input: Tokens<'_>) -> bool {
    let mut words = STATEMENTS.iter().chain(LATER_STATEMENTS);
    words.any(|word| input.is_word(word))
        && matches!(input.skip(1).first(), Some(TokenKind::Word(_) | TokenKind::Broken))
}

fn recover(start: Tokens<'_>) -> Tokens<'_> {
    let mut rest = start.skip(1);
    while !rest.is_empty() && !starts_statement(rest) {
        rest = rest.skip(1);
    }
    rest
}

fn filter(input: Tokens<'_>) -> Parsed<'_, Statement> {
    let (rest, _) = keyword("filter").parse(input)?;
    let (rest, name_read) = declared_name(rest)?;
    let (rest, _) = expect_equals(rest)?;
    let what = text!("the stream or filter it selects from", "元になる stream か filter の名前");
    let (rest, base) = expect(what, name).parse(rest)?;
    let (rest, written) = opt(keyword("where")).parse(rest)?;
    let (rest, condition) = match written {
        Some(_) => {
            let (rest, condition) = expression::condition(rest)?;
            (rest, Some(condition))
        }
        None => (rest, None),
    };
    let what = text!("`where` or the next statement", "`where` か次の文");
    let rest = statement_end(rest, what)?;
    Ok((rest, Statement::Filter(Filter { name: name_read, base, condition })))
}

fn measure(input: Tokens<'_>) -> Parsed<'_, Statement> {
    let (rest, _) = keyword("measure").parse(input)?;
    let (rest, name) = declared_name(rest)?;
    let (rest, _) = expect_equals(rest)?;
    let (rest, measure) = alert::measure(rest)?;
    let what = text!("`within`, `min` or the next statement", "`within`、`min` か次の文");
    let rest = statement_end(rest, what)?;
    Ok((rest, Statement::Measure(MeasureStatement { name, measure })))
}

fn declared_name(input: Tokens<'_>) -> Parsed<'_, Name> {
    expect(text!("a name", "名前"), name).parse(input)
}

fn expect_equals(input: Tokens<'_>) -> Parsed<'_, ()> {
    expect(text!("`=`", "`=`"), symbol("=")).map(|_| ()).parse(input)
}

/// Holds the statement to its end, so that what follows it is reported where it stands.
fn statement_end(
    input: Tokens<'_>,
    what: crate::diagnostic::Text,
) -> Result<Tokens<'_>, tokens::Stop> {
    let statement_word = STATEMENTS.iter().chain(LATER_STATEMENTS).any(|word| input.is_word(word));
    if input.is_empty() || statement_word { Ok(input) } else { Err(input.unexpected(what)) }
}
