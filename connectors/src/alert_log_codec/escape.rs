//! Escapes of the lines: every ASCII control, delete included, is one.

use std::io::{self, Write};

use serde_json::ser::{CharEscape, CompactFormatter, Formatter};

/// Compact JSON in which controls without a letter of their own in these lines, backspace and
/// form feed among them, are written `\u00xx`.
pub(super) struct AsciiControls;

const BACKSPACE: u8 = 0x08;
const FORM_FEED: u8 = 0x0c;
const DELETE: u8 = 0x7f;

impl Formatter for AsciiControls {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment.as_bytes();
        while let Some(at) = memchr::memchr(DELETE, rest) {
            let (plain, after) = rest.split_at(at);
            writer.write_all(plain)?;
            write!(writer, "\\u{DELETE:04x}")?;
            rest = after.get(1..).unwrap_or_default();
        }
        writer.write_all(rest)
    }

    fn write_char_escape<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        let escape = match escape {
            CharEscape::Backspace => CharEscape::AsciiControl(BACKSPACE),
            CharEscape::FormFeed => CharEscape::AsciiControl(FORM_FEED),
            other => other,
        };
        CompactFormatter.write_char_escape(writer, escape)
    }
}
