//! Data types that all crates of hansho share.
//!
//! The crate reads no clock, performs no I/O and depends on no other crate of the workspace. The
//! modules stand in the order an event meets them: a record is read, its fields are decoded against
//! a schema into an event, an observation is the projection of an event that passed the filters,
//! and a transition is a step of an episode. With the feature `serde`, each type that is stored or
//! sent has one serialized form.

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
