//! Diagnostics: findings about rules, with ways to mend them.

mod code;
mod finding;
mod messages;
mod nearest;
mod render;
mod text;

pub use code::{DiagnosticCode, DiagnosticLevel};
pub(crate) use finding::arrange;
pub use finding::{DIAGNOSTICS_MAX, Diagnostic, has_errors};
pub(crate) use messages::{texts, wordings};
pub(crate) use nearest::nearest;
pub use text::BilingualText;
pub(crate) use text::{lasting, text};

#[cfg(test)]
mod tests;
