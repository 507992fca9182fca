//! Why a node ends by itself.

use std::fmt;
use std::path::PathBuf;

use connectors::codec::CodecError;
use connectors::journal::JournalError;
use connectors::store::StoreError;
use engine::program::ProgramError;

/// Why a node ended by itself. After any of them a restart continues where it ended.
#[derive(Debug)]
pub enum NodeError {
    /// The state directory cannot be used.
    State(JournalError),
    /// The alert log holds a line that is no record.
    AlertLog {
        /// The log.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// Problem with it.
        why: String,
    },
    /// The store of on-call cannot be used.
    Store(StoreError),
    /// The store of on-call holds a row that is none.
    Row(String),
    /// A source cannot be read.
    Source {
        /// Problem, as a text for people.
        why: String,
        /// True when the configuration is at fault, and not the way to the source.
        is_configuration: bool,
    },
    /// A schema cannot be decoded.
    Schema(CodecError),
    /// Another member of the consumer group reads some of the partitions.
    NotAlone {
        /// Partitions this member owns.
        owned: usize,
        /// Partitions there are.
        partitions: usize,
    },
    /// The rules cannot be read from the topics as configured.
    Rules(String),
    /// Rules that compiled before no longer do.
    Program(ProgramError),
    /// A machine of the node failed.
    Machine(&'static str),
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NodeError::State(error) => error.fmt(f),
            NodeError::AlertLog { path, line, why } => write!(
                f,
                "{}:{line}: not a record of the alert log: {why}; move the file away to start anew",
                path.display()
            ),
            NodeError::Store(error) => error.fmt(f),
            NodeError::Row(why) | NodeError::Rules(why) | NodeError::Source { why, .. } => {
                f.write_str(why)
            }
            NodeError::Schema(error) => error.fmt(f),
            NodeError::NotAlone { owned, partitions } => write!(
                f,
                "another member of the consumer group reads {} of {partitions} partitions: with \
                 `mode = \"one\"` a single instance may run; stop the other or use another group",
                partitions - owned
            ),
            NodeError::Program(error) => error.fmt(f),
            NodeError::Machine(name) => write!(f, "the {name} failed"),
        }
    }
}

impl std::error::Error for NodeError {}

impl From<JournalError> for NodeError {
    fn from(error: JournalError) -> NodeError {
        NodeError::State(error)
    }
}

impl From<StoreError> for NodeError {
    fn from(error: StoreError) -> NodeError {
        NodeError::Store(error)
    }
}
