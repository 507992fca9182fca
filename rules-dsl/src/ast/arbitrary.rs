//! Random statements of the whole grammar, for property tests.

mod alert;
mod expression;
mod statement;
mod test;

pub(crate) use statement::statement_of;
