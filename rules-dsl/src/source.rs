//! Rule files and the places in them.

use unicode_width::UnicodeWidthChar;

/// Columns a tab takes in drawn source lines.
const TAB_COLUMNS: usize = 4;

/// One rule file, read by the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Name in diagnostics; usually its path.
    pub name: String,
    /// Its whole text.
    pub text: String,
}

/// A range of bytes in one of the files being compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceSpan {
    /// Index of the file.
    pub file: usize,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl SourceSpan {
    /// From the start of this place to the end of another one.
    pub fn to(self, other: SourceSpan) -> SourceSpan {
        SourceSpan { file: self.file, start: self.start, end: other.end.max(self.start) }
    }
}

/// A line and a column, both counted from 1; columns are characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinePosition {
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

impl SourceFile {
    /// The position of a byte; past the end it is the end.
    pub fn position(&self, byte: usize) -> LinePosition {
        let before = self.text.get(..self.boundary(byte)).unwrap_or(&self.text);
        let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(start..).unwrap_or("").chars().count() + 1;
        LinePosition { line, column }
    }

    /// The line that holds a byte, without its line end, and the byte at which it starts.
    pub(crate) fn line_at(&self, byte: usize) -> (&str, usize) {
        let at = self.boundary(byte);
        let before = self.text.get(..at).unwrap_or("");
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let rest = self.text.get(start..).unwrap_or("");
        let line = rest.split('\n').next().unwrap_or("");
        (line.trim_end_matches('\r'), start)
    }

    fn boundary(&self, byte: usize) -> usize {
        let mut at = byte.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

/// Number of terminal columns that a drawn text takes.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().map(|c| if c == '\t' { TAB_COLUMNS } else { c.width().unwrap_or(1) }).sum()
}

/// A source text as it may be drawn: tabs are spaces, and what could move the cursor or
/// turn the direction of writing is a replacement character of the same width.
pub(crate) fn drawable(text: &str) -> String {
    let mut drawn = String::with_capacity(text.len());
    for c in text.chars() {
        let marks = matches!(c, '\u{200e}' | '\u{200f}' | '\u{2066}'..='\u{2069}');
        let turns = marks || matches!(c, '\u{202a}'..='\u{202e}');
        match c {
            '\t' => drawn.extend(std::iter::repeat_n(' ', TAB_COLUMNS)),
            _ if c.is_control() => drawn.push('\u{fffd}'),
            _ if turns => {}
            _ => drawn.push(c),
        }
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters() {
        let file = SourceFile { name: "a".to_owned(), text: "ab\n認証 x\r\ny".to_owned() };
        let cases = [
            (0, 1, 1),
            (1, 1, 2),
            (3, 2, 1),
            (6, 2, 2),
            (7, 2, 2),
            (10, 2, 4),
            (13, 3, 1),
            (99, 3, 2),
        ];
        for (byte, line, column) in cases {
            assert_eq!(file.position(byte), LinePosition { line, column }, "byte {byte}");
        }
        assert_eq!(file.line_at(4), ("認証 x", 3));
    }

    #[test]
    fn wide_characters_take_two_columns() {
        let cases = [("ab", 2), ("認証", 4), ("１０％", 6), ("\t", 4), ("ｶﾀ", 2)];
        for (text, width) in cases {
            assert_eq!(columns(text), width, "{text}");
            assert_eq!(columns(&drawable(text)), width, "{text}");
        }
        assert_eq!(drawable("a\u{1b}[31m\u{202e}b"), "a\u{fffd}[31mb");
    }
}
