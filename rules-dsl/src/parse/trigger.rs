//! Triggers: comparisons, sequences, absence and new values.

use nom::Parser;
use nom::multi::separated_list1;

use super::keyword::{CLAUSES, TRIGGERS};
use super::level::level;
use super::measure::{measure, window};
use super::messages;
use super::tokens::{
    ParseResult, ParseStop, TokenCursor, expect, keyword, name, path, plain_quantity, symbol,
};
use crate::ast::{Compare, Condition, Quantity, SpannedName, Trigger, Window};
use crate::lex::TokenKind;

/// True when a word starts a trigger here: one with an operand, where a name has a level.
fn starts_trigger(input: TokenCursor<'_>) -> bool {
    let next = input.skip(1);
    TRIGGERS.iter().any(|word| input.is_word(word))
        && matches!(next.first(), Some(TokenKind::Word(_)))
        && !next.bare_word().is_some_and(|word| CLAUSES.contains(&word))
}

pub(super) fn trigger(input: TokenCursor<'_>) -> ParseResult<'_, Trigger> {
    let next = input.skip(1);
    if TRIGGERS.iter().any(|word| input.is_word(word)) && next.is_symbol("(") {
        return Err(next.unexpected(messages::events()));
    }
    if next.is_symbol("-") && next.skip(1).is_symbol(">") {
        return Err(next.stop(messages::arrow(next.place().to(next.skip(1).place()))));
    }
    if starts_trigger(input) {
        return match input.bare_word() {
            Some("any") => any(input.skip(1)),
            Some("absent") => absent(input.skip(1)),
            _ => new(input.skip(1)),
        };
    }
    let counted = matches!(input.first(), Some(TokenKind::Quantity(_)))
        && matches!(input.skip(1).first(), Some(TokenKind::Word(_)))
        && !input.skip(1).bare_word().is_some_and(|word| CLAUSES.contains(&word) || word == "vs");
    if counted || input.skip(1).is_word("then") {
        return sequence(input);
    }
    let (rest, condition) = disjunction(input)?;
    Ok((rest, Trigger::Condition(condition)))
}

fn events(input: TokenCursor<'_>) -> ParseResult<'_, SpannedName> {
    expect(messages::events(), name).parse(input)
}

fn any(input: TokenCursor<'_>) -> ParseResult<'_, Trigger> {
    let (rest, events) = events(input)?;
    if matches!(rest.first(), Some(TokenKind::Quantity(_))) {
        let name = crate::print::name(&events.text);
        return Err(rest.stop(messages::any_level(rest.place(), &name)));
    }
    if !rest.is_word("and") {
        return Ok((rest, Trigger::Any { events, and: None }));
    }
    let (rest, condition) = conjunction(rest.skip(1))?;
    if rest.is_word("or") {
        let name = crate::print::name(&events.text);
        return Err(rest.stop(messages::any_or(rest.place(), &name)));
    }
    has_level(&condition, rest)?;
    Ok((rest, Trigger::Any { events, and: Some(condition) }))
}

fn absent(input: TokenCursor<'_>) -> ParseResult<'_, Trigger> {
    events(input).map(|(rest, events)| (rest, Trigger::Absent { events }))
}

fn new(input: TokenCursor<'_>) -> ParseResult<'_, Trigger> {
    let field = expect(messages::new_field(), path);
    let (rest, fields) = separated_list1(symbol(","), field).parse(input)?;
    let (rest, _) = expect(messages::new_in(), keyword("in")).parse(rest)?;
    let (rest, events) = events(rest)?;
    Ok((rest, Trigger::New { fields, events }))
}

/// `5 a then b then c`, `a then not b`.
fn sequence(input: TokenCursor<'_>) -> ParseResult<'_, Trigger> {
    let (rest, count) = match plain_quantity(input) {
        Ok((rest, count)) => (rest, Some(count)),
        Err(_) => (input, None),
    };
    let (mut rest, first) = events(rest)?;
    if !rest.is_word("then") {
        return Err(rest.unexpected(messages::then()));
    }
    if rest.skip(1).is_word("not") {
        return then_not(rest.skip(2), first, count.as_ref());
    }
    let mut steps = vec![first];
    while rest.is_word("then") {
        let step = rest.skip(1);
        if step.is_word("not") {
            return Err(step.stop(messages::then_not_alone(step.place())));
        }
        if matches!(step.first(), Some(TokenKind::Quantity(_))) {
            return Err(step.stop(messages::counted_step(step.place())));
        }
        if step.is_word("no") && matches!(step.skip(1).first(), Some(TokenKind::Word(_))) {
            return Err(step.stop(messages::no_for_not(step.place())));
        }
        let (after, next) = events(step)?;
        steps.push(next);
        rest = after;
    }
    Ok((rest, Trigger::Sequence { count, steps }))
}

fn then_not<'a>(
    input: TokenCursor<'a>,
    first: SpannedName,
    count: Option<&Quantity>,
) -> ParseResult<'a, Trigger> {
    if let Some(count) = count {
        return Err(input.stop(messages::counted_obligation(count.at.0)));
    }
    let (rest, then) = events(input)?;
    if rest.is_word("then") {
        return Err(rest.stop(messages::then_not_alone(rest.place())));
    }
    Ok((rest, Trigger::ThenNot { first, then }))
}

fn disjunction(input: TokenCursor<'_>) -> ParseResult<'_, Condition> {
    joined(input, "or", conjunction, Condition::Or)
}

fn conjunction(input: TokenCursor<'_>) -> ParseResult<'_, Condition> {
    joined(input, "and", comparison, Condition::And)
}

/// One operand, or several joined by a word.
fn joined<'a>(
    input: TokenCursor<'a>,
    word: &'static str,
    operand: fn(TokenCursor<'a>) -> ParseResult<'a, Condition>,
    join: fn(Vec<Condition>) -> Condition,
) -> ParseResult<'a, Condition> {
    let (mut rest, first) = operand(input)?;
    if !rest.is_word(word) {
        return Ok((rest, first));
    }
    has_level(&first, rest)?;
    let mut operands = vec![first];
    while rest.is_word(word) {
        let (after, next) = operand(rest.skip(1))?;
        has_level(&next, after)?;
        operands.push(next);
        rest = after;
    }
    Ok((rest, join(operands)))
}

fn comparison(input: TokenCursor<'_>) -> ParseResult<'_, Condition> {
    if input.is_symbol("(") && holds_condition(input) {
        let (rest, inner) = input.nested(|input| disjunction(input.skip(1)))?;
        let (rest, _) = expect(messages::condition_close(), symbol(")")).parse(rest)?;
        return Ok((rest, inner));
    }
    let (rest, measure) = measure(input)?;
    let (after, level) = match level(rest) {
        Ok((after, level)) => (after, Some(level)),
        Err(nom::Err::Error(_)) => (rest, None),
        Err(stop) => return Err(stop),
    };
    let mut compare = Compare { measure, level, window: Window::default() };
    let rest = window(after, &mut compare.window)?;
    window_once(&compare.measure.window, &compare.window, after);
    Ok((rest, Condition::Compare(Box::new(compare))))
}

/// Reports what stands both before and after the level.
fn window_once(before: &Window, after: &Window, at: TokenCursor<'_>) {
    let both = [
        ("within", &before.within, &after.within),
        ("step", &before.step, &after.step),
        ("min", &before.min, &after.min),
    ];
    for (word, first, second) in both {
        if let (Some(_), Some(second)) = (first, second) {
            at.report_diagnostic(messages::repeated(second.at.0, word));
        }
    }
}

/// True when parentheses hold comparisons; otherwise they group a measure.
fn holds_condition(open: TokenCursor<'_>) -> bool {
    let (mut depth, mut rest, mut after_measure) = (0_usize, open, false);
    while let Some(token) = rest.first() {
        let names = matches!(rest.bare_word(), Some("within" | "step" | "min" | "vs" | "ago"));
        match token {
            TokenKind::Symbol("(") => depth += 1,
            TokenKind::Symbol(")") if depth <= 1 => return false,
            TokenKind::Symbol(")") => depth -= 1,
            TokenKind::Symbol(">=" | ">" | "<=" | "<" | "==" | "!=") => return true,
            TokenKind::Quantity(_) if after_measure => return true,
            _ if rest.is_word("and") || rest.is_word("or") => return true,
            _ => {}
        }
        after_measure = match token {
            TokenKind::Word(_) => !names,
            TokenKind::Symbol(symbol) => *symbol == ")",
            _ => false,
        };
        rest = rest.skip(1);
    }
    false
}

/// Requires a level of a comparison that is joined with something.
fn has_level(condition: &Condition, at: TokenCursor<'_>) -> Result<(), ParseStop> {
    match condition {
        Condition::Compare(compare) if compare.level.is_none() => {
            Err(at.stop(messages::missing_level(compare.measure.term.place())))
        }
        _ => Ok(()),
    }
}
