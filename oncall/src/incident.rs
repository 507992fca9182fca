//! The record people keep of an incident: its state, its times, what was done and by whom.
//!
//! ```text
//!  firing ──► acknowledged ──► resolved ──► closed
//!     └──────────────────────────►┘
//! ```
//!
//! The manual's four phases are read off its times: 検知・通知 until someone takes it on,
//! 一次対応 until the harm is over, 原因究明 until the cause is known, 恒久対策 until it is
//! mended for good. They may run on after the alert itself has ended.

use std::collections::BTreeMap;

use model::alert_facts::Measurement;
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::{EndReason, EpisodeId, NamedKeyPart};
use serde::{Deserialize, Serialize};

use crate::episode_fold::AlertText;
use crate::matcher::MatchSubject;
use crate::timeline::{IncidentEntry, IncidentEvent};

/// Entries of a timeline that are kept; further ones are counted.
pub const TIMELINE_MAX: usize = 200;
/// Bytes of a note, a name or a reason people write.
pub const WORDS_MAX: usize = 4 << 10;

/// An incident as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// The id of the record that opened it, for every receiver.
    pub id: EpisodeId,
    /// The alert's name.
    pub alert: String,
    /// The key, named.
    pub key: Vec<NamedKeyPart>,
    /// Instant at which the condition became true; an early notice knows only its own instant.
    pub since: Timestamp,
    /// The highest severity it has had.
    pub severity: Severity,
    /// State of the incident.
    pub state: IncidentState,
    /// Instants of its life cycle.
    pub times: LifecycleTimes,
    /// The measure when it opened, or last rose.
    pub at_fire: Measurement,
    /// The measure when the alert ended.
    pub at_end: Option<Measurement>,
    /// Why the alert ended.
    pub reason: Option<EndReason>,
    /// Texts about it for people.
    pub text: AlertText,
    /// Texts about its end for people.
    pub end_text: Option<AlertText>,
    /// Assignee.
    pub owner: Option<String>,
    /// Instant at which a person should have responded; `None` is "as planned".
    pub deadline: Option<Timestamp>,
    /// True when the deadline passed without an answer.
    pub is_breached: bool,
    /// True when its alert began and ended so often that it is told in sum.
    #[serde(default)]
    pub is_flapping: bool,
    /// Until when nobody is told of it, in case something opens that explains it.
    #[serde(default)]
    pub batch: Option<Timestamp>,
    /// Receivers to notify next, while nobody has responded; after that, on demand.
    pub escalation: Option<Escalation>,
    /// Instant at which people next hear that it is still open.
    pub reminder: Option<Timestamp>,
    /// By receiver: what became of telling it.
    pub receivers: BTreeMap<String, DeliveryState>,
    /// Timeline, oldest first; at most [`TIMELINE_MAX`].
    pub timeline: Vec<IncidentEntry>,
    /// Entries the timeline had no room for.
    pub unlisted: u64,
}

/// State of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum IncidentState {
    /// Nobody has taken it on.
    Firing,
    /// Someone has.
    Acknowledged,
    /// The alert ended, or someone said that the harm is over.
    Resolved,
    /// Nothing is left to do.
    Closed,
}

/// The nine instants of an incident.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleTimes {
    /// Of the event that opened it.
    pub event: Timestamp,
    /// Instant at which the service saw that.
    pub fired: Timestamp,
    /// Instant at which the first receiver had it.
    pub notified: Option<Timestamp>,
    /// Instant at which someone took it on.
    pub acknowledged: Option<Timestamp>,
    /// Instant at which the harm was over for now.
    pub mitigated: Option<Timestamp>,
    /// Instant at which the alert ended.
    pub resolved: Option<Timestamp>,
    /// Instant at which the cause was known.
    pub cause_found: Option<Timestamp>,
    /// Instant at which it was mended for good.
    pub fixed: Option<Timestamp>,
    /// Instant at which it was closed.
    pub closed: Option<Timestamp>,
}

/// The manual's phases of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IncidentPhase {
    /// 検知・通知: people are being told.
    Detection,
    /// 一次対応: someone works to end the harm.
    FirstResponse,
    /// 原因究明: the cause is looked for.
    CauseAnalysis,
    /// 恒久対策: it is mended for good.
    PermanentFix,
}

