//! The shipped rules compile without a single finding and say back what the manual says.

// A shipped file that cannot be read is a failure of the test itself.
#![allow(clippy::unwrap_used)]

use model::calendar::ZoneOffsets;
use rules_dsl::compile_in;
use rules_dsl::resolver::Resolver;
use rules_dsl::source::SourceFile;

/// The folder of the shipped rules; a calendar without holidays.
struct RuleFolder;

impl Resolver for RuleFolder {
    fn text(&self, _: &str, name: &str) -> Result<String, String> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../rules/");
        std::fs::read_to_string(format!("{folder}{name}")).map_err(|error| error.to_string())
    }

    fn zone(&self, name: &str) -> Option<ZoneOffsets> {
        (name == "Asia/Tokyo").then(ZoneOffsets::default)
    }

    fn holidays(&self, _: &str, _: &str) -> Result<Vec<i64>, String> {
        Ok(Vec::new())
    }
}

fn shipped() -> Vec<SourceFile> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../rules");
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "rules"));
    paths.sort();
    let read = |path: &std::path::PathBuf| SourceFile {
        name: path.file_name().unwrap().to_string_lossy().into_owned(),
        text: std::fs::read_to_string(path).unwrap(),
    };
    paths.iter().map(read).collect()
}

#[test]
fn shipped_rules_have_no_findings() {
    let files = shipped();
    let compiled = compile_in(&files, &RuleFolder);
    let shown: Vec<String> = compiled
        .diagnostics
        .iter()
        .map(|d| d.render(&files, model::message::Language::En))
        .collect();
    assert!(shown.is_empty(), "{}", shown.join("\n"));
    assert!(compiled.rules.is_some());
}

#[test]
fn shipped_rules_read_as_the_manual_does() {
    let compiled = compile_in(&shipped(), &RuleFolder);
    let canonical = |name: &str| {
        compiled.readings.iter().find(|r| r.alert == name).map_or("", |r| r.canonical.as_str())
    };
    let cases = [
        ("認証失敗多発", "count(認証失敗) >= 10 within 1m by user.name"),
        ("送信元別認証失敗多発", "count(認証失敗) >= 10 within 1m by src.ip"),
        ("パスワードスプレー", "distinct(認証失敗.user.name) >= 5 within 10m by src.ip"),
        ("時間外管理者ログイン", "any 管理者ログイン by user.name during not 営業時間"),
        (
            "初見の国からのログイン",
            "new geo.country in 認証成功 within 30d by user.name notify each",
        ),
        ("総当たり成功", "5 認証失敗 then 認証成功 within 10m by user.name, src.ip"),
        ("セッション共有", "distinct(ログイン済み操作.src.ip) >= 2 within 30m by session.id"),
        ("ログインのない操作", "any 操作 and count(ログイン) < 1 within 12h by session.id"),
        ("レスポンス遅延", "p95(http.latency) >= 3s within 5m by service for 1m clear 2s"),
        ("エラーレート上昇", "ratio(エラー, http) >= 5% within 1m min 20 by service clear 2%"),
        ("CPU高負荷", "avg(node.cpu.used) >= 80% within 5m by host for 2m clear 70%"),
        ("メモリ逼迫", "avg(node.mem.used) >= 85% within 5m by host for 2m clear 80%"),
        (
            "ディスク逼迫",
            "last(node.disk.used) >= 90% within 5m by host, disk.mount? for 5m clear 88%",
        ),
        ("帯域逼迫", "avg(node.net.used) >= 70% within 5m by host, net.device? for 5m clear 60%"),
    ];
    for (name, want) in cases {
        assert_eq!(canonical(name), want, "{name}");
    }
    assert_eq!(compiled.readings.len(), cases.len());
    let auth = compiled.readings.iter().find(|r| r.alert == "認証失敗多発").unwrap();
    assert_eq!(auth.words_ja, "同じ user.name で直近60秒に10件以上");
}
