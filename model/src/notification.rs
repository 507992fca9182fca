//! Notifications to people, and the results of sinks.

use std::sync::Arc;

use crate::alert_facts::{AlertFacts, Measurement};
use crate::time::Timestamp;
use crate::transition::{EndReason, EpisodeId};

/// Kind of news that a notification brings.
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
    /// Someone took it on.
    Acknowledged,
    /// Nobody took it on in time: a step of its policy.
    Escalated,
    /// It is still open.
    Reminder,
    /// Much happened at once: how much of what.
    Digest,
}

impl NotificationKind {
    /// All of them.
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

    /// The kind a word names.
    pub fn from_name(name: &str) -> Option<NotificationKind> {
        NotificationKind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The word JSON uses, as for transitions.
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

/// One message to one receiver, as every sink gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Notification {
    /// Identity for deduplication: equal for every attempt.
    pub id: String,
    /// Kind of news.
    pub kind: NotificationKind,
    /// The incident: the id of the record that opened it.
    pub incident: EpisodeId,
    /// Alert, severity, key and times.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub facts: AlertFacts,
    /// Instant at which the service saw it.
    pub detected: Timestamp,
    /// Instant at which a person should have responded; `None` is "as planned".
    pub deadline: Option<Timestamp>,
    /// Measure and threshold of the record, or of the end.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub measured: Measurement,
    /// Why it ended.
    pub reason: Option<EndReason>,
    /// The rendered message.
    pub message: String,
    /// The rule in words.
    pub reading: String,
    /// Address of the runbook.
    pub runbook: Option<String>,
    /// The rule's labels.
    pub labels: Vec<(String, String)>,
    /// Person who did it, where one did.
    pub by: Option<String>,
    /// Delivery that its receiver missed before this: set where something ended before anyone could
    /// be told that it had begun.
    pub missed: Option<MissedDelivery>,
    /// Summary of a digest; only of those.
    #[cfg_attr(feature = "serde", serde(default))]
    pub digest: Option<Arc<Digest>>,
}

/// Summary of a storm, or of an alert that flaps.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Digest {
    /// Number of times something happened; of one that flaps, how often it began.
    pub news: u64,
    /// Number of those that are over; of one that flaps, how often it ended.
    pub ended: u64,
    /// True when it is of one alert and key that began and ended again and again.
    #[cfg_attr(feature = "serde", serde(default))]
    pub is_flapping: bool,
    /// Alerts and how often each had news, the busiest first; not all of them.
    pub alerts: Vec<(String, u64)>,
}

/// A notification that this one takes the place of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MissedDelivery {
    /// Instant at which what it told of began.
    pub at: Timestamp,
    /// Why it was not delivered, where it was tried.
    pub why: Option<String>,
}

/// Result of one attempt to deliver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryResult {
    /// The receiver has it.
    Sent {
        /// By what the receiver knows the message, where it says so: the next notification of
        /// the incident may change it, or answer to it.
        receipt: Option<String>,
    },
    /// It may work later.
    Retry {
        /// Kind of failure.
        reason: FailureReason,
        /// Description of the failure, for people.
        why: String,
        /// Time for which the receiver asked to be left alone.
        after_ms: Option<i64>,
    },
    /// It will never work.
    Reject {
        /// Kind of failure.
        reason: FailureReason,
        /// Description of the failure, for people.
        why: String,
    },
}

/// Reason of a failed delivery, for figures and decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailureReason {
    /// The receiver takes no more for now.
    RateLimited,
    /// It does not know us, or does not let us.
    Auth,
    /// It refuses what it was sent.
    Client,
    /// It failed.
    Server,
    /// It did not answer in time.
    Timeout,
    /// It was not reached.
    Network,
    /// The message is larger than it takes.
    TooLarge,
    /// The message could not be made.
    Template,
    /// It is there no more, and says that it will not come back.
    Gone,
}

impl FailureReason {
    /// All of them.
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

    /// The word logs and metrics use.
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

    /// The reason a word names.
    pub fn from_name(name: &str) -> Option<FailureReason> {
        FailureReason::ALL.into_iter().find(|reason| reason.name() == name)
    }
}
