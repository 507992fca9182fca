//! What a window computes: one exact structure for each kind of measure.
//!
//! Entries come in the order of their times and leave in the same order. Every structure
//! answers exactly; the naive recomputation over all entries is their oracle in the tests.

use model::decimal::Decimal;
use rules_dsl::rule::Comparison;

use crate::measured::Measured;
use crate::panes::{Course, Growth, Moments, Part, Run, Sample};
use crate::ranked::Ranked;
use crate::recency::Recency;
use crate::ring::{Folded, Pane, Ring};
use crate::snapshot::packed;
use crate::totals::{Events, Grown, Quantile, Spread, Sum};

/// Events by instant.
pub(crate) type Counter = Folded<Events>;

/// How the entries of a window are kept; [`crate::window`] says which measure takes which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Structure {
    Count,
    Ratio,
    Sum { is_mean: bool },
    Extreme { is_largest: bool },
    Last,
    Distinct { in_steps: bool },
    Grown(Growth),
    GrownInSteps(Growth),
    Spread,
    SpreadInSteps,
    Quantile { permille: u32 },
}

/// The measure of one window.
#[derive(Debug)]
pub(crate) enum Aggregate {
    Count(Counter),
    /// Events of input 0 over events of input 1.
    Ratio(Box<Ratio>),
    Sum(Folded<Sum>),
    Extreme(Extreme),
    Last(Last),
    Distinct(Box<Distinct>),
    Grown(Box<Folded<Grown<Sample>>>),
    GrownInSteps(Box<Folded<Grown<Course>>>),
    Spread(Box<Folded<Spread<Sample>>>),
    SpreadInSteps(Box<Folded<Spread<Moments>>>),
    Quantile(Box<Folded<Quantile>>),
}

/// Smallest or largest value: candidates that no later value outdoes.
#[derive(Debug, Default)]
pub(crate) struct Extreme {
    pub(crate) candidates: Ring<Sample>,
    pub(crate) is_largest: bool,
    /// Where somebody asks how many events there are.
    pub(crate) events: Option<Box<Counter>>,
}

/// The newest value.
#[derive(Debug, Default)]
pub(crate) struct Last {
    pub(crate) newest: Option<Sample>,
    pub(crate) ahead: Ring<Sample>,
    /// Where somebody asks how many events there are.
    pub(crate) events: Option<Box<Counter>>,
}

/// Different values, each with when it was last seen.
#[derive(Debug, Default)]
pub(crate) struct Distinct {
    pub(crate) values: Recency,
    /// Of a step each value once.
    pub(crate) ahead: Ring<Sample>,
    /// The values of the newest step, in a window that moves in steps.
    pub(crate) open: Option<Recency>,
    /// Where somebody asks how many events there are.
    pub(crate) events: Option<Box<Counter>>,
}

#[derive(Debug, Default)]
pub(crate) struct Ratio {
    pub(crate) part: Counter,
    pub(crate) whole: Counter,
}

impl Structure {
    /// Bytes it keeps of an entry, or of all entries of one step together; of `Distinct` bytes
    /// of each value, of `Last` of each key.
    pub(crate) const fn entry_bytes(self) -> usize {
        match self {
            Structure::Count | Structure::Ratio => size_of::<Run>(),
            Structure::Sum { .. } => size_of::<Part>(),
            Structure::Extreme { .. } | Structure::Grown(_) | Structure::Spread => {
                size_of::<Sample>()
            }
            Structure::Last => 0,
            Structure::Distinct { .. } => Recency::VALUE_BYTES,
            Structure::GrownInSteps(_) => size_of::<Course>(),
            Structure::SpreadInSteps => size_of::<Moments>(),
            Structure::Quantile { .. } => size_of::<Sample>() + size_of::<i128>(),
        }
    }
}

