//! Absence: time since the last event of one key.

use crate::snapshot::packed;

/// Last event of one key.
#[derive(Clone, Copy, Debug)]
pub struct AbsenceState {
    last: i64,
    within_ms: i64,
    /// Time after which the key is dropped, in milliseconds.
    seen_ms: Option<i64>,
}

impl AbsenceState {
    /// Creates the absence of a key last seen at `last`, or expected from then on.
    pub(crate) const fn new(last: i64, within_ms: i64, seen_ms: Option<i64>) -> AbsenceState {
        AbsenceState { last, within_ms, seen_ms }
    }

    /// Records an event of the key.
    pub(crate) fn take_in(&mut self, time: i64) {
        self.last = self.last.max(time);
    }

    /// Instant of the last event, or of the first one possible.
    pub(crate) const fn last(&self) -> i64 {
        self.last
    }

    /// True when it is absent at `now`.
    pub(crate) fn is_true(&self, now: i64) -> bool {
        now >= self.begins_at() && !self.is_forgotten(now)
    }

    /// True when it has been absent for so long that it is no longer expected.
    pub(crate) fn is_forgotten(&self, now: i64) -> bool {
        self.forgotten_at().is_some_and(|at| now >= at)
    }

    /// Instant at which it becomes absent, unless an event comes before.
    pub(crate) const fn begins_at(&self) -> i64 {
        self.last.saturating_add(self.within_ms)
    }

    /// Instant at which it is dropped, unless an event comes before.
    pub(crate) fn forgotten_at(&self) -> Option<i64> {
        self.seen_ms.map(|seen| self.last.saturating_add(seen))
    }
}

packed!(AbsenceState { last, within_ms, seen_ms });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_absent_from_its_window_until_it_is_forgotten() {
        let mut absence = AbsenceState::new(10, 5, Some(20));
        let truths = |absence: &AbsenceState| {
            let at = |now: &i64| absence.is_true(*now);
            (0..60).filter(at).collect::<Vec<i64>>()
        };
        assert_eq!(truths(&absence), (15..30).collect::<Vec<i64>>());
        absence.take_in(20);
        absence.take_in(12);
        assert_eq!(truths(&absence), (25..40).collect::<Vec<i64>>());
        assert_eq!((absence.begins_at(), absence.forgotten_at()), (25, Some(40)));
        let whole = AbsenceState::new(10, 5, None);
        assert_eq!(truths(&whole), (15..60).collect::<Vec<i64>>());
    }
}
