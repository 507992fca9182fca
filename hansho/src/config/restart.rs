//! Keys that only a start applies: keys that a reload compares and otherwise leaves alone.

use std::collections::BTreeSet;

use super::NodeConfig;
use super::kafka::KafkaSection;

/// True when a key says something else in two configurations.
type KeyDiffers = fn(&NodeConfig, &NodeConfig) -> bool;

const KEYS: [(&str, KeyDiffers); 20] = [
    ("state_dir", |a, b| a.state_dir != b.state_dir),
    ("language", |a, b| a.language != b.language),
    ("timezone", |a, b| a.timezone != b.timezone),
    ("workers", |a, b| a.workers != b.workers),
    ("api.listen", |a, b| a.listen != b.listen),
    ("kafka.group", |a, b| of_kafka(a, |it| &it.group) != of_kafka(b, |it| &it.group)),
    ("kafka.auto_offset_reset", |a, b| {
        of_kafka(a, |it| &it.auto_offset_reset) != of_kafka(b, |it| &it.auto_offset_reset)
    }),
    ("kafka.properties", |a, b| {
        of_kafka(a, |it| &it.properties) != of_kafka(b, |it| &it.properties)
    }),
    ("ingest.token", |a, b| a.ingest.token != b.ingest.token),
    ("ingest.spool_bytes", |a, b| a.ingest.spool_bytes != b.ingest.spool_bytes),
    ("dead_letters", |a, b| a.dead_letters != b.dead_letters),
    ("limits.idle_timeout", |a, b| a.limits.idle_timeout_ms != b.limits.idle_timeout_ms),
    ("limits.skew_max", |a, b| a.limits.skew_max_ms != b.limits.skew_max_ms),
    ("limits.reorder_buffer_bytes", |a, b| {
        a.limits.reorder_buffer_bytes != b.limits.reorder_buffer_bytes
    }),
    ("limits.keys_per_rule", |a, b| a.limits.keys_per_rule != b.limits.keys_per_rule),
    ("limits.pause_alert_after", |a, b| {
        a.limits.pause_alert_after_ms != b.limits.pause_alert_after_ms
    }),
    ("limits.snapshot_interval", |a, b| {
        a.limits.snapshot_interval_ms != b.limits.snapshot_interval_ms
    }),
    ("limits.self_alert_resolve_after", |a, b| a.limits.meta.quiet_ms != b.limits.meta.quiet_ms),
    ("limits.never_matched_after", |a, b| {
        a.limits.meta.never_matched_after != b.limits.meta.never_matched_after
    }),
    ("limits.rule_share_max", |a, b| a.limits.meta.rule_share_max != b.limits.meta.rule_share_max),
];

impl NodeConfig {
    /// The keys that differ from what a service runs with and wait for its next start. Of
    /// secrets it is compared where they are kept, not what they are.
    pub(crate) fn needs_restart(&self, running: &NodeConfig) -> Vec<String> {
        let keys = KEYS.iter().filter(|(_, differs)| differs(self, running));
        let mut keys: Vec<String> = keys.map(|(key, _)| (*key).to_owned()).collect();
        let streams: BTreeSet<&String> = self.inputs.keys().chain(running.inputs.keys()).collect();
        let moved =
            streams.into_iter().filter(|it| self.inputs.get(*it) != running.inputs.get(*it));
        keys.extend(moved.map(|name| format!("streams.{name}")));
        keys
    }
}

fn of_kafka<T>(config: &NodeConfig, part: impl FnOnce(&KafkaSection) -> &T) -> Option<&T> {
    config.kafka.as_ref().map(part)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const TEXT: &str = "rules = [\"a\"]\n#top\n[kafka]\n#kafka\n\
        properties = { \"bootstrap.servers\" = \"a:1\" }\n[limits]\n#limits\n[api]\n#api\n\
        [ingest]\n#ingest\n[dead_letters]\n#letters\n\
        [[sinks]]\nname = \"a\"\ntype = \"stdout\"\n#end\n";

    fn config(text: &str) -> NodeConfig {
        NodeConfig::parse(text, Path::new("hansho.toml")).unwrap()
    }

    #[test]
    fn every_key_that_only_a_start_restores_is_named() {
        let running = config(TEXT);
        let named = |text: &str| config(text).needs_restart(&running);
        let cases = [
            ("#top", "state_dir = \"b\"", "state_dir, dead_letters"),
            ("#top", "language = \"ja\"", "language"),
            ("#top", "timezone = \"Asia/Tokyo\"", "timezone"),
            ("#top", "workers = 255", "workers"),
            ("#api", "listen = \"127.0.0.1:1\"", "api.listen"),
            ("#kafka", "group = \"b\"", "kafka.group"),
            ("#kafka", "auto_offset_reset = \"latest\"", "kafka.auto_offset_reset"),
            ("\"a:1\"", "\"b:1\"", "kafka.properties"),
            ("#ingest", "token = \"env:T\"", "ingest.token"),
            ("#ingest", "spool_bytes = \"1MiB\"", "ingest.spool_bytes"),
            ("#letters", "file = \"b\"", "dead_letters"),
            ("#limits", "idle_timeout = \"1s\"", "limits.idle_timeout"),
            ("#limits", "skew_max = \"1s\"", "limits.skew_max"),
            ("#limits", "reorder_buffer_bytes = \"1MiB\"", "limits.reorder_buffer_bytes"),
            ("#limits", "keys_per_rule = 1", "limits.keys_per_rule"),
            ("#limits", "pause_alert_after = \"1s\"", "limits.pause_alert_after"),
            ("#limits", "snapshot_interval = \"none\"", "limits.snapshot_interval"),
            ("#limits", "self_alert_resolve_after = \"1s\"", "limits.self_alert_resolve_after"),
            ("#limits", "never_matched_after = 1", "limits.never_matched_after"),
            ("#limits", "rule_share_max = 1", "limits.rule_share_max"),
            ("#end", "[streams.s]\ntype = \"http\"", "streams.s"),
            ("#end", "[severities.low]\nrepeat_interval = \"9d\"", ""),
            ("#limits", "pending_max = 1\nnotify_rate_limit_per_min = 1\nflap_threshold = 1", ""),
            ("\"stdout\"", "\"file\"\npath = \"x\"", ""),
            ("#api", "[[api.tokens]]\nname = \"a\"\ntoken = \"env:T\"\nscope = \"act\"", ""),
            ("[\"a\"]", "[\"b\"]", ""),
        ];
        for (at, with, want) in cases {
            assert_eq!(named(&TEXT.replace(at, with)).join(", "), want, "{with}");
        }
        let others = KEYS.iter().filter(|(key, _)| !cases.iter().any(|it| it.2.contains(key)));
        assert_eq!(others.count(), 0, "every key has its case");
    }
}
