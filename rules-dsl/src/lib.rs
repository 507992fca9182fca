//! The rule language: text to checked rules and diagnostics.

pub mod rule;
