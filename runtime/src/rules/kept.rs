//! Rules that are kept beside the alert log: their files, and those that were replaced.

use engine::program_upgrade::SettledStreams;

use super::loaded::LoadedRules;

/// Previous rules that are loaded again: what was active longer ago is of no account once a
/// horizon has passed.
pub(crate) const PREVIOUS_MAX: usize = 8;

/// Rules that were replaced.
#[derive(Debug)]
pub struct PreviousRules {
    /// The rules.
    pub(crate) rules: LoadedRules,
    /// The last instants that they evaluated.
    pub(crate) settled: SettledStreams,
}

/// The name of the file that keeps rules.
pub(crate) fn file_of(rules: u64) -> String {
    format!("rules-{rules:016x}.json")
}

/// The hash of the rules a file of that name keeps; `None` for any other file.
pub(crate) fn hash_of_file(name: &str) -> Option<u64> {
    let hash = name.strip_prefix("rules-")?.strip_suffix(".json")?;
    u64::from_str_radix(hash, 16).ok().filter(|rules| file_of(*rules) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_rules_are_taken_for_such() {
        assert_eq!(hash_of_file(&file_of(0xbe11)), Some(0xbe11));
        for name in ["rules-x.json", "rules-00.json", "rules-000000000000be11.tmp", "alerts.jsonl"]
        {
            assert_eq!(hash_of_file(name), None, "{name}");
        }
    }
}
