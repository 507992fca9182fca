//! File or standard input as a partition: one record per line, numbered from 0.

use std::fs::File;
use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use model::event::Record;

use crate::source::{DrainProgress, MAX_RECORD_BYTES, OversizedRecord, ReadState, SourceError};

/// Size of one read, in bytes; a buffer of this size holds most lines.
const CHUNK_BYTES: usize = 64 * 1024;
/// Maximum size of the buffer: a line of the longest record, its `\r\n` and a byte order mark.
const BUFFER_BYTES_MAX: usize = MAX_RECORD_BYTES + 8;
/// Byte order mark of UTF-8, which some editors write at the start of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Reader of the lines of one file; `.gz` and `.zst` are decompressed.
pub struct FileSource {
    path: String,
    partition: i32,
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    // INVARIANT: start <= end <= buffer.len(); buffer[start..end] is read but not passed yet.
    start: usize,
    end: usize,
    line: i64,
    /// Bytes already discarded of an oversized line; `None` outside of one.
    skipped: Option<u64>,
    ended: bool,
}

/// Next line in the buffer.
enum NextLine {
    /// Line, as a range of the buffer without its line end.
    Whole(usize, usize),
    /// End of an oversized line, with its length in bytes.
    Oversized(u64),
    /// No line end in the buffer.
    Partial,
}

impl FileSource {
    /// Opens a file, or standard input for `-`, as the partition of this number.
    ///
    /// # Errors
    /// [`SourceError::Open`] when the file cannot be opened or is a directory.
    pub fn open(path: &str, partition: i32) -> Result<FileSource, SourceError> {
        let failed = |error| SourceError::Open { path: path.to_owned(), error };
        let reader: Box<dyn Read + Send> =
            if path == "-" { Box::new(io::stdin()) } else { open_file(path).map_err(failed)? };
        Ok(FileSource::from_reader(reader, path, partition))
    }

    /// Reads lines from any reader; `path` names it in errors.
    pub fn from_reader(reader: Box<dyn Read + Send>, path: &str, partition: i32) -> FileSource {
        FileSource {
            path: path.to_owned(),
            partition,
            reader,
            buffer: vec![0; CHUNK_BYTES],
            start: 0,
            end: 0,
            line: 0,
            skipped: None,
            ended: false,
        }
    }

    /// Passes at most `budget` records and returns the reason for stopping.
    ///
    /// Blank lines are numbered but not passed; a line longer than [`MAX_RECORD_BYTES`] is passed
    /// as [`OversizedRecord`]. Standard input blocks.
    ///
    /// # Errors
    /// [`SourceError::Read`] names the line at which reading or decompressing failed.
    pub fn drain(
        &mut self,
        budget: usize,
        mut each: impl FnMut(Result<Record<'_>, OversizedRecord>),
    ) -> Result<DrainProgress, SourceError> {
        let mut read = 0;
        while read < budget {
            let offset = self.line;
            match self.next_line() {
                NextLine::Partial if self.ended => {
                    let state = ReadState::End;
                    return Ok(DrainProgress { read, state });
                }
                NextLine::Partial => self.fill()?,
                NextLine::Oversized(bytes) => {
                    self.line += 1;
                    read += 1;
                    each(Err(OversizedRecord { offset, bytes }));
                }
                NextLine::Whole(from, to) => {
                    self.line += 1;
                    let payload = self.buffer.get(from..to).unwrap_or_default();
                    if payload.iter().all(u8::is_ascii_whitespace) {
                        continue;
                    }
                    read += 1;
                    each(Ok(Record {
                        partition: self.partition,
                        offset,
                        timestamp: None,
                        payload,
                    }));
                }
            }
        }
        let state = ReadState::More;
        Ok(DrainProgress { read, state })
    }

    fn next_line(&mut self) -> NextLine {
        let unread = self.buffer.get(self.start..self.end).unwrap_or_default();
        let (length, line_end) = match memchr::memchr(b'\n', unread) {
            Some(at) => (at, 1),
            None if self.ended && (!unread.is_empty() || self.skipped.is_some()) => {
                (unread.len(), 0)
            }
            None => return NextLine::Partial,
        };
        let line = unread.get(..length).unwrap_or_default();
        let text = line.strip_suffix(b"\r").unwrap_or(line);
        let mark = if self.line == 0 && text.starts_with(BYTE_ORDER_MARK) {
            BYTE_ORDER_MARK.len()
        } else {
            0
        };
        let (from, to) = (self.start + mark, self.start + text.len());
        self.start += length + line_end;
        let bytes = self.skipped.take().unwrap_or(0) + (to - from) as u64;
        if bytes > MAX_RECORD_BYTES as u64 {
            return NextLine::Oversized(bytes);
        }
        NextLine::Whole(from, to)
    }

    /// Makes room and reads once; a line that exceeds the buffer is discarded.
    fn fill(&mut self) -> Result<(), SourceError> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.skipped.is_some() || self.end >= BUFFER_BYTES_MAX {
            // Its end may be the `\r` of a line end, which then counts as one byte of length.
            *self.skipped.get_or_insert(0) += self.end as u64;
            self.end = 0;
        } else if self.end == self.buffer.len() {
            let grown = (self.buffer.len() * 2).min(BUFFER_BYTES_MAX);
            self.buffer.resize(grown, 0);
        }
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        loop {
            match self.reader.read(room) {
                Ok(0) => self.ended = true,
                Ok(count) => self.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    let (path, line) = (self.path.clone(), self.line + 1);
                    return Err(SourceError::Read { path, line, error });
                }
            }
            return Ok(());
        }
    }
}

fn open_file(path: &str) -> io::Result<Box<dyn Read + Send>> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::other("it is a folder"));
    }
    Ok(if path.ends_with(".gz") {
        Box::new(MultiGzDecoder::new(file))
    } else if path.ends_with(".zst") {
        Box::new(zstd::stream::read::Decoder::new(file)?)
    } else {
        Box::new(file)
    })
}

#[cfg(test)]
mod tests;
