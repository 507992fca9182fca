//! Rules as written: what the parser reads and the printer writes.

mod alert;
#[cfg(test)]
pub(crate) mod arbitrary;
mod expression;
mod measure;
mod reference;
mod statement;
mod stream;
mod terminal;
mod test;

pub use alert::{
    Alert, Clauses, Compare, Condition, During, Grade, HoldClause, Key, Lookup, SeverityLevel,
    Threshold, Trigger,
};
pub use expression::{Expression, Set};
pub use measure::{Measure, Term, Window};
pub use reference::{Calendar, CalendarSpan, Items, List, Table, Weekday};
pub use statement::{Ast, Filter, MeasureStatement, Statement, Watch};
pub use stream::{Extract, Field, FieldKind, KindArgument, Pattern, Stream};
pub use terminal::{At, Name, Path, Quantity, Quoted};
pub use test::{Expect, Expected, Given, Test, TestStep, Value};
