//! Bytes in, bytes out: sources, codecs, sinks, logs.
//!
//! The modules stand in the order an event's bytes meet them: a source hands over borrowed
//! records, a codec makes events of them, what cannot be decoded goes to a dead letter, the
//! journal keeps transitions, a sink carries them out, and a commit says how far all that
//! got. Nothing here knows rules, windows or people on call.

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
