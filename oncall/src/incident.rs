//! Record of an incident: state, times, delivery states and timeline.
//!
//! ```text
//!  firing ──► acknowledged ──► resolved ──► closed
//!     └──────────────────────────►┘
//! ```
//!
//! The manual's four phases derive from its times: 検知・通知 until it is acknowledged, 一次対応
//! until the impact is mitigated, 原因究明 until the cause is known, 恒久対策 until the permanent
//! fix. They may continue after the alert has resolved.

use std::collections::BTreeMap;

use model::alert_facts::Measurement;
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::{EndReason, EpisodeId, NamedKeyPart};
use serde::{Deserialize, Serialize};

use crate::episode_fold::AlertText;
use crate::matcher::MatchSubject;
use crate::timeline::{IncidentEntry, IncidentEvent};

/// Maximum number of entries in a timeline; further ones are only counted.
pub const TIMELINE_MAX: usize = 200;
/// Maximum length of a note, a name or a reason, in bytes.
pub const WORDS_MAX: usize = 4 << 10;

/// Incident: opened by an episode, worked on by people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Id of the record that opened it; the same for every receiver.
    pub id: EpisodeId,
    /// Name of the alert.
    pub alert: String,
    /// Components of the key with their names.
    pub key: Vec<NamedKeyPart>,
    /// Instant at which the condition became true; an early notice knows only its own instant.
    pub since: Timestamp,
    /// Highest severity so far.
    pub severity: Severity,
    /// State of the incident.
    pub state: IncidentState,
    /// Instants of its life cycle.
    pub times: LifecycleTimes,
    /// Measurement at the last firing, severity change or further match.
    pub at_fire: Measurement,
    /// Measurement at the resolution of the alert.
    pub at_end: Option<Measurement>,
    /// Reason for the resolution of the alert.
    pub reason: Option<EndReason>,
    /// Texts and context of the newest record before the resolution.
    pub text: AlertText,
    /// Texts and context of the resolution.
    pub end_text: Option<AlertText>,
    /// Assignee.
    pub owner: Option<String>,
    /// Deadline for a response; `None` is "as planned".
    pub deadline: Option<Timestamp>,
    /// True when the deadline passed without a response.
    pub is_breached: bool,
    /// True when its alert flaps and digests replace its notifications.
    #[serde(default)]
    pub is_flapping: bool,
    /// End of the group wait, before which no receiver is notified; `None` without a wait.
    #[serde(default)]
    pub batch: Option<Timestamp>,
    /// Next escalation step: runs when due while nobody has acknowledged, afterwards on demand.
    pub escalation: Option<Escalation>,
    /// Instant of the next reminder.
    pub reminder: Option<Timestamp>,
    /// Delivery state by name of the receiver.
    pub receivers: BTreeMap<String, DeliveryState>,
    /// Timeline, oldest first; at most [`TIMELINE_MAX`].
    pub timeline: Vec<IncidentEntry>,
    /// Number of entries beyond [`TIMELINE_MAX`].
    pub unlisted: u64,
}

/// State of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum IncidentState {
    /// Open, not acknowledged.
    Firing,
    /// Open, acknowledged by a person.
    Acknowledged,
    /// Resolved by the alert or by a person.
    Resolved,
    /// Closed by a person: no work remains.
    Closed,
}

/// The nine instants of an incident.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleTimes {
    /// Time of the event that opened it.
    pub event: Timestamp,
    /// Instant at which the service detected it.
    pub fired: Timestamp,
    /// Instant of the first delivery of a `Firing` notification.
    pub notified: Option<Timestamp>,
    /// Instant of the first acknowledgement.
    pub acknowledged: Option<Timestamp>,
    /// Instant at which the impact was mitigated.
    pub mitigated: Option<Timestamp>,
    /// Instant at which it was resolved.
    pub resolved: Option<Timestamp>,
    /// Instant at which the cause was recorded.
    pub cause_found: Option<Timestamp>,
    /// Instant at which the permanent fix was recorded.
    pub fixed: Option<Timestamp>,
    /// Instant at which it was closed.
    pub closed: Option<Timestamp>,
}

/// The manual's phases of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IncidentPhase {
    /// 検知・通知: receivers are notified.
    Detection,
    /// 一次対応: a person mitigates the impact.
    FirstResponse,
    /// 原因究明: the cause is investigated.
    CauseAnalysis,
    /// 恒久対策: the permanent fix is made.
    PermanentFix,
}

/// Next step of an escalation, and its instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// Instant from which the delays of the steps count.
    pub from: Timestamp,
    /// Index of the step, from 0.
    pub step: usize,
    /// Number of completed rounds of all steps.
    pub round: u32,
    /// Instant at which the step is due.
    pub due: Timestamp,
}

