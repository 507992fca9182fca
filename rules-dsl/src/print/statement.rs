//! Whole files and their statements.

use std::fmt::Write as _;

use super::expression::expression;
use super::term::name;
use super::{alert, measure, reference, stream, test};
use crate::ast::{Ast, Filter, MeasureStatement, Statement};

/// A whole file. Statements that could not be read are left out.
pub fn print(ast: &Ast) -> String {
    ast.statements.iter().map(statement).collect()
}

fn statement(statement: &Statement) -> String {
    match statement {
        Statement::Stream(it) => stream::stream(it),
        Statement::List(it) => reference::list(it),
        Statement::Table(it) => reference::table(it),
        Statement::Calendar(it) => reference::calendar(it),
        Statement::Filter(it) => filter(it),
        Statement::Measure(it) => measure_statement(it),
        Statement::Watch(it) => measure::watch(it),
        Statement::Alert(it) => alert::alert(it),
        Statement::Test(it) => test::test(it),
        Statement::Broken(_) => String::new(),
    }
}

fn filter(filter: &Filter) -> String {
    let mut out = format!("filter {} = {}", name(&filter.name.text), name(&filter.base.text));
    if let Some(condition) = &filter.condition {
        let _ = write!(out, " where {}", expression(condition));
    }
    out.push('\n');
    out
}

fn measure_statement(statement: &MeasureStatement) -> String {
    format!("measure {} = {}\n", name(&statement.name.text), measure::measure(&statement.measure))
}