impl Aggregate {
    /// Of no entries; with `is_counted` events are counted though the measure does not need it.
    pub(crate) fn new(structure: Structure, is_counted: bool) -> Aggregate {
        let events = is_counted.then(Box::default);
        match structure {
            Structure::Count => Aggregate::Count(Counter::default()),
            Structure::Ratio => Aggregate::Ratio(Box::default()),
            Structure::Sum { is_mean } => {
                Aggregate::Sum(Folded::new(Sum { sum: 0, events: 0, is_mean }))
            }
            Structure::Extreme { is_largest } => {
                Aggregate::Extreme(Extreme { is_largest, events, ..Extreme::default() })
            }
            Structure::Last => Aggregate::Last(Last { events, ..Last::default() }),
            Structure::Distinct { in_steps } => {
                let open = in_steps.then(Recency::default);
                Aggregate::Distinct(Box::new(Distinct { open, events, ..Distinct::default() }))
            }
            Structure::Grown(growth) => Aggregate::Grown(Box::new(Folded::new(Grown::new(growth)))),
            Structure::GrownInSteps(growth) => {
                Aggregate::GrownInSteps(Box::new(Folded::new(Grown::new(growth))))
            }
            Structure::Spread => Aggregate::Spread(Box::new(Folded::new(Spread::new()))),
            Structure::SpreadInSteps => {
                Aggregate::SpreadInSteps(Box::new(Folded::new(Spread::new())))
            }
            Structure::Quantile { permille } => {
                let total = Quantile { ranked: Ranked::default(), permille };
                Aggregate::Quantile(Box::new(Folded::new(total)))
            }
        }
    }

    /// Adds an entry of `input` that the window's end reaches `at` an instant not before that
    /// of any other.
    #[inline]
    pub(crate) fn insert(&mut self, input: u8, at: i64, value: i128) {
        match self {
            Aggregate::Count(counter) => counter.ring.push(Run { at, events: 1 }),
            Aggregate::Ratio(ratio) => {
                let counter = if input == 0 { &mut ratio.part } else { &mut ratio.whole };
                counter.ring.push(Run { at, events: 1 });
            }
            Aggregate::Sum(sum) => sum.ring.push(Part { at, events: 1, sum: value }),
            Aggregate::Extreme(extreme) => extreme.insert(Sample { at, value }),
            Aggregate::Last(last) => last.insert(Sample { at, value }),
            Aggregate::Distinct(distinct) => distinct.insert(Sample { at, value }),
            Aggregate::Grown(grown) => grown.ring.push(Sample { at, value }),
            Aggregate::GrownInSteps(of) => {
                let growth = of.total.growth;
                let (first, last) = (value, value);
                of.ring.push(Course { at, events: 1, growth, first, last, grown: 0 });
            }
            Aggregate::Spread(spread) => spread.ring.push(Sample { at, value }),
            Aggregate::SpreadInSteps(spread) => {
                let squares = num_bigint::BigInt::from(value).pow(2);
                spread.ring.push(Moments { at, events: 1, sum: value, squares });
            }
            Aggregate::Quantile(quantile) => quantile.ring.push(Sample { at, value }),
        }
    }

    /// Moves the window's end to `now`, and lets go of every entry at or before `up_to`.
    #[inline]
    pub(crate) fn advance(&mut self, now: i64, up_to: i64) {
        match self {
            Aggregate::Count(counter) => counter.advance(now, up_to),
            Aggregate::Ratio(ratio) => {
                ratio.part.advance(now, up_to);
                ratio.whole.advance(now, up_to);
            }
            Aggregate::Sum(sum) => sum.advance(now, up_to),
            Aggregate::Extreme(extreme) => extreme.advance(now, up_to),
            Aggregate::Last(last) => last.advance(now, up_to),
            Aggregate::Distinct(distinct) => distinct.advance(now, up_to),
            Aggregate::Grown(grown) => grown.advance(now, up_to),
            Aggregate::GrownInSteps(grown) => grown.advance(now, up_to),
            Aggregate::Spread(spread) => spread.advance(now, up_to),
            Aggregate::SpreadInSteps(spread) => spread.advance(now, up_to),
            Aggregate::Quantile(quantile) => quantile.advance(now, up_to),
        }
    }

