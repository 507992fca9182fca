//! Steps one after the other: `A then B`, and what must follow but does not.
//!
//! Both work in the order of events, not of instants. What one event is in several steps is
//! gathered first and taken from the last step to the first, so that no event follows itself.

use std::collections::VecDeque;

use model::observation::EventOrigin;

use crate::snapshot::packed;

/// The place of an event: its time, then where it stood.
type EventOrder = (i64, EventOrigin);

/// The steps an event satisfies, gathered until another event comes.
#[derive(Debug, Default)]
struct GatheredSteps {
    event: Option<EventOrder>,
    /// Bit n is step n.
    steps: u32,
}

/// An event with all the steps it satisfies.
#[derive(Clone, Copy, Debug)]
struct GatheredEvent {
    time: i64,
    /// Bit n is step n.
    steps: u32,
}

impl GatheredSteps {
    /// Adds a step of an event; what is known of the event before, if this is another.
    fn add(&mut self, event: EventOrder, step: u8) -> Option<GatheredEvent> {
        let bit = 1_u32.checked_shl(u32::from(step)).unwrap_or(0);
        if self.event == Some(event) {
            self.steps |= bit;
            return None;
        }
        let before = self.take();
        *self = GatheredSteps { event: Some(event), steps: bit };
        before
    }

    fn take(&mut self) -> Option<GatheredEvent> {
        let steps = std::mem::take(&mut self.steps);
        self.event.take().map(|(time, _)| GatheredEvent { time, steps })
    }
}

/// Progress of one key in a sequence.
#[derive(Debug)]
pub struct SequenceState {
    first_count: usize,
    /// Times of the newest events of the first step, at most as many as it takes.
    firsts: VecDeque<i64>,
    /// For every step after the first: the newest start from which it has been reached.
    /// Exact, since a start reaches a step whenever an older one does.
    reached: Box<[Option<i64>]>,
    gathered: GatheredSteps,
    within_ms: i64,
    /// Instant at which it was last completed.
    matched: Option<i64>,
}

impl SequenceState {
    /// Creates a sequence of `steps` without progress, the first of which takes `first_count`
    /// events.
    pub(crate) fn new(steps: usize, first_count: u32, within_ms: i64) -> SequenceState {
        SequenceState {
            first_count: first_count.max(1) as usize,
            firsts: VecDeque::new(),
            reached: vec![None; steps.saturating_sub(1)].into(),
            gathered: GatheredSteps::default(),
            within_ms,
            matched: None,
        }
    }

    /// Applies an event to one of the steps.
    pub(crate) fn take_in(&mut self, step: u8, time: i64, origin: EventOrigin) {
        if let Some(event) = self.gathered.add((time, origin), step) {
            self.apply(event);
        }
    }

    /// True when it is completed at `now`.
    pub(crate) fn matches(&mut self, now: i64) -> bool {
        if let Some(event) = self.gathered.take() {
            self.apply(event);
        }
        self.matched == Some(now)
    }

    fn apply(&mut self, event: GatheredEvent) {
        let GatheredEvent { time, steps } = event;
        let outside = time.saturating_sub(self.within_ms);
        let is_step = |step: usize| steps >> step & 1 == 1;
        for step in (1..=self.reached.len()).rev().filter(|step| is_step(*step)) {
            let before = if step == 1 { self.start() } else { self.reached_at(step - 1) };
            let Some(start) = before.filter(|start| *start > outside) else {
                continue;
            };
            if step == self.reached.len() {
                self.matched = Some(time);
            } else if let Some(reached) = self.reached.get_mut(step - 1) {
                *reached = (*reached).max(Some(start));
            }
        }
        if is_step(0) {
            self.firsts.push_back(time);
            if self.firsts.len() > self.first_count {
                self.firsts.pop_front();
            }
        }
    }

    /// The oldest of the newest events that together make the first step.
    fn start(&self) -> Option<i64> {
        self.firsts.front().copied().filter(|_| self.firsts.len() == self.first_count)
    }

    fn reached_at(&self, step: usize) -> Option<i64> {
        self.reached.get(step - 1).copied().flatten()
    }

    /// Instant from which its state no longer matters.
    pub(crate) fn over_at(&self) -> Option<i64> {
        let starts = self.reached.iter().copied().flatten();
        let newest = starts.chain(self.firsts.back().copied()).max();
        newest.map(|newest| newest.saturating_add(self.within_ms))
    }

    /// True when its state no longer matters at `now`.
    pub(crate) fn is_over(&self, now: i64) -> bool {
        self.over_at().is_none_or(|over| over <= now)
    }
}

/// Started sequences of one key whose follow-up has not come.
#[derive(Debug)]
pub struct PendingFollowUps {
    within_ms: i64,
    /// Ascending.
    begun: VecDeque<i64>,
    gathered: GatheredSteps,
    matched: Option<i64>,
}

impl PendingFollowUps {
    /// Creates an empty list.
    pub(crate) const fn new(within_ms: i64) -> PendingFollowUps {
        let gathered = GatheredSteps { event: None, steps: 0 };
        PendingFollowUps { within_ms, begun: VecDeque::new(), gathered, matched: None }
    }

    /// Applies an event that starts a sequence (step 0) or follows up (step 1).
    pub(crate) fn take_in(&mut self, step: u8, time: i64, origin: EventOrigin) {
        if let Some(event) = self.gathered.add((time, origin), step) {
            self.apply(event);
        }
    }

    /// True when one expires at `now`; those that expired before have been emitted.
    pub(crate) fn matches(&mut self, now: i64) -> bool {
        if let Some(event) = self.gathered.take() {
            self.apply(event);
        }
        while self.begun.pop_front_if(|begun| begun.saturating_add(self.within_ms) <= now).is_some()
        {
            self.matched = Some(now);
        }
        self.matched == Some(now)
    }

    fn apply(&mut self, event: GatheredEvent) {
        let GatheredEvent { time, steps } = event;
        if steps >> 1 & 1 == 1 {
            // All those still open: those that expired before this instant have been removed.
            self.begun.clear();
        }
        if steps & 1 == 1 && self.begun.back() != Some(&time) {
            self.begun.push_back(time);
        }
    }

    /// Instant at which the next one expires.
    pub(crate) fn next_due(&self) -> Option<i64> {
        self.begun.front().map(|begun| begun.saturating_add(self.within_ms))
    }
}

packed!(GatheredSteps { event, steps });
packed!(SequenceState { first_count, firsts, reached, gathered, within_ms, matched });
packed!(PendingFollowUps { within_ms, begun, gathered, matched });

#[cfg(test)]
mod tests;
