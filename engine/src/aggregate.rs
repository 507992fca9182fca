//! What a window computes: one exact structure for each kind of measure.
//!
//! Entries arrive in the order of their times and leave in the same order. Every structure
//! answers exactly; the naive recomputation over all entries is their oracle in the tests.

use std::collections::VecDeque;

use hashbrown::HashMap;
use model::decimal::Decimal;

use crate::ranked::Ranked;

/// A measured value as an exact fraction of raw decimal units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// Units of 10⁻⁹, times the denominator.
    pub numerator: i128,
    /// At least 1.
    pub denominator: i128,
}

impl Measured {
    const fn whole(units: i128) -> Measured {
        Measured { numerator: units, denominator: 1 }
    }

    const fn count(events: u64) -> Measured {
        Measured::whole(events as i128 * Decimal::ONE.units())
    }

    /// The nearest decimal, for showing.
    pub(crate) fn decimal(self) -> Option<Decimal> {
        match self.denominator {
            1 => Some(Decimal::from_units(self.numerator)),
            _ => Decimal::quotient(self.numerator, self.denominator),
        }
    }

    /// How the exact value stands to a level.
    pub(crate) fn compare(self, level: Decimal) -> std::cmp::Ordering {
        let level = match self.denominator {
            1 => level.units(),
            // A level is at most 10²⁹ units and a window holds fewer than 10⁹ events.
            events => level.units().saturating_mul(events),
        };
        self.numerator.cmp(&level)
    }
}

/// How often each instant occurs.
#[derive(Debug, Default)]
pub struct Counter {
    runs: VecDeque<(i64, u32)>,
    total: u64,
}

impl Counter {
    fn insert(&mut self, time: i64) {
        self.total += 1;
        match self.runs.back_mut() {
            Some((last, events)) if *last == time && *events < u32::MAX => *events += 1,
            _ => self.runs.push_back((time, 1)),
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
    /// Different values: (time, fingerprint) and how often each is inside.
    Distinct { entries: VecDeque<(i64, i128)>, inside: HashMap<i128, u32> },
    /// The value of a rank.
    Quantile { entries: VecDeque<(i64, i128)>, ranked: Ranked, permille: u32 },
    /// Events of input 0 over events of input 1.
    Ratio { part: Counter, whole: Counter },
}

impl Aggregate {
    /// Adds an entry of `input`, not older than any before it.
    pub(crate) fn insert(&mut self, input: u8, time: i64, value: i128) {
        match self {
            Aggregate::Count(events) => events.insert(time),
            Aggregate::Sum { entries, sum, .. } => {
                entries.push_back((time, value));
                *sum += value;
            }
            Aggregate::Extreme { candidates, events, largest } => {
                events.insert(time);
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
                    events.insert(time);
                }
            }
            Aggregate::Distinct { entries, inside } => {
                entries.push_back((time, value));
                *inside.entry(value).or_insert(0) += 1;
            }
            Aggregate::Quantile { entries, ranked, .. } => {
                entries.push_back((time, value));
                ranked.insert(value);
            }
            Aggregate::Ratio { part, .. } if input == 0 => part.insert(time),
            Aggregate::Ratio { whole, .. } => whole.insert(time),
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

    /// The value; `None` is unknown.
    pub(crate) fn measured(&self) -> Option<Measured> {
        match self {
            Aggregate::Count(events) => Some(Measured::count(events.total)),
            Aggregate::Sum { sum, mean: false, .. } => Some(Measured::whole(*sum)),
            Aggregate::Sum { entries, sum, mean: true } => (!entries.is_empty())
                .then_some(Measured { numerator: *sum, denominator: entries.len() as i128 }),
            Aggregate::Extreme { candidates, .. } => {
                candidates.front().map(|(_, value)| Measured::whole(*value))
            }
            Aggregate::Last { newest, .. } => newest.map(|(_, value)| Measured::whole(value)),
            Aggregate::Distinct { inside, .. } => Some(Measured::count(inside.len() as u64)),
            Aggregate::Quantile { ranked, permille, .. } => {
                let rank = (ranked.len() * *permille as usize).div_ceil(1000);
                ranked.at_rank(rank.max(1)).map(Measured::whole)
            }
            Aggregate::Ratio { part, whole } => (whole.total > 0).then(|| Measured {
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
            | Aggregate::Distinct { entries, .. }
            | Aggregate::Quantile { entries, .. } => entries.back().map(|(time, _)| *time),
            Aggregate::Last { newest, .. } => newest.map(|(time, _)| time),
            Aggregate::Ratio { part, whole } => part.newest().max(whole.newest()),
        }
    }
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
