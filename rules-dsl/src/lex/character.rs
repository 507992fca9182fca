//! Characters: which are twins of ASCII, and which only look harmless.

use unicode_normalization::UnicodeNormalization;

/// The character a rule means: full-width forms and a list of our own become their ASCII
/// twins, everything else stays.
pub(super) fn fold(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5d}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        '≧' | '≥' => '≧',
        '≦' | '≤' => '≦',
        '\u{301c}' | '\u{ff5e}' => '~',
        '\u{2212}' => '-',
        _ => c,
    }
}

/// Whether NFKC would turn a character into ASCII digits, letters or a unit without anybody
/// noticing: circled, superscript, subscript and squared forms. Full-width forms are meant.
pub(super) fn disguised(c: char) -> bool {
    if c.is_ascii() || matches!(c, '\u{ff00}'..='\u{ffef}') {
        return false;
    }
    let squared =
        matches!(c, '\u{2460}'..='\u{24ff}' | '\u{2776}'..='\u{2793}' | '\u{3200}'..='\u{33ff}');
    squared || c.nfkc().any(|plain| plain != c && plain.is_ascii_alphanumeric())
}

/// Quotation marks of other keyboards.
pub(super) fn quote_like(c: char) -> bool {
    matches!(c, '“' | '”' | '‘' | '’' | '「' | '」' | '『' | '』' | '\'' | '〝' | '〟' | '«' | '»')
}
