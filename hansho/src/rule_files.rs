//! Rule files: found on disk, compiled, and everything a command needs of them.

mod resolver;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use model::message::Language;
use rules_dsl::source::SourceFile;
use runtime::rules::loaded::{LoadedRules, RuleLoadError};
use runtime::rules::sources::RuleSources;

pub use resolver::FileSystemResolver;
use resolver::{RecordingResolver, ShippedFiles};

/// Files one rule set may consist of.
const FILES_MAX: usize = 10_000;
/// Size of one rule file in bytes.
pub const FILE_BYTES_MAX: u64 = 4 << 20;

/// Why there are no rules to run.
#[derive(Debug)]
pub enum RulesError {
    /// A path cannot be read.
    Unreadable { path: PathBuf, error: io::Error },
    /// A folder without a rule file.
    Empty { path: PathBuf },
    /// More or larger files than one rule set may have.
    TooLarge { path: PathBuf },
    /// The rules cannot run.
    Load(RuleLoadError),
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
            RulesError::Load(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RulesError {}

impl RulesError {
    /// True when the rules are at fault, and not the way to them.
    pub(crate) const fn is_finding(&self) -> bool {
        matches!(self, RulesError::Load(_))
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
pub(crate) fn load_shipped_rules(language: Language) -> Result<LoadedRules, RulesError> {
    let file = |(name, text): (&str, &str)| SourceFile {
        name: format!("rules/{name}"),
        text: text.to_owned(),
    };
    let files = SHIPPED.map(file);
    LoadedRules::compile(files.into(), &ShippedFiles, language).map_err(RulesError::Load)
}

/// Reads, checks and compiles rules.
///
/// # Errors
/// Whatever keeps them from running; diagnostics are rendered in `language`.
pub(crate) fn load_rules(paths: &[PathBuf], language: Language) -> Result<LoadedRules, RulesError> {
    let disk = RecordingResolver::default();
    let rules =
        LoadedRules::compile(read_sources(paths)?, &disk, language).map_err(RulesError::Load)?;
    let sources = RuleSources::of(&rules.files, disk.into_read());
    Ok(LoadedRules { sources, ..rules })
}

#[cfg(test)]
mod tests;
