//! Append-only files of lines, and the folder one process keeps them in.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Appended bytes that are kept in memory before they are written early: 4 MiB.
pub const MAX_BUFFERED_BYTES: usize = 4 << 20;

/// Name of the file that is locked while a process owns a [`StateDir`].
const LOCK_FILE: &str = "lock";

/// A file of lines, usually JSON, that only grows, but where it is written anew.
///
/// A line is kept once [`Journal::sync`] has returned; before, a crash may leave it out, or
/// leave a torn half, which the next opening cuts.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    /// Lines not yet written.
    buffer: Vec<u8>,
    /// INVARIANT: the file up to here is whole lines; what is beyond was written in vain.
    length: u64,
    cut_bytes: u64,
    /// True when something was written since the disk last confirmed.
    dirty: bool,
    /// The disk failed to confirm: what it holds is unknown from then on.
    broken: bool,
}

/// Error of a file or folder, with its name.
#[derive(Debug)]
pub enum JournalError {
    /// The system refused.
    Io {
        /// Operation that failed, as a verb.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Error of the system.
        error: io::Error,
    },
    /// A line to append holds a line break.
    LineBreak {
        /// The file.
        path: PathBuf,
    },
    /// The disk once failed to confirm a write; only opening the file anew tells what it holds.
    Broken {
        /// The file.
        path: PathBuf,
    },
    /// Another process owns the folder.
    Locked {
        /// The folder.
        path: PathBuf,
    },
}

impl Journal {
    /// Opens or makes a file and reads its lines, without their line breaks.
    ///
    /// # Errors
    /// [`JournalError::Io`] names the file.
    pub fn open(path: impl AsRef<Path>) -> Result<(Journal, Vec<Vec<u8>>), JournalError> {
        let mut lines = Vec::new();
        let journal = Journal::open_with(path, |line| lines.push(line.to_vec()))?;
        Ok((journal, lines))
    }

    /// As [`Journal::open`], handing each line to `each` instead of keeping all.
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

    /// Removes what follows the last whole line.
    fn cut_tail(&mut self) -> io::Result<()> {
        self.file.set_len(self.length)?;
        self.file.seek(SeekFrom::End(0))?;
        self.file.sync_data()
    }

    /// Adds a line, without its line break. It is in memory until [`Journal::sync`].
    ///
    /// # Errors
    /// [`JournalError::LineBreak`] for a line that is two; [`JournalError`] of an early write
    /// when more than [`MAX_BUFFERED_BYTES`] wait: the line is kept all the same.
    pub fn append(&mut self, line: &[u8]) -> Result<(), JournalError> {
        if line.contains(&b'\n') {
            return Err(JournalError::LineBreak { path: self.path.clone() });
        }
        self.buffer.extend_from_slice(line);
        self.buffer.push(b'\n');
        if self.buffer.len() > MAX_BUFFERED_BYTES { self.write() } else { Ok(()) }
    }

    /// Writes all lines and waits until the disk has them.
    ///
    /// # Errors
    /// [`JournalError::Io`]: lines that were not written are kept for the next call.
    /// [`JournalError::Broken`] once the disk failed to confirm.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        self.write()?;
        if !self.dirty {
            return Ok(());
        }
        if let Err(error) = self.file.sync_data() {
            // The system may have thrown the pages away and will not say so twice.
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
            // A part may stand there. Without it the next attempt starts at a line's start;
            // if it cannot be removed, nothing may follow it.
            self.broken = self.file.set_len(self.length).is_err();
            return Err(failed("write", &self.path, error));
        }
        self.length += self.buffer.len() as u64;
        self.buffer.clear();
        self.dirty = true;
        Ok(())
    }

    /// Reads the lines that are in the file, without their line breaks; those that wait for
    /// [`Journal::sync`] are not.
    ///
    /// # Errors
    /// [`JournalError::Io`] names the file.
    pub fn lines(&self) -> Result<Vec<Vec<u8>>, JournalError> {
        let file = File::open(&self.path).map_err(|error| failed("open", &self.path, error))?;
        let lines = BufReader::new(file.take(self.length)).split(b'\n');
        let lines: io::Result<Vec<Vec<u8>>> = lines.collect();
        lines.map_err(|error| failed("read", &self.path, error))
    }

    /// Puts other lines in the place of all. A crash leaves the old lines or the new ones, also
    /// when the system dies: the new file is on the disk before it takes the old one's name.
    ///
    /// # Errors
    /// [`JournalError::Io`]: the old file goes on. Only where the new one has its name and the
    /// folder cannot be written is nothing confirmed any more, for the old one may come back.
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

    /// Bytes of the lines, those that wait for [`Journal::sync`] included.
    pub fn length(&self) -> u64 {
        self.length + self.buffer.len() as u64
    }

    /// Bytes of a torn last line that opening cut; 0 is a clean file.
    pub fn cut_bytes(&self) -> u64 {
        self.cut_bytes
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A new file of lines that is on the disk, open to go on, and its length.
fn written<'l>(path: &Path, lines: impl IntoIterator<Item = &'l [u8]>) -> io::Result<(File, u64)> {
    // What a crash left there is nobody's.
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

/// Puts pieces, one after the other, in the place of a file, or of none. A crash leaves the old
/// file or the new one, also when the system dies.
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

/// A folder of files that one process owns.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    /// Closing it ends the lock, also when the process dies.
    _lock: File,
}

impl StateDir {
    /// Makes the folder if need be and locks it until the value is dropped.
    ///
    /// # Errors
    /// [`JournalError::Locked`] when another process has it.
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

    /// The path of a file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A new file is found after a crash only once its folder is on the disk too.
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
