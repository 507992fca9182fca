//! Spellings of thresholds, in both languages: each spelling is read as its one meaning or refused
//! with a way out. None is silently wrong.
//!
//! A row is `measure spelling | what it means`, where the meaning is the canonical comparison
//! and window, or the code that refuses it.

use model::message::Language;
use rules_dsl::compile;
use rules_dsl::diagnostic::{DiagnosticCode, DiagnosticLevel};
use rules_dsl::source::SourceFile;

const BASE: &str = "\
stream auth { ts: time, user: str, src.ip: ip, took: duration(ms), used: percent(0..1),
  size: bytes, n: float }
filter 失敗 = auth where n > 1
measure 率 = ratio(失敗, auth) min 20
measure 種類 = distinct(auth.user)
measure 遅延 = p95(auth.took)
measure 使用率 = avg(auth.used)
measure 量 = sum(auth.size)
measure 平均 = avg(auth.n)
measure 最新 = last(auth.used)
";

const READ: &str = "
# Counts, as the operations manual writes them.
失敗 10回/分            | >= 10 within 1m
失敗 10件/分            | >= 10 within 1m
失敗 10/分              | >= 10 within 1m
失敗 10回/1分           | >= 10 within 1m
失敗 10回/分間          | >= 10 within 1m
失敗 10回/60秒          | >= 10 within 1m
失敗 10回/60秒間        | >= 10 within 1m
失敗 10回/m             | >= 10 within 1m
失敗 10回/60s           | >= 10 within 1m
失敗 10 / 1m            | >= 10 within 1m
失敗 10回 / 分          | >= 10 within 1m
失敗 10回/5分           | >= 10 within 5m
失敗 10回/5分間         | >= 10 within 5m
失敗 100件/時間         | >= 100 within 1h
失敗 100件/1時間        | >= 100 within 1h
失敗 100/h              | >= 100 within 1h
失敗 3回/日             | >= 3 within 1d
失敗 3回/d              | >= 3 within 1d
失敗 3回/24時間         | >= 3 within 1d
失敗 3回/週間           | >= 3 within 1w
失敗 3回/w              | >= 3 within 1w
失敗 3回/0.5分          | >= 3 within 30s
失敗 3回/500ms          | >= 3 within 500ms
失敗 3回/500ミリ秒      | >= 3 within 500ms
# Words after the level, before or after the window.
失敗 10回以上/分        | >= 10 within 1m
失敗 10回/分以上        | >= 10 within 1m
失敗 10回/分 以上       | >= 10 within 1m
失敗 10回 以上/分       | >= 10 within 1m
失敗 10回超/分          | > 10 within 1m
失敗 10回超過/5分       | > 10 within 5m
失敗 10回/5分超         | > 10 within 5m
失敗 10回/5分 超過      | > 10 within 5m
失敗 3件以下/日         | <= 3 within 1d
失敗 3件/日以下         | <= 3 within 1d
失敗 3件未満/時間       | < 3 within 1h
失敗 3件/1時間未満      | < 3 within 1h
失敗 10以上 within 1分  | >= 10 within 1m
失敗 10回以上 within 5分間 | >= 10 within 5m
# Operators.
失敗 >= 10 within 1m    | >= 10 within 1m
失敗 >=10 within 1m     | >= 10 within 1m
失敗 > 10回/分          | > 10 within 1m
失敗 within 1m > 10     | > 10 within 1m
失敗 < 3 within 1h      | < 3 within 1h
失敗 <= 3 within 1h     | <= 3 within 1h
失敗 == 3 within 1h     | == 3 within 1h
失敗 != 3 within 1h by user | != 3 within 1h
失敗 ≧ 10 within 1m     | >= 10 within 1m
失敗 ≥ 10 within 1m     | >= 10 within 1m
失敗 ≦ 10 within 1m     | <= 10 within 1m
失敗 ≤ 10 within 1m     | <= 10 within 1m
失敗 ≠ 10 within 1m by user | != 10 within 1m
失敗 ＞ １０ within １m | > 10 within 1m
失敗 ＞＝ １０回／分    | >= 10 within 1m
count(失敗) 10回/分     | >= 10 within 1m
# Full-width, as Japanese keyboards give it.
失敗　１０回／分        | >= 10 within 1m
失敗 １０回／５分　以上 | >= 10 within 5m
失敗 １０件超／時間     | > 10 within 1h
率 ５％／分             | >= 5% within 1m
率 １．４４％／時間     | >= 1.44% within 1h
使用率 ８０％以上／５分 | >= 80% within 5m
遅延 ３秒／５分         | >= 3s within 5m
# Other counters.
種類 5人/10分           | >= 5 within 10m
種類 5名以上/10分       | >= 5 within 10m
種類 5台/10分           | >= 5 within 10m
種類 5個/10分           | >= 5 within 10m
種類 5行/10分           | >= 5 within 10m
種類 5/10m              | >= 5 within 10m
# Shares.
率 5%/分                | >= 5% within 1m
率 5%/5分               | >= 5% within 5m
率 0.1%以上/時間        | >= 0.1% within 1h
率 1.44% within 1h      | >= 1.44% within 1h
率 > 1.44% within 1h    | > 1.44% within 1h
率 99.9%未満/日         | < 99.9% within 1d
率 5%/分超              | > 5% within 1m
使用率 80%/5分          | >= 80% within 5m
使用率 >= 80% within 5m | >= 80% within 5m
使用率 80%超/5分        | > 80% within 5m
使用率 80%以上 within 5分 | >= 80% within 5m
最新 > 90%              | > 90% within 5m
最新 90%以上            | >= 90% within 5m
最新 90%                | >= 90% within 5m
最新 90%超 within 1時間 | > 90% within 1h
# Lengths of time.
遅延 3秒/5分            | >= 3s within 5m
遅延 3秒以上/5分        | >= 3s within 5m
遅延 3秒/5分 超         | > 3s within 5m
遅延 3000ms/5分         | >= 3s within 5m
遅延 3000ミリ秒/5分     | >= 3s within 5m
遅延 > 250ms within 90s | > 250ms within 90s
遅延 1.5秒超/分         | > 1.5s within 1m
遅延 1分/時間           | >= 1m within 1h
遅延 2時間以上/日       | >= 2h within 1d
# Sizes and bare numbers.
量 >= 100MB within 1m   | >= 100MB within 1m
量 100MB以上 within 1分 | >= 100MB within 1m
量 1.5GiB超 within 1時間 | > 1.5GiB within 1h
量 > 1KB within 1m      | > 1KB within 1m
平均 5/分               | >= 5 within 1m
平均 > 0.5 within 5m    | > 0.5 within 5m
平均 < -1.5 within 5m   | < -1.5 within 5m
平均 ＜ −1.5 within 5m  | < -1.5 within 5m
平均 -1以下/分          | <= -1 within 1m
";

