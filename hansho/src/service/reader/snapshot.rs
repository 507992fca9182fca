//! What the reader knows, for a snapshot, and a reader that goes on from one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use engine::resume::ResumePoint;
use engine::snapshot::Packed;

use super::{FULL_POLL, Reader};
use crate::pipeline::Inlet;
use crate::pipeline::clock::{monotonic, wall_clock};
use crate::service::snapshot::{Known, wait_after};
use crate::service::trails::Trail;

impl Reader {
    /// Asks for a snapshot when it is time and everything read so far is committed.
    pub(super) fn cut(&mut self, inlet: &mut Inlet) {
        let Some(every_ms) = self.limits.snapshot_every_ms else { return };
        let every = Duration::from_millis(every_ms.unsigned_abs());
        let now = monotonic();
        let wait = wait_after(every, self.state.metrics.snapshot_bytes());
        if now.duration_since(self.cut_at) < wait {
            return;
        }
        let Some(known) = self.known() else { return };
        self.cut_at = now;
        let mut bytes = Vec::new();
        known.pack(&mut bytes);
        let known = Arc::new(bytes);
        while !inlet.cut(&known) && !self.told.is_complete() {
            inlet.wake();
            self.unheard.extend(self.source.poll(FULL_POLL));
            self.state.health.note_read(wall_clock());
        }
    }

    /// What it knows, where that is as of the last commit.
    pub(in crate::service) fn known(&self) -> Option<Known> {
        let mut partitions = BTreeMap::new();
        for (at, held) in &self.held {
            let next = held.partition.next_offset;
            // Of one that has not been read yet in this life, an earlier one has said how far.
            let committed = held.committed.map_or(held.unread_from, |point| point.position);
            let is_committed = committed == next;
            if !held.is_ours || !is_committed {
                return None;
            }
            partitions.insert(*at, held.partition.place());
        }
        let firsts = (0..self.streams.len()).map(|stream| self.intake.first(stream)).collect();
        Some(Known { marked: self.marked.clone(), firsts, partitions })
    }

    /// Goes on where the reader of a snapshot was; false where that is not where it begins.
    pub(in crate::service) fn resume(&mut self, known: Known) -> bool {
        let begins = self.held.iter().map(|(at, held)| (*at, held.partition.next_offset));
        let was = known.partitions.iter().map(|(at, place)| (*at, place.offset));
        let is_behind =
            self.held.values().all(|held| held.partition.next_offset <= held.unread_from);
        if !begins.eq(was) || !is_behind || known.marked.len() != self.streams.len() {
            return false;
        }
        for ((at, held), place) in self.held.iter_mut().zip(known.partitions.into_values()) {
            let from = ResumePoint { offset: place.offset, front: place.front };
            if let Some(stream) = self.streams.get(at.0) {
                let trail = Trail::new(stream.lateness_ms, from, place.past.places());
                self.trails.begin(*at, trail);
            }
            held.partition.put(place);
        }
        for (stream, (marked, first)) in known.marked.iter().zip(known.firsts).enumerate() {
            self.intake.restore_first(stream, first);
            self.intake.note_settled(stream, *marked);
        }
        self.marked = known.marked;
        true
    }
}
