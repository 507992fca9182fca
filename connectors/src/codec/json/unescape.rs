//! JSON's escapes back to the characters they stand for.

/// Appends a checked string's content without its escapes; `false` for half a surrogate pair,
/// which is no text.
pub(in crate::codec) fn unescape(raw: &str, out: &mut String) -> bool {
    let mut rest = raw;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut after = escape.chars();
        let decoded = match after.next() {
            Some('b') => Some('\u{8}'),
            Some('f') => Some('\u{c}'),
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('t') => Some('\t'),
            Some('u') => {
                let (decoded, left) = unescape_unit(after.as_str());
                after = left.chars();
                decoded
            }
            other => other,
        };
        let Some(decoded) = decoded else {
            return false;
        };
        out.push(decoded);
        rest = after.as_str();
    }
    out.push_str(rest);
    true
}

/// The character of `XXXX` or `XXXX\uXXXX`, and what follows it.
fn unescape_unit(text: &str) -> (Option<char>, &str) {
    let unit = |text: &str| text.get(..4).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let after = text.get(4..).unwrap_or_default();
    let Some(first) = unit(text) else {
        return (None, after);
    };
    if !(0xd800..0xdc00).contains(&first) {
        return (char::from_u32(first), after);
    }
    let second = after.strip_prefix("\\u").and_then(unit);
    let Some(second @ 0xdc00..0xe000) = second else {
        return (None, after);
    };
    let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    (char::from_u32(code), after.get(6..).unwrap_or_default())
}
