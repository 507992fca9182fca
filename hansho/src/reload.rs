//! Rules that are edited while the service runs: read, checked, and handed to it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use connectors::codec::Decoder;
use model::message::Language;
use model::meta::MetaAlert;
use tracing::{error, info};

use crate::api::State;
use crate::pipeline::clock::wall_clock;
use crate::rule_files::load_rules;
use crate::service::reports::Reports;
use crate::service::{Inputs, Proposal};

/// Where rules are read from, and where they go.
#[derive(Debug)]
pub struct Reloader {
    paths: Vec<PathBuf>,
    language: Language,
    inputs: Inputs,
    slot: Arc<Slot>,
    reports: Arc<Reports>,
    state: Arc<State>,
    /// One at a time.
    turn: Mutex<()>,
}

/// Rules on their way to the service: the newest are all that matter.
#[derive(Default)]
pub struct Slot {
    waiting: Mutex<Option<Proposal>>,
    is_waiting: AtomicBool,
    /// Hash of the rules in force, or on their way.
    newest: Mutex<Option<u64>>,
}

/// What a reload came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// The rules judge from the first instant not yet settled.
    Accepted {
        /// Their hash.
        rules: u64,
    },
    /// They say what those in force say.
    Unchanged {
        /// Their hash.
        rules: u64,
    },
    /// They cannot run, and those in force go on; the reasons, as people read them.
    Refused(String),
}

impl Slot {
    /// Hands rules over; what was waiting is forgotten.
    pub(crate) fn put(&self, proposal: Proposal) {
        let hash = proposal.rules.program.hash();
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(hash);
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(proposal);
        self.is_waiting.store(true, Ordering::Release);
    }

    /// Whether rules wait.
    pub(crate) fn is_waiting(&self) -> bool {
        self.is_waiting.load(Ordering::Acquire)
    }

    /// Takes the rules that wait.
    pub(crate) fn take(&self) -> Option<Proposal> {
        self.is_waiting.store(false, Ordering::Release);
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Notes which rules are in force, unless others are on their way.
    pub(crate) fn note_in_force(&self, rules: u64) {
        if !self.is_waiting() {
            *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(rules);
        }
    }

    fn is_newest(&self, rules: u64) -> bool {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) == Some(rules)
    }
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot").field("is_waiting", &self.is_waiting).finish_non_exhaustive()
    }
}

impl Reloader {
    /// Reads rules from these paths for the service at the other end of the slot.
    pub(crate) fn new(
        paths: Vec<PathBuf>,
        language: Language,
        inputs: Inputs,
        (slot, reports): (&Arc<Slot>, &Arc<Reports>),
        state: Arc<State>,
    ) -> Reloader {
        let (slot, reports) = (Arc::clone(slot), Arc::clone(reports));
        Reloader { paths, language, inputs, slot, reports, state, turn: Mutex::default() }
    }

    /// Reads the rules anew and hands them to the service; whatever keeps them from running
    /// leaves those in force as they are. It reads files: not for a thread that must not wait.
    pub(crate) fn reload(&self, by: &'static str) -> Reloaded {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = self.proposal(by);
        self.state.metrics.note_reload(&outcome, wall_clock());
        match &outcome {
            Reloaded::Accepted { rules } => info!(by, rules = hex(*rules), "rules accepted"),
            Reloaded::Unchanged { rules } => {
                info!(by, rules = hex(*rules), "rules unchanged");
                self.reports.end(MetaAlert::ReloadFailed);
            }
            Reloaded::Refused(why) => self.note_reload_failed(by, why),
        }
        outcome
    }

    fn proposal(&self, by: &'static str) -> Reloaded {
        let rules = match load_rules(&self.paths, self.language) {
            Ok(rules) => rules,
            Err(error) => return Reloaded::Refused(error.to_string()),
        };
        let hash = rules.program.hash();
        if self.slot.is_newest(hash) {
            return Reloaded::Unchanged { rules: hash };
        }
        // Whatever would end the service at its next start is found here.
        if let Err(why) = self.inputs.of(&rules.set) {
            return Reloaded::Refused(why);
        }
        for schema in &rules.set.streams {
            if let Err(error) = Decoder::new(Arc::clone(schema), None) {
                return Reloaded::Refused(error.to_string());
            }
        }
        self.slot.put(Proposal { rules, by });
        Reloaded::Accepted { rules: hash }
    }

    /// Says that rules were refused: those in force go on. The alert lasts until rules are
    /// read that can run; its message has room for the first line of why.
    fn note_reload_failed(&self, by: &str, diagnostics: &str) {
        let first = diagnostics.lines().next().map(str::to_owned);
        self.reports.see(MetaAlert::ReloadFailed, None, first);
        error!(by, "the rules cannot be reloaded; those in force go on\n{diagnostics}");
    }
}

/// A hash of rules as logs and pages show it.
pub(crate) fn hex(rules: u64) -> String {
    format!("{rules:016x}")
}

#[cfg(test)]
mod tests;
