//! Expressions of `where`: `or` over `and` over `not` over comparisons over arithmetic.

use nom::Parser;
use nom::branch::alt;
use nom::combinator::{opt, value};
use nom::multi::separated_list1;
use nom::sequence::delimited;

use super::messages;
use super::tokens::{
    ParseResult, ParseStop, TokenCursor, entries, expect, free_path, keyword, name, path, quantity,
    quoted, symbol,
};
use crate::ast::{Expression, MembershipSet, NodeSpan, QuotedText};
use crate::diagnostic::{BilingualText, text};
use crate::rule::{ArithmeticOp, ComparisonOp, TextTest};
use crate::source::SourceSpan;

/// Most items of one literal list.
pub const LIST_ITEMS_MAX: usize = 10_000;

/// A whole expression after `where`.
pub(super) fn condition(input: TokenCursor<'_>) -> ParseResult<'_, Expression> {
    chain(input, "or", |input| chain(input, "and", negation, Expression::And), Expression::Or)
}

/// One operand, or several joined by a word.
fn chain<'a>(
    input: TokenCursor<'a>,
    word: &'static str,
    operand: impl Fn(TokenCursor<'a>) -> ParseResult<'a, Expression>,
    join: fn(Vec<Expression>) -> Expression,
) -> ParseResult<'a, Expression> {
    let (mut rest, first) = operand(input)?;
    if !rest.is_word(word) {
        return Ok((rest, first));
    }
    let mut operands = vec![first];
    while rest.is_word(word) {
        let (after, next) = operand(rest.skip(1))?;
        operands.push(next);
        rest = after;
    }
    Ok((rest, join(operands)))
}

