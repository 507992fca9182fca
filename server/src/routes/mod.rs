//! Routes: from a request to a query to the node, and from its answer to a response.

pub mod health;
pub mod incidents;
pub mod ingest;
pub mod notifications;
pub(crate) mod request;
pub mod rules;
pub mod silences;
pub mod status;
