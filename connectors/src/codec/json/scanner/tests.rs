use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn eight_bytes_at_once_are_eight_bytes_in_turn(
        // Any byte, and often one of those that matter or their neighbours.
        eight in proptest::array::uniform8(prop_oneof![
            any::<u8>(),
            proptest::sample::select(b"\"\\!#[]\x00\x1f \x7f\x80\xa2\xdc\xff".to_vec()),
        ]),
    ) {
        let special = eight.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
        prop_assert_eq!(plain_before(eight), special.unwrap_or(8), "{:?}", eight);
    }

    #[test]
    fn a_token_begins_what_starts_with_it(name in "[a\"東]{0,12}", rest in "[a\":東]{0,20}") {
        let token = JsonNeedle::new(format!("{name}:"));
        for text in [rest.clone(), format!("{name}:"), format!("{name}:{rest}")] {
            let begins = text.starts_with(&format!("{name}:"));
            prop_assert_eq!(token.begins(text.as_bytes()), begins, "{} in {}", name, text);
        }
    }
}
