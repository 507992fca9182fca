//! HTTP: health, metrics and rules of a node, events posted to it, the on-call API, and the
//! console.
//!
//! A route reads its request into a type of [`types`], passes a query to the node, and writes the
//! answer. The command line uses the same types.

pub mod app_state;
pub mod auth;
pub mod console;
pub mod ingest_spools;
pub mod limits;
pub mod on_call_client;
pub mod openapi;
mod reply;
pub mod routes;
pub mod serve;
pub mod types;

#[cfg(test)]
mod tests;
