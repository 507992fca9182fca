//! Wiring: the machines of the node on threads, its traits on files, Kafka, sinks and clocks.

pub mod clock;
pub mod log_store;
pub mod notifiers;
pub mod service;
pub mod sources;
pub mod threads;

#[cfg(test)]
mod tests;