    /// The value; `None` is unknown.
    #[inline]
    pub(crate) fn measured(&self) -> Option<Measured> {
        match self {
            Aggregate::Count(counter) => Some(Measured::count(counter.total.0)),
            Aggregate::Ratio(ratio) => {
                let (part, whole) = (ratio.part.total.0, i128::from(ratio.whole.total.0));
                let numerator = i128::from(part) * Decimal::ONE.units();
                (whole > 0).then_some(Measured::Fraction { numerator, denominator: whole })
            }
            Aggregate::Sum(sum) => sum.total.measured(),
            Aggregate::Extreme(Extreme { candidates, .. }) => {
                candidates.oldest().map(|best| Measured::whole(best.value))
            }
            Aggregate::Last(last) => last.newest.map(|newest| Measured::whole(newest.value)),
            Aggregate::Distinct(distinct) => Some(Measured::count(distinct.values.len() as u64)),
            Aggregate::Grown(grown) => grown.total.measured(),
            Aggregate::GrownInSteps(grown) => grown.total.measured(),
            Aggregate::Spread(spread) => spread.total.measured(),
            Aggregate::SpreadInSteps(spread) => spread.total.measured(),
            Aggregate::Quantile(quantile) => quantile.total.measured(),
        }
    }

    /// Events inside; of a ratio those of the denominator. Where events are not counted,
    /// whether there are any.
    pub(crate) fn events(&self) -> u64 {
        match self {
            Aggregate::Count(counter) => counter.total.0,
            Aggregate::Ratio(ratio) => ratio.whole.total.0,
            Aggregate::Sum(sum) => sum.total.events,
            Aggregate::Extreme(Extreme { events: Some(counter), .. })
            | Aggregate::Last(Last { events: Some(counter), .. }) => counter.total.0,
            Aggregate::Distinct(distinct) if distinct.events.is_some() => {
                distinct.events.as_ref().map_or(0, |counter| counter.total.0)
            }
            Aggregate::Extreme(_) | Aggregate::Last(_) | Aggregate::Distinct(_) => {
                u64::from(self.newest().is_some())
            }
            Aggregate::Grown(grown) => grown.total.events,
            Aggregate::GrownInSteps(grown) => grown.total.events,
            Aggregate::Spread(spread) => spread.total.events,
            Aggregate::SpreadInSteps(spread) => spread.total.events,
            Aggregate::Quantile(quantile) => quantile.total.ranked.len() as u64,
        }
    }

    /// When the first of the entries that are ahead is reached.
    pub(crate) fn ahead(&self) -> Option<i64> {
        match self {
            Aggregate::Count(counter) => at(counter.ring.ahead()),
            Aggregate::Ratio(ratio) => {
                sooner(at(ratio.part.ring.ahead()), at(ratio.whole.ring.ahead()))
            }
            Aggregate::Sum(sum) => at(sum.ring.ahead()),
            Aggregate::Extreme(extreme) => at(extreme.candidates.ahead()),
            Aggregate::Last(last) => at(last.ahead.ahead()),
            Aggregate::Distinct(distinct) => at(distinct.ahead.ahead()),
            Aggregate::Grown(grown) => at(grown.ring.ahead()),
            Aggregate::GrownInSteps(grown) => at(grown.ring.ahead()),
            Aggregate::Spread(spread) => at(spread.ring.ahead()),
            Aggregate::SpreadInSteps(spread) => at(spread.ring.ahead()),
            Aggregate::Quantile(quantile) => at(quantile.ring.ahead()),
        }
    }

