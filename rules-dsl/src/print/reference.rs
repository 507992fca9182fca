//! Lists, tables and calendars to text.

use super::expression::expression;
use super::term::{clock, listed, name, quoted, texts};
use crate::ast::{Calendar, CalendarSpan, List, ListItems, Table, Weekday};
use crate::parse::keyword::plain_zone;

pub(super) fn list(list: &List) -> String {
    let items = match &list.items {
        ListItems::Literals(items) => listed(items, expression),
        ListItems::Networks(networks) => format!("cidr {}", texts(networks)),
        ListItems::File(file) => format!("file {}", quoted(&file.text)),
    };
    format!("list {} = {items}\n", name(&list.name.text))
}

pub(super) fn table(table: &Table) -> String {
    format!("table {} = file {}\n", name(&table.name.text), quoted(&table.file.text))
}

pub(super) fn calendar(calendar: &Calendar) -> String {
    let mut out =
        format!("calendar {} = {}", name(&calendar.name.text), listed(&calendar.spans, span));
    if let Some(zone) = &calendar.zone {
        let spelled = zone.text.clone();
        let spelled = if plain_zone(&spelled) { spelled } else { format!("`{spelled}`") };
        out.push_str(&format!(" {spelled}"));
    }
    if let Some(file) = &calendar.holidays {
        out.push_str(&format!(" except holidays {}", quoted(&file.text)));
    }
    out + "\n"
}

fn span(span: &CalendarSpan) -> String {
    let days = listed(&span.days, |(first, last)| match first == last {
        true => day(*first).to_owned(),
        false => format!("{}-{}", day(*first), day(*last)),
    });
    match span.hours {
        Some((from, until)) => format!("{days} {}-{}", clock(from), clock(until)),
        None => days,
    }
}

const fn day(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "mon",
        Weekday::Tuesday => "tue",
        Weekday::Wednesday => "wed",
        Weekday::Thursday => "thu",
        Weekday::Friday => "fri",
        Weekday::Saturday => "sat",
        Weekday::Sunday => "sun",
    }
}
