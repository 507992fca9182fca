//! Followed file as a partition: offsets are bytes and continue over rotations.
//!
//! A file is identified by device and inode. A renamed file is read to its end before its
//! successor; after a restart it is searched for in the same directory. A truncated file is treated
//! as a new one. Undetectable cases are in the operations manual: a file created and rotated away
//! between two reads, and a reused inode.

use std::collections::VecDeque;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use model::event::Record;

use crate::source::{DrainProgress, MAX_RECORD_BYTES, OversizedRecord, ReadState};

/// Size of one read, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// File of a sequence of rotated files, and the offset of its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TailSegment {
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// Offset of its first byte in the partition.
    pub base: i64,
}

/// Reader of a followed file.
#[derive(Debug)]
pub struct FileTail {
    path: PathBuf,
    /// Files by base offset, ascending; the last one is read.
    parts: VecDeque<TailSegment>,
    file: Option<File>,
    /// Bytes read but not passed yet.
    buffer: Vec<u8>,
    /// Offset of the first byte in `buffer`.
    offset: i64,
    /// Bytes discarded of an oversized line, or of a line that started before.
    skipping: Option<SkippedLine>,
}

/// Line that is not passed.
#[derive(Clone, Copy, Debug)]
enum SkippedLine {
    /// It starts before the offset at which reading resumed: it was passed before, or its start is
    /// lost.
    Known,
    /// It is oversized and starts at this offset.
    TooLong(i64),
}

/// Result of resuming a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TailResume {
    /// Everything from the requested offset on is available.
    Whole,
    /// The file with the offset is gone: reading resumes at this offset.
    Lost(i64),
}

impl TailSegment {
    fn of(found: &Metadata, base: i64) -> TailSegment {
        TailSegment { device: found.dev(), inode: found.ino(), base }
    }

    fn is(self, found: &Metadata) -> bool {
        (self.device, self.inode) == (found.dev(), found.ino())
    }
}

impl FileTail {
    /// Follows a file from an offset on; `parts` are the files known to a previous run. The file
    /// need not exist yet.
    ///
    /// # Errors
    /// The file exists and cannot be read.
    pub fn resume(
        path: &Path,
        parts: &[TailSegment],
        from: i64,
    ) -> io::Result<(FileTail, TailResume)> {
        let mut tail = FileTail {
            path: path.to_owned(),
            parts: parts.iter().copied().collect(),
            file: None,
            buffer: Vec::new(),
            offset: from,
            skipping: None,
        };
        let at = parts.iter().rposition(|part| part.base <= from);
        for (at, part) in parts.iter().enumerate().skip(at.unwrap_or(0)) {
            let Some(file) = tail.find(*part)? else { continue };
            let wanted = from.max(part.base);
            if (file.metadata()?.len() as i64) < wanted - part.base {
                continue;
            }
            // Newer files are found again once this one is read.
            tail.parts.truncate(at + 1);
            tail.begin(file, *part, wanted)?;
            let is_whole = wanted == from;
            return Ok((tail, if is_whole { TailResume::Whole } else { TailResume::Lost(wanted) }));
        }
        tail.parts.clear();
        let resumed = if parts.is_empty() { TailResume::Whole } else { TailResume::Lost(from) };
        Ok((tail, resumed))
    }

    /// Returns the files that contain everything from an offset on.
    pub fn parts_from(&self, offset: i64) -> Vec<TailSegment> {
        let first = self.parts.iter().rposition(|part| part.base <= offset).unwrap_or(0);
        self.parts.iter().skip(first).copied().collect()
    }

    /// Opens the file of a part: at its path, or renamed in the same directory.
    fn find(&self, part: TailSegment) -> io::Result<Option<File>> {
        let is_it = |path: &Path| fs::metadata(path).is_ok_and(|found| part.is(&found));
        if is_it(&self.path) {
            return File::open(&self.path).map(Some);
        }
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let Ok(entries) = fs::read_dir(folder.unwrap_or(Path::new("."))) else {
            return Ok(None);
        };
        let renamed = entries.flatten().map(|entry| entry.path()).find(|path| is_it(path));
        renamed.map(File::open).transpose()
    }

    /// Reads a file from the first line that starts at an offset or after it.
    fn begin(&mut self, mut file: File, part: TailSegment, from: i64) -> io::Result<()> {
        let inside = from - part.base;
        // The byte before shows if a line starts there.
        let start = (inside - 1).max(0);
        file.seek(SeekFrom::Start(start as u64))?;
        self.skipping = (inside > 0).then_some(SkippedLine::Known);
        self.offset = part.base + start;
        self.buffer.clear();
        self.file = Some(file);
        Ok(())
    }

