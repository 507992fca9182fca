//! Errors of reading a line.

use std::fmt;

/// Why a line is no transition.
#[derive(Debug)]
pub enum RecordError {
    /// Not JSON, or a member is missing; the text names it, or line and column.
    Malformed(serde_json::Error),
    /// A member's value means nothing.
    Member {
        /// The member's name.
        name: String,
        /// Its value.
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
