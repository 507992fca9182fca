//! Forms of the language that are read but not evaluated yet. Every one is reported where it
//! stands; one function each, to be taken away when its meaning arrives.

use super::wording::not_yet;
use crate::ast::Stream;
use crate::diagnostic::Diagnostic;

/// Options of a stream.
pub(super) fn options(stream: &Stream, diagnostics: &mut Vec<Diagnostic>) {
    let path = stream.partitioned_by.as_ref();
    diagnostics.extend(path.map(|path| not_yet(path.at.0, "partitioned_by")));
}
