//! Journals: append-only files of lines, and the directory that one process owns.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Maximum number of buffered bytes; more are written before the next sync: 4 MiB.
pub const MAX_BUFFERED_BYTES: usize = 4 << 20;

/// Name of the lock file of a [`StateDir`].
const LOCK_FILE: &str = "lock";

/// Append-only file of lines, usually JSON; only [`Journal::rewrite`] replaces its content.
///
/// A line is durable once [`Journal::sync`] has returned. Before that, a crash may lose it or leave
/// a torn part, which the next opening truncates.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    /// Buffered lines that are not written yet.
    buffer: Vec<u8>,
    /// INVARIANT: the file consists of complete lines up to this length; the rest is from a failed
    /// write.
    length: u64,
    cut_bytes: u64,
    /// True when bytes were written since the last successful fsync.
    dirty: bool,
    /// True after a failed fsync: the content of the file is unknown from then on.
    broken: bool,
}

/// Error of a file or folder, with its name.
#[derive(Debug)]
pub enum JournalError {
    /// Failed I/O operation.
    Io {
        /// Operation that failed, as a verb.
        what: &'static str,
        /// Path of the file or directory.
        path: PathBuf,
        /// Error of the system.
        error: io::Error,
    },
    /// A line to append contains a line break.
    LineBreak {
        /// Path of the file.
        path: PathBuf,
    },
    /// An fsync failed; only opening the file again shows its content.
    Broken {
        /// Path of the file.
        path: PathBuf,
    },
    /// Another process owns the directory.
    Locked {
        /// Path of the directory.
        path: PathBuf,
    },
}

impl Journal {
    /// Opens or creates a file and returns its lines, without their line breaks.
    ///
    /// # Errors
    /// [`JournalError::Io`] names the file.
    pub fn open(path: impl AsRef<Path>) -> Result<(Journal, Vec<Vec<u8>>), JournalError> {
        let mut lines = Vec::new();
        let journal = Journal::open_with(path, |line| lines.push(line.to_vec()))?;
        Ok((journal, lines))
    }

    /// Opens or creates a file as [`Journal::open`] does, but passes each line to `each`.
    ///
    /// # Errors
    /// [`JournalError::Io`] names the file.
    pub fn open_with(
        path: impl AsRef<Path>,
        mut each: impl FnMut(&[u8]),
    ) -> Result<Journal, JournalError> {
        let path = path.as_ref().to_owned();
        let fresh = !path.exists();
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&path)
            .map_err(|error| failed("open", &path, error))?;
        if fresh {
            sync_folder_of(&path)?;
        }
        let mut journal = Journal {
            path,
            file,
            buffer: Vec::new(),
            length: 0,
            cut_bytes: 0,
            dirty: false,
            broken: false,
        };
        journal.read(&mut each).map_err(|error| failed("read", &journal.path, error))?;
        if journal.cut_bytes > 0 {
            journal.cut_tail().map_err(|error| failed("cut", &journal.path, error))?;
        }
        Ok(journal)
    }

    fn read(&mut self, each: &mut impl FnMut(&[u8])) -> io::Result<()> {
        let mut reader = BufReader::new(&self.file);
        let mut line = Vec::new();
        loop {
            line.clear();
            let bytes = reader.read_until(b'\n', &mut line)? as u64;
            match line.strip_suffix(b"\n") {
                Some(whole) => each(whole),
                None => {
                    self.cut_bytes = bytes;
                    return Ok(());
                }
            }
            self.length += bytes;
        }
    }

    /// Truncates the file after its last complete line.
    fn cut_tail(&mut self) -> io::Result<()> {
        self.file.set_len(self.length)?;
        self.file.seek(SeekFrom::End(0))?;
        self.file.sync_data()
    }

    /// Appends a line, given without its line break. It is buffered until [`Journal::sync`].
    ///
    /// # Errors
    /// [`JournalError::LineBreak`] for a line with a line break; [`JournalError`] of an early write
    /// when more than [`MAX_BUFFERED_BYTES`] are buffered: the line stays in the buffer.
    pub fn append(&mut self, line: &[u8]) -> Result<(), JournalError> {
        if line.contains(&b'\n') {
            return Err(JournalError::LineBreak { path: self.path.clone() });
        }
        self.buffer.extend_from_slice(line);
        self.buffer.push(b'\n');
        if self.buffer.len() > MAX_BUFFERED_BYTES { self.write() } else { Ok(()) }
    }

    /// Writes all buffered lines and waits for fsync.
    ///
    /// # Errors
    /// [`JournalError::Io`]: unwritten lines stay buffered for the next call.
    /// [`JournalError::Broken`] after a failed fsync.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        self.write()?;
        if !self.dirty {
            return Ok(());
        }
        if let Err(error) = self.file.sync_data() {
            // After a failed fsync the kernel may have dropped the pages, and it reports that only
            // once.
            self.broken = true;
            return Err(failed("sync", &self.path, error));
        }
        self.dirty = false;
        Ok(())
    }

    fn write(&mut self) -> Result<(), JournalError> {
        if self.broken {
            return Err(JournalError::Broken { path: self.path.clone() });
        }
        if self.buffer.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.file.write_all(&self.buffer) {
            // A part of the write may be in the file. Truncated, the next attempt starts at the
            // start of a line; if truncation fails, no line may follow.
            self.broken = self.file.set_len(self.length).is_err();
            return Err(failed("write", &self.path, error));
        }
        self.length += self.buffer.len() as u64;
        self.buffer.clear();
        self.dirty = true;
        Ok(())
    }

    /// Reads the lines of the file, without their line breaks; buffered lines are not included.
    ///
    /// # Errors
    /// [`JournalError::Io`] names the file.
    pub fn lines(&self) -> Result<Vec<Vec<u8>>, JournalError> {
        let file = File::open(&self.path).map_err(|error| failed("open", &self.path, error))?;
        let lines = BufReader::new(file.take(self.length)).split(b'\n');
        let lines: io::Result<Vec<Vec<u8>>> = lines.collect();
        lines.map_err(|error| failed("read", &self.path, error))
    }

    /// Replaces all lines atomically. A crash leaves the old or the new lines, also when the system
    /// crashes: the new file is synced before it is renamed to the old one's name.
    ///
    /// # Errors
    /// [`JournalError::Io`]: the old file stays active. Only if the rename succeeded and the sync
    /// of the directory failed does no later sync succeed, as the old file may reappear.
    pub fn rewrite<'l>(
        &mut self,
        lines: impl IntoIterator<Item = &'l [u8]>,
    ) -> Result<(), JournalError> {
        self.sync()?;
        let beside = self.path.with_extension("tmp");
        let (file, length) =
            written(&beside, lines).map_err(|error| failed("write", &beside, error))?;
        fs::rename(&beside, &self.path).map_err(|error| failed("replace", &self.path, error))?;
        (self.file, self.length) = (file, length);
        let synced = sync_folder_of(&self.path);
        self.broken = synced.is_err();
        synced
    }

    /// Returns the length of all lines in bytes, buffered ones included.
    pub fn length(&self) -> u64 {
        self.length + self.buffer.len() as u64
    }

    /// Returns the number of bytes of a torn last line that opening truncated; 0 for a clean file.
    pub fn cut_bytes(&self) -> u64 {
        self.cut_bytes
    }

    /// Path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Creates and syncs a new file of lines; returns it open for appending, with its length.
