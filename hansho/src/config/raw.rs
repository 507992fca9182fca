//! The file as written, before anything is checked against anything else.

use std::collections::BTreeMap;

use connectors::secret::SecretReference;
use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Spanned;

use super::scalar::{
    BytesSetting, DurationSetting, ListenAddress, ProcessMode, ReadLanguage, ResponseTime,
    SeverityWord, StepTime, ZoneSetting,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConfig {
    pub(super) rules: Spanned<Vec<String>>,
    pub(super) state_dir: Option<String>,
    pub(super) language: Option<ReadLanguage>,
    pub(super) timezone: Option<ZoneSetting>,
    pub(super) workers: Option<Spanned<usize>>,
    /// Checked by being read: only `one` is.
    #[serde(default, rename = "mode")]
    pub(super) _mode: ProcessMode,
    #[serde(default)]
    pub(super) api: RawApi,
    pub(super) kafka: Option<Spanned<RawKafka>>,
    #[serde(default)]
    pub(super) streams: BTreeMap<String, Spanned<RawStream>>,
    #[serde(default)]
    pub(super) ingest: RawIngest,
    #[serde(default)]
    pub(super) limits: RawLimits,
    #[serde(default)]
    pub(super) dead_letters: RawDeadLetters,
    /// Taken out of the document before; named so that errors list it among the keys.
    #[serde(default, rename = "sinks")]
    pub(super) _sinks: IgnoredAny,
    #[serde(default)]
    pub(super) severities: RawSeverities,
    #[serde(default)]
    pub(super) policies: Vec<RawPolicy>,
    #[serde(default)]
    pub(super) routes: Vec<RawRoute>,
    #[serde(default)]
    pub(super) routing: RawRouting,
    #[serde(default)]
    pub(super) inhibitions: Vec<RawInhibition>,
}

/// The tables that on-call goes by.
pub(super) struct RawOnCall {
    pub(super) severities: RawSeverities,
    pub(super) policies: Vec<RawPolicy>,
    pub(super) routes: Vec<RawRoute>,
    pub(super) routing: RawRouting,
    pub(super) inhibitions: Vec<RawInhibition>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawApi {
    #[serde(default)]
    pub(super) listen: ListenAddress,
    #[serde(default)]
    pub(super) tokens: Vec<RawToken>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawToken {
    pub(super) name: Spanned<String>,
    pub(super) token: Spanned<SecretReference>,
    pub(super) scope: RawScope,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawScope {
    Read,
    Act,
    Admin,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawKafka {
    pub(super) group: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) auto_offset_reset: super::kafka::AutoOffsetReset,
    #[serde(default)]
    pub(super) properties: BTreeMap<String, Spanned<SecretReference>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStream {
    #[serde(default, rename = "type")]
    pub(super) input_type: super::stream::InputType,
    pub(super) topic: Option<Spanned<String>>,
    pub(super) path: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawIngest {
    pub(super) token: Option<Spanned<SecretReference>>,
    pub(super) spool_bytes: Option<BytesSetting>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLimits {
    pub(super) idle_timeout: Option<DurationSetting>,
    pub(super) skew_max: Option<DurationSetting>,
    pub(super) reorder_buffer_bytes: Option<BytesSetting>,
    pub(super) keys_per_rule: Option<Spanned<u32>>,
    pub(super) pending_max: Option<Spanned<usize>>,
    pub(super) pause_alert_after: Option<DurationSetting>,
    pub(super) snapshot_interval: Option<ResponseTime>,
    pub(super) self_alert_resolve_after: Option<DurationSetting>,
    pub(super) never_matched_after: Option<Spanned<u64>>,
    pub(super) rule_share_max: Option<Spanned<u8>>,
    pub(super) notify_rate_limit_per_min: Option<Spanned<usize>>,
    pub(super) flap_threshold: Option<usize>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDeadLetters {
    pub(super) file: Option<String>,
    pub(super) topic: Option<Spanned<String>>,
}

/// The keys that sinks of every type have.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSink {
    pub(super) name: Spanned<String>,
    #[serde(rename = "type")]
    pub(super) sink_type: Spanned<String>,
    pub(super) severities: Option<Spanned<Vec<SeverityWord>>>,
    pub(super) send_resolved: Option<bool>,
    pub(super) on: Option<Spanned<Vec<RawNotifyOn>>>,
    pub(super) fallback: Option<Spanned<String>>,
}

impl RawSink {
    /// Its keys; all others belong to the type.
    pub(super) const KEYS: [&str; 6] =
        ["name", "type", "severities", "send_resolved", "on", "fallback"];
}

/// Events of an incident that a sink is notified of.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawNotifyOn {
    Fire,
    Acknowledge,
    Escalate,
    Resolve,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSeverities {
    pub(super) critical: Option<RawSeverity>,
    pub(super) high: Option<RawSeverity>,
    pub(super) medium: Option<RawSeverity>,
    pub(super) low: Option<RawSeverity>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSeverity {
    pub(super) respond_within: Option<Spanned<ResponseTime>>,
    pub(super) clock: Option<String>,
    pub(super) repeat_interval: Option<Spanned<ResponseTime>>,
    pub(super) group_wait: Option<Spanned<StepTime>>,
    pub(super) policy: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPolicy {
    pub(super) name: Spanned<String>,
    pub(super) steps: Vec<RawStep>,
    pub(super) repeat: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStep {
    pub(super) after: Spanned<StepTime>,
    pub(super) notify: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRoute {
    #[serde(rename = "match")]
    pub(super) matchers: Spanned<Vec<String>>,
    pub(super) notify: Vec<Spanned<String>>,
    pub(super) mute: Option<String>,
    pub(super) during: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRouting {
    pub(super) default: Option<Vec<Spanned<String>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawInhibition {
    pub(super) source: Spanned<Vec<String>>,
    pub(super) target: Spanned<Vec<String>>,
    #[serde(default)]
    pub(super) equal: Vec<String>,
}
