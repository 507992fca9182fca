//! A state as bytes.

use super::{Place, State};
use crate::snapshot::{Packed, packed};
use crate::timer::Alarm;

/// When a state is due, if it is.
pub struct Due {
    pub timer: Option<i64>,
    pub opening: Option<i64>,
}

packed!(Due { timer, opening });

impl State {
    /// All but whose it is.
    pub(in crate::shard) fn pack(&self, out: &mut Vec<u8>) {
        Due { timer: self.alarm.due(), opening: self.opening.due() }.pack(out);
        self.measures.pack(out);
        self.evidence.pack(out);
        self.levels.pack(out);
        self.levels_until.pack(out);
        self.episode.pack(out);
        self.truth.pack(out);
        self.is_fresh.pack(out);
        self.fields.pack(out);
    }

    /// A state whose alarms are still to be set.
    pub(in crate::shard) fn unpack(place: Place, from: &mut &[u8]) -> Option<(State, Due)> {
        let due = Packed::unpack(from)?;
        let state = State {
            place,
            measures: Packed::unpack(from)?,
            evidence: Packed::unpack(from)?,
            levels: Packed::unpack(from)?,
            levels_until: Packed::unpack(from)?,
            episode: Packed::unpack(from)?,
            truth: Packed::unpack(from)?,
            alarm: Alarm::default(),
            opening: Alarm::default(),
            // Instants that are judged do not come again.
            touched: i64::MIN,
            is_fresh: Packed::unpack(from)?,
            fields: Packed::unpack(from)?,
        };
        Some((state, due))
    }
}
