use model::schema::{TimeFormat, UnixUnit};
use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn addresses_are_those_of_the_standard_library(
        text in prop_oneof![
            "[0-9]{1,3}(\\.[0-9]{1,3}){3}",
            "(0|25[0-9]|[1-9][0-9]?|300)?(\\.(0|00|1|255|256)?){2,4}",
            "[0-9. a]{0,16}",
            any::<[u8; 4]>().prop_map(|octets| Ipv4Addr::from(octets).to_string()),
        ],
    ) {
        prop_assert_eq!(parse_ipv4(&text), text.parse().ok(), "{}", text);
    }

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
