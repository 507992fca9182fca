//! Running results over the panes of a window, subtracted on evict: exact, since every value
//! is a whole number of 10⁻⁹.

use std::marker::PhantomData;

use model::decimal::Decimal;
use model::time::SECOND_MS;
use num_bigint::BigInt;
use num_rational::BigRational;

use crate::measured::Measured;
use crate::panes::{Growth, Leads, Part, Run, Sample, Spreads};
use crate::ranked::Ranked;
use crate::ring::Total;
use crate::snapshot::{Packed, packed};

/// Number of events.
#[derive(Debug, Default)]
pub(crate) struct Events(pub(crate) u64);

/// Sum of the values, or their mean.
#[derive(Debug)]
pub(crate) struct Sum {
    pub(crate) sum: i128,
    pub(crate) events: u64,
    pub(crate) is_mean: bool,
}

/// What became of a gauge or a counter from the oldest value to the newest.
#[derive(Debug)]
pub(crate) struct Grown<P> {
    pub(crate) grown: i128,
    /// The newest value inside, if there is any.
    pub(crate) last: i128,
    pub(crate) events: u64,
    pub(crate) growth: Growth,
    pub(crate) of: PhantomData<P>,
}

/// How far values lie from their mean: sums of the values and of their squares.
#[derive(Debug)]
pub(crate) struct Spread<P> {
    pub(crate) sum: i128,
    pub(crate) squares: BigInt,
    pub(crate) events: u64,
    pub(crate) of: PhantomData<P>,
}

/// The value of a rank.
#[derive(Debug)]
pub(crate) struct Quantile {
    pub(crate) ranked: Ranked,
    pub(crate) permille: u32,
}

impl Total for Events {
    type Pane = Run;

    fn enter(&mut self, pane: &Run) {
        self.0 += u64::from(pane.events);
    }

    fn leave(&mut self, pane: &Run, _: Option<&Run>) {
        self.0 -= u64::from(pane.events);
    }
}

impl Total for Sum {
    type Pane = Part;

    fn enter(&mut self, pane: &Part) {
        self.sum += pane.sum;
        self.events += u64::from(pane.events);
    }

    fn leave(&mut self, pane: &Part, _: Option<&Part>) {
        self.sum -= pane.sum;
        self.events -= u64::from(pane.events);
    }
}

impl<P: Leads> Total for Grown<P> {
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

impl<P: Spreads> Total for Spread<P> {
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

impl Total for Quantile {
    type Pane = Sample;

    fn enter(&mut self, pane: &Sample) {
        self.ranked.insert(pane.value);
    }

    fn leave(&mut self, pane: &Sample, _: Option<&Sample>) {
        self.ranked.remove(pane.value);
    }
}

impl Sum {
    pub(crate) fn measured(&self) -> Option<Measured> {
        if !self.is_mean {
            return Some(Measured::whole(self.sum));
        }
        let denominator = i128::from(self.events);
        (self.events > 0).then_some(Measured::Fraction { numerator: self.sum, denominator })
    }
}

impl<P> Grown<P> {
    pub(crate) const fn new(growth: Growth) -> Grown<P> {
        Grown { grown: 0, last: 0, events: 0, growth, of: PhantomData }
    }

    /// Unknown of fewer than two values.
    pub(crate) fn measured(&self) -> Option<Measured> {
        let (per_ms, window_ms) = match self.growth {
            Growth::Rate(window_ms) => (SECOND_MS, window_ms),
            Growth::Delta | Growth::Increase => (1, 1),
        };
        (self.events > 1).then(|| Measured::Fraction {
            numerator: self.grown.saturating_mul(i128::from(per_ms)),
            denominator: i128::from(window_ms),
        })
    }
}

impl<P> Spread<P> {
    pub(crate) fn new() -> Spread<P> {
        Spread { sum: 0, squares: BigInt::default(), events: 0, of: PhantomData }
    }

    /// The population standard deviation, the square root of (n·Σx² − (Σx)²) / n²; unknown of
    /// fewer than two values.
    pub(crate) fn measured(&self) -> Option<Measured> {
        (self.events > 1).then(|| {
            let scaled = BigInt::from(self.events) * Decimal::ONE.units();
            let spread = &self.squares * self.events - BigInt::from(self.sum).pow(2);
            Measured::Root(Box::new(BigRational::new(spread, scaled.pow(2))))
        })
    }
}

impl Quantile {
    /// The nearest rank, ⌈q·n⌉.
    pub(crate) fn measured(&self) -> Option<Measured> {
        let rank = (self.ranked.len() * self.permille as usize).div_ceil(1000);
        self.ranked.at_rank(rank.max(1)).map(Measured::whole)
    }
}

packed!(Sum { sum, events, is_mean });
packed!(Grown<P> { grown, last, events, growth, of });
packed!(Spread<P> { sum, squares, events, of });
packed!(Quantile { ranked, permille });

impl Packed for Events {
    fn pack(&self, out: &mut Vec<u8>) {
        self.0.pack(out);
    }

    fn unpack(from: &mut &[u8]) -> Option<Events> {
        Packed::unpack(from).map(Events)
    }
}
