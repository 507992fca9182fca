//! The log store of a state directory.

use std::fs;
use std::io;
use std::path::Path;

use connectors::journal::{Journal, JournalError, StateDir, replace_file};

use super::{LineLog, LogStore, OpenedLog, PendingWrite};

/// A write that was done at once.
struct FinishedWrite(Option<Result<(), JournalError>>);

impl LineLog for Journal {
    fn append(&mut self, line: &[u8]) -> Result<(), JournalError> {
        Journal::append(self, line)
    }

    fn sync(&mut self) -> Result<(), JournalError> {
        Journal::sync(self)
    }

    fn lines(&self) -> Result<Vec<Vec<u8>>, JournalError> {
        Journal::lines(self)
    }

    fn rewrite(&mut self, lines: &[Vec<u8>]) -> Result<(), JournalError> {
        Journal::rewrite(self, lines.iter().map(Vec::as_slice))
    }

    fn length(&self) -> u64 {
        Journal::length(self)
    }
}

impl LogStore for StateDir {
    fn open(&self, name: &str) -> Result<OpenedLog, JournalError> {
        let (journal, lines) = Journal::open(self.file(name))?;
        Ok((Box::new(journal), lines))
    }

    fn set_aside(&self, name: &str) -> Result<(), JournalError> {
        let path = self.file(name);
        let renamed = fs::rename(&path, path.with_extension("damaged"));
        renamed.map_err(|error| JournalError::Io { what: "put aside", path, error })
    }

    fn remove(&self, name: &str) -> Result<(), JournalError> {
        let path = self.file(name);
        let removed = fs::remove_file(&path);
        removed.map_err(|error| JournalError::Io { what: "remove", path, error })
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.path())? {
            names.extend(entry?.file_name().into_string().ok());
        }
        Ok(names)
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.file(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn replace(&self, name: &str, pieces: &[Vec<u8>]) -> Result<(), JournalError> {
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        replace_file(&self.file(name), &pieces)
    }

    fn start_replace(&self, name: &str, pieces: Vec<Vec<u8>>) -> Box<dyn PendingWrite> {
        Box::new(FinishedWrite(Some(self.replace(name, &pieces))))
    }

    fn place(&self, name: &str) -> Box<Path> {
        self.file(name).into_boxed_path()
    }
}

impl PendingWrite for FinishedWrite {
    fn try_result(&mut self) -> Option<Result<(), JournalError>> {
        self.0.take()
    }

    fn wait(&mut self) -> Option<Result<(), JournalError>> {
        self.0.take()
    }
}
