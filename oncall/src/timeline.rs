//! Timeline of an incident: what happened, as it is kept, answered and shown.

use model::notification::NotificationKind;
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::EndReason;
use serde::{Deserialize, Serialize};

/// One event of an incident's timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IncidentEntry {
    /// Instant.
    pub at: Timestamp,
    /// Person who did it; null is the service.
    pub by: Option<String>,
    /// Event.
    pub what: IncidentEvent,
}

/// Event of an incident's timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum IncidentEvent {
    /// The incident opened.
    Fired,
    /// Its severity rose.
    #[serde(alias = "Rose")]
    SeverityRaised(Severity),
    /// Its condition matched once more.
    MatchedAgain,
    /// The alert ended.
    Ended(Option<EndReason>),
    /// A receiver has a notification.
    Delivered {
        /// Receiver.
        receiver: String,
        /// Kind of the notification.
        kind: NotificationKind,
    },
    /// A notification was dropped.
    #[serde(alias = "Undelivered")]
    NotificationDropped {
        /// Receiver.
        receiver: String,
        /// Kind of the notification.
        kind: NotificationKind,
        /// Reason.
        why: String,
    },
    /// A notification waits for the end of a silence, an inhibition or a mute.
    #[serde(alias = "HeldBack")]
    Suppressed {
        /// Receiver.
        receiver: String,
        /// Reason.
        why: String,
    },
    /// Further receivers were notified.
    Escalated {
        /// Step, from 1.
        step: usize,
        /// Receivers.
        receivers: Vec<String>,
    },
    /// The deadline passed without a response.
    Breached,
    /// A reminder went out.
    Reminded,
    /// A person acknowledged the incident.
    Acknowledged,
    /// A person was assigned.
    Assigned(String),
    /// A person wrote a note.
    Noted(String),
    /// The harm was over for now.
    Mitigated(String),
    /// The cause was found.
    CauseFound(String),
    /// The permanent fix was made.
    Fixed(String),
    /// A person resolved the incident.
    Resolved(String),
    /// A person closed the incident.
    Closed(String),
}
