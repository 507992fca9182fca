//! What a window computes: one exact structure for each kind of measure.
//!
//! Entries arrive in the order of their times and leave in the same order. Every structure
//! answers exactly; the naive recomputation over all entries is their oracle in the tests.

use std::collections::VecDeque;

use hashbrown::HashMap;
use model::decimal::Decimal;
use model::time::SECOND_MS;
use num_bigint::BigInt;
use num_rational::BigRational;

use crate::measured::Measured;
use crate::ranked::Ranked;

/// How often each instant occurs.
#[derive(Debug, Default)]
pub struct Counter {
    runs: VecDeque<(i64, u32)>,
    total: u64,
}

impl Counter {
    fn insert(&mut self, time: i64, times: u32) {
        self.total += u64::from(times);
        let same = self.runs.back_mut().filter(|(last, _)| *last == time);
        match same.and_then(|(_, events)| Some((events.checked_add(times)?, events))) {
            Some((more, events)) => *events = more,
            None => self.runs.push_back((time, times)),
        }
    }

    fn oldest(&self) -> Option<i64> {
        self.runs.front().map(|(time, _)| *time)
    }

    fn newest(&self) -> Option<i64> {
        self.runs.back().map(|(time, _)| *time)
    }

    fn evict(&mut self, up_to: i64) {
        while let Some((time, events)) = self.runs.front().copied() {
            if time > up_to {
                return;
            }
            self.total -= u64::from(events);
            self.runs.pop_front();
        }
    }
}

/// The measure of one window.
#[derive(Debug)]
pub enum Aggregate {
    /// Number of events.
    Count(Counter),
    /// Sum, and with `mean` the mean: (time, value) and their running sum.
    Sum { entries: VecDeque<(i64, i128)>, sum: i128, mean: bool },
    /// Smallest or largest value: candidates that no later entry outdoes.
    Extreme { candidates: VecDeque<(i64, i128)>, events: Counter, largest: bool },
    /// The newest value. Events are counted only where somebody asks: one sample for each key
    /// is what makes `last` cheap.
    Last { newest: Option<(i64, i128)>, events: Option<Counter> },
    /// How far values lie from their mean: sums of the values and of their squares.
    Stddev { entries: VecDeque<(i64, i128)>, sum: i128, squares: BigInt },
    /// What became of a gauge or a counter from the oldest entry to the newest.
    Growth { entries: VecDeque<(i64, i128)>, grown: i128, kind: Growth },
    /// Different values: (time, fingerprint) and how often each is inside.
    Distinct { entries: VecDeque<(i64, i128)>, inside: HashMap<i128, u32> },
    /// The value of a rank.
    Quantile { entries: VecDeque<(i64, i128)>, ranked: Ranked, permille: u32 },
    /// Events of input 0 over events of input 1.
    Ratio { part: Counter, whole: Counter },
}

/// What [`Aggregate::Growth`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// Newest less oldest.
    Delta,
    /// Every rise added up; where a counter falls it began from zero anew.
    Increase,
    /// The increase per second of a window of so many milliseconds.
    Rate(i64),
}

impl Growth {
    /// What one entry after another adds.
    const fn step(self, from: i128, to: i128) -> i128 {
        match self {
            Growth::Increase | Growth::Rate(_) if to < from => to,
            _ => to - from,
        }
    }
}

