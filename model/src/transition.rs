//! Transitions of episodes: settled ones, and the early alerts that precede them.

use std::fmt;

use crate::alert_facts::{AlertFacts, Measurement};
use crate::decimal::Decimal;
use crate::key::KeyValue;

/// Name and value of a component of a key.
pub type NamedKeyPart = (String, KeyValue);

/// Stable identity of an episode: a hash of alert name, key and `since`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EpisodeId(pub u128);

impl fmt::Display for EpisodeId {
    /// 32 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digit = |byte: u8| if byte < 10 { b'0' + byte } else { b'a' + byte - 10 };
        let mut digits = [b'0'; 32];
        for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(self.0.to_be_bytes()) {
            *pair = [digit(byte >> 4), digit(byte & 15)];
        }
        f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
    }
}

impl EpisodeId {
    /// Parses the output of [`fmt::Display`].
    pub fn parse(text: &str) -> Option<EpisodeId> {
        let plain = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        plain.then(|| u128::from_str_radix(text, 16).ok().map(EpisodeId)).flatten()
    }
}

/// Kind of change of an episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransitionKind {
    /// Resolved.
    Resolved,
    /// Fired.
    Firing,
    /// Changed severity.
    Changed,
    /// Matched again, and the rule requests notification of that.
    Again,
}

impl TransitionKind {
    /// Name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            TransitionKind::Resolved => "resolved",
            TransitionKind::Firing => "firing",
            TransitionKind::Changed => "changed",
            TransitionKind::Again => "again",
        }
    }

    /// Returns the kind of a name.
    pub fn from_name(name: &str) -> Option<TransitionKind> {
        use TransitionKind::{Again, Changed, Firing, Resolved};
        [Resolved, Firing, Changed, Again].into_iter().find(|kind| kind.name() == name)
    }
}

/// Reason for the resolution of an episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// The condition was false for long enough.
    Cleared,
    /// The value was unknown for longer than the hold time.
    NoData,
    /// The calendar of the rule closed.
    Calendar,
    /// The absent key is no longer expected.
    Forgotten,
    /// The condition of the rule was changed, or the rule was removed.
    RuleChanged,
}

impl EndReason {
    /// All reasons.
    pub const ALL: [EndReason; 5] = [
        EndReason::Cleared,
        EndReason::NoData,
        EndReason::Calendar,
        EndReason::Forgotten,
        EndReason::RuleChanged,
    ];

    /// Name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            EndReason::Cleared => "cleared",
            EndReason::NoData => "no data",
            EndReason::Calendar => "calendar",
            EndReason::Forgotten => "forgotten",
            EndReason::RuleChanged => "rule changed",
        }
    }

    /// Returns the reason of a name.
    pub fn from_name(name: &str) -> Option<EndReason> {
        EndReason::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// Most frequent values of a field over the newest events of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopValues {
    /// Name of the field.
    pub field: String,
    /// Values and their number of events, the most frequent first.
    pub values: Vec<(KeyValue, u64)>,
}

/// Settled step of an episode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Kind of change.
    pub kind: TransitionKind,
    /// Alert, severity, key and times.
    pub facts: AlertFacts,
    /// Measure at `facts.at`, and the threshold last met.
    pub measured: Measurement,
    /// Extreme value of the episode in the trigger's direction; only when resolved.
    pub peak: Option<Decimal>,
    /// Reason for the resolution; only when resolved.
    pub reason: Option<EndReason>,
    /// Id of the episode.
    pub episode: EpisodeId,
    /// Number of events in the window at `at`.
    pub count: u64,
    /// Fields of the triggering event that the message names: (name, value).
    pub fields: Vec<NamedKeyPart>,
    /// Values of the newest events that the message shows, in its order.
    pub tops: Vec<TopValues>,
}

/// Early alert: a trigger that later events cannot undo is true ahead of the watermark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlyAlert {
    /// Alert, severity, key and the instant at which the condition is true, which lies in
    /// exactly one settled episode: `since` is `at`.
    pub facts: AlertFacts,
    /// Measure over the events seen so far: a lower bound in the trigger's direction.
    pub measured: Measurement,
    /// Id of the early alert, computed as an episode's with `at` for `since`.
    pub episode: EpisodeId,
    /// Number of events in the window so far.
    pub count: u64,
    /// Fields of the triggering event that the message names.
    pub fields: Vec<NamedKeyPart>,
}
