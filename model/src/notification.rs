//! Notifications, and the results of delivery attempts.

use std::sync::Arc;

use crate::alert_facts::{AlertFacts, Measurement};
use crate::time::Timestamp;
use crate::transition::{EndReason, EpisodeId};

/// Kind of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotificationKind {
    /// An incident opened.
    Firing,
    /// Its severity rose above every notified one.
    Changed,
    /// It matched again, and the rule requests notification of that.
    Again,
    /// It was resolved.
    Resolved,
    /// A person acknowledged it.
    Acknowledged,
    /// An escalation step: no person acknowledged it in time.
    Escalated,
    /// Reminder: it is still open.
    Reminder,
    /// Digest that replaces many notifications.
    Digest,
}

impl NotificationKind {
    /// All variants.
    pub const ALL: [NotificationKind; 8] = [
        NotificationKind::Firing,
        NotificationKind::Changed,
        NotificationKind::Again,
        NotificationKind::Resolved,
        NotificationKind::Acknowledged,
        NotificationKind::Escalated,
        NotificationKind::Reminder,
        NotificationKind::Digest,
    ];

    /// Returns the kind of a name.
    pub fn from_name(name: &str) -> Option<NotificationKind> {
        NotificationKind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Name in JSON, as for transitions.
    pub const fn name(self) -> &'static str {
        match self {
            NotificationKind::Firing => "firing",
            NotificationKind::Changed => "changed",
            NotificationKind::Again => "again",
            NotificationKind::Resolved => "resolved",
            NotificationKind::Acknowledged => "acknowledged",
            NotificationKind::Escalated => "escalated",
            NotificationKind::Reminder => "reminder",
            NotificationKind::Digest => "digest",
        }
    }
}

/// Message to one receiver, as every sink gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Notification {
    /// Id for deduplication: equal for every attempt.
    pub id: String,
    /// Kind of the notification.
    pub kind: NotificationKind,
    /// Id of the incident, which is that of the record that opened it.
    pub incident: EpisodeId,
    /// Alert, severity, key and times.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub facts: AlertFacts,
    /// Instant at which the service detected it.
    pub detected: Timestamp,
    /// Deadline for a response; `None` is "as planned".
    pub deadline: Option<Timestamp>,
    /// Measurement of the record, or of the resolution.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub measured: Measurement,
    /// Reason for the resolution.
    pub reason: Option<EndReason>,
    /// Rendered message.
    pub message: String,
    /// Description of the rule in plain language.
    pub reading: String,
    /// URL of the runbook.
    pub runbook: Option<String>,
    /// Labels of the rule.
    pub labels: Vec<(String, String)>,
    /// Person who caused it; `None` for the service.
    pub by: Option<String>,
    /// Earlier notification that the receiver missed; set where an incident was resolved before its
    /// firing could be delivered.
    pub missed: Option<MissedDelivery>,
    /// Content of a digest; `None` for other kinds.
    #[cfg_attr(feature = "serde", serde(default))]
    pub digest: Option<Arc<Digest>>,
}

impl Notification {
    /// A notification of facts alone, detected at their instant: no measurement, text or deadline.
    pub fn of_facts(
        id: String,
        kind: NotificationKind,
        incident: EpisodeId,
        facts: AlertFacts,
    ) -> Notification {
        Notification {
            id,
            kind,
            incident,
            detected: facts.at,
            facts,
            deadline: None,
            measured: Measurement::default(),
            reason: None,
            message: String::new(),
            reading: String::new(),
            runbook: None,
            labels: Vec::new(),
            by: None,
            missed: None,
            digest: None,
        }
    }
}

/// Content of a digest: notifications beyond the rate limit, or edges of a flapping alert.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Digest {
    /// Number of notifications replaced; of a flapping alert, number of firings.
    pub news: u64,
    /// Number of resolved incidents among them; of a flapping alert, number of resolutions.
    pub ended: u64,
    /// True when it covers one flapping alert and key.
    #[cfg_attr(feature = "serde", serde(default))]
    pub is_flapping: bool,
    /// Alerts with their number of notifications, the most frequent first; possibly truncated.
    pub alerts: Vec<(String, u64)>,
}

/// Earlier notification that this one replaces.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MissedDelivery {
    /// Event time of the missed notification.
    pub at: Timestamp,
    /// Failure of its last attempt, if there was one.
    pub why: Option<String>,
}

/// Result of one delivery attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryResult {
    /// The receiver accepted it.
    Sent {
        /// Receipt that identifies the message, if the receiver returns one: the next notification
        /// of the incident can update it or reply to it.
        receipt: Option<String>,
    },
    /// Temporary failure: a retry may succeed.
    Retry {
        /// Kind of failure.
        reason: FailureReason,
        /// Description of the failure, for people.
        why: String,
        /// Delay that the receiver requested, in milliseconds.
        after_ms: Option<i64>,
    },
    /// Permanent failure: no retry can succeed.
    Reject {
        /// Kind of failure.
        reason: FailureReason,
        /// Description of the failure, for people.
        why: String,
    },
}

/// Reason of a failed delivery, for metrics and retry decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailureReason {
    /// The receiver limits the rate.
    RateLimited,
    /// Authentication or authorization failed.
    Auth,
    /// The receiver rejected the message.
    Client,
    /// The receiver failed.
    Server,
    /// Timeout.
    Timeout,
    /// Connection failed.
    Network,
    /// The message exceeds the size limit of the receiver.
    TooLarge,
    /// The message could not be built.
    Template,
    /// The receiver reported that it is gone permanently.
    Gone,
}

impl FailureReason {
    /// All variants.
    pub const ALL: [FailureReason; 9] = [
        FailureReason::RateLimited,
        FailureReason::Auth,
        FailureReason::Client,
        FailureReason::Server,
        FailureReason::Timeout,
        FailureReason::Network,
        FailureReason::TooLarge,
        FailureReason::Template,
        FailureReason::Gone,
    ];

    /// Name in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            FailureReason::RateLimited => "rate_limited",
            FailureReason::Auth => "auth",
            FailureReason::Client => "client",
            FailureReason::Server => "server",
            FailureReason::Timeout => "timeout",
            FailureReason::Network => "network",
            FailureReason::TooLarge => "too_large",
            FailureReason::Template => "template",
            FailureReason::Gone => "gone",
        }
    }

    /// Returns the reason of a name.
    pub fn from_name(name: &str) -> Option<FailureReason> {
        FailureReason::ALL.into_iter().find(|reason| reason.name() == name)
    }
}
