//! The snapshot: what reader and shards knew at a commit, in one file, so that a restart on the
//! same machine reads nothing again.
//!
//! It is a cache of the streams and never a truth. One that is damaged, or of other rules, another
//! number of workers or another build, is refused, and so is one that is not behind what was
//! committed; then one horizon is read again, as if there were none. The reader asks for it right
//! after a commit: what it had read by then will not be read again, and its dead letters are safe.
//! It is written once all that the shards had found by then is in the logs.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use connectors::journal::{StateDir, replace_file};
use engine::program::Program;
use engine::shard::{Shard, ShardSettings};
use engine::snapshot::Packed;
use model::time::Timestamp;
use tracing::{info, warn};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use crate::pipeline::RoadSettings;
use crate::pipeline::intake::Place;
use crate::pipeline::lane::Cut;
use runtime::telemetry::Telemetry;

/// Its file.
pub const SNAPSHOT: &str = "snapshot";
/// First words; a change of what follows changes the number.
const HEAD: &[u8] = b"hansho snapshot 1\n";
/// Where it is large it is written less often: so many bytes a second at most.
const BYTES_A_SECOND: u64 = 1 << 20;

/// What a reader knows.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// By stream: how far time was said to have passed.
    pub(super) marked: Vec<Timestamp>,
    /// By stream: the earliest event that counted.
    pub(super) firsts: Vec<Option<Timestamp>>,
    /// By stream and partition.
    pub(super) partitions: BTreeMap<(usize, i32), Place>,
}

/// A snapshot that was found.
pub(super) struct Snapshot {
    pub(super) known: Known,
    pub(super) shards: Shards,
}

/// The shards of a snapshot, as bytes.
pub(super) struct Shards(Vec<Vec<u8>>);

/// What a snapshot is of: taken up by anything else it would be wrong.
fn origin(program: &Program) -> (String, u64) {
    (env!("CARGO_PKG_VERSION").to_owned(), program.lineage())
}

impl Snapshot {
    /// The snapshot of a program's run, if there is one that is whole.
    pub(super) fn find(state_dir: &StateDir, program: &Program) -> Option<Snapshot> {
        let path = state_dir.file(SNAPSHOT);
        match Snapshot::read(&path, program) {
            Ok(snapshot) => snapshot,
            Err(why) => {
                let path = path.display();
                info!(%path, why, "the snapshot is not taken up; one horizon is read again");
                None
            }
        }
    }

    fn read(path: &Path, program: &Program) -> Result<Option<Snapshot>, String> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        let sealed = bytes.strip_prefix(HEAD).ok_or("it is of another version")?;
        let (seal, mut body) = sealed.split_first_chunk().ok_or("it is cut short")?;
        if u128::from_le_bytes(*seal) != xxh3_128(body) {
            return Err("it is damaged".to_owned());
        }
        let from = &mut body;
        if Packed::unpack(from) != Some(origin(program)) {
            return Err("it is of other rules or another build".to_owned());
        }
        let read = |from: &mut &[u8]| {
            let (known, shards) = Packed::unpack(from)?;
            Some(Snapshot { known, shards: Shards(shards) })
        };
        read(from).map(Some).ok_or_else(|| "it is of another version".to_owned())
    }

    /// By partition of a stream: the next offset to read.
    pub(super) fn offsets(&self, stream: usize) -> BTreeMap<i32, i64> {
        let partitions = self.known.partitions.iter().filter(|((of, _), _)| *of == stream);
        partitions.map(|((_, partition), place)| (*partition, place.offset)).collect()
    }
}

impl Shards {
    /// Goes on where they were; all was told up to `published` since. `None` where the work is
    /// divided in another way.
    pub(super) fn resume(
        &self,
        program: &Arc<Program>,
        road: RoadSettings,
        published: &[Timestamp],
    ) -> Option<Vec<Shard>> {
        let settings: Vec<ShardSettings> = road.shards().collect();
        let shards = settings.iter().zip(&self.0);
        let shards: Option<Vec<Shard>> =
            shards.map(|(of, bytes)| Shard::resume(program, *of, bytes, published)).collect();
        shards.filter(|shards| shards.len() == settings.len())
    }
}

