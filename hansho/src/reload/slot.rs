//! Where what was read anew waits for the threads that go by it: the newest is all that matters.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::service::Proposal;
use crate::service::on_call::Change;

/// Rules and settings on their way to the service.
#[derive(Default)]
pub struct Slot {
    rules: Newest<Proposal>,
    on_call: Newest<Change>,
    /// Hash of the rules in force, or on their way.
    newest: Mutex<Option<u64>>,
}

/// The newest of what was handed over and not taken yet.
struct Newest<T> {
    waiting: Mutex<Option<T>>,
    is_waiting: AtomicBool,
}

impl Slot {
    /// Hands rules over; what was waiting is forgotten.
    pub(crate) fn put(&self, proposal: Proposal) {
        let hash = proposal.rules.program.hash();
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(hash);
        self.rules.put(proposal);
    }

    /// Whether rules wait.
    pub(crate) fn is_waiting(&self) -> bool {
        self.rules.is_waiting()
    }

    /// Takes the rules that wait.
    pub(crate) fn take(&self) -> Option<Proposal> {
        self.rules.take()
    }

    /// Hands settings of on-call over; what was waiting is forgotten.
    pub(crate) fn put_on_call(&self, change: Change) {
        self.on_call.put(change);
    }

    /// Takes the settings that wait; it costs nothing where none do.
    pub(crate) fn take_on_call(&self) -> Option<Change> {
        self.on_call.is_waiting().then(|| self.on_call.take()).flatten()
    }

    /// Notes which rules are in force, unless others are on their way.
    pub(crate) fn note_in_force(&self, rules: u64) {
        if !self.is_waiting() {
            *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(rules);
        }
    }

    pub(super) fn is_newest(&self, rules: u64) -> bool {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) == Some(rules)
    }
}

impl<T> Newest<T> {
    fn put(&self, what: T) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
        self.is_waiting.store(true, Ordering::Release);
    }

    fn is_waiting(&self) -> bool {
        self.is_waiting.load(Ordering::Acquire)
    }

    fn take(&self) -> Option<T> {
        self.is_waiting.store(false, Ordering::Release);
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<T> Default for Newest<T> {
    fn default() -> Newest<T> {
        Newest { waiting: Mutex::new(None), is_waiting: AtomicBool::new(false) }
    }
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot").field("is_waiting", &self.is_waiting()).finish_non_exhaustive()
    }
}
