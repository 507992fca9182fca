//! Explanations of rules: the canonical form, the meaning in words, and the cost.

mod canonical;
mod cost;
mod explanation;
mod rules;
mod shown;
mod words_en;
mod words_ja;

pub use explanation::RuleExplanation;
pub(crate) use rules::{explain_alert, explain_watch};
