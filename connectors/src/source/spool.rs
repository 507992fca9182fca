//! Spool: log with offsets for inputs without one, HTTP and standard input.
//!
//! A record counts as received once it was appended and synced here. Segments are deleted once a
//! restart would not replay them, so a spool holds about one horizon.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use model::event::Record;
use model::time::Timestamp;

use crate::commit::checksum;
use crate::journal::{JournalError, failed, sync_folder_of};
use crate::source::{DrainProgress, MAX_RECORD_BYTES, OversizedRecord, ReadState};

/// Length at which a segment is closed: 16 MiB.
const SEGMENT_BYTES: u64 = 16 << 20;
/// Header of a record: length of the payload, checksum, arrival; the payload follows.
const HEAD_BYTES: usize = 20;
const ENDING: &str = ".spool";

/// Writer of a spool; threads may share it.
#[derive(Clone, Debug)]
pub struct Spool {
    shared: Arc<Mutex<SpoolState>>,
}

#[derive(Debug)]
struct SpoolState {
    folder: PathBuf,
    /// Segments by first offset, ascending; the last one is written to.
    segments: VecDeque<SpoolSegment>,
    file: File,
    /// Offset after the last synced record.
    next: i64,
    bytes_max: u64,
    /// True when a failed write could not be undone, or a sync failed.
    is_broken: bool,
}

#[derive(Clone, Copy, Debug)]
struct SpoolSegment {
    first: i64,
    bytes: u64,
}

/// Error of appending records.
#[derive(Debug)]
pub enum SpoolError {
    /// The spool is full: appends fail until segments were read and deleted.
    Full,
    /// Error of the file system.
    Journal(JournalError),
}

/// Reader of a spool.
#[derive(Debug)]
pub struct SpoolReader {
    shared: Arc<Mutex<SpoolState>>,
    next: i64,
    reading: Option<SegmentCursor>,
    payload: Vec<u8>,
}

/// Segment being read, and the position in it.
#[derive(Debug)]
struct SegmentCursor {
    first: i64,
    reader: BufReader<File>,
}

/// Record as stored in a segment.
struct FramedRecord {
    arrived: Timestamp,
    bytes: u64,
}

