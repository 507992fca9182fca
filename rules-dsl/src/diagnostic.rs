//! What is wrong with a rule, said so that it can be mended.

mod code;
mod finding;
mod nearest;
mod render;
mod text;
mod wording;

pub use code::{Code, Level};
pub(crate) use finding::arrange;
pub use finding::{DIAGNOSTICS_MAX, Diagnostic, has_errors};
pub(crate) use nearest::nearest;
pub use text::Text;
pub(crate) use text::{lasting, text};
pub(crate) use wording::{texts, wordings};

#[cfg(test)]
mod tests;
