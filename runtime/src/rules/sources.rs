//! Rules as text, whole: everything that was read for them, so that the same rules can run again.

use model::calendar::ZoneOffsets;
use model::message::Language;
use rules_dsl::resolver::Resolver;
use rules_dsl::source::SourceFile;
use serde::{Deserialize, Serialize};

use super::environment::{holidays, zone};
use super::loaded::{LoadedRules, RuleLoadError};

/// Rule files and the files they name, as they were read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleSources {
    /// Name and text of each rule file.
    files: Vec<(String, String)>,
    /// Of each named file: the rule file, the name, and the text.
    beside: Vec<(String, String, String)>,
}

impl RuleSources {
    /// Rule files, and of each file that they name: the rule file, the name, and the text.
    pub fn of(files: &[SourceFile], beside: Vec<(String, String, String)>) -> RuleSources {
        let files = files.iter().map(|file| (file.name.clone(), file.text.clone()));
        RuleSources { files: files.collect(), beside }
    }

    /// The names of the rule files.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|(name, _)| name.as_str())
    }

    /// Checks and compiles them.
    ///
    /// # Errors
    /// What keeps them from running: another version of the language than they were kept by.
    pub fn compile(self, language: Language) -> Result<LoadedRules, RuleLoadError> {
        let file =
            |(name, text): &(String, String)| SourceFile { name: name.clone(), text: text.clone() };
        let files = self.files.iter().map(file).collect();
        let rules = LoadedRules::compile(files, &self, language)?;
        Ok(LoadedRules { sources: self, ..rules })
    }
}

impl Resolver for RuleSources {
    fn text(&self, rule_file: &str, name: &str) -> Result<String, String> {
        let mut kept = self.beside.iter();
        let found = kept.find(|(file, known, _)| file == rule_file && known == name);
        found.map(|(_, _, text)| text.clone()).ok_or_else(|| "it was not kept".to_owned())
    }

    fn zone(&self, name: &str) -> Option<ZoneOffsets> {
        zone(name)
    }

    fn holidays(&self, rule_file: &str, name: &str) -> Result<Vec<i64>, String> {
        holidays(&self.text(rule_file, name)?)
    }
}
