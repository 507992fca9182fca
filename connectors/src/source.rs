//! Sources of records: logs with offsets, read by pushing borrowed records into a closure.

pub mod file;
pub mod kafka;
pub mod spool;
pub mod stdin;
pub mod tail;

use std::fmt;
use std::io;

/// Longest record that is read, in bytes: 1 MiB. A longer one is reported, never kept.
pub const MAX_RECORD_BYTES: usize = 1 << 20;

/// Progress of one call of a source's `drain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrainProgress {
    /// Records handed over, oversized ones included.
    pub read: usize,
    /// Why the call returned.
    pub state: ReadState,
}

/// Why a source stopped handing over records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadState {
    /// The budget was used up; there may be more at hand.
    More,
    /// Nothing is at hand, and nothing proves that nothing follows.
    Waiting,
    /// The broker proved that nothing follows what was read.
    Empty,
    /// The end of a file: nothing will ever follow.
    End,
}

/// A record longer than [`MAX_RECORD_BYTES`], skipped without being kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OversizedRecord {
    /// Its place in its partition.
    pub offset: i64,
    /// Its length in bytes, the line end not counted.
    pub bytes: u64,
}

/// Why a file cannot be read.
#[derive(Debug)]
pub enum SourceError {
    /// It cannot be opened.
    Open {
        /// The path as given.
        path: String,
        /// Error of the system.
        error: io::Error,
    },
    /// Reading stopped in its midst.
    Read {
        /// The path as given.
        path: String,
        /// The line that could not be read, counted from 1.
        line: i64,
        /// Error of the system or the decompressor.
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
