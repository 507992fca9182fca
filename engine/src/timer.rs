//! Due instants of states, the earliest first.

use crate::wheel::TimerWheel;

/// A queue of (instant, state) in which each state has at most one live entry.
#[derive(Debug)]
pub struct TimerQueue<S> {
    wheel: TimerWheel<S>,
}

/// Due instant of one state, kept in the state.
///
/// Most timers only ever move later, as events arrive: the entry in the queue stays where it is,
/// and is queued again, later, when it expires too early. A timer that moves earlier gets another
/// entry, and the old one is skipped when it expires.
#[derive(Clone, Copy, Debug, Default)]
pub struct StateTimer {
    due: Option<i64>,
    // INVARIANT: where there is a due instant, the entry is no later.
    /// Instant of its live entry.
    entry: Option<i64>,
}

impl StateTimer {
    /// Instant at which it is due.
    pub(crate) const fn due(&self) -> Option<i64> {
        self.due
    }
}

impl<S: Ord + Copy> Default for TimerQueue<S> {
    fn default() -> TimerQueue<S> {
        TimerQueue { wheel: TimerWheel::new() }
    }
}

impl<S: Ord + Copy> TimerQueue<S> {
    /// Sets a state's timer to `due`, or cancels it.
    #[inline]
    pub(crate) fn set(&mut self, alarm: &mut StateTimer, due: Option<i64>, state: S) {
        alarm.due = due;
        if let Some(due) = due
            && alarm.entry.is_none_or(|entry| due < entry)
        {
            alarm.entry = Some(due);
            self.wheel.push(due, state);
        }
    }

    /// Sets a state's timer to `due` unless it is due earlier.
    pub(crate) fn hasten(&mut self, alarm: &mut StateTimer, due: i64, state: S) {
        let due = alarm.due.map_or(due, |known| known.min(due));
        self.set(alarm, Some(due), state);
    }

    /// Instant of the earliest entry; nothing is due before it.
    #[inline]
    pub(crate) fn next(&self) -> Option<i64> {
        self.wheel.next()
    }

    /// Pops an entry of `now` or before; pass it on to [`TimerQueue::take_due`] of its state's
    /// timer.
    pub(crate) fn pop(&mut self, now: i64) -> Option<(i64, S)> {
        self.wheel.pop(now)
    }

    /// True when a timer whose entry has expired is due at `now`; a timer that is due later gets a
    /// new entry.
    pub(crate) fn take_due(
        &mut self,
        alarm: &mut StateTimer,
        entry: i64,
        state: S,
        now: i64,
    ) -> bool {
        if alarm.entry != Some(entry) {
            return false;
        }
        alarm.entry = None;
        let is_due = alarm.due.is_some_and(|due| due <= now);
        let due = alarm.due.filter(|_| !is_due);
        self.set(alarm, due, state);
        is_due
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a list of due instants that is searched.
        #[test]
        fn every_alarm_rings_at_its_instant_once_and_never_else(
            steps in prop::collection::vec((0_i64..5, 0_usize..4, 0_u8..3, 1_i64..20), 0..100),
        ) {
            let mut timers = TimerQueue::default();
            let mut alarms = [StateTimer::default(); 4];
            let mut dues = [None; 4];
            let mut now = 0;
            for (later, state, action, ahead) in steps {
                let until = now + later;
                while let Some(next) = timers.next().filter(|next| *next <= until) {
                    prop_assert!(dues.iter().flatten().all(|due| *due >= next));
                    let mut rung = Vec::new();
                    while let Some((entry, state)) = timers.pop(next) {
                        let alarm: &mut StateTimer = &mut alarms[state];
                        rung.extend(timers.take_due(alarm, entry, state, next).then_some(state));
                    }
                    rung.sort_unstable();
                    let due: Vec<_> = (0..4).filter(|state| dues[*state] == Some(next)).collect();
                    prop_assert_eq!(&rung, &due);
                    due.into_iter().for_each(|state| dues[state] = None);
                }
                now = until;
                prop_assert!(dues.iter().flatten().all(|due| *due > now));
                let due = now + ahead;
                match action {
                    0 => timers.set(&mut alarms[state], None, state),
                    1 => timers.set(&mut alarms[state], Some(due), state),
                    _ => timers.hasten(&mut alarms[state], due, state),
                }
                dues[state] = match action {
                    0 => None,
                    1 => Some(due),
                    _ => dues[state].map_or(Some(due), |known: i64| Some(known.min(due))),
                };
            }
        }
    }
}
