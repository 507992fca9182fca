//! Rules: loaded, activated, replaced while the node runs.

pub mod loaded;
pub mod supervisor;

pub mod active_rules;
pub mod environment;
pub mod kept;
pub mod mailbox;
pub mod sources;
