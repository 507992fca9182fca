//! Explanations of alerts, in both languages.

use rules_dsl::compile;
use rules_dsl::source::SourceFile;

const BASE: &str = "stream auth { ts: time, user: str, n: float, \
                     src: ip, took: duration(ms), used: percent(0..1), size: bytes }\n\
                    filter 失敗 = auth where n > 1\n\
                    filter 成功 = auth where n <= 1\n";

#[test]
fn alerts_say_back_what_they_mean() {
    let cases = [
        (
            "失敗 10回/日 by user",
            "count(失敗) >= 10 within 1d by user",
            "per user: 10 or more 失敗 in the last 24 h (sliding, not calendar days)",
            "同じ user で直近24時間 (暦日ではない) に10件以上",
        ),
        (
            "avg(auth.used) 80%超/1時間 clear 70%",
            "avg(auth.used) > 80% within 1h clear 70%",
            "the mean of used of auth over the last 1h is more than 80%, over once past 70% \
             (the window moves in steps of 6s and spans 1h)",
            "直近1時間の used の平均が80%超、70%以下で解消 (ウィンドウは幅1時間、6秒刻み)",
        ),
        (
            "p99.9(auth.took) 1500ms/5分 for 2m",
            "p99.9(auth.took) >= 1.5s within 5m for 2m",
            "the 99.9th percentile of took of auth over the last 5m is 1.5s or more, held for 2m",
            "直近5分の took の99.9パーセンタイルが1.5秒以上、2分続いたら発火",
        ),
        (
            "ratio(失敗, auth) < 5% within 5m min 20 nodata clear",
            "ratio(失敗, auth) < 5% within 5m min 20 nodata clear",
            "失敗 are less than 5% of auth in the last 5m, unknown below 20 events",
            "直近5分の auth のうち 失敗 が5%未満 (20件未満なら不明)",
        ),
        (
            "last(auth.n) >= 3",
            "last(auth.n) >= 3 within 5m",
            "the newest n of auth, at most 5m old, is 3 or more",
            "最新の n (5分以内のもの) が3以上",
        ),
        (
            "5 失敗 then 成功 within 10m by user",
            "5 失敗 then 成功 within 10m by user",
            "per user: 5 失敗, then 成功, all within 10m",
            "同じ user で10分以内に 失敗 が5件、その後 成功",
        ),
        (
            "失敗 then not 成功 within 15分 by user keep 0s",
            "失敗 then not 成功 within 15m by user keep 0s",
            "per user: no 成功 within 15m after 失敗",
            "同じ user で 失敗 の後15分以内に 成功 がない",
        ),
        (
            "any 失敗 notify each shadow limit 500 keys by user",
            "any 失敗 by user limit 500 keys notify each shadow",
            "per user: every 失敗, every match told, recorded only: nobody is notified",
            "同じ user で 失敗 が発生するたび、毎回通知、記録のみで通知しない",
        ),
        (
            "any 失敗 and 成功 < 1回 within 12h by user",
            "any 失敗 and count(成功) < 1 within 12h by user",
            "per user: every 失敗 at which less than 1 成功 in the last 12h",
            "同じ user で 失敗 が発生したとき、直近12時間の 成功 が1件未満なら",
        ),
        (
            "absent auth within 3分",
            "absent auth within 3m",
            "no auth at all for 3m",
            "auth がまったく来ないまま3分経過",
        ),
        (
            "absent 成功 within 3m by user seen 1d for 1m",
            "absent 成功 within 3m by user seen 1d for 1m",
            "per user: no 成功 for 3m, forgotten 1d after the last, held for 1m",
            "同じ user で 成功 が来ないまま3分経過 (最後に来てから1日で対象外)、1分続いたら発火",
        ),
        (
            "new src, n in 成功 within 30d by user learn 1d limit 9 values",
            "new src, n in 成功 within 30d by user learn 1d limit 9 values",
            "per user: src and n of 成功 not seen in the last 720 h (sliding, not calendar days); \
             silent for the first 1d",
            "同じ user で直近720時間 (暦日ではない) の 成功 になかった src・n が出現 \
             (最初の1日は学習のみ)",
        ),
        (
            "count(auth) vs 1w ago <= 50% within 10m min 1000",
            "count(auth) vs 1w ago <= 50% within 10m min 1000",
            "count(auth) over the last 10m is 50% or less of what it was 1w ago, unknown below \
             1000 events (the window moves in steps of 1s and spans 10m)",
            "直近10分の count(auth) が1週間前の同じ長さの期間の50%以下 (1000件未満なら不明) \
             (ウィンドウは幅10分、1秒刻み)",
        ),
        (
            "rate(auth.n) * 8 / (last(auth.n) + 1) > 2.5 within 5m by user",
            "rate(auth.n) * 8 / (last(auth.n) + 1) > 2.5 within 5m by user",
            "per user: rate(auth.n) * 8 / (last(auth.n) + 1) over the last 5m is more than 2.5",
            "同じ user で直近5分の rate(auth.n) * 8 / (last(auth.n) + 1) が2.5超",
        ),
        (
            "(失敗 within 1m) / (auth within 5m min 9) >= 3",
            "(count(失敗) within 1m) / (count(auth) within 5m min 9) >= 3",
            "count(失敗) / count(auth) over the last 5m is 3 or more, unknown below 9 events",
            "直近5分の count(失敗) / count(auth) が3以上 (9件未満なら不明)",
        ),
        (
            "失敗 10回/分 and (成功 < 1回 within 1h or avg(auth.n) > 3 within 5m) by user",
            "count(失敗) >= 10 within 1m and (count(成功) < 1 within 1h or avg(auth.n) > 3 \
             within 5m) by user",
            "per user: 10 or more 失敗 in the last 60 s and (less than 1 成功 in the last 1h or \
             the mean of n of auth over the last 5m is more than 3)",
            "同じ user で直近60秒の 失敗 が10件以上、かつ (直近1時間の 成功 が1件未満、または\
             直近5分の auth.n の平均が3超)",
        ),
        (
            "ratio(失敗, auth) > 2% within 1h min 50 or ratio(失敗, auth) > 9% within 5m min 5",
            "ratio(失敗, auth) > 2% within 1h min 50 or ratio(失敗, auth) > 9% within 5m min 5",
            "失敗 are more than 2% of auth in the last 1h, unknown below 50 events or 失敗 are \
             more than 9% of auth in the last 5m, unknown below 5 events (the window moves in \
             steps of 6s and spans 1h)",
            "直近1時間の auth のうち 失敗 が2%超 (50件未満なら不明)、または直近5分の auth のうち \
             失敗 が9%超 (5件未満なら不明) (ウィンドウは幅1時間、6秒刻み)",
        ),
        (
            "any 失敗 and 失敗 >= 3回 within 5m",
            "any 失敗 and count(失敗) >= 3 within 5m",
            "every 失敗 at which 3 or more 失敗 in the last 5m",
            "失敗 が発生したとき、直近5分に3件以上なら",
        ),
        (
            "any 失敗 and ratio(失敗, auth) > 9% within 1d min 5",
            "any 失敗 and ratio(失敗, auth) > 9% within 1d min 5",
            "every 失敗 at which 失敗 are more than 9% of auth in the last 24 h (sliding, not \
             calendar days), unknown below 5 events (the window moves in steps of 144s and spans \
             1d)",
            "失敗 が発生したとき、直近24時間 (暦日ではない) の auth のうち 失敗 が9%超 \
             (5件未満なら不明) なら (ウィンドウは幅1日、144秒刻み)",
        ),
        (
            "失敗 10回/分 and distinct(成功.src) > 3 within 5m and last(auth.n) >= 2 by user",
            "count(失敗) >= 10 within 1m and distinct(成功.src) > 3 within 5m and last(auth.n) \
             >= 2 within 5m by user",
            "per user: 10 or more 失敗 in the last 60 s and more than 3 different src among 成功 \
             in the last 5m and the newest n of auth, at most 5m old, is 2 or more",
            "同じ user で直近60秒の 失敗 が10件以上、かつ直近5分に異なる 成功.src が3種類超、\
             かつ最新の auth.n (5分以内のもの) が2以上",
        ),
        (
            "100% - ratio(失敗, auth) < 95% within 5m min 20",
            "100% - ratio(失敗, auth) < 95% within 5m min 20",
            "100% - ratio(失敗, auth) over the last 5m is less than 95%, unknown below 20 events",
            "直近5分の 100% - ratio(失敗, auth) が95%未満 (20件未満なら不明)",
        ),
        (
            "(avg(auth.took) within 1m) + 90s - (avg(auth.took) within 5m) > 2m",
            "(avg(auth.took) within 1m) + 90s - (avg(auth.took) within 5m) > 2m",
            "avg(auth.took) + 90s - avg(auth.took) over the last 5m is more than 120s",
            "直近5分の avg(auth.took) + 90s - avg(auth.took) が120秒超",
        ),
        (
            "sum(auth.size) > 1500KB within 1m",
            "sum(auth.size) > 1.5MB within 1m",
            "the sum of size of auth over the last 60 s is more than 1.5MB",
            "直近60秒の size の合計が1.5MB超",
        ),
        (
            "stddev(auth.n) > 2 within 20m step 0s",
            "stddev(auth.n) > 2 within 20m step 0s",
            "the standard deviation of n of auth over the last 20m is more than 2",
            "直近20分の n の標準偏差が2超",
        ),
    ];
    for (trigger, canonical, en, ja) in cases {
        let text = format!("{BASE}alert a {trigger} high");
        let compiled = compile(&[SourceFile { name: "x".to_owned(), text }]);
        let found = &compiled.diagnostics;
        let reading = compiled.readings.first().unwrap_or_else(|| panic!("{trigger}: {found:#?}"));
        assert_eq!(reading.canonical, canonical, "{trigger}");
        assert_eq!(reading.words_en, en, "{trigger}");
        assert_eq!(reading.words_ja, ja, "{trigger}");
        // The canonical form is itself a trigger, and says the same back.
        let text = format!("{BASE}alert a {canonical} high");
        let again = compile(&[SourceFile { name: "x".to_owned(), text }]);
        assert_eq!(again.rules, compiled.rules, "{canonical}");
        assert_eq!(again.readings, compiled.readings, "{canonical}");
    }
}

