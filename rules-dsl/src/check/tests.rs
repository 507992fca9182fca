use model::decimal::Decimal;
use model::message::{DisplayUnit, MessagePart};
use model::schema::{Codec, PatternPart};

use crate::compile;
use crate::diagnostic::DiagnosticCode;
use crate::rule::{
    Alert, Compare, ComparisonOp, Measure, Predicate, PredicateOperand, RuleSet, Window,
};
use crate::source::SourceFile;

const BASE: &str = r#"
stream auth { ts: time, outcome: str, user: str, src: ip, took: duration(ms), n: float, size: bytes,
  used: percent(0..1), ok: bool, at: instant, tags: list(str), id: int }
stream http { ts: time, service: str, status: int, user: str }
filter bad = auth where outcome == "failure"
filter errors = http where status >= 500
"#;

fn rules(text: &str) -> RuleSet {
    let files = [SourceFile { name: "x".to_owned(), text: format!("{BASE}{text}") }];
    let compiled = compile(&files);
    compiled.rules.unwrap_or_else(|| panic!("{text}: {:#?}", compiled.diagnostics))
}

fn codes(text: &str) -> Vec<DiagnosticCode> {
    let files = [SourceFile { name: "x".to_owned(), text: format!("{BASE}{text}") }];
    compile(&files).diagnostics.iter().map(|d| d.code).collect()
}

/// The one comparison of an alert.
fn single(alert: &Alert) -> (&Window, &Compare) {
    alert.trigger.condition().unwrap().single().unwrap()
}

fn alert(trigger: &str) -> Alert {
    rules(&format!("alert a {trigger} high")).alerts.remove(0)
}

fn decimal(text: &str) -> Decimal {
    Decimal::parse(text).unwrap()
}

#[test]
fn every_spelling_of_a_trigger_means_one_thing() {
    use ComparisonOp::{Above, AtLeast, AtMost, Below};
    let cases = [
        ("bad 10回/分", AtLeast, "10", 60_000, DisplayUnit::Number),
        ("bad １０回／分", AtLeast, "10", 60_000, DisplayUnit::Number),
        ("bad 10回以上/分", AtLeast, "10", 60_000, DisplayUnit::Number),
        ("bad 10回/分以上", AtLeast, "10", 60_000, DisplayUnit::Number),
        ("bad 10回/5分 超", Above, "10", 300_000, DisplayUnit::Number),
        ("bad 10件超過/m", Above, "10", 60_000, DisplayUnit::Number),
        ("bad >= 10 within 1m", AtLeast, "10", 60_000, DisplayUnit::Number),
        ("bad ≧ 10 within 60秒", AtLeast, "10", 60_000, DisplayUnit::Number),
        ("count(bad) within 1m > 10", Above, "10", 60_000, DisplayUnit::Number),
        ("bad 3件未満/時間", Below, "3", 3_600_000, DisplayUnit::Number),
        ("bad 3件以下/日", AtMost, "3", 86_400_000, DisplayUnit::Number),
        ("ratio(errors, http) 5%/分 min 20", AtLeast, "0.05", 60_000, DisplayUnit::Percent),
        ("p95(auth.took) 3秒/5分", AtLeast, "3", 300_000, DisplayUnit::Seconds),
        ("p95(auth.took) >= 250ms within 90s", AtLeast, "0.25", 90_000, DisplayUnit::Seconds),
        ("avg(auth.used) 80%/5分", AtLeast, "0.8", 300_000, DisplayUnit::Percent),
        ("sum(auth.size) >= 100MB within 1m", AtLeast, "100000000", 60_000, DisplayUnit::Bytes),
        ("last(auth.used) > 90%", Above, "0.9", 300_000, DisplayUnit::Percent),
        ("min(auth.n) < -1.5 within 1m", Below, "-1.5", 60_000, DisplayUnit::Number),
        ("distinct(bad.user) 5人/10分", AtLeast, "5", 600_000, DisplayUnit::Number),
    ];
    for (text, comparison, level, window_ms, unit) in cases {
        let alert = alert(text);
        let (window, trigger) = single(&alert);
        assert_eq!(trigger.comparison, comparison, "{text}");
        assert_eq!(trigger.level, decimal(level), "{text}");
        assert_eq!(window.window_ms, window_ms, "{text}");
        assert_eq!(trigger.unit, unit, "{text}");
    }
}

