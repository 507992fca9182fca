//! The rules that are active: their records in the alert log, and the rules kept beside it.
//!
//! A record says "these rules evaluate from the first instant after `settled` on". It is the
//! point at which a reload happens: before it is durable the old rules are active, afterwards the
//! new ones, whatever crashes. Every transition of the old rules is written to the alert log before
//! it. What follows from it, the ends of episodes whose rule was changed, is derived again by
//! whoever recovers, and published unless the log has it.

use std::collections::BTreeMap;
use std::sync::Arc;

use connectors::journal::JournalError;
use engine::program::Program;
use engine::succession::SettledStreams;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::loaded::{LoadedRules, RuleArchive};
use crate::alert_log::replay::AlertLogReplay;
use crate::io::{LineLog, LogStore};
use crate::node::NodeShared;

/// How every record of rules begins: nothing else in the log does.
const HEAD: &[u8] = b"{\"rules_in_force\":";
/// Previous rules that are loaded again: what was active longer ago is of no account once a
/// horizon has passed.
pub(crate) const PREVIOUS_MAX: usize = 8;

/// A record of the alert log, as it is written.
#[derive(Serialize, Deserialize)]
struct RulesLine {
    rules_in_force: String,
    settled_ms: BTreeMap<String, i64>,
    /// By alert: its first instant, where an earlier change set it that still matters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    begins_ms: BTreeMap<String, i64>,
    at_ms: i64,
    by: String,
    files: Vec<String>,
}

/// The record of an activation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleChange {
    /// Their hash.
    pub(crate) rules: u64,
    /// By stream name: the last instant that was settled before.
    pub(crate) settled: SettledStreams,
    /// By alert: its first instant, where an earlier change set it that still matters.
    pub(crate) begins: BTreeMap<String, Timestamp>,
}

impl RuleChange {
    /// The activation of rules after others, which have evaluated up to `settled`.
    pub(crate) fn after(
        before: &LoadedRules,
        rules: &LoadedRules,
        settled: SettledStreams,
    ) -> RuleChange {
        let begins = rules.program.kept_begins(&before.program, &settled);
        RuleChange { rules: rules.program.hash(), settled, begins }
    }

    /// The activation of rules that apply from the beginning.
    pub(crate) fn first(rules: &LoadedRules) -> RuleChange {
        let rules = rules.program.hash();
        RuleChange { rules, settled: SettledStreams::new(), begins: BTreeMap::new() }
    }
}

/// Rules to activate, and what asked for it.
#[derive(Debug)]
pub struct RuleUpdate {
    /// The rules.
    pub rules: LoadedRules,
    /// What asked: `start`, `signal`, `api`.
    pub by: &'static str,
}

/// The rules that evaluate, and those they came after.
#[derive(Debug)]
pub struct ActiveRules {
    /// The rules.
    pub(crate) rules: LoadedRules,
    /// What they replaced; `None` where nothing is known of it.
    pub(crate) previous: Option<PreviousRules>,
}

/// Rules that were replaced.
#[derive(Debug)]
pub struct PreviousRules {
    /// The rules.
    pub(crate) rules: LoadedRules,
    /// The last instants that they evaluated.
    pub(crate) settled: SettledStreams,
}

/// Reads a record of rules; `None` for any other line.
pub(crate) fn read_change(line: &[u8]) -> Option<Result<RuleChange, String>> {
    line.starts_with(HEAD).then(|| {
        let line: RulesLine = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let rules = u64::from_str_radix(&line.rules_in_force, 16);
        let rules = rules.map_err(|error| format!("{}: {error}", line.rules_in_force))?;
        let instants = |by_name: BTreeMap<String, i64>| {
            by_name.into_iter().map(|(name, at)| (name, Timestamp(at))).collect()
        };
        let (settled, begins) = (instants(line.settled_ms), instants(line.begins_ms));
        Ok(RuleChange { rules, settled, begins })
    })
}

