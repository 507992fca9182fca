//! Numbers made of measures.

use num_rational::BigRational;
use num_traits::Zero;
use rules_dsl::rule::{Arithmetic, Formula};

use crate::measured::{Measured, exact};

/// The value of a formula over windows; unknown where one it reads is, and at a division by
/// zero.
pub(crate) fn value(
    formula: &Formula,
    measured: &impl Fn(usize) -> Option<Measured>,
) -> Option<Measured> {
    match formula {
        Formula::Window(window) => measured(*window),
        other => number(other, measured).map(|value| Measured::Exact(Box::new(value))),
    }
}

fn number(formula: &Formula, measured: &impl Fn(usize) -> Option<Measured>) -> Option<BigRational> {
    let (left, operator, right) = match formula {
        Formula::Window(window) => return measured(*window)?.exact(),
        Formula::Number(number, _) => return Some(exact(*number)),
        Formula::Arithmetic(left, operator, right) => (left, operator, right),
    };
    let (left, right) = (number(left, measured)?, number(right, measured)?);
    Some(match operator {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
        Arithmetic::Divide if right.is_zero() => return None,
        Arithmetic::Divide => left / right,
    })
}

#[cfg(test)]
mod tests {
    use model::decimal::Decimal;
    use model::message::Unit;

    use super::*;

    #[test]
    fn formulas_are_exact_and_unknown_where_a_part_is() {
        use Arithmetic::{Add, Divide, Multiply, Subtract};
        let window = |index| Box::new(Formula::Window(index));
        let of = |left, operator, right| Formula::Arithmetic(left, operator, right);
        let number = |n| Box::new(Formula::Number(Decimal::from_int(n), Unit::Number));
        let third = || Box::new(of(window(0), Divide, number(3)));
        // Window 0 is 1, window 1 is 4, window 2 unknown, window 3 zero.
        let cases = [
            (Formula::Window(1), Some("4")),
            (of(third(), Multiply, number(3)), Some("1")),
            (of(window(1), Subtract, window(0)), Some("3")),
            (of(window(1), Add, window(2)), None),
            (of(window(1), Divide, window(3)), None),
            (of(window(3), Divide, window(1)), Some("0")),
        ];
        let measured = |index| match index {
            0 => Some(Measured::count(1)),
            1 => Some(Measured::count(4)),
            3 => Some(Measured::count(0)),
            _ => None,
        };
        for (formula, want) in cases {
            let got = value(&formula, &measured).and_then(|value| value.decimal());
            assert_eq!(got, want.map(|text| Decimal::parse(text).unwrap()), "{formula:?}");
        }
    }
}