#[test]
fn defaults_are_filled_in() {
    // (trigger, for, keep, hold, step, window), all in milliseconds
    let minute = 60_000;
    let cases = [
        ("bad 10回/分", 0, minute, 5 * minute, 0, minute),
        ("bad 10回/20分", 0, 20 * minute, 20 * minute, 0, 20 * minute),
        ("bad 10回/分 for 2m keep 3m", 2 * minute, 3 * minute, 5 * minute, 0, minute),
        ("bad 10回/分 clear 5", 0, 0, 5 * minute, 0, minute),
        ("bad 10回/分 clear 5 keep 7s", 0, 7_000, 5 * minute, 0, minute),
        ("last(auth.n) > 5", 0, minute, 5 * minute, 0, 5 * minute),
        ("last(auth.n) > 5 within 1h", 0, minute, 60 * minute, 0, 60 * minute),
        ("bad 10回/分 nodata clear", 0, minute, 0, 0, minute),
        ("bad 10回/分 nodata hold 9m", 0, minute, 9 * minute, 0, minute),
        ("avg(auth.n) > 5 within 10m", 0, 10 * minute, 10 * minute, 0, 10 * minute),
        ("avg(auth.n) > 5 within 1h", 0, 60 * minute, 60 * minute, 6_000, 60 * minute),
        (
            "avg(auth.n) > 5 within 1000001ms",
            0,
            1_000_000 - 599,
            1_000_000 - 599,
            1_667,
            999_401 - 868,
        ),
        ("bad 1000回/時間", 0, 60 * minute, 60 * minute, 0, 60 * minute),
        ("bad 1001回/時間", 0, 60 * minute, 60 * minute, 6_000, 60 * minute),
    ];
    for (text, for_ms, keep_ms, hold_ms, step_ms, window_ms) in cases {
        let alert = alert(text);
        if text.contains("1000001ms") {
            // ⌈1000001 / 600⌉ = 1667, and 599 whole steps of it fit.
            assert_eq!(
                (single(&alert).0.step_ms, single(&alert).0.window_ms),
                (1_667, 1_667 * 599)
            );
            continue;
        }
        let got = (alert.for_ms, alert.keep_ms, alert.hold_ms);
        assert_eq!(got, (for_ms, keep_ms, hold_ms), "{text}");
        assert_eq!(
            (single(&alert).0.step_ms, single(&alert).0.window_ms),
            (step_ms, window_ms),
            "{text}"
        );
    }
}

#[test]
fn names_are_resolved_in_order_of_streams_and_alerts() {
    let rules = rules(
        "alert z bad 1回/分 by user high\n\
         alert b ratio(errors, auth) > 5% within 5m min 9 by user low",
    );
    let names: Vec<&str> = rules.streams.iter().map(|stream| stream.name.as_str()).collect();
    assert_eq!(names, ["auth", "http"]);
    let alerts: Vec<&str> = rules.alerts.iter().map(|alert| alert.name.as_str()).collect();
    assert_eq!(alerts, ["b", "z"]);
    let Measure::Ratio(part, whole) = &single(&rules.alerts[0]).0.measure else { panic!() };
    assert_eq!((part.stream, whole.stream), (1, 0));
    assert_eq!((&part.key, &whole.key), (&vec![3], &vec![2]));
    assert_eq!(single(&rules.alerts[0]).0.min_events, 9);
}

#[test]
fn filters_build_on_filters() {
    let rules = rules("filter worse = bad where id > 5\nalert a worse 1回/分 high");
    let Measure::Count(of) = &single(&rules.alerts[0]).0.measure else { panic!() };
    let Predicate::And(parts) = &of.predicate else { panic!("{:?}", of.predicate) };
    assert_eq!(parts.len(), 2);
}

