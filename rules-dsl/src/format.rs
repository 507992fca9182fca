//! The formatter: the same tokens and comments in one layout.
//!
//! It moves white space only. Words, numbers, texts and comments stay as their author wrote
//! them, in the order written, so a compact level stays compact and a Japanese unit Japanese.
//! Line breaks of the author are kept where a line may break; what is longer than
//! [`COLUMNS`] breaks there as well.

mod pieces;
mod spacing;

use std::ops::Range;

use crate::diagnostic::{Diagnostic, has_errors};
use crate::parse::parse;
use crate::source::{SourceFile, columns};
use pieces::{FormatPieces, pieces};
use spacing::{begins_clause, gap};

/// Columns of a line; wide characters take two.
pub const COLUMNS: usize = 100;
const INDENT: usize = 2;

/// Entries between braces, or in the file around them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BraceBody {
    /// Statements.
    File,
    /// `message`, `runbook` and `labels` of an alert.
    Tail,
    /// `start`, `given` and `expect` of a test.
    Steps,
    /// `"…" => outcome "failure"` of an extraction.
    Patterns,
    /// Severities and levels of a ladder.
    Rungs,
    /// Anything with commas between.
    Fields,
}

/// A file in the one layout; formatting that again changes nothing.
///
/// # Errors
/// Diagnostics of a file that cannot be read as statements: it is left alone.
pub fn format(file: &SourceFile) -> Result<String, Vec<Diagnostic>> {
    let (read, found) = parse(0, &file.text);
    if has_errors(&found) {
        return Err(found);
    }
    let laid_out = lay_out(&file.text);
    // Keep the text as it is if its layout would change the meaning of a rule.
    let is_safe = parse(0, &laid_out) == (read, found);
    Ok(if is_safe { laid_out } else { file.text.clone() })
}

/// The layout of a text that has no errors.
pub(crate) fn lay_out(source: &str) -> String {
    let pieces = pieces(source);
    let mut layout = TextLayout::new(&pieces);
    layout.body(0..pieces.len(), 0, BraceBody::File);
    layout.finish()
}

/// The text so far, and where it stands.
struct TextLayout<'a> {
    pieces: &'a FormatPieces<'a>,
    lines: Vec<LayoutLine>,
    /// The word of the statement being written.
    statement: &'a str,
}

/// One line of the result.
#[derive(Default)]
struct LayoutLine {
    indent: usize,
    text: String,
    comment: String,
}

