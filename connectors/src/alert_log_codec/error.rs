//! Errors of reading a line.

use std::fmt;

/// Error of a line that is no transition.
#[derive(Debug)]
pub enum RecordError {
    /// Not JSON, or a field is missing; the text names it, or line and column.
    Malformed(serde_json::Error),
    /// A field has an invalid value.
    Member {
        /// Name of the field.
        name: String,
        /// Value of the field.
        value: String,
    },
}

pub(super) fn bad(name: &str, value: &str) -> RecordError {
    RecordError::Member { name: name.to_owned(), value: value.to_owned() }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordError::Malformed(error) => write!(f, "not a transition: {error}"),
            RecordError::Member { name, value } => {
                write!(f, "not a transition: `{name}` cannot be `{value}`")
            }
        }
    }
}

impl std::error::Error for RecordError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            RecordError::Malformed(error) => Some(error),
            RecordError::Member { .. } => None,
        }
    }
}