#[test]
fn a_missing_field_is_in_no_set_and_out_of_none() {
    let rules = rules("filter b = auth where outcome not in (\"a\", \"b\")\nalert a b 1回/分 high");
    let Measure::Count(of) = &single(&rules.alerts[0]).0.measure else { panic!() };
    let Predicate::And(parts) = &of.predicate else { panic!("{:?}", of.predicate) };
    assert_eq!(parts[0], Predicate::Exists(1));
    assert!(matches!(&parts[1], Predicate::Not(inner)
            if matches!(**inner, Predicate::In(PredicateOperand::Field(1), _))));
}

#[test]
fn conditions_are_typed() {
    let fine = [
        "outcome == \"x\" and not (n > 1 or id != 3)",
        "src == \"192.0.2.1\" or src in cidr \"10.0.0.0/8\", \"::1\"",
        "src not in cidr (\"10.0.0.0/8\")",
        "took > 500ms and took * 2 < 3s and took / 1s > 2",
        "used >= 80% and size > 10MB",
        "ts - at > 5m",
        "at > \"2026-01-05T09:00:00+09:00\"",
        "ok and ok == true",
        "tags contains \"x\" and outcome contains \"y\" and outcome starts_with \"z\"",
        "lower(outcome) matches \"^fail\" and exists(user)",
        "id in (1, 2, 3) and id + 1 > 2 * n",
    ];
    for condition in fine {
        assert_eq!(codes(&format!("filter x = auth where {condition}")), [], "{condition}");
    }
    let wrong = [
        ("outcome == 5", DiagnosticCode::TypeMismatch),
        ("id == \"5\"", DiagnosticCode::TypeMismatch),
        ("took > 500", DiagnosticCode::UnitMismatch),
        ("used > 0.05", DiagnosticCode::UnitMismatch),
        ("used > 5回", DiagnosticCode::UnitMismatch),
        ("size > 5", DiagnosticCode::UnitMismatch),
        ("src == \"x\"", DiagnosticCode::BadConstant),
        ("ts > 5", DiagnosticCode::TypeMismatch),
        ("ts + at > 5m", DiagnosticCode::TypeMismatch),
        ("ok > true", DiagnosticCode::TypeMismatch),
        ("outcome", DiagnosticCode::NotACondition),
        ("lower(n) == \"x\"", DiagnosticCode::TypeMismatch),
        ("outcome in (\"a\", 5)", DiagnosticCode::TypeMismatch),
        ("outcome contains user", DiagnosticCode::TypeMismatch),
        ("outcome matches \"a{1000000}\"", DiagnosticCode::BadRegex),
        ("nobody == 1", DiagnosticCode::UnknownField),
    ];
    for (condition, code) in wrong {
        assert_eq!(codes(&format!("filter x = auth where {condition}")), [code], "{condition}");
    }
}

#[test]
fn messages_are_taken_apart() {
    let found = rules(
        "alert a bad 10回/分 by user high { message \"{user}: {value}/{threshold} \
         {src} {{x}} {src} {outcome}\" }",
    );
    let alert = &found.alerts[0];
    assert_eq!(alert.message_fields, ["src", "outcome"]);
    let Measure::Count(of) = &single(alert).0.measure else { panic!() };
    assert_eq!(of.message_fields, [3, 1]);
    let literal = |text: &str| MessagePart::Literal(text.to_owned());
    let want = [
        MessagePart::Key(0),
        literal(": "),
        MessagePart::Value,
        literal("/"),
        MessagePart::Threshold,
        literal(" "),
        MessagePart::Field(0),
        literal(" {x} "),
        MessagePart::Field(0),
        literal(" "),
        MessagePart::Field(1),
    ];
    assert_eq!(alert.message.parts, want);
}

