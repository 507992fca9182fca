//! Measures of windows, and numbers made of them.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use model::decimal::Decimal;
use num_bigint::BigInt;
use num_rational::BigRational;
use rules_dsl::rule::{ArithmeticOp, Measure, MeasureFormula, Window};

use super::entry::OracleEntry;

/// A known value in units of 10⁻⁹.
#[derive(Clone, Debug)]
pub(super) enum KnownValue {
    Number(BigRational),
    /// The square root of this.
    Root(BigRational),
}

fn whole(units: i128) -> BigRational {
    BigRational::from_integer(units.into())
}

impl KnownValue {
    pub(super) fn compare(&self, level: Decimal) -> Ordering {
        let level = whole(level.units());
        match self {
            KnownValue::Number(number) => number.cmp(&level),
            KnownValue::Root(_) if level < whole(0) => Ordering::Greater,
            KnownValue::Root(square) => square.cmp(&(&level * &level)),
        }
    }

    /// The nearest decimal, half to even.
    pub(super) fn shown(&self) -> Option<Decimal> {
        let rounded = match self {
            KnownValue::Number(number) => {
                let twice = number * whole(2);
                let below = number.floor().to_integer();
                let middle = &below * 2 + 1;
                match twice.cmp(&BigRational::from_integer(middle)) {
                    Ordering::Less => below,
                    Ordering::Equal if (&below % 2) == BigInt::from(0) => below,
                    _ => below + 1,
                }
            }
            KnownValue::Root(square) => {
                // The first number whose upper half lies beyond the root.
                let mut root = square.floor().to_integer().sqrt();
                let half = BigRational::new(1.into(), 2.into());
                while {
                    let upper = BigRational::from_integer(root.clone()) + &half;
                    &upper * &upper < *square
                } {
                    root += 1;
                }
                root
            }
        };
        i128::try_from(rounded).ok().map(Decimal::from_units)
    }
}

/// The entries inside a window at an instant, oldest first; `first` is the window's first
/// selection among the trigger's.
pub(super) fn inside<'a>(
    window: &Window,
    first: usize,
    entries: &'a [OracleEntry],
    now: i64,
) -> Vec<&'a OracleEntry> {
    let end = match window.step_ms {
        0 => now,
        step => now.div_euclid(step) * step,
    } - window.ago_ms;
    let inputs = first..first + window.measure.selections().count();
    let is_inside = |entry: &&OracleEntry| {
        inputs.contains(&entry.input) && end - window.window_ms < entry.time && entry.time <= end
    };
    entries.iter().filter(is_inside).collect()
}

/// The events `min` and a message's `{count}` speak of: of a ratio the denominator's.
pub(super) fn counted(window: &Window, first: usize, inside: &[&OracleEntry]) -> u64 {
    match window.measure {
        Measure::Ratio(..) => inside.iter().filter(|it| it.input == first + 1).count() as u64,
        _ => inside.len() as u64,
    }
}

/// The measure of what is inside; `None` is unknown.
pub(super) fn measured(
    window: &Window,
    first: usize,
    inside: &[&OracleEntry],
) -> Option<KnownValue> {
    if counted(window, first, inside) < window.min_events {
        return None;
    }
    let one = Decimal::ONE.units();
    let numbers: Vec<i128> = inside.iter().map(|entry| entry.number).collect();
    let mut sorted = numbers.clone();
    sorted.sort_unstable();
    let size = numbers.len() as i128;
    let sum: i128 = numbers.iter().sum();
    let has_two = size > 1;
    let number = match &window.measure {
        Measure::Count(_) => whole(size * one),
        Measure::Sum(_) => whole(sum),
        Measure::Avg(_) if size > 0 => BigRational::new(sum.into(), size.into()),
        Measure::Avg(_) => return None,
        Measure::Min(_) => whole(*sorted.first()?),
        Measure::Max(_) => whole(*sorted.last()?),
        Measure::Last(_) => whole(*numbers.last()?),
        Measure::Distinct(_) => {
            let different: BTreeSet<&str> =
                inside.iter().map(|entry| entry.identity.as_str()).collect();
            whole(different.len() as i128 * one)
        }
        Measure::Quantile { permille, .. } => {
            let rank = (numbers.len() * *permille as usize).div_ceil(1000);
            whole(*sorted.get(rank.max(1) - 1)?)
        }
        Measure::Ratio(..) => {
            let all = counted(window, first, inside) as i128;
            if all == 0 {
                return None;
            }
            BigRational::new(((size - all) * one).into(), all.into())
        }
        Measure::Stddev(_) if has_two => {
            let mean = BigRational::new(sum.into(), size.into());
            let squares = numbers.iter().map(|number| {
                let off = whole(*number) - &mean;
                &off * &off
            });
            return Some(KnownValue::Root(squares.sum::<BigRational>() / whole(size)));
        }
        Measure::Delta(_) if has_two => whole(numbers.last()? - numbers.first()?),
        Measure::Increase(_) if has_two => whole(increase(&numbers)),
        Measure::Rate(_) if has_two => {
            whole(increase(&numbers) * 1000) / whole(window.window_ms.into())
        }
        Measure::Stddev(_) | Measure::Delta(_) | Measure::Increase(_) | Measure::Rate(_) => {
            return None;
        }
    };
    Some(KnownValue::Number(number))
}

/// Last − first, and what a counter that began anew had before.
fn increase(numbers: &[i128]) -> i128 {
    let (first, last) = (numbers[0], numbers[numbers.len() - 1]);
    let resets = numbers.windows(2).filter(|pair| pair[1] < pair[0]);
    last - first + resets.map(|pair| pair[0]).sum::<i128>()
}

/// A number made of what the windows measure; `None` is unknown.
pub(super) fn value(
    formula: &MeasureFormula,
    windows: &[Option<KnownValue>],
) -> Option<KnownValue> {
    match formula {
        MeasureFormula::Window(at) => windows.get(*at)?.clone(),
        MeasureFormula::Number(number, _) => Some(KnownValue::Number(whole(number.units()))),
        MeasureFormula::Arithmetic(left, operator, right) => {
            let plain = |known: KnownValue| match known {
                KnownValue::Number(number) => Some(number),
                // A root takes part as the decimal that is shown of it.
                KnownValue::Root(_) => known.shown().map(|shown| whole(shown.units())),
            };
            let (left, right) = (plain(value(left, windows)?)?, plain(value(right, windows)?)?);
            let one = whole(Decimal::ONE.units());
            Some(KnownValue::Number(match operator {
                ArithmeticOp::Add => left + right,
                ArithmeticOp::Subtract => left - right,
                ArithmeticOp::Multiply => left * right / one,
                ArithmeticOp::Divide if right == whole(0) => return None,
                ArithmeticOp::Divide => left * one / right,
            }))
        }
    }
}
