//! `stream NAME from "…" { fields } codec … lateness … extract …`

use nom::Parser;
use nom::branch::alt;
use nom::combinator::{cut, map, opt};
use nom::multi::many0;
use nom::sequence::{delimited, preceded};

use super::messages;
use super::tokens::{
    ParseFault, ParseResult, TokenCursor, expect, fill, free_path, keyword, plain_quantity, quoted,
    repeated, symbol,
};
use crate::ast::{
    Extract, Field, FieldKind, FieldPath, KindArgument, Pattern, Quantity, SpannedName, Statement,
    Stream,
};
use crate::diagnostic::{BilingualText, text};

/// Most fields of one stream.
pub const FIELDS_MAX: usize = 1_000;

pub(super) fn stream(input: TokenCursor<'_>) -> ParseResult<'_, Statement> {
    let (rest, _) = keyword("stream").parse(input)?;
    let (rest, name) = super::boundary::declared_name(rest)?;
    let from = preceded(
        keyword("from"),
        expect(text!("the input's name in quotes", "引用符で囲んだ入力の名前"), quoted),
    );
    let (rest, from) = opt(from).parse(rest)?;
    let (rest, _) =
        expect(text!("`from \"…\"` or `{{`", "`from \"…\"` か `{{`"), symbol("{")).parse(rest)?;
    let (rest, fields) = fields(rest)?;
    let mut stream = Stream {
        name,
        from,
        fields,
        codec: None,
        lateness: None,
        id: None,
        partitioned_by: None,
        extracts: Vec::new(),
    };
    let rest = options(rest, &mut stream)?;
    Ok((rest, Statement::Stream(stream)))
}

fn fields(input: TokenCursor<'_>) -> ParseResult<'_, Vec<Field>> {
    let mut rest = input;
    let mut fields = Vec::new();
    while !rest.is_symbol("}") {
        let (after, read) = field(rest)?;
        fields.push(read);
        if fields.len() > FIELDS_MAX {
            return Err(rest.stop(messages::too_many_fields(rest.place())));
        }
        let comma = opt(symbol(",")).parse(after)?;
        rest = comma.0;
        if comma.1.is_none() && !rest.is_symbol("}") {
            return Err(rest.unexpected(text!("`,` or `}}`", "`,` か `}}`")));
        }
    }
    Ok((rest.skip(1), fields))
}

fn field(input: TokenCursor<'_>) -> ParseResult<'_, Field> {
    let (rest, name) =
        expect(text!("a field: `name: type`", "フィールド: `名前: 型`"), free_path).parse(input)?;
    let (rest, _) = expect(text!("`:` and the field's type", "`:` とフィールドの型"), symbol(":"))
        .parse(rest)?;
    let (rest, kind) = kind(rest)?;
    let place = expect(
        text!("where the record has it: `\"client.addr\"`", "レコード内の場所: `\"client.addr\"`"),
        quoted,
    );
    let (rest, path) = opt(preceded(symbol("="), place)).parse(rest)?;
    Ok((rest, Field { name, kind, path }))
}

fn kind(input: TokenCursor<'_>) -> ParseResult<'_, FieldKind> {
    let (rest, word) = expect(type_wanted(), free_path).parse(input)?;
    let name = SpannedName { text: word.dotted(), at: word.at };
    if !rest.is_symbol("(") {
        return Ok((rest, FieldKind { name, argument: None }));
    }
    let (rest, argument) = rest.nested(|rest| argument(rest.skip(1)))?;
    let (rest, _) = expect(text!("`)`", "`)`"), symbol(")")).parse(rest)?;
    Ok((rest, FieldKind { name, argument: Some(argument) }))
}

fn argument(input: TokenCursor<'_>) -> ParseResult<'_, KindArgument> {
    let range = (
        plain_quantity,
        cut(expect(text!("a range: `0..1`", "範囲: `0..1`"), symbol(".."))),
        plain_quantity,
    );
    let known = alt((
        map(range, |(low, _, high)| KindArgument::Range(low, high)),
        map(quoted, KindArgument::Format),
        map(kind, |kind| KindArgument::Kind(Box::new(kind))),
    ));
    expect(text!("a unit, range, format or type", "単位、範囲、書式、型のどれか"), known)
        .parse(input)
}

fn type_wanted() -> BilingualText {
    text!(
        "a type: str int float bool time instant duration(ms) percent(0..1) bytes ip list(str)",
        "型: str int float bool time instant duration(ms) percent(0..1) bytes ip list(str)"
    )
}

fn options<'a>(
    input: TokenCursor<'a>,
    stream: &mut Stream,
) -> Result<TokenCursor<'a>, nom::Err<ParseFault>> {
    let mut rest = input;
    loop {
        let (after, again) = match rest.bare_word() {
            Some("codec") => fill(&mut stream.codec, codec(rest.skip(1)))?,
            Some("lateness") => fill(&mut stream.lateness, lateness(rest.skip(1)))?,
            Some("id") => fill(&mut stream.id, option_field(rest.skip(1)))?,
            Some("partitioned_by") => fill(&mut stream.partitioned_by, option_field(rest.skip(1)))?,
            Some("extract") => {
                let (after, extract) = extract(rest.skip(1))?;
                stream.extracts.push(extract);
                (after, false)
            }
            _ => return super::boundary::statement_end(rest, messages::after_stream()),
        };
        if again {
            rest.report_diagnostic(repeated(rest));
        }
        rest = after;
    }
}

fn option_field(input: TokenCursor<'_>) -> ParseResult<'_, FieldPath> {
    expect(text!("a field of the stream", "stream のフィールド"), free_path).parse(input)
}

fn codec(input: TokenCursor<'_>) -> ParseResult<'_, SpannedName> {
    let what = text!(
        "a codec: json, logfmt, syslog, text, otlp_logs, otlp_metrics or otlp_spans",
        "コーデック: json、logfmt、syslog、text、otlp_logs、otlp_metrics、otlp_spans のどれか"
    );
    let (rest, word) = expect(what, free_path).parse(input)?;
    Ok((rest, SpannedName { text: word.dotted(), at: word.at }))
}

fn lateness(input: TokenCursor<'_>) -> ParseResult<'_, Quantity> {
    let what = text!("a length of time: `5s`", "時間の長さ: `5秒`");
    expect(what, plain_quantity).parse(input)
}

fn extract(input: TokenCursor<'_>) -> ParseResult<'_, Extract> {
    let (rest, source) =
        expect(text!("the text field to take apart", "分解する文字列のフィールド"), free_path)
            .parse(input)?;
    let mut body = delimited(
        expect(text!("`{{`", "`{{`"), symbol("{")),
        many0(pattern),
        expect(text!("a pattern in quotes or `}}`", "引用符で囲んだパターンか `}}`"), symbol("}")),
    );
    let (rest, patterns) = body.parse(rest)?;
    Ok((rest, Extract { source, patterns }))
}

fn pattern(input: TokenCursor<'_>) -> ParseResult<'_, Pattern> {
    let (mut rest, pattern) = quoted(input)?;
    let mut sets = Vec::new();
    if rest.is_symbol("=>") {
        rest = rest.skip(1);
        let constant = || text!("the field's text in quotes", "引用符で囲んだ値");
        let one = |input| (free_path, expect(constant(), quoted)).parse(input);
        let (after, first) = expect(
            text!(
                "a field and its text: `outcome \"failure\"`",
                "フィールドと値: `outcome \"failure\"`"
            ),
            one,
        )
        .parse(rest)?;
        let (after, more) = many0(preceded(opt(symbol(",")), one)).parse(after)?;
        sets.push(first);
        sets.extend(more);
        rest = after;
    }
    Ok((rest, Pattern { pattern, sets }))
}
