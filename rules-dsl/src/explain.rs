//! What every rule says back: its canonical form, the reading in words, and what it costs.

mod canonical;
mod cost;
mod explanation;
mod rules;
mod shown;
mod words_en;
mod words_ja;

pub use explanation::Explanation;
pub(crate) use rules::{explain_alert, explain_watch};
