//! Atomics of the pipeline; a model checker replaces this module with its own.

pub(super) use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