impl<'a> TextLayout<'a> {
    fn new(pieces: &'a FormatPieces<'a>) -> TextLayout<'a> {
        TextLayout { pieces, lines: Vec::new(), statement: "" }
    }

    /// Writes what stands in a body, each entry indented by `base`.
    fn body(&mut self, range: Range<usize>, base: usize, body: BraceBody) {
        let (mut at, mut breaks, mut parentheses) = (range.start, true, 0_usize);
        let opening = self.lines.len();
        while at < range.end {
            let piece = self.pieces.get(at);
            let is_first = at == range.start;
            let has_blank = piece.line_ends > 1 && self.lines.len() > opening;
            if piece.is_comment() {
                let resumes = at + 1 < range.end && !self.begins_entry(at + 1, body);
                let resumes = resumes && !self.pieces.get(at + 1).is_comment();
                self.comment(at, if resumes { base + INDENT } else { base }, has_blank);
                (at, breaks) = (at + 1, true);
                continue;
            }
            let is_entry = is_first || self.begins_entry(at, body);
            if is_entry {
                parentheses = 0;
                if body == BraceBody::File {
                    self.statement = piece.word();
                }
            }
            parentheses = parentheses.saturating_sub(usize::from(piece.is(")")));
            let may_break = is_entry || self.may_break(at, body);
            let is_due = breaks
                || (is_entry && body.breaks_at_entries())
                || (may_break && (piece.line_ends > 0 || !self.fits(at, range.end, body)));
            if is_due {
                let deeper = if is_entry { 0 } else { INDENT * (1 + parentheses) };
                self.line(base + deeper, has_blank);
            } else {
                self.write(self.gap(at, body));
            }
            breaks = false;
            parentheses += usize::from(piece.is("("));
            at = match piece.partner {
                Some(end) if piece.is("{") => self.group(at, end, body),
                _ => {
                    self.write(piece.text);
                    at + 1
                }
            };
        }
    }

    /// Writes from one brace to the other; returns what comes after.
    fn group(&mut self, open: usize, close: usize, around: BraceBody) -> usize {
        let body = self.body_at(open, around);
        let inner = open + 1..close;
        let flat = self.flat(inner.clone(), body);
        let is_broken = (open + 1..=close).any(|at| {
            let piece = self.pieces.get(at);
            piece.is_comment() || piece.line_ends > 0
        });
        let width = self.column() + columns(&flat) + 4;
        if inner.is_empty() {
            self.write("{}");
        } else if !is_broken && width <= COLUMNS {
            self.write(&format!("{{ {flat} }}"));
        } else {
            let indent = self.lines.last().map_or(0, |line| line.indent);
            self.write("{");
            self.body(inner, indent + INDENT, body);
            self.line(indent, false);
            self.write("}");
        }
        close + 1
    }

    /// A body on one line, without its braces.
    fn flat(&self, range: Range<usize>, body: BraceBody) -> String {
        let mut out = String::new();
        let (mut at, start) = (range.start, range.start);
        while at < range.end {
            let piece = self.pieces.get(at);
            if at > start {
                out.push_str(self.gap(at, body));
            }
            match piece.partner {
                Some(close) if piece.is("{") && close > at + 1 => {
                    let inner = self.flat(at + 1..close, self.body_at(at, body));
                    out.push_str(&format!("{{ {inner} }}"));
                    at = close;
                }
                _ => out.push_str(piece.text),
            }
            at += 1;
        }
        out
    }

    fn body_at(&self, open: usize, around: BraceBody) -> BraceBody {
        let before = |back: usize| open.checked_sub(back).map(|at| self.pieces.get(at).word());
        match (self.statement, around) {
            ("test", BraceBody::File) => BraceBody::Steps,
            ("alert", BraceBody::File) if before(1) == Some("ladder") => BraceBody::Rungs,
            ("alert", BraceBody::File) => BraceBody::Tail,
            ("stream", BraceBody::File) if before(2) == Some("extract") => BraceBody::Patterns,
            _ => BraceBody::Fields,
        }
    }

    fn begins_entry(&self, at: usize, body: BraceBody) -> bool {
        let (piece, before) = (self.pieces.get(at), self.pieces.before(at));
        match body {
            BraceBody::File => self.pieces.begins_statement(at),
            BraceBody::Tail => ["message", "runbook", "labels"].contains(&piece.word()),
            BraceBody::Steps => {
                let is_step = ["start", "given", "expect"].contains(&piece.word());
                is_step && before.is_none_or(|before| before.word() != "given")
            }
            BraceBody::Patterns => piece.is_text() && before.is_none_or(|before| !before.is_word()),
            BraceBody::Rungs => piece.is_severity(),
            BraceBody::Fields => before.is_some_and(|before| before.is(",")),
        }
    }

    /// True when a line may break before a piece that does not start an entry.
    fn may_break(&self, at: usize, body: BraceBody) -> bool {
        match body {
            BraceBody::File | BraceBody::Steps => begins_clause(self.pieces, at, self.statement),
            _ => false,
        }
    }

    /// True when what stands up to the next place of a break has room on this line.
    fn fits(&self, at: usize, end: usize, body: BraceBody) -> bool {
        let mut width =
            self.column() + self.gap(at, body).len() + columns(self.pieces.get(at).text);
        for next in at + 1..end {
            let piece = self.pieces.get(next);
            // When an event happens is one thing to read: `at 0s every 6s x10`.
            let ends = body != BraceBody::Steps && self.may_break(next, body);
            if piece.is_comment() || self.begins_entry(next, body) || ends {
                break;
            }
            width += self.gap(next, body).len() + columns(piece.text);
            if piece.is("{") {
                break;
            }
        }
        width <= COLUMNS
    }

    fn gap(&self, at: usize, body: BraceBody) -> &'static str {
        let is_wide = matches!(body, BraceBody::Rungs | BraceBody::Patterns);
        if is_wide && self.begins_entry(at, body) { "  " } else { gap(self.pieces, at) }
    }

    fn comment(&mut self, at: usize, indent: usize, has_blank: bool) {
        let piece = self.pieces.get(at);
        match self.lines.last_mut() {
            Some(line) if piece.line_ends == 0 => piece.text.clone_into(&mut line.comment),
            _ => {
                self.line(indent, has_blank);
                self.write(piece.text);
            }
        }
    }

    fn line(&mut self, indent: usize, after_blank: bool) {
        if after_blank && !self.lines.is_empty() {
            self.lines.push(LayoutLine::default());
        }
        self.lines.push(LayoutLine { indent, ..LayoutLine::default() });
    }

    fn write(&mut self, text: &str) {
        if let Some(line) = self.lines.last_mut() {
            line.text.push_str(text);
        }
    }

    fn column(&self) -> usize {
        self.lines.last().map_or(0, |line| line.indent + columns(&line.text))
    }

    /// The lines as text; comments at the ends of neighbouring lines stand under each other.
    fn finish(self) -> String {
        let mut out = String::new();
        for run in self.lines.chunk_by(|a, b| !a.comment.is_empty() && !b.comment.is_empty()) {
            let width = |line: &LayoutLine| line.indent + columns(&line.text);
            let widest = run.iter().map(width).max().unwrap_or(0);
            for line in run {
                if !line.text.is_empty() {
                    out.extend(std::iter::repeat_n(' ', line.indent));
                    out.push_str(&line.text);
                }
                if !line.comment.is_empty() {
                    out.extend(std::iter::repeat_n(' ', widest - width(line) + 2));
                    out.push_str(&line.comment);
                }
                out.push('\n');
            }
        }
        out
    }
}

impl BraceBody {
    /// True when each entry has a line of its own.
    const fn breaks_at_entries(self) -> bool {
        matches!(self, BraceBody::File | BraceBody::Tail | BraceBody::Steps | BraceBody::Patterns)
    }
}

#[cfg(test)]
mod tests;
