//! Forms of the language that are read but not evaluated yet. Every one is reported where it
//! stands; one function each, to be taken away when its meaning arrives.

use model::severity::Severity;

use super::wording::not_yet;
use crate::ast::{
    Alert, Clauses, Compare, Condition, Grade, Level, Measure, Statement, Stream, Term, Trigger,
    Window,
};
use crate::diagnostic::Diagnostic;
use crate::rule::Comparison;
use crate::source::Place;

/// An alert of one comparison and one severity.
pub(super) struct Plain<'a> {
    pub(super) written: &'a Alert,
    /// With the window written among the clauses.
    pub(super) measure: Measure,
    pub(super) level: &'a Level,
    pub(super) clauses: &'a Clauses,
    pub(super) severity: Severity,
}

impl Plain<'_> {
    pub(super) fn comparison(&self) -> Comparison {
        self.level.comparison.unwrap_or(Comparison::AtLeast)
    }
}

/// The alert, if all of it is evaluated.
pub(super) fn understood<'a>(
    alert: &'a Alert,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Plain<'a>> {
    let before = diagnostics.len();
    let compare = comparison(alert, diagnostics);
    clauses(&alert.clauses, diagnostics);
    let severity = severity(&alert.grade, diagnostics);
    let (compare, severity) = (compare?, severity?);
    if diagnostics.len() > before {
        return None;
    }
    let level = compare.level.as_ref()?;
    let mut measure = compare.measure.clone();
    let (own, clause) = (&mut measure.window, &alert.clauses.window);
    own.within = own.within.take().or_else(|| clause.within.clone());
    own.min = own.min.take().or_else(|| clause.min.clone());
    Some(Plain { written: alert, measure, level, clauses: &alert.clauses, severity })
}

fn comparison<'a>(alert: &'a Alert, diagnostics: &mut Vec<Diagnostic>) -> Option<&'a Compare> {
    let place = alert.name.at.0;
    let found = match &alert.trigger {
        Trigger::Condition(Condition::Compare(compare)) => return Some(compare),
        Trigger::Condition(Condition::And(_)) => not_yet(place, "and"),
        Trigger::Condition(Condition::Or(_)) => not_yet(place, "or"),
        Trigger::Any { events, .. } => not_yet(events.at.0, "any"),
        Trigger::Sequence { steps, .. } => {
            not_yet(steps.first().map_or(place, |step| step.at.0), "then")
        }
        Trigger::ThenNot { first, .. } => not_yet(first.at.0, "then not"),
        Trigger::Absent { events } => not_yet(events.at.0, "absent"),
        Trigger::New { events, .. } => not_yet(events.at.0, "new"),
    };
    diagnostics.push(found);
    None
}

fn clauses(clauses: &Clauses, diagnostics: &mut Vec<Diagnostic>) {
    step(&clauses.window, diagnostics);
    let quantity = |written: &Option<crate::ast::Quantity>| written.as_ref().map(|it| it.at.0);
    let written: [(&str, Option<Place>); 10] = [
        ("during", clauses.during.as_ref().map(|it| it.calendar.at.0)),
        ("except", clauses.except.as_ref().map(|it| it.name.at.0)),
        ("override", clauses.overrides.as_ref().map(|it| it.name.at.0)),
        ("notify each", clauses.notify_each.map(|at| at.0)),
        ("shadow", clauses.shadow.map(|at| at.0)),
        ("limit", quantity(&clauses.limit_keys)),
        ("limit", quantity(&clauses.limit_values)),
        ("seen", quantity(&clauses.seen)),
        ("in", clauses.roster.as_ref().map(|it| it.at.0)),
        ("learn", quantity(&clauses.learn)),
    ];
    for (word, place) in written {
        diagnostics.extend(place.map(|place| not_yet(place, word)));
    }
}

fn severity(grade: &Grade, diagnostics: &mut Vec<Diagnostic>) -> Option<Severity> {
    match grade {
        Grade::Severity(severity) => Some(*severity),
        Grade::Ladder(_, at) => {
            diagnostics.push(not_yet(at.0, "ladder"));
            None
        }
    }
}

/// `step D` of a measure or alert.
pub(super) fn step(window: &Window, diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.extend(window.step.as_ref().map(|step| not_yet(step.at.0, "step")));
}

/// A measure computed of measures.
pub(super) fn term<T>(term: &Term, diagnostics: &mut Vec<Diagnostic>) -> Option<T> {
    diagnostics.push(not_yet(place(term), if versus(term) { "vs" } else { "arithmetic" }));
    None
}

fn versus(term: &Term) -> bool {
    matches!(term, Term::Versus(..))
}

/// Where a term begins.
fn place(term: &Term) -> Place {
    match term {
        Term::Named(name) | Term::Call(name, _) => name.at.0,
        Term::Number(number) => number.at.0,
        Term::Arithmetic(left, ..) | Term::Versus(left, _) => place(&left.term),
    }
}

/// `in LIST` of a condition.
pub(super) fn listed<T>(list: &crate::ast::Name, diagnostics: &mut Vec<Diagnostic>) -> Option<T> {
    diagnostics.push(not_yet(list.at.0, "in LIST"));
    None
}

/// A measure of the language without a meaning so far.
pub(super) fn function(name: &crate::ast::Name) -> Option<Diagnostic> {
    let later = crate::parse::LATER_MEASURES.contains(&name.text.as_str());
    later.then(|| not_yet(name.at.0, &name.text))
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