/// Keeps rules and writes that they are active.
///
/// # Errors
/// The store cannot be written: then the rules are not active.
pub(crate) fn activate(
    shared: &NodeShared,
    alert_log: &mut dyn LineLog,
    history: &mut AlertLogReplay,
    update: &RuleUpdate,
    change: RuleChange,
    now: Timestamp,
) -> Result<(), JournalError> {
    let (mut kept, lines) = shared.store.open(&file_of(change.rules))?;
    if lines.is_empty() {
        kept.append(&shared.archive.encode(&update.rules))?;
        kept.sync()?;
    }
    let line = RulesLine {
        rules_in_force: format!("{:016x}", change.rules),
        settled_ms: in_ms(&change.settled),
        begins_ms: in_ms(&change.begins),
        at_ms: now.0,
        by: update.by.to_owned(),
        files: update.rules.sources.names().map(str::to_owned).collect(),
    };
    // A struct of texts and numbers always serializes.
    alert_log.append(&serde_json::to_vec(&line).unwrap_or_default())?;
    alert_log.sync()?;
    history.note_change(change);
    Ok(())
}

fn in_ms(instants: &BTreeMap<String, Timestamp>) -> BTreeMap<String, i64> {
    instants.iter().map(|(name, at)| (name.clone(), at.0)).collect()
}

/// The rules that the log says are active, made to follow those before them; those that are at
/// hand are not loaded again. `None` where they were not kept, or no longer compile.
pub(crate) fn load_active(
    shared: &NodeShared,
    changes: &[RuleChange],
    at_hand: Option<LoadedRules>,
) -> Option<ActiveRules> {
    let (newest, earlier) = changes.split_last()?;
    let rules = match at_hand.filter(|rules| rules.program.hash() == newest.rules) {
        Some(rules) => rules,
        None => load_kept(&*shared.store, &*shared.archive, newest.rules)?,
    };
    let mut before: Option<LoadedRules> = None;
    for change in earlier.iter().skip(earlier.len().saturating_sub(PREVIOUS_MAX)) {
        let next = load_kept(&*shared.store, &*shared.archive, change.rules);
        before = next.map(|next| following(next, before.as_ref(), change));
    }
    // Rules that apply from the beginning follow none.
    let before = before.filter(|_| !newest.settled.is_empty());
    let rules = following(rules, before.as_ref(), newest);
    let settled = newest.settled.clone();
    Some(ActiveRules { rules, previous: before.map(|rules| PreviousRules { rules, settled }) })
}

/// Rules whose program knows what it replaces.
pub(crate) fn following(
    rules: LoadedRules,
    before: Option<&LoadedRules>,
    change: &RuleChange,
) -> LoadedRules {
    if before.is_none() && change.begins.is_empty() {
        return rules;
    }
    match Program::compile(&rules.set) {
        Ok(program) => {
            let program = match before {
                Some(before) => program.succeed(&before.program, &change.settled),
                None => program,
            };
            let program = Arc::new(program.begin_no_earlier(&change.begins));
            LoadedRules { program, ..rules }
        }
        // They compiled when they were loaded.
        Err(_) => rules,
    }
}

fn load_kept(store: &dyn LogStore, archive: &dyn RuleArchive, rules: u64) -> Option<LoadedRules> {
    let name = file_of(rules);
    let load = || -> Result<LoadedRules, String> {
        let (_, lines) = store.open(&name).map_err(|error| error.to_string())?;
        archive.decode(lines.first().ok_or("it is empty")?)
    };
    load()
        .inspect_err(|why| {
            let path = store.place(&name);
            let path = path.display();
            warn!(%path, why, "previous rules cannot be loaded");
        })
        .ok()
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

    #[test]
    fn a_record_of_rules_differs_from_every_other_line() {
        let settled: SettledStreams = [("auth".to_owned(), Timestamp(-5))].into();
        let begins: BTreeMap<String, Timestamp> = [("burst".to_owned(), Timestamp(-7))].into();
        let line = RulesLine {
            rules_in_force: format!("{:016x}", 7),
            settled_ms: in_ms(&settled),
            begins_ms: in_ms(&begins),
            at_ms: 9,
            by: "signal".to_owned(),
            files: vec!["a.rules".to_owned()],
        };
        let line = serde_json::to_vec(&line).unwrap();
        assert_eq!(read_change(&line), Some(Ok(RuleChange { rules: 7, settled, begins })));
        // A record of an earlier build.
        let older = read_change(
            b"{\"rules_in_force\":\"7\",\"settled_ms\":{},\"at_ms\":1,\"by\":\"api\",\"files\":[]}",
        );
        assert_eq!(older.map(|of| of.map(|of| of.begins)), Some(Ok(BTreeMap::new())));
        assert_eq!(read_change(b"{\"detected_ms\":1}"), None);
        assert!(read_change(b"{\"rules_in_force\":7}").unwrap().is_err());
        assert!(read_change(b"{\"rules_in_force\":\"x\"}").unwrap().is_err());
    }
}
