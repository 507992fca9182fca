//! Names outside the text of rules: files beside them, time zones, holidays.

use model::calendar::ZoneOffsets;

/// Finds what rules name. Rules are text and read nothing themselves.
pub trait Resolver {
    /// The text of a file, named in the rule file of the given name.
    ///
    /// # Errors
    /// The reason why it cannot be read, in one sentence.
    fn text(&self, rule_file: &str, name: &str) -> Result<String, String>;

    /// Offsets of an IANA time zone; `None` for an unknown name.
    fn zone(&self, name: &str) -> Option<ZoneOffsets>;

    /// The days of an iCalendar file, as days since 1970-01-01, ascending.
    ///
    /// # Errors
    /// The reason why it cannot be read, in one sentence.
    fn holidays(&self, rule_file: &str, name: &str) -> Result<Vec<i64>, String>;
}

/// No files, and no zone but UTC.
#[derive(Clone, Copy, Debug, Default)]
pub struct EmptyEnvironment;

impl Resolver for EmptyEnvironment {
    fn text(&self, _: &str, _: &str) -> Result<String, String> {
        Err("there are no files here".to_owned())
    }

    fn zone(&self, name: &str) -> Option<ZoneOffsets> {
        (name == "UTC").then(ZoneOffsets::default)
    }

    fn holidays(&self, _: &str, _: &str) -> Result<Vec<i64>, String> {
        Err("there are no files here".to_owned())
    }
}
