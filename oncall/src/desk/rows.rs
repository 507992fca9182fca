//! What a desk keeps beside the alert log: rows that name themselves when they change.

use std::collections::BTreeMap;

use model::time::Timestamp;
use model::transition::EpisodeId;
use serde::{Deserialize, Serialize};

use super::delivery::Dead;
use super::flap_counts::Flapping;
use super::storm_counts::Pending;
use crate::case::Case;
use crate::outbox::Outgoing;
use crate::silence::Silence;

/// One thing on-call keeps beside the alert log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Row {
    /// How many records of the alert log have been taken in.
    Position(u64),
    /// An incident.
    Case(Box<Case>),
    /// A pending notification, and for whom.
    Outgoing(String, Outgoing),
    /// A notification that was given up.
    Dead(Dead),
    /// A silence.
    Silence(Silence),
    /// Something a person did.
    Audit(Audit),
    /// What is told in sum.
    Digest(Pending),
    /// Who stands in for whom: settings in which a receiver is no more do not say it.
    Fallbacks(BTreeMap<String, String>),
    /// An alert that flaps for one key.
    Flapping(Flapping),
}

/// What a row is kept under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowKey {
    /// There is one.
    Position,
    /// By incident.
    Case(EpisodeId),
    /// By number.
    Outgoing(u64),
    /// By number.
    Dead(u64),
    /// By number.
    Silence(u64),
    /// By number.
    Audit(u64),
    /// By number.
    Digest(u64),
    /// There is one, where anybody stands in for anybody.
    Fallbacks,
    /// By number.
    Flapping(u64),
}

/// A change of a row: what it is now, or that it is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which row.
    pub key: RowKey,
    /// What it is now; `None` where it is gone.
    pub row: Option<Row>,
}

/// Something a person did, for who asks later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// Its number.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// What, as a command is spelled.
    pub what: String,
}

#[cfg(test)]
mod tests;