const REFUSED: &str = "
# Two readings.
失敗 10回まで/分        | E0108
失敗 10回まで           | E0108
失敗 10回 まで          | E0108
失敗 10回以内/分        | E0108
失敗 5分以内に10回      | E0108
失敗 連続3回            | E0108
失敗 連続 3回           | E0108
失敗 3回連続            | E0108
失敗 3回 連続           | E0108
失敗 3日連続            | E0108
失敗 毎分10回           | E0108
失敗 毎分 10回          | E0108
失敗 毎時100件          | E0108
失敗 毎日3回            | E0108
失敗 10回/毎分          | E0108
失敗 10回/分/IP         | E0108
失敗 10回/分/src.ip     | E0108
失敗 １０回／分／ＩＰ   | E0108
量 100MB/s              | E0108
量 100MB/秒             | E0108
量 100KB/5分            | E0108
失敗 3回/営業日         | E0108
失敗 3回/月             | E0108
失敗 3回/年             | E0108
失敗 3回/週             | E0108
失敗 3回/時             | E0108
失敗 3回/暦日           | E0108
失敗 3回/当日           | E0108
失敗 3回/1ヶ月          | E0108
失敗 3回/1か月          | E0108
失敗 3回/1月            | E0108
失敗 3回/1年            | E0108
失敗 3回/1週            | E0108
失敗 3回/1時            | E0108
失敗 3回 within 2営業日 | E0108
失敗 3回/month          | E0108
失敗 3回/1month         | E0108
# Numbers that are none.
失敗 10,000回/分        | E0105
失敗 1万回/分           | E0105
失敗 1千回/分           | E0105
失敗 十回/分            | E0105
失敗 百件/時間          | E0105
失敗 ①回/分             | E0102
失敗 10²/分             | E0102
失敗 10回/5㎳           | E0102
失敗 99999999999999999999999回/分 | E0110
失敗 1.0000000001/分    | E0110
# Units that are none, or of something else.
失敗 10回/min           | E0106
失敗 10回/minute        | E0106
失敗 10回/hour          | E0106
失敗 10回/sec           | E0106
失敗 10回/day           | E0106
失敗 10回/5min          | E0106
失敗 10times/m          | E0106
失敗 10x/m              | E0106
失敗 10つ/分            | E0106
失敗 1e3/分             | E0106
失敗 0x10/分            | E0106
失敗 1_000/分           | E0106
失敗 1k/分              | E0106
失敗 数回/分            | E0201
率 5パーセント/分       | E0106
量 100Mbps/分           | E0106
失敗 5回線/分           | E0107
失敗 1分30秒            | E0107
失敗 10回/1時間半       | E0107
失敗 10回を超える/分    | E0107
失敗 10回より多い/分    | E0107
失敗 1分間に10回        | E0107
失敗 5分間に10回以上    | E0107
失敗 ５分間に１０回以上 | E0107
失敗 5分で10回超        | E0107
率 5分平均 1%超         | E0107
率 5 分平均 1% 超       | E0107
率 ５分平均１％超       | E0107
失敗 1分あたり10回      | E0107
率 5%ポイント/分        | E0107
率 5%以上10%未満/分     | E0107
失敗 5%/分              | E0502
失敗 3秒/分             | E0502
率 0.05/分              | E0502
率 5回/分               | E0502
遅延 3/5分              | E0502
遅延 3回/5分            | E0502
使用率 80/5分           | E0502
量 > 100 within 1m      | E0502
平均 > 5% within 1m     | E0502
失敗 10回/60            | E0502
失敗 10回/5%            | E0502
# Windows that are none.
失敗 10回               | E0601
失敗 10回以上           | E0601
使用率 80%              | E0601
失敗 10回/0分           | E0607
失敗 10回/0.0001秒      | E0607
失敗 10回/400日         | E0607
失敗 10回/分 within 5m  | E0602
# Not a level.
失敗 >= within 1m       | E0201
失敗 >=                 | E0201
失敗 10回/              | E0201
失敗 10 回/分           | E0201
失敗 約10回/分          | E0201
失敗 以上 10回/分       | E0201
失敗 => 10 within 1m    | E0201
失敗 10回/分 5分        | E0201
失敗 10~20回/分         | E0201
失敗 10〜20回/分        | E0201
失敗 10～20回/分        | E0201
使用率 80%〜/5分        | E0201
失敗 10回/-5分          | E0201
失敗 >= 10回以上/分     | E0204
失敗 10回以上/分以上    | E0204
失敗 80 %/分            | E0101
失敗10回/分             | E0301
";

