//! Everything outside of the node, as small traits: its clock, its logs, its sources. Whoever runs
//! its machines is an [`executor`](crate::executor).
//!
//! The binary implements them with files, Kafka, threads and a wall clock; the simulator with
//! memory that loses what was not synced, and a schedule drawn from a seed. No machine of this
//! crate reaches around them.

mod state_dir;

use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use connectors::commit::CommitPoint;
use connectors::commit::ReplayStartFn;
use connectors::dead_letter::{DeadLetter, DeadLetterError, DeadLetterSink};
use connectors::journal::JournalError;
use connectors::source::kafka::SourceEvent;
use connectors::source::{DrainProgress, OversizedRecord};
use connectors::store::{RowChange, RowFile, StoreError, StoredRow};
use model::event::Record;
use model::time::Timestamp;

use crate::error::NodeError;
use crate::rules::loaded::LoadedRules;

/// One look at the clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockReading {
    /// The wall clock: shown to people, and the time of a partition that was never written.
    pub wall: Timestamp,
    /// A clock that never goes back, in milliseconds: measures how long something lasted.
    pub monotonic_ms: i64,
}

/// The clocks of a process.
pub trait Clock: Send + Sync {
    /// Both clocks at one moment.
    fn now(&self) -> ClockReading;
}

/// Readiness of a machine: what its next step waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepReadiness {
    /// There may be more to do at once.
    Again,
    /// Nothing to do until new input, or until this moment of the monotonic clock if there is one.
    Wait(Option<i64>),
    /// No room at a machine further down: the next step tries to hand over again.
    Blocked,
    /// The machine has come to its end.
    Finished,
}

/// An append-only log of lines.
///
/// A line is durable once [`LineLog::sync`] has returned; before, a crash may lose it.
pub trait LineLog: Send {
    /// Adds a line, without its line break.
    ///
    /// # Errors
    /// The log cannot be written.
    fn append(&mut self, line: &[u8]) -> Result<(), JournalError>;
    /// Makes all appended lines durable.
    ///
    /// # Errors
    /// The log cannot be written; nothing may be acknowledged.
    fn sync(&mut self) -> Result<(), JournalError>;
    /// Lines of the log that are written.
    ///
    /// # Errors
    /// The log cannot be read.
    fn lines(&self) -> Result<Vec<Vec<u8>>, JournalError>;
    /// Replaces all lines in one piece: a crash leaves the old lines or the new ones.
    ///
    /// # Errors
    /// The old lines stay.
    fn rewrite(&mut self, lines: &[Vec<u8>]) -> Result<(), JournalError>;
    /// Length in bytes.
    fn length(&self) -> u64;
}

/// A log and the lines it holds.
pub type OpenedLog = (Box<dyn LineLog>, Vec<Vec<u8>>);

/// The folder of logs and snapshots that one process owns.
pub trait LogStore: Send + Sync {
    /// Opens or makes a log.
    ///
    /// # Errors
    /// The store cannot be read or written.
    fn open(&self, name: &str) -> Result<OpenedLog, JournalError>;
    /// Puts a log aside under the name with `.damaged`, where a person can look at it.
    ///
    /// # Errors
    /// The store cannot be written.
    fn set_aside(&self, name: &str) -> Result<(), JournalError>;
    /// Removes a log.
    ///
    /// # Errors
    /// The store cannot be written.
    fn remove(&self, name: &str) -> Result<(), JournalError>;
    /// Names of what is stored.
    ///
    /// # Errors
    /// The store cannot be read.
    fn names(&self) -> io::Result<Vec<String>>;
    /// Reads a file whole; `None` where there is none.
    ///
    /// # Errors
    /// The file cannot be read.
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>>;
    /// Replaces a file in one piece: a crash leaves the old one or the new one.
    ///
    /// # Errors
    /// The old file stays.
    fn replace(&self, name: &str, pieces: &[Vec<u8>]) -> Result<(), JournalError>;
    /// Starts to replace a file, aside of everything else where the store can do that.
    fn start_replace(&self, name: &str, pieces: Vec<Vec<u8>>) -> Box<dyn PendingWrite>;
    /// Name of the store for people: its folder.
    fn place(&self, name: &str) -> Box<Path>;
}

