//! What machines share; a model checker puts its own in the place of it.

pub(super) use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
