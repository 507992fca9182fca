//! Requests and answers over HTTP, shared with the command line.
//!
//! Answers of on-call are those of [`runtime::notify::requests::answers`].

pub mod answers;
pub mod requests;
