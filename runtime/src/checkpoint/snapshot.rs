//! Snapshots: what reader and shards knew at a commit, in one file, so that a restart on the same
//! machine replays nothing.
//!
//! A snapshot is a cache of the streams and never a truth. One that is damaged, or of other rules,
//! another number of workers or another build, is rejected, and so is one that is ahead of the
//! commit; then one horizon is replayed, as if there were none. The reader sends a checkpoint
//! barrier right after a commit: what it had read by then will not be read again, and its dead
//! letters are durable. The file is written once all that the shards had found by then is in the
//! logs.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use engine::program::Program;
use engine::shard::{Shard, ShardSettings};
use engine::snapshot::SnapshotEncode;
use model::time::Timestamp;
use tracing::{info, warn};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::reader_checkpoint::ReaderCheckpoint;
use crate::io::{LogStore, PendingWrite};
use crate::pipeline::PipelineSettings;
use crate::pipeline::shard_worker::SnapshotBarrier;
use crate::telemetry::NodeTelemetry;

/// Its file.
pub const SNAPSHOT: &str = "snapshot";
/// First words; a change of what follows changes the number.
const HEAD: &[u8] = b"hansho snapshot 1\n";
/// Most bytes a second: a large snapshot is written less often.
const BYTES_A_SECOND: u64 = 1 << 20;

/// A snapshot that was found.
#[derive(Debug)]
pub struct Snapshot {
    /// State of the reader.
    pub reader: ReaderCheckpoint,
    /// State of the shards.
    pub shards: ShardSnapshots,
}

/// The shards of a snapshot, as bytes: see [`Shard::snapshot`].
#[derive(Debug)]
pub struct ShardSnapshots(pub Vec<Vec<u8>>);

/// Identity of what a snapshot is of: build and stateful part of the rules.
fn origin(program: &Program) -> (String, u64) {
    (env!("CARGO_PKG_VERSION").to_owned(), program.lineage())
}

impl Snapshot {
    /// The snapshot of a program's run, if there is one that is whole.
    pub(crate) fn load(store: &dyn LogStore, program: &Program) -> Option<Snapshot> {
        let bytes = match store.read(SNAPSHOT) {
            Ok(bytes) => bytes?,
            Err(error) => {
                info!(%error, "snapshot cannot be read; replaying one horizon");
                return None;
            }
        };
        match Snapshot::decode(&bytes, program) {
            Ok(snapshot) => Some(snapshot),
            Err(reason) => {
                let path = store.place(SNAPSHOT);
                let path = path.display();
                info!(%path, reason, "snapshot rejected; replaying one horizon");
                None
            }
        }
    }

    /// Decodes the bytes of a snapshot file.
    ///
    /// # Errors
    /// Why it is rejected, in words.
    pub fn decode(bytes: &[u8], program: &Program) -> Result<Snapshot, String> {
        let sealed = bytes.strip_prefix(HEAD).ok_or("it is of another version")?;
        let (seal, mut body) = sealed.split_first_chunk().ok_or("it is cut short")?;
        if u128::from_le_bytes(*seal) != xxh3_128(body) {
            return Err("it is damaged".to_owned());
        }
        let from = &mut body;
        if SnapshotEncode::unpack(from) != Some(origin(program)) {
            return Err("it is of other rules or another build".to_owned());
        }
        let read = |from: &mut &[u8]| {
            let (reader, shards) = SnapshotEncode::unpack(from)?;
            Some(Snapshot { reader, shards: ShardSnapshots(shards) })
        };
        read(from).ok_or_else(|| "it is of another version".to_owned())
    }

    /// Encodes the bytes of a snapshot file, as pieces that follow each other.
    pub fn encode(program: &Program, reader: &[u8], shards: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        encode(&origin(program), reader, shards)
    }

    /// By partition of a stream: the next offset to read.
    pub(crate) fn offsets(&self, stream: usize) -> BTreeMap<i32, i64> {
        let partitions = self.reader.partitions.iter().filter(|((of, _), _)| *of == stream);
        partitions.map(|((_, partition), of)| (*partition, of.offset)).collect()
    }
}

impl ShardSnapshots {
    /// Shards that resume where these were; everything up to `published` was published since.
    /// `None` where the work is divided in another way.
    pub(crate) fn resume(
        &self,
        program: &Arc<Program>,
        settings: PipelineSettings,
        published: &[Timestamp],
    ) -> Option<Vec<Shard>> {
        let settings: Vec<ShardSettings> = settings.shards().collect();
        let shards = settings.iter().zip(&self.0);
        let shards: Option<Vec<Shard>> =
            shards.map(|(of, bytes)| Shard::resume(program, *of, bytes, published)).collect();
        shards.filter(|shards| shards.len() == settings.len())
    }
}

