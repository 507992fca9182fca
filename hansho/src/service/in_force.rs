//! Which rules were in force when: records in the alert log, and the rules kept beside it.
//!
//! A record says "these rules judge from the first instant after `settled` on". It is the
//! point at which a reload happens: before it is on the disk the old rules are in force,
//! afterwards the new ones, whatever crashes. Everything told by the old rules stands before
//! it in the log. What follows from it, the ends of episodes whose rule was changed, is
//! derived again by whoever starts with it, and told unless the log has it.

use std::collections::BTreeMap;
use std::sync::Arc;

use connectors::journal::{Journal, JournalError, StateDir};
use engine::program::Program;
use engine::succession::SettledStreams;
use model::message::Language;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::alert_log::History;
use crate::pipeline::clock::wall_clock;
use crate::rule_files::{RuleSources, Rules};

/// How every record of rules begins: nothing else in the log does.
const HEAD: &[u8] = b"{\"rules_in_force\":";
/// Rules before those in force that are taken up again: what judged longer ago is of no
/// account once a horizon has passed.
pub(super) const EARLIER_MAX: usize = 8;

/// A record of the alert log, as it is written.
#[derive(Serialize, Deserialize)]
struct RulesLine {
    rules_in_force: String,
    settled_ms: BTreeMap<String, i64>,
    at_ms: i64,
    by: String,
    files: Vec<String>,
}

/// Rules that came into force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Their hash.
    pub(super) rules: u64,
    /// By stream name: the last instant that was settled before.
    pub(super) settled: SettledStreams,
}

/// Rules to put in force, and who asks for it.
pub struct Proposal {
    /// The rules.
    pub rules: Rules,
    /// What asked: `start`, `signal`, `api`.
    pub by: &'static str,
}

/// The rules that judge, and those they came after.
pub struct InForce {
    /// The rules.
    pub(super) rules: Rules,
    /// What they replaced; `None` where nothing is known of it.
    pub(super) after: Option<Replaced>,
}

/// Rules that were replaced.
pub struct Replaced {
    /// The rules.
    pub(super) rules: Rules,
    /// The last instants they judged.
    pub(super) settled: SettledStreams,
}

/// Reads a record of rules; `None` for any other line.
pub(super) fn read_change(line: &[u8]) -> Option<Result<Change, String>> {
    line.starts_with(HEAD).then(|| {
        let line: RulesLine = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let rules = u64::from_str_radix(&line.rules_in_force, 16);
        let rules = rules.map_err(|error| format!("{}: {error}", line.rules_in_force))?;
        let settled = line.settled_ms.into_iter().map(|(name, at)| (name, Timestamp(at)));
        Ok(Change { rules, settled: settled.collect() })
    })
}

/// Keeps rules and writes down that they are in force from `settled` on.
///
/// # Errors
/// The state directory cannot be written: then the rules are not in force.
pub(super) fn put_in_force(
    state_dir: &StateDir,
    alert_log: &mut Journal,
    history: &mut History,
    proposal: &Proposal,
    settled: SettledStreams,
) -> Result<(), JournalError> {
    let rules = proposal.rules.program.hash();
    let (mut kept, lines) = Journal::open(state_dir.file(&file_of(rules)))?;
    if lines.is_empty() {
        // Texts always serialize.
        kept.append(&serde_json::to_vec(&proposal.rules.sources).unwrap_or_default())?;
        kept.sync()?;
    }
    let line = RulesLine {
        rules_in_force: format!("{rules:016x}"),
        settled_ms: settled.iter().map(|(name, at)| (name.clone(), at.0)).collect(),
        at_ms: wall_clock().0,
        by: proposal.by.to_owned(),
        files: proposal.rules.sources.names().map(str::to_owned).collect(),
    };
    alert_log.append(&serde_json::to_vec(&line).unwrap_or_default())?;
    alert_log.sync()?;
    history.note_change(Change { rules, settled });
    Ok(())
}

/// The rules that the log says are in force, made to follow those before them; those that are
/// at hand are not read again. `None` where they were not kept, or no longer compile.
pub(super) fn in_force(
    state_dir: &StateDir,
    changes: &[Change],
    at_hand: Option<Rules>,
    language: Language,
) -> Option<InForce> {
    let (newest, earlier) = changes.split_last()?;
    let rules = match at_hand.filter(|rules| rules.program.hash() == newest.rules) {
        Some(rules) => rules,
        None => kept(state_dir, newest.rules, language)?,
    };
    let mut before: Option<Rules> = None;
    for change in earlier.iter().skip(earlier.len().saturating_sub(EARLIER_MAX)) {
        let next = kept(state_dir, change.rules, language);
        before = next.map(|next| following(next, before.as_ref(), &change.settled));
    }
    // Rules that apply from the beginning follow none.
    let before = before.filter(|_| !newest.settled.is_empty());
    let rules = following(rules, before.as_ref(), &newest.settled);
    let settled = newest.settled.clone();
    Some(InForce { rules, after: before.map(|rules| Replaced { rules, settled }) })
}

/// Rules whose program knows what it replaces.
pub(super) fn following(rules: Rules, before: Option<&Rules>, settled: &SettledStreams) -> Rules {
    let Some(before) = before else { return rules };
    match Program::compile(&rules.set) {
        Ok(program) => {
            let program = Arc::new(program.succeed(&before.program, settled));
            Rules { program, ..rules }
        }
        // They compiled when they were read.
        Err(_) => rules,
    }
}

fn kept(state_dir: &StateDir, rules: u64, language: Language) -> Option<Rules> {
    let path = state_dir.file(&file_of(rules));
    let read = || -> Result<Rules, String> {
        let (_, lines) = Journal::open(&path).map_err(|error| error.to_string())?;
        let line = lines.first().ok_or("it is empty")?;
        let sources: RuleSources =
            serde_json::from_slice(line).map_err(|error| error.to_string())?;
        sources.compile(language).map_err(|error| error.to_string())
    };
    read()
        .inspect_err(|why| {
            let path = path.display();
            warn!(%path, why, "rules that were in force cannot be taken up again");
        })
        .ok()
}

/// The name of the file that keeps rules.
pub(super) fn file_of(rules: u64) -> String {
    format!("rules-{rules:016x}.json")
}

/// The hash of the rules a file of that name keeps; `None` for any other file.
pub(super) fn hash_of_file(name: &str) -> Option<u64> {
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

    #[test]
    fn a_record_of_rules_is_told_from_every_other_line() {
        let settled: SettledStreams = [("auth".to_owned(), Timestamp(-5))].into();
        let line = RulesLine {
            rules_in_force: format!("{:016x}", 7),
            settled_ms: settled.iter().map(|(name, at)| (name.clone(), at.0)).collect(),
            at_ms: 9,
            by: "signal".to_owned(),
            files: vec!["a.rules".to_owned()],
        };
        let line = serde_json::to_vec(&line).unwrap();
        assert_eq!(read_change(&line), Some(Ok(Change { rules: 7, settled })));
        assert_eq!(read_change(b"{\"detected_ms\":1}"), None);
        assert!(read_change(b"{\"rules_in_force\":7}").unwrap().is_err());
        assert!(read_change(b"{\"rules_in_force\":\"x\"}").unwrap().is_err());
    }
}
