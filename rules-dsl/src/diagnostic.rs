//! What is wrong with a rule, said so that it can be mended.

mod code;
mod render;
mod wording;

pub use code::Code;

use model::message::{Language, show_duration};

use crate::source::{Place, SourceFile};

/// Most diagnostics one run reports; what follows them is cut.
pub const DIAGNOSTICS_MAX: usize = 200;

/// A text in both languages people read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// English.
    pub en: String,
    /// Japanese.
    pub ja: String,
}

impl Text {
    /// The text in one language.
    pub fn get(&self, language: Language) -> &str {
        match language {
            Language::En => &self.en,
            Language::Ja => &self.ja,
        }
    }

    /// One text for both languages, such as a piece of a rule.
    pub(crate) fn same(text: &str) -> Text {
        Text { en: text.to_owned(), ja: text.to_owned() }
    }
}

/// A length of time in both languages.
pub(crate) fn lasting(millis: i64) -> Text {
    Text { en: show_duration(millis, Language::En), ja: show_duration(millis, Language::Ja) }
}

/// `text!("english {x}", "日本語 {x}")`: both languages filled from the variables around.
macro_rules! text {
    ($en:literal, $ja:literal $(,)?) => {
        $crate::diagnostic::Text {
            en: format_args!($en).to_string(),
            ja: format_args!($ja).to_string(),
        }
    };
}
pub(crate) use text;
pub(crate) use wording::{texts, wordings};

/// How bad a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The rules do not run.
    Error,
    /// They run, but probably not as meant.
    Warning,
}

/// One finding at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What it is about, for machines and for looking it up.
    pub code: Code,
    /// How bad it is.
    pub level: Level,
    /// Index of the file.
    pub file: usize,
    /// The bytes of the file it is about.
    pub span: std::ops::Range<usize>,
    /// The finding in one sentence.
    pub message: Text,
    /// What stands there.
    pub found: Option<Text>,
    /// What should stand there.
    pub expected: Option<Text>,
    /// Ways out; each can be pasted or followed as it is.
    pub help: Vec<Text>,
    /// Another place that belongs to the finding.
    pub related: Option<(Place, Text)>,
}

impl Diagnostic {
    /// A finding of a code, whose level the code gives.
    pub(crate) fn new(code: Code, place: Place, message: Text) -> Diagnostic {
        Diagnostic {
            code,
            level: code.level(),
            file: place.file,
            span: place.start..place.end,
            message,
            found: None,
            expected: None,
            help: Vec::new(),
            related: None,
        }
    }

    pub(crate) const fn is_at(&self, place: Place) -> bool {
        self.file == place.file && self.span.start == place.start && self.span.end == place.end
    }

    pub(crate) fn found(mut self, found: Text) -> Diagnostic {
        self.found = Some(found);
        self
    }

    pub(crate) fn expected(mut self, expected: Text) -> Diagnostic {
        self.expected = Some(expected);
        self
    }

    pub(crate) fn help(mut self, help: Text) -> Diagnostic {
        self.help.push(help);
        self
    }

    /// "Did you mean" the nearest of some names, where one is near.
    pub(crate) fn suggest<'a>(
        self,
        word: &str,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Diagnostic {
        match nearest(word, names) {
            Some(name) => self.help(text!("did you mean `{name}`?", "`{name}` のことですか?")),
            None => self,
        }
    }

    pub(crate) fn related(mut self, place: Place, note: Text) -> Diagnostic {
        self.related = Some((place, note));
        self
    }

    /// The finding as people read it: headline, source line with carets, and ways out.
    ///
    /// `files` are the ones given to [`crate::compile`], in the same order.
    pub fn render(&self, files: &[SourceFile], language: Language) -> String {
        render::render(self, files, language)
    }
}

/// Whether any of them stops the rules from running.
pub fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|d| d.level == Level::Error)
}

/// Orders by file and place, drops what is said twice, and cuts after [`DIAGNOSTICS_MAX`].
pub(crate) fn arrange(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by(|a, b| {
        let key = |d: &Diagnostic| (d.file, d.span.start, d.span.end, d.code);
        key(a).cmp(&key(b))
    });
    diagnostics.dedup();
    if diagnostics.len() > DIAGNOSTICS_MAX {
        // An error beyond the cut must still stop the rules, so errors stay first.
        diagnostics.sort_by_key(|d| d.level);
        diagnostics.truncate(DIAGNOSTICS_MAX);
        diagnostics.sort_by_key(|d| (d.file, d.span.start));
    }
}

/// The name nearest to a word, if it is near enough to be a slip.
pub(crate) fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Longer words are no slips; the bound keeps the comparison cheap for hostile text.
    const WORD_CHARS_MAX: usize = 64;
    let length = word.chars().count();
    if length > WORD_CHARS_MAX {
        return None;
    }
    let limit = (length / 3).clamp(1, 3);
    // `order` for `order_id`, `ip` for `src.ip`: as near as a slip may be.
    let apart = |name: &str| {
        let apart = distance(word, name);
        if is_end_of(word, name) { apart.min(limit) } else { apart }
    };
    names
        .into_iter()
        .filter(|name| name.chars().count() <= WORD_CHARS_MAX && *name != word)
        .map(|name| (apart(name), name))
        .filter(|(distance, name)| *distance <= limit && *distance < name.chars().count())
        .min()
        .map(|(_, name)| name)
}

/// Whether a word is the first or last part of a longer name.
fn is_end_of(word: &str, name: &str) -> bool {
    let is_cut = |c: char| c == '.' || c == '_';
    name.strip_prefix(word).is_some_and(|rest| rest.starts_with(is_cut))
        || name.strip_suffix(word).is_some_and(|rest| rest.ends_with(is_cut))
}

/// Edits between two words; two neighbours swapped count as one.
///
/// Optimal string alignment distance, after Damerau (1964).
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().flat_map(char::to_lowercase).collect();
    let right: Vec<char> = right.chars().flat_map(char::to_lowercase).collect();
    let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX / 2);
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, r) in right.iter().enumerate() {
            let change = at(&above, j) + usize::from(l != r);
            let mut best = change.min(at(&above, j + 1) + 1).min(at(&row, j) + 1);
            let swapped =
                i > 0 && j > 0 && left.get(i - 1) == Some(r) && right.get(j - 1) == Some(l);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or(left.len())
}

#[cfg(test)]
mod tests;