impl Spool {
    /// Opens or creates a spool of at most about `bytes_max` bytes; a torn end is truncated.
    ///
    /// # Errors
    /// [`JournalError::Io`] names the file or folder.
    pub fn open(folder: impl AsRef<Path>, bytes_max: u64) -> Result<Spool, JournalError> {
        let folder = folder.as_ref().to_owned();
        fs::create_dir_all(&folder).map_err(|error| failed("make", &folder, error))?;
        let mut segments = segments(&folder).map_err(|error| failed("read", &folder, error))?;
        if segments.is_empty() {
            segments.push_back(SpoolSegment { first: 0, bytes: 0 });
        }
        let last = segments.back().copied().unwrap_or(SpoolSegment { first: 0, bytes: 0 });
        let path = path_of(&folder, last.first);
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&path)
            .map_err(|error| failed("open", &path, error))?;
        sync_folder_of(&path)?;
        sync_folder_of(&folder)?;
        let (records, bytes) = whole(&file).map_err(|error| failed("read", &path, error))?;
        let cut = file.set_len(bytes).and_then(|()| file.sync_data());
        cut.map_err(|error| failed("cut", &path, error))?;
        if let Some(last) = segments.back_mut() {
            last.bytes = bytes;
        }
        let next = last.first + records;
        let shared = SpoolState { folder, segments, file, next, bytes_max, is_broken: false };
        Ok(Spool { shared: Arc::new(Mutex::new(shared)) })
    }

    /// Appends records with their arrival time atomically; all are durable when this returns. A
    /// record longer than [`MAX_RECORD_BYTES`] is truncated.
    ///
    /// # Errors
    /// [`SpoolError`]: none of them is kept.
    pub fn append<'a>(
        &self,
        records: impl IntoIterator<Item = &'a [u8]>,
        arrived: Timestamp,
    ) -> Result<(), SpoolError> {
        let mut framed = Vec::new();
        let mut many = 0;
        for payload in records {
            let payload = payload.get(..MAX_RECORD_BYTES).unwrap_or(payload);
            put_frame(&mut framed, payload, arrived);
            many += 1;
        }
        let mut shared = self.lock();
        shared.append(&framed, many)
    }

    /// Returns a reader from an offset on. Its actual start is later if older records were deleted,
    /// and earlier if the offset was never written.
    pub fn reader(&self, from: i64) -> (SpoolReader, i64) {
        let shared = self.lock();
        let oldest = shared.segments.front().map_or(0, |segment| segment.first);
        let next = from.clamp(oldest, shared.next);
        let shared = Arc::clone(&self.shared);
        (SpoolReader { shared, next, reading: None, payload: Vec::new() }, next)
    }

    /// Deletes segments without records from `offset` on.
    ///
    /// # Errors
    /// [`JournalError::Io`] for a file that was not deleted; the next call tries again.
    pub fn forget_before(&self, offset: i64) -> Result<(), JournalError> {
        let mut shared = self.lock();
        while let (Some(oldest), Some(after)) = (shared.segments.front(), shared.segments.get(1)) {
            if after.first > offset {
                return Ok(());
            }
            let path = path_of(&shared.folder, oldest.first);
            fs::remove_file(&path).map_err(|error| failed("delete", &path, error))?;
            shared.segments.pop_front();
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, SpoolState> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SpoolState {
    fn append(&mut self, framed: &[u8], records: i64) -> Result<(), SpoolError> {
        let held: u64 = self.segments.iter().map(|segment| segment.bytes).sum();
        if held + framed.len() as u64 > self.bytes_max {
            return Err(SpoolError::Full);
        }
        if self.segments.back().is_some_and(|last| last.bytes >= SEGMENT_BYTES) {
            self.begin_segment()?;
        }
        let path = path_of(&self.folder, self.segments.back().map_or(0, |last| last.first));
        if self.is_broken {
            return Err(SpoolError::from(JournalError::Broken { path }));
        }
        let length = self.segments.back().map_or(0, |last| last.bytes);
        if let Err(error) = self.file.write_all(framed) {
            self.is_broken = self.file.set_len(length).is_err();
            return Err(failed("write", &path, error).into());
        }
        if let Err(error) = self.file.sync_data() {
            // The content on disk is unknown until it is read again.
            self.is_broken = true;
            return Err(failed("sync", &path, error).into());
        }
        self.next += records;
        if let Some(last) = self.segments.back_mut() {
            last.bytes += framed.len() as u64;
        }
        Ok(())
    }

    fn begin_segment(&mut self) -> Result<(), JournalError> {
        let path = path_of(&self.folder, self.next);
        let file = OpenOptions::new().append(true).create(true).open(&path);
        self.file = file.map_err(|error| failed("make", &path, error))?;
        sync_folder_of(&path)?;
        self.segments.push_back(SpoolSegment { first: self.next, bytes: 0 });
        Ok(())
    }

    /// Returns the first offset of the segment that contains an offset.
    fn segment_of(&self, offset: i64) -> Option<i64> {
        self.segments.iter().rev().map(|segment| segment.first).find(|first| *first <= offset)
    }
}

impl SpoolReader {
    /// Passes at most `budget` records to `each`; `Empty` once all appended records are read.
    ///
    /// # Errors
    /// A segment that cannot be read, or is damaged before its end.
    pub fn drain(
        &mut self,
        budget: usize,
        mut each: impl FnMut(Result<Record<'_>, OversizedRecord>),
    ) -> io::Result<DrainProgress> {
        let mut read = 0;
        while read < budget {
            let (end, segment, folder) = {
                let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
                (shared.next, shared.segment_of(self.next), shared.folder.clone())
            };
            let Some(first) = segment.filter(|_| self.next < end) else {
                return Ok(DrainProgress { read, state: ReadState::Empty });
            };
            self.turn_to(&folder, first)?;
            let Some(reading) = &mut self.reading else { continue };
            let Some(framed) = next_frame(&mut reading.reader, &mut self.payload)? else {
                let path = path_of(&folder, first);
                return Err(io::Error::other(format!("{} is damaged", path.display())));
            };
            let (partition, offset) = (0, self.next);
            let (timestamp, payload) = (Some(framed.arrived), self.payload.as_slice());
            each(Ok(Record { partition, offset, timestamp, payload }));
            self.next += 1;
            read += 1;
        }
        Ok(DrainProgress { read, state: ReadState::More })
    }

    /// Opens the segment of the next record, positioned at that record.
    fn turn_to(&mut self, folder: &Path, first: i64) -> io::Result<()> {
        if self.reading.as_ref().is_some_and(|reading| reading.first == first) {
            return Ok(());
        }
        let mut reader = BufReader::new(File::open(path_of(folder, first))?);
        for _ in first..self.next {
            next_frame(&mut reader, &mut self.payload)?;
        }
        self.reading = Some(SegmentCursor { first, reader });
        Ok(())
    }
}

fn segments(folder: &Path) -> io::Result<VecDeque<SpoolSegment>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let first = name.to_str().and_then(|name| name.strip_suffix(ENDING)?.parse().ok());
        if let Some(first) = first {
            found.push(SpoolSegment { first, bytes: entry.metadata()?.len() });
        }
    }
    found.sort_by_key(|segment| segment.first);
    Ok(found.into())
}

fn path_of(folder: &Path, first: i64) -> PathBuf {
    folder.join(format!("{first:020}{ENDING}"))
}

fn put_frame(out: &mut Vec<u8>, payload: &[u8], arrived: Timestamp) {
    let start = out.len();
    // No record is longer than a MiB.
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&arrived.0.to_le_bytes());
    out.extend_from_slice(payload);
    let sum = checksum(out.get(start + 12..).unwrap_or_default()) ^ payload.len() as u64;
    if let Some(slot) = out.get_mut(start + 4..start + 12) {
        slot.copy_from_slice(&sum.to_le_bytes());
    }
}