#[test]
fn streams_become_schemas() {
    let rules = rules(
        r#"stream sshd from "ssh" { time: time, message: str,
           user.name: str = "u.n", src.ip: ip, outcome: str }
           codec syslog lateness 30s extract message {
             "Failed {_} for {user.name} from {src.ip} port {_}" => outcome "failure"
             "{{x}}"
           }"#,
    );
    let schema = rules.streams.iter().find(|stream| stream.name == "sshd").unwrap();
    assert_eq!(
        (schema.input.as_str(), schema.codec, schema.lateness_ms),
        ("ssh", Codec::Syslog, 30_000)
    );
    assert_eq!((schema.time, schema.fields[2].path.as_str()), (0, "u.n"));
    let patterns = &schema.extracts[0].patterns;
    assert_eq!(patterns[0].sets, [(4, "failure".to_owned())]);
    assert_eq!(patterns[0].parts[1], PatternPart::Skip);
    assert_eq!(patterns[0].parts[3], PatternPart::Hole(2));
    assert_eq!(patterns[1].parts, [PatternPart::Literal("{x}".to_owned())]);
    let http = rules.streams.iter().find(|stream| stream.name == "http").unwrap();
    assert_eq!((http.input.as_str(), http.codec, http.lateness_ms), ("http", Codec::Json, 5_000));
}

#[test]
fn one_run_reports_every_error_of_every_file() {
    let file = |name: &str, text: &str| SourceFile { name: name.to_owned(), text: text.to_owned() };
    let files = [
        file("a", "stream s { ts: time }\nfilter f = nobody\nfilter g = s where x == 1\n"),
        file(
            "b",
            "alert a f 10回/分 hihg\nalert b g 1回/分 high\n\
             alert c s 1万回/分 high\nfilter h = s where\n",
        ),
    ];
    let found: Vec<(usize, DiagnosticCode)> =
        compile(&files).diagnostics.iter().map(|d| (d.file, d.code)).collect();
    let want = [
        (0, DiagnosticCode::UnknownName),
        (0, DiagnosticCode::UnknownField),
        (1, DiagnosticCode::Unexpected),
        (1, DiagnosticCode::NumberSpelling),
        (1, DiagnosticCode::Unexpected),
    ];
    assert_eq!(found, want);
}

#[test]
fn hostile_text_is_answered() {
    let hostile = [
        format!("filter x = auth where {}", "(".repeat(100_000)),
        format!("filter x = auth where {} ok", "not ".repeat(100_000)),
        format!("filter x = auth where n > 1{}", " + 1".repeat(100_000)),
        format!("filter x = auth where n > 1{}", " * (1".repeat(10_000)),
        format!("stream x {{ ts: {} }}", "list(".repeat(100_000)),
        "{".repeat(100_000),
        "alert ".repeat(10_000),
        format!("filter x = auth where ok{}", " and ok".repeat(50_000)),
        (0..200).map(|i| format!("filter f{i} = f{}\n", i + 1)).collect(),
        (0..200).rev().map(|i| format!("measure m{i} = m{}\n", i + 1)).collect(),
    ];
    for text in &hostile {
        let shown: String = text.chars().take(40).collect();
        let files = [SourceFile { name: "x".to_owned(), text: format!("{BASE}{text}") }];
        for found in compile(&files).diagnostics {
            assert!(!found.render(&files, model::message::Language::En).is_empty(), "{shown}");
        }
    }
}

#[test]
fn what_costs_is_limited() {
    let many =
        |count: usize, one: &dyn Fn(usize) -> String| -> String { (0..count).map(one).collect() };
    let wide = format!("filter wide = auth where ok{}\n", " and ok".repeat(20_000));
    // Each is a file near the largest; without a limit it would take minutes or all memory.
    let hostile = [
        many(6_000, &|i| format!("filter name_number_{i} = nome_numbre_{i}\n")),
        many(6_000, &|i| format!("alert a{i} nome_numbre_{i} 1/m high\n")),
        format!("{wide}{}", many(5_000, &|i| format!("filter f{i} = wide\n"))),
        format!("{wide}{}", many(5_000, &|i| format!("alert f{i} wide 1/m high\n"))),
        "¥".repeat(100_000),
        "1万 ".repeat(50_000),
        "\"".repeat(1_000_000),
        "`\n".repeat(100_000),
        "a".repeat(1_000_000),
        "9".repeat(1_000_000),
        "(".repeat(1_000_000),
    ];
    for text in hostile {
        let files = [SourceFile { name: "x".to_owned(), text: format!("{BASE}{text}") }];
        let compiled = compile(&files);
        let shown: String = text.chars().take(40).collect();
        assert!(compiled.rules.is_none(), "{shown}");
        assert!(compiled.diagnostics.len() <= crate::diagnostic::DIAGNOSTICS_MAX, "{shown}");
    }
}

