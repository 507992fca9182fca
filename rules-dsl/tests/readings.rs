//! What alerts say back, in both languages.

use rules_dsl::compile;
use rules_dsl::source::SourceFile;

const BASE: &str = "stream auth { ts: time, user: str, n: float, \
                     took: duration(ms), used: percent(0..1) }\n\
                    filter 失敗 = auth where n > 1\n";

#[test]
fn alerts_say_back_what_they_mean() {
    let cases = [
        (
            "失敗 10回/日 by user",
            "count(失敗) >= 10 within 1d by user",
            "per user: 10 or more 失敗 in the last 24 h (sliding, not calendar days)",
            "同じ user で直近24時間(暦日ではない)に10件以上",
        ),
        (
            "avg(auth.used) 80%超/1時間 clear 70%",
            "avg(auth.used) > 80% within 1h clear 70%",
            "the mean of used of auth over the last 1h is more than 80%, over once past 70% \
             (the window moves in steps of 6s and spans 1h)",
            "直近1時間の used の平均が80%超、70%以下で解消 (窓は6秒刻み、幅1時間)",
        ),
        (
            "p99.9(auth.took) 1500ms/5分 for 2m",
            "p99.9(auth.took) >= 1.5s within 5m for 2m",
            "the 99.9 quantile of took of auth over the last 5m is 1.5s or more, held for 2m",
            "直近5分の took の99.9パーセンタイルが1.5秒以上、2分続いたら",
        ),
        (
            "ratio(失敗, auth) < 5% within 5m min 20 nodata clear",
            "ratio(失敗, auth) < 5% within 5m min 20 nodata clear",
            "失敗 are less than 5% of auth in the last 5m, unknown below 20 events",
            "直近5分の auth のうち 失敗 が5%未満、20件未満なら判定しない",
        ),
        (
            "last(auth.n) >= 3",
            "last(auth.n) >= 3 within 5m",
            "the newest n of auth, at most 5m old, is 3 or more",
            "最新の n (5分以内のもの) が3以上",
        ),
    ];
    for (trigger, canonical, en, ja) in cases {
        let text = format!("{BASE}alert a {trigger} high");
        let compiled = compile(&[SourceFile { name: "x".to_owned(), text }]);
        let reading = compiled.readings.first().unwrap();
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
