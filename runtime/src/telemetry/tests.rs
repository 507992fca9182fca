use std::collections::BTreeSet;
use std::path::Path;

use engine::shard::statistics::RuleCounts;
use engine::shard::{ShardCounts, WatchSample};
use model::decimal::Decimal;
use model::key::KeyValue;
use model::notification::FailureReason;
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::TransitionKind;
use oncall::outbox::{AttemptOutcome, DeliveryFailure, DropReason};
use rules_dsl::source::SourceFile;

use super::metrics::{EventTotals, NodeMetrics, ReloadOutcome};
use super::rule_metrics::{ReadFigures, RuleActivityList};
use super::*;

/// A program of two rules over one stream, `r` without a key and `s` by user.
fn program() -> engine::program::Program {
    let text = "stream a { ts: time, user: str }\nalert r any a high\nalert s any a by user low";
    let file = SourceFile { name: "r.rules".to_owned(), text: text.to_owned() };
    let set = rules_dsl::compile(&[file]).rules.expect("two rules");
    engine::program::Program::compile(&set).expect("a program")
}

fn counted() -> RuleCounts {
    RuleCounts {
        matched: 1,
        late: 2,
        refused_keys: 3,
        refused_values: 4,
        evaluations: 5,
        truths: 6,
        fired: 7,
        last_fired: Some(Timestamp(8_500)),
        keys: 9,
        work: 10,
    }
}

#[test]
fn every_figure_of_a_rule_is_on_its_page_and_among_the_metrics() {
    let state = NodeTelemetry::new();
    let rules = &state.metrics.rules;
    rules.begin(&program());
    let read =
        |skipped_missing_key| ReadFigures { evaluated: 11, observed: 0, skipped_missing_key };
    rules.record_read([read(0), read(12)].into_iter());
    rules.record_shards(&[RuleCounts::default(), counted()]);
    rules.record_shares(&[0.25, 0.75]);
    let page = serde_json::to_value(rules.report()).unwrap();
    let of_r = &page["rules"][0];
    assert_eq!((&of_r["rule"], &of_r["last_fired"]), (&"r".into(), &serde_json::Value::Null));
    let want = serde_json::json!({
        "rule": "s", "watch": false, "events": 11, "matched": 1, "evaluations": 5,
        "evaluations_true": 6, "fired": 7, "last_fired": "1970-01-01T00:00:08.500Z", "keys": 9,
        "late_observations_dropped": 2,
        "skipped_missing_key": 12, "refused_keys": 3, "refused_values": 4, "work": 10,
        "work_ratio": 0.75,
    });
    assert_eq!(page["rules"][1], want);
    // The document is written in the order of its members' names, as it always was.
    let written = serde_json::to_string(&rules.report()).unwrap();
    assert_eq!(written, page.to_string());
    let read: RuleActivityList = serde_json::from_str(&written).unwrap();
    assert_eq!(read, rules.report());
    let text = state.metrics.render().unwrap();
    let want = [
        "rule_events_total{rule=\"s\"} 11",
        "rule_matched_total{rule=\"s\"} 1",
        "rule_evaluations_total{rule=\"s\"} 5",
        "rule_evaluations_true_total{rule=\"s\"} 6",
        "rule_fired_total{rule=\"s\"} 7",
        "rule_late_observations_dropped_total{rule=\"s\"} 2",
        "rule_skipped_missing_key_total{rule=\"s\"} 12",
        "rule_refused_keys_total{rule=\"s\"} 3",
        "rule_refused_values_total{rule=\"s\"} 4",
        "rule_work_total{rule=\"s\"} 10",
        "rule_keys{rule=\"s\"} 9.0",
        "rule_last_fired_timestamp_seconds{rule=\"s\"} 8.5",
        "rule_work_ratio{rule=\"s\"} 0.75",
    ];
    let got: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("hansho_")).collect();
    let of_s: BTreeSet<&str> = got.iter().copied().filter(|l| l.contains("\"s\"")).collect();
    assert_eq!(of_s, want.into());
    assert!(!text.contains("timestamp_seconds{rule=\"r\"}"), "what never fired has no instant");
    // Other rules take their place.
    rules.begin(&program());
    assert!(!state.metrics.render().unwrap().contains("rule_work_ratio{"));
}

