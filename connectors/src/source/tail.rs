//! A file that grows, as a partition: offsets are bytes, and go on over rotations.
//!
//! A file is known by device and inode. One that was renamed is read to its end before the
//! one that took its place; after a restart it is looked for in the same folder. One that was
//! cut short is taken for a new one. What nobody can know is said in the operations manual:
//! a file that was made and rotated away while nothing read it, and an inode given out again.

use std::collections::VecDeque;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use model::event::Record;

use crate::source::{DrainProgress, MAX_RECORD_BYTES, OversizedRecord, ReadState};

/// Bytes asked for at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// One of the files that were read after each other, and the offset of its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TailSegment {
    /// Device.
    pub device: u64,
    /// Inode.
    pub inode: u64,
    /// Offset of its first byte in the partition.
    pub base: i64,
}

/// A file that is followed.
#[derive(Debug)]
pub struct FileTail {
    path: PathBuf,
    /// By base, ascending; the last one is read.
    parts: VecDeque<TailSegment>,
    file: Option<File>,
    /// Read and not handed over.
    buffer: Vec<u8>,
    /// Offset of the first byte in `buffer`.
    offset: i64,
    /// Bytes thrown away of a line too long to keep, or of one that began before.
    skipping: Option<SkippedLine>,
}

/// A line that is not handed over.
#[derive(Clone, Copy, Debug)]
enum SkippedLine {
    /// It was handed over before, or belongs to nobody.
    Known,
    /// It began at this offset and is too long.
    TooLong(i64),
}

/// Result of resuming a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TailResume {
    /// Everything from the wanted offset on.
    Whole,
    /// The file it lay in is gone: reading goes on at this offset.
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
    /// Follows a file from an offset on; `parts` are the files an earlier run knew of. The
    /// file need not be there yet.
    ///
    /// # Errors
    /// A file that is there and cannot be read.
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
            // What is newer is found again once this one is read.
            tail.parts.truncate(at + 1);
            tail.begin(file, *part, wanted)?;
            let is_whole = wanted == from;
            return Ok((tail, if is_whole { TailResume::Whole } else { TailResume::Lost(wanted) }));
        }
        tail.parts.clear();
        let resumed = if parts.is_empty() { TailResume::Whole } else { TailResume::Lost(from) };
        Ok((tail, resumed))
    }

    /// The files in which everything from an offset on lies.
    pub fn parts_from(&self, offset: i64) -> Vec<TailSegment> {
        let first = self.parts.iter().rposition(|part| part.base <= offset).unwrap_or(0);
        self.parts.iter().skip(first).copied().collect()
    }

    /// The file of a part: at its path, or renamed in the same folder.
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

    /// Reads a file from the line on that begins at an offset, or after it.
    fn begin(&mut self, mut file: File, part: TailSegment, from: i64) -> io::Result<()> {
        let inside = from - part.base;
        // Whether a line begins there is told by the byte before.
        let start = (inside - 1).max(0);
        file.seek(SeekFrom::Start(start as u64))?;
        self.skipping = (inside > 0).then_some(SkippedLine::Known);
        self.offset = part.base + start;
        self.buffer.clear();
        self.file = Some(file);
        Ok(())
    }

    /// Hands at most `budget` whole lines to `each`, blank ones left out.
    ///
    /// `Empty` is said where the file at the path is read to its end; a file that is not
    /// there, or ends in the midst of a line, is `Waiting`.
    ///
    /// # Errors
    /// A file that cannot be read.
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
                    // A line without an end will never get one.
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

    /// Hands over whole lines of the buffer.
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

    /// Reads on; false at the end of the file, or without one.
    fn fill(&mut self) -> io::Result<bool> {
        let Some(file) = &mut self.file else { return Ok(false) };
        if self.buffer.len() > MAX_RECORD_BYTES || self.skipping.is_some() {
            // No line end in all of it: it is let go of.
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
        // What was written before it was renamed may have come after the last look.
        if !part.is(&found) && self.fill()? {
            return Ok(FileSuccessor::SameFile);
        }
        Ok(FileSuccessor::NextFile(opened, found))
    }
}

/// Successor of a file that has ended.
enum FileSuccessor {
    SameFile,
    /// Nothing is at the path.
    Nowhere,
    NextFile(File, Metadata),
}

#[cfg(test)]
mod tests;
