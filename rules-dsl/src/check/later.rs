//! Forms of the language that are read but not evaluated yet. Every one is reported where it
//! stands; one function each, to be taken away when its meaning arrives.

use super::wording::not_yet;
use crate::ast::{Clauses, Name, Statement, Stream};
use crate::diagnostic::Diagnostic;
use crate::source::Place;

/// Clauses that name lists, tables and calendars.
pub(super) fn clauses(clauses: &Clauses, diagnostics: &mut Vec<Diagnostic>) {
    let written: [(&str, Option<Place>); 4] = [
        ("during", clauses.during.as_ref().map(|it| it.calendar.at.0)),
        ("except", clauses.except.as_ref().map(|it| it.name.at.0)),
        ("override", clauses.overrides.as_ref().map(|it| it.name.at.0)),
        ("in", clauses.roster.as_ref().map(|it| it.at.0)),
    ];
    for (word, place) in written {
        diagnostics.extend(place.map(|place| not_yet(place, word)));
    }
}

/// `in LIST` of a condition.
pub(super) fn listed<T>(list: &Name, diagnostics: &mut Vec<Diagnostic>) -> Option<T> {
    diagnostics.push(not_yet(list.at.0, "in LIST"));
    None
}

/// Options of a stream.
pub(super) fn options(stream: &Stream, diagnostics: &mut Vec<Diagnostic>) {
    let written = [("id", &stream.id), ("partitioned_by", &stream.partitioned_by)];
    for (word, path) in written {
        diagnostics.extend(path.as_ref().map(|path| not_yet(path.at.0, word)));
    }
}

/// Statements without a meaning so far.
pub(super) fn statement(statement: &Statement, diagnostics: &mut Vec<Diagnostic>) {
    let (word, name) = match statement {
        Statement::List(it) => ("list", &it.name),
        Statement::Table(it) => ("table", &it.name),
        Statement::Calendar(it) => ("calendar", &it.name),
        Statement::Watch(it) => ("watch", &it.name),
        _ => return,
    };
    diagnostics.push(not_yet(name.at.0, word));
}
