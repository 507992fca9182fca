//! Aggregates of a window: one exact structure for each kind of measure.
//!
//! Entries come in the order of their times and leave in the same order. Every structure
//! answers exactly; the naive recomputation over all entries is their oracle in the tests.

use model::decimal::Decimal;
use rules_dsl::rule::ComparisonOp;

use crate::accumulators::{
    CountAccumulator, DeltaAccumulator, QuantileAccumulator, SumAccumulator, VarianceAccumulator,
};
use crate::last_seen_map::LastSeenMap;
use crate::measure_value::MeasureValue;
use crate::order_statistics::OrderStatistics;
use crate::panes::{CountPane, DeltaKind, DeltaPane, SamplePane, SumPane, VariancePane};
use crate::ring::{IncrementalWindow, Pane, PaneRing};
use crate::snapshot::packed;

/// Events by instant.
pub(crate) type EventCounter = IncrementalWindow<CountAccumulator>;

/// Structure of a window's entries; [`crate::window`] lists the structure of each measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WindowStructure {
    Count,
    Ratio,
    Sum { is_mean: bool },
    Extreme { is_largest: bool },
    Last,
    Distinct { in_steps: bool },
    Grown(DeltaKind),
    GrownInSteps(DeltaKind),
    Spread,
    SpreadInSteps,
    Quantile { permille: u32 },
}

/// The measure of one window.
#[derive(Debug)]
pub(crate) enum WindowAggregate {
    Count(EventCounter),
    /// Events of input 0 over events of input 1.
    Ratio(Box<RatioAggregate>),
    Sum(IncrementalWindow<SumAccumulator>),
    Extreme(ExtremeAggregate),
    Last(LastAggregate),
    Distinct(Box<DistinctAggregate>),
    Grown(Box<IncrementalWindow<DeltaAccumulator<SamplePane>>>),
    GrownInSteps(Box<IncrementalWindow<DeltaAccumulator<DeltaPane>>>),
    Spread(Box<IncrementalWindow<VarianceAccumulator<SamplePane>>>),
    SpreadInSteps(Box<IncrementalWindow<VarianceAccumulator<VariancePane>>>),
    Quantile(Box<IncrementalWindow<QuantileAccumulator>>),
}

/// Smallest or largest value: candidates that no later value outdoes.
#[derive(Debug, Default)]
pub(crate) struct ExtremeAggregate {
    pub(crate) candidates: PaneRing<SamplePane>,
    pub(crate) is_largest: bool,
    /// Event counts, present where the rule needs the number of events.
    pub(crate) events: Option<Box<EventCounter>>,
}

/// The newest value.
#[derive(Debug, Default)]
pub(crate) struct LastAggregate {
    pub(crate) newest: Option<SamplePane>,
    pub(crate) ahead: PaneRing<SamplePane>,
    /// Event counts, present where the rule needs the number of events.
    pub(crate) events: Option<Box<EventCounter>>,
}

/// Distinct values, each with its last sighting.
#[derive(Debug, Default)]
pub(crate) struct DistinctAggregate {
    pub(crate) values: LastSeenMap,
    /// Of a step each value once.
    pub(crate) ahead: PaneRing<SamplePane>,
    /// The values of the newest step, in a window that moves in steps.
    pub(crate) open: Option<LastSeenMap>,
    /// Event counts, present where the rule needs the number of events.
    pub(crate) events: Option<Box<EventCounter>>,
}

#[derive(Debug, Default)]
pub(crate) struct RatioAggregate {
    pub(crate) part: EventCounter,
    pub(crate) whole: EventCounter,
}

impl WindowStructure {
    /// Bytes it keeps of an entry, or of all entries of one step together; of `DistinctAggregate`
    /// bytes of each value, of `LastAggregate` of each key.
    pub(crate) const fn entry_bytes(self) -> usize {
        match self {
            WindowStructure::Count | WindowStructure::Ratio => size_of::<CountPane>(),
            WindowStructure::Sum { .. } => size_of::<SumPane>(),
            WindowStructure::Extreme { .. }
            | WindowStructure::Grown(_)
            | WindowStructure::Spread => size_of::<SamplePane>(),
            WindowStructure::Last => 0,
            WindowStructure::Distinct { .. } => LastSeenMap::VALUE_BYTES,
            WindowStructure::GrownInSteps(_) => size_of::<DeltaPane>(),
            WindowStructure::SpreadInSteps => size_of::<VariancePane>(),
            WindowStructure::Quantile { .. } => size_of::<SamplePane>() + size_of::<i128>(),
        }
    }
}

