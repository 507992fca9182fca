//! Characters: which are twins of ASCII, and which only look harmless.

use unicode_ident::is_xid_start;
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

/// True when NFKC would turn a character into ASCII digits, letters or a unit without anybody
/// noticing: circled, superscript, subscript and squared forms. Full-width forms are meant.
pub(super) fn disguised(c: char) -> bool {
    if c.is_ascii() || matches!(c, '\u{ff00}'..='\u{ffef}') {
        return false;
    }
    let squared =
        matches!(c, '\u{2460}'..='\u{24ff}' | '\u{2776}'..='\u{2793}' | '\u{3200}'..='\u{33ff}');
    squared || c.nfkc().any(|plain| plain != c && plain.is_ascii_alphanumeric())
}

/// True for an invisible character, by which two names that look alike would differ: joiners,
/// fillers, variation selectors and other default-ignorable code points.
pub(super) fn unseen(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// True when a character makes a line look like another one even in a comment or text: it turns
/// the direction of writing, or starts a line for an editor but not for the language.
pub(super) fn misleading(c: char) -> bool {
    matches!(
        c,
        '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
    )
}

/// Quotation marks of other keyboards.
pub(super) fn quote_like(c: char) -> bool {
    matches!(c, '“' | '”' | '‘' | '’' | '「' | '」' | '『' | '』' | '\'' | '〝' | '〟' | '«' | '»')
}

/// True for a character that may start a word.
pub(crate) fn begins_word(c: char) -> bool {
    c == '_' || is_xid_start(c)
}
