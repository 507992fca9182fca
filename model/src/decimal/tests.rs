use super::*;

fn units(text: &str) -> Result<i128, DecimalError> {
    Decimal::parse(text).map(Decimal::units)
}

#[test]
fn reads_json_numbers_exactly() {
    let cases: &[(&str, i128)] = &[
        ("0", 0),
        ("-0", 0),
        ("10", 10 * SCALE),
        ("0.05", 50_000_000),
        ("-12.5e3", -12_500 * SCALE),
        ("1E+2", 100 * SCALE),
        ("85.835", 85_835_000_000),
        ("1e-9", 1),
        ("51.846000000000004", 51_846_000_000),
        ("1e20", LIMIT),
        ("0e999", 0),
        ("1e-999", 0),
    ];
    for (text, want) in cases {
        assert_eq!(units(text), Ok(*want), "{text}");
    }
}

#[test]
fn rounds_half_to_even_once() {
    let cases: &[(&str, i128)] = &[
        ("0.0000000005", 0),
        ("0.0000000015", 2),
        ("0.00000000050000001", 1),
        ("0.0000000025", 2),
        ("-0.0000000015", -2),
        ("15e-10", 2),
    ];
    for (text, want) in cases {
        assert_eq!(units(text), Ok(*want), "{text}");
    }
}

#[test]
fn refuses_what_is_no_number() {
    for text in ["", "-", "1.", ".5", "1e", "1e+", "NaN", "0x10", "1 ", "１", "+1", "1_000"] {
        assert_eq!(units(text), Err(DecimalError::Malformed), "{text:?}");
    }
    for text in ["1e999", "-1e21", "100000000000000000001", "1e2147483648"] {
        assert_eq!(units(text), Err(DecimalError::OutOfRange), "{text}");
    }
}

#[test]
fn prints_the_shortest_text_that_reads_back() {
    for text in ["0", "10", "-0.05", "0.000000001", "-12500", "85.835"] {
        assert_eq!(Decimal::parse(text).map(|d| d.to_string()), Ok(text.to_owned()));
    }
}

#[test]
fn divides_half_to_even_with_any_signs() {
    let cases = [
        (1, 2, 0),
        (3, 2, 2),
        (5, 2, 2),
        (-1, 2, 0),
        (-3, 2, -2),
        (3, -2, -2),
        (7, 3, 2),
        (-7, 3, -2),
        (8, 3, 3),
        (-8, -3, 3),
    ];
    for (a, b, want) in cases {
        assert_eq!(divide_half_even(a, b), want, "{a}/{b}");
    }
}

#[test]
fn floats_become_the_decimal_a_person_would_write() {
    assert_eq!(Decimal::from_f64(85.835), Decimal::parse("85.835"));
    assert_eq!(Decimal::from_f64(f64::NAN), Err(DecimalError::OutOfRange));
    assert_eq!(Decimal::from_f64(1e300), Err(DecimalError::OutOfRange));
}

#[test]
fn arithmetic_refuses_what_leaves_the_range() {
    let big = Decimal::parse("1e20").unwrap();
    assert_eq!(big.checked_mul(big), None);
    assert_eq!(Decimal::ONE.checked_div(Decimal::ZERO), None);
    assert_eq!(Decimal::from_int(10).checked_div(Decimal::from_int(4)), Decimal::parse("2.5").ok());
    assert_eq!(Decimal::from_int(3).shift(-3), Decimal::parse("0.003").ok());
    assert_eq!(Decimal::from_millis(-1).to_millis(), Some(-1));
}
