//! Where loaded rules wait for the node: the newest is all that matters.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::active_rules::RuleUpdate;

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
        *lock(&self.newest) = Some(update.rules.program.hash());
        *lock(&self.waiting) = Some(update);
        self.is_waiting.store(true, Ordering::Release);
    }

    /// Whether rules wait.
    pub fn is_waiting(&self) -> bool {
        self.is_waiting.load(Ordering::Acquire)
    }

    /// Takes the rules that wait.
    pub fn take(&self) -> Option<RuleUpdate> {
        self.is_waiting.store(false, Ordering::Release);
        lock(&self.waiting).take()
    }

    /// Notes which rules are active, unless others are on their way.
    pub fn note_active(&self, rules: u64) {
        if !self.is_waiting() {
            *lock(&self.newest) = Some(rules);
        }
    }

    /// Whether these rules are active, or on their way.
    pub fn is_newest(&self, rules: u64) -> bool {
        *lock(&self.newest) == Some(rules)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is guarded is one value, whole after every step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
