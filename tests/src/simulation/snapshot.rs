//! Snapshots: a cache of what shards and readers knew at a commit, refused freely.

use std::sync::Arc;

use connectors::commit::CommitPoint;
use engine::program::Program;
use engine::shard::{Out, Shard};
use engine::snapshot::Packed;
use engine::watermark::Front;
use model::observation::Marks;
use model::time::Timestamp;

use super::recovery::commits;
use super::views::Views;
use super::worker::{Reader, Worker, settings};
use super::{Course, Crash, Design, Fate, Survivors};
use crate::drawn::Random;

/// What shards and readers knew at a commit.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    shards: Vec<Vec<u8>>,
    readers: Vec<Place>,
    marks: Marks,
}

/// What the reader of a partition knew.
#[derive(Clone, Debug)]
struct Place {
    next: usize,
    front: Option<Timestamp>,
    /// Where its past lies.
    resume: Vec<u8>,
    is_held: bool,
}

/// Takes up the shards of a snapshot, and says where its readers were. None is taken up that
/// is ahead of a commit, or of other rules, nor any where a memory is not whole.
pub(super) fn take_up(
    program: &Arc<Program>,
    (course, early, is_whole): (Course<'_>, bool, bool),
    survivors: &mut Survivors,
    published: &[Timestamp],
) -> Option<(Snapshot, Vec<(Shard, Out)>)> {
    // A cache may be lost at any time.
    let is_lost = Random::new(course.seed ^ survivors.crashes).chance(40);
    let snapshot = survivors.snapshot.as_ref().filter(|_| is_whole && !is_lost)?;
    let commits = commits(survivors);
    let is_behind = |(at, place): (usize, &Place)| {
        !place.is_held || commits.get(&at).is_some_and(|it| it.position >= place.next as i64)
    };
    let is_known = commits.keys().all(|at| snapshot.readers.get(*at).is_some_and(|of| of.is_held));
    if !is_known || !snapshot.readers.iter().enumerate().all(is_behind) {
        return None;
    }
    let shards = snapshot.shards.iter().enumerate().map(|(index, bytes)| {
        let of = settings(course, early, index);
        Some((Shard::resume(program, of, bytes, published)?, Out::default()))
    });
    let taken_up = (snapshot.clone(), shards.collect::<Option<Vec<_>>>()?);
    survivors.note("snapshot taken up");
    Some(taken_up)
}

impl Snapshot {
    /// How far time had passed.
    pub(super) const fn marks(&self) -> &Marks {
        &self.marks
    }

    /// Puts a reader where it was.
    pub(super) fn put(
        &self,
        at: usize,
        reader: &mut Reader,
        (commit, lateness_ms): (Option<&CommitPoint>, i64),
        design: Design,
    ) {
        let Some(place) = self.readers.get(at) else { return };
        let position = commit.map(|commit| commit.position as usize);
        let is_newest = design == Design::SnapshotWithNewestCommit;
        let next = position.filter(|_| is_newest).unwrap_or(place.next);
        (reader.next, reader.front) = (next, Front::new(lateness_ms, place.front));
        let resume = Packed::unpack(&mut &place.resume[..]);
        if let Some(resume) = resume.filter(|_| design != Design::SnapshotWithoutPast) {
            reader.resume = resume;
        }
    }
}

impl Worker<'_> {
    /// Now and then, at a commit, notes what shards and readers know: once all is in the logs
    /// that the shards told by then.
    pub(super) fn snapshot(
        &mut self,
        survivors: &mut Survivors,
        views: &mut Views,
        fate: &mut Fate,
    ) -> Result<(), Crash> {
        if !fate.random.chance(60) {
            return Ok(());
        }
        (0..self.shards.len()).for_each(|shard| self.step(shard));
        views.settle(&self.marks);
        let place = |reader: &Reader| Place {
            next: reader.next,
            front: reader.front.front(),
            resume: packed(&reader.resume),
            is_held: reader.is_held,
        };
        let snapshot = Snapshot {
            shards: self.shards.iter().map(|(shard, _)| shard.snapshot()).collect(),
            readers: self.readers.iter().map(place).collect(),
            marks: self.marks.clone(),
        };
        if self.course.design != Design::SnapshotBeforeAppend {
            self.append(survivors, fate)?;
            self.remember(survivors, fate)?;
        }
        fate.survive()?;
        survivors.snapshot = Some(snapshot);
        survivors.note("snapshot written");
        fate.survive()
    }
}

fn packed(of: &impl Packed) -> Vec<u8> {
    let mut bytes = Vec::new();
    of.pack(&mut bytes);
    bytes
}
