//! `list`, `table` and `calendar`: what rules look things up in.

use nom::Parser;
use nom::multi::separated_list1;

use super::expression::{affordable, literal, networks};
use super::messages;
use super::tokens::{ParseFault, ParseResult, TokenCursor, expect, keyword, quoted, symbol};
use crate::ast::{
    Calendar, CalendarSpan, List, ListItems, NodeSpan, QuotedText, SpannedName, Statement, Table,
    Weekday,
};
use crate::diagnostic::nearest;
use crate::lex::TokenKind;

pub(super) fn list(input: TokenCursor<'_>) -> ParseResult<'_, Statement> {
    let (rest, _) = keyword("list").parse(input)?;
    let (rest, name) = super::boundary::declared_name(rest)?;
    let (rest, _) = super::boundary::expect_equals(rest)?;
    let (rest, items) = items(rest)?;
    let rest = super::boundary::statement_end(rest, messages::after_list())?;
    Ok((rest, Statement::List(List { name, items })))
}

fn items(input: TokenCursor<'_>) -> ParseResult<'_, ListItems> {
    if input.is_word("file") {
        return file(input).map(|(rest, file)| (rest, ListItems::File(file)));
    }
    if input.is_word("cidr") {
        let (rest, items) = expect(messages::networks(), networks).parse(input.skip(1))?;
        affordable(input, items.len())?;
        return Ok((rest, ListItems::Networks(items)));
    }
    if !matches!(input.first(), Some(TokenKind::Text(_) | TokenKind::Quantity(_)))
        && !input.is_symbol("-")
        && !matches!(input.bare_word(), Some("true" | "false"))
    {
        return Err(input.unexpected(messages::list_items()));
    }
    let (rest, items) = separated_list1(symbol(","), literal).parse(input)?;
    affordable(input, items.len())?;
    Ok((rest, ListItems::Literals(items)))
}

pub(super) fn table(input: TokenCursor<'_>) -> ParseResult<'_, Statement> {
    let (rest, _) = keyword("table").parse(input)?;
    let (rest, name) = super::boundary::declared_name(rest)?;
    let (rest, _) = super::boundary::expect_equals(rest)?;
    let (rest, file) = file(rest)?;
    let rest = super::boundary::statement_end(rest, messages::after_table())?;
    Ok((rest, Statement::Table(Table { name, file })))
}

/// `file "…"`
fn file(input: TokenCursor<'_>) -> ParseResult<'_, QuotedText> {
    let (rest, _) = expect(messages::file(), keyword("file")).parse(input)?;
    expect(messages::file(), quoted).parse(rest)
}

pub(super) fn calendar(input: TokenCursor<'_>) -> ParseResult<'_, Statement> {
    let (rest, _) = keyword("calendar").parse(input)?;
    let (rest, name) = super::boundary::declared_name(rest)?;
    let (rest, _) = super::boundary::expect_equals(rest)?;
    let (rest, spans) = separated_list1(symbol(","), span).parse(rest)?;
    let (rest, zone) = match zone_follows(rest) {
        true => zone(rest).map(|(rest, zone)| (rest, Some(zone)))?,
        false => (rest, None),
    };
    let (rest, holidays) = match rest.is_word("except") {
        true => holidays(rest.skip(1)).map(|(rest, file)| (rest, Some(file)))?,
        false => (rest, None),
    };
    let rest = super::boundary::statement_end(rest, messages::after_calendar())?;
    Ok((rest, Statement::Calendar(Calendar { name, spans, zone, holidays })))
}

fn holidays(input: TokenCursor<'_>) -> ParseResult<'_, QuotedText> {
    let (rest, _) = expect(messages::holidays(), keyword("holidays")).parse(input)?;
    expect(messages::holidays(), quoted).parse(rest)
}

/// `mon-wed, fri 09:00-18:00`: days up to the hours that go for all of them.
fn span(input: TokenCursor<'_>) -> ParseResult<'_, CalendarSpan> {
    let mut days = Vec::new();
    let mut rest = input;
    loop {
        let (after, range) = day_range(rest)?;
        days.push(range);
        rest = after;
        let (after, hours) = hours(rest)?;
        rest = after;
        if hours.is_some() || !rest.is_symbol(",") {
            let at = NodeSpan(input.place());
            return Ok((rest, CalendarSpan { days, hours, at }));
        }
        rest = rest.skip(1);
    }
}

fn is_dash(input: TokenCursor<'_>) -> bool {
    input.is_symbol("-") || input.is_symbol("~")
}

fn day_range(input: TokenCursor<'_>) -> ParseResult<'_, (Weekday, Weekday)> {
    let (rest, first) = day(input)?;
    if !is_dash(rest) {
        return Ok((rest, (first, first)));
    }
    let (rest, last) = day(rest.skip(1))?;
    Ok((rest, (first, last)))
}

fn day(input: TokenCursor<'_>) -> ParseResult<'_, Weekday> {
    let day = match input.bare_word() {
        Some("mon" | "月") => Weekday::Monday,
        Some("tue" | "火") => Weekday::Tuesday,
        Some("wed" | "水") => Weekday::Wednesday,
        Some("thu" | "木") => Weekday::Thursday,
        Some("fri" | "金") => Weekday::Friday,
        Some("sat" | "土") => Weekday::Saturday,
        Some("sun" | "日") => Weekday::Sunday,
        Some(word) => return Err(no_day(input, word)),
        None => return Err(input.unexpected(messages::day())),
    };
    Ok((input.skip(1), day))
}

/// `monday`, `月曜`, `平日`: words for days that are none here.
fn no_day(input: TokenCursor<'_>, word: &str) -> super::tokens::ParseStop {
    const ENGLISH: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    const JAPANESE: [&str; 7] = ["月", "火", "水", "木", "金", "土", "日"];
    const FULL: [&str; 7] =
        ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let lower = word.to_ascii_lowercase();
    let place = input.place();
    if matches!(word, "平日" | "営業日") || matches!(lower.as_str(), "weekday" | "weekdays") {
        return input.stop(messages::weekdays(place, word));
    }
    let index = FULL.iter().position(|day| *day == lower);
    let full = index.and_then(|index| ENGLISH.get(index)).copied();
    let kanji =
        JAPANESE.into_iter().find(|day| word == format!("{day}曜") || word == format!("{day}曜日"));
    let meant = full.or(kanji).or_else(|| nearest(&lower, ENGLISH));
    match meant {
        Some(day) => input.stop(messages::no_day(place, word).help(messages::did_you_mean(day))),
        None => input.unexpected(messages::day()),
    }
}

/// `09:00-18:00`, if hours are written.
fn hours(input: TokenCursor<'_>) -> ParseResult<'_, Option<(u16, u16)>> {
    let Some(TokenKind::Clock(from)) = input.first() else {
        return match input.first() {
            Some(TokenKind::Quantity(_)) => Err(input.unexpected(messages::hours())),
            _ => Ok((input, None)),
        };
    };
    let rest = input.skip(1);
    let until = match rest.skip(1).first() {
        Some(TokenKind::Clock(until)) if is_dash(rest) => until,
        _ if is_dash(rest) => return Err(rest.skip(1).unexpected(messages::hours())),
        _ => return Err(rest.unexpected(messages::hours())),
    };
    Ok((rest.skip(2), Some((*from, *until))))
}

/// True when a word stands where the zone does, and it does not look like the next statement.
fn zone_follows(input: TokenCursor<'_>) -> bool {
    matches!(input.first(), Some(TokenKind::Word(_)))
        && !input.is_word("except")
        && !input.bare_word().is_some_and(super::keyword::reserved)
        && !super::boundary::misspells_statement(input)
}

/// `Asia/Tokyo`, `America/Port-au-Prince`, `Etc/GMT+9`: words and numbers without gaps.
fn zone(input: TokenCursor<'_>) -> ParseResult<'_, SpannedName> {
    let (mut rest, mut name) = zone_part(input)?;
    loop {
        let sign = ["/", "-", "+"].into_iter().find(|sign| rest.is_symbol(sign));
        let Some(sign) = sign.filter(|_| rest.touches_before(input) && rest.touches_next()) else {
            return Ok((rest, name));
        };
        let (after, part) = expect(messages::zone(), zone_part).parse(rest.skip(1))?;
        name.text = format!("{}{sign}{}", name.text, part.text);
        name.at = NodeSpan(name.at.0.to(part.at.0));
        rest = after;
    }
}

fn zone_part(input: TokenCursor<'_>) -> ParseResult<'_, SpannedName> {
    let at = NodeSpan(input.place());
    let text = match input.first() {
        Some(TokenKind::Word(segments)) => {
            segments.iter().map(|s| s.text.as_str()).collect::<Vec<&str>>().join(".")
        }
        Some(TokenKind::Quantity(number)) if number.unit.is_none() => number.value.to_string(),
        _ => return Err(nom::Err::Error(ParseFault)),
    };
    Ok((input.skip(1), SpannedName { text, at }))
}
