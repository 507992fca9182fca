//! Rows kept beside the alert log: rows that name themselves when they change.

use std::collections::BTreeMap;

use model::time::Timestamp;
use model::transition::EpisodeId;
use serde::{Deserialize, Serialize};

use super::delivery::DeadNotification;
use super::flap_counts::FlappingAlert;
use super::rate_counts::PendingDigest;
use crate::incident::Incident;
use crate::outbox::OutboxEntry;
use crate::silence::Silence;

/// One thing on-call keeps beside the alert log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnCallRow {
    /// Number of records of the alert log applied.
    Position(u64),
    /// An incident.
    Case(Box<Incident>),
    /// A pending notification, and for whom.
    Outgoing(String, OutboxEntry),
    /// A notification that was given up.
    Dead(DeadNotification),
    /// A silence.
    Silence(Silence),
    /// Something a person did.
    Audit(AuditRecord),
    /// Pending digest.
    Digest(PendingDigest),
    /// Fallbacks of receivers: settings in which a receiver is no more do not say it.
    Fallbacks(BTreeMap<String, String>),
    /// An alert that flaps for one key.
    Flapping(FlappingAlert),
}

/// Key of a row.
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
pub struct RowUpdate {
    /// Which row.
    pub key: RowKey,
    /// New value; `None` where it is gone.
    pub row: Option<OnCallRow>,
}

/// Something a person did, for who asks later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Its number.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// Action, as a command is spelled.
    pub what: String,
}

#[cfg(test)]
mod tests;
