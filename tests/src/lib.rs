//! Scenarios, oracle, simulation and tidy checks.
