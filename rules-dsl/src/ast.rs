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
    Alert, AlertClauses, AlertSeverity, Compare, Condition, During, HoldClause, KeyComponent,
    SeverityLevel, TableLookup, Threshold, Trigger,
};
pub use expression::{Expression, MembershipSet};
pub use measure::{Measure, MeasureTerm, Window};
pub use reference::{Calendar, CalendarSpan, List, ListItems, Table, Weekday};
pub use statement::{Ast, Filter, MeasureStatement, Statement, Watch};
pub use stream::{Extract, Field, FieldKind, KindArgument, Pattern, Stream};
pub use terminal::{FieldPath, NodeSpan, Quantity, QuotedText, SpannedName};
pub use test::{Expected, Given, Test, TestExpectation, TestStep, TestValue};
