//! The level of a trigger, with its window and its comparison before or after it.

use nom::Parser;
use nom::branch::alt;
use nom::combinator::opt;

use super::expression::operator;
use super::tokens::{Parsed, Tokens, expect, plain_quantity, quantity};
use crate::ast::{At, Level, Quantity};
use crate::diagnostic::{Code, Diagnostic, text};
use crate::lex::COMPARISON_WORDS;
use crate::quantity::{UnitKind, duration_named};
use crate::rule::Comparison;

/// `>= 80%`, `10回/分`, `5%以上/5分`, `3秒/5分 超`.
pub(super) fn level(input: Tokens<'_>) -> Parsed<'_, Level> {
    let (rest, operator) = opt(operator).parse(input)?;
    let (rest, read) = match operator {
        Some(_) => {
            expect(text!("a level: `10`, `80%`, `3s`", "しきい値: `10`、`80%`、`3秒`"), quantity)
                .parse(rest)?
        }
        None => quantity(rest)?,
    };
    let (rest, before) = opt(comparison_word).parse(rest)?;
    let (rest, per) = if rest.is_symbol("/") { per(rest, input, &read)? } else { (rest, None) };
    let (rest, after) = opt(comparison_word).parse(rest)?;
    let written: Vec<Comparison> = [operator, before, after].into_iter().flatten().collect();
    if written.len() > 1 {
        let message = text!("the level is compared twice", "しきい値の比較が二度書かれています");
        let help = text!(
            "write either `>=` before it or `以上` after it",
            "前の `>=` か後の `以上` のどちらかにしてください"
        );
        let place = input.place().to(rest_before(rest, &read));
        return Err(rest.stop(Diagnostic::new(Code::RepeatedClause, place, message).help(help)));
    }
    for word in ["and", "or", "vs"] {
        if rest.is_word(word) {
            return Err(rest.not_yet(word));
        }
    }
    let comparison = written.first().copied().unwrap_or(Comparison::AtLeast);
    Ok((rest, Level { comparison, quantity: read, per }))
}

/// The place of the level for a report that spans it.
fn rest_before(rest: Tokens<'_>, read: &Quantity) -> crate::source::Place {
    let end = rest.place().start.max(read.at.0.end);
    crate::source::Place { start: read.at.0.start, end: end.min(read.at.0.end + 1), ..read.at.0 }
}

fn comparison_word(input: Tokens<'_>) -> Parsed<'_, Comparison> {
    let spelled = input.bare_word().and_then(|word| {
        COMPARISON_WORDS.iter().find(|(known, _)| *known == word).map(|(_, operator)| *operator)
    });
    let comparison = match spelled {
        Some(">=") => Comparison::AtLeast,
        Some(">") => Comparison::Above,
        Some("<=") => Comparison::AtMost,
        Some("<") => Comparison::Below,
        _ => return Err(nom::Err::Error(super::tokens::Fault)),
    };
    Ok((input.skip(1), comparison))
}

/// The window after a slash.
fn per<'a>(slash: Tokens<'a>, level: Tokens<'a>, read: &Quantity) -> Parsed<'a, Option<Quantity>> {
    let input = slash.skip(1);
    let unit_word = |input: Tokens<'a>| -> Parsed<'a, Quantity> {
        let unit = input.bare_word().and_then(duration_named);
        let unit = unit.ok_or(nom::Err::Error(super::tokens::Fault))?;
        let one = model::decimal::Decimal::ONE;
        Ok((input.skip(1), Quantity { value: one, unit: Some(unit), at: At(input.place()) }))
    };
    let what = text!(
        "a length of time after `/`: `分`, `5分`, `5m`",
        "`/` の後に時間の長さ: `分`、`5分`、`5m`"
    );
    let (rest, length) = expect(what, alt((unit_word, plain_quantity))).parse(input)?;
    let spelled = crate::print::quantity(read);
    let window = crate::print::quantity(&length);
    if read.unit.is_some_and(|unit| unit.kind == UnitKind::Bytes) {
        let message = text!(
            "`{spelled}/{window}` has two readings",
            "`{spelled}/{window}` には二つの読み方があります"
        );
        let place = level.place().to(length.at.0);
        let help = text!(
            "{spelled} in all within {window}: `>= {spelled} within {window}`; a rate needs a \
            window of its own",
            "{window}の合計が{spelled}: `>= {spelled} within {window}`。速度なら窓を別に書きます"
        );
        return Err(slash.stop(Diagnostic::new(Code::TwoReadings, place, message).help(help)));
    }
    if rest.is_symbol("/") {
        let message = text!(
            "a second `/` after a level has two readings",
            "しきい値の二つ目の `/` には二つの読み方があります"
        );
        let help = text!(
            "per key: `{spelled}/{window} by src.ip`; how many different ones: `distinct(…)`",
            "キーごと: `{spelled}/{window} by src.ip`。種類の数: `distinct(…)`"
        );
        return Err(rest.stop(Diagnostic::new(Code::TwoReadings, rest.place(), message).help(help)));
    }
    Ok((rest, Some(length)))
}
