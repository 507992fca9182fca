//! Due instants of states, the earliest first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A queue of (instant, state) in which each state has at most one live entry.
///
/// A state keeps the instant it is armed for; arming it earlier leaves the later entry
/// behind, which is recognised when it comes up and skipped.
#[derive(Debug)]
pub struct Timers<S> {
    heap: BinaryHeap<Reverse<(i64, S)>>,
}

impl<S: Ord + Copy> Timers<S> {
    /// No timers.
    pub(crate) const fn new() -> Timers<S> {
        Timers { heap: BinaryHeap::new() }
    }

    /// Arms `state` for `due` unless it is armed for that instant or earlier.
    ///
    /// `armed` is the state's own record of it.
    pub(crate) fn arm(&mut self, armed: &mut Option<i64>, due: Option<i64>, state: S) {
        let Some(due) = due else { return };
        if armed.is_none_or(|at| due < at) {
            *armed = Some(due);
            self.heap.push(Reverse((due, state)));
        }
    }

    /// The earliest entry's instant.
    pub(crate) fn next(&self) -> Option<i64> {
        self.heap.peek().map(|Reverse((due, _))| *due)
    }

    /// Takes an entry due at `now` or before.
    pub(crate) fn pop_due(&mut self, now: i64) -> Option<(i64, S)> {
        let due = self.next().is_some_and(|due| due <= now);
        due.then(|| self.heap.pop()).flatten().map(|Reverse(entry)| entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arming_earlier_wins_and_the_later_entry_is_left_to_be_skipped() {
        let mut timers = Timers::new();
        let mut armed = None;
        timers.arm(&mut armed, Some(20), 'a');
        timers.arm(&mut armed, Some(30), 'a');
        timers.arm(&mut armed, Some(10), 'a');
        assert_eq!((armed, timers.next()), (Some(10), Some(10)));
        assert_eq!(timers.pop_due(9), None);
        assert_eq!(timers.pop_due(15), Some((10, 'a')));
        assert_eq!(timers.pop_due(15), None);
        assert_eq!(timers.pop_due(40), Some((20, 'a')));
        assert_eq!(timers.pop_due(40), None);
    }
}