    /// Passes at most `budget` complete lines to `each`, without blank ones.
    ///
    /// Returns `Empty` when the file at the path is read to its end; `Waiting` when the file does
    /// not exist or ends inside a line.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn drain(
        &mut self,
        budget: usize,
        mut each: impl FnMut(Result<Record<'_>, OversizedRecord>),
    ) -> io::Result<DrainProgress> {
        let mut read = 0;
        loop {
            read += self.hand_over(budget - read, &mut each);
            if read >= budget {
                return Ok(DrainProgress { read, state: ReadState::More });
            }
            if self.fill()? {
                continue;
            }
            match self.follow()? {
                FileSuccessor::SameFile if self.buffer.is_empty() && self.skipping.is_none() => {
                    return Ok(DrainProgress { read, state: ReadState::Empty });
                }
                FileSuccessor::SameFile | FileSuccessor::Nowhere => {
                    return Ok(DrainProgress { read, state: ReadState::Waiting });
                }
                FileSuccessor::NextFile(file, found) => {
                    // An incomplete line of a rotated file is never completed.
                    if !self.buffer.is_empty() {
                        self.buffer.push(b'\n');
                        read += self.hand_over(1, &mut each);
                    }
                    let part = TailSegment::of(&found, self.offset);
                    self.parts.push_back(part);
                    self.begin(file, part, part.base)?;
                }
            }
        }
    }

    /// Passes the complete lines of the buffer.
    fn hand_over(
        &mut self,
        budget: usize,
        each: &mut impl FnMut(Result<Record<'_>, OversizedRecord>),
    ) -> usize {
        let (mut read, mut start) = (0, 0);
        while read < budget {
            let rest = self.buffer.get(start..).unwrap_or_default();
            let Some(length) = memchr::memchr(b'\n', rest) else { break };
            let line = rest.get(..length).unwrap_or_default();
            let offset = self.offset + start as i64;
            start += length + 1;
            match self.skipping.take() {
                Some(SkippedLine::Known) => continue,
                Some(SkippedLine::TooLong(began)) => {
                    let bytes = (offset - began) as u64 + length as u64;
                    each(Err(OversizedRecord { offset: began, bytes }));
                }
                None if length > MAX_RECORD_BYTES => {
                    each(Err(OversizedRecord { offset, bytes: length as u64 }));
                }
                None => {
                    let payload = line.strip_suffix(b"\r").unwrap_or(line);
                    if payload.iter().all(u8::is_ascii_whitespace) {
                        continue;
                    }
                    each(Ok(Record { partition: 0, offset, timestamp: None, payload }));
                }
            }
            read += 1;
        }
        self.buffer.drain(..start);
        self.offset += start as i64;
        read
    }

    /// Reads more bytes; false at the end of the file, or without one.
    fn fill(&mut self) -> io::Result<bool> {
        let Some(file) = &mut self.file else { return Ok(false) };
        if self.buffer.len() > MAX_RECORD_BYTES || self.skipping.is_some() {
            // No line end in the whole buffer: it is discarded.
            let began = self.offset;
            self.skipping.get_or_insert(SkippedLine::TooLong(began));
            self.offset += self.buffer.len() as i64;
            self.buffer.clear();
        }
        let length = self.buffer.len();
        self.buffer.resize(length + CHUNK_BYTES, 0);
        let room = self.buffer.get_mut(length..).unwrap_or_default();
        let got = file.read(room);
        self.buffer.truncate(length + *got.as_ref().unwrap_or(&0));
        match got {
            Ok(count) => Ok(count > 0),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Finds the file to read after the end of the current one.
    fn follow(&mut self) -> io::Result<FileSuccessor> {
        let opened = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(FileSuccessor::Nowhere);
            }
            Err(error) => return Err(error),
        };
        let found = opened.metadata()?;
        if found.is_dir() {
            return Err(io::Error::other("it is a folder"));
        }
        let (Some(part), true) = (self.parts.back(), self.file.is_some()) else {
            return Ok(FileSuccessor::NextFile(opened, found));
        };
        let read = self.offset + self.buffer.len() as i64 - part.base;
        if part.is(&found) && found.len() as i64 >= read {
            return Ok(FileSuccessor::SameFile);
        }
        // Data written before the rename may have arrived after the last read.
        if !part.is(&found) && self.fill()? {
            return Ok(FileSuccessor::SameFile);
        }
        Ok(FileSuccessor::NextFile(opened, found))
    }
}

/// Successor of a file that has ended.
enum FileSuccessor {
    SameFile,
    /// No file is at the path.
    Nowhere,
    NextFile(File, Metadata),
}

#[cfg(test)]
mod tests;
