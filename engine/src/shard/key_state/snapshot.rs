//! Snapshot of a key state.

use super::{KeyState, StateKey};
use crate::snapshot::{SnapshotEncode, packed};
use crate::timer::StateTimer;

/// Timers of a state, where it has any.
pub struct StateDue {
    pub timer: Option<i64>,
    pub opening: Option<i64>,
}

packed!(StateDue { timer, opening });

impl KeyState {
    /// Appends everything but the rule and the key.
    pub(in crate::shard) fn pack(&self, out: &mut Vec<u8>) {
        StateDue { timer: self.alarm.due(), opening: self.opening.due() }.pack(out);
        self.measures.pack(out);
        self.evidence.pack(out);
        self.levels.pack(out);
        self.levels_until.pack(out);
        self.episode.pack(out);
        self.truth.pack(out);
        self.is_fresh.pack(out);
        self.fields.pack(out);
    }

    /// Decodes a state; the caller sets its timers.
    pub(in crate::shard) fn unpack(
        place: StateKey,
        from: &mut &[u8],
    ) -> Option<(KeyState, StateDue)> {
        let due = SnapshotEncode::unpack(from)?;
        let state = KeyState {
            place,
            measures: SnapshotEncode::unpack(from)?,
            evidence: SnapshotEncode::unpack(from)?,
            levels: SnapshotEncode::unpack(from)?,
            levels_until: SnapshotEncode::unpack(from)?,
            episode: SnapshotEncode::unpack(from)?,
            truth: SnapshotEncode::unpack(from)?,
            alarm: StateTimer::default(),
            opening: StateTimer::default(),
            // Evaluated instants are not queued again.
            touched: i64::MIN,
            is_fresh: SnapshotEncode::unpack(from)?,
            fields: SnapshotEncode::unpack(from)?,
        };
        Some((state, due))
    }
}
