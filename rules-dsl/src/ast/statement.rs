//! Statements, and the file that they make up.

use super::alert::{Alert, Key};
use super::expression::Expression;
use super::measure::Measure;
use super::reference::{Calendar, List, Table};
use super::stream::Stream;
use super::terminal::Name;
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
    Broken(Name),
}

/// `filter NAME = BASE where …`
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// Its name.
    pub name: Name,
    /// The stream or filter it selects from.
    pub base: Name,
    /// Which events; all of them when nothing is written.
    pub condition: Option<Expression>,
}

/// `measure NAME = …`
#[derive(Clone, Debug, PartialEq)]
pub struct MeasureStatement {
    /// Its name.
    pub name: Name,
    /// What it stands for.
    pub measure: Measure,
}

/// `watch NAME = MEASURE by k1, k2?`
#[derive(Clone, Debug, PartialEq)]
pub struct Watch {
    /// Its name.
    pub name: Name,
    /// What is shown.
    pub measure: Measure,
    /// What it is grouped by.
    pub by: Vec<Key>,
}
