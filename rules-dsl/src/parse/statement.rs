//! Statements one after the other.

use nom::Parser;
use nom::branch::alt;
use nom::combinator::opt;
use nom::sequence::preceded;

use super::boundary::{
    declared_name, expect_equals, misspells_statement, starts_statement, statement_end,
};
use super::keyword::STATEMENTS;
use super::tokens::{ParseContext, ParseResult, TokenCursor, expect, keyword, name};
use super::{alert, expression, measure, messages, reference, stream, test};
use crate::ast::{Ast, Filter, MeasureStatement, NodeSpan, SpannedName, Statement, Watch};
use crate::diagnostic::{Diagnostic, nearest};
use crate::lex::{TokenKind, lex};

/// Most statements of one file.
pub const STATEMENTS_MAX: usize = 20_000;

/// Reads one file; `file` is its index in every place.
pub(crate) fn parse(file: usize, source: &str) -> (Ast, Vec<Diagnostic>) {
    let lexed = lex(file, source);
    let context = ParseContext::new(file, source.len(), lexed.diagnostics);
    let mut rest = TokenCursor::new(&lexed.tokens, &context);
    let mut statements = Vec::new();
    while !rest.is_empty() {
        if statements.len() >= STATEMENTS_MAX {
            context.report(messages::too_many_statements(rest.place()));
            break;
        }
        rest = match statement(rest) {
            Ok((after, read)) => {
                statements.extend(read);
                after
            }
            Err(_) => {
                statements.extend(broken(rest));
                recover(rest)
            }
        };
        context.surface();
    }
    (Ast { statements }, context.into_diagnostics())
}

fn statement(input: TokenCursor<'_>) -> ParseResult<'_, Option<Statement>> {
    let known = alt((
        stream::stream,
        reference::list,
        reference::table,
        reference::calendar,
        filter,
        measure_statement,
        watch,
        alert::alert,
        test::test,
    ));
    expect(messages::statement(), known.map(Some)).parse(input)
}

/// The name a statement declares although the rest of it cannot be read, so that its uses
/// are not reported as well.
fn broken(start: TokenCursor<'_>) -> Option<Statement> {
    let meant = start.bare_word().and_then(|word| nearest(word, STATEMENTS.iter().copied()));
    // A test declares nothing: its name is the alert's.
    let is_test = start.is_word("test") || meant == Some("test");
    if is_test || !(starts_statement(start) || misspells_statement(start)) {
        return None;
    }
    let name = start.skip(1);
    match name.first() {
        Some(TokenKind::Word(segments)) => {
            let text = segments.first()?.text.clone();
            Some(Statement::Broken(SpannedName { text, at: NodeSpan(name.place()) }))
        }
        _ => None,
    }
}

fn recover(start: TokenCursor<'_>) -> TokenCursor<'_> {
    let mut rest = start.skip(1);
    while !rest.is_empty() && !starts_statement(rest) {
        rest = rest.skip(1);
    }
    rest
}

fn filter(input: TokenCursor<'_>) -> ParseResult<'_, Statement> {
    let (rest, _) = keyword("filter").parse(input)?;
    let (rest, declared) = declared_name(rest)?;
    let (rest, _) = expect_equals(rest)?;
    let (rest, base) = expect(messages::filter_base(), name).parse(rest)?;
    let condition = preceded(keyword("where"), expression::condition);
    let (rest, condition) = opt(condition).parse(rest)?;
    let rest = statement_end(rest, messages::after_filter())?;
    Ok((rest, Statement::Filter(Filter { name: declared, base, condition })))
}

fn measure_statement(input: TokenCursor<'_>) -> ParseResult<'_, Statement> {
    let (rest, _) = keyword("measure").parse(input)?;
    let (rest, name) = declared_name(rest)?;
    let (rest, _) = expect_equals(rest)?;
    let (rest, measure) = measure::measure(rest)?;
    let rest = statement_end(rest, messages::after_measure())?;
    Ok((rest, Statement::Measure(MeasureStatement { name, measure })))
}

fn watch(input: TokenCursor<'_>) -> ParseResult<'_, Statement> {
    let (rest, _) = keyword("watch").parse(input)?;
    let (rest, name) = declared_name(rest)?;
    let (rest, _) = expect_equals(rest)?;
    let (rest, measure) = measure::measure(rest)?;
    let (rest, by) = opt(preceded(keyword("by"), alert::keys)).parse(rest)?;
    let rest = statement_end(rest, messages::after_watch())?;
    Ok((rest, Statement::Watch(Watch { name, measure, by: by.unwrap_or_default() })))
}
