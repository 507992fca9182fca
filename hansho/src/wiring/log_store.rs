//! The state directory as the node's log store; large files are written aside.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;

use connectors::journal::{JournalError, StateDir};
use runtime::io::{LogStore, OpenedLog, PendingWrite};

/// A state directory whose snapshots are written by a thread of their own.
#[derive(Debug)]
pub struct FileLogStore(Arc<StateDir>);

/// A write on another thread.
struct ThreadWrite(Option<Receiver<Result<(), JournalError>>>);

impl FileLogStore {
    /// The store of a directory that this process has locked.
    pub(crate) fn new(state_dir: StateDir) -> FileLogStore {
        FileLogStore(Arc::new(state_dir))
    }

    /// The directory.
    pub(crate) fn state_dir(&self) -> Arc<StateDir> {
        Arc::clone(&self.0)
    }
}

impl LogStore for FileLogStore {
    fn open(&self, name: &str) -> Result<OpenedLog, JournalError> {
        self.0.open(name)
    }

    fn set_aside(&self, name: &str) -> Result<(), JournalError> {
        self.0.set_aside(name)
    }

    fn remove(&self, name: &str) -> Result<(), JournalError> {
        self.0.remove(name)
    }

    fn names(&self) -> io::Result<Vec<String>> {
        self.0.names()
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        self.0.read(name)
    }

    fn replace(&self, name: &str, pieces: &[Vec<u8>]) -> Result<(), JournalError> {
        LogStore::replace(&*self.0, name, pieces)
    }

    fn start_replace(&self, name: &str, pieces: Vec<Vec<u8>>) -> Box<dyn PendingWrite> {
        let (sender, receiver) = channel();
        let (state_dir, name) = (Arc::clone(&self.0), name.to_owned());
        thread::spawn(move || {
            // Whoever started it may be gone: the file is written all the same.
            drop(sender.send(LogStore::replace(&*state_dir, &name, &pieces)));
        });
        Box::new(ThreadWrite(Some(receiver)))
    }

    fn place(&self, name: &str) -> Box<Path> {
        self.0.place(name)
    }
}

impl PendingWrite for ThreadWrite {
    fn try_result(&mut self) -> Option<Result<(), JournalError>> {
        match self.0.as_ref()?.try_recv() {
            Err(TryRecvError::Empty) => None,
            result => {
                self.0 = None;
                result.ok()
            }
        }
    }

    fn wait(&mut self) -> Option<Result<(), JournalError>> {
        self.0.take()?.recv().ok()
    }
}
