use super::*;

fn decimal(text: &str) -> Decimal {
    Decimal::parse(text).unwrap()
}

fn ratio(numerator: i64, denominator: i64) -> Box<BigRational> {
    Box::new(BigRational::new(numerator.into(), denominator.into()))
}

#[test]
fn values_are_shown_rounded_and_compared_exactly() {
    // (value, shown, a level, how it stands to the level)
    let cases = [
        (MeasureValue::count(3), "3", "3", Ordering::Equal),
        (MeasureValue::Fraction { numerator: 1, denominator: 3 }, "0", "0", Ordering::Greater),
        (MeasureValue::Exact(ratio(1, 3)), "0.333333333", "0.333333333", Ordering::Greater),
        (MeasureValue::Exact(ratio(2, 3)), "0.666666667", "0.666666667", Ordering::Less),
        (MeasureValue::Exact(ratio(-2, 3)), "-0.666666667", "-0.666666667", Ordering::Greater),
        (MeasureValue::Exact(ratio(1, 2_000_000_000)), "0", "0", Ordering::Greater),
        (MeasureValue::Exact(ratio(3, 2_000_000_000)), "0.000000002", "0", Ordering::Greater),
        (MeasureValue::Root(ratio(2, 1)), "1.414213562", "1.414213562", Ordering::Greater),
        (MeasureValue::Root(ratio(3, 1)), "1.732050808", "1.732050808", Ordering::Less),
        (MeasureValue::Root(ratio(9, 4)), "1.5", "1.5", Ordering::Equal),
        (MeasureValue::Root(ratio(0, 1)), "0", "-1", Ordering::Greater),
    ];
    for (value, shown, level, want) in cases {
        assert_eq!(value.decimal(), Some(decimal(shown)), "{value:?}");
        assert_eq!(value.compare(decimal(level)), want, "{value:?} to {level}");
        let exact = value.exact().unwrap();
        let rounds_to = MeasureValue::Exact(Box::new(exact)).decimal();
        assert_eq!(rounds_to, Some(decimal(shown)), "{value:?}");
    }
}

#[test]
fn what_no_decimal_holds_is_compared_but_not_shown() {
    let huge = BigRational::from_integer(BigInt::from(i128::MAX));
    let huge = MeasureValue::Exact(Box::new(huge));
    assert_eq!(huge.decimal(), None);
    assert_eq!(huge.compare(decimal("100000000000000000000")), Ordering::Greater);
}
