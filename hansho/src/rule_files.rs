//! Rule files: found on disk, compiled, and everything a command needs of them.

mod named;
mod sources;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::program::{Program, ProgramError};
use model::message::Language;
use rules_dsl::explain::Explanation;
use rules_dsl::resolver::Resolver;
use rules_dsl::rule::{RuleSet, Test};
use rules_dsl::source::SourceFile;
use rules_dsl::{CompiledRules, compile_in};

pub use named::Beside;
use named::Shipped;
use sources::Disk;
pub use sources::RuleSources;

/// Files one rule set may consist of.
const FILES_MAX: usize = 10_000;
/// Size of one rule file in bytes.
pub const FILE_BYTES_MAX: u64 = 4 << 20;

/// Rules that compiled.
pub struct Rules {
    /// The checked rules.
    pub set: RuleSet,
    /// What each alert says back, in the order of the alerts.
    pub readings: Vec<Explanation>,
    /// The compiled program.
    pub program: Arc<Program>,
    /// Warnings, rendered.
    pub warnings: Vec<String>,
    /// The rules' own tests.
    pub tests: Vec<Test>,
    /// The files, to tell places in them.
    pub files: Vec<SourceFile>,
    /// All that was read of the disk for them; nothing of what the program was built with.
    pub sources: RuleSources,
}

/// Why there are no rules to run.
#[derive(Debug)]
pub enum RulesError {
    /// A path cannot be read.
    Unreadable { path: PathBuf, error: io::Error },
    /// A folder without a rule file.
    Empty { path: PathBuf },
    /// More or larger files than one rule set may have.
    TooLarge { path: PathBuf },
    /// The rules have errors, rendered.
    Broken(Vec<String>),
    /// The rules declare no alert and no watch.
    NoAlerts,
    /// The rules cannot be compiled to run.
    Program(ProgramError),
}

impl fmt::Display for RulesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RulesError::Unreadable { path, error } => {
                write!(f, "cannot read rules at {}: {error}", path.display())
            }
            RulesError::Empty { path } => {
                write!(f, "no .rules file in {}: name a folder that holds some", path.display())
            }
            RulesError::TooLarge { path } => write!(
                f,
                "{}: a rule set has at most {FILES_MAX} files of {FILE_BYTES_MAX} bytes",
                path.display()
            ),
            RulesError::Broken(diagnostics) => f.write_str(&diagnostics.join("\n")),
            RulesError::NoAlerts => {
                f.write_str("the rules declare no alert and no watch: there is nothing to do")
            }
            RulesError::Program(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RulesError {}

impl RulesError {
    /// Whether the rules are at fault, and not the way to them.
    pub(crate) const fn is_finding(&self) -> bool {
        matches!(self, RulesError::Broken(_) | RulesError::NoAlerts | RulesError::Program(_))
    }
}

/// Reads rule files: files as they are, folders with every `.rules` file below them.
///
/// # Errors
/// A path that cannot be read, a folder without rules, or too much of them.
pub(crate) fn read_sources(paths: &[PathBuf]) -> Result<Vec<SourceFile>, RulesError> {
    let mut files = Vec::new();
    for path in paths {
        let before = files.len();
        collect(path, &mut files)?;
        if files.len() == before {
            return Err(RulesError::Empty { path: path.clone() });
        }
    }
    files.into_iter().map(|path| read_source(&path)).collect()
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), RulesError> {
    let unreadable = |error| RulesError::Unreadable { path: path.to_owned(), error };
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let entries = fs::read_dir(path).map_err(unreadable)?;
    let mut entries: Vec<PathBuf> =
        entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>().map_err(unreadable)?;
    entries.sort();
    for entry in entries {
        if files.len() > FILES_MAX {
            return Err(RulesError::TooLarge { path: path.to_owned() });
        }
        // What is hidden is no rule: Kubernetes keeps the versions of a mounted folder so.
        if entry.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")) {
            continue;
        }
        let is_rules = entry.extension().is_some_and(|extension| extension == "rules");
        if entry.is_dir() || is_rules {
            collect(&entry, files)?;
        }
    }
    Ok(())
}

fn read_source(path: &Path) -> Result<SourceFile, RulesError> {
    let unreadable = |error| RulesError::Unreadable { path: path.to_owned(), error };
    if fs::metadata(path).map_err(unreadable)?.len() > FILE_BYTES_MAX {
        return Err(RulesError::TooLarge { path: path.to_owned() });
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    Ok(SourceFile { name: path.display().to_string(), text })
}

/// The rules this program was built with: the manual's monitoring table.
const SHIPPED: [(&str, &str); 4] = [
    ("streams.rules", include_str!("../../rules/streams.rules")),
    ("auth.rules", include_str!("../../rules/auth.rules")),
    ("http.rules", include_str!("../../rules/http.rules")),
    ("node.rules", include_str!("../../rules/node.rules")),
];

/// The shipped rules, ready to run wherever the program stands.
///
/// # Errors
/// None for rules that their tests accept.
pub(crate) fn load_shipped_rules(language: Language) -> Result<Rules, RulesError> {
    let file = |(name, text): (&str, &str)| SourceFile {
        name: format!("rules/{name}"),
        text: text.to_owned(),
    };
    let files = SHIPPED.map(file);
    ready(files.into(), &Shipped, language)
}

/// Reads, checks and compiles rules.
///
/// # Errors
/// Whatever keeps them from running; diagnostics are rendered in `language`.
pub(crate) fn load_rules(paths: &[PathBuf], language: Language) -> Result<Rules, RulesError> {
    let disk = Disk::default();
    let mut rules = ready(read_sources(paths)?, &disk, language)?;
    rules.sources = RuleSources::new(&rules.files, disk);
    Ok(rules)
}

fn ready(
    files: Vec<SourceFile>,
    surroundings: &impl Resolver,
    language: Language,
) -> Result<Rules, RulesError> {
    let compiled = compile_in(&files, surroundings);
    let rendered = compiled.diagnostics.iter().map(|d| d.render(&files, language)).collect();
    let Some(set) = compiled.rules else {
        return Err(RulesError::Broken(rendered));
    };
    if set.alerts.is_empty() && set.watches.is_empty() {
        return Err(RulesError::NoAlerts);
    }
    let program = Arc::new(Program::compile(&set).map_err(RulesError::Program)?);
    let CompiledRules { readings, tests, .. } = compiled;
    let sources = RuleSources::default();
    Ok(Rules { set, readings, program, warnings: rendered, tests, files, sources })
}

#[cfg(test)]
mod tests;
