//! Input: partitions of all sources in step with each other, admission, commits, dead letters.

pub mod reader;

pub mod admission;
mod commit;
pub mod dead_letter;
pub mod limits;
pub mod offset_index;
pub(crate) mod partition;
mod reader_checkpoint;
pub(crate) mod replay_requirements;