/// Metrics of a node, each with a value, those of rules aside.
fn populated() -> NodeMetrics {
    let metrics = NodeMetrics::new();
    let totals = EventTotals {
        decoded: 10,
        undecodable: 2,
        late: 3,
        refused_future: 4,
        skipped_missing_key: 5,
        observations: 6,
    };
    metrics.record_events(&totals);
    metrics.record_events(&EventTotals::default());
    metrics.record_shards(&ShardCounts {
        late_after_settle: 7,
        refused_keys: 8,
        refused_values: 16,
        repeated: 18,
        states: 9,
        waiting: 11,
        keys: 0,
    });
    let key = vec![("service".to_owned(), KeyValue::Text("pay".to_owned()))];
    let (watch, value) = ("API呼び出し".to_owned(), Decimal::from_int(17));
    metrics.record_watches([WatchSample { watch, key, value, at: Timestamp(0) }].iter());
    metrics.record_front("auth", 2, Timestamp(500), Timestamp(2_000));
    metrics.record_commit(Timestamp(1_250));
    metrics.record_compacted(19, 800);
    metrics.record_state_log(70);
    metrics.record_snapshot(80);
    metrics.record_transition(TransitionKind::Firing, Severity::Critical);
    metrics.record_early(Severity::High);
    metrics.record_incidents(12);
    metrics.record_dead_letters(1);
    metrics.record_lost(13);
    metrics.record_rebalance();
    metrics.record_idle(14);
    metrics.record_held_back(15);
    metrics.record_rules(6);
    metrics.record_rules(7);
    for outcome in [ReloadOutcome::Accepted, ReloadOutcome::Unchanged, ReloadOutcome::Refused] {
        metrics.record_reload(outcome, Timestamp(1_500));
    }
    metrics.record_held_back_for("auth.events", 2_500);
    metrics.record_of_itself("hansho.refused_keys", 1);
    let failure = DeliveryFailure { reason: FailureReason::Server, why: String::new() };
    let gave_up = |why| AttemptOutcome::GaveUp { why };
    for outcome in [
        AttemptOutcome::Delivered { receipt: None },
        AttemptOutcome::Retrying { at: Timestamp(0), failure: failure.clone() },
        gave_up(DropReason::Rejected(failure)),
        gave_up(DropReason::Expired(None)),
        gave_up(DropReason::QueueFull),
        gave_up(DropReason::ReceiverRemoved),
    ] {
        metrics.record_delivery("当番", &outcome);
    }
    metrics.record_outbox("\"log\"", 2, 2_500);
    metrics.record_refresh("am", true);
    metrics
}

#[test]
fn every_figure_is_registered_and_labelled() {
    let text = populated().render().unwrap();
    let got: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("hansho_")).collect();
    let want = [
        "events_read_total 12",
        "events_decoded_total 10",
        "decode_errors_total 2",
        "late_events_dropped_total 3",
        "future_events_dropped_total 4",
        "skipped_missing_key_total 5",
        "observations_total 6",
        "late_observations_dropped_total 7",
        "refused_keys_total 8",
        "refused_values_total 16",
        "duplicate_observations_total 18",
        "watch{watch=\"API呼び出し\",service=\"pay\"} 17.0",
        "watch_keys_not_exported 0",
        "active_keys 9",
        "reorder_buffer_observations 11",
        "transitions_total{severity=\"critical\",kind=\"firing\"} 1",
        "early_notices_total{severity=\"high\"} 1",
        "incidents_open 12",
        "dead_letters_total 1",
        "deliveries_total{receiver=\"当番\",outcome=\"delivered\"} 1",
        "deliveries_total{receiver=\"当番\",outcome=\"retrying\"} 1",
        "deliveries_total{receiver=\"当番\",outcome=\"rejected\"} 1",
        "deliveries_total{receiver=\"当番\",outcome=\"expired\"} 1",
        "deliveries_total{receiver=\"当番\",outcome=\"queue_full\"} 1",
        "deliveries_total{receiver=\"当番\",outcome=\"receiver_removed\"} 1",
        "outbox_pending{receiver=\"\\\"log\\\"\"} 2",
        "alertmanager_resend_failing{receiver=\"am\"} 1",
        "outbox_oldest_age_seconds{receiver=\"\\\"log\\\"\"} 2.5",
        "event_time_lag_seconds{topic=\"auth\",partition=\"2\"} 1.5",
        "records_lost_total 13",
        "rebalances_total 1",
        "alert_log_bytes 800",
        "snapshot_bytes 80",
        "state_log_bytes 70",
        "alert_log_compacted_lines_total 19",
        "last_commit_timestamp_seconds 1.25",
        "partitions_idle 14",
        "partitions_paused 15",
        "rules_info{hash=\"0000000000000007\"} 1",
        "reloads_total{outcome=\"accepted\"} 1",
        "reloads_total{outcome=\"unchanged\"} 1",
        "reloads_total{outcome=\"refused\"} 1",
        "reload_last_success_timestamp_seconds 1.5",
        "partition_paused_seconds{topic=\"auth.events\"} 2.5",
        "self_alerts_open{alert=\"hansho.refused_keys\"} 1",
    ];
    assert_eq!(got, want.into());
}