/// A state may be large: it is not put together once more in memory.
fn encode(origin: &(String, u64), reader: &[u8], shards: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut first = packed(origin);
    first.extend_from_slice(reader);
    shards.len().pack(&mut first);
    let mut body = vec![first];
    for shard in shards {
        body.push(packed(&shard.len()));
        body.push(shard);
    }
    let mut hash = Xxh3::new();
    body.iter().for_each(|piece| hash.update(piece));
    let mut pieces = vec![HEAD.to_vec(), hash.digest128().to_le_bytes().to_vec()];
    pieces.append(&mut body);
    pieces
}

fn packed(of: &impl SnapshotEncode) -> Vec<u8> {
    let mut bytes = Vec::new();
    of.pack(&mut bytes);
    bytes
}

/// Puts the shards' parts of snapshots together and writes them, aside of everything else.
pub(crate) struct SnapshotWriter {
    store: Arc<dyn LogStore>,
    origin: (String, u64),
    telemetry: Arc<NodeTelemetry>,
    /// By shard: its newest part that is not written.
    parts: Vec<Option<SnapshotBarrier>>,
    writing: Option<SnapshotWrite>,
}

/// A snapshot that is being written, and its length.
struct SnapshotWrite {
    pending: Box<dyn PendingWrite>,
    bytes: u64,
}

impl SnapshotWriter {
    pub(crate) fn new(
        store: &Arc<dyn LogStore>,
        program: &Program,
        workers: usize,
        telemetry: &Arc<NodeTelemetry>,
    ) -> SnapshotWriter {
        SnapshotWriter {
            store: Arc::clone(store),
            origin: origin(program),
            telemetry: Arc::clone(telemetry),
            parts: (0..workers.max(1)).map(|_| None).collect(),
            writing: None,
        }
    }

    /// Adds a shard's part.
    pub(crate) fn add(&mut self, shard: usize, part: SnapshotBarrier) {
        if let Some(slot) = self.parts.get_mut(shard) {
            *slot = Some(part);
        }
    }

    /// Writes what is whole, once everything found before the barrier is in the logs. While
    /// another is being written it is dropped.
    pub(crate) fn write_whole(&mut self) {
        self.poll();
        let mut parts = self.parts.iter().flatten();
        let Some(reader) = parts.next().map(|first| Arc::clone(&first.reader)) else { return };
        let is_of_it = |part: &SnapshotBarrier| Arc::ptr_eq(&part.reader, &reader);
        if !self.parts.iter().all(|part| part.as_ref().is_some_and(is_of_it)) {
            return;
        }
        let parts = self.parts.iter_mut().filter_map(Option::take);
        let shards: Vec<Vec<u8>> = parts.map(|part| part.shard).collect();
        if self.writing.is_none() {
            self.start(&reader, shards);
        }
    }

    /// Writes what a reader and its shards know when both have finished.
    pub(crate) fn write_last(mut self, reader: &ReaderCheckpoint, shards: &[Shard]) {
        self.finish();
        self.start(&packed(reader), shards.iter().map(Shard::snapshot).collect());
        self.finish();
    }

    fn start(&mut self, reader: &[u8], shards: Vec<Vec<u8>>) {
        let pieces = encode(&self.origin, reader, shards);
        let bytes = pieces.iter().map(|piece| piece.len() as u64).sum();
        let pending = self.store.start_replace(SNAPSHOT, pieces);
        self.writing = Some(SnapshotWrite { pending, bytes });
        self.poll();
    }

    fn poll(&mut self) {
        if let Some(SnapshotWrite { mut pending, bytes }) = mem::take(&mut self.writing) {
            match pending.try_result() {
                Some(Ok(())) => self.telemetry.metrics.record_snapshot(bytes),
                Some(Err(error)) => {
                    warn!(%error, "snapshot cannot be written; recovery replays more");
                }
                None => self.writing = Some(SnapshotWrite { pending, bytes }),
            }
        }
    }

    fn finish(&mut self) {
        if let Some(SnapshotWrite { mut pending, bytes }) = mem::take(&mut self.writing) {
            match pending.wait() {
                Some(Ok(())) => self.telemetry.metrics.record_snapshot(bytes),
                Some(Err(error)) => {
                    warn!(%error, "snapshot cannot be written; recovery replays more");
                }
                None => {}
            }
        }
    }
}

impl Drop for SnapshotWriter {
    fn drop(&mut self) {
        self.finish();
    }
}

impl std::fmt::Debug for SnapshotWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SnapshotWriter").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// Time from one snapshot to the next in ms, where the last one had so many bytes.
pub(crate) fn wait_after(every_ms: i64, bytes: u64) -> i64 {
    every_ms.max(i64::try_from(bytes / BYTES_A_SECOND).unwrap_or(i64::MAX).saturating_mul(1_000))
}

#[cfg(test)]
mod tests;
