//! Formulas over measures.

use num_rational::BigRational;
use num_traits::Zero;
use rules_dsl::rule::{ArithmeticOp, MeasureFormula};

use crate::measure_value::{MeasureValue, exact};

/// Evaluates a formula over windows; unknown where a measure it reads is, and at a division by
/// zero.
pub(crate) fn value(
    formula: &MeasureFormula,
    measured: &impl Fn(usize) -> Option<MeasureValue>,
) -> Option<MeasureValue> {
    match formula {
        MeasureFormula::Window(window) => measured(*window),
        other => number(other, measured).map(|value| MeasureValue::Exact(Box::new(value))),
    }
}

fn number(
    formula: &MeasureFormula,
    measured: &impl Fn(usize) -> Option<MeasureValue>,
) -> Option<BigRational> {
    let (left, operator, right) = match formula {
        MeasureFormula::Window(window) => return measured(*window)?.exact(),
        MeasureFormula::Number(number, _) => return Some(exact(*number)),
        MeasureFormula::Arithmetic(left, operator, right) => (left, operator, right),
    };
    let (left, right) = (number(left, measured)?, number(right, measured)?);
    Some(match operator {
        ArithmeticOp::Add => left + right,
        ArithmeticOp::Subtract => left - right,
        ArithmeticOp::Multiply => left * right,
        ArithmeticOp::Divide if right.is_zero() => return None,
        ArithmeticOp::Divide => left / right,
    })
}

#[cfg(test)]
mod tests {
    use model::decimal::Decimal;
    use model::message::DisplayUnit;

    use super::*;

    #[test]
    fn formulas_are_exact_and_unknown_where_a_part_is() {
        use ArithmeticOp::{Add, Divide, Multiply, Subtract};
        let window = |index| Box::new(MeasureFormula::Window(index));
        let of = |left, operator, right| MeasureFormula::Arithmetic(left, operator, right);
        let number =
            |n| Box::new(MeasureFormula::Number(Decimal::from_int(n), DisplayUnit::Number));
        let third = || Box::new(of(window(0), Divide, number(3)));
        // Window 0 is 1, window 1 is 4, window 2 unknown, window 3 zero.
        let cases = [
            (MeasureFormula::Window(1), Some("4")),
            (of(third(), Multiply, number(3)), Some("1")),
            (of(window(1), Subtract, window(0)), Some("3")),
            (of(window(1), Add, window(2)), None),
            (of(window(1), Divide, window(3)), None),
            (of(window(3), Divide, window(1)), Some("0")),
        ];
        let measured = |index| match index {
            0 => Some(MeasureValue::count(1)),
            1 => Some(MeasureValue::count(4)),
            3 => Some(MeasureValue::count(0)),
            _ => None,
        };
        for (formula, want) in cases {
            let got = value(&formula, &measured).and_then(|value| value.decimal());
            assert_eq!(got, want.map(|text| Decimal::parse(text).unwrap()), "{formula:?}");
        }
    }
}
