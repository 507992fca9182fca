//! How far a domain has come, and what waits there, as bytes.

use model::time::Timestamp;

use super::{Agenda, Domain, Past};
use crate::key_group::{group_of, key_hash};
use crate::reorder::Waiting;
use crate::shard::states::States;
use crate::snapshot::{Packed, packed};

/// How far a domain has come.
pub(in crate::shard) struct Standing {
    settled: i64,
    rehearsed: i64,
    is_warm: bool,
    is_seeded: bool,
    tells_at: i64,
}

packed!(Standing { settled, rehearsed, is_warm, is_seeded, tells_at });

impl Domain {
    pub(in crate::shard) const fn standing(&self) -> Standing {
        let Domain { settled, is_warm, is_seeded, tells_at, past, .. } = *self;
        Standing { settled, rehearsed: past.rehearsed, is_warm, is_seeded, tells_at }
    }

    /// Goes on from there, where a later run has told everything up to `published`, by stream.
    pub(in crate::shard) fn resume(&mut self, standing: &Standing, published: &[Timestamp]) {
        let Standing { settled, rehearsed, is_warm, is_seeded, tells_at } = *standing;
        (self.settled, self.is_warm) = (settled, is_warm);
        (self.is_seeded, self.tells_at) = (is_seeded, tells_at);
        let by_stream =
            self.streams.iter().map(|at| published.get(*at).map_or(i64::MIN, |it| it.0));
        let told = by_stream.min().unwrap_or(i64::MIN);
        self.past = Past { told: told.max(rehearsed), rehearsed };
    }

    /// Whether a rule is one of its own, and if so what is due when.
    pub(in crate::shard) fn agenda_of(&mut self, rule: usize) -> Option<&mut Agenda> {
        self.judges(rule).then_some(&mut self.agenda)
    }

    pub(in crate::shard) fn pack_waiting(&self, states: &States, out: &mut Vec<u8>) {
        self.reorder.len().pack(out);
        for Waiting { order, id, signal, key, value, fields } in self.reorder.iter() {
            (*order, *id, *signal, *value).pack(out);
            states.keys.bytes(*key).to_vec().pack(out);
            fields.pack(out);
        }
    }

    pub(in crate::shard) fn unpack_waiting(
        &mut self,
        states: &mut States,
        from: &mut &[u8],
    ) -> Option<()> {
        for _ in 0..usize::unpack(from)? {
            let (order, id, signal, value) = Packed::unpack(from)?;
            let bytes: Vec<u8> = Packed::unpack(from)?;
            let fields = Packed::unpack(from)?;
            let key = states.keys.acquire(&bytes, group_of(key_hash(&bytes)));
            let waiting = Waiting { order, id, signal, key, value, fields };
            if id != 0 {
                let once = self.waiting_once.entry(waiting.order.0.0).or_default();
                once.insert((signal, key, id));
            }
            self.reorder.push(waiting);
        }
        Some(())
    }
}