/// Words of this project that an engineer of the field does not search for.
const PRIVATE_WORDS: [&str; 16] = [
    "tell",
    "tells",
    "told",
    "hear",
    "heard",
    "say",
    "says",
    "said",
    "judge",
    "judged",
    "judgements",
    "force",
    "taken",
    "take",
    "anew",
    "nobody",
];

/// Metrics of the registry as their text form declares them.
struct MetricFamily {
    name: String,
    kind: String,
    help: String,
    unit: Option<String>,
}

fn families() -> Vec<MetricFamily> {
    let metrics = populated();
    metrics.rules.begin(&program());
    metrics.rules.record_shards(&[counted(), counted()]);
    metrics.rules.record_shares(&[0.25, 0.75]);
    // A family without a series has no place in the text.
    let text = metrics.render().unwrap();
    let of = |head: &str, name: &str| {
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(head));
        lines.find_map(|line| line.split_once(' ').filter(|(it, _)| *it == name)).map(|it| it.1)
    };
    let helps = text.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split_once(' '));
    let family = |(name, help): (&str, &str)| MetricFamily {
        name: name.to_owned(),
        kind: of("# TYPE ", name).unwrap().to_owned(),
        help: help.to_owned(),
        unit: of("# UNIT ", name).map(str::to_owned),
    };
    helps.map(family).collect()
}

#[test]
fn names_and_help_texts_follow_the_practice_of_openmetrics() {
    let families = families();
    assert_eq!(
        families.len(),
        51,
        "the metrics with a value are not all metrics: extend `populated`"
    );
    let names: BTreeSet<&str> = families.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names.len(), families.len(), "a name is registered twice");
    let private = |text: &str| {
        let mut words = text.split(|c: char| !c.is_alphanumeric());
        words.any(|word| PRIVATE_WORDS.contains(&word.to_lowercase().as_str()))
    };
    for MetricFamily { name, kind, help, unit } in &families {
        let is_plain = |c: char| c.is_ascii_lowercase() || c == '_';
        assert!(name.starts_with("hansho_") && name.chars().all(is_plain), "{name}");
        // The library adds `_total` to a counter, and nothing to a gauge.
        assert!(["counter", "gauge"].contains(&kind.as_str()), "{name}: {kind}");
        assert!(!name.ends_with("_total") && !name.ends_with("_count"), "{name}");
        let units = [("_seconds", "seconds"), ("_bytes", "bytes")];
        let of_name = units.iter().find(|(suffix, _)| name.ends_with(suffix)).map(|it| it.1);
        assert_eq!(unit.as_deref(), of_name, "{name}");
        let measured = ["age", "lag", "delay", "time", "timestamp", "duration", "size", "length"];
        let last = name.rsplit('_').next().unwrap();
        assert!(!measured.contains(&last), "{name} lacks its unit");
        let other_units = ["ms", "millis", "us", "ns", "minutes", "hours", "kib", "mib", "percent"];
        assert!(!other_units.contains(&last), "{name} is not in a base unit");
        assert!(help.len() > 10 && help.ends_with('.'), "{name}: {help}");
        assert!(!private(help), "{name}: {help}");
        assert!(!private(&name.replace('_', " ")), "{name}");
    }
    let text = NodeMetrics::new().render().unwrap();
    let counter = "hansho_events_read_total 0";
    assert!(text.lines().any(|line| line == counter), "a counter ends in _total");
}

#[test]
fn the_pages_list_every_metric() {
    for name in ["operations.md", "operations.ja.md"] {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
        let page = std::fs::read_to_string(page).unwrap();
        for MetricFamily { name: metric, kind, .. } in families() {
            let total = if kind == "counter" { "_total" } else { "" };
            let shown = format!("`{}{total}`", metric.trim_start_matches("hansho_"));
            assert!(page.contains(&shown), "{name} lacks {shown}");
        }
    }
}