/// Every level's unit beside every measured type: which go together.
#[test]
fn levels_fit_what_is_measured() {
    let levels = ["5", "5回", "5s", "5%", "5MB"];
    let bare: &[&str] = &["5"];
    let counts: &[&str] = &["5", "5回"];
    let measures = [
        ("count(bad)", counts),
        ("bad", counts),
        ("distinct(auth.user)", counts),
        ("distinct(auth.took)", counts),
        ("distinct(auth.used)", counts),
        ("ratio(bad, auth) min 9", &["5%"]),
        ("sum(auth.n)", bare),
        ("avg(auth.n)", bare),
        ("last(auth.id)", bare),
        ("p95(auth.n)", bare),
        ("avg(auth.took)", &["5s"]),
        ("p99.9(auth.took)", &["5s"]),
        ("max(auth.used)", &["5%"]),
        ("min(auth.size)", &["5MB"]),
        ("sum(auth.size)", &["5MB"]),
        ("last(auth.used)", &["5%"]),
    ];
    for (measure, fitting) in measures {
        for level in levels {
            let text = format!("alert a {measure} > {level} within 5m high");
            let want: &[DiagnosticCode] =
                if fitting.contains(&level) { &[] } else { &[DiagnosticCode::UnitMismatch] };
            assert_eq!(codes(&text), want, "{text}");
        }
        // The level of `clear` is read in the same unit.
        let other = if fitting == ["5s"] { "3%" } else { "3s" };
        let text = format!("alert a {measure} > {} within 5m clear {other} high", fitting[0]);
        assert_eq!(codes(&text), [DiagnosticCode::UnitMismatch], "{text}");
    }
}

/// Which measure can be computed of which type of field.
#[test]
fn measures_fit_their_fields() {
    let numbers = ["n", "id", "took", "used", "size"];
    let others = ["user", "src", "ok", "ts", "at"];
    for function in ["sum", "avg", "min", "max", "last", "p50", "p99.9", "distinct"] {
        for field in numbers.iter().chain(&others).chain(&["tags"]) {
            let text = format!("measure m = {function}(auth.{field})");
            let fits = numbers.contains(field) || (function == "distinct" && *field != "tags");
            let want: &[DiagnosticCode] =
                if fits { &[] } else { &[DiagnosticCode::MeasureArgument] };
            assert_eq!(codes(&text), want, "{text}");
        }
    }
    let wrong = [
        ("count(auth.user)", DiagnosticCode::MeasureArgument),
        ("count(auth, http)", DiagnosticCode::MeasureArgument),
        ("ratio(auth)", DiagnosticCode::MeasureArgument),
        ("ratio(auth.n, http)", DiagnosticCode::MeasureArgument),
        ("sum(auth)", DiagnosticCode::MeasureArgument),
        ("sum(auth.n, auth.id)", DiagnosticCode::MeasureArgument),
        ("sum(auth.nn)", DiagnosticCode::UnknownField),
        ("sum(atuh.n)", DiagnosticCode::UnknownName),
        ("summ(auth.n)", DiagnosticCode::UnknownName),
        ("p0(auth.n)", DiagnosticCode::UnknownName),
        ("p100(auth.n)", DiagnosticCode::UnknownName),
        ("p99.99(auth.n)", DiagnosticCode::UnknownName),
        ("p4294967296(auth.n)", DiagnosticCode::UnknownName),
        ("p(auth.n)", DiagnosticCode::UnknownName),
        ("rate(auth.user)", DiagnosticCode::MeasureArgument),
        ("stddev(auth)", DiagnosticCode::MeasureArgument),
        ("avg(auth.took) + count(auth)", DiagnosticCode::MeasureArgument),
        ("avg(auth.took) * avg(auth.size)", DiagnosticCode::MeasureArgument),
        ("3 vs 1w ago", DiagnosticCode::MeasureArgument),
        ("(count(auth) vs 1w ago) vs 1d ago", DiagnosticCode::MeasureArgument),
        ("avg(auth.n) within 1m step 2", DiagnosticCode::UnitMismatch),
        ("avg(auth.n) within 0s", DiagnosticCode::BadDuration),
        ("avg(auth.n) within 5", DiagnosticCode::UnitMismatch),
        ("avg(auth.n) min 2.5", DiagnosticCode::UnitMismatch),
        ("avg(auth.n) min 5s", DiagnosticCode::UnitMismatch),
        ("avg(auth.n) within 1m within 2m", DiagnosticCode::RepeatedClause),
    ];
    for (measure, code) in wrong {
        assert_eq!(codes(&format!("measure m = {measure}")), [code], "{measure}");
    }
}

