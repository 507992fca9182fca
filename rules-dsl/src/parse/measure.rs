//! Measures: what triggers compare and `measure` and `watch` name.

use nom::Parser;
use nom::multi::separated_list1;

use super::messages;
use super::tokens::{
    ParseResult, ParseStop, TokenCursor, expect, fill, name, path, plain_quantity, quantity,
    repeated, symbol,
};
use crate::ast::{Measure, MeasureTerm, NodeSpan, Quantity, SpannedName, Window};
use crate::lex::TokenKind;
use crate::print;
use crate::quantity::{duration_named, unit_named};
use crate::rule::ArithmeticOp;

/// A measure with the window written at it.
pub(super) fn measure(input: TokenCursor<'_>) -> ParseResult<'_, Measure> {
    let (rest, mut measure) = versus(input)?;
    let rest = window(rest, &mut measure.window)?;
    Ok((rest, measure))
}

/// `within D`, `step D` and `min N` in any order, into what is known of the window.
pub(super) fn window<'a>(
    input: TokenCursor<'a>,
    window: &mut Window,
) -> Result<TokenCursor<'a>, ParseStop> {
    let mut rest = input;
    loop {
        let entry = rest.skip(1);
        let (after, again) = match rest.bare_word() {
            Some("within") => fill(&mut window.within, length(entry))?,
            Some("step") => fill(&mut window.step, length(entry))?,
            Some("min") => fill(&mut window.min, count(entry))?,
            _ => return Ok(rest),
        };
        if again {
            rest.report_diagnostic(repeated(rest));
        }
        rest = after;
    }
}

