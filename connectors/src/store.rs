//! Transactional store of rows in one file.
//!
//! The file format is redb's: copy-on-write pages with checksums, so that a crash at any point
//! leaves the state before or after a transaction.

use std::fmt;
use std::path::{Path, PathBuf};

use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition};

const ROWS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("rows");

/// Store of rows by key.
pub struct RowFile {
    path: PathBuf,
    database: Database,
}

/// Key and value of a row.
pub type StoredRow = (Vec<u8>, Vec<u8>);

/// Key of a row with its new value, or `None` for a deletion.
pub type RowChange = (Vec<u8>, Option<Vec<u8>>);

/// Error of a store, with its path.
#[derive(Debug)]
pub struct StoreError {
    /// Operation that failed, as a verb.
    what: &'static str,
    path: PathBuf,
    error: Box<dyn std::error::Error + Send + Sync>,
}

impl StoreError {
    /// Returns an error for a path, for tests.
    pub fn new(
        what: &'static str,
        path: &Path,
        error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> StoreError {
        StoreError { what, path: path.to_owned(), error: error.into() }
    }
}

impl RowFile {
    /// Opens the file, or creates it.
    ///
    /// # Errors
    /// The file cannot be opened, is no store, or is open in another process.
    pub fn open(path: &Path) -> Result<RowFile, StoreError> {
        let failed = failure("opened", path);
        let database = Database::create(path).map_err(|error| failed(error.into()))?;
        let store = RowFile { path: path.to_owned(), database };
        // Creates the table, so that an empty store can be read.
        store.write(&[])?;
        Ok(store)
    }

    /// Returns all rows, ordered by the bytes of their keys.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn rows(&self) -> Result<Vec<StoredRow>, StoreError> {
        self.read_all().map_err(failure("read", &self.path))
    }

    /// Applies changes in one transaction; they are durable when this returns.
    ///
    /// # Errors
    /// The file cannot be written; no change is applied then.
    pub fn write(&self, changes: &[RowChange]) -> Result<(), StoreError> {
        self.change(changes).map_err(failure("written", &self.path))
    }

    fn read_all(&self) -> Result<Vec<StoredRow>, redb::Error> {
        let reading = self.database.begin_read()?;
        let mut rows = Vec::new();
        for row in reading.open_table(ROWS)?.iter()? {
            let (key, value) = row?;
            rows.push((key.value().to_vec(), value.value().to_vec()));
        }
        Ok(rows)
    }

    fn change(&self, changes: &[RowChange]) -> Result<(), redb::Error> {
        let mut writing = self.database.begin_write()?;
        writing.set_durability(Durability::Immediate)?;
        {
            let mut table = writing.open_table(ROWS)?;
            for (key, value) in changes {
                match value {
                    Some(value) => drop(table.insert(key.as_slice(), value.as_slice())?),
                    None => drop(table.remove(key.as_slice())?),
                }
            }
        }
        writing.commit()?;
        Ok(())
    }
}

fn failure(what: &'static str, path: &Path) -> impl Fn(redb::Error) -> StoreError {
    let path = path.to_owned();
    move |error| StoreError { what, path: path.clone(), error: Box::new(error) }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be {}: {}", self.path.display(), self.what, self.error)
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str, value: &str) -> (Vec<u8>, Vec<u8>) {
        (key.as_bytes().to_vec(), value.as_bytes().to_vec())
    }

    fn put(key: &str, value: &str) -> RowChange {
        let (key, value) = row(key, value);
        (key, Some(value))
    }

    #[test]
    fn rows_are_there_again_and_gone_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows");
        let store = RowFile::open(&path).unwrap();
        assert_eq!(store.rows().unwrap(), []);
        store.write(&[put("b", "1"), put("a", "2"), put("c", "3")]).unwrap();
        store.write(&[put("a", "4"), (b"c".to_vec(), None), (b"x".to_vec(), None)]).unwrap();
        drop(store);
        let store = RowFile::open(&path).unwrap();
        assert_eq!(store.rows().unwrap(), [row("a", "4"), row("b", "1")]);
        let error = RowFile::open(&path).err().unwrap().to_string();
        assert!(error.contains("cannot be opened"), "one process at a time: {error}");
    }

    #[test]
    fn what_is_no_store_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows");
        std::fs::write(&path, "once upon a time".repeat(4096)).unwrap();
        let error = RowFile::open(&path).err().unwrap().to_string();
        assert!(error.contains("rows cannot be opened"), "{error}");
    }
}
