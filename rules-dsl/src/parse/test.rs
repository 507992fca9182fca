//! `test ALERT { given … expect … }`

use nom::Parser;
use nom::combinator::opt;

use super::alert::text_in_quotes;
use super::expression::literal;
use super::measure::length;
use super::messages;
use super::tokens::{
    ParseResult, TokenCursor, entries, expect, fill, free_path, keyword, name, plain_quantity,
    repeated, symbol,
};
use crate::ast::{
    Expected, Expression, FieldPath, Given, NodeSpan, Quantity, QuotedText, Statement, Test,
    TestExpectation, TestStep, TestValue,
};

/// Most events of one `given`.
pub const REPEAT_MAX: u32 = 1_000_000;

pub(super) fn test(input: TokenCursor<'_>) -> ParseResult<'_, Statement> {
    let (rest, _) = keyword("test").parse(input)?;
    let (rest, alert) = expect(messages::tested(), name).parse(rest)?;
    let (rest, _) = expect(messages::brace(), symbol("{")).parse(rest)?;
    let (rest, (start, steps)) = body(rest)?;
    let at = NodeSpan(input.place().to(rest.place()));
    let rest = super::boundary::statement_end(rest.skip(1), messages::after_test())?;
    Ok((rest, Statement::Test(Test { alert, start, steps, at })))
}

/// Everything up to the closing brace.
fn body(input: TokenCursor<'_>) -> ParseResult<'_, (Option<QuotedText>, Vec<TestStep>)> {
    let (mut rest, mut start, mut steps) = (input, None, Vec::new());
    while !rest.is_symbol("}") {
        rest = match rest.bare_word() {
            Some("start") => {
                let (after, again) = fill(&mut start, text_in_quotes(rest.skip(1)))?;
                if again {
                    rest.report_diagnostic(repeated(rest));
                }
                after
            }
            Some("given") => {
                let (after, given) = given(rest)?;
                steps.push(TestStep::Given(given));
                after
            }
            Some("expect") => {
                let (after, expect) = expectation(rest)?;
                steps.push(TestStep::Expect(expect));
                after
            }
            _ => return Err(rest.unexpected(messages::test_line())),
        };
    }
    Ok((rest, (start, steps)))
}

fn given(input: TokenCursor<'_>) -> ParseResult<'_, Given> {
    let (rest, stream) = expect(messages::given_stream(), name).parse(input.skip(1))?;
    let (rest, _) = expect(messages::brace(), symbol("{")).parse(rest)?;
    let (rest, fields) = entries(rest, "}", messages::more_or_brace, |input| {
        let (rest, field) = field(input)?;
        let (rest, value) = value(rest)?;
        Ok((rest, (field, value)))
    })?;
    let (mut rest, moment) = at(rest)?;
    let (mut repeat, mut arriving) = (None, None);
    loop {
        let (after, again) = match rest.bare_word() {
            Some("every") => fill(&mut repeat, every(rest.skip(1)))?,
            Some("arriving") => fill(&mut arriving, later(rest.skip(1)))?,
            _ => break,
        };
        if again {
            rest.report_diagnostic(repeated(rest));
        }
        rest = after;
    }
    let at = NodeSpan(input.place());
    Ok((rest, Given { stream, fields, moment, repeat, arriving, at }))
}

/// `name:`
fn field(input: TokenCursor<'_>) -> ParseResult<'_, FieldPath> {
    let (rest, field) = expect(messages::given_field(), free_path).parse(input)?;
    let (rest, _) = expect(messages::colon(), symbol(":")).parse(rest)?;
    Ok((rest, field))
}

fn value(input: TokenCursor<'_>) -> ParseResult<'_, TestValue> {
    if input.is_symbol("[") {
        let (rest, items) = entries(input.skip(1), "]", messages::more_or_bracket, literal)?;
        return Ok((rest, TestValue::List(items)));
    }
    literal.map(TestValue::One).parse(input)
}

/// `at 54s`
fn at(input: TokenCursor<'_>) -> ParseResult<'_, Quantity> {
    let (rest, _) = expect(messages::moment(), keyword("at")).parse(input)?;
    length(rest)
}

/// `6s x10` after `every`.
fn every(input: TokenCursor<'_>) -> ParseResult<'_, (Quantity, u32)> {
    let (rest, apart) = length(input)?;
    let is_number = |text: &&str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let counted = rest.bare_word().and_then(|word| word.strip_prefix('x'));
    let Some(digits) = counted.filter(is_number) else {
        return Err(rest.unexpected(messages::how_many()));
    };
    match digits.parse() {
        Ok(count) if (1..=REPEAT_MAX).contains(&count) => Ok((rest.skip(1), (apart, count))),
        _ => Err(rest.stop(messages::repeat_range(rest.place()))),
    }
}

/// `2s later` after `arriving`.
fn later(input: TokenCursor<'_>) -> ParseResult<'_, Quantity> {
    let (rest, delay) = length(input)?;
    let (rest, _) = expect(messages::later(), keyword("later")).parse(rest)?;
    Ok((rest, delay))
}

fn expectation(input: TokenCursor<'_>) -> ParseResult<'_, TestExpectation> {
    let (rest, what) = expected(input.skip(1))?;
    let (rest, moment) = match rest.is_word("at") {
        true => at(rest).map(|(rest, moment)| (rest, Some(moment)))?,
        false => (rest, None),
    };
    let (rest, open) = opt(symbol("{")).parse(rest)?;
    let (rest, fields) = match open {
        Some(_) => expected_fields(rest)?,
        None => (rest, Vec::new()),
    };
    Ok((rest, TestExpectation { what, moment, fields, at: NodeSpan(input.place()) }))
}

fn expected_fields(input: TokenCursor<'_>) -> ParseResult<'_, Vec<(FieldPath, Expression)>> {
    entries(input, "}", messages::more_or_brace, |input| {
        let (rest, field) = field(input)?;
        let (rest, value) = literal(rest)?;
        Ok((rest, (field, value)))
    })
}

fn expected(input: TokenCursor<'_>) -> ParseResult<'_, Expected> {
    let what = match input.bare_word() {
        Some("fire") => Expected::Fire,
        Some("change") => Expected::Change,
        Some("again") => Expected::Again,
        Some("resolve") => Expected::Resolve,
        Some("nothing") => Expected::Nothing,
        Some("late") => return late(input.skip(1)),
        _ => return Err(input.unexpected(messages::expected())),
    };
    Ok((input.skip(1), what))
}

/// Number after `late`.
fn late(input: TokenCursor<'_>) -> ParseResult<'_, Expected> {
    let (rest, count) = expect(messages::count(), plain_quantity).parse(input)?;
    let whole: Option<u32> = count.value.to_string().parse().ok().filter(|_| count.unit.is_none());
    match whole {
        Some(count) => Ok((rest, Expected::Late(count))),
        None => Err(input.unexpected(messages::count())),
    }
}
