//! Checker: resolves statements into rules. Names become indices, quantities base units, and
//! defaults are filled in.

mod alert;
mod build;
mod condition;
mod constant;
pub(crate) mod defaults;
mod filter;
mod keys;
mod kind;
mod level;
mod limits;
mod measure;
mod measure_expr;
mod membership;
mod message;
mod messages;
mod predicate;
mod reference;
mod rules;
mod scope;
mod stream;
mod template;
mod test;
mod trigger;
pub(crate) mod types;
mod watch;

pub(crate) use rules::check;

#[cfg(test)]
mod tests;
