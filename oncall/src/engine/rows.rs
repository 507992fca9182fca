//! Rows of on-call state that the alert log cannot rebuild.

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

/// Row of on-call state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnCallRow {
    /// Number of records of the alert log applied.
    Position(u64),
    /// An incident.
    Case(Box<Incident>),
    /// A pending notification, with the name of its receiver.
    Outgoing(String, OutboxEntry),
    /// A dead notification.
    Dead(DeadNotification),
    /// A silence.
    Silence(Silence),
    /// A command of a person.
    Audit(AuditRecord),
    /// Pending digest.
    Digest(PendingDigest),
    /// Fallbacks by receiver: new settings do not contain those of removed receivers.
    Fallbacks(BTreeMap<String, String>),
    /// An alert that flaps for one key.
    Flapping(FlappingAlert),
}

/// Key of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowKey {
    /// Singleton.
    Position,
    /// Id of the incident.
    Case(EpisodeId),
    /// Number of the row.
    Outgoing(u64),
    /// Number of the row.
    Dead(u64),
    /// Number of the row.
    Silence(u64),
    /// Number of the row.
    Audit(u64),
    /// Number of the row.
    Digest(u64),
    /// Singleton; absent where no receiver has a fallback.
    Fallbacks,
    /// Number of the row.
    Flapping(u64),
}

/// Change of a row: its new value, or its deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowUpdate {
    /// Key of the row.
    pub key: RowKey,
    /// New value; `None` for a deletion.
    pub row: Option<OnCallRow>,
}

/// Command of a person, kept for audits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Number of the entry, ascending.
    pub number: u64,
    /// Instant of the command.
    pub at: Timestamp,
    /// Name of the person.
    pub by: String,
    /// Command as spelled on the command line.
    pub what: String,
}

#[cfg(test)]
mod tests;