impl Aggregate {
    /// Adds an entry of `input`, not older than any before it, so many `times`: only what
    /// [`Aggregate::only_counts`] is given one more than once.
    pub(crate) fn insert(&mut self, input: u8, time: i64, value: i128, times: u32) {
        match self {
            Aggregate::Count(events) => events.insert(time, times),
            Aggregate::Sum { entries, sum, .. } => {
                entries.push_back((time, value));
                *sum += value;
            }
            Aggregate::Extreme { candidates, events, largest } => {
                events.insert(time, times);
                let outdone = |have: i128| {
                    if *largest { have <= value } else { have >= value }
                };
                while candidates.back().is_some_and(|(_, have)| outdone(*have)) {
                    candidates.pop_back();
                }
                candidates.push_back((time, value));
            }
            Aggregate::Last { newest, events } => {
                *newest = Some((time, value));
                if let Some(events) = events {
                    events.insert(time, times);
                }
            }
            Aggregate::Stddev { entries, sum, squares } => {
                entries.push_back((time, value));
                *sum += value;
                *squares += BigInt::from(value).pow(2);
            }
            Aggregate::Growth { entries, grown, kind } => {
                if let Some((_, last)) = entries.back() {
                    *grown += kind.step(*last, value);
                }
                entries.push_back((time, value));
            }
            Aggregate::Distinct { entries, inside } => {
                entries.push_back((time, value));
                *inside.entry(value).or_insert(0) += 1;
            }
            Aggregate::Quantile { entries, ranked, .. } => {
                entries.push_back((time, value));
                ranked.insert(value);
            }
            Aggregate::Ratio { part, .. } if input == 0 => part.insert(time, times),
            Aggregate::Ratio { whole, .. } => whole.insert(time, times),
        }
    }

    /// Lets go of every entry at or before `up_to`.
    pub(crate) fn evict(&mut self, up_to: i64) {
        match self {
            Aggregate::Count(events) => events.evict(up_to),
            Aggregate::Sum { entries, sum, .. } => {
                drain(entries, up_to, |value| *sum -= value);
            }
            Aggregate::Extreme { candidates, events, .. } => {
                events.evict(up_to);
                drain(candidates, up_to, |_| ());
            }
            Aggregate::Last { newest, events } => {
                *newest = newest.filter(|(time, _)| *time > up_to);
                if let Some(events) = events {
                    events.evict(up_to);
                }
            }
            Aggregate::Stddev { entries, sum, squares } => drain(entries, up_to, |value| {
                *sum -= value;
                *squares -= BigInt::from(value).pow(2);
            }),
            Aggregate::Growth { entries, grown, kind } => {
                while entries.front().is_some_and(|(time, _)| *time <= up_to) {
                    let gone = entries.pop_front();
                    if let (Some((_, from)), Some((_, to))) = (gone, entries.front()) {
                        *grown -= kind.step(from, *to);
                    }
                }
            }
            Aggregate::Distinct { entries, inside } => drain(entries, up_to, |value| {
                if let Some(times) = inside.get_mut(&value) {
                    *times -= 1;
                    if *times == 0 {
                        inside.remove(&value);
                    }
                }
            }),
            Aggregate::Quantile { entries, ranked, .. } => drain(entries, up_to, |value| {
                ranked.remove(value);
            }),
            Aggregate::Ratio { part, whole } => {
                part.evict(up_to);
                whole.evict(up_to);
            }
        }
    }

    /// Whether it keeps no more of an entry than its input and time.
    pub(crate) const fn only_counts(&self) -> bool {
        matches!(self, Aggregate::Count(_) | Aggregate::Ratio { .. })
    }

    /// The value; `None` is unknown.
    pub(crate) fn measured(&self) -> Option<Measured> {
        match self {
            Aggregate::Count(events) => Some(Measured::count(events.total)),
            Aggregate::Sum { sum, mean: false, .. } => Some(Measured::whole(*sum)),
            Aggregate::Sum { entries, sum, mean: true } => {
                (!entries.is_empty()).then_some(Measured::Fraction {
                    numerator: *sum,
                    denominator: entries.len() as i128,
                })
            }
            Aggregate::Extreme { candidates, .. } => {
                candidates.front().map(|(_, value)| Measured::whole(*value))
            }
            Aggregate::Last { newest, .. } => newest.map(|(_, value)| Measured::whole(value)),
            Aggregate::Stddev { entries, sum, squares } => {
                (entries.len() > 1).then(|| deviation(entries.len(), *sum, squares))
            }
            Aggregate::Growth { entries, grown, kind } => {
                let denominator = if let Growth::Rate(window_ms) = kind { *window_ms } else { 1 };
                let per = if let Growth::Rate(_) = kind { SECOND_MS } else { 1 };
                (entries.len() > 1).then(|| Measured::Fraction {
                    numerator: grown.saturating_mul(i128::from(per)),
                    denominator: i128::from(denominator),
                })
            }
            Aggregate::Distinct { inside, .. } => Some(Measured::count(inside.len() as u64)),
            Aggregate::Quantile { ranked, permille, .. } => {
                let rank = (ranked.len() * *permille as usize).div_ceil(1000);
                ranked.at_rank(rank.max(1)).map(Measured::whole)
            }
            Aggregate::Ratio { part, whole } => (whole.total > 0).then(|| Measured::Fraction {
                numerator: i128::from(part.total) * Decimal::ONE.units(),
                denominator: i128::from(whole.total),
            }),
        }
    }