#[test]
fn a_ladder_says_every_rung() {
    let trigger = "avg(auth.used) within 5m by user clear 70%";
    let ladder = "ladder { medium 80%  critical 95% }";
    let compiled = |text: &str| {
        let text = format!("{BASE}alert a {text}");
        compile(&[SourceFile { name: "x".to_owned(), text }])
    };
    let first = compiled(&format!("{trigger} {ladder}"));
    let reading = first.readings.first().unwrap();
    assert_eq!(reading.canonical, format!("{trigger} {ladder}"));
    assert_eq!(
        reading.words_en,
        "per user: the mean of used of auth over the last 5m is 80% or more, critical from 95%, \
         over once past 70%"
    );
    assert_eq!(
        reading.words_ja,
        "同じ user で直近5分の used の平均が80%以上で通常、95%以上で緊急、70%未満で解消"
    );
    assert_eq!(reading.cost_en, "32 B per event of the last 5m; recovery re-reads 10m");
    assert_eq!(reading.cost_ja, "直近5分のイベント1件につき 32 B、再起動時は直近10分を読み直す");
    let low = compiled("avg(auth.used) within 5m ladder { low 20%以下 high <= 5% }");
    let canonical = &low.readings.first().unwrap().canonical;
    assert_eq!(canonical, "avg(auth.used) within 5m ladder { low <= 20%  high <= 5% }");
}

