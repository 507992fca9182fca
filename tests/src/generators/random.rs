//! Choices from a seed.

use model::decimal::Decimal;

/// A repeatable source of choices (splitmix64, Steele et al. 2014).
#[derive(Clone, Debug)]
pub struct SplitMix(u64);

impl SplitMix {
    /// The choices of a seed.
    pub const fn new(seed: u64) -> SplitMix {
        SplitMix(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub fn within(&mut self, low: i64, high: i64) -> i64 {
        low + (self.bits() % (high - low + 1).unsigned_abs()) as i64
    }

    /// True in `percent` of a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.bits() % 100 < percent
    }

    /// One of them; the first where there is none to choose.
    pub fn one_of<T: Copy>(&mut self, choices: &[T], otherwise: T) -> T {
        let at = self.bits() as usize % choices.len().max(1);
        choices.get(at).copied().unwrap_or(otherwise)
    }
}

pub(super) fn halves(count: i64) -> Decimal {
    Decimal::from_units(i128::from(count) * Decimal::ONE.units() / 2)
}