pub(super) fn length(input: TokenCursor<'_>) -> ParseResult<'_, Quantity> {
    expect(messages::length(), plain_quantity).parse(input)
}

pub(super) fn count(input: TokenCursor<'_>) -> ParseResult<'_, Quantity> {
    expect(messages::count(), plain_quantity).parse(input)
}

/// `x vs D ago`; of an arithmetic only in parentheses, for without them it has two readings.
fn versus(input: TokenCursor<'_>) -> ParseResult<'_, Measure> {
    let (rest, now) = sum(input)?;
    if !rest.is_word("vs") {
        return Ok((rest, now));
    }
    let in_parentheses = input.is_symbol("(") && input.after_group().place() == rest.place();
    if let MeasureTerm::Arithmetic(left, operator, right) = &now.term
        && !in_parentheses
    {
        let (whole, sign) = (print::measure(&now), print::sign(*operator));
        let (left, right) = (print::measure(left), print::measure(right));
        return Err(rest.stop(messages::versus_of_which(
            rest.place(),
            &whole,
            &left,
            sign,
            &right,
        )));
    }
    let (rest, ago) = length(rest.skip(1))?;
    let (rest, _) = expect(messages::ago(), super::tokens::keyword("ago")).parse(rest)?;
    let term = MeasureTerm::Versus(Box::new(now), ago);
    if rest.is_word("vs") {
        return Err(rest.unexpected(messages::after_versus()));
    }
    Ok((rest, Measure { term, window: Window::default() }))
}

fn sum(input: TokenCursor<'_>) -> ParseResult<'_, Measure> {
    let operators = [("+", ArithmeticOp::Add), ("-", ArithmeticOp::Subtract)];
    fold(input, &operators, product)
}

fn product(input: TokenCursor<'_>) -> ParseResult<'_, Measure> {
    let operators = [("*", ArithmeticOp::Multiply), ("/", ArithmeticOp::Divide)];
    fold(input, &operators, operand)
}

/// Operands joined from the left, as deep as nesting may be.
fn fold<'a>(
    input: TokenCursor<'a>,
    operators: &[(&str, ArithmeticOp)],
    operand: fn(TokenCursor<'a>) -> ParseResult<'a, Measure>,
) -> ParseResult<'a, Measure> {
    let (mut rest, mut left) = operand(input)?;
    while let Some((_, operator)) = operators.iter().find(|(symbol, _)| rest.is_symbol(symbol)) {
        if is_negative_level(rest, input) {
            break;
        }
        let (after, right) = operand(rest.skip(1))?;
        let term = MeasureTerm::Arithmetic(Box::new(left), *operator, Box::new(right));
        left = Measure { term, window: Window::default() };
        if height(&left) > super::tokens::NESTING_MAX {
            return Err(rest.too_deep());
        }
        rest = after;
    }
    Ok((rest, left))
}

/// `平均 -1以下/分`: a sign that stands apart from what is before it and touches the number
/// after it belongs to that number, which is the level.
fn is_negative_level(sign: TokenCursor<'_>, start: TokenCursor<'_>) -> bool {
    sign.is_symbol("-")
        && matches!(sign.skip(1).first(), Some(TokenKind::Quantity(_)))
        && sign.touches_next()
        && !sign.touches_before(start)
}

/// Depth to which a measure is nested.
fn height(measure: &Measure) -> usize {
    match &measure.term {
        MeasureTerm::Named(_) | MeasureTerm::Call(..) | MeasureTerm::Number(_) => 0,
        MeasureTerm::Arithmetic(left, _, right) => 1 + height(left).max(height(right)),
        MeasureTerm::Versus(inner, _) => 1 + height(inner),
    }
}

fn operand(input: TokenCursor<'_>) -> ParseResult<'_, Measure> {
    if input.is_symbol("(") {
        let (rest, inner) = input.nested(|input| measure(input.skip(1)))?;
        let (rest, _) = expect(messages::operator_or_close(), symbol(")")).parse(rest)?;
        return Ok((rest, inner));
    }
    let (rest, term) = term(input)?;
    Ok((rest, Measure { term, window: Window::default() }))
}

fn term(input: TokenCursor<'_>) -> ParseResult<'_, MeasureTerm> {
    if input.is_symbol("-") || matches!(input.first(), Some(TokenKind::Quantity(_))) {
        return expect(messages::measured(), quantity).map(MeasureTerm::Number).parse(input);
    }
    if !input.skip(1).is_symbol("(") {
        if let Some(TokenKind::Word(segments)) = input.first()
            && segments.len() > 1
        {
            let field = print::path(&path(input)?.1);
            return Err(input.stop(messages::bare_field(input.place(), &field)));
        }
        let (rest, named) = expect(messages::measured(), name).parse(input)?;
        name_runs_into_level(&named, rest)?;
        return Ok((rest, MeasureTerm::Named(named)));
    }
    let (rest, function) = expect(messages::measured(), name).parse(input)?;
    let argument = expect(messages::argument(), path);
    let (rest, arguments) = separated_list1(symbol(","), argument).parse(rest.skip(1))?;
    let (rest, close) = expect(messages::more_or_close(), symbol(")")).parse(rest)?;
    let at = NodeSpan(input.place().to(close));
    Ok((rest, MeasureTerm::Call(function, arguments, at)))
}

/// `認証失敗10回/分` is one word up to the slash, hardly a division.
fn name_runs_into_level(name: &SpannedName, rest: TokenCursor<'_>) -> Result<(), ParseStop> {
    let is_digit = |c: char| c.is_ascii_digit();
    let window = rest.skip(1);
    let over_time = match window.first() {
        Some(TokenKind::Quantity(length)) => length.unit.is_some(),
        _ => window.bare_word().and_then(duration_named).is_some(),
    };
    if !rest.is_symbol("/") || !over_time {
        return Ok(());
    }
    let digit = name.text.find(is_digit).filter(|at| *at > 0);
    let Some((head, level)) = digit.and_then(|digit| name.text.split_at_checked(digit)) else {
        return Ok(());
    };
    let unit = level.trim_start_matches(is_digit);
    if !unit.is_empty() && unit_named(unit).is_none() {
        return Ok(());
    }
    Err(rest.stop(messages::one_word(name.at.0, &name.text, head, level)))
}
