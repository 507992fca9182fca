//! Statements to rules: names become indices, quantities base units, defaults are filled in.

mod alert;
mod constant;
mod kind;
mod measure;
mod message;
mod predicate;
mod stream;

use std::collections::HashMap;
use std::sync::Arc;

use model::schema::Schema;

use crate::ast::{Name, Statement};
use crate::diagnostic::{Code, Diagnostic, text};
use crate::reading::Reading;
use crate::rule::{Predicate, RuleSet};
use crate::source::Place;

/// Longest chain of filters or measures that build on each other.
pub const CHAIN_MAX: usize = 32;

/// What checking gives; the rules are whole only when nothing reported is an error.
pub(crate) struct Checked {
    pub(crate) rules: RuleSet,
    pub(crate) readings: Vec<Reading>,
}

/// Checks the statements of all files, which share one namespace.
pub(crate) fn check(statements: &[Statement], diagnostics: &mut Vec<Diagnostic>) -> Checked {
    let mut scope = Scope::declare(statements, diagnostics);
    for statement in statements {
        match statement {
            Statement::Filter(filter) => {
                scope.selected(&filter.name.text, 0, diagnostics);
            }
            Statement::Measure(measure) => {
                measure::shape(&mut scope, &measure.measure, 0, diagnostics);
                measure::lengths(&measure.measure, diagnostics);
            }
            _ => {}
        }
    }
    let mut checked: Vec<alert::CheckedAlert> = Vec::new();
    for statement in statements {
        if let Statement::Alert(alert) = statement {
            checked.extend(alert::alert(&mut scope, alert, diagnostics));
        }
    }
    checked.sort_by(|a, b| a.alert.name.cmp(&b.alert.name));
    crate::lint::lint(&checked, diagnostics);
    crate::lint::lint_filters(&scope.filters_with_places(), diagnostics);
    let readings = checked.iter().map(|one| one.reading.clone()).collect();
    let alerts = checked.into_iter().map(|one| one.alert).collect();
    Checked {
        rules: RuleSet {
            streams: scope.streams,
            alerts,
        },
        readings,
    }
}

pub(crate) use alert::CheckedAlert;
pub(crate) use measure::{Function, Shape};

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
    streams: Vec<Arc<Schema>>,
    filters: HashMap<String, Resolved>,
}

impl<'a> Scope<'a> {
    fn declare(statements: &'a [Statement], diagnostics: &mut Vec<Diagnostic>) -> Scope<'a> {
        let mut declared: HashMap<&str, (&Statement, Place)> = HashMap::new();
        let mut streams = Vec::new();
        for statement in statements {
            let name = declared_name(statement);
            if let Some((_, first)) = declared.get(name.text.as_str()) {
                let text = &name.text;
                let message = text!(
                    "`{text}` is declared twice",
                    "`{text}` が二度宣言されています"
                );
                let note = text!("first declared here", "最初の宣言");
                let help = text!(
                    "all names of all files share one namespace: rename one",
                    "名前は全ファイルで共通です。片方の名前を変えてください"
                );
                let found = Diagnostic::new(Code::DuplicateName, name.at.0, message);
                diagnostics.push(found.help(help).related(*first, note));
                continue;
            }
            declared.insert(&name.text, (statement, name.at.0));
            if let Statement::Stream(stream) = statement {
                streams.push(Arc::new(stream::schema(stream, diagnostics)));
            }
        }
        streams.sort_by(|a, b| a.name.cmp(&b.name));
        Scope {
            declared,
            streams,
            filters: HashMap::new(),
        }
    }

    fn stream_named(&self, name: &str) -> Option<(usize, &Arc<Schema>)> {
        let index = self
            .streams
            .binary_search_by(|schema| schema.name.as_str().cmp(name))
            .ok()?;
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
            let lineage = vec![name.to_owned()];
            return Some(Selected {
                stream,
                predicate: Predicate::True,
                lineage,
            });
        }
        let Some((Statement::Filter(filter), _)) = self.declared.get(name).copied() else {
            return None;
        };
        match self.filters.get(name) {
            Some(Resolved::Done(selected)) => return Some(selected.clone()),
            Some(Resolved::Failed) => return None,
            Some(Resolved::Open) => {
                diagnostics.push(circle(&filter.name));
                return None;
            }
            None => {}
        }
        if depth >= CHAIN_MAX {
            diagnostics.push(too_long(&filter.name));
            return None;
        }
        self.filters.insert(name.to_owned(), Resolved::Open);
        let base = self.events(&filter.base, depth + 1, diagnostics);
        let resolved = base.and_then(|base| self.narrowed(base, filter, diagnostics));
        let entry = resolved.clone().map_or(Resolved::Failed, Resolved::Done);
        self.filters.insert(name.to_owned(), entry);
        resolved
    }

