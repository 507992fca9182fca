//! The statements of all files to a rule set.

use super::scope::NameScope;
use super::types::CheckedAlert;
use super::{alert, filter, measure_expr, reference, test, watch};
use crate::ast::Statement;
use crate::diagnostic::Diagnostic;
use crate::explain::RuleExplanation;
use crate::resolver::Resolver;
use crate::rule::{Alert, RuleSet, Test, Watch};
use crate::source::SourceFile;

/// Result of checking; the rules are whole only when nothing reported is an error.
pub(crate) struct CheckedRules {
    pub(crate) rules: RuleSet,
    pub(crate) readings: Vec<RuleExplanation>,
    pub(crate) watched: Vec<RuleExplanation>,
    pub(crate) tests: Vec<Test>,
}

/// Checks the statements of all files, which share one namespace.
pub(crate) fn check(
    statements: &[Statement],
    files: &[SourceFile],
    resolver: &dyn Resolver,
    diagnostics: &mut Vec<Diagnostic>,
) -> CheckedRules {
    let mut scope = NameScope::declare(statements, files, resolver, diagnostics);
    read_references(&mut scope, statements, diagnostics);
    let mut checked: Vec<CheckedAlert> = Vec::new();
    let mut watches: Vec<(Watch, RuleExplanation)> = Vec::new();
    for statement in statements {
        match statement {
            Statement::Filter(filter) => {
                filter::selected(&mut scope, &filter.name.text, 0, diagnostics);
            }
            Statement::Measure(measure) => {
                measure_expr::declared(&mut scope, &measure.measure, diagnostics);
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
    let test = |statement: &Statement| match statement {
        Statement::Test(written) => test::test(&scope, &alerts, written, diagnostics),
        _ => None,
    };
    let tests = statements.iter().filter_map(test).collect();
    let (streams, calendars) = (scope.streams, scope.calendars.into_iter().collect());
    watches.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    let (watches, watched) = watches.into_iter().unzip();
    let rules = RuleSet { streams, alerts, watches, calendars };
    CheckedRules { rules, readings, watched, tests }
}

/// Reads lists, tables and calendars; what is wrong with them is reported here, once.
fn read_references(
    scope: &mut NameScope<'_>,
    statements: &[Statement],
    diagnostics: &mut Vec<Diagnostic>,
) {
    for statement in statements {
        match statement {
            Statement::List(it) => {
                let read = reference::list(scope, it, diagnostics);
                scope.lists.extend(read.map(|read| (it.name.text.clone(), read)));
            }
            Statement::Table(it) => {
                let read = reference::table(scope, it, diagnostics);
                scope.tables.extend(read.map(|read| (it.name.text.clone(), read)));
            }
            Statement::Calendar(it) => {
                let read = reference::calendar(scope, it, diagnostics);
                scope.calendars.extend(read.map(|read| (it.name.text.clone(), read)));
            }
            _ => {}
        }
    }
}
