//! Running results over the panes of a window, subtracted on evict: exact, since every value
//! is a whole number of 10⁻⁹.

use std::marker::PhantomData;

use model::decimal::Decimal;
use model::time::SECOND_MS;
use num_bigint::BigInt;
use num_rational::BigRational;

use crate::measure_value::MeasureValue;
use crate::order_statistics::OrderStatistics;
use crate::panes::{CountPane, DeltaKind, FirstLastPane, SamplePane, SquaresPane, SumPane};
use crate::ring::Accumulator;
use crate::snapshot::{SnapshotEncode, packed};

/// Number of events.
#[derive(Debug, Default)]
pub(crate) struct CountAccumulator(pub(crate) u64);

/// Sum of the values, or their mean.
#[derive(Debug)]
pub(crate) struct SumAccumulator {
    pub(crate) sum: i128,
    pub(crate) events: u64,
    pub(crate) is_mean: bool,
}

/// Change of a gauge or a counter from the oldest value to the newest.
#[derive(Debug)]
pub(crate) struct DeltaAccumulator<P> {
    pub(crate) grown: i128,
    /// The newest value inside, if there is any.
    pub(crate) last: i128,
    pub(crate) events: u64,
    pub(crate) growth: DeltaKind,
    pub(crate) of: PhantomData<P>,
}

/// Variance of values: sums of the values and of their squares.
#[derive(Debug)]
pub(crate) struct VarianceAccumulator<P> {
    pub(crate) sum: i128,
    pub(crate) squares: BigInt,
    pub(crate) events: u64,
    pub(crate) of: PhantomData<P>,
}

/// The value of a rank.
#[derive(Debug)]
pub(crate) struct QuantileAccumulator {
    pub(crate) ranked: OrderStatistics,
    pub(crate) permille: u32,
}

impl Accumulator for CountAccumulator {
    type Pane = CountPane;

    fn enter(&mut self, pane: &CountPane) {
        self.0 += u64::from(pane.events);
    }

    fn leave(&mut self, pane: &CountPane, _: Option<&CountPane>) {
        self.0 -= u64::from(pane.events);
    }
}

impl Accumulator for SumAccumulator {
    type Pane = SumPane;

    fn enter(&mut self, pane: &SumPane) {
        self.sum += pane.sum;
        self.events += u64::from(pane.events);
    }

    fn leave(&mut self, pane: &SumPane, _: Option<&SumPane>) {
        self.sum -= pane.sum;
        self.events -= u64::from(pane.events);
    }
}

impl<P: FirstLastPane> Accumulator for DeltaAccumulator<P> {
    type Pane = P;

    fn enter(&mut self, pane: &P) {
        let (events, first, last, grown) = pane.led();
        let up_to_it = if self.events > 0 { self.growth.step(self.last, first) } else { 0 };
        self.grown += up_to_it + grown;
        self.last = last;
        self.events += u64::from(events);
    }

    fn leave(&mut self, pane: &P, next: Option<&P>) {
        let (events, _, last, grown) = pane.led();
        let from_it = next.map_or(0, |next| self.growth.step(last, next.led().1));
        self.grown -= grown + from_it;
        self.events -= u64::from(events);
    }
}

impl<P: SquaresPane> Accumulator for VarianceAccumulator<P> {
    type Pane = P;

    fn enter(&mut self, pane: &P) {
        let (events, sum, squares) = pane.moments();
        self.sum += sum;
        self.squares += squares;
        self.events += u64::from(events);
    }

    fn leave(&mut self, pane: &P, _: Option<&P>) {
        let (events, sum, squares) = pane.moments();
        self.sum -= sum;
        self.squares -= squares;
        self.events -= u64::from(events);
    }
}

impl Accumulator for QuantileAccumulator {
    type Pane = SamplePane;

    fn enter(&mut self, pane: &SamplePane) {
        self.ranked.insert(pane.value);
    }

    fn leave(&mut self, pane: &SamplePane, _: Option<&SamplePane>) {
        self.ranked.remove(pane.value);
    }
}

impl SumAccumulator {
    pub(crate) fn measured(&self) -> Option<MeasureValue> {
        if !self.is_mean {
            return Some(MeasureValue::whole(self.sum));
        }
        let denominator = i128::from(self.events);
        (self.events > 0).then_some(MeasureValue::Fraction { numerator: self.sum, denominator })
    }
}

impl<P> DeltaAccumulator<P> {
    pub(crate) const fn new(growth: DeltaKind) -> DeltaAccumulator<P> {
        DeltaAccumulator { grown: 0, last: 0, events: 0, growth, of: PhantomData }
    }

    /// Unknown of fewer than two values.
    pub(crate) fn measured(&self) -> Option<MeasureValue> {
        let (per_ms, window_ms) = match self.growth {
            DeltaKind::Rate(window_ms) => (SECOND_MS, window_ms),
            DeltaKind::Delta | DeltaKind::Increase => (1, 1),
        };
        (self.events > 1).then(|| MeasureValue::Fraction {
            numerator: self.grown.saturating_mul(i128::from(per_ms)),
            denominator: i128::from(window_ms),
        })
    }
}

impl<P> VarianceAccumulator<P> {
    pub(crate) fn new() -> VarianceAccumulator<P> {
        VarianceAccumulator { sum: 0, squares: BigInt::default(), events: 0, of: PhantomData }
    }

    /// The population standard deviation, the square root of (n·Σx² − (Σx)²) / n²; unknown of
    /// fewer than two values.
    pub(crate) fn measured(&self) -> Option<MeasureValue> {
        (self.events > 1).then(|| {
            let scaled = BigInt::from(self.events) * Decimal::ONE.units();
            let spread = &self.squares * self.events - BigInt::from(self.sum).pow(2);
            MeasureValue::Root(Box::new(BigRational::new(spread, scaled.pow(2))))
        })
    }
}

impl QuantileAccumulator {
    /// The nearest rank, ⌈q·n⌉.
    pub(crate) fn measured(&self) -> Option<MeasureValue> {
        let rank = (self.ranked.len() * self.permille as usize).div_ceil(1000);
        self.ranked.at_rank(rank.max(1)).map(MeasureValue::whole)
    }
}

packed!(SumAccumulator { sum, events, is_mean });
packed!(DeltaAccumulator<P> { grown, last, events, growth, of });
packed!(VarianceAccumulator<P> { sum, squares, events, of });
packed!(QuantileAccumulator { ranked, permille });

impl SnapshotEncode for CountAccumulator {
    fn pack(&self, out: &mut Vec<u8>) {
        self.0.pack(out);
    }

    fn unpack(from: &mut &[u8]) -> Option<CountAccumulator> {
        SnapshotEncode::unpack(from).map(CountAccumulator)
    }
}