impl WindowAggregate {
    /// Creates an empty aggregate; with `is_counted` events are counted though the measure does not
    /// need it.
    pub(crate) fn new(structure: WindowStructure, is_counted: bool) -> WindowAggregate {
        let events = is_counted.then(Box::default);
        match structure {
            WindowStructure::Count => WindowAggregate::Count(EventCounter::default()),
            WindowStructure::Ratio => WindowAggregate::Ratio(Box::default()),
            WindowStructure::Sum { is_mean } => {
                WindowAggregate::Sum(IncrementalWindow::new(SumAccumulator {
                    sum: 0,
                    events: 0,
                    is_mean,
                }))
            }
            WindowStructure::Extreme { is_largest } => WindowAggregate::Extreme(ExtremeAggregate {
                is_largest,
                events,
                ..ExtremeAggregate::default()
            }),
            WindowStructure::Last => {
                WindowAggregate::Last(LastAggregate { events, ..LastAggregate::default() })
            }
            WindowStructure::Distinct { in_steps } => {
                let open = in_steps.then(LastSeenMap::default);
                WindowAggregate::Distinct(Box::new(DistinctAggregate {
                    open,
                    events,
                    ..DistinctAggregate::default()
                }))
            }
            WindowStructure::Grown(growth) => WindowAggregate::Grown(Box::new(
                IncrementalWindow::new(DeltaAccumulator::new(growth)),
            )),
            WindowStructure::GrownInSteps(growth) => WindowAggregate::GrownInSteps(Box::new(
                IncrementalWindow::new(DeltaAccumulator::new(growth)),
            )),
            WindowStructure::Spread => WindowAggregate::Spread(Box::new(IncrementalWindow::new(
                VarianceAccumulator::new(),
            ))),
            WindowStructure::SpreadInSteps => WindowAggregate::SpreadInSteps(Box::new(
                IncrementalWindow::new(VarianceAccumulator::new()),
            )),
            WindowStructure::Quantile { permille } => {
                let total = QuantileAccumulator { ranked: OrderStatistics::default(), permille };
                WindowAggregate::Quantile(Box::new(IncrementalWindow::new(total)))
            }
        }
    }

    /// Adds an entry of `input` that the window's end reaches `at` an instant not before that
    /// of any other.
    #[inline]
    pub(crate) fn insert(&mut self, input: u8, at: i64, value: i128) {
        match self {
            WindowAggregate::Count(counter) => counter.ring.push(CountPane { at, events: 1 }),
            WindowAggregate::Ratio(ratio) => {
                let counter = if input == 0 { &mut ratio.part } else { &mut ratio.whole };
                counter.ring.push(CountPane { at, events: 1 });
            }
            WindowAggregate::Sum(sum) => sum.ring.push(SumPane { at, events: 1, sum: value }),
            WindowAggregate::Extreme(extreme) => extreme.insert(SamplePane { at, value }),
            WindowAggregate::Last(last) => last.insert(SamplePane { at, value }),
            WindowAggregate::Distinct(distinct) => distinct.insert(SamplePane { at, value }),
            WindowAggregate::Grown(grown) => grown.ring.push(SamplePane { at, value }),
            WindowAggregate::GrownInSteps(of) => {
                let growth = of.total.growth;
                let (first, last) = (value, value);
                of.ring.push(DeltaPane { at, events: 1, growth, first, last, grown: 0 });
            }
            WindowAggregate::Spread(spread) => spread.ring.push(SamplePane { at, value }),
            WindowAggregate::SpreadInSteps(spread) => {
                let squares = num_bigint::BigInt::from(value).pow(2);
                spread.ring.push(VariancePane { at, events: 1, sum: value, squares });
            }
            WindowAggregate::Quantile(quantile) => quantile.ring.push(SamplePane { at, value }),
        }
    }

