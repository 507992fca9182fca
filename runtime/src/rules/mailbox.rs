//! Mailbox of loaded rules for the node: the newest is all that matters.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::loaded::LoadedRules;

/// Rules to activate, and what asked for it.
#[derive(Debug)]
pub struct RuleUpdate {
    /// The rules.
    pub rules: LoadedRules,
    /// Origin of the request: `start`, `signal`, `api`.
    pub by: &'static str,
}

/// Rules on their way to the node.
#[derive(Debug, Default)]
pub struct ReloadMailbox {
    waiting: Mutex<Option<RuleUpdate>>,
    is_waiting: AtomicBool,
    /// Hash of the rules that are active, or on their way.
    newest: Mutex<Option<u64>>,
}

impl ReloadMailbox {
    /// Hands rules over; what was waiting is dropped.
    pub fn put(&self, update: RuleUpdate) {
        let mut waiting = lock(&self.waiting);
        *lock(&self.newest) = Some(update.rules.program.hash());
        *waiting = Some(update);
        self.is_waiting.store(true, Ordering::Release);
    }

    /// True when rules wait.
    pub fn is_waiting(&self) -> bool {
        self.is_waiting.load(Ordering::Acquire)
    }

    /// Takes the rules that wait.
    pub fn take(&self) -> Option<RuleUpdate> {
        let mut waiting = lock(&self.waiting);
        self.is_waiting.store(false, Ordering::Release);
        waiting.take()
    }

    /// Notes which rules are active, unless others are on their way. Rules that wait to become
    /// what is active already wait no longer: they were loaded before it was known what is.
    pub fn record_active(&self, rules: u64) {
        let mut waiting = lock(&self.waiting);
        if waiting.as_ref().is_some_and(|update| update.rules.program.hash() == rules) {
            *waiting = None;
        }
        if waiting.is_none() {
            self.is_waiting.store(false, Ordering::Release);
            *lock(&self.newest) = Some(rules);
        }
    }

    /// True when these rules are active, or on their way.
    pub fn is_newest(&self, rules: u64) -> bool {
        *lock(&self.newest) == Some(rules)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is guarded is one value, whole after every step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use model::message::Language;

    use super::*;

    /// A reload may come before it is known which rules a recovery activates.
    #[test]
    fn rules_that_turn_out_to_be_active_wait_no_longer() {
        let mailbox = ReloadMailbox::default();
        let text =
            "stream auth from \"auth\" { ts: time }\nalert many count(auth) >= 9 within 1m low";
        let rules = LoadedRules::from_text(text, Language::En).unwrap();
        let hash = rules.program.hash();
        mailbox.put(RuleUpdate { rules, by: "api" });
        mailbox.record_active(hash ^ 1);
        assert!(mailbox.is_waiting() && mailbox.is_newest(hash), "others are active");
        mailbox.record_active(hash);
        assert!(!mailbox.is_waiting() && mailbox.is_newest(hash) && mailbox.take().is_none());
        mailbox.record_active(hash ^ 1);
        assert!(mailbox.is_newest(hash ^ 1));
    }
}