    /// The instant of the oldest event, where events are counted beside the measure.
    pub(crate) fn oldest_counted(&self) -> Option<i64> {
        let events = match self {
            Aggregate::Extreme(extreme) => &extreme.events,
            Aggregate::Last(last) => &last.events,
            Aggregate::Distinct(distinct) => &distinct.events,
            _ => return None,
        };
        events.as_ref().and_then(|counter| at(counter.ring.oldest()))
    }

    /// The instant of the entry whose leaving is the first to change the measure.
    pub(crate) fn oldest(&self) -> Option<i64> {
        match self {
            Aggregate::Count(counter) => at(counter.ring.oldest()),
            Aggregate::Ratio(ratio) => {
                sooner(at(ratio.part.ring.oldest()), at(ratio.whole.ring.oldest()))
            }
            Aggregate::Sum(sum) => at(sum.ring.oldest()),
            Aggregate::Extreme(extreme) => at(extreme.candidates.oldest()),
            Aggregate::Last(last) => at(last.newest.as_ref()),
            Aggregate::Distinct(distinct) => distinct.values.oldest(),
            Aggregate::Grown(grown) => at(grown.ring.oldest()),
            Aggregate::GrownInSteps(grown) => at(grown.ring.oldest()),
            Aggregate::Spread(spread) => at(spread.ring.oldest()),
            Aggregate::SpreadInSteps(spread) => at(spread.ring.oldest()),
            Aggregate::Quantile(quantile) => at(quantile.ring.oldest()),
        }
    }

    /// The instant of the newest entry inside.
    pub(crate) fn newest(&self) -> Option<i64> {
        match self {
            Aggregate::Count(counter) => at(counter.ring.newest()),
            Aggregate::Ratio(ratio) => {
                at(ratio.part.ring.newest()).max(at(ratio.whole.ring.newest()))
            }
            Aggregate::Sum(sum) => at(sum.ring.newest()),
            Aggregate::Extreme(extreme) => at(extreme.candidates.newest()),
            Aggregate::Last(last) => at(last.newest.as_ref()),
            Aggregate::Distinct(distinct) => distinct.values.newest(),
            Aggregate::Grown(grown) => at(grown.ring.newest()),
            Aggregate::GrownInSteps(grown) => at(grown.ring.newest()),
            Aggregate::Spread(spread) => at(spread.ring.newest()),
            Aggregate::SpreadInSteps(spread) => at(spread.ring.newest()),
            Aggregate::Quantile(quantile) => at(quantile.ring.newest()),
        }
    }

    /// Whether no entry is inside.
    #[inline]
    pub(crate) fn is_silent(&self) -> bool {
        match self {
            Aggregate::Count(counter) => counter.ring.inside == 0,
            Aggregate::Sum(sum) => sum.ring.inside == 0,
            _ => self.newest().is_none(),
        }
    }

    /// The instant of the entry after whose leaving a value that only falls as entries leave
    /// stands to `level` no longer as it does: of N that are asked for the N-th newest.
    /// Where the value may rise as well it is that of the first to leave.
    pub(crate) fn last_needed(&self, comparison: Comparison, level: Decimal) -> Option<i64> {
        let holds = |value: Measured| comparison.holds(value.compare(level));
        let mut left = match self {
            Aggregate::Extreme(Extreme { candidates, .. }) => {
                let inside = candidates.panes.iter().take(candidates.inside);
                let meeting = inside.take_while(|pane| holds(Measured::whole(pane.value)));
                return at(meeting.last()).or(self.oldest());
            }
            Aggregate::Count(counter) => counter.total.0,
            Aggregate::Distinct(distinct) => distinct.values.len() as u64,
            _ => return self.oldest(),
        };
        let mut falls = |at: i64, events: u64| {
            left = left.saturating_sub(events);
            (left == 0 || !holds(Measured::count(left))).then_some(at)
        };
        match self {
            Aggregate::Count(counter) => {
                let mut panes = counter.ring.panes.iter();
                panes.find_map(|run| falls(run.at, u64::from(run.events)))
            }
            Aggregate::Distinct(distinct) => {
                distinct.values.iter().find_map(|(_, at)| falls(at, 1))
            }
            _ => None,
        }
    }
}

