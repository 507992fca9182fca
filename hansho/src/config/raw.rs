//! The file as written, before anything is checked against anything else.

use std::collections::BTreeMap;

use connectors::secret::SecretReference;
use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Spanned;

use super::scalar::{
    Bytes, Duration, Listen, Mode, ReadLanguage, ResponseTime, SeverityWord, StepTime, Zone,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    pub(super) rules: Spanned<Vec<String>>,
    pub(super) state_dir: Option<String>,
    pub(super) language: Option<ReadLanguage>,
    pub(super) timezone: Option<Zone>,
    pub(super) workers: Option<Spanned<usize>>,
    /// Checked by being read: only `one` is.
    #[serde(default, rename = "mode")]
    pub(super) _mode: Mode,
    #[serde(default)]
    pub(super) api: Api,
    pub(super) kafka: Option<Spanned<Kafka>>,
    #[serde(default)]
    pub(super) streams: BTreeMap<String, Spanned<Stream>>,
    #[serde(default)]
    pub(super) ingest: Ingest,
    #[serde(default)]
    pub(super) limits: Limits,
    #[serde(default)]
    pub(super) dead_letters: DeadLetters,
    /// Taken out of the document before; named so that errors list it among the keys.
    #[serde(default, rename = "sinks")]
    pub(super) _sinks: IgnoredAny,
    #[serde(default)]
    pub(super) severities: Severities,
    #[serde(default)]
    pub(super) policies: Vec<Policy>,
    #[serde(default)]
    pub(super) routes: Vec<Route>,
    #[serde(default)]
    pub(super) routing: RoutingTable,
    #[serde(default)]
    pub(super) inhibitions: Vec<Inhibition>,
}

/// The tables that on-call goes by.
pub(super) struct OnCall {
    pub(super) severities: Severities,
    pub(super) policies: Vec<Policy>,
    pub(super) routes: Vec<Route>,
    pub(super) routing: RoutingTable,
    pub(super) inhibitions: Vec<Inhibition>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Api {
    #[serde(default)]
    pub(super) listen: Listen,
    #[serde(default)]
    pub(super) tokens: Vec<Token>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Token {
    pub(super) name: Spanned<String>,
    pub(super) token: Spanned<SecretReference>,
    pub(super) scope: Scope,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Scope {
    Read,
    Act,
    Admin,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kafka {
    pub(super) group: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) auto_offset_reset: super::kafka::AutoOffsetReset,
    #[serde(default)]
    pub(super) properties: BTreeMap<String, Spanned<SecretReference>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stream {
    #[serde(default, rename = "type")]
    pub(super) input_type: super::stream::InputType,
    pub(super) topic: Option<Spanned<String>>,
    pub(super) path: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ingest {
    pub(super) token: Option<Spanned<SecretReference>>,
    pub(super) spool_bytes: Option<Bytes>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) idle_timeout: Option<Duration>,
    pub(super) skew_max: Option<Duration>,
    pub(super) reorder_buffer_bytes: Option<Bytes>,
    pub(super) keys_per_rule: Option<Spanned<u32>>,
    pub(super) pending_max: Option<Spanned<usize>>,
    pub(super) pause_alert_after: Option<Duration>,
    pub(super) snapshot_interval: Option<ResponseTime>,
    pub(super) self_alert_resolve_after: Option<Duration>,
    pub(super) never_matched_after: Option<Spanned<u64>>,
    pub(super) rule_share_max: Option<Spanned<u8>>,
    pub(super) notify_rate_limit_per_min: Option<Spanned<usize>>,
    pub(super) flap_threshold: Option<usize>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeadLetters {
    pub(super) file: Option<String>,
    pub(super) topic: Option<Spanned<String>>,
}

/// The keys that sinks of every type have.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sink {
    pub(super) name: Spanned<String>,
    #[serde(rename = "type")]
    pub(super) sink_type: Spanned<String>,
    pub(super) severities: Option<Spanned<Vec<SeverityWord>>>,
    pub(super) send_resolved: Option<bool>,
    pub(super) on: Option<Spanned<Vec<NotifyOn>>>,
    pub(super) fallback: Option<Spanned<String>>,
}

impl Sink {
    /// Its keys; all others belong to the type.
    pub(super) const KEYS: [&str; 6] =
        ["name", "type", "severities", "send_resolved", "on", "fallback"];
}

/// Events of an incident that a sink is notified of.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum NotifyOn {
    Fire,
    Acknowledge,
    Escalate,
    Resolve,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Severities {
    pub(super) critical: Option<Severity>,
    pub(super) high: Option<Severity>,
    pub(super) medium: Option<Severity>,
    pub(super) low: Option<Severity>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Severity {
    pub(super) respond_within: Option<Spanned<ResponseTime>>,
    pub(super) clock: Option<String>,
    pub(super) repeat_interval: Option<Spanned<ResponseTime>>,
    pub(super) group_wait: Option<Spanned<StepTime>>,
    pub(super) policy: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Policy {
    pub(super) name: Spanned<String>,
    pub(super) steps: Vec<Step>,
    pub(super) repeat: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub(super) after: Spanned<StepTime>,
    pub(super) notify: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Route {
    #[serde(rename = "match")]
    pub(super) matchers: Spanned<Vec<String>>,
    pub(super) notify: Vec<Spanned<String>>,
    pub(super) mute: Option<String>,
    pub(super) during: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoutingTable {
    pub(super) default: Option<Vec<Spanned<String>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Inhibition {
    pub(super) source: Spanned<Vec<String>>,
    pub(super) target: Spanned<Vec<String>>,
    #[serde(default)]
    pub(super) equal: Vec<String>,
}
