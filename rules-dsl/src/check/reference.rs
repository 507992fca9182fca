//! `list`, `table` and `calendar` statements, and what clauses make of them.

mod calendar;
mod clocks;
mod list;
mod messages;
mod table;

pub(super) use calendar::{calendar, during};
pub(super) use list::list;
pub(super) use messages::{bad_line, items_of, roster_of_one, seen_and_listed};
pub(super) use table::{OwnThresholds, column, overrides, table};

#[cfg(test)]
mod tests;
