//! The nouns every room of hansho shares, as plain data.
//!
//! Nothing here reads a clock, performs I/O, or depends on another crate. The modules
//! stand in the order an event meets them: a record is read, its fields are decoded
//! against a schema into an event, an observation is what filters leave of it, and a
//! transition is what an episode does. With the feature `serde` each noun that is kept or sent
//! has one written form.

pub mod alert_facts;
pub mod calendar;
pub mod decimal;
pub mod event;
pub mod key;
pub mod message;
pub mod meta;
pub mod notification;
pub mod observation;
pub mod schema;
#[cfg(feature = "serde")]
pub mod serde_form;
pub mod severity;
pub mod time;
pub mod transition;
