//! Sources: logs with offsets, which pass borrowed records to a closure.

pub mod file;
pub mod kafka;
pub mod spool;
pub mod stdin;
pub mod tail;

use std::fmt;
use std::io;

/// Maximum length of a record, in bytes: 1 MiB. A longer one is reported and skipped.
pub const MAX_RECORD_BYTES: usize = 1 << 20;

/// Progress of one call of a source's `drain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrainProgress {
    /// Number of records passed, oversized ones included.
    pub read: usize,
    /// Reason for the return.
    pub state: ReadState,
}

/// Reason for which a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadState {
    /// The budget is used up; more records may be available.
    More,
    /// No record is available, but more may follow.
    Waiting,
    /// The broker confirmed that no record follows the last one.
    Empty,
    /// The file has ended: no record will follow.
    End,
}

/// Record longer than [`MAX_RECORD_BYTES`], skipped without its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OversizedRecord {
    /// Offset in its partition.
    pub offset: i64,
    /// Length in bytes, without the line end.
    pub bytes: u64,
}

/// Error of reading a file.
#[derive(Debug)]
pub enum SourceError {
    /// The file cannot be opened.
    Open {
        /// Path as configured.
        path: String,
        /// Error of the operating system.
        error: io::Error,
    },
    /// A read failed.
    Read {
        /// Path as configured.
        path: String,
        /// Number of the line that could not be read, from 1.
        line: i64,
        /// Error of the operating system or the decompressor.
        error: io::Error,
    },
}

impl fmt::Display for OversizedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OversizedRecord { bytes, .. } = self;
        write!(f, "the record is {bytes} bytes long; the limit is {MAX_RECORD_BYTES}")
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceError::Open { path, error } => write!(f, "cannot open {path}: {error}"),
            SourceError::Read { path, line, error } => {
                write!(f, "{path}:{line}: cannot read on: {error}")
            }
        }
    }
}

impl std::error::Error for SourceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            SourceError::Open { error, .. } | SourceError::Read { error, .. } => Some(error),
        }
    }
}
