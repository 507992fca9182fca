//! Foundations of the scenarios: a real Kafka, a webhook that remembers, a service to kill.
//!
//! Nothing here is shipped. The modules stand in the order an event meets them: the broker it
//! is published to, the service that reads it, the recorder its alert arrives at; the leash
//! ends whatever was started when the test that started it is gone. Beside them stand the naive
//! interpreter, the rules and logs drawn from a seed, the drive that runs them through the
//! engine, the simulation of a service that dies, and what spreads seeds over processors.

pub mod kafka;

pub mod service;

pub mod recorder;

pub mod child_guard;

pub mod oracle;

pub mod generators;

pub mod harness;

pub mod simulation;

pub mod seeds;
