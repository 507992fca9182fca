//! Snapshot of the key states of a shard.

use super::KeyStateStore;
use crate::early_detector::EarlyDetector;
use crate::key_group::{group_of, key_hash};
use crate::keys::KeyId;
use crate::shard::boundary::ShardSettings;
use crate::shard::key_state::{KeyState, StateDue};
use crate::shard::stream_group::StreamGroup;
use crate::snapshot::SnapshotEncode;

impl KeyStateStore {
    pub(in crate::shard) const fn settings(&self) -> ShardSettings {
        self.settings
    }

    pub(in crate::shard) fn pack(&self, out: &mut Vec<u8>) {
        for (rule, learnt) in self.rules.iter().zip(&self.learnt) {
            (rule.first, learnt.recalled, learnt.emitted).pack(out);
        }
        self.table.states.len().pack(out);
        for state in self.table.states.values() {
            state.place.0.pack(out);
            self.pack_key(state.place.1, out);
            state.pack(out);
        }
        self.probes.len().pack(out);
        for ((rule, key), probe) in &self.probes {
            rule.pack(out);
            self.pack_key(*key, out);
            probe.pack(out);
        }
    }

    /// Restores states into an empty store and sets their timers.
    pub(in crate::shard) fn unpack(
        &mut self,
        domains: &mut [StreamGroup],
        from: &mut &[u8],
    ) -> Option<()> {
        for (rule, learnt) in self.rules.iter_mut().zip(&mut self.learnt) {
            (rule.first, learnt.recalled, learnt.emitted) = SnapshotEncode::unpack(from)?;
        }
        for _ in 0..usize::unpack(from)? {
            let rule = u32::unpack(from)?;
            let key = self.unpack_key(from)?;
            let (state, due) = KeyState::unpack((rule, key), from)?;
            self.restore_state(state, due, domains)?;
        }
        for _ in 0..usize::unpack(from)? {
            let rule = u32::unpack(from)?;
            let key = self.unpack_key(from)?;
            let probe = EarlyDetector::unpack(from)?;
            self.held.entry((rule, self.keys.group(key))).or_default().probes += 1;
            self.probes.insert((rule, key), probe);
        }
        Some(())
    }

    fn restore_state(
        &mut self,
        state: KeyState,
        due: StateDue,
        domains: &mut [StreamGroup],
    ) -> Option<()> {
        let ((rule, key), is_fresh) = (state.place, state.is_fresh);
        let at = rule as usize;
        let agenda = domains.iter_mut().find_map(|domain| domain.agenda_of(at))?;
        self.rules.get_mut(at)?.counts.keys += 1;
        self.held.entry((rule, self.keys.group(key))).or_default().states += 1;
        let id = self.table.insert(state);
        if is_fresh {
            self.learnt.get_mut(at)?.fresh.push(id);
        }
        let state = self.table.states.get_mut(id)?;
        agenda.timers.set(&mut state.alarm, due.timer, id);
        agenda.openings.set(&mut state.opening, due.opening, id);
        Some(())
    }

    fn pack_key(&self, key: KeyId, out: &mut Vec<u8>) {
        self.keys.bytes(key).to_vec().pack(out);
    }

    /// Reads a key and acquires a reference to it.
    fn unpack_key(&mut self, from: &mut &[u8]) -> Option<KeyId> {
        let bytes: Vec<u8> = SnapshotEncode::unpack(from)?;
        Some(self.keys.acquire(&bytes, group_of(key_hash(&bytes))))
    }
}
