//! Connectors: sources, codecs, sinks and logs.
//!
//! The modules stand in the order an event's bytes pass them: a source passes borrowed records, a
//! codec decodes them into events, undecodable records become dead letters, the journal keeps
//! transitions, a sink delivers notifications, and a commit stores the progress. The crate does not
//! depend on rules, windows or on-call.

pub mod broker;

pub mod source;
pub mod store;

pub mod codec;

pub mod dead_letter;

pub mod alert_log_codec;
mod published;

pub mod journal;

pub mod secret;

pub mod sink;

pub mod commit;

pub mod commit_file;
