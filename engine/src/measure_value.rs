//! Measured values, exact until they are shown.

use std::cmp::Ordering;

use model::decimal::Decimal;
use num_bigint::BigInt;
use num_rational::BigRational;

/// A measured value in base units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MeasureValue {
    /// Fraction that fits machine integers, as nearly every measure does.
    Fraction {
        /// Units of 10⁻⁹, times the denominator.
        numerator: i128,
        /// At least 1.
        denominator: i128,
    },
    /// Measures combined: as many digits as it takes.
    Exact(Box<BigRational>),
    /// The square root of this: a standard deviation is no fraction, but its square is.
    Root(Box<BigRational>),
}

impl MeasureValue {
    /// Units of 10⁻⁹.
    pub(crate) const fn whole(units: i128) -> MeasureValue {
        MeasureValue::Fraction { numerator: units, denominator: 1 }
    }

    /// A number of events or values.
    pub(crate) const fn count(events: u64) -> MeasureValue {
        MeasureValue::whole(events as i128 * Decimal::ONE.units())
    }

    /// The nearest decimal, for showing; `None` beyond what 128 bits of 10⁻⁹ hold.
    pub(crate) fn decimal(&self) -> Option<Decimal> {
        match self {
            MeasureValue::Fraction { numerator, denominator: 1 } => {
                Some(Decimal::from_units(*numerator))
            }
            MeasureValue::Fraction { numerator, denominator } => {
                Decimal::quotient(*numerator, *denominator)
            }
            MeasureValue::Exact(value) => nearest(&(value.as_ref() * in_units())),
            MeasureValue::Root(square) => {
                nearest_root(&(square.as_ref() * in_units() * in_units()))
            }
        }
    }

    /// Compares the exact value with a level.
    #[inline]
    pub(crate) fn compare(&self, level: Decimal) -> Ordering {
        match self {
            MeasureValue::Fraction { numerator, denominator: 1 } => numerator.cmp(&level.units()),
            _ => self.compare_exactly(level),
        }
    }

    fn compare_exactly(&self, level: Decimal) -> Ordering {
        match self {
            // A level is at most 10²⁹ units and a window holds fewer than 10⁹ events.
            MeasureValue::Fraction { numerator, denominator } => {
                numerator.cmp(&level.units().saturating_mul(*denominator))
            }
            MeasureValue::Exact(value) => value.as_ref().cmp(&exact(level)),
            MeasureValue::Root(_) if level < Decimal::ZERO => Ordering::Greater,
            MeasureValue::Root(square) => square.as_ref().cmp(&(exact(level) * exact(level))),
        }
    }

    /// The value as an exact number; a root is rounded once, to 10⁻⁹.
    pub(crate) fn exact(&self) -> Option<BigRational> {
        match self {
            MeasureValue::Fraction { numerator, denominator } => {
                let value = BigRational::new((*numerator).into(), (*denominator).into());
                Some(value / in_units())
            }
            MeasureValue::Exact(value) => Some(value.as_ref().clone()),
            MeasureValue::Root(_) => self.decimal().map(exact),
        }
    }
}

/// A decimal as an exact number.
pub(crate) fn exact(value: Decimal) -> BigRational {
    BigRational::new(value.units().into(), Decimal::ONE.units().into())
}

fn in_units() -> BigRational {
    BigRational::from_integer(Decimal::ONE.units().into())
}

/// The nearest whole number of units, half to even.
fn nearest(units: &BigRational) -> Option<Decimal> {
    let half = BigRational::new(1.into(), 2.into());
    let below = units.floor();
    let rest = units - &below;
    let is_odd = below.to_integer().bit(0);
    let up = rest > half || (rest == half && is_odd);
    let rounded = below.to_integer() + BigInt::from(u8::from(up));
    i128::try_from(rounded).ok().map(Decimal::from_units)
}

/// The whole number of units nearest to the square root; none lies exactly between two.
fn nearest_root(square: &BigRational) -> Option<Decimal> {
    let below = square.floor().to_integer().sqrt();
    // Nearer to the next one where the square lies above that of the middle.
    let middle = BigRational::new(BigInt::from(2) * &below + 1, 2.into());
    let up = *square > &middle * &middle;
    i128::try_from(below + BigInt::from(u8::from(up))).ok().map(Decimal::from_units)
}

#[cfg(test)]
mod tests;