    fn narrowed(
        &self,
        base: Selected,
        filter: &crate::ast::Filter,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Selected> {
        if base.lineage.len() > CHAIN_MAX {
            diagnostics.push(too_long(&filter.name));
            return None;
        }
        let schema = self.schema(base.stream)?;
        let own = match &filter.condition {
            Some(condition) => predicate::predicate(&schema, condition, diagnostics)?,
            None => Predicate::True,
        };
        let mut lineage = base.lineage;
        lineage.push(filter.name.text.clone());
        Some(Selected {
            predicate: both(base.predicate, own),
            lineage,
            ..base
        })
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
                self.selected(&name.text, depth, diagnostics)
            }
            Some((Statement::Broken(_), _)) => None,
            Some((other, place)) => {
                let (text, kind) = (&name.text, statement_word(other));
                let message = text!(
                    "`{text}` is a {kind}, not events",
                    "`{text}` は {kind} で、イベントではありません"
                );
                let expected = text!("a stream or filter", "stream か filter");
                let note = text!("declared here", "宣言");
                let found = Diagnostic::new(Code::WrongKind, name.at.0, message);
                diagnostics.push(found.expected(expected).related(*place, note));
                None
            }
            None => {
                diagnostics.push(self.unknown(name));
                None
            }
        }
    }

    /// Reports a name that nothing declares.
    fn unknown(&self, name: &Name) -> Diagnostic {
        let text = &name.text;
        let message = text!(
            "nothing is called `{text}`",
            "`{text}` という名前はありません"
        );
        let found = Diagnostic::new(Code::UnknownName, name.at.0, message);
        if let Some(trapped) = crate::lex::phrase_trap(text, found.clone()) {
            return trapped;
        }
        // `認証失敗10回/分` is one word up to the slash: the name runs on into the level.
        let digit = text.find(|c: char| c.is_ascii_digit()).unwrap_or(0);
        let (head, level) = text.split_at_checked(digit).unwrap_or(("", ""));
        if self.declared.contains_key(head) {
            let help = text!(
                "put a space before the level: `{head} {level}`",
                "しきい値の前を空けてください: `{head} {level}`"
            );
            return found.help(help);
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

fn declared_name(statement: &Statement) -> &Name {
    match statement {
        Statement::Stream(it) => &it.name,
        Statement::Filter(it) => &it.name,
        Statement::Measure(it) => &it.name,
        Statement::Alert(it) => &it.name,
        Statement::Broken(name) => name,
    }
}

fn statement_word(statement: &Statement) -> &'static str {
    match statement {
        Statement::Stream(_) => "stream",
        Statement::Filter(_) => "filter",
        Statement::Measure(_) => "measure",
        Statement::Alert(_) | Statement::Broken(_) => "alert",
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

fn circle(name: &Name) -> Diagnostic {
    let text = &name.text;
    let message = text!(
        "`{text}` builds on itself",
        "`{text}` が自分自身を元にしています"
    );
    let help = text!("let it select from a stream", "stream を元にしてください");
    Diagnostic::new(Code::Circle, name.at.0, message).help(help)
}

fn too_long(name: &Name) -> Diagnostic {
    let text = &name.text;
    let message = text!(
        "`{text}` builds on more than {CHAIN_MAX} others",
        "`{text}` の元になるものが {CHAIN_MAX} を超えています"
    );
    Diagnostic::new(Code::LimitExceeded, name.at.0, message)
}

#[cfg(test)]
mod tests;