#[test]
fn what_is_named_elsewhere_is_said_by_name() {
    let named = "list 社内 = cidr \"10.0.0.0/8\"\nlist 人 = \"a\", \"b\"\n\
                 calendar 昼 = mon-fri 09:00-18:00 UTC\n";
    let cases = [
        (
            "any 失敗 by user during not 昼 except 社内(src)",
            "per user: every 失敗, but for src in 社内, only outside 昼",
            "同じ user で 失敗 が発生するたび、src が 社内 にあるものを除く、昼 以外のみ",
        ),
        (
            "absent 失敗 within 3m by user in 人 during 昼",
            "per user: no 失敗 for 3m, of 2 expected keys, only during 昼",
            "同じ user で 失敗 が来ないまま3分経過 (対象2件)、昼 の間のみ",
        ),
    ];
    for (trigger, en, ja) in cases {
        let text = format!("{BASE}{named}alert a {trigger} high");
        let compiled = compile(&[SourceFile { name: "x".to_owned(), text }]);
        let found = &compiled.diagnostics;
        let reading = compiled.readings.first().unwrap_or_else(|| panic!("{trigger}: {found:#?}"));
        assert_eq!(reading.canonical, trigger);
        assert_eq!((reading.words_en.as_str(), reading.words_ja.as_str()), (en, ja), "{trigger}");
    }
}

