//! Statements, and the file that they make up.

use super::alert::{Alert, KeyComponent};
use super::expression::Expression;
use super::measure::Measure;
use super::reference::{Calendar, List, Table};
use super::stream::Stream;
use super::terminal::SpannedName;
use super::test::Test;

/// One file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ast {
    /// In the order written.
    pub statements: Vec<Statement>,
}

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// `stream …`
    Stream(Stream),
    /// `list …`
    List(List),
    /// `table …`
    Table(Table),
    /// `calendar …`
    Calendar(Calendar),
    /// `filter …`
    Filter(Filter),
    /// `measure …`
    Measure(MeasureStatement),
    /// `watch …`
    Watch(Watch),
    /// `alert …`
    Alert(Box<Alert>),
    /// `test …`
    Test(Test),
    /// Declares a name, but could not be read; the reason has been reported.
    Broken(SpannedName),
}

impl Statement {
    /// The name a statement declares; a test declares none.
    pub(crate) fn declared_name(&self) -> Option<&SpannedName> {
        Some(match self {
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

    /// The word that it starts with.
    pub(crate) fn keyword(&self) -> &'static str {
        match self {
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
}

/// `filter NAME = BASE where …`
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// Its name.
    pub name: SpannedName,
    /// The stream or filter it selects from.
    pub base: SpannedName,
    /// Which events; all of them when nothing is written.
    pub condition: Option<Expression>,
}

/// `measure NAME = …`
#[derive(Clone, Debug, PartialEq)]
pub struct MeasureStatement {
    /// Its name.
    pub name: SpannedName,
    /// Its definition.
    pub measure: Measure,
}

/// `watch NAME = MEASURE by k1, k2?`
#[derive(Clone, Debug, PartialEq)]
pub struct Watch {
    /// Its name.
    pub name: SpannedName,
    /// Measure that is shown.
    pub measure: Measure,
    /// Components of its key.
    pub by: Vec<KeyComponent>,
}
