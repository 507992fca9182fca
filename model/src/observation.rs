//! Observations: what projection and filtering leave of an event, and the batches they travel in.

use crate::time::Timestamp;

/// Position of an event in the logs; with the event time this is the order of all events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventOrigin {
    /// Index of the stream; streams are numbered in the order of their names.
    pub stream: u32,
    /// Partition within the stream.
    pub partition: i32,
    /// Offset within the partition.
    pub offset: i64,
    /// Which event of the record, where it has several.
    pub index: u32,
}

/// A range of [`ObservationBatch::bytes`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByteRange {
    /// First byte.
    pub start: u32,
    /// Number of bytes.
    pub len: u32,
}

/// One observation.
#[derive(Clone, Copy, Debug)]
pub struct Observation {
    /// Index of the signal in the program that made the row.
    pub signal: u32,
    /// Hash of the key's canonical bytes: fixed, for grouping.
    pub key_hash: u64,
    /// Event time.
    pub time: Timestamp,
    /// The measured value in units of 10⁻⁹, or the 128-bit fingerprint of a distinct value.
    pub value: i128,
    /// Position of the event.
    pub origin: EventOrigin,
    /// Hash of the event's id; 0 is an event without one, like no other.
    pub id: u64,
    /// The key's canonical bytes.
    pub key: ByteRange,
    /// The event's fields that messages name: encoded as a key is.
    pub fields: ByteRange,
}

/// Observations on their way to one shard: rows and one arena of bytes.
#[derive(Clone, Debug, Default)]
pub struct ObservationBatch {
    /// In the order they were read.
    pub rows: Vec<Observation>,
    /// Keys and message fields.
    pub bytes: Vec<u8>,
}

impl ObservationBatch {
    /// The bytes of a slice; empty if it lies outside the arena.
    pub fn slice(&self, slice: ByteRange) -> &[u8] {
        let start = slice.start as usize;
        self.bytes.get(start..start + slice.len as usize).unwrap_or_default()
    }

    /// True when there is nothing to deliver.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Empties the batch and keeps its memory.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.bytes.clear();
    }
}

/// Point up to which time has passed in every stream, and where it began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watermarks {
    /// By stream index: every instant up to and including this one is settled.
    pub settled: Vec<Timestamp>,
    /// By stream index: the time of the earliest accepted event so far.
    pub first: Vec<Option<Timestamp>>,
}

impl Watermarks {
    /// Marks of `streams` streams in which nothing has happened yet.
    pub fn unsettled(streams: usize) -> Watermarks {
        Watermarks { settled: vec![Timestamp(i64::MIN); streams], first: vec![None; streams] }
    }
}
