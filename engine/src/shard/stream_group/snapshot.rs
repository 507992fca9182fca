//! Progress of a stream group and its buffered observations, as bytes.

use model::time::Timestamp;

use super::{GroupTimers, RecoveryBounds, StreamGroup};
use crate::key_group::{group_of, key_hash};
use crate::reorder::BufferedObservation;
use crate::shard::key_states::KeyStateStore;
use crate::snapshot::{SnapshotEncode, packed};

/// Progress of a stream group.
pub(in crate::shard) struct StreamGroupSnapshot {
    settled: i64,
    rehearsed: i64,
    is_warm: bool,
    is_seeded: bool,
    emits_at: i64,
}

packed!(StreamGroupSnapshot { settled, rehearsed, is_warm, is_seeded, emits_at });

impl StreamGroup {
    pub(in crate::shard) const fn standing(&self) -> StreamGroupSnapshot {
        let StreamGroup { settled, is_warm, is_seeded, emits_at, past, .. } = *self;
        StreamGroupSnapshot { settled, rehearsed: past.rehearsed, is_warm, is_seeded, emits_at }
    }

    /// Resumes from a snapshot, where a later run emitted everything up to `published`, by stream.
    pub(in crate::shard) fn resume(
        &mut self,
        standing: &StreamGroupSnapshot,
        published: &[Timestamp],
    ) {
        let StreamGroupSnapshot { settled, rehearsed, is_warm, is_seeded, emits_at } = *standing;
        (self.settled, self.is_warm) = (settled, is_warm);
        (self.is_seeded, self.emits_at) = (is_seeded, emits_at);
        let by_stream =
            self.streams.iter().map(|at| published.get(*at).map_or(i64::MIN, |it| it.0));
        let emitted = by_stream.min().unwrap_or(i64::MIN);
        self.past = RecoveryBounds { emitted: emitted.max(rehearsed), rehearsed };
    }

    /// Timers of a rule, if it is one of the group.
    pub(in crate::shard) fn agenda_of(&mut self, rule: usize) -> Option<&mut GroupTimers> {
        self.evaluates(rule).then_some(&mut self.agenda)
    }

    pub(in crate::shard) fn pack_waiting(&self, states: &KeyStateStore, out: &mut Vec<u8>) {
        self.reorder.len().pack(out);
        for BufferedObservation { order, id, signal, key, value, fields } in self.reorder.iter() {
            (*order, *id, *signal, *value).pack(out);
            states.keys.bytes(*key).to_vec().pack(out);
            fields.pack(out);
        }
    }

    pub(in crate::shard) fn unpack_waiting(
        &mut self,
        states: &mut KeyStateStore,
        from: &mut &[u8],
    ) -> Option<()> {
        for _ in 0..usize::unpack(from)? {
            let (order, id, signal, value) = SnapshotEncode::unpack(from)?;
            let bytes: Vec<u8> = SnapshotEncode::unpack(from)?;
            let fields = SnapshotEncode::unpack(from)?;
            let key = states.keys.acquire(&bytes, group_of(key_hash(&bytes)));
            let waiting = BufferedObservation { order, id, signal, key, value, fields };
            if id != 0 {
                let once = self.waiting_once.entry(waiting.order.0.0).or_default();
                once.insert((signal, key, id));
            }
            self.reorder.push(waiting);
        }
        Some(())
    }
}
