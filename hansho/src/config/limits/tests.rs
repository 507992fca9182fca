use std::collections::BTreeMap;
use std::path::Path;

use connectors::journal::MAX_BUFFERED_BYTES;
use oncall::engine::{AUDIT_MAX, DEAD_MAX, INCIDENTS_MAX, TURNS_MAX};
use oncall::episode_fold::CLOSED_MAX;
use oncall::outbox::IN_FLIGHT_MAX;
use oncall::silence::SILENCES_MAX;

use super::*;

fn page(name: &str) -> String {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    std::fs::read_to_string(docs.join(name)).expect("a page")
}

/// The first two cells of every row of a page's tables.
fn rows(page: &str) -> Vec<(&str, &str)> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    rows.map(|(first, rest)| (first, rest.split(" |").next().unwrap_or(rest))).collect()
}

fn seconds(millis: i64) -> String {
    match millis {
        ms if ms % MINUTE_MS == 0 => format!("`\"{}m\"`", ms / MINUTE_MS),
        ms => format!("`\"{}s\"`", ms / SECOND_MS),
    }
}

/// `1234567` as people read it: `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn size(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units.into_iter().find(|(shift, _)| bytes.is_multiple_of(1 << shift));
    unit.map_or(format!("{bytes} B"), |(shift, name)| format!("{} {name}", bytes >> shift))
}

/// Every setting of `[limits]` and its default as the pages write it.
fn settings() -> BTreeMap<&'static str, String> {
    let NodeLimits {
        idle_timeout_ms,
        skew_max_ms,
        reorder_buffer_bytes,
        keys_per_rule,
        pending_max,
        notify_rate_limit_per_min,
        flap_threshold,
        pause_alert_after_ms,
        snapshot_interval_ms,
        meta: MetaLimits { quiet_ms, never_matched_after, rule_share_max },
    } = NodeLimits::default();
    BTreeMap::from([
        ("`limits.idle_timeout`", seconds(idle_timeout_ms)),
        ("`limits.skew_max`", seconds(skew_max_ms)),
        (
            "`limits.reorder_buffer_bytes`",
            format!("`\"{}\"`", size(reorder_buffer_bytes).replace(' ', "")),
        ),
        ("`limits.keys_per_rule`", keys_per_rule.to_string()),
        ("`limits.pending_max`", pending_max.to_string()),
        ("`limits.notify_rate_limit_per_min`", notify_rate_limit_per_min.to_string()),
        ("`limits.flap_threshold`", flap_threshold.to_string()),
        ("`limits.pause_alert_after`", seconds(pause_alert_after_ms)),
        ("`limits.snapshot_interval`", seconds(snapshot_interval_ms.unwrap())),
        ("`limits.self_alert_resolve_after`", seconds(quiet_ms)),
        ("`limits.never_matched_after`", never_matched_after.to_string()),
        ("`limits.rule_share_max`", rule_share_max.to_string()),
    ])
}