/// Which field can be a key.
#[test]
fn keys_are_identities() {
    let cases = [
        ("user", None),
        ("src, id, ok", None),
        ("user?", None),
        ("n", Some(DiagnosticCode::KeyType)),
        ("took", Some(DiagnosticCode::KeyType)),
        ("used", Some(DiagnosticCode::KeyType)),
        ("size", Some(DiagnosticCode::KeyType)),
        ("ts", Some(DiagnosticCode::KeyType)),
        ("at", Some(DiagnosticCode::KeyType)),
        ("tags", Some(DiagnosticCode::KeyType)),
        ("usr", Some(DiagnosticCode::UnknownField)),
        ("user, user", Some(DiagnosticCode::RepeatedClause)),
    ];
    for (by, code) in cases {
        let found = codes(&format!("alert a bad 10回/分 by {by} high"));
        assert_eq!(found, code.into_iter().collect::<Vec<_>>(), "{by}");
    }
    // Both of two wrong keys are reported in one run, and the wrong level beside them.
    let found = codes("alert a bad 10%/分 by n, nobody high");
    assert_eq!(
        found,
        [DiagnosticCode::UnitMismatch, DiagnosticCode::KeyType, DiagnosticCode::UnknownField]
    );
    let streams = "stream a { ts: time, k: str }\nstream b { ts: time, k: int }\n";
    let joined = format!("{streams}alert x ratio(a, b) > 1% within 1m min 9 by k high");
    assert_eq!(codes(&joined), [DiagnosticCode::KeysDisagree]);
    let nine: Vec<String> = (0..9).map(|i| format!("k{i}")).collect();
    let fields: Vec<String> = nine.iter().map(|key| format!("{key}: str")).collect();
    let text = format!(
        "stream k {{ ts: time, {} }}\nalert x k 1/m by {} high",
        fields.join(", "),
        nine.join(", ")
    );
    assert_eq!(codes(&text), [DiagnosticCode::LimitExceeded]);
}