    /// Moves the window's end to `now`, and drops every entry at or before `up_to`.
    #[inline]
    pub(crate) fn advance(&mut self, now: i64, up_to: i64) {
        match self {
            WindowAggregate::Count(counter) => counter.advance(now, up_to),
            WindowAggregate::Ratio(ratio) => {
                ratio.part.advance(now, up_to);
                ratio.whole.advance(now, up_to);
            }
            WindowAggregate::Sum(sum) => sum.advance(now, up_to),
            WindowAggregate::Extreme(extreme) => extreme.advance(now, up_to),
            WindowAggregate::Last(last) => last.advance(now, up_to),
            WindowAggregate::Distinct(distinct) => distinct.advance(now, up_to),
            WindowAggregate::Grown(grown) => grown.advance(now, up_to),
            WindowAggregate::GrownInSteps(grown) => grown.advance(now, up_to),
            WindowAggregate::Spread(spread) => spread.advance(now, up_to),
            WindowAggregate::SpreadInSteps(spread) => spread.advance(now, up_to),
            WindowAggregate::Quantile(quantile) => quantile.advance(now, up_to),
        }
    }

    /// The value; `None` is unknown.
    #[inline]
    pub(crate) fn measured(&self) -> Option<MeasureValue> {
        match self {
            WindowAggregate::Count(counter) => Some(MeasureValue::count(counter.total.0)),
            WindowAggregate::Ratio(ratio) => {
                let (part, whole) = (ratio.part.total.0, i128::from(ratio.whole.total.0));
                let numerator = i128::from(part) * Decimal::ONE.units();
                (whole > 0).then_some(MeasureValue::Fraction { numerator, denominator: whole })
            }
            WindowAggregate::Sum(sum) => sum.total.measured(),
            WindowAggregate::Extreme(ExtremeAggregate { candidates, .. }) => {
                candidates.oldest().map(|best| MeasureValue::whole(best.value))
            }
            WindowAggregate::Last(last) => {
                last.newest.map(|newest| MeasureValue::whole(newest.value))
            }
            WindowAggregate::Distinct(distinct) => {
                Some(MeasureValue::count(distinct.values.len() as u64))
            }
            WindowAggregate::Grown(grown) => grown.total.measured(),
            WindowAggregate::GrownInSteps(grown) => grown.total.measured(),
            WindowAggregate::Spread(spread) => spread.total.measured(),
            WindowAggregate::SpreadInSteps(spread) => spread.total.measured(),
            WindowAggregate::Quantile(quantile) => quantile.total.measured(),
        }
    }

    /// Events inside; of a ratio those of the denominator. Where events are not counted,
    /// whether there are any.
    pub(crate) fn events(&self) -> u64 {
        match self {
            WindowAggregate::Count(counter) => counter.total.0,
            WindowAggregate::Ratio(ratio) => ratio.whole.total.0,
            WindowAggregate::Sum(sum) => sum.total.events,
            WindowAggregate::Extreme(ExtremeAggregate { events: Some(counter), .. })
            | WindowAggregate::Last(LastAggregate { events: Some(counter), .. }) => counter.total.0,
            WindowAggregate::Distinct(distinct) if distinct.events.is_some() => {
                distinct.events.as_ref().map_or(0, |counter| counter.total.0)
            }
            WindowAggregate::Extreme(_)
            | WindowAggregate::Last(_)
            | WindowAggregate::Distinct(_) => u64::from(self.newest().is_some()),
            WindowAggregate::Grown(grown) => grown.total.events,
            WindowAggregate::GrownInSteps(grown) => grown.total.events,
            WindowAggregate::Spread(spread) => spread.total.events,
            WindowAggregate::SpreadInSteps(spread) => spread.total.events,
            WindowAggregate::Quantile(quantile) => quantile.total.ranked.len() as u64,
        }
    }

