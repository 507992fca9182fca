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
use model::transition::{EpisodeId, KeyPart, Reason};
use serde::{Deserialize, Serialize};

use crate::incident::AlertText;
use crate::matcher::Subject;
use crate::timeline::{TimelineEntry, TimelineEvent};

/// Entries of a timeline that are kept; further ones are counted.
pub const TIMELINE_MAX: usize = 200;
/// Bytes of a note, a name or a reason people write.
pub const WORDS_MAX: usize = 4 << 10;

/// An incident as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// The id of the record that opened it, for every receiver.
    pub id: EpisodeId,
    /// The alert's name.
    pub alert: String,
    /// The key, named.
    pub key: Vec<KeyPart>,
    /// When the condition became true; an early notice knows only its own instant.
    pub since: Timestamp,
    /// The highest severity it has had.
    pub severity: Severity,
    /// Where it stands.
    pub state: State,
    /// When what happened.
    pub times: Times,
    /// The measure when it opened, or last rose.
    pub at_fire: Measurement,
    /// The measure when the alert ended.
    pub at_end: Option<Measurement>,
    /// Why the alert ended.
    pub reason: Option<Reason>,
    /// What people read about it.
    pub text: AlertText,
    /// What people read about its end.
    pub end_text: Option<AlertText>,
    /// Who works on it.
    pub owner: Option<String>,
    /// When a person should have responded; `None` is "as planned".
    pub deadline: Option<Timestamp>,
    /// Whether the deadline passed without an answer.
    pub is_breached: bool,
    /// Whether its alert began and ended so often that it is told in sum.
    #[serde(default)]
    pub is_flapping: bool,
    /// Until when nobody is told of it, in case something opens that explains it.
    #[serde(default)]
    pub batch: Option<Timestamp>,
    /// Who is told next, while nobody has responded; after that, on demand.
    pub escalation: Option<Escalation>,
    /// When people next hear that it is still open.
    pub reminder: Option<Timestamp>,
    /// By receiver: what became of telling it.
    pub receivers: BTreeMap<String, Told>,
    /// What happened, oldest first; at most [`TIMELINE_MAX`].
    pub timeline: Vec<TimelineEntry>,
    /// Entries the timeline had no room for.
    pub unlisted: u64,
}

/// Where an incident stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum State {
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
pub struct Times {
    /// Of the event that opened it.
    pub event: Timestamp,
    /// When the service saw that.
    pub fired: Timestamp,
    /// When the first receiver had it.
    pub notified: Option<Timestamp>,
    /// When someone took it on.
    pub acknowledged: Option<Timestamp>,
    /// When the harm was over for now.
    pub mitigated: Option<Timestamp>,
    /// When the alert ended.
    pub resolved: Option<Timestamp>,
    /// When the cause was known.
    pub cause_found: Option<Timestamp>,
    /// When it was mended for good.
    pub fixed: Option<Timestamp>,
    /// When it was closed.
    pub closed: Option<Timestamp>,
}

/// The manual's phases of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// 検知・通知: people are being told.
    Detection,
    /// 一次対応: someone works to end the harm.
    FirstResponse,
    /// 原因究明: the cause is looked for.
    CauseAnalysis,
    /// 恒久対策: it is mended for good.
    PermanentFix,
}

/// Who is told next, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// From when the steps count.
    pub from: Timestamp,
    /// The step, from 0.
    pub step: usize,
    /// How often the steps were gone through before.
    pub round: u32,
    /// When it is due.
    pub due: Timestamp,
}

/// What became of telling one receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Told {
    /// It is to hear of it, and something keeps it from being told now.
    Waiting,
    /// It was handed to the outbox.
    Sent,
    /// It has it, and knows it by this.
    Delivered {
        /// What the receiver calls the message; empty where it does not say.
        receipt: String,
    },
    /// It never got it.
    Failed,
    /// It hears of it in sum with others.
    #[serde(rename = "InDigest", alias = "Summed")]
    Summed,
}

impl Case {
    /// What matchers look at.
    pub fn subject(&self) -> Subject<'_> {
        Subject {
            alert: &self.alert,
            severity: self.severity,
            key: &self.key,
            labels: &self.text.labels,
        }
    }

    /// The phase it is in; `None` once it is closed.
    pub fn phase(&self) -> Option<Phase> {
        let times = &self.times;
        let is_over = times.mitigated.or(times.resolved).is_some();
        match self.state {
            State::Closed => None,
            State::Firing => Some(Phase::Detection),
            State::Acknowledged if !is_over => Some(Phase::FirstResponse),
            State::Acknowledged | State::Resolved if times.cause_found.is_none() => {
                Some(Phase::CauseAnalysis)
            }
            State::Acknowledged | State::Resolved => Some(Phase::PermanentFix),
        }
    }

    /// Whether people may still have to respond.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Firing | State::Acknowledged)
    }

    /// Receivers that were told, or are about to be.
    pub fn told(&self) -> impl Iterator<Item = &str> {
        let told = self.receivers.iter().filter(|(_, told)| !matches!(told, Told::Waiting));
        told.map(|(name, _)| name.as_str())
    }

    /// The next instant at which something is due.
    pub fn next_due(&self) -> Option<Timestamp> {
        let deadline = self.deadline.filter(|_| self.state == State::Firing && !self.is_breached);
        let unanswered = self.escalation.filter(|_| self.state == State::Firing);
        // Nobody is called before anybody may be told.
        let called = |due: Timestamp| self.batch.map_or(due, |until| until.max(due));
        let escalation = unanswered.map(|escalation| called(escalation.due));
        [deadline, self.batch, escalation, self.reminder].into_iter().flatten().min()
    }

    /// Adds to the timeline.
    pub fn note(&mut self, at: Timestamp, by: Option<&str>, what: TimelineEvent) {
        if self.timeline.len() < TIMELINE_MAX {
            self.timeline.push(TimelineEntry { at, by: by.map(str::to_owned), what });
        } else {
            self.unlisted += 1;
        }
    }
}

impl State {
    /// All of them, in their order.
    pub const ALL: [State; 4] =
        [State::Firing, State::Acknowledged, State::Resolved, State::Closed];

    /// The word the API uses.
    pub const fn name(self) -> &'static str {
        match self {
            State::Firing => "firing",
            State::Acknowledged => "acknowledged",
            State::Resolved => "resolved",
            State::Closed => "closed",
        }
    }

    /// The word people read in Japanese.
    pub const fn name_ja(self) -> &'static str {
        match self {
            State::Firing => "未対応",
            State::Acknowledged => "対応中",
            State::Resolved => "解消",
            State::Closed => "完了",
        }
    }

    /// The state a word names.
    pub fn from_name(name: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.name() == name)
    }
}

impl Phase {
    /// The word the API uses.
    pub const fn name(self) -> &'static str {
        match self {
            Phase::Detection => "detection",
            Phase::FirstResponse => "first response",
            Phase::CauseAnalysis => "cause analysis",
            Phase::PermanentFix => "permanent fix",
        }
    }

    /// The manual's word.
    pub const fn name_ja(self) -> &'static str {
        match self {
            Phase::Detection => "検知・通知",
            Phase::FirstResponse => "一次対応",
            Phase::CauseAnalysis => "原因究明",
            Phase::PermanentFix => "恒久対策",
        }
    }
}
