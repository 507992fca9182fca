//! Rendering of diagnostics as text.

use std::fmt::Write as _;

use model::message::Language;

use super::code::DiagnosticLevel;
use super::finding::Diagnostic;
use crate::source::{SourceFile, SourceSpan, columns, drawable};

/// Columns of source shown before the marked text when a line is long.
const BEFORE_COLUMNS: usize = 60;
/// Columns of source shown from the marked text on.
const AFTER_COLUMNS: usize = 80;

impl Diagnostic {
    /// Renders the finding: headline, source line with carets, and help.
    ///
    /// `files` are the ones given to [`crate::compile`], in the same order.
    pub fn render(&self, files: &[SourceFile], language: Language) -> String {
        rendered(self, files, language)
    }
}

fn rendered(diagnostic: &Diagnostic, files: &[SourceFile], language: Language) -> String {
    let word = match (diagnostic.level, language) {
        (DiagnosticLevel::Error, Language::En) => "error",
        (DiagnosticLevel::Error, Language::Ja) => "エラー",
        (DiagnosticLevel::Warning, Language::En) => "warning",
        (DiagnosticLevel::Warning, Language::Ja) => "警告",
    };
    let id = diagnostic.code.id();
    let mut out = format!("{word}[{id}]: {}\n", drawable(diagnostic.message.get(language)));
    let place = SourceSpan {
        file: diagnostic.file,
        start: diagnostic.span.start,
        end: diagnostic.span.end,
    };
    let margin = draw_source(&mut out, files, place);
    let mut note = |en: &str, ja: &str, text: &str| {
        let name = if language == Language::Ja { ja } else { en };
        // Writing into a String cannot fail.
        let _ = writeln!(out, "{margin} = {name}: {}", drawable(text));
    };
    if let Some(found) = &diagnostic.found {
        note("found", "検出", found.get(language));
    }
    if let Some(expected) = &diagnostic.expected {
        note("expected", "書けるもの", expected.get(language));
    }
    for help in &diagnostic.help {
        note("help", "ヒント", help.get(language));
    }
    if let Some((place, text)) = &diagnostic.related {
        let text = format!("{} ({})", text.get(language), location(files, *place));
        note("note", "参考", &text);
    }
    out
}

fn location(files: &[SourceFile], place: SourceSpan) -> String {
    match files.get(place.file) {
        Some(file) => {
            let position = file.position(place.start);
            format!("{}:{}:{}", drawable(&file.name), position.line, position.column)
        }
        None => "-".to_owned(),
    }
}

/// Draws the line with its carets; returns the margin the notes are aligned with.
fn draw_source(out: &mut String, files: &[SourceFile], place: SourceSpan) -> String {
    let Some(file) = files.get(place.file) else {
        return " ".to_owned();
    };
    let number = file.position(place.start).line.to_string();
    let margin = " ".repeat(number.len());
    let (line, line_start) = file.line_at(place.start);
    let start = place.start.saturating_sub(line_start).min(line.len());
    let end = place.end.saturating_sub(line_start).clamp(start, line.len());
    let before = tail(line.get(..start).unwrap_or(""));
    let marked = line.get(start..end).unwrap_or("");
    let shown = head(line.get(start..).unwrap_or(""));
    let carets = columns(head(marked)).max(1);
    let cut = if before.len() < start { "…" } else { "" };
    let _ = writeln!(out, "{margin}--> {}", location(files, place));
    let _ = writeln!(out, "{margin} |");
    let _ = writeln!(out, "{number} | {cut}{}{}", drawable(before), drawable(shown));
    let indent = " ".repeat(columns(cut) + columns(&drawable(before)));
    let _ = writeln!(out, "{margin} | {indent}{}", "^".repeat(carets));
    margin
}

/// The end of a text that fits in [`BEFORE_COLUMNS`].
fn tail(text: &str) -> &str {
    let mut width = 0;
    for (at, c) in text.char_indices().rev() {
        width += columns(c.encode_utf8(&mut [0; 4]));
        if width > BEFORE_COLUMNS {
            return text.get(at + c.len_utf8()..).unwrap_or("");
        }
    }
    text
}

/// The start of a text that fits in [`AFTER_COLUMNS`].
fn head(text: &str) -> &str {
    let mut width = 0;
    for (at, c) in text.char_indices() {
        width += columns(c.encode_utf8(&mut [0; 4]));
        if width > AFTER_COLUMNS {
            return text.get(..at).unwrap_or("");
        }
    }
    text
}
