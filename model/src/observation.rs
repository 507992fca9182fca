//! Observations: projections of events that passed the filters, in batches for shards.

use crate::time::Timestamp;

/// Position of an event in the logs; event time and position define the order of all events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventOrigin {
    /// Index of the stream; streams are numbered in the order of their names.
    pub stream: u32,
    /// Partition within the stream.
    pub partition: i32,
    /// Offset within the partition.
    pub offset: i64,
    /// Index of the event in its record, which may contain several.
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
    /// Measured value in units of 10⁻⁹, or the 128-bit fingerprint of a distinct value.
    pub value: i128,
    /// Position of the event.
    pub origin: EventOrigin,
    /// Hash of the event's id; 0 for an event without one, which is never a duplicate.
    pub id: u64,
    /// Canonical bytes of the key.
    pub key: ByteRange,
    /// Fields of the event that messages name, encoded like a key.
    pub fields: ByteRange,
}

/// Batch of observations for one shard: rows and one arena of bytes.
#[derive(Clone, Debug, Default)]
pub struct ObservationBatch {
    /// Observations in the order they were read.
    pub rows: Vec<Observation>,
    /// Arena of keys and message fields.
    pub bytes: Vec<u8>,
}

impl ObservationBatch {
    /// Returns the bytes of a slice; empty if it lies outside the arena.
    pub fn slice(&self, slice: ByteRange) -> &[u8] {
        let start = slice.start as usize;
        self.bytes.get(start..start + slice.len as usize).unwrap_or_default()
    }

    /// Returns true when the batch has no observations.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Empties the batch and keeps its memory.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.bytes.clear();
    }
}

/// Watermark and first event time of every stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watermarks {
    /// Watermark by stream index: every instant up to and including it is settled.
    pub settled: Vec<Timestamp>,
    /// Earliest accepted event time so far, by stream index.
    pub first: Vec<Option<Timestamp>>,
}

impl Watermarks {
    /// Returns the watermarks of `streams` streams without events.
    pub fn unsettled(streams: usize) -> Watermarks {
        Watermarks { settled: vec![Timestamp(i64::MIN); streams], first: vec![None; streams] }
    }
}