#[test]
fn placeholders_are_filled_or_refused() {
    // (trigger, text, code)
    let cases = [
        (
            "bad 10回/分 by user",
            "{user} {value} {threshold} {severity} {window} {count} {since}",
            None,
        ),
        ("bad 10回/分", "{user} {src} {id} {ok}", None),
        ("bad 10回/分", "{ user }", None),
        ("bad 10回/分", "no holes {{at all}}", None),
        ("bad 10回/分 by user", "{usr}", Some(DiagnosticCode::UnknownPlaceholder)),
        ("bad 10回/分", "{n}", Some(DiagnosticCode::BadTemplate)),
        ("bad 10回/分", "{tags}", Some(DiagnosticCode::BadTemplate)),
        ("bad 10回/分", "{}", Some(DiagnosticCode::BadTemplate)),
        ("bad 10回/分", "{user", Some(DiagnosticCode::BadTemplate)),
        ("bad 10回/分", "user}", Some(DiagnosticCode::BadTemplate)),
        ("bad 10回/分", "{us{er}", Some(DiagnosticCode::BadTemplate)),
        ("bad 10回/分", "{top 3 src}", None),
        ("avg(auth.n) > 1 within 1m", "{top 3 src}", None),
        ("bad 10回/分", "{top 99 src}", Some(DiagnosticCode::BadTemplate)),
        ("bad 10回/分", "{top 3 tags}", Some(DiagnosticCode::BadTemplate)),
        ("bad 10回/分 by user", "{owner(user)}", Some(DiagnosticCode::UnknownPlaceholder)),
        ("any bad by user", "{user} {src}", None),
        ("bad then errors within 5m by user", "{user} {status}", None),
        ("bad then errors within 5m by user", "{src}", Some(DiagnosticCode::UnknownPlaceholder)),
        (
            "bad then not errors within 5m by user",
            "{status}",
            Some(DiagnosticCode::UnknownPlaceholder),
        ),
        // Without a triggering event only keys and values are known.
        ("bad 10回/分 for 5m", "{user}", Some(DiagnosticCode::UnknownPlaceholder)),
        ("bad < 10 within 1m", "{user}", Some(DiagnosticCode::UnknownPlaceholder)),
        ("avg(auth.n) > 1 within 1m", "{user}", Some(DiagnosticCode::UnknownPlaceholder)),
        ("avg(auth.n) > 1 within 1m by user", "{user}", None),
        ("max(auth.n) > 1 within 1m", "{user}", None),
        ("sum(auth.n) > 1 within 1m", "{user}", None),
        ("distinct(auth.n) > 1 within 1m", "{user}", None),
        ("last(auth.n) > 1", "{user}", Some(DiagnosticCode::UnknownPlaceholder)),
    ];
    for (trigger, text, code) in cases {
        let found = codes(&format!("alert a {trigger} high {{ message \"{text}\" }}"));
        assert_eq!(found, code.into_iter().collect::<Vec<_>>(), "{trigger}: {text}");
    }
    let many = "{value}".repeat(201);
    let found = codes(&format!("alert a bad 1/m high {{ message \"{many}\" }}"));
    assert_eq!(found, [DiagnosticCode::BadTemplate]);
}

#[test]
fn lengths_of_time_have_bounds() {
    let cases = [
        ("bad 10 within 1ms", None),
        ("bad 10 within 366d", None),
        ("bad 10 within 0s", Some(DiagnosticCode::BadDuration)),
        ("bad 10 within 0.5ms", Some(DiagnosticCode::BadDuration)),
        ("bad 10 within 1.0005s", Some(DiagnosticCode::BadDuration)),
        ("bad 10 within 367d", Some(DiagnosticCode::BadDuration)),
        ("bad 10 within 99999999999999999999w", Some(DiagnosticCode::NumberRange)),
        ("bad 10 within 5", Some(DiagnosticCode::UnitMismatch)),
        ("bad 10 within 5回", Some(DiagnosticCode::UnitMismatch)),
        ("bad 10回/分 for 0s", None),
        ("bad 10回/分 for 400d", Some(DiagnosticCode::BadDuration)),
        ("bad 10回/分 keep 0s", None),
        ("bad 10回/分 keep 5%", Some(DiagnosticCode::UnitMismatch)),
        ("bad 10回/分 nodata hold 400d", Some(DiagnosticCode::BadDuration)),
        ("bad 10回/分 min 2.5", Some(DiagnosticCode::UnitMismatch)),
        ("bad 10回/分 min 5件", None),
        ("bad 10回/分 clear 10", Some(DiagnosticCode::ClearSide)),
        ("bad 10回/分 clear 11", Some(DiagnosticCode::ClearSide)),
        ("bad < 10 within 1m clear 9", Some(DiagnosticCode::ClearSide)),
        ("bad < 10 within 1m clear 11", None),
        ("bad == 10 within 1m clear 9", Some(DiagnosticCode::ClearSide)),
        ("sum(auth.size) > 99999999999999999999GB within 1m", Some(DiagnosticCode::NumberRange)),
        ("distinct(auth.user) > 100001 within 1m", Some(DiagnosticCode::LevelRange)),
        ("distinct(auth.user) > 100000 within 1m", None),
    ];
    for (trigger, code) in cases {
        let found = codes(&format!("alert a {trigger} high"));
        assert_eq!(found, code.into_iter().collect::<Vec<_>>(), "{trigger}");
    }
}

