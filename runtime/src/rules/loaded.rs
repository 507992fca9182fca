//! Rules that compiled, with everything a node and its readers need of them.

use std::fmt;
use std::sync::Arc;

use engine::program::{Program, ProgramError};
use model::message::Language;
use rules_dsl::explain::RuleExplanation;
use rules_dsl::resolver::Resolver;
use rules_dsl::rule::{RuleSet, Test};
use rules_dsl::source::SourceFile;
use rules_dsl::{CompiledRules, compile_in};

use super::sources::RuleSources;

/// Rules that compiled.
pub struct LoadedRules {
    /// The checked rules.
    pub set: RuleSet,
    /// The reading of each alert, in the order of the alerts.
    pub readings: Vec<RuleExplanation>,
    /// The compiled program.
    pub program: Arc<Program>,
    /// Warnings, rendered.
    pub warnings: Vec<String>,
    /// The rules' own tests.
    pub tests: Vec<Test>,
    /// The files, to show places in them.
    pub files: Vec<SourceFile>,
    /// Everything that was read for them; empty for rules that the program was built with.
    pub sources: RuleSources,
}

/// Why rules cannot run.
#[derive(Debug)]
pub enum RuleLoadError {
    /// The rules have errors, rendered.
    Broken(Vec<String>),
    /// The rules declare no alert and no watch.
    NoAlerts,
    /// The rules cannot be compiled to run.
    Program(ProgramError),
}

/// Keeps rules as bytes beside the alert log, so that a restart can run them again.
pub trait RuleArchive: Send + Sync {
    /// The rules as bytes without a line break.
    fn encode(&self, rules: &LoadedRules) -> Vec<u8>;
    /// The rules of these bytes.
    ///
    /// # Errors
    /// In words: the bytes are not of this version, or the rules no longer compile.
    fn decode(&self, bytes: &[u8]) -> Result<LoadedRules, String>;
}

/// Keeps the text of rules.
#[derive(Clone, Copy, Debug)]
pub struct TextArchive {
    /// The language of diagnostics.
    pub language: Language,
}

impl LoadedRules {
    /// Checks and compiles rules.
    ///
    /// # Errors
    /// Whatever keeps them from running; diagnostics are rendered in `language`.
    pub fn compile(
        files: Vec<SourceFile>,
        environment: &impl Resolver,
        language: Language,
    ) -> Result<LoadedRules, RuleLoadError> {
        let compiled = compile_in(&files, environment);
        let rendered = compiled.diagnostics.iter().map(|d| d.render(&files, language)).collect();
        let Some(set) = compiled.rules else {
            return Err(RuleLoadError::Broken(rendered));
        };
        if set.alerts.is_empty() && set.watches.is_empty() {
            return Err(RuleLoadError::NoAlerts);
        }
        let program = Arc::new(Program::compile(&set).map_err(RuleLoadError::Program)?);
        let CompiledRules { readings, tests, .. } = compiled;
        let sources = RuleSources::default();
        Ok(LoadedRules { set, readings, program, warnings: rendered, tests, files, sources })
    }

    /// Checks and compiles the text of one rule file that names no other.
    ///
    /// # Errors
    /// Whatever keeps it from running.
    pub fn from_text(text: &str, language: Language) -> Result<LoadedRules, RuleLoadError> {
        let file = SourceFile { name: "inline.rules".to_owned(), text: text.to_owned() };
        RuleSources::of(&[file], Vec::new()).compile(language)
    }

    /// Rules that were checked elsewhere, without text.
    ///
    /// # Errors
    /// The program cannot be compiled.
    pub fn from_set(set: RuleSet) -> Result<LoadedRules, ProgramError> {
        let program = Arc::new(Program::compile(&set)?);
        Ok(LoadedRules {
            set,
            readings: Vec::new(),
            program,
            warnings: Vec::new(),
            tests: Vec::new(),
            files: Vec::new(),
            sources: RuleSources::default(),
        })
    }
}

impl RuleArchive for TextArchive {
    fn encode(&self, rules: &LoadedRules) -> Vec<u8> {
        // Texts always serialize.
        serde_json::to_vec(&rules.sources).unwrap_or_default()
    }

    fn decode(&self, bytes: &[u8]) -> Result<LoadedRules, String> {
        let sources: RuleSources =
            serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        sources.compile(self.language).map_err(|error| error.to_string())
    }
}

impl fmt::Display for RuleLoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RuleLoadError::Broken(diagnostics) => f.write_str(&diagnostics.join("\n")),
            RuleLoadError::NoAlerts => {
                f.write_str("the rules declare no alert and no watch: there is nothing to do")
            }
            RuleLoadError::Program(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RuleLoadError {}

impl fmt::Debug for LoadedRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadedRules").field("hash", &self.program.hash()).finish_non_exhaustive()
    }
}
