//! `list`, `table` and `calendar` statements, and what clauses make of them.

mod calendar;
mod clocks;
mod list;
mod table;
mod wording;

pub(super) use calendar::{calendar, during};
pub(super) use list::list;
pub(super) use table::{Own, column, overrides, table};
pub(super) use wording::{bad_line, items_of, roster_of_one, seen_and_listed};

#[cfg(test)]
mod tests;