fn negation(input: TokenCursor<'_>) -> ParseResult<'_, Expression> {
    if !input.is_word("not") {
        return comparison(input);
    }
    let (rest, inner) = input.nested(|input| negation(input.skip(1)))?;
    Ok((rest, Expression::Not(Box::new(inner), NodeSpan(input.place()))))
}

fn comparison(input: TokenCursor<'_>) -> ParseResult<'_, Expression> {
    let (rest, left) = sum(input)?;
    if rest.is_symbol("=") {
        return Err(rest.stop(messages::declares(rest.place())));
    }
    let (rest, operator) = opt(operator).parse(rest)?;
    if let Some(operator) = operator {
        let (rest, right) = sum(rest)?;
        return Ok((rest, Expression::Compare(Box::new(left), operator, Box::new(right))));
    }
    let (rest, test) = opt(text_test).parse(rest)?;
    if let Some(test) = test {
        let (rest, right) = sum(rest)?;
        return Ok((rest, Expression::Text(Box::new(left), test, Box::new(right))));
    }
    if rest.is_word("matches") {
        let what = text!("a regular expression in quotes", "引用符で囲んだ正規表現");
        let (rest, regex) = expect(what, quoted).parse(rest.skip(1))?;
        return Ok((rest, Expression::Matches(Box::new(left), regex)));
    }
    let not_in = rest.is_word("not") && rest.skip(1).is_word("in");
    if not_in || rest.is_word("in") {
        let (rest, set) = set(rest.skip(if not_in { 2 } else { 1 }))?;
        return Ok((rest, Expression::In { value: Box::new(left), negated: not_in, set }));
    }
    Ok((rest, left))
}

/// A comparison operator.
pub(super) fn operator(input: TokenCursor<'_>) -> ParseResult<'_, ComparisonOp> {
    alt((
        value(ComparisonOp::AtLeast, symbol(">=")),
        value(ComparisonOp::Above, symbol(">")),
        value(ComparisonOp::AtMost, symbol("<=")),
        value(ComparisonOp::Below, symbol("<")),
        value(ComparisonOp::Equal, symbol("==")),
        value(ComparisonOp::NotEqual, symbol("!=")),
    ))
    .parse(input)
}

fn text_test(input: TokenCursor<'_>) -> ParseResult<'_, TextTest> {
    alt((
        value(TextTest::Contains, keyword("contains")),
        value(TextTest::StartsWith, keyword("starts_with")),
        value(TextTest::EndsWith, keyword("ends_with")),
    ))
    .parse(input)
}

fn set(input: TokenCursor<'_>) -> ParseResult<'_, MembershipSet> {
    if input.is_word("cidr") {
        let what = text!(
            "networks in quotes: `\"10.0.0.0/8\"`",
            "引用符で囲んだネットワーク: `\"10.0.0.0/8\"`"
        );
        let (rest, networks) = expect(what, networks).parse(input.skip(1))?;
        return Ok((rest, MembershipSet::Networks(networks)));
    }
    if matches!(input.first(), Some(crate::lex::TokenKind::Word(_))) {
        return name(input).map(|(rest, list)| (rest, MembershipSet::List(list)));
    }
    let what = text!(
        "a list: its name, or `(\"a\", \"b\")`",
        "リストの名前か、丸括弧の並び: `(\"a\", \"b\")`"
    );
    let (rest, _) = expect(what, symbol("(")).parse(input)?;
    if rest.is_symbol(")") {
        return Err(rest.unexpected(messages::literal()));
    }
    let (rest, items) = entries(rest, ")", messages::more_or_close, literal)?;
    affordable(input, items.len())?;
    Ok((rest, MembershipSet::Literals(items)))
}

/// Holds a list to its limit.
pub(super) fn affordable(list: TokenCursor<'_>, items: usize) -> Result<(), ParseStop> {
    if items <= LIST_ITEMS_MAX {
        return Ok(());
    }
    Err(list.stop(messages::too_many_items(list.place())))
}

/// Networks in quotes, perhaps in parentheses.
pub(super) fn networks(input: TokenCursor<'_>) -> ParseResult<'_, Vec<QuotedText>> {
    let plain = |input| separated_list1(symbol(","), quoted).parse(input);
    alt((delimited(symbol("("), plain, symbol(")")), plain)).parse(input)
}

/// A constant.
pub(super) fn literal(input: TokenCursor<'_>) -> ParseResult<'_, Expression> {
    let literal = alt((
        quoted.map(Expression::Quoted),
        quantity.map(Expression::Number),
        keyword("true").map(|place| Expression::Bool(true, NodeSpan(place))),
        keyword("false").map(|place| Expression::Bool(false, NodeSpan(place))),
    ));
    expect(messages::literal(), literal).parse(input)
}

fn closed(input: TokenCursor<'_>) -> ParseResult<'_, SourceSpan> {
    expect(text!("`)`", "`)`"), symbol(")")).parse(input)
}

fn sum(input: TokenCursor<'_>) -> ParseResult<'_, Expression> {
    let operators = [("+", ArithmeticOp::Add), ("-", ArithmeticOp::Subtract)];
    fold(input, &operators, product)
}

fn product(input: TokenCursor<'_>) -> ParseResult<'_, Expression> {
    let operators = [("*", ArithmeticOp::Multiply), ("/", ArithmeticOp::Divide)];
    fold(input, &operators, operand)
}

/// Operands joined from the left. Every operator deepens the tree by one, so the chain is as
/// limited as nesting is.
fn fold<'a>(
    input: TokenCursor<'a>,
    operators: &[(&str, ArithmeticOp)],
    operand: fn(TokenCursor<'a>) -> ParseResult<'a, Expression>,
) -> ParseResult<'a, Expression> {
    let (mut rest, mut left) = operand(input)?;
    let mut length = 0;
    while let Some((_, operator)) = operators.iter().find(|(symbol, _)| rest.is_symbol(symbol)) {
        length += 1;
        if length > super::tokens::NESTING_MAX {
            return Err(rest.too_deep());
        }
        let (after, right) = operand(rest.skip(1))?;
        left = Expression::Arithmetic(Box::new(left), *operator, Box::new(right));
        rest = after;
    }
    Ok((rest, left))
}

fn operand(input: TokenCursor<'_>) -> ParseResult<'_, Expression> {
    if input.is_symbol("(") {
        let (rest, inner) = input.nested(|input| condition(input.skip(1)))?;
        let (rest, _) = closed(rest)?;
        return Ok((rest, inner));
    }
    if input.skip(1).is_symbol("(") && input.is_word("lower") {
        let (rest, inner) = input.nested(|input| condition(input.skip(2)))?;
        let (rest, close) = closed(rest)?;
        return Ok((rest, Expression::Lower(Box::new(inner), NodeSpan(input.place().to(close)))));
    }
    if input.skip(1).is_symbol("(") && input.is_word("exists") {
        let (rest, field) = expect(field_wanted(), free_path).parse(input.skip(2))?;
        let (rest, _) = closed(rest)?;
        return Ok((rest, Expression::Exists(field)));
    }
    if matches!(input.first(), Some(crate::lex::TokenKind::Word(_))) && input.skip(1).is_symbol("(")
    {
        return Err(unknown_function(input));
    }
    let bare = alt((
        quoted.map(Expression::Quoted),
        quantity.map(Expression::Number),
        keyword("true").map(|place| Expression::Bool(true, NodeSpan(place))),
        keyword("false").map(|place| Expression::Bool(false, NodeSpan(place))),
        path.map(Expression::Field),
    ));
    expect(value_wanted(), bare).parse(input)
}

fn unknown_function(input: TokenCursor<'_>) -> super::tokens::ParseStop {
    let word = input.bare_word().unwrap_or("…");
    input.stop(messages::unknown_function(input.place(), word))
}

fn field_wanted() -> BilingualText {
    text!("a field of the stream", "stream のフィールド")
}

fn value_wanted() -> BilingualText {
    text!("a field, a text, a number or `(`", "フィールド、文字列、数、`(` のどれか")
}
