//! The rules that are active: their records in the alert log, and the rules kept beside it.
//!
//! A record says "these rules evaluate from the first instant after `settled` on". It is the
//! point at which a reload happens: before it is durable the old rules are active, afterwards the
//! new ones, whatever crashes. Every transition of the old rules is written to the alert log before
//! it. What follows from it, the ends of episodes whose rule was changed, is derived again by
//! whoever recovers, and published unless the log has it.

use std::sync::Arc;

use connectors::journal::JournalError;
use engine::program::Program;
use model::time::Timestamp;
use tracing::warn;

use super::kept::{PREVIOUS_MAX, PreviousRules, file_of};
use super::loaded::{LoadedRules, RuleArchive};
use super::mailbox::RuleUpdate;
use crate::alert_log::replay::AlertLogReplay;
use crate::alert_log::rule_change::RuleChange;
use crate::io::{LineLog, LogStore};
use crate::shared::NodeShared;

/// The rules that evaluate, and those they came after.
#[derive(Debug)]
pub struct ActiveRules {
    /// The rules.
    pub(crate) rules: LoadedRules,
    /// Rules that they replaced; `None` where nothing is known of it.
    pub(crate) previous: Option<PreviousRules>,
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
    let files = update.rules.sources.names().map(str::to_owned).collect();
    alert_log.append(&change.line(now, update.by, files))?;
    alert_log.sync()?;
    history.record_change(change);
    Ok(())
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
