//! What is sent to people, and what a sink answers.

use std::sync::Arc;

use crate::alert_facts::{AlertFacts, Measurement};
use crate::time::Timestamp;
use crate::transition::{EpisodeId, Reason};

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
    /// What it tells.
    pub kind: NotificationKind,
    /// The incident: the id of the record that opened it.
    pub incident: EpisodeId,
    /// Alert, severity, key and times.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub facts: AlertFacts,
    /// When the service saw it.
    pub detected: Timestamp,
    /// When a person should have responded; `None` is "as planned".
    pub deadline: Option<Timestamp>,
    /// Measure and threshold of the record, or of the end.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub measured: Measurement,
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
    /// Who did it, where a person did.
    pub by: Option<String>,
    /// What its receiver never got before this: set where something ended before anyone could
    /// be told that it had begun.
    pub missed: Option<MissedDelivery>,
    /// What a digest sums up; only of those.
    #[cfg_attr(feature = "serde", serde(default))]
    pub digest: Option<Arc<Digest>>,
}

/// What happened in a storm, or of an alert that flaps.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Digest {
    /// How often something happened; of one that flaps, how often it began.
    pub news: u64,
    /// How many of those told this way are over; of one that flaps, how often it ended.
    pub ended: u64,
    /// Whether it is of one alert and key that began and ended again and again.
    #[cfg_attr(feature = "serde", serde(default))]
    pub is_flapping: bool,
    /// Alerts and how often each had news, the busiest first; not all of them.
    pub alerts: Vec<(String, u64)>,
}

/// A notification that this one takes the place of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MissedDelivery {
    /// When what it told of began.
    pub at: Timestamp,
    /// Why it was not delivered, where it was tried.
    pub why: Option<String>,
}

/// What one attempt to deliver came to.
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
        /// What kind of failure it was.
        reason: FailureReason,
        /// What went wrong, for people.
        why: String,
        /// How long the receiver asked to be left alone.
        after_ms: Option<i64>,
    },
    /// It will never work.
    Reject {
        /// What kind of failure it was.
        reason: FailureReason,
        /// What went wrong, for people.
        why: String,
    },
}

/// What kept a notification from its receiver, for figures and decisions.
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
