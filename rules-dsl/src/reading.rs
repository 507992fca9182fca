//! What every rule says back: its canonical form, the reading in words, and what it costs.

mod canonical;
mod cost;
mod explain;
mod explanation;
mod shown;
mod words_en;
mod words_ja;

pub(crate) use explain::{reading, watched};
pub use explanation::Reading;