/// Writes a snapshot in the place of the one before; says how long it is.
///
/// # Errors
/// The file cannot be written: the one before goes on.
fn write(
    path: &Path,
    origin: &(String, u64),
    known: &[u8],
    shards: &[Vec<u8>],
) -> Result<u64, String> {
    // A state may be large: it is not put together once more in memory.
    let mut first = Vec::new();
    origin.pack(&mut first);
    first.extend_from_slice(known);
    shards.len().pack(&mut first);
    let lengths: Vec<Vec<u8>> = shards.iter().map(|shard| packed(&shard.len())).collect();
    let parts = lengths.iter().zip(shards).flat_map(|(length, shard)| [&length[..], shard]);
    let body: Vec<&[u8]> = [&first[..]].into_iter().chain(parts).collect();
    let mut hash = Xxh3::new();
    body.iter().for_each(|piece| hash.update(piece));
    let seal = hash.digest128().to_le_bytes();
    let pieces: Vec<&[u8]> = [HEAD, &seal].into_iter().chain(body).collect();
    replace_file(path, &pieces).map_err(|error| error.to_string())?;
    Ok(pieces.iter().map(|piece| piece.len() as u64).sum())
}

fn packed(of: &impl Packed) -> Vec<u8> {
    let mut bytes = Vec::new();
    of.pack(&mut bytes);
    bytes
}

/// Puts the parts of snapshots together and writes them, aside of everything else.
pub(super) struct Snapshots {
    path: PathBuf,
    origin: (String, u64),
    state: Arc<Telemetry>,
    /// By shard: its newest part that is not written.
    parts: Vec<Option<Cut>>,
    writing: Option<JoinHandle<()>>,
}

impl Snapshots {
    pub(super) fn new(
        state_dir: &StateDir,
        program: &Program,
        workers: usize,
        state: &Arc<Telemetry>,
    ) -> Snapshots {
        Snapshots {
            path: state_dir.file(SNAPSHOT),
            origin: origin(program),
            state: Arc::clone(state),
            parts: (0..workers.max(1)).map(|_| None).collect(),
            writing: None,
        }
    }

    /// Takes a shard's part.
    pub(super) fn take_in(&mut self, shard: usize, cut: Cut) {
        if let Some(slot) = self.parts.get_mut(shard) {
            *slot = Some(cut);
        }
    }

    /// Writes what is whole, once all that was told with it is in the logs. While another is
    /// being written it is let go.
    pub(super) fn settle(&mut self) {
        let mut parts = self.parts.iter().flatten();
        let Some(known) = parts.next().map(|first| Arc::clone(&first.known)) else { return };
        let is_whole = self
            .parts
            .iter()
            .all(|part| part.as_ref().is_some_and(|part| Arc::ptr_eq(&part.known, &known)));
        if !is_whole {
            return;
        }
        let shards: Vec<Vec<u8>> =
            self.parts.iter_mut().filter_map(|part| Some(part.take()?.shard)).collect();
        if self.writing.as_ref().is_some_and(|writing| !writing.is_finished()) {
            return;
        }
        let (path, origin, state) =
            (self.path.clone(), self.origin.clone(), Arc::clone(&self.state));
        self.writing = Some(thread::spawn(move || {
            note(write(&path, &origin, &known, &shards), &state);
        }));
    }

    /// Writes what a reader and its shards know when both have come to their end.
    pub(super) fn write_last(mut self, known: &Known, shards: &[Shard]) {
        self.finish();
        let shards: Vec<Vec<u8>> = shards.iter().map(Shard::snapshot).collect();
        note(write(&self.path, &self.origin, &packed(known), &shards), &self.state);
    }

    fn finish(&mut self) {
        if let Some(writing) = self.writing.take() {
            // It says itself what became of it.
            drop(writing.join());
        }
    }
}

impl Drop for Snapshots {
    fn drop(&mut self) {
        self.finish();
    }
}

fn note(written: Result<u64, String>, state: &Telemetry) {
    match written {
        Ok(bytes) => state.metrics.note_snapshot(bytes),
        Err(why) => warn!(why, "the snapshot cannot be written; a restart reads more again"),
    }
}

/// How long to wait from one snapshot to the next, where that one was so long.
pub(super) fn wait_after(every: Duration, bytes: u64) -> Duration {
    every.max(Duration::from_secs(bytes / BYTES_A_SECOND))
}

impl Packed for Known {
    fn pack(&self, out: &mut Vec<u8>) {
        self.marked.pack(out);
        self.firsts.pack(out);
        self.partitions.len().pack(out);
        for ((stream, partition), Place { offset, front, past }) in &self.partitions {
            (*stream, *partition, *offset, *front).pack(out);
            past.pack(out);
        }
    }

    fn unpack(from: &mut &[u8]) -> Option<Known> {
        let (marked, firsts) = Packed::unpack(from)?;
        let mut partitions = BTreeMap::new();
        for _ in 0..usize::unpack(from)? {
            let (stream, partition, offset, front) = Packed::unpack(from)?;
            let past = Packed::unpack(from)?;
            partitions.insert((stream, partition), Place { offset, front, past });
        }
        Some(Known { marked, firsts, partitions })
    }
}

#[cfg(test)]
mod tests;
