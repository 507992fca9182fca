//! The level of a trigger, with its window and its comparison before or after it.

use model::decimal::Decimal;
use nom::Parser;
use nom::branch::alt;
use nom::combinator::opt;

use super::expression::operator;
use super::messages;
use super::tokens::{
    ParseFault, ParseResult, ParseStop, TokenCursor, expect, plain_quantity, quantity,
};
use crate::ast::{NodeSpan, Quantity, Threshold};
use crate::diagnostic::{BilingualText, Diagnostic};
use crate::lex::{COMPARISON_WORDS, calendar_time, calendar_word, unit_alias};
use crate::print::quantity as spelled;
use crate::quantity::{UnitKind, duration_named};
use crate::rule::ComparisonOp;
use crate::source::SourceSpan;

/// `>= 80%`, `10回/分`, `5%以上/5分`, `3秒/5分 超`.
pub(super) fn level(input: TokenCursor<'_>) -> ParseResult<'_, Threshold> {
    if input.is_symbol("=") && !input.skip(1).is_symbol("<") {
        return Err(input.stop(messages::declares(input.place())));
    }
    let (rest, operator) = opt(operator).parse(input)?;
    let (rest, read) = match operator {
        Some(_) => expect(messages::level(), quantity).parse(rest)?,
        None => quantity(rest)?,
    };
    let (rest, before) = opt(comparison_word).parse(rest)?;
    let (rest, per) = match rest.is_symbol("/") {
        true => per(rest, input, &read).map(|(rest, length)| (rest, Some(length)))?,
        false => (rest, None),
    };
    let (rest, after) = opt(comparison_word).parse(rest)?;
    let mut written = [operator, before, after].into_iter().flatten();
    let comparison = written.next();
    if written.next().is_some() {
        return Err(rest.stop(messages::compared_twice(input.place().to(read.at.0))));
    }
    Ok((rest, Threshold { comparison, quantity: read, per }))
}

fn comparison_word(input: TokenCursor<'_>) -> ParseResult<'_, ComparisonOp> {
    let spelled = input.bare_word().and_then(|word| {
        COMPARISON_WORDS.iter().find(|(known, _)| *known == word).map(|(_, operator)| *operator)
    });
    let comparison = match spelled {
        Some(">=") => ComparisonOp::AtLeast,
        Some(">") => ComparisonOp::Above,
        Some("<=") => ComparisonOp::AtMost,
        Some("<") => ComparisonOp::Below,
        _ => return Err(nom::Err::Error(ParseFault)),
    };
    Ok((input.skip(1), comparison))
}

/// The window after a slash.
fn per<'a>(
    slash: TokenCursor<'a>,
    level: TokenCursor<'a>,
    read: &Quantity,
) -> ParseResult<'a, Quantity> {
    let input = slash.skip(1);
    if let Some(stop) = foreign_window(input) {
        return Err(stop);
    }
    let (rest, length) = expect(messages::per(), alt((bare_unit, plain_quantity))).parse(input)?;
    if read.unit.is_some_and(|unit| unit.kind == UnitKind::Bytes) {
        let place = level.place().to(length.at.0);
        return Err(slash.stop(size_over_time(place, read, &length)));
    }
    if rest.is_symbol("/") {
        let (level, window) = (spelled(read), in_both(&length));
        let found = messages::second_slash(rest.place(), &level, &window.en, &window.ja);
        return Err(rest.stop(found));
    }
    Ok((rest, length))
}

/// `分` after a slash is one minute.
fn bare_unit(input: TokenCursor<'_>) -> ParseResult<'_, Quantity> {
    let word = input.bare_word();
    let unit = word.and_then(duration_named).ok_or(nom::Err::Error(ParseFault))?;
    let (value, at) = (Decimal::ONE, NodeSpan(input.place()));
    Ok((input.skip(1), Quantity { value, unit: Some(unit), at }))
}

/// `/月` and `/min`: words for lengths of time that are none here.
fn foreign_window(input: TokenCursor<'_>) -> Option<ParseStop> {
    let word = input.bare_word()?;
    if let Some(unit) = unit_alias(word).filter(|unit| duration_named(unit).is_some()) {
        return Some(input.stop(messages::window_alias(input.place(), word, unit)));
    }
    calendar_word(word)?;
    Some(input.stop(calendar_time(input.place(), word)))
}

fn size_over_time(place: SourceSpan, size: &Quantity, window: &Quantity) -> Diagnostic {
    let ten = Decimal::from_int(10);
    let tenfold = |quantity: &Quantity| {
        let value = quantity.value.checked_mul(ten).unwrap_or(quantity.value);
        Quantity { value, ..quantity.clone() }
    };
    let (written, more) = (spelled(size), spelled(&tenfold(size)));
    let (span, longer) = (in_both(window), in_both(&tenfold(window)));
    messages::size_over_time(place, &written, &span.en, &span.ja)
        .help(messages::all_within(&written, &span.en, &span.ja))
        .help(messages::that_speed(&more, &longer.en, &longer.ja))
}

/// A length of time as written, and with the Japanese word for its unit.
fn in_both(length: &Quantity) -> BilingualText {
    let (en, value) = (spelled(length), length.value);
    let ja = length.unit.and_then(|unit| unit.japanese());
    BilingualText { ja: ja.map_or_else(|| en.clone(), |unit| format!("{value}{unit}")), en }
}
