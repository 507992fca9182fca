//! Rules as text, whole: what was read of the disk, so that the same rules can run again.

use std::cell::RefCell;

use model::calendar::Zone;
use model::message::Language;
use rules_dsl::resolver::Resolver;
use rules_dsl::source::SourceFile;
use serde::{Deserialize, Serialize};

use super::named::{holidays, read_beside, zone};
use super::{Rules, RulesError, ready};

/// Rule files and the files they name, as they were read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleSources {
    /// Name and text of each rule file.
    files: Vec<(String, String)>,
    /// Of each file that is named: in which rule file, as what, and its text.
    beside: Vec<(String, String, String)>,
}

/// The disk, and what was read of it.
#[derive(Debug, Default)]
pub(super) struct Disk(RefCell<Vec<(String, String, String)>>);

impl RuleSources {
    pub(super) fn new(files: &[SourceFile], read: Disk) -> RuleSources {
        let files = files.iter().map(|file| (file.name.clone(), file.text.clone()));
        RuleSources { files: files.collect(), beside: read.0.into_inner() }
    }

    /// The names of the rule files.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|(name, _)| name.as_str())
    }

    /// Checks and compiles them.
    ///
    /// # Errors
    /// What keeps them from running: another version of the language than they were kept by.
    pub(crate) fn compile(self, language: Language) -> Result<Rules, RulesError> {
        let file =
            |(name, text): &(String, String)| SourceFile { name: name.clone(), text: text.clone() };
        let files = self.files.iter().map(file).collect();
        let mut rules = ready(files, &self, language)?;
        rules.sources = self;
        Ok(rules)
    }
}

impl Resolver for Disk {
    fn text(&self, rule_file: &str, name: &str) -> Result<String, String> {
        let text = read_beside(rule_file, name)?;
        self.0.borrow_mut().push((rule_file.to_owned(), name.to_owned(), text.clone()));
        Ok(text)
    }

    fn zone(&self, name: &str) -> Option<Zone> {
        zone(name)
    }

    fn holidays(&self, rule_file: &str, name: &str) -> Result<Vec<i64>, String> {
        holidays(&self.text(rule_file, name)?)
    }
}

impl Resolver for RuleSources {
    fn text(&self, rule_file: &str, name: &str) -> Result<String, String> {
        let mut kept = self.beside.iter();
        let found = kept.find(|(file, known, _)| file == rule_file && known == name);
        found.map(|(_, _, text)| text.clone()).ok_or_else(|| "it was not kept".to_owned())
    }

    fn zone(&self, name: &str) -> Option<Zone> {
        zone(name)
    }

    fn holidays(&self, rule_file: &str, name: &str) -> Result<Vec<i64>, String> {
        holidays(&self.text(rule_file, name)?)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::rule_files::load_rules;

    #[test]
    fn rules_run_again_from_what_was_read_of_the_disk() {
        let home = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| fs::write(home.path().join(name), text).unwrap();
        file("admins.txt", "root\nada\n");
        file(
            "a.rules",
            "stream auth from \"auth\" { ts: time, user.name: str }\n\
             list admins = file \"admins.txt\"\n\
             filter f = auth where user.name in admins\n\
             alert a f >= 2 within 1m by user.name high\n",
        );
        let rules = load_rules(&[home.path().to_owned()], Language::En);
        let rules = rules.unwrap_or_else(|error| panic!("{error}"));
        let (hash, sources) = (rules.program.hash(), rules.sources);
        assert_eq!(sources.names().count(), 1);
        let text = serde_json::to_string(&sources).unwrap();
        drop(home);
        let kept: RuleSources = serde_json::from_str(&text).unwrap();
        let again = kept.compile(Language::En).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((again.program.hash(), again.sources), (hash, sources));
    }
}
