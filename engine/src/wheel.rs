//! A hierarchical timing wheel over all of time.
//!
//! After Varghese and Lauck, "Hashed and Hierarchical Timing Wheels" (1987), scheme 7. An instant
//! is eleven digits of six bits. An entry is on the level of the first digit in which its instant
//! differs from the hand, in the slot of that digit: the lowest level holds the next entries. When
//! the hand reaches a slot, its entries move to lower levels, each entry at most ten times. The
//! cost does not depend on how far the hand jumps.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// No entry: the end of a chain.
const NONE: u32 = u32::MAX;
/// Bits of a digit.
const DIGIT_BITS: u32 = 6;
/// Slots of a level.
const SLOTS: usize = 1 << DIGIT_BITS;
/// Digits of an instant.
const LEVELS: usize = 64_usize.div_ceil(DIGIT_BITS as usize);
/// Entries below which memory is not given back.
const SPARE_MAX: usize = 64;

/// Entries by instant, taken out the earliest first; those of one instant in any order.
#[derive(Debug)]
pub(crate) struct TimerWheel<S> {
    // INVARIANT: entries on a level share all higher digits with the hand, and those of a
    // level other than the lowest lie behind the hand's own slot in it.
    /// Current instant: the one last taken out.
    hand: i64,
    levels: [Option<Box<WheelLevel>>; LEVELS],
    /// Bit n is level n: whether it holds anything.
    occupied: u32,
    entries: Vec<WheelEntry<S>>,
    /// The first of the places in `entries` that are free.
    free: u32,
    /// Entries that came when the hand was already past them.
    late: BinaryHeap<Reverse<(i64, S)>>,
    len: usize,
}

#[derive(Debug)]
struct WheelLevel {
    /// Bit n is slot n.
    occupied: u64,
    slots: [WheelSlot; SLOTS],
}

/// Entries of one digit.
#[derive(Clone, Copy, Debug)]
struct WheelSlot {
    first: u32,
    /// The earliest of their instants.
    earliest: i64,
}

#[derive(Clone, Copy, Debug)]
struct WheelEntry<S> {
    at: i64,
    /// The next one in its slot, or the next free place.
    next: u32,
    state: S,
}

impl<S: Ord + Copy> TimerWheel<S> {
    /// Creates an empty wheel, with time at its start.
    pub(crate) fn new() -> TimerWheel<S> {
        TimerWheel {
            hand: i64::MIN,
            levels: std::array::from_fn(|_| None),
            occupied: 0,
            entries: Vec::new(),
            free: NONE,
            late: BinaryHeap::new(),
            len: 0,
        }
    }

    /// Adds an entry.
    pub(crate) fn push(&mut self, at: i64, state: S) {
        self.len += 1;
        if at < self.hand {
            self.late.push(Reverse((at, state)));
            return;
        }
        let fresh = WheelEntry { at, next: NONE, state };
        let id = match self.entries.get_mut(self.free as usize) {
            Some(place) => std::mem::replace(&mut self.free, std::mem::replace(place, fresh).next),
            None => {
                self.entries.push(fresh);
                self.entries.len() as u32 - 1
            }
        };
        self.chain(id, at);
    }

    /// The instant of the earliest entry.
    #[inline]
    pub(crate) fn next(&self) -> Option<i64> {
        match self.late.peek() {
            // What is late is earlier than anything on the wheel.
            Some(Reverse((at, _))) => Some(*at),
            None => self.lowest().map(|(_, _, slot)| slot.earliest),
        }
    }

    /// Pops an entry of the earliest instant, if that is `now` or before.
    pub(crate) fn pop(&mut self, now: i64) -> Option<(i64, S)> {
        let at = self.next().filter(|at| *at <= now)?;
        self.len -= 1;
        if let Some(Reverse(entry)) = self.late.pop() {
            return Some(entry);
        }
        self.advance(at);
        let (_, digit, slot) = self.lowest()?;
        let id = slot.first;
        let WheelEntry { next, state, .. } = *self.entries.get(id as usize)?;
        self.set_first(0, digit, next);
        self.entries.get_mut(id as usize)?.next = std::mem::replace(&mut self.free, id);
        if self.entries.len() > SPARE_MAX && self.len < self.entries.len() / 4 {
            self.give_back();
        }
        Some((at, state))
    }

    /// Turns the hand to the earliest instant on the wheel: the slot it comes to is emptied
    /// onto lower levels.
    fn advance(&mut self, at: i64) {
        let Some((level, digit, slot)) = self.lowest() else {
            return;
        };
        self.hand = at;
        if level == 0 {
            return;
        }
        self.set_first(level, digit, NONE);
        let mut id = slot.first;
        while let Some(WheelEntry { at, next, .. }) = self.entries.get(id as usize).copied() {
            self.chain(id, at);
            id = next;
        }
    }

    /// The lowest level that holds something, and its first slot that does.
    #[inline]
    fn lowest(&self) -> Option<(usize, usize, WheelSlot)> {
        if self.occupied == 0 {
            return None;
        }
        let at = self.occupied.trailing_zeros() as usize;
        let level = self.levels.get(at)?.as_deref()?;
        let digit = level.occupied.trailing_zeros() as usize;
        level.slots.get(digit).map(|slot| (at, digit, *slot))
    }