/// A file that is being written.
pub trait PendingWrite: Send {
    /// Outcome of the write, once; `None` while it goes on, or when it was asked for before.
    fn try_result(&mut self) -> Option<Result<(), JournalError>>;
    /// Waits for the outcome; `None` when it was asked for before.
    fn wait(&mut self) -> Option<Result<(), JournalError>>;
}

/// The rows of on-call, written in transactions.
pub trait RowStore: Send {
    /// All rows.
    ///
    /// # Errors
    /// The store cannot be read.
    fn rows(&self) -> Result<Vec<StoredRow>, StoreError>;
    /// Makes changes durable, all of them or none.
    ///
    /// # Errors
    /// The store cannot be written; nothing is changed.
    fn write(&mut self, changes: &[RowChange]) -> Result<(), StoreError>;
}

/// Destination of dead letters.
pub trait DeadLetterLog: Send {
    /// Hands a letter over; it is durable after [`DeadLetterLog::flush`].
    ///
    /// # Errors
    /// The letter is not kept.
    fn put(&mut self, letter: &DeadLetter<'_>) -> Result<(), DeadLetterError>;
    /// Waits until all letters are durable.
    ///
    /// # Errors
    /// Letters are not kept: nothing may be committed.
    fn flush(&mut self) -> Result<(), DeadLetterError>;
}

/// A partition: the number of its stream, and its own.
pub type StreamPartition = (usize, i32);

/// Point up to which a partition is done, for the group.
pub type PartitionCommit = (usize, i32, CommitPoint);

/// Every partition of every stream of some rules.
pub trait Sources {
    /// By stream: the name of its source in dead letters, figures and log lines.
    fn names(&self) -> &[String];
    /// Events of partitions since the last call; never waits.
    fn poll(&mut self) -> Vec<SourceEvent>;
    /// Hands at most `budget` records of one partition to `each`, without waiting.
    fn drain(
        &mut self,
        at: StreamPartition,
        budget: usize,
        each: impl FnMut(Result<Record<'_>, OversizedRecord>),
    ) -> DrainProgress;
    /// Makes durable how far partitions are done, all in one piece.
    ///
    /// # Errors
    /// In words: none of it holds, and all is committed again.
    fn commit(&mut self, points: &[PartitionCommit]) -> Result<(), String>;
    /// Leaves the consumer group, if there is one.
    fn close(self);
}

/// Opens the sources of rules.
pub trait SourceFactory {
    /// Sources it opens.
    type Sources: Sources;
    /// Checks that the streams of these rules can be read as configured.
    ///
    /// # Errors
    /// What keeps them from being read, in words.
    fn check(&self, rules: &LoadedRules) -> Result<(), String>;
    /// Opens all streams of the rules; by stream, `reach_back` says from where.
    ///
    /// # Errors
    /// A source that can never be read as configured.
    fn open(
        &mut self,
        rules: &LoadedRules,
        reach_back: Vec<ReplayStartFn>,
    ) -> Result<Self::Sources, NodeError>;
    /// Notes that rules are active whose sources are open already.
    fn record_active(&mut self, rules: &LoadedRules);
}

/// Wakes whoever runs a machine; without effect until that is set.
#[derive(Clone, Default)]
pub struct WakeHandle(Arc<OnceLock<Box<dyn Fn() + Send + Sync>>>);

impl WakeHandle {
    /// Sets how the machine's runner is woken, once.
    pub fn set(&self, wake: impl Fn() + Send + Sync + 'static) {
        // Set twice, the first runner stays: a machine has one.
        drop(self.0.set(Box::new(wake)));
    }

    /// Wakes the runner.
    pub fn wake(&self) {
        if let Some(wake) = self.0.get() {
            wake();
        }
    }
}

impl std::fmt::Debug for WakeHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WakeHandle").field("is_set", &self.0.get().is_some()).finish()
    }
}

impl RowStore for RowFile {
    fn rows(&self) -> Result<Vec<StoredRow>, StoreError> {
        RowFile::rows(self)
    }

    fn write(&mut self, changes: &[RowChange]) -> Result<(), StoreError> {
        RowFile::write(self, changes)
    }
}

impl DeadLetterLog for DeadLetterSink {
    fn put(&mut self, letter: &DeadLetter<'_>) -> Result<(), DeadLetterError> {
        DeadLetterSink::put(self, letter)
    }

    fn flush(&mut self) -> Result<(), DeadLetterError> {
        DeadLetterSink::flush(self)
    }
}
