//! What is sent to people, and what a sink answers.

use crate::decimal::Decimal;
use crate::severity::Severity;
use crate::time::Timestamp;
use crate::transition::{EpisodeId, KeyPart, Reason};

/// What a notification tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotificationKind {
    /// An incident opened.
    Firing,
    /// Its severity rose above every one people were told of.
    Changed,
    /// It matched once more, and the rule asked to be told.
    Again,
    /// It ended.
    Resolved,
}

impl NotificationKind {
    /// The word JSON uses, as for transitions.
    pub const fn name(self) -> &'static str {
        match self {
            NotificationKind::Firing => "firing",
            NotificationKind::Changed => "changed",
            NotificationKind::Again => "again",
            NotificationKind::Resolved => "resolved",
        }
    }
}

/// One message to one receiver, as every sink gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Identity for deduplication: equal for every attempt.
    pub id: String,
    /// What it tells.
    pub kind: NotificationKind,
    /// The incident: the id of the record that opened it.
    pub incident: EpisodeId,
    /// The alert's name.
    pub alert: String,
    /// Its severity.
    pub severity: Severity,
    /// The key, named.
    pub key: Vec<KeyPart>,
    /// When the transition holds.
    pub at: Timestamp,
    /// When the condition became true.
    pub since: Timestamp,
    /// When the service saw it.
    pub detected: Timestamp,
    /// When a person should have responded; `None` is "as planned".
    pub deadline: Option<Timestamp>,
    /// The measure, in base units.
    pub value: Option<Decimal>,
    /// The level met.
    pub threshold: Option<Decimal>,
    /// Why it ended.
    pub reason: Option<Reason>,
    /// The rendered message.
    pub message: String,
    /// The rule in words.
    pub reading: String,
    /// Where the procedure is written.
    pub runbook: Option<String>,
    /// The rule's labels.
    pub labels: Vec<(String, String)>,
}

/// What one attempt to deliver came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryResult {
    /// The receiver has it.
    Sent,
    /// It may work later.
    Retry {
        /// What went wrong, for people.
        why: String,
        /// How long the receiver asked to be left alone.
        after_ms: Option<i64>,
    },
    /// It will never work.
    Reject {
        /// What went wrong, for people.
        why: String,
    },
}
