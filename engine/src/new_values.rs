//! Values a key has not had for long: `new geo.country in 認証成功 within 30d`.

use crate::last_seen_map::LastSeenMap;
use crate::snapshot::packed;

/// Values of one key, each with its last sighting.
#[derive(Debug)]
pub struct NewValueState {
    within_ms: i64,
    values_max: usize,
    seen: LastSeenMap,
    /// Latest instant at which a value was new.
    matched: Option<i64>,
}

impl NewValueState {
    /// Creates an empty set.
    pub(crate) fn new(within_ms: i64, values_max: u32) -> NewValueState {
        let (values_max, seen) = (values_max as usize, LastSeenMap::default());
        NewValueState { within_ms, values_max, seen, matched: None }
    }

    /// Records a value at `now`; false when it is new and the limit leaves no room for it.
    pub(crate) fn take_in(&mut self, value: i128, now: i64) -> bool {
        self.forget(now);
        if self.seen.len() >= self.values_max && !self.seen.knows(value) {
            return false;
        }
        if self.seen.see(value, now) {
            self.matched = Some(now);
        }
        true
    }

    /// Restores the last sighting of a value, which is not before any other.
    pub(crate) fn recall(&mut self, value: i128, at: i64) {
        self.seen.see(value, at);
    }

    /// The values seen after an instant, the newest first, and when.
    pub(crate) fn seen_since(&self, after: i64) -> impl Iterator<Item = (i128, i64)> + '_ {
        self.seen.newest_first().take_while(move |(_, at)| *at > after)
    }

    /// True when a value is new at `now`.
    pub(crate) fn matches(&self, now: i64) -> bool {
        self.matched == Some(now)
    }

    /// Drops values last seen a window ago.
    pub(crate) fn forget(&mut self, now: i64) {
        self.seen.evict(now.saturating_sub(self.within_ms));
    }

    /// Next instant at which a value is dropped.
    pub(crate) fn next_due(&self) -> Option<i64> {
        self.seen.oldest().map(|oldest| oldest.saturating_add(self.within_ms))
    }

    /// True when it holds no value.
    pub(crate) fn is_empty(&self) -> bool {
        self.seen.len() == 0
    }
}

packed!(NewValueState { within_ms, values_max, seen, matched });

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against the list of everything that was seen.
        #[test]
        fn a_value_is_new_when_its_window_does_not_hold_it(
            steps in prop::collection::vec((0_i64..6, 0_i128..5), 0..80),
        ) {
            const WITHIN_MS: i64 = 10;
            let mut novelty = NewValueState::new(WITHIN_MS, 3);
            let mut remembered: Vec<(i128, i64)> = Vec::new();
            let mut now = 0;
            for (later, value) in steps {
                now += later;
                remembered.retain(|(_, last)| now - last < WITHIN_MS);
                let known = remembered.iter_mut().find(|(known, _)| *known == value);
                let is_known = known.is_some();
                let has_room = known.map(|known| known.1 = now).is_some() || remembered.len() < 3;
                let was_matched = novelty.matches(now);
                prop_assert_eq!(novelty.take_in(value, now), has_room);
                prop_assert_eq!(novelty.matches(now), was_matched || (!is_known && has_room));
                if !is_known && has_room {
                    remembered.push((value, now));
                }
                prop_assert_eq!(novelty.is_empty(), remembered.is_empty());
                let due = remembered.iter().map(|(_, last)| last + WITHIN_MS).min();
                prop_assert_eq!(novelty.next_due(), due);
            }
        }
    }
}
