//! Values a key has not had for long: `new geo.country in 認証成功 within 30d`.

use hashbrown::HashMap;

/// The values of one key and when each was last seen.
#[derive(Debug)]
pub struct Novelty {
    within_ms: i64,
    values_max: usize,
    seen: HashMap<i128, i64>,
    /// No value is forgotten before this instant.
    forgets_at: Option<i64>,
    /// The instant at which a value was new.
    matched: Option<i64>,
}

impl Novelty {
    /// Nothing has been seen.
    pub(crate) fn new(within_ms: i64, values_max: u32) -> Novelty {
        Novelty {
            within_ms,
            values_max: values_max as usize,
            seen: HashMap::new(),
            forgets_at: None,
            matched: None,
        }
    }

    /// Takes in a value at `now`; false when it is new and there is no room to remember it.
    pub(crate) fn take_in(&mut self, value: i128, now: i64) -> bool {
        self.forget(now);
        if let Some(last) = self.seen.get_mut(&value) {
            *last = now;
            return true;
        }
        if self.seen.len() >= self.values_max {
            return false;
        }
        self.seen.insert(value, now);
        self.forgets_at.get_or_insert(now.saturating_add(self.within_ms));
        self.matched = Some(now);
        true
    }

    /// Whether a value is new at `now`.
    pub(crate) fn matches(&self, now: i64) -> bool {
        self.matched == Some(now)
    }

    /// Lets go of values last seen a window ago.
    pub(crate) fn forget(&mut self, now: i64) {
        if self.forgets_at.is_none_or(|at| now < at) {
            return;
        }
        let within_ms = self.within_ms;
        self.seen.retain(|_, last| last.saturating_add(within_ms) > now);
        let oldest = self.seen.values().min();
        self.forgets_at = oldest.map(|oldest| oldest.saturating_add(within_ms));
    }

    /// The next instant at which it may let go of a value.
    pub(crate) const fn next_due(&self) -> Option<i64> {
        self.forgets_at
    }

    /// Whether it remembers nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }
}

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
            let mut novelty = Novelty::new(WITHIN_MS, 3);
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
                prop_assert_eq!(novelty.next_due().is_some(), due.is_some());
                prop_assert!(novelty.next_due() <= due);
            }
        }
    }
}