/// State of the delivery to one receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeliveryState {
    /// Suppressed by a silence, an inhibition or a mute; to be sent when that ends.
    Waiting,
    /// Pending in the outbox.
    Sent,
    /// Delivered.
    Delivered {
        /// Receipt that the receiver returned; empty if it returned none.
        receipt: String,
    },
    /// Dropped: the notification was not delivered.
    Failed,
    /// Counted in a digest instead of notified individually.
    #[serde(rename = "InDigest", alias = "Summed")]
    Summed,
}

impl Incident {
    /// Returns the names and values that matchers read.
    pub fn subject(&self) -> MatchSubject<'_> {
        MatchSubject {
            alert: &self.alert,
            severity: self.severity,
            key: &self.key,
            labels: &self.text.labels,
        }
    }

    /// Returns the current phase; `None` once it is closed.
    pub fn phase(&self) -> Option<IncidentPhase> {
        let times = &self.times;
        let is_over = times.mitigated.or(times.resolved).is_some();
        match self.state {
            IncidentState::Closed => None,
            IncidentState::Firing => Some(IncidentPhase::Detection),
            IncidentState::Acknowledged if !is_over => Some(IncidentPhase::FirstResponse),
            IncidentState::Acknowledged | IncidentState::Resolved
                if times.cause_found.is_none() =>
            {
                Some(IncidentPhase::CauseAnalysis)
            }
            IncidentState::Acknowledged | IncidentState::Resolved => {
                Some(IncidentPhase::PermanentFix)
            }
        }
    }

    /// True while it is firing or acknowledged.
    pub fn is_open(&self) -> bool {
        matches!(self.state, IncidentState::Firing | IncidentState::Acknowledged)
    }

    /// Returns the names of all receivers except those whose notification is suppressed.
    pub fn notified(&self) -> impl Iterator<Item = &str> {
        let notified = self
            .receivers
            .iter()
            .filter(|(_, notified)| !matches!(notified, DeliveryState::Waiting));
        notified.map(|(name, _)| name.as_str())
    }

    /// Returns the earliest instant at which a deadline, group wait, escalation or reminder is due.
    pub fn next_due(&self) -> Option<Timestamp> {
        let deadline =
            self.deadline.filter(|_| self.state == IncidentState::Firing && !self.is_breached);
        let unanswered = self.escalation.filter(|_| self.state == IncidentState::Firing);
        // Escalation does not start during the group wait.
        let called = |due: Timestamp| self.batch.map_or(due, |until| until.max(due));
        let escalation = unanswered.map(|escalation| called(escalation.due));
        [deadline, self.batch, escalation, self.reminder].into_iter().flatten().min()
    }

    /// Appends to the timeline; beyond [`TIMELINE_MAX`] entries are only counted.
    pub fn record(&mut self, at: Timestamp, by: Option<&str>, what: IncidentEvent) {
        if self.timeline.len() < TIMELINE_MAX {
            self.timeline.push(IncidentEntry { at, by: by.map(str::to_owned), what });
        } else {
            self.unlisted += 1;
        }
    }
}

impl IncidentState {
    /// All states in the order of the life cycle.
    pub const ALL: [IncidentState; 4] = [
        IncidentState::Firing,
        IncidentState::Acknowledged,
        IncidentState::Resolved,
        IncidentState::Closed,
    ];

    /// Name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            IncidentState::Firing => "firing",
            IncidentState::Acknowledged => "acknowledged",
            IncidentState::Resolved => "resolved",
            IncidentState::Closed => "closed",
        }
    }

    /// Name in Japanese.
    pub const fn name_ja(self) -> &'static str {
        match self {
            IncidentState::Firing => "未対応",
            IncidentState::Acknowledged => "対応中",
            IncidentState::Resolved => "解消",
            IncidentState::Closed => "完了",
        }
    }

    /// Returns the state of an API name.
    pub fn from_name(name: &str) -> Option<IncidentState> {
        IncidentState::ALL.into_iter().find(|state| state.name() == name)
    }
}

impl IncidentPhase {
    /// Name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            IncidentPhase::Detection => "detection",
            IncidentPhase::FirstResponse => "first response",
            IncidentPhase::CauseAnalysis => "cause analysis",
            IncidentPhase::PermanentFix => "permanent fix",
        }
    }

    /// Name in the manual, in Japanese.
    pub const fn name_ja(self) -> &'static str {
        match self {
            IncidentPhase::Detection => "検知・通知",
            IncidentPhase::FirstResponse => "一次対応",
            IncidentPhase::CauseAnalysis => "原因究明",
            IncidentPhase::PermanentFix => "恒久対策",
        }
    }
}
