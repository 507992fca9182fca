//! Statements to rules: names become indices, quantities base units, defaults are filled in.

mod alert;
mod condition;
mod constant;
mod keys;
mod kind;
mod level;
mod measure;
mod message;
mod predicate;
mod reference;
mod stream;
mod test;
mod trigger;
mod valued;
mod watch;
mod wording;

use std::collections::HashMap;
use std::sync::Arc;

use model::calendar::Calendar;
use model::meta::META_PREFIX;
use model::schema::Schema;

use crate::ast::{Name, Statement};
use crate::diagnostic::Diagnostic;
use crate::reading::Reading;
use crate::rule::{Alert, Predicate, RuleSet, Test, Watch};
use crate::source::{Place, SourceFile};
use crate::surroundings::Surroundings;

/// Longest chain of filters or measures that build on each other.
pub const CHAIN_MAX: usize = 32;
/// Most comparisons and list items of all rules together, a filter's counted at every use.
pub const COMPARISONS_MAX: usize = 1_000_000;

/// Most names looked through for near ones in one run; later findings go without a guess.
const NAMES_COMPARED_MAX: usize = 50_000;

/// What checking gives; the rules are whole only when nothing reported is an error.
pub(crate) struct Checked {
    pub(crate) rules: RuleSet,
    pub(crate) readings: Vec<Reading>,
    pub(crate) watched: Vec<Reading>,
    pub(crate) tests: Vec<Test>,
}

/// Checks the statements of all files, which share one namespace.
pub(crate) fn check(
    statements: &[Statement],
    files: &[SourceFile],
    surroundings: &dyn Surroundings,
    diagnostics: &mut Vec<Diagnostic>,
) -> Checked {
    let mut scope = Scope::declare(statements, files, surroundings, diagnostics);
    scope.refer(statements, diagnostics);
    let mut checked: Vec<alert::CheckedAlert> = Vec::new();
    let mut watches: Vec<(Watch, Reading)> = Vec::new();
    for statement in statements {
        match statement {
            Statement::Filter(filter) => {
                scope.selected(&filter.name.text, 0, diagnostics);
            }
            Statement::Measure(measure) => {
                valued::declared(&mut scope, &measure.measure, diagnostics);
            }
            Statement::Alert(alert) => checked.extend(alert::alert(&mut scope, alert, diagnostics)),
            Statement::Watch(watch) => watches.extend(watch::watch(&mut scope, watch, diagnostics)),
            // Looked at where they are declared, or after all alerts.
            Statement::Stream(_)
            | Statement::List(_)
            | Statement::Table(_)
            | Statement::Calendar(_)
            | Statement::Test(_)
            | Statement::Broken(_) => {}
        }
    }
    checked.sort_by(|a, b| a.alert.name.cmp(&b.alert.name));
    crate::lint::lint(&checked, &scope.streams, diagnostics);
    crate::lint::lint_filters(&scope.filters_with_places(), diagnostics);
    let readings = checked.iter().map(|one| one.reading.clone()).collect();
    let alerts: Vec<Alert> = checked.into_iter().map(|one| one.alert).collect();
    let tests = statements.iter().filter_map(|statement| match statement {
        Statement::Test(written) => test::test(&scope, &alerts, written, diagnostics),
        _ => None,
    });
    let tests = tests.collect();
    let (streams, calendars) = (scope.streams, scope.calendars.into_iter().collect());
    watches.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    let (watches, watched) = watches.into_iter().unzip();
    let rules = RuleSet { streams, alerts, watches, calendars };
    Checked { rules, readings, watched, tests }
}

pub(crate) use alert::{CheckedAlert, hold_default_ms, keep_default_ms};
pub(crate) use condition::{Compared, Joined, Span};
pub(crate) use measure::{Function, Shape};
pub(crate) use trigger::{LEARN_DEFAULT_MS, Subject, VALUES_DEFAULT};

