//! `[limits]`: the bounds of the service that a configuration may move, with their defaults.

use engine::shard::KEYS_PER_RULE_MAX;
use model::time::{MINUTE_MS, SECOND_MS};
use oncall::engine::{FLAP_MAX, STORM_MAX};
use oncall::outbox::PENDING_MAX;
use toml::Spanned;

use super::file::{ConfigError, ConfigFile};
use super::raw;
use runtime::self_monitor::monitor::MetaLimits;

/// Limits of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeLimits {
    /// Time for which a partition must be known empty before time passes there by itself, in ms.
    pub idle_timeout_ms: i64,
    /// Greatest event time, in ms, that one partition may be read ahead of another.
    pub skew_max_ms: i64,
    /// Memory for observations that wait to be settled, in bytes.
    pub reorder_buffer_bytes: u64,
    /// Keys a rule may hold state for that does not say itself how many.
    pub keys_per_rule: u32,
    /// Notifications one sink may have pending.
    pub pending_max: usize,
    /// Notifications a minute that one sink gets as they are, critical ones aside.
    pub notify_rate_limit_per_min: usize,
    /// Beginnings and ends of one alert and key within an hour that are told one by one; 0 is
    /// however many.
    pub flap_threshold: usize,
    /// Time, in ms, for which a topic may go unread so that others catch up before an alert.
    pub pause_alert_after_ms: i64,
    /// Interval of snapshots, in ms; `None` is never.
    pub snapshot_interval_ms: Option<i64>,
    /// Limits of the service's own alerts.
    pub meta: MetaLimits,
}

impl Default for NodeLimits {
    fn default() -> NodeLimits {
        NodeLimits {
            idle_timeout_ms: 10 * SECOND_MS,
            skew_max_ms: MINUTE_MS,
            reorder_buffer_bytes: 256 << 20,
            keys_per_rule: KEYS_PER_RULE_MAX,
            pending_max: PENDING_MAX,
            notify_rate_limit_per_min: STORM_MAX,
            flap_threshold: FLAP_MAX,
            pause_alert_after_ms: 5 * MINUTE_MS,
            snapshot_interval_ms: Some(MINUTE_MS),
            meta: MetaLimits {
                quiet_ms: 10 * MINUTE_MS,
                never_matched_after: 1_000_000,
                rule_share_max: 50,
            },
        }
    }
}

/// Fills the defaults in.
pub(super) fn check(file: &ConfigFile<'_>, raw: raw::RawLimits) -> Result<NodeLimits, ConfigError> {
    let default = NodeLimits::default();
    let no_keys = "must be at least 1; with 0 no rule could evaluate any key";
    let no_notice = "must be at least 1; with 0 no notification could be sent";
    Ok(NodeLimits {
        idle_timeout_ms: raw.idle_timeout.map_or(default.idle_timeout_ms, |idle| idle.0),
        skew_max_ms: raw.skew_max.map_or(default.skew_max_ms, |skew| skew.0),
        reorder_buffer_bytes: raw
            .reorder_buffer_bytes
            .map_or(default.reorder_buffer_bytes, |size| size.0),
        keys_per_rule: at_least_one(file, raw.keys_per_rule, default.keys_per_rule, no_keys)?,
        pending_max: at_least_one(file, raw.pending_max, default.pending_max, no_notice)?,
        notify_rate_limit_per_min: at_least_one(
            file,
            raw.notify_rate_limit_per_min,
            default.notify_rate_limit_per_min,
            no_notice,
        )?,
        flap_threshold: raw.flap_threshold.unwrap_or(default.flap_threshold),
        pause_alert_after_ms: raw
            .pause_alert_after
            .map_or(default.pause_alert_after_ms, |most| most.0),
        snapshot_interval_ms: raw
            .snapshot_interval
            .map_or(default.snapshot_interval_ms, |every| every.0),
        meta: MetaLimits {
            quiet_ms: raw.self_alert_resolve_after.map_or(default.meta.quiet_ms, |quiet| quiet.0),
            never_matched_after: at_least_one(
                file,
                raw.never_matched_after,
                default.meta.never_matched_after,
                "must be at least 1; no rule matches before its first event",
            )?,
            rule_share_max: percent(file, raw.rule_share_max, default.meta.rule_share_max)?,
        },
    })
}

fn percent(
    file: &ConfigFile<'_>,
    raw: Option<Spanned<u8>>,
    default: u8,
) -> Result<u8, ConfigError> {
    match raw {
        None => Ok(default),
        Some(raw) if (1..=100).contains(raw.get_ref()) => Ok(raw.into_inner()),
        Some(raw) => file.refuse(&raw, "must be a percentage, 1 to 100; 100 disables the alert"),
    }
}

/// A number that must not be 0; `what` says why.
fn at_least_one<N: Copy + PartialEq + From<u8>>(
    file: &ConfigFile<'_>,
    raw: Option<Spanned<N>>,
    default: N,
    what: &str,
) -> Result<N, ConfigError> {
    match raw {
        None => Ok(default),
        Some(raw) if *raw.get_ref() == N::from(0) => file.refuse(&raw, what),
        Some(raw) => Ok(raw.into_inner()),
    }
}

#[cfg(test)]
mod tests;
