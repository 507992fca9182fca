//! Expressions of `where`: `or` over `and` over `not` over comparisons over arithmetic.

use nom::Parser;
use nom::branch::alt;
use nom::combinator::{opt, value};
use nom::multi::separated_list1;
use nom::sequence::delimited;

use super::messages;
use super::tokens::{
    Parsed, Stop, Tokens, entries, expect, free_path, keyword, name, path, quantity, quoted, symbol,
};
use crate::ast::{At, Expression, Quoted, Set};
use crate::diagnostic::{Text, text};
use crate::rule::{Arithmetic, Comparison, TextTest};
use crate::source::SourceSpan;

/// Most items of one literal list.
pub const LIST_ITEMS_MAX: usize = 10_000;

/// A whole expression after `where`.
pub(super) fn condition(input: Tokens<'_>) -> Parsed<'_, Expression> {
    chain(input, "or", |input| chain(input, "and", negation, Expression::And), Expression::Or)
}

/// One operand, or several joined by a word.
fn chain<'a>(
    input: Tokens<'a>,
    word: &'static str,
    operand: impl Fn(Tokens<'a>) -> Parsed<'a, Expression>,
    join: fn(Vec<Expression>) -> Expression,
) -> Parsed<'a, Expression> {
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

fn negation(input: Tokens<'_>) -> Parsed<'_, Expression> {
    if !input.is_word("not") {
        return comparison(input);
    }
    let (rest, inner) = input.nested(|input| negation(input.skip(1)))?;
    Ok((rest, Expression::Not(Box::new(inner), At(input.place()))))
}

fn comparison(input: Tokens<'_>) -> Parsed<'_, Expression> {
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
pub(super) fn operator(input: Tokens<'_>) -> Parsed<'_, Comparison> {
    alt((
        value(Comparison::AtLeast, symbol(">=")),
        value(Comparison::Above, symbol(">")),
        value(Comparison::AtMost, symbol("<=")),
        value(Comparison::Below, symbol("<")),
        value(Comparison::Equal, symbol("==")),
        value(Comparison::NotEqual, symbol("!=")),
    ))
    .parse(input)
}

fn text_test(input: Tokens<'_>) -> Parsed<'_, TextTest> {
    alt((
        value(TextTest::Contains, keyword("contains")),
        value(TextTest::StartsWith, keyword("starts_with")),
        value(TextTest::EndsWith, keyword("ends_with")),
    ))
    .parse(input)
}

fn set(input: Tokens<'_>) -> Parsed<'_, Set> {
    if input.is_word("cidr") {
        let what = text!(
            "networks in quotes: `\"10.0.0.0/8\"`",
            "引用符で囲んだネットワーク: `\"10.0.0.0/8\"`"
        );
        let (rest, networks) = expect(what, networks).parse(input.skip(1))?;
        return Ok((rest, Set::Networks(networks)));
    }
    if matches!(input.first(), Some(crate::lex::TokenKind::Word(_))) {
        return name(input).map(|(rest, list)| (rest, Set::List(list)));
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
    Ok((rest, Set::Literals(items)))
}

/// Holds a list to its limit.
pub(super) fn affordable(list: Tokens<'_>, items: usize) -> Result<(), Stop> {
    if items <= LIST_ITEMS_MAX {
        return Ok(());
    }
    Err(list.stop(messages::too_many_items(list.place())))
}

/// Networks in quotes, perhaps in parentheses.
pub(super) fn networks(input: Tokens<'_>) -> Parsed<'_, Vec<Quoted>> {
    let plain = |input| separated_list1(symbol(","), quoted).parse(input);
    alt((delimited(symbol("("), plain, symbol(")")), plain)).parse(input)
}

/// A constant.
pub(super) fn literal(input: Tokens<'_>) -> Parsed<'_, Expression> {
    let literal = alt((
        quoted.map(Expression::Quoted),
        quantity.map(Expression::Number),
        keyword("true").map(|place| Expression::Bool(true, At(place))),
        keyword("false").map(|place| Expression::Bool(false, At(place))),
    ));
    expect(messages::literal(), literal).parse(input)
}

fn closed(input: Tokens<'_>) -> Parsed<'_, SourceSpan> {
    expect(text!("`)`", "`)`"), symbol(")")).parse(input)
}

fn sum(input: Tokens<'_>) -> Parsed<'_, Expression> {
    let operators = [("+", Arithmetic::Add), ("-", Arithmetic::Subtract)];
    fold(input, &operators, product)
}

fn product(input: Tokens<'_>) -> Parsed<'_, Expression> {
    let operators = [("*", Arithmetic::Multiply), ("/", Arithmetic::Divide)];
    fold(input, &operators, operand)
}

/// Operands joined from the left. Every operator deepens the tree by one, so the chain is as
/// limited as nesting is.
fn fold<'a>(
    input: Tokens<'a>,
    operators: &[(&str, Arithmetic)],
    operand: fn(Tokens<'a>) -> Parsed<'a, Expression>,
) -> Parsed<'a, Expression> {
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

fn operand(input: Tokens<'_>) -> Parsed<'_, Expression> {
    if input.is_symbol("(") {
        let (rest, inner) = input.nested(|input| condition(input.skip(1)))?;
        let (rest, _) = closed(rest)?;
        return Ok((rest, inner));
    }
    if input.skip(1).is_symbol("(") && input.is_word("lower") {
        let (rest, inner) = input.nested(|input| condition(input.skip(2)))?;
        let (rest, close) = closed(rest)?;
        return Ok((rest, Expression::Lower(Box::new(inner), At(input.place().to(close)))));
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
        keyword("true").map(|place| Expression::Bool(true, At(place))),
        keyword("false").map(|place| Expression::Bool(false, At(place))),
        path.map(Expression::Field),
    ));
    expect(value_wanted(), bare).parse(input)
}

fn unknown_function(input: Tokens<'_>) -> super::tokens::Stop {
    let word = input.bare_word().unwrap_or("…");
    input.stop(messages::unknown_function(input.place(), word))
}

fn field_wanted() -> Text {
    text!("a field of the stream", "stream のフィールド")
}

fn value_wanted() -> Text {
    text!("a field, a text, a number or `(`", "フィールド、文字列、数、`(` のどれか")
}