    /// Events inside; of a ratio those of the denominator, of a `last` that counts none the
    /// one that is known.
    pub(crate) fn events(&self) -> u64 {
        match self {
            Aggregate::Count(events) | Aggregate::Extreme { events, .. } => events.total,
            Aggregate::Sum { entries, .. }
            | Aggregate::Stddev { entries, .. }
            | Aggregate::Growth { entries, .. }
            | Aggregate::Distinct { entries, .. }
            | Aggregate::Quantile { entries, .. } => entries.len() as u64,
            Aggregate::Last { newest, events } => {
                events.as_ref().map_or(u64::from(newest.is_some()), |events| events.total)
            }
            Aggregate::Ratio { whole, .. } => whole.total,
        }
    }

    /// Whether no entry is inside.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Aggregate::Count(events) | Aggregate::Extreme { events, .. } => events.total == 0,
            Aggregate::Sum { entries, .. }
            | Aggregate::Stddev { entries, .. }
            | Aggregate::Growth { entries, .. }
            | Aggregate::Distinct { entries, .. }
            | Aggregate::Quantile { entries, .. } => entries.is_empty(),
            Aggregate::Last { newest, .. } => newest.is_none(),
            Aggregate::Ratio { part, whole } => part.total == 0 && whole.total == 0,
        }
    }

    /// Time of the oldest entry inside, as far as entries are kept.
    pub(crate) fn oldest(&self) -> Option<i64> {
        match self {
            Aggregate::Count(events) | Aggregate::Extreme { events, .. } => events.oldest(),
            Aggregate::Sum { entries, .. }
            | Aggregate::Stddev { entries, .. }
            | Aggregate::Growth { entries, .. }
            | Aggregate::Distinct { entries, .. }
            | Aggregate::Quantile { entries, .. } => entries.front().map(|(time, _)| *time),
            Aggregate::Last { events: Some(events), .. } => events.oldest(),
            Aggregate::Last { newest, .. } => newest.map(|(time, _)| time),
            Aggregate::Ratio { part, whole } => match (part.oldest(), whole.oldest()) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (some, None) | (None, some) => some,
            },
        }
    }

    /// Time of the newest entry inside.
    pub(crate) fn newest(&self) -> Option<i64> {
        match self {
            Aggregate::Count(events) | Aggregate::Extreme { events, .. } => events.newest(),
            Aggregate::Sum { entries, .. }
            | Aggregate::Stddev { entries, .. }
            | Aggregate::Growth { entries, .. }
            | Aggregate::Distinct { entries, .. }
            | Aggregate::Quantile { entries, .. } => entries.back().map(|(time, _)| *time),
            Aggregate::Last { newest, .. } => newest.map(|(time, _)| time),
            Aggregate::Ratio { part, whole } => part.newest().max(whole.newest()),
        }
    }
}

/// The population standard deviation: the square root of (n·Σx² − (Σx)²) / n².
fn deviation(entries: usize, sum: i128, squares: &BigInt) -> Measured {
    let scaled = BigInt::from(entries) * Decimal::ONE.units();
    let spread = squares * entries - BigInt::from(sum).pow(2);
    Measured::Root(Box::new(BigRational::new(spread, scaled.pow(2))))
}

fn drain(entries: &mut VecDeque<(i64, i128)>, up_to: i64, mut gone: impl FnMut(i128)) {
    while let Some((time, value)) = entries.front().copied() {
        if time > up_to {
            return;
        }
        entries.pop_front();
        gone(value);
    }
}

#[cfg(test)]
mod tests;