    /// Instant at which the first of the entries that are ahead is reached.
    pub(crate) fn ahead(&self) -> Option<i64> {
        match self {
            WindowAggregate::Count(counter) => at(counter.ring.ahead()),
            WindowAggregate::Ratio(ratio) => {
                sooner(at(ratio.part.ring.ahead()), at(ratio.whole.ring.ahead()))
            }
            WindowAggregate::Sum(sum) => at(sum.ring.ahead()),
            WindowAggregate::Extreme(extreme) => at(extreme.candidates.ahead()),
            WindowAggregate::Last(last) => at(last.ahead.ahead()),
            WindowAggregate::Distinct(distinct) => at(distinct.ahead.ahead()),
            WindowAggregate::Grown(grown) => at(grown.ring.ahead()),
            WindowAggregate::GrownInSteps(grown) => at(grown.ring.ahead()),
            WindowAggregate::Spread(spread) => at(spread.ring.ahead()),
            WindowAggregate::SpreadInSteps(spread) => at(spread.ring.ahead()),
            WindowAggregate::Quantile(quantile) => at(quantile.ring.ahead()),
        }
    }

    /// The instant of the oldest event, where events are counted beside the measure.
    pub(crate) fn oldest_counted(&self) -> Option<i64> {
        let events = match self {
            WindowAggregate::Extreme(extreme) => &extreme.events,
            WindowAggregate::Last(last) => &last.events,
            WindowAggregate::Distinct(distinct) => &distinct.events,
            _ => return None,
        };
        events.as_ref().and_then(|counter| at(counter.ring.oldest()))
    }

    /// The instant of the entry whose leaving is the first to change the measure.
    pub(crate) fn oldest(&self) -> Option<i64> {
        match self {
            WindowAggregate::Count(counter) => at(counter.ring.oldest()),
            WindowAggregate::Ratio(ratio) => {
                sooner(at(ratio.part.ring.oldest()), at(ratio.whole.ring.oldest()))
            }
            WindowAggregate::Sum(sum) => at(sum.ring.oldest()),
            WindowAggregate::Extreme(extreme) => at(extreme.candidates.oldest()),
            WindowAggregate::Last(last) => at(last.newest.as_ref()),
            WindowAggregate::Distinct(distinct) => distinct.values.oldest(),
            WindowAggregate::Grown(grown) => at(grown.ring.oldest()),
            WindowAggregate::GrownInSteps(grown) => at(grown.ring.oldest()),
            WindowAggregate::Spread(spread) => at(spread.ring.oldest()),
            WindowAggregate::SpreadInSteps(spread) => at(spread.ring.oldest()),
            WindowAggregate::Quantile(quantile) => at(quantile.ring.oldest()),
        }
    }

    /// The instant of the newest entry inside.
    pub(crate) fn newest(&self) -> Option<i64> {
        match self {
            WindowAggregate::Count(counter) => at(counter.ring.newest()),
            WindowAggregate::Ratio(ratio) => {
                at(ratio.part.ring.newest()).max(at(ratio.whole.ring.newest()))
            }
            WindowAggregate::Sum(sum) => at(sum.ring.newest()),
            WindowAggregate::Extreme(extreme) => at(extreme.candidates.newest()),
            WindowAggregate::Last(last) => at(last.newest.as_ref()),
            WindowAggregate::Distinct(distinct) => distinct.values.newest(),
            WindowAggregate::Grown(grown) => at(grown.ring.newest()),
            WindowAggregate::GrownInSteps(grown) => at(grown.ring.newest()),
            WindowAggregate::Spread(spread) => at(spread.ring.newest()),
            WindowAggregate::SpreadInSteps(spread) => at(spread.ring.newest()),
            WindowAggregate::Quantile(quantile) => at(quantile.ring.newest()),
        }
    }

    /// True when no entry is inside.
    #[inline]
    pub(crate) fn is_silent(&self) -> bool {
        match self {
            WindowAggregate::Count(counter) => counter.ring.inside == 0,
            WindowAggregate::Sum(sum) => sum.ring.inside == 0,
            _ => self.newest().is_none(),
        }
    }