impl Extreme {
    fn insert(&mut self, sample: Sample) {
        let Extreme { candidates: Ring { panes, inside }, is_largest, .. } = self;
        let is_ahead = panes.len() > *inside;
        match panes.back_mut().filter(|last| is_ahead && last.at == sample.at) {
            Some(last) if *is_largest => last.value = last.value.max(sample.value),
            Some(last) => last.value = last.value.min(sample.value),
            None => panes.push_back(sample),
        }
        count(&mut self.events, sample.at);
    }

    fn advance(&mut self, now: i64, up_to: i64) {
        let Extreme { candidates: Ring { panes, inside }, is_largest, .. } = self;
        while let Some(Sample { at, value }) = panes.get(*inside).copied()
            && at <= now
        {
            let outdone = |have: &Sample| {
                if *is_largest { have.value <= value } else { have.value >= value }
            };
            // What is ahead stands behind: nearly always the one that enters and no more.
            while inside.checked_sub(1).and_then(|last| panes.get(last)).is_some_and(outdone) {
                *inside -= 1;
                panes.remove(*inside);
            }
            *inside += 1;
        }
        while self.candidates.leave(up_to).is_some() {}
        move_count(&mut self.events, now, up_to);
    }
}

impl Last {
    fn insert(&mut self, sample: Sample) {
        let mut ahead = self.ahead.panes.back_mut();
        match ahead.as_mut().filter(|last| last.at == sample.at) {
            Some(last) => last.value = sample.value,
            None => self.ahead.push(sample),
        }
        count(&mut self.events, sample.at);
    }

    fn advance(&mut self, now: i64, up_to: i64) {
        while let Some(reached) = self.ahead.leave(now) {
            self.newest = Some(reached);
        }
        self.newest = self.newest.filter(|newest| newest.at > up_to);
        move_count(&mut self.events, now, up_to);
    }
}

impl Distinct {
    fn insert(&mut self, sample: Sample) {
        let is_new = self.open.as_mut().is_none_or(|open| {
            if open.newest() != Some(sample.at) {
                *open = Recency::default();
            }
            open.see(sample.value, sample.at)
        });
        if is_new {
            self.ahead.push(sample);
        }
        count(&mut self.events, sample.at);
    }

    fn advance(&mut self, now: i64, up_to: i64) {
        while let Some(Sample { at, value }) = self.ahead.leave(now) {
            self.values.see(value, at);
        }
        self.values.evict(up_to);
        move_count(&mut self.events, now, up_to);
    }
}

fn at<P: Pane>(pane: Option<&P>) -> Option<i64> {
    pane.map(Pane::at)
}

fn count(events: &mut Option<Box<Counter>>, at: i64) {
    events.iter_mut().for_each(|counter| counter.ring.push(Run { at, events: 1 }));
}

fn move_count(events: &mut Option<Box<Counter>>, now: i64, up_to: i64) {
    events.iter_mut().for_each(|counter| counter.advance(now, up_to));
}

/// The sooner of two instants.
pub(crate) fn sooner(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (some, None) | (None, some) => some,
    }
}

packed!(Extreme { candidates, is_largest, events });
packed!(Last { newest, ahead, events });
packed!(Distinct { values, ahead, open, events });
packed!(Ratio { part, whole });
packed!(enum Aggregate {
    0 => Count(of), 1 => Ratio(of), 2 => Sum(of), 3 => Extreme(of), 4 => Last(of),
    5 => Distinct(of), 6 => Grown(of), 7 => GrownInSteps(of), 8 => Spread(of),
    9 => SpreadInSteps(of), 10 => Quantile(of),
});