fn rows(table: &str) -> impl Iterator<Item = (&str, &str)> {
    let rows = table.lines().filter(|line| !line.starts_with('#'));
    rows.filter_map(|line| line.split_once('|')).map(|(a, b)| (a.trim(), b.trim()))
}

fn compiled(spelling: &str) -> (Vec<SourceFile>, rules_dsl::CompiledRules) {
    let text = format!("{BASE}alert a {spelling} high\n");
    let files = vec![SourceFile { name: "x".to_owned(), text }];
    let compiled = compile(&files);
    (files, compiled)
}

#[test]
fn each_spelling_means_one_thing() {
    let mut wrong = Vec::new();
    for (spelling, want) in rows(READ) {
        let (_, compiled) = compiled(spelling);
        let canonical = compiled.readings.first().map_or("", |r| r.canonical.as_str());
        if compiled.rules.is_none() || !canonical.contains(&format!(") {want}")) {
            let codes: Vec<DiagnosticCode> = compiled.diagnostics.iter().map(|d| d.code).collect();
            wrong.push(format!("{spelling}: {canonical:?} {codes:?}, not {want}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_could_be_misread_is_refused_with_a_way_out() {
    let mut wrong = Vec::new();
    for (spelling, want) in rows(REFUSED) {
        let (files, compiled) = compiled(spelling);
        let mut errors = compiled.diagnostics.iter().filter(|d| d.level == DiagnosticLevel::Error);
        let Some(first) = errors.next() else {
            let canonical = compiled.readings.first().map(|r| r.canonical.clone());
            wrong.push(format!("{spelling} is read as {canonical:?}, not {want}"));
            continue;
        };
        let shown = first.render(&files, Language::En);
        let way_out = !first.help.is_empty() || first.expected.is_some();
        if first.code.id() != want || !way_out || errors.next().is_some() {
            wrong.push(format!("{spelling}: {want} wanted alone, with a way out\n{shown}"));
        }
        // Both readings are named: each in quotes of its own.
        let quotes = |read: fn(&rules_dsl::diagnostic::BilingualText) -> &str| {
            first.help.iter().map(|help| read(help).matches('`').count()).sum::<usize>()
        };
        let named = quotes(|help| &help.en) >= 4 && quotes(|help| &help.ja) >= 4;
        if want == "E0108" && !named {
            wrong.push(format!("{spelling}: both readings wanted\n{shown}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_tables_are_long_and_say_nothing_twice() {
    let mut all: Vec<&str> =
        rows(READ).chain(rows(REFUSED)).map(|(spelling, _)| spelling).collect();
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count);
    assert!(count >= 120, "{count}");
}