    /// Instant of the entry whose leaving changes how a value that only falls as entries leave
    /// compares to `level`: for a required count of N, the N-th newest. Where the value may also
    /// rise, it is the first entry to leave.
    pub(crate) fn last_needed(&self, comparison: ComparisonOp, level: Decimal) -> Option<i64> {
        let holds = |value: MeasureValue| comparison.holds(value.compare(level));
        let mut left = match self {
            WindowAggregate::Extreme(ExtremeAggregate { candidates, .. }) => {
                let inside = candidates.panes.iter().take(candidates.inside);
                let meeting = inside.take_while(|pane| holds(MeasureValue::whole(pane.value)));
                return at(meeting.last()).or(self.oldest());
            }
            WindowAggregate::Count(counter) => counter.total.0,
            WindowAggregate::Distinct(distinct) => distinct.values.len() as u64,
            _ => return self.oldest(),
        };
        let mut falls = |at: i64, events: u64| {
            left = left.saturating_sub(events);
            (left == 0 || !holds(MeasureValue::count(left))).then_some(at)
        };
        match self {
            WindowAggregate::Count(counter) => {
                let mut panes = counter.ring.panes.iter();
                panes.find_map(|run| falls(run.at, u64::from(run.events)))
            }
            WindowAggregate::Distinct(distinct) => {
                distinct.values.iter().find_map(|(_, at)| falls(at, 1))
            }
            _ => None,
        }
    }
}

impl ExtremeAggregate {
    fn insert(&mut self, sample: SamplePane) {
        let ExtremeAggregate { candidates: PaneRing { panes, inside }, is_largest, .. } = self;
        let is_ahead = panes.len() > *inside;
        match panes.back_mut().filter(|last| is_ahead && last.at == sample.at) {
            Some(last) if *is_largest => last.value = last.value.max(sample.value),
            Some(last) => last.value = last.value.min(sample.value),
            None => panes.push_back(sample),
        }
        count(&mut self.events, sample.at);
    }

    fn advance(&mut self, now: i64, up_to: i64) {
        let ExtremeAggregate { candidates: PaneRing { panes, inside }, is_largest, .. } = self;
        while let Some(SamplePane { at, value }) = panes.get(*inside).copied()
            && at <= now
        {
            let outdone = |have: &SamplePane| {
                if *is_largest { have.value <= value } else { have.value >= value }
            };
            // Entries ahead are at the back: nearly always the one that enters and no more.
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

impl LastAggregate {
    fn insert(&mut self, sample: SamplePane) {
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

impl DistinctAggregate {
    fn insert(&mut self, sample: SamplePane) {
        let is_new = self.open.as_mut().is_none_or(|open| {
            if open.newest() != Some(sample.at) {
                *open = LastSeenMap::default();
            }
            open.see(sample.value, sample.at)
        });
        if is_new {
            self.ahead.push(sample);
        }
        count(&mut self.events, sample.at);
    }

    fn advance(&mut self, now: i64, up_to: i64) {
        while let Some(SamplePane { at, value }) = self.ahead.leave(now) {
            self.values.see(value, at);
        }
        self.values.evict(up_to);
        move_count(&mut self.events, now, up_to);
    }
}

fn at<P: Pane>(pane: Option<&P>) -> Option<i64> {
    pane.map(Pane::at)
}

fn count(events: &mut Option<Box<EventCounter>>, at: i64) {
    events.iter_mut().for_each(|counter| counter.ring.push(CountPane { at, events: 1 }));
}

fn move_count(events: &mut Option<Box<EventCounter>>, now: i64, up_to: i64) {
    events.iter_mut().for_each(|counter| counter.advance(now, up_to));
}

/// The sooner of two instants.
pub(crate) fn sooner(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (some, None) | (None, some) => some,
    }
}

packed!(ExtremeAggregate { candidates, is_largest, events });
packed!(LastAggregate { newest, ahead, events });
packed!(DistinctAggregate { values, ahead, open, events });
packed!(RatioAggregate { part, whole });
packed!(enum WindowAggregate {
    0 => Count(of), 1 => Ratio(of), 2 => Sum(of), 3 => Extreme(of), 4 => Last(of),
    5 => Distinct(of), 6 => Grown(of), 7 => GrownInSteps(of), 8 => Spread(of),
    9 => SpreadInSteps(of), 10 => Quantile(of),
});
