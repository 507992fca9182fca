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

/// Texts of a number's characters, drawn by a xorshift (Marsaglia 2003).
fn drawn_texts(count: usize) -> impl Iterator<Item = String> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    (0..count).map(move |_| {
        // Mostly digits, so that many of the texts are numbers.
        let letters = b"01234567890123456789012345678901234567899.-e";
        let length = draw(22);
        (0..length).map(|_| letters[draw(letters.len() as u64) as usize] as char).collect()
    })
}

#[test]
fn short_numbers_are_read_as_the_long_way_reads_them() {
    let mut short = 0;
    for text in drawn_texts(50_000) {
        for power in [-9, -2, 0, 3] {
            let any = Decimal::parse_any(&text, power);
            assert_eq!(Decimal::parse_scaled(&text, power), any, "{text} × 10^{power}");
            short += usize::from(parse_short(&text, power).is_some());
        }
        if let Some(whole) = parse_digits(&text) {
            assert_eq!(text.parse(), Ok(whole));
        }
    }
    assert!(short > 50_000, "only {short} took the short way");
}

#[test]
fn whole_numbers_are_whole_on_both_sides_of_64_bits() {
    for whole in [0, 1, -1, 9_223_372_036, 9_223_372_037, i64::MIN, i64::MAX] {
        let number = Decimal::from_int(whole);
        assert_eq!(number.to_int(), Some(whole));
        assert_eq!(Decimal(number.0 + 1).to_int(), None, "{whole}");
    }
    assert_eq!(Decimal((i128::from(i64::MAX) + 1) * SCALE).to_int(), None);
}
