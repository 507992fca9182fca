//! On-call as the node runs it.

pub mod requests;