/// Events of one stream that satisfy a predicate.
#[derive(Clone, Debug)]
pub(crate) struct Selected {
    pub(crate) stream: usize,
    pub(crate) predicate: Predicate,
    /// The names it builds on, the stream first, its own last.
    pub(crate) lineage: Vec<String>,
}

/// What a filter's name stands for so far.
enum Resolved {
    Open,
    Failed,
    Done(Selected),
}

/// Everything that has a name.
pub(crate) struct Scope<'a> {
    declared: HashMap<&'a str, (&'a Statement, Place)>,
    files: &'a [SourceFile],
    surroundings: &'a dyn Surroundings,
    streams: Vec<Arc<Schema>>,
    lists: HashMap<String, reference::List>,
    tables: HashMap<String, reference::Table>,
    calendars: HashMap<String, Arc<Calendar>>,
    filters: HashMap<String, Resolved>,
    measures: HashMap<&'a str, valued::Known>,
    /// Comparisons used so far.
    comparisons: usize,
}

impl<'a> Scope<'a> {
    fn declare(
        statements: &'a [Statement],
        files: &'a [SourceFile],
        surroundings: &'a dyn Surroundings,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Scope<'a> {
        let mut declared: HashMap<&str, (&Statement, Place)> = HashMap::new();
        let mut streams = Vec::new();
        for statement in statements {
            let Some(name) = declared_name(statement) else {
                continue;
            };
            if let Some((_, first)) = declared.get(name.text.as_str()) {
                let found = wording::declared_twice(name.at.0, &name.text);
                diagnostics.push(found.related(*first, wording::first_declared()));
                continue;
            }
            let is_told = matches!(statement, Statement::Alert(_) | Statement::Watch(_));
            if is_told && name.text.starts_with(META_PREFIX) {
                diagnostics.push(wording::reserved_name(name.at.0, &name.text));
            }
            declared.insert(&name.text, (statement, name.at.0));
            if let Statement::Stream(stream) = statement {
                streams.push(Arc::new(stream::schema(stream, diagnostics)));
            }
        }
        streams.sort_by(|a, b| a.name.cmp(&b.name));
        Scope {
            declared,
            files,
            surroundings,
            streams,
            lists: HashMap::new(),
            tables: HashMap::new(),
            calendars: HashMap::new(),
            filters: HashMap::new(),
            measures: HashMap::new(),
            comparisons: 0,
        }
    }

    /// Reads lists, tables and calendars; what is wrong with them is reported here, once.
    fn refer(&mut self, statements: &[Statement], diagnostics: &mut Vec<Diagnostic>) {
        for statement in statements {
            match statement {
                Statement::List(it) => {
                    let read = reference::list(self, it, diagnostics);
                    self.lists.extend(read.map(|read| (it.name.text.clone(), read)));
                }
                Statement::Table(it) => {
                    let read = reference::table(self, it, diagnostics);
                    self.tables.extend(read.map(|read| (it.name.text.clone(), read)));
                }
                Statement::Calendar(it) => {
                    let read = reference::calendar(self, it, diagnostics);
                    self.calendars.extend(read.map(|read| (it.name.text.clone(), read)));
                }
                _ => {}
            }
        }
    }

    /// What a file is called.
    fn file_name(&self, file: usize) -> &str {
        self.files.get(file).map_or("", |file| &file.name)
    }

    /// The statement a name stands for, if it is of the wanted kind; anything else is reported.
    fn statement(
        &self,
        name: &Name,
        wanted: &str,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<&'a Statement> {
        let Some((statement, place)) = self.declared.get(name.text.as_str()).copied() else {
            diagnostics.push(self.unknown(name, false));
            return None;
        };
        let kind = statement_word(statement);
        if matches!(statement, Statement::Broken(_)) {
            return None;
        }
        if kind != wanted {
            let found = reference::not_a(name.at.0, &name.text, kind, wanted);
            diagnostics.push(found.related(place, wording::declared_here()));
            return None;
        }
        Some(statement)
    }

    fn stream_named(&self, name: &str) -> Option<(usize, &Arc<Schema>)> {
        let index = self.streams.binary_search_by(|schema| schema.name.as_str().cmp(name)).ok()?;
        Some((index, self.streams.get(index)?))
    }

    fn schema(&self, stream: usize) -> Option<Arc<Schema>> {
        self.streams.get(stream).cloned()
    }

    /// The events a stream's or filter's name stands for; `None` when that was reported.
    fn selected(
        &mut self,
        name: &str,
        depth: usize,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Selected> {
        if let Some((stream, _)) = self.stream_named(name) {
            return Some(Selected {
                stream,
                predicate: Predicate::True,
                lineage: vec![name.to_owned()],
            });
        }
        let Some((Statement::Filter(filter), _)) = self.declared.get(name).copied() else {
            return None;
        };
        let place = filter.name.at.0;
        match self.filters.get(name) {
            Some(Resolved::Done(selected)) => return Some(selected.clone()),
            Some(Resolved::Failed) => return None,
            Some(Resolved::Open) => diagnostics.push(wording::filter_circle(place, name)),
            None if depth >= CHAIN_MAX => diagnostics.push(wording::chain_too_long(place, name)),
            None => return self.resolved(filter, depth, diagnostics),
        }
        None
    }

    /// Resolves a filter for the first time, and remembers how that went.
    fn resolved(
        &mut self,
        filter: &crate::ast::Filter,
        depth: usize,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Selected> {
        let name = &filter.name.text;
        self.filters.insert(name.clone(), Resolved::Open);
        let base = self.events(&filter.base, depth + 1, diagnostics);
        let resolved = base.and_then(|base| self.narrowed(base, filter, diagnostics));
        let entry = resolved.clone().map_or(Resolved::Failed, Resolved::Done);
        self.filters.insert(name.clone(), entry);
        resolved
    }

    fn narrowed(
        &self,
        base: Selected,
        filter: &crate::ast::Filter,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Selected> {
        if base.lineage.len() > CHAIN_MAX {
            let name = &filter.name;
            diagnostics.push(wording::chain_too_long(name.at.0, &name.text));
            return None;
        }
        let schema = self.schema(base.stream)?;
        let own = match &filter.condition {
            Some(condition) => predicate::predicate(self, &schema, condition, diagnostics)?,
            None => Predicate::True,
        };
        let mut lineage = base.lineage;
        lineage.push(filter.name.text.clone());
        Some(Selected { predicate: both(base.predicate, own), lineage, ..base })
    }

    /// The events of a stream or filter for one use of it, as long as all uses together are
    /// affordable.
    fn used(
        &mut self,
        name: &Name,
        depth: usize,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Selected> {
        if self.comparisons > COMPARISONS_MAX {
            diagnostics.push(wording::too_many_comparisons(name.at.0));
            return None;
        }
        let selected = self.selected(&name.text, depth, diagnostics)?;
        self.comparisons += comparisons(&selected.predicate);
        Some(selected)
    }

    /// Counts what measures known already select once more; false, and reported, when all
    /// uses together are not affordable.
    fn afford(
        &mut self,
        shapes: &[Shape],
        place: Place,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> bool {
        let is_affordable = self.comparisons <= COMPARISONS_MAX;
        if !is_affordable {
            diagnostics.push(wording::too_many_comparisons(place));
        }
        let selections = shapes.iter().flat_map(|shape| &shape.of);
        self.comparisons += selections.map(|of| comparisons(&of.predicate)).sum::<usize>();
        is_affordable
    }

    /// The events a name used somewhere stands for; reports names that stand for none.
    fn events(
        &mut self,
        name: &Name,
        depth: usize,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Selected> {
        match self.declared.get(name.text.as_str()) {
            Some((Statement::Stream(_) | Statement::Filter(_), _)) => {
                self.used(name, depth, diagnostics)
            }
            Some((Statement::Broken(_), _)) => None,
            Some((other, place)) => {
                let found = wording::not_events(name.at.0, &name.text, statement_word(other));
                diagnostics.push(found.related(*place, wording::declared_here()));
                None
            }
            None => {
                let compared = diagnostics.len().saturating_mul(self.declared.len());
                diagnostics.push(self.unknown(name, compared > NAMES_COMPARED_MAX));
                None
            }
        }
    }

    /// Reports a name that nothing declares.
    fn unknown(&self, name: &Name, beyond: bool) -> Diagnostic {
        let text = &name.text;
        let found = wording::unknown_name(name.at.0, text);
        if let Some(trapped) = crate::lex::phrase_trap(text, name.at.0) {
            return trapped;
        }
        // `認証失敗10回/分` is one word up to the slash: the name runs on into the level.
        let digit = text.find(|c: char| c.is_ascii_digit()).unwrap_or(0);
        let (head, level) = text.split_at_checked(digit).unwrap_or(("", ""));
        if self.declared.contains_key(head) {
            return found.help(wording::space_before_level(head, level));
        }
        if beyond {
            return found;
        }
        let known = self.declared.iter().filter(|(_, (statement, _))| {
            !matches!(statement, Statement::Alert(_) | Statement::Broken(_))
        });
        found.suggest(text, known.map(|(name, _)| *name))
    }

    fn filters_with_places(&self) -> Vec<(&str, &Selected, Place)> {
        let mut all: Vec<(&str, &Selected, Place)> = self
            .filters
            .iter()
            .filter_map(|(name, resolved)| match resolved {
                Resolved::Done(selected) => {
                    let (_, place) = self.declared.get(name.as_str())?;
                    Some((name.as_str(), selected, *place))
                }
                _ => None,
            })
            .collect();
        all.sort_by_key(|(_, _, place)| *place);
        all
    }
}

/// The name a statement declares; a test declares none.
pub(crate) fn declared_name(statement: &Statement) -> Option<&Name> {
    Some(match statement {
        Statement::Stream(it) => &it.name,
        Statement::List(it) => &it.name,
        Statement::Table(it) => &it.name,
        Statement::Calendar(it) => &it.name,
        Statement::Filter(it) => &it.name,
        Statement::Measure(it) => &it.name,
        Statement::Watch(it) => &it.name,
        Statement::Alert(it) => &it.name,
        Statement::Test(_) => return None,
        Statement::Broken(name) => name,
    })
}

fn statement_word(statement: &Statement) -> &'static str {
    match statement {
        Statement::Stream(_) => "stream",
        Statement::Filter(_) => "filter",
        Statement::Measure(_) => "measure",
        Statement::List(_) => "list",
        Statement::Table(_) => "table",
        Statement::Calendar(_) => "calendar",
        Statement::Watch(_) => "watch",
        Statement::Test(_) => "test",
        Statement::Alert(_) | Statement::Broken(_) => "alert",
    }
}

/// What evaluating a predicate costs at most.
fn comparisons(predicate: &Predicate) -> usize {
    match predicate {
        Predicate::And(parts) | Predicate::Or(parts) => parts.iter().map(comparisons).sum(),
        Predicate::Not(inner) => comparisons(inner),
        Predicate::In(_, items) => items.len(),
        Predicate::InNetwork(_, networks) => networks.len(),
        _ => 1,
    }
}

fn both(base: Predicate, own: Predicate) -> Predicate {
    let mut parts = Vec::new();
    for predicate in [base, own] {
        match predicate {
            Predicate::True => {}
            Predicate::And(inner) => parts.extend(inner),
            other => parts.push(other),
        }
    }
    match parts.pop() {
        None => Predicate::True,
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            Predicate::And(parts)
        }
    }
}

#[cfg(test)]
mod tests;
