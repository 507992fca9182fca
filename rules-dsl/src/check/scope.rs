//! Names of all files, and the statements resolved so far.

use std::collections::HashMap;
use std::sync::Arc;

use model::calendar::Calendar;
use model::meta::META_PREFIX;
use model::schema::Schema;

use super::types::{List, NameResolution, SelectedEvents, Table, TypedMeasure};
use super::{messages, stream};
use crate::ast::{SpannedName, Statement};
use crate::diagnostic::Diagnostic;
use crate::resolver::Resolver;
use crate::source::{SourceFile, SourceSpan};

/// Everything that has a name.
pub(crate) struct NameScope<'a> {
    pub(super) declared: HashMap<&'a str, (&'a Statement, SourceSpan)>,
    pub(super) files: &'a [SourceFile],
    pub(super) resolver: &'a dyn Resolver,
    pub(super) streams: Vec<Arc<Schema>>,
    pub(super) lists: HashMap<String, List>,
    pub(super) tables: HashMap<String, Table>,
    pub(super) calendars: HashMap<String, Arc<Calendar>>,
    pub(super) filters: HashMap<String, NameResolution<SelectedEvents>>,
    pub(super) measures: HashMap<&'a str, NameResolution<TypedMeasure>>,
    /// Comparisons used so far.
    pub(super) comparisons: usize,
}

impl<'a> NameScope<'a> {
    pub(super) fn declare(
        statements: &'a [Statement],
        files: &'a [SourceFile],
        resolver: &'a dyn Resolver,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> NameScope<'a> {
        let mut declared: HashMap<&str, (&Statement, SourceSpan)> = HashMap::new();
        let mut streams = Vec::new();
        for statement in statements {
            let Some(name) = statement.declared_name() else {
                continue;
            };
            if let Some((_, first)) = declared.get(name.text.as_str()) {
                let found = messages::declared_twice(name.at.0, &name.text);
                diagnostics.push(found.related(*first, messages::first_declared()));
                continue;
            }
            let is_reported = matches!(statement, Statement::Alert(_) | Statement::Watch(_));
            if is_reported && name.text.starts_with(META_PREFIX) {
                diagnostics.push(messages::reserved_name(name.at.0, &name.text));
            }
            declared.insert(&name.text, (statement, name.at.0));
            if let Statement::Stream(stream) = statement {
                streams.push(Arc::new(stream::schema(stream, diagnostics)));
            }
        }
        streams.sort_by(|a, b| a.name.cmp(&b.name));
        NameScope {
            declared,
            files,
            resolver,
            streams,
            lists: HashMap::new(),
            tables: HashMap::new(),
            calendars: HashMap::new(),
            filters: HashMap::new(),
            measures: HashMap::new(),
            comparisons: 0,
        }
    }

    /// Name of a file.
    pub(super) fn file_name(&self, file: usize) -> &str {
        self.files.get(file).map_or("", |file| &file.name)
    }

    /// The statement a name stands for, if it is of the wanted kind; anything else is reported.
    pub(super) fn statement(
        &self,
        name: &SpannedName,
        wanted: &str,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<&'a Statement> {
        let Some((statement, place)) = self.declared.get(name.text.as_str()).copied() else {
            diagnostics.push(self.unknown(name, false));
            return None;
        };
        let kind = statement.keyword();
        if matches!(statement, Statement::Broken(_)) {
            return None;
        }
        if kind != wanted {
            let found = messages::not_a(name.at.0, &name.text, kind, wanted);
            diagnostics.push(found.related(place, messages::declared_here()));
            return None;
        }
        Some(statement)
    }

    pub(super) fn stream_named(&self, name: &str) -> Option<(usize, &Arc<Schema>)> {
        let index = self.streams.binary_search_by(|schema| schema.name.as_str().cmp(name)).ok()?;
        Some((index, self.streams.get(index)?))
    }

    pub(super) fn schema(&self, stream: usize) -> Option<Arc<Schema>> {
        self.streams.get(stream).cloned()
    }

    /// Reports a name that nothing declares.
    pub(super) fn unknown(&self, name: &SpannedName, beyond: bool) -> Diagnostic {
        let text = &name.text;
        let found = messages::unknown_name(name.at.0, text);
        if let Some(trapped) = crate::lex::phrase_trap(text, name.at.0) {
            return trapped;
        }
        // `認証失敗10回/分` is one word up to the slash: the name runs on into the level.
        let digit = text.find(|c: char| c.is_ascii_digit()).unwrap_or(0);
        let (head, level) = text.split_at_checked(digit).unwrap_or(("", ""));
        if self.declared.contains_key(head) {
            return found.help(messages::space_before_level(head, level));
        }
        if beyond {
            return found;
        }
        let known = self.declared.iter().filter(|(_, (statement, _))| {
            !matches!(statement, Statement::Alert(_) | Statement::Broken(_))
        });
        found.suggest(text, known.map(|(name, _)| *name))
    }

    pub(super) fn filters_with_places(&self) -> Vec<(&str, &SelectedEvents, SourceSpan)> {
        let mut all: Vec<(&str, &SelectedEvents, SourceSpan)> = self
            .filters
            .iter()
            .filter_map(|(name, resolved)| match resolved {
                NameResolution::Done(selected) => {
                    let (_, place) = self.declared.get(name.as_str())?;
                    Some((name.as_str(), selected, *place))
                }
                _ => None,
            })
            .collect();
        all.sort_by_key(|(_, _, place)| *place);
        all
    }

    /// The list of a name; `None` is reported, here or where it stands.
    pub(super) fn list(
        &self,
        name: &SpannedName,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<&List> {
        let Some(Statement::List(_)) = self.statement(name, "list", diagnostics) else {
            return None;
        };
        self.lists.get(&name.text)
    }
}
