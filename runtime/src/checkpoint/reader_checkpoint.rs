//! The reader's part of a snapshot.

use std::collections::BTreeMap;

use engine::snapshot::SnapshotEncode;
use model::time::Timestamp;

use crate::ingest::admission::PartitionCheckpoint;
use crate::io::StreamPartition;

/// State of a reader when everything that it has read is committed.
#[derive(Debug, Default)]
pub struct ReaderCheckpoint {
    /// By stream: the published watermark.
    pub marked: Vec<Timestamp>,
    /// By stream: the earliest event that counted.
    pub firsts: Vec<Option<Timestamp>>,
    /// By stream and partition.
    pub partitions: BTreeMap<StreamPartition, PartitionCheckpoint>,
}

impl SnapshotEncode for ReaderCheckpoint {
    fn pack(&self, out: &mut Vec<u8>) {
        self.marked.pack(out);
        self.firsts.pack(out);
        self.partitions.len().pack(out);
        for ((stream, partition), PartitionCheckpoint { offset, front, past }) in &self.partitions {
            (*stream, *partition, *offset, *front).pack(out);
            past.pack(out);
        }
    }

    fn unpack(from: &mut &[u8]) -> Option<ReaderCheckpoint> {
        let (marked, firsts) = SnapshotEncode::unpack(from)?;
        let mut partitions = BTreeMap::new();
        for _ in 0..usize::unpack(from)? {
            let (stream, partition, offset, front) = SnapshotEncode::unpack(from)?;
            let past = SnapshotEncode::unpack(from)?;
            partitions.insert((stream, partition), PartitionCheckpoint { offset, front, past });
        }
        Some(ReaderCheckpoint { marked, firsts, partitions })
    }
}
