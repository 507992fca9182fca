//! Inputs and outputs of a shard.

use std::collections::BTreeMap;

use model::decimal::Decimal;
use model::key::encode_key;
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::{EarlyAlert, EndReason, NamedKeyPart, Transition};

use crate::key_group::KEY_GROUPS;
use crate::rule_state::{RuleStateDelta, StateCheckpointPolicy};

/// State that a shard starts from.
#[derive(Clone, Debug, Default)]
pub struct ShardRestore {
    /// By stream index: a previous run published transitions up to here.
    pub published: Vec<Timestamp>,
    /// Episodes that were open then.
    pub open: Vec<RestoredEpisode>,
    /// Episodes that a calendar had ended by then: the newest of each (alert, key). While a value
    /// is unknown, its comparison keeps the truth that `clear` gave it while the episode was open.
    pub calendar_ends: Vec<CalendarEnd>,
    /// Rule state at an instant, from which the rules continue.
    pub memories: Vec<RuleStateDelta>,
}

/// The end of an episode by the calendar of its rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarEnd {
    /// The alert's name.
    pub alert: String,
    /// The key's canonical bytes.
    pub key: Vec<u8>,
    /// Its instant.
    pub at: Timestamp,
}

/// Newest end by a calendar of every (alert, key).
pub fn calendar_ends<'a>(published: impl IntoIterator<Item = &'a Transition>) -> Vec<CalendarEnd> {
    let mut newest: BTreeMap<(&str, Vec<u8>), Timestamp> = BTreeMap::new();
    for Transition { facts, reason, .. } in published {
        if *reason == Some(EndReason::Calendar) {
            let key = encode_key(facts.key.iter().map(|(_, value)| value));
            let at = newest.entry((&facts.alert, key)).or_insert(facts.at);
            *at = facts.at.max(*at);
        }
    }
    let ends = newest.into_iter();
    ends.map(|((alert, key), at)| CalendarEnd { alert: alert.to_owned(), key, at }).collect()
}

/// An open episode, as a restart restores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoredEpisode {
    /// The alert's name.
    pub alert: String,
    /// The key's canonical bytes.
    pub key: Vec<u8>,
    /// Instant at which its condition became true.
    pub since: Timestamp,
    /// Furthest value up to the published instant. Replay adds to it, but reaches back no further
    /// than `for`, `keep` and `hold`: an older peak must be saved.
    pub peak: Option<Decimal>,
    /// Last instant whose value may be the peak: how far its rule was evaluated. Rules of other
    /// streams may be behind it.
    pub as_of: Timestamp,
    /// Current severity.
    pub severity: Severity,
    /// Fields of the event that fired it, as far as the message shows them.
    pub fields: Vec<NamedKeyPart>,
}

/// Value of a watch for a key; ordered by watch and key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WatchSample {
    /// The watch's name.
    pub watch: String,
    /// The key, named.
    pub key: Vec<NamedKeyPart>,
    /// Its value, in base units.
    pub value: Decimal,
    /// Settled instant at which the value was read.
    pub at: Timestamp,
}

/// Settings of a shard.
#[derive(Clone, Copy, Debug)]
pub struct ShardSettings {
    /// Index of this shard.
    pub index: usize,
    /// Number of shards.
    pub shards: usize,
    /// True when rising triggers emit early alerts.
    pub early: bool,
    /// Keys one rule may hold state for, over all key groups: see [`keys_share`].
    pub keys_per_rule_max: u32,
    /// Schedule of rule state deltas; `None` writes none.
    pub remembering: Option<StateCheckpointPolicy>,
}

/// Keys one rule may hold state for unless configured otherwise.
pub const KEYS_PER_RULE_MAX: u32 = 1_000_000;

/// Number of keys that a rule may hold in one key group: at least one.
pub const fn keys_share(most: u32) -> u32 {
    let share = most / KEY_GROUPS;
    if share == 0 { 1 } else { share }
}

/// Output of a step.
#[derive(Clone, Debug, Default)]
pub struct StepOutput {
    /// Settled transitions, ordered by (instant, alert, key); equal ones as they happened.
    pub transitions: Vec<Transition>,
    /// Early alerts, in the order of detection.
    pub early: Vec<EarlyAlert>,
    /// Rule state deltas, as of instants up to which all output is emitted.
    pub memories: Vec<RuleStateDelta>,
}

/// Counts of what a shard holds and has refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardCounts {
    /// Observations that arrived after their instant was settled.
    pub late_after_settle: u64,
    /// Observations of new keys refused at the limit of a rule.
    pub refused_keys: u64,
    /// New values refused at the limit of a key.
    pub refused_values: u64,
    /// Duplicates dropped: observations whose event id and time were seen before.
    pub repeated: u64,
    /// Observations buffered until their instant settles.
    pub waiting: u64,
    /// Keys known.
    pub keys: u64,
    /// (alert, key) states held.
    pub states: u64,
}

impl std::iter::Sum for ShardCounts {
    fn sum<I: Iterator<Item = ShardCounts>>(counts: I) -> ShardCounts {
        counts.fold(ShardCounts::default(), |a, b| ShardCounts {
            late_after_settle: a.late_after_settle + b.late_after_settle,
            refused_keys: a.refused_keys + b.refused_keys,
            refused_values: a.refused_values + b.refused_values,
            repeated: a.repeated + b.repeated,
            waiting: a.waiting + b.waiting,
            keys: a.keys + b.keys,
            states: a.states + b.states,
        })
    }
}
