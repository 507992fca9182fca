//! Files that rules name.

use std::cell::RefCell;
use std::fs;
use std::path::Path;

use model::calendar::ZoneOffsets;
use rules_dsl::resolver::Resolver;
use runtime::rules::environment::{holidays, zone};

/// Size in bytes of a file that rules name.
const NAMED_BYTES_MAX: u64 = 16 << 20;
/// The files that the shipped rules name.
const SHIPPED_FILES: [(&str, &str); 2] = [
    ("admins.txt", include_str!("../../../rules/admins.txt")),
    ("jp-holidays.ics", include_str!("../../../rules/jp-holidays.ics")),
];
/// The disk around rule files, and the time zones this program was built with.
#[derive(Clone, Copy, Debug)]
pub struct FileSystemResolver;

impl Resolver for FileSystemResolver {
    fn text(&self, rule_file: &str, name: &str) -> Result<String, String> {
        read_beside(rule_file, name)
    }

    fn zone(&self, name: &str) -> Option<ZoneOffsets> {
        zone(name)
    }

    fn holidays(&self, rule_file: &str, name: &str) -> Result<Vec<i64>, String> {
        holidays(&read_beside(rule_file, name)?)
    }
}

/// The disk, and of each file that was read: the rule file, the name, and the text.
#[derive(Debug, Default)]
pub(super) struct RecordingResolver(RefCell<Vec<(String, String, String)>>);

impl RecordingResolver {
    /// Files read.
    pub(super) fn into_read(self) -> Vec<(String, String, String)> {
        self.0.into_inner()
    }
}

impl Resolver for RecordingResolver {
    fn text(&self, rule_file: &str, name: &str) -> Result<String, String> {
        let text = read_beside(rule_file, name)?;
        self.0.borrow_mut().push((rule_file.to_owned(), name.to_owned(), text.clone()));
        Ok(text)
    }

    fn zone(&self, name: &str) -> Option<ZoneOffsets> {
        zone(name)
    }

    fn holidays(&self, rule_file: &str, name: &str) -> Result<Vec<i64>, String> {
        holidays(&self.text(rule_file, name)?)
    }
}

/// Files that the shipped rules name, wherever the program is installed.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShippedFiles;

impl Resolver for ShippedFiles {
    fn text(&self, _: &str, name: &str) -> Result<String, String> {
        let file = SHIPPED_FILES.iter().find(|(shipped, _)| *shipped == name);
        file.map(|(_, text)| (*text).to_owned()).ok_or_else(|| "it is not shipped".to_owned())
    }

    fn zone(&self, name: &str) -> Option<ZoneOffsets> {
        zone(name)
    }

    fn holidays(&self, rule_file: &str, name: &str) -> Result<Vec<i64>, String> {
        holidays(&self.text(rule_file, name)?)
    }
}

/// Reads a file named in a rule file, relative to that file.
///
/// # Errors
/// What keeps it from being read, in one sentence.
pub(super) fn read_beside(rule_file: &str, name: &str) -> Result<String, String> {
    let folder = Path::new(rule_file).parent().unwrap_or(Path::new(""));
    let path = folder.join(name);
    let found = fs::metadata(&path).map_err(|error| error.to_string())?;
    if found.is_dir() {
        return Err("it is a folder".to_owned());
    }
    // A device or a pipe never ends, and its size is said to be 0.
    if !found.is_file() {
        return Err("it is no regular file".to_owned());
    }
    let size = found.len();
    if size > NAMED_BYTES_MAX {
        return Err(format!("{size} bytes, more than the limit of {NAMED_BYTES_MAX}"));
    }
    fs::read_to_string(&path).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