#[test]
fn an_id_is_a_field_that_names_something() {
    let cases: &[(&str, Option<DiagnosticCode>)] = &[
        ("k", None),
        ("n", None),
        ("at", Some(DiagnosticCode::KeyType)),
        ("took", Some(DiagnosticCode::KeyType)),
        ("tags", Some(DiagnosticCode::KeyType)),
        ("nobody", Some(DiagnosticCode::UnknownField)),
    ];
    for (field, want) in cases {
        let stream = "stream t { at: time, k: str, n: int, took: duration(ms), tags: list(str) }";
        let found = codes(&format!("{stream} id {field}\nalert a count(t) 9/m high"));
        assert_eq!(found, want.iter().copied().collect::<Vec<_>>(), "{field}");
    }
}

#[test]
fn circles_and_chains_are_found() {
    let cases: &[(&str, &[DiagnosticCode])] = &[
        ("filter a = a", &[DiagnosticCode::Circle]),
        ("filter a = b\nfilter b = a", &[DiagnosticCode::Circle]),
        ("filter a = b\nfilter b = c\nfilter c = a\nalert x a 1/m high", &[DiagnosticCode::Circle]),
        ("measure a = a", &[DiagnosticCode::Circle]),
        ("filter a = m\nmeasure m = count(a)", &[DiagnosticCode::WrongKind]),
        ("filter a = x\nalert x bad 1/m high", &[DiagnosticCode::WrongKind]),
        ("filter a = nobody\nfilter b = a\nalert x b 1/m high", &[DiagnosticCode::UnknownName]),
        ("filter auth = http", &[DiagnosticCode::DuplicateName]),
        ("alert a bad 1/m high\nalert a errors 1/m high", &[DiagnosticCode::DuplicateName]),
        ("filter a = auth where x ==\nalert x a 1/m high", &[DiagnosticCode::Unexpected]),
    ];
    for (text, want) in cases {
        assert_eq!(codes(text), *want, "{text}");
    }
    let chain = |length: usize| -> String {
        let links = (1..length).map(|i| format!("filter f{i} = f{}\n", i - 1));
        format!("filter f0 = auth\n{}", links.collect::<String>())
    };
    assert_eq!(codes(&chain(super::limits::CHAIN_MAX)), []);
    let measures = |length: usize, link: fn(usize) -> String| -> String {
        let links = (1..=length).map(|i| format!("measure m{i} = {}\n", link(i - 1)));
        format!("measure m0 = count(bad)\n{}", links.collect::<String>())
    };
    let same = |i: usize| format!("m{i}");
    assert_eq!(codes(&measures(super::limits::CHAIN_MAX, same)), []);
    assert_eq!(codes(&measures(super::limits::CHAIN_MAX + 1, same)), [DiagnosticCode::Circle]);
    assert!(codes(&chain(super::limits::CHAIN_MAX + 2)).contains(&DiagnosticCode::LimitExceeded));
}

/// Measures that take their base twice double at every link: 60 of them are 2⁶⁰ terms, and
/// expanding them would never end.
#[test]
fn measures_that_double_are_refused_in_time() {
    for first in ["count(bad)", "1"] {
        let links = (1..=60).map(|i| format!("measure m{i} = m{0} + m{0}\n", i - 1));
        let text = format!("measure m0 = {first}\n{}", links.collect::<String>());
        let found = codes(&format!("{text}alert x m60 > 5 within 1m high"));
        assert_eq!(found.first(), Some(&DiagnosticCode::LimitExceeded), "{first}: {found:?}");
    }
    let long = |terms: usize| format!("measure m = count(bad){}", " + 1".repeat(terms - 1));
    assert_eq!(codes(&long(super::limits::TERMS_MAX)), []);
    assert_eq!(codes(&long(super::limits::TERMS_MAX + 1)), [DiagnosticCode::LimitExceeded]);
}

/// `::ffff:10.0.0.1` in an event is `10.0.0.1`: a network spelled that way must hold it.
#[test]
fn a_network_of_mapped_addresses_is_one_of_short_ones() {
    let reads = |network: &str| {
        let filter = format!("filter f = auth where src in cidr \"{network}\"");
        rules(&format!("{filter}\nalert x any f high"))
    };
    for (long, short) in [
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
    ] {
        assert_eq!(reads(long), reads(short), "{long}");
    }
    assert_ne!(reads("::/0"), reads("0.0.0.0/0"));
}
