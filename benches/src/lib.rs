//! Common parts of the benches: one load, two sides, and a way to hold them against each other.
//!
//! A [`load`] is drawn from a seed. [`pipeline`] does the work as the service does it, [`baseline`]
//! as a hand-written loop would, and [`compare`] runs the two in turns and prints their ratio.

pub mod load;

pub mod baseline;
pub mod pipeline;

pub mod compare;