fn written<'l>(path: &Path, lines: impl IntoIterator<Item = &'l [u8]>) -> io::Result<(File, u64)> {
    // A leftover of a crash is discarded.
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let file = OpenOptions::new().read(true).append(true).create_new(true).open(path)?;
    let mut out = BufWriter::new(file);
    let mut length = 0;
    for line in lines {
        out.write_all(line)?;
        out.write_all(b"\n")?;
        length += line.len() as u64 + 1;
    }
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok((file, length))
}

/// Replaces a file with concatenated pieces, or creates it, atomically. A crash leaves the old file
/// or the new one, also when the system crashes.
///
/// # Errors
/// [`JournalError::Io`] names the file.
pub fn replace_file(path: &Path, pieces: &[&[u8]]) -> Result<(), JournalError> {
    let beside = path.with_extension("tmp");
    let written = File::create(&beside).and_then(|mut file| {
        pieces.iter().try_for_each(|piece| file.write_all(piece))?;
        file.sync_all()
    });
    written.map_err(|error| failed("write", &beside, error))?;
    fs::rename(&beside, path).map_err(|error| failed("replace", path, error))?;
    sync_folder_of(path)
}

/// Directory of files that one process owns.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    /// Lock file; closing it releases the lock, also when the process dies.
    _lock: File,
}

impl StateDir {
    /// Creates the directory if needed and locks it until the value is dropped.
    ///
    /// # Errors
    /// [`JournalError::Locked`] when another process owns it.
    pub fn open(path: impl AsRef<Path>) -> Result<StateDir, JournalError> {
        let path = path.as_ref().to_owned();
        fs::create_dir_all(&path).map_err(|error| failed("make", &path, error))?;
        let name = path.join(LOCK_FILE);
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&name)
            .map_err(|error| failed("open", &name, error))?;
        match lock.try_lock() {
            Ok(()) => Ok(StateDir { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(JournalError::Locked { path }),
            Err(TryLockError::Error(error)) => Err(failed("lock", &name, error)),
        }
    }

    /// Returns the path of a file in the directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Path of the directory.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Syncs the directory: without that, a new file may be missing after a crash.
pub(crate) fn sync_folder_of(path: &Path) -> Result<(), JournalError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let folder = parent.unwrap_or(Path::new("."));
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| failed("sync", folder, error))
}

pub(crate) fn failed(what: &'static str, path: &Path, error: io::Error) -> JournalError {
    JournalError::Io { what, path: path.to_owned(), error }
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JournalError::Io { what, path, error } => {
                write!(f, "cannot {what} {}: {error}", path.display())
            }
            JournalError::LineBreak { path } => {
                write!(f, "a line for {} holds a line break", path.display())
            }
            JournalError::Broken { path } => {
                let path = path.display();
                write!(f, "{path}: the disk did not confirm a write; start again to read it anew")
            }
            JournalError::Locked { path } => {
                let path = path.display();
                write!(f, "{path} belongs to another running process; name another state folder")
            }
        }
    }
}

impl std::error::Error for JournalError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            JournalError::Io { error, .. } => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