    /// Sets the first entry of a slot, and whether it has any.
    fn set_first(&mut self, at: usize, digit: usize, first: u32) {
        let Some(level) = self.levels.get_mut(at).and_then(Option::as_deref_mut) else {
            return;
        };
        level.slots.get_mut(digit).into_iter().for_each(|slot| slot.first = first);
        if first == NONE {
            level.occupied &= !(1 << digit);
        }
        if level.occupied == 0 {
            self.occupied &= !(1 << at);
        }
    }

    /// Puts an entry, not before the hand, where it belongs.
    fn chain(&mut self, id: u32, at: i64) {
        let (due, hand) = (in_order(at), in_order(self.hand));
        let at_level = (due ^ hand).checked_ilog2().unwrap_or(0) / DIGIT_BITS;
        let digit = (due >> (at_level * DIGIT_BITS)) as usize % SLOTS;
        let Some(place) = self.levels.get_mut(at_level as usize) else {
            return;
        };
        self.occupied |= 1 << at_level;
        let level = place.get_or_insert_with(Box::default);
        if let Some(slot) = level.slots.get_mut(digit) {
            let next = std::mem::replace(&mut slot.first, id);
            slot.earliest = if next == NONE { at } else { slot.earliest.min(at) };
            level.occupied |= 1 << digit;
            self.entries.get_mut(id as usize).into_iter().for_each(|entry| entry.next = next);
        }
    }

    /// Puts what is left into a wheel of its size.
    fn give_back(&mut self) {
        let mut smaller = TimerWheel::new();
        smaller.hand = self.hand;
        for level in self.levels.iter().flatten() {
            for mut id in level.slots.iter().map(|slot| slot.first) {
                while let Some(WheelEntry { at, next, state }) = self.entries.get(id as usize) {
                    smaller.push(*at, *state);
                    id = *next;
                }
            }
        }
        smaller.late = std::mem::take(&mut self.late);
        smaller.late.shrink_to_fit();
        smaller.len = self.len;
        *self = smaller;
    }
}

impl Default for WheelLevel {
    fn default() -> WheelLevel {
        WheelLevel { occupied: 0, slots: [WheelSlot { first: NONE, earliest: i64::MAX }; SLOTS] }
    }
}

/// An instant as a number without a sign, in the same order.
const fn in_order(at: i64) -> u64 {
    at.cast_unsigned() ^ (1 << 63)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Operation on a wheel.
    #[derive(Clone, Debug)]
    enum WheelAction {
        Push(i64),
        Pop(i64),
    }

    fn acts() -> impl Strategy<Value = Vec<WheelAction>> {
        const YEAR_MS: i64 = 365 * 86_400_000;
        let near = || -3_i64..200;
        let far = || prop_oneof![near(), -70_000_i64..70_000, 0..YEAR_MS * 40, any::<i64>()];
        let extreme = prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(-1), Just(0)];
        let instant = || prop_oneof![4 => near(), 2 => far(), 1 => extreme.clone()];
        let act = prop_oneof![
            3 => instant().prop_map(WheelAction::Push),
            2 => near().prop_map(WheelAction::Pop),
            1 => instant().prop_map(WheelAction::Pop),
        ];
        prop::collection::vec(act, 0..300)
    }

    proptest! {
        /// Against a heap. Instants are told from where time has come, or absolute.
        #[test]
        fn a_wheel_gives_what_a_heap_gives(acts in acts(), is_relative in any::<bool>()) {
            let (mut wheel, mut heap) = (TimerWheel::new(), BinaryHeap::new());
            let mut now = 0_i64;
            for (state, act) in acts.into_iter().enumerate() {
                let instant = |at: i64| if is_relative { now.saturating_add(at) } else { at };
                match act {
                    WheelAction::Push(at) => {
                        wheel.push(instant(at), state);
                        heap.push(Reverse((instant(at), state)));
                    }
                    WheelAction::Pop(at) => {
                        let until = instant(at);
                        let (mut got, mut want) = (Vec::new(), Vec::new());
                        while let Some(entry) = wheel.pop(until) {
                            got.push(entry);
                        }
                        while heap.peek().is_some_and(|Reverse((at, _))| *at <= until) {
                            want.extend(heap.pop().map(|Reverse(entry)| entry));
                        }
                        prop_assert!(got.is_sorted_by_key(|entry| entry.0));
                        got.sort_unstable();
                        prop_assert_eq!(got, want);
                        now = now.max(until);
                    }
                }
                prop_assert_eq!(wheel.len, heap.len());
                prop_assert_eq!(wheel.next(), heap.peek().map(|Reverse((at, _))| *at));
            }
        }
    }

    #[test]
    fn a_million_entries_take_little_memory_and_give_it_back() {
        let mut wheel = TimerWheel::new();
        for state in 0..1_000_000_u32 {
            wheel.push(1_767_571_200_000 + i64::from(state) * 7 % 600_000, state);
        }
        assert!(wheel.entries.capacity() * size_of::<WheelEntry<u32>>() <= 16 << 20);
        let mut last = i64::MIN;
        while let Some((at, _)) = wheel.pop(1_767_571_200_000 + 599_900) {
            assert!(at >= last);
            last = at;
        }
        assert!(wheel.len < 200 && wheel.entries.capacity() < 1_000);
        // Far beyond, and in one step.
        assert_eq!(wheel.pop(i64::MAX).map(|entry| entry.0), Some(1_767_571_200_000 + 599_901));
    }
}