/// Next step of an escalation, and its instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// From when the steps count.
    pub from: Timestamp,
    /// The step, from 0.
    pub step: usize,
    /// Number of times the steps were gone through before.
    pub round: u32,
    /// Instant at which it is due.
    pub due: Timestamp,
}

/// State of the delivery to one receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeliveryState {
    /// It is to hear of it, and something keeps it from being told now.
    Waiting,
    /// It was handed to the outbox.
    Sent,
    /// It has it, and knows it by this.
    Delivered {
        /// Receipt of the receiver; empty where it does not say.
        receipt: String,
    },
    /// It never got it.
    Failed,
    /// It hears of it in sum with others.
    #[serde(rename = "InDigest", alias = "Summed")]
    Summed,
}

impl Incident {
    /// Names and values that matchers read.
    pub fn subject(&self) -> MatchSubject<'_> {
        MatchSubject {
            alert: &self.alert,
            severity: self.severity,
            key: &self.key,
            labels: &self.text.labels,
        }
    }

    /// The phase it is in; `None` once it is closed.
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

    /// True when people may still have to respond.
    pub fn is_open(&self) -> bool {
        matches!(self.state, IncidentState::Firing | IncidentState::Acknowledged)
    }

    /// Receivers that were told, or are about to be.
    pub fn notified(&self) -> impl Iterator<Item = &str> {
        let notified = self
            .receivers
            .iter()
            .filter(|(_, notified)| !matches!(notified, DeliveryState::Waiting));
        notified.map(|(name, _)| name.as_str())
    }

    /// The next instant at which something is due.
    pub fn next_due(&self) -> Option<Timestamp> {
        let deadline =
            self.deadline.filter(|_| self.state == IncidentState::Firing && !self.is_breached);
        let unanswered = self.escalation.filter(|_| self.state == IncidentState::Firing);
        // Nobody is called before anybody may be told.
        let called = |due: Timestamp| self.batch.map_or(due, |until| until.max(due));
        let escalation = unanswered.map(|escalation| called(escalation.due));
        [deadline, self.batch, escalation, self.reminder].into_iter().flatten().min()
    }

    /// Adds to the timeline.
    pub fn record(&mut self, at: Timestamp, by: Option<&str>, what: IncidentEvent) {
        if self.timeline.len() < TIMELINE_MAX {
            self.timeline.push(IncidentEntry { at, by: by.map(str::to_owned), what });
        } else {
            self.unlisted += 1;
        }
    }
}

impl IncidentState {
    /// All of them, in their order.
    pub const ALL: [IncidentState; 4] = [
        IncidentState::Firing,
        IncidentState::Acknowledged,
        IncidentState::Resolved,
        IncidentState::Closed,
    ];

    /// The word the API uses.
    pub const fn name(self) -> &'static str {
        match self {
            IncidentState::Firing => "firing",
            IncidentState::Acknowledged => "acknowledged",
            IncidentState::Resolved => "resolved",
            IncidentState::Closed => "closed",
        }
    }

    /// The word people read in Japanese.
    pub const fn name_ja(self) -> &'static str {
        match self {
            IncidentState::Firing => "未対応",
            IncidentState::Acknowledged => "対応中",
            IncidentState::Resolved => "解消",
            IncidentState::Closed => "完了",
        }
    }

    /// The state a word names.
    pub fn from_name(name: &str) -> Option<IncidentState> {
        IncidentState::ALL.into_iter().find(|state| state.name() == name)
    }
}

impl IncidentPhase {
    /// The word the API uses.
    pub const fn name(self) -> &'static str {
        match self {
            IncidentPhase::Detection => "detection",
            IncidentPhase::FirstResponse => "first response",
            IncidentPhase::CauseAnalysis => "cause analysis",
            IncidentPhase::PermanentFix => "permanent fix",
        }
    }

    /// The manual's word.
    pub const fn name_ja(self) -> &'static str {
        match self {
            IncidentPhase::Detection => "検知・通知",
            IncidentPhase::FirstResponse => "一次対応",
            IncidentPhase::CauseAnalysis => "原因究明",
            IncidentPhase::PermanentFix => "恒久対策",
        }
    }
}
