//! One finding at one place, and the findings of a run.

use super::code::{DiagnosticCode, DiagnosticLevel};
use super::nearest::nearest;
use super::text::{BilingualText, text};
use crate::source::SourceSpan;

/// Most diagnostics one run reports; what follows them is cut.
pub const DIAGNOSTICS_MAX: usize = 200;

/// One finding at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Code, for machines and for looking it up.
    pub code: DiagnosticCode,
    /// Its level.
    pub level: DiagnosticLevel,
    /// Index of the file.
    pub file: usize,
    /// The bytes of the file it is about.
    pub span: std::ops::Range<usize>,
    /// The finding in one sentence.
    pub message: BilingualText,
    /// The text found.
    pub found: Option<BilingualText>,
    /// The text expected.
    pub expected: Option<BilingualText>,
    /// Ways out; each can be pasted or followed as it is.
    pub help: Vec<BilingualText>,
    /// Another place that belongs to the finding.
    pub related: Option<(SourceSpan, BilingualText)>,
}

impl Diagnostic {
    /// A finding of a code, whose level the code gives.
    pub(crate) fn new(
        code: DiagnosticCode,
        place: SourceSpan,
        message: BilingualText,
    ) -> Diagnostic {
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

    pub(crate) const fn is_at(&self, place: SourceSpan) -> bool {
        self.file == place.file && self.span.start == place.start && self.span.end == place.end
    }

    pub(crate) fn found(mut self, found: BilingualText) -> Diagnostic {
        self.found = Some(found);
        self
    }

    pub(crate) fn expected(mut self, expected: BilingualText) -> Diagnostic {
        self.expected = Some(expected);
        self
    }

    pub(crate) fn help(mut self, help: BilingualText) -> Diagnostic {
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

    pub(crate) fn related(mut self, place: SourceSpan, note: BilingualText) -> Diagnostic {
        self.related = Some((place, note));
        self
    }
}

/// True when any of them stops the rules from running.
pub fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|d| d.level == DiagnosticLevel::Error)
}

/// Sorts by file and place, removes duplicates, and truncates after [`DIAGNOSTICS_MAX`].
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