#[test]
fn watches_say_what_they_show() {
    let cases = [
        (
            "distinct(auth.user) within 5m",
            "distinct(auth.user) within 5m",
            "shown and exported, never an alert",
            "表示・出力するだけで、アラートにはならない",
        ),
        (
            "失敗 within 1分 by user, src?",
            "count(失敗) within 1m by user, src?",
            "shown and exported per user, src, never an alert",
            "user・src ごとに表示・出力するだけで、アラートにはならない",
        ),
        (
            "last(auth.n) by user",
            "last(auth.n) within 5m by user",
            "shown and exported per user, never an alert",
            "user ごとに表示・出力するだけで、アラートにはならない",
        ),
    ];
    for (measure, canonical, en, ja) in cases {
        let text = format!("{BASE}watch w = {measure}\n");
        let compiled = compile(&[SourceFile { name: "x".to_owned(), text }]);
        assert_eq!(compiled.diagnostics, [], "{measure}");
        let [said] = compiled.watched.as_slice() else { panic!("{:?}", compiled.watched) };
        assert_eq!((&*said.canonical, &*said.words_en, &*said.words_ja), (canonical, en, ja));
        let rules = compiled.rules.unwrap();
        assert!(rules.alerts.is_empty() && rules.watches.len() == 1);
    }
    for (measure, code) in [
        ("count(auth)", "E0601"),
        ("avg(auth.used)", "E0601"),
        ("5 within 1m", "E0301"),
        ("count(nobody) within 1m", "E0301"),
        ("count(auth) within 1m by took", "E0603"),
    ] {
        let text = format!("{BASE}watch w = {measure}\n");
        let compiled = compile(&[SourceFile { name: "x".to_owned(), text }]);
        let codes: Vec<&str> = compiled.diagnostics.iter().map(|found| found.code.id()).collect();
        assert_eq!(codes, [code], "{measure}");
    }
}

#[test]
fn where_keys_lie_is_said_of_streams_that_say_what_their_records_are_keyed_by() {
    let streams = "stream a { ts: time, user: str, host: str } partitioned_by user\n\
                   stream b { ts: time, user: str, host: str } partitioned_by host\n\
                   stream c { ts: time, user: str }\n";
    let one = ("; each key lies in one partition", "、各キーは一つのパーティションに収まる");
    let many = ("; its keys cross partitions", "、同じキーが複数のパーティションにまたがる");
    let cases = [
        ("a 10回/分 by user", one),
        ("a 10回/分 by host, user", one),
        ("a 10回/分 by host", many),
        ("a 10回/分", many),
        ("a then b within 5m by user", many),
        ("a then b within 5m by user, host", one),
        ("a then c within 5m by user", ("", "")),
    ];
    for (trigger, (en, ja)) in cases {
        let text = format!("{streams}alert x {trigger} high");
        let compiled = compile(&[SourceFile { name: "x".to_owned(), text }]);
        let found = &compiled.diagnostics;
        let said = compiled.readings.first().unwrap_or_else(|| panic!("{trigger}: {found:#?}"));
        let (_, again_en) = said.cost_en.split_once("recovery re-reads ").unwrap();
        let (_, again_ja) = said.cost_ja.split_once("再起動時は直近").unwrap();
        let after =
            |text: &str, mark: char| text.find(mark).map_or("", |at| &text[at..]).to_owned();
        assert_eq!(after(again_en, ';'), en, "{trigger}");
        assert_eq!(after(again_ja, '、'), ja, "{trigger}");
    }
}

#[test]
fn what_a_restart_reads_again_is_reported_to_the_hour_or_day() {
    let cases = [
        ("any 失敗", "1m", "1分"),
        ("失敗 1回/10分", "30m", "30分"),
        ("失敗 1回/1h keep 1m", "about 2h", "約2時間"),
        ("any 失敗 and 成功 < 1回 within 12h by user", "about 24h", "約24時間"),
        ("失敗 1回/15d", "45d", "45日"),
        ("new src in 成功 within 3m learn 1m by user", "5m", "5分"),
    ];
    for (trigger, en, ja) in cases {
        let text = format!("{BASE}alert a {trigger} high");
        let compiled = compile(&[SourceFile { name: "x".to_owned(), text }]);
        let found = &compiled.diagnostics;
        let said = compiled.readings.first().unwrap_or_else(|| panic!("{trigger}: {found:#?}"));
        let tail_en = said.cost_en.split_once("recovery re-reads ").map(|(_, tail)| tail);
        let tail_ja = said.cost_ja.split_once("再起動時は直近").map(|(_, tail)| tail);
        assert_eq!(tail_en, Some(en), "{trigger}");
        assert_eq!(tail_ja, Some(&*format!("{ja}を読み直す")), "{trigger}");
    }
    // What was seen longer ago is kept apart.
    let cases = [
        ("new src in 成功 within 30d by user", "2m", "2分"),
        ("absent 成功 within 5m seen 7d by user", "1m", "1分"),
    ];
    for (trigger, en, ja) in cases {
        let text = format!("{BASE}alert a {trigger} high");
        let compiled = compile(&[SourceFile { name: "x".to_owned(), text }]);
        let said = compiled.readings.first().unwrap();
        let en = format!("recovery re-reads {en} and recalls what it saw before");
        assert!(said.cost_en.ends_with(&en), "{}", said.cost_en);
        let ja = format!("再起動時は直近{ja}を読み直し、それより前は記録から復元する");
        assert!(said.cost_ja.ends_with(&ja), "{}", said.cost_ja);
    }
}
