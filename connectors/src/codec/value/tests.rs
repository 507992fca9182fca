use model::schema::{TimeFormat, UnixUnit};
use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// A fraction of zero takes the long way, and changes nothing.
    #[test]
    fn plain_digits_are_read_as_with_a_fraction(text in "[0-9]{1,20}") {
        let long = format!("{text}.0");
        prop_assert_eq!(read_int(&text), read_int(&long), "{}", text);
        for unit in [UnixUnit::Seconds, UnixUnit::Milliseconds, UnixUnit::Nanoseconds] {
            let reader = TimeReader::new(&TimeFormat::Unix(unit), None).unwrap();
            let short = reader.read_number(&text);
            prop_assert_eq!(short, reader.read_number(&long), "{} {:?}", text, unit);
        }
    }
}