/// Reads a record; `None` at the end, and before a torn record.
fn next_frame(reader: &mut impl Read, payload: &mut Vec<u8>) -> io::Result<Option<FramedRecord>> {
    let mut head = [0; HEAD_BYTES];
    if !fill(reader, &mut head)? {
        return Ok(None);
    }
    let part = |from: usize| -> Option<[u8; 8]> { head.get(from..from + 8)?.try_into().ok() };
    let (Some(sum), Some(arrived)) = (part(4), part(12)) else { return Ok(None) };
    let [a, b, c, d, ..] = head;
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    if length > MAX_RECORD_BYTES {
        return Ok(None);
    }
    payload.clear();
    payload.resize(length + 8, 0);
    payload.get_mut(..8).into_iter().for_each(|slot| slot.copy_from_slice(&arrived));
    let is_whole = fill(reader, payload.get_mut(8..).unwrap_or_default())?;
    if !is_whole || checksum(payload) ^ length as u64 != u64::from_le_bytes(sum) {
        return Ok(None);
    }
    payload.drain(..8);
    let arrived = Timestamp(i64::from_le_bytes(arrived));
    Ok(Some(FramedRecord { arrived, bytes: (HEAD_BYTES + length) as u64 }))
}

/// Fills a slice; false where the input ends before.
fn fill(reader: &mut impl Read, slice: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(slice) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns the number of complete records of a segment, and their bytes.
fn whole(mut file: &File) -> io::Result<(i64, u64)> {
    file.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::new(file);
    let (mut records, mut bytes, mut payload) = (0, 0, Vec::new());
    while let Some(framed) = next_frame(&mut reader, &mut payload)? {
        records += 1;
        bytes += framed.bytes;
    }
    Ok((records, bytes))
}

impl From<JournalError> for SpoolError {
    fn from(error: JournalError) -> SpoolError {
        SpoolError::Journal(error)
    }
}

impl std::fmt::Display for SpoolError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SpoolError::Full => f.write_str("the spool is full until more of it has been read"),
            SpoolError::Journal(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SpoolError {}

#[cfg(test)]
mod tests;