/// Every bound that no setting moves: in English, in Japanese, and how many.
fn fixed() -> Vec<(&'static str, &'static str, String)> {
    use runtime::alert_log::retention::LogRetention;
    use runtime::ingest::admission::{BATCH_BYTES, BATCH_ROWS};
    use runtime::ingest::dead_letter::{LOGGED_MAX, PENDING_MAX};
    use runtime::notify::channel::RECORDS_PENDING_MAX;
    use runtime::notify::templates::MESSAGE_BYTES_MAX;
    use runtime::pipeline::shard_worker::{INBOUND_BATCHES, OUTBOUND_OUTPUTS};
    use runtime::telemetry::watch_metrics::WATCH_SERIES_MAX;
    let number = |most: usize| grouped(most as u64);
    let bytes = |most: usize| size(most as u64);
    vec![
        ("a record", "レコード", bytes(connectors::source::MAX_RECORD_BYTES)),
        ("rows of a batch", "バッチの行", number(BATCH_ROWS)),
        ("keys of a batch", "バッチのキー", bytes(BATCH_BYTES)),
        ("batches waiting for a worker", "ワーカーの処理を待つバッチ", number(INBOUND_BATCHES)),
        (
            "outputs of a worker waiting to be written",
            "書き込みを待つワーカーの結果",
            number(OUTBOUND_OUTPUTS),
        ),
        (
            "events per key kept for early alerts",
            "早期通知のために保持するキーごとのイベント",
            number(engine::shard::EARLY_EVENTS_MAX),
        ),
        ("keys exported per watch", "watch ごとに出力するキー", number(WATCH_SERIES_MAX)),
        ("alerts waiting for on-call", "通知処理を待つアラート", number(RECORDS_PENDING_MAX)),
        ("a message", "メッセージ", bytes(MESSAGE_BYTES_MAX)),
        ("attempts in flight per sink", "通知先ごとに同時に送信する通知", number(IN_FLIGHT_MAX)),
        ("incidents on record", "記録に残すインシデント", number(INCIDENTS_MAX)),
        ("dropped notifications kept", "保持する配信できなかった通知", number(DEAD_MAX)),
        ("entries of the audit log", "監査ログの記録", number(AUDIT_MAX)),
        (
            "firings and resolutions counted per alert and key",
            "数える発生と解消 (アラートとキーごと)",
            number(TURNS_MAX),
        ),
        (
            "offset ranges of an alert",
            "アラートのオフセットの範囲",
            number(runtime::ingest::offset_index::RANGES_MAX),
        ),
        ("active silences", "同時に有効なサイレンス", number(SILENCES_MAX)),
        ("closed incidents kept", "保持する閉じたインシデント", number(CLOSED_MAX)),
        ("dead letters waiting", "書き込みを待つデッドレター", number(PENDING_MAX)),
        ("dead letters logged", "ログにも出力するデッドレター", grouped(LOGGED_MAX)),
        ("log lines buffered in memory", "メモリに保持するログの行", bytes(MAX_BUFFERED_BYTES)),
        (
            "an alert log that is not compacted while running",
            "動作中に整理しないアラートログ",
            size(LogRetention::default().compact_bytes_min),
        ),
        ("`hansho.toml`", "`hansho.toml`", size(crate::config::FILE_MAX)),
        ("a secret", "秘密情報", size(connectors::secret::SECRET_MAX)),
        ("sinks", "通知先", number(crate::config::sink::SINKS_MAX)),
        ("workers", "ワーカー", number(crate::config::WORKERS_MAX)),
    ]
}

#[test]
fn the_pages_list_what_the_service_says_of_itself() {
    use model::key::KeyValue;
    use model::meta::MetaAlert;
    let text = |name: &str| (name.to_owned(), KeyValue::Text("x".to_owned()));
    let partition = ("partition".to_owned(), KeyValue::Int(0));
    let topic = || text("topic");
    let keys =
        [vec![], vec![text("rule")], vec![text("sink")], vec![topic()], vec![topic(), partition]];
    let is_alert = |alert: &str| alert.starts_with("`hansho.") && alert != "`hansho.toml`";
    for name in ["operations.md", "operations.ja.md"] {
        let page = page(name);
        let shown: Vec<(&str, &str)> =
            rows(&page).into_iter().filter(|(alert, _)| is_alert(alert)).collect();
        let known = MetaAlert::NAMES.map(|name| {
            let alert = keys.iter().find_map(|key| MetaAlert::from_parts(name, key)).unwrap();
            (format!("`{name}`"), alert.severity().name())
        });
        let known: Vec<(&str, &str)> =
            known.iter().map(|(name, of)| (name.as_str(), *of)).collect();
        assert_eq!(shown, known, "{name}");
    }
}

#[test]
fn the_pages_list_every_limit_with_its_default() {
    for (name, heading) in [("operations.md", "## Limits\n"), ("operations.ja.md", "## 上限\n")] {
        let page = page(name);
        let shown: BTreeMap<&str, String> = rows(&page)
            .into_iter()
            .filter(|(setting, _)| setting.starts_with("`limits."))
            .map(|(setting, default)| (setting, default.to_owned()))
            .collect();
        assert_eq!(shown, settings(), "{name}");
        let part = page
            .split_once(heading)
            .unwrap_or_else(|| panic!("{name} lacks {heading}"))
            .1
            .split("\n## ")
            .next()
            .unwrap();
        let listed: Vec<(&str, &str)> = rows(part).into_iter().skip(1).collect();
        let fixed = fixed();
        let wanted: Vec<(&str, &str)> = fixed
            .iter()
            .map(|(en, ja, most)| (if name.contains(".ja.") { *ja } else { *en }, most.as_str()))
            .collect();
        assert_eq!(listed, wanted, "{name}");
    }
}
