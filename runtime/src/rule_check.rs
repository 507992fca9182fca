//! Report of a check: what is wrong with rules, and what they mean, as tools read it.

use model::message::Language;
use rules_dsl::CompiledRules;
use rules_dsl::diagnostic::{Diagnostic, DiagnosticLevel};
use rules_dsl::explain::RuleExplanation;
use rules_dsl::source::SourceFile;
use serde::Serialize;

/// Diagnostics of rules, and the reading of every alert.
#[derive(Debug, Serialize)]
pub struct CheckReport {
    /// Number of errors.
    pub errors: usize,
    /// Number of warnings.
    pub warnings: usize,
    /// Errors and warnings.
    pub diagnostics: Vec<CheckFinding>,
    /// Readings of alerts.
    pub readings: Vec<CheckReading>,
    /// Readings of watches.
    pub watches: Vec<CheckReading>,
}

/// One diagnostic.
#[derive(Debug, Serialize)]
pub struct CheckFinding {
    /// Code.
    pub code: &'static str,
    /// `error` or `warning`.
    pub level: &'static str,
    /// File; empty where it is of none.
    pub file: String,
    /// Line, from 1; 0 where it is of no file.
    pub line: usize,
    /// Column, from 1; 0 where it is of no file.
    pub column: usize,
    /// Rendered text.
    pub text: String,
}

/// Reading of one alert or watch.
#[derive(Debug, Serialize)]
pub struct CheckReading {
    /// Name.
    pub alert: String,
    /// Canonical form.
    pub canonical: String,
    /// Reading in English.
    pub en: String,
    /// Reading in Japanese.
    pub ja: String,
    /// Cost in English.
    pub cost_en: String,
    /// Cost in Japanese.
    pub cost_ja: String,
}

impl CheckReport {
    /// The report about compiled rules; its texts are in a language.
    pub fn new(files: &[SourceFile], compiled: &CompiledRules, language: Language) -> CheckReport {
        let errors = error_count(compiled);
        let finding = |diagnostic: &Diagnostic| CheckFinding::new(diagnostic, files, language);
        CheckReport {
            errors,
            warnings: compiled.diagnostics.len() - errors,
            diagnostics: compiled.diagnostics.iter().map(finding).collect(),
            readings: compiled.readings.iter().map(CheckReading::from).collect(),
            watches: compiled.watched.iter().map(CheckReading::from).collect(),
        }
    }
}

impl CheckFinding {
    fn new(diagnostic: &Diagnostic, files: &[SourceFile], language: Language) -> CheckFinding {
        let file = files.get(diagnostic.file);
        let at = file.map(|file| file.position(diagnostic.span.start));
        CheckFinding {
            code: diagnostic.code.id(),
            level: if diagnostic.level == DiagnosticLevel::Error { "error" } else { "warning" },
            file: file.map_or_else(String::new, |file| file.name.clone()),
            line: at.map_or(0, |at| at.line),
            column: at.map_or(0, |at| at.column),
            text: diagnostic.render(files, language),
        }
    }
}

impl From<&RuleExplanation> for CheckReading {
    fn from(of: &RuleExplanation) -> CheckReading {
        CheckReading {
            alert: of.alert.clone(),
            canonical: of.canonical.clone(),
            en: of.words_en.clone(),
            ja: of.words_ja.clone(),
            cost_en: of.cost_en.clone(),
            cost_ja: of.cost_ja.clone(),
        }
    }
}

fn error_count(compiled: &CompiledRules) -> usize {
    let is_error = |diagnostic: &&Diagnostic| diagnostic.level == DiagnosticLevel::Error;
    compiled.diagnostics.iter().filter(is_error).count()
}
