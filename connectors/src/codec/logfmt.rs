//! Logfmt lines: `key=value` pairs, as <https://brandur.org/logfmt> describes them.

use memchr::memchr2_iter;

use crate::codec::error::{DecodeReason, ExpectedInput};

/// One pair; texts are parts of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LogfmtPair<'a> {
    pub key: &'a str,
    pub value: PairValue<'a>,
}

/// Value after a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PairValue<'a> {
    /// No value: a key alone means true.
    Alone,
    /// Everything up to the next space.
    Bare(&'a str),
    /// Text in double quotes, escapes and all.
    Quoted(&'a str),
}

/// Takes the next pair off a line; `None` at its end.
///
/// # Errors
/// The bytes before the place at which something else should stand, and what.
pub(super) fn next_pair<'a>(
    line: &'a str,
    rest: &mut &'a str,
) -> Result<Option<LogfmtPair<'a>>, (usize, DecodeReason)> {
    let text = rest.trim_start_matches(is_gap);
    let place = |at: &str| at.as_ptr() as usize - line.as_ptr() as usize;
    let wrong = |at: &str, what| Err((place(at), DecodeReason::Logfmt(what)));
    if text.is_empty() {
        *rest = text;
        return Ok(None);
    }
    let end = text.find(|c| is_gap(c) || c == '=' || c == '"').unwrap_or(text.len());
    let (key, after) = text.split_at(end);
    if key.is_empty() || after.starts_with('"') {
        return wrong(after, ExpectedInput::Key);
    }
    let Some(after) = after.strip_prefix('=') else {
        *rest = after;
        return Ok(Some(LogfmtPair { key, value: PairValue::Alone }));
    };
    let Some(quoted) = after.strip_prefix('"') else {
        let end = after.find(is_gap).unwrap_or(after.len());
        let (value, left) = after.split_at(end);
        *rest = left;
        return Ok(Some(LogfmtPair { key, value: PairValue::Bare(value) }));
    };
    let Some(end) = closing_quote(quoted) else {
        return wrong(after, ExpectedInput::ClosingQuote);
    };
    let (value, left) = (quoted.get(..end).unwrap_or(""), quoted.get(end + 1..).unwrap_or(""));
    if !left.is_empty() && !left.starts_with(is_gap) {
        return wrong(left, ExpectedInput::Gap);
    }
    *rest = left;
    Ok(Some(LogfmtPair { key, value: PairValue::Quoted(value) }))
}

const fn is_gap(c: char) -> bool {
    c.is_ascii_whitespace()
}

/// The first quote that no backslash escapes.
fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = None;
    memchr2_iter(b'"', b'\\', text.as_bytes()).find(|at| {
        if escaped == Some(*at) {
            return false;
        }
        let is_escape = text.as_bytes().get(*at) == Some(&b'\\');
        escaped = is_escape.then_some(at + 1);
        !is_escape
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::PairValue::{Alone, Bare, Quoted};
    use super::*;

    fn pairs(line: &str) -> Result<Vec<(&str, PairValue<'_>)>, usize> {
        let (mut rest, mut pairs) = (line, Vec::new());
        while let Some(LogfmtPair { key, value }) =
            next_pair(line, &mut rest).map_err(|(byte, _)| byte)?
        {
            pairs.push((key, value));
        }
        Ok(pairs)
    }

    #[test]
    fn lines_are_pairs() {
        let cases: [(&str, &[(&str, PairValue<'_>)]); 8] = [
            ("", &[]),
            (" \t", &[]),
            ("a=1 b=x", &[("a", Bare("1")), ("b", Bare("x"))]),
            ("ok a= b", &[("ok", Alone), ("a", Bare("")), ("b", Alone)]),
            ("q=a=b?c=d", &[("q", Bare("a=b?c=d"))]),
            (r#"m="a b" n="" "#, &[("m", Quoted("a b")), ("n", Quoted(""))]),
            (r#"m="say \"hi\" \\" n=1"#, &[("m", Quoted(r#"say \"hi\" \\"#)), ("n", Bare("1"))]),
            ("user.name=山田　太郎", &[("user.name", Bare("山田　太郎"))]),
        ];
        for (line, want) in cases {
            assert_eq!(pairs(line).as_deref(), Ok(want), "{line}");
        }
        let wrong = [
            ("=1", 0),
            ("a=1 =2", 4),
            (r#"a="b"#, 2),
            (r#"a="b\""#, 2),
            (r#"a"b""#, 1),
            (r#"a="b"c"#, 5),
        ];
        for (line, byte) in wrong {
            assert_eq!(pairs(line), Err(byte), "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_answered(line in "[ -~山\\t\\\\\"=]{0,40}") {
            if let Err(byte) = pairs(&line) {
                prop_assert!(line.is_char_boundary(byte));
            }
        }
    }
}
