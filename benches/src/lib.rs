//! Criterion benches and side-by-side harness.
