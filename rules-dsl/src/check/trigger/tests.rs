use model::decimal::Decimal;
use model::message::DisplayUnit;
use model::severity::Severity;
use model::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};

use crate::compile;
use crate::diagnostic::DiagnosticCode;
use crate::rule::{
    AbsenceRoster, Alert, ArithmeticOp, BoolOp, ComparisonOp, MeasureFormula, Trigger,
};
use crate::source::SourceFile;

const BASE: &str = r#"
stream auth { ts: time, user: str, src: ip, outcome: str, took: duration(ms), n: float, id: int }
stream http { ts: time, user: str, id: str, status: int }
stream node { ts: time, host: str, cpu: percent(0..1) }
filter bad = auth where outcome == "failure"
filter good = auth where outcome == "success"
measure CPU = avg(node.cpu)
"#;

fn compiled(text: &str) -> crate::CompiledRules {
    compile(&[SourceFile { name: "x".to_owned(), text: format!("{BASE}alert a {text}") }])
}

fn alert(text: &str) -> Alert {
    let compiled = compiled(text);
    let rules = compiled.rules.unwrap_or_else(|| panic!("{text}: {:#?}", compiled.diagnostics));
    rules.alerts.into_iter().next().unwrap()
}

fn codes(text: &str) -> Vec<DiagnosticCode> {
    compiled(text).diagnostics.iter().map(|found| found.code).collect()
}

#[test]
fn event_triggers_keep_what_is_written_and_fill_in_the_rest() {
    let Trigger::Sequence { steps, first_count, within_ms } =
        alert("5 bad then good then http within 10m by user high").trigger
    else {
        panic!()
    };
    assert_eq!((steps.len(), first_count, within_ms), (3, 5, 10 * MINUTE_MS));
    assert_eq!(steps.iter().map(|step| step.key[0]).collect::<Vec<_>>(), [1, 1, 1]);
    let Trigger::ThenNot { first, then, within_ms } =
        alert("bad then not http within 15m by user high").trigger
    else {
        panic!()
    };
    assert_eq!((first.stream, then.stream, within_ms), (0, 1, 15 * MINUTE_MS));
    let Trigger::New { fields, within_ms, learn_ms, values_max, .. } =
        alert("new src, outcome in good within 30d by user low").trigger
    else {
        panic!()
    };
    assert_eq!((fields, within_ms, learn_ms), (vec![2, 3], 30 * DAY_MS, 7 * DAY_MS));
    assert_eq!(values_max, 1_000);
    let rosters = [
        ("absent node within 3m high", AbsenceRoster::Whole),
        ("absent node within 3m by host seen 1d high", AbsenceRoster::Seen(DAY_MS)),
    ];
    for (text, want) in rosters {
        let Trigger::Absent { within_ms, roster, .. } = alert(text).trigger else { panic!() };
        assert_eq!((within_ms, roster), (3 * MINUTE_MS, want), "{text}");
    }
    let Trigger::Any { and: Some(and), .. } =
        alert("any bad and good < 1回 within 12h by user low").trigger
    else {
        panic!()
    };
    assert_eq!(and.windows[0].window_ms, 12 * HOUR_MS);
}

#[test]
fn clauses_that_are_not_written_have_the_defaults_of_their_trigger() {
    // (alert, keep, hold, notify each, shadow)
    let hold = 5 * MINUTE_MS;
    let cases = [
        ("any bad by user low", MINUTE_MS, 0, false, false),
        ("any bad by user notify each shadow low", MINUTE_MS, 0, true, true),
        ("new src in good within 1d by user keep 2h low", 2 * HOUR_MS, 0, false, false),
        ("bad then good within 10m by user low", 10 * MINUTE_MS, 0, false, false),
        ("bad then not good within 9m by user low", 9 * MINUTE_MS, 0, false, false),
        ("absent node within 3m low", 0, 0, false, false),
        ("bad 3回/2分 and good 1回/分 low", MINUTE_MS, hold, false, false),
        ("bad 3回/2分 and last(auth.n) > 1 low", MINUTE_MS, hold, false, false),
        ("bad 3回/8分 or good 1回/9分 low", 8 * MINUTE_MS, 9 * MINUTE_MS, false, false),
        ("CPU within 5m by host clear 70% ladder { low 80% }", 0, hold, false, false),
        ("avg(node.cpu) > 1% within 7m nodata hold 1m low", 7 * MINUTE_MS, MINUTE_MS, false, false),
        ("any bad and avg(auth.n) > 1 within 9m low", MINUTE_MS, 9 * MINUTE_MS, false, false),
    ];
    for (text, keep_ms, hold_ms, notify_each, is_shadow) in cases {
        let alert = alert(text);
        assert_eq!((alert.keep_ms, alert.hold_ms), (keep_ms, hold_ms), "{text}");
        assert_eq!((alert.notify_each, alert.is_shadow), (notify_each, is_shadow), "{text}");
    }
    assert_eq!(alert("any bad by user limit 500 keys low").keys_max, Some(500));
}

#[test]
fn comparisons_share_their_windows_and_keep_how_they_are_joined() {
    let text = "bad 3回/分 and (good 1回/分 or bad < 9回 within 1m) by user low";
    let Trigger::Condition(condition) = alert(text).trigger else { panic!() };
    assert_eq!(condition.windows.len(), 2);
    let values: Vec<MeasureFormula> =
        condition.compares.iter().map(|it| it.value.clone()).collect();
    assert_eq!(
        values,
        [MeasureFormula::Window(0), MeasureFormula::Window(1), MeasureFormula::Window(0)]
    );
    let either = BoolOp::Or(vec![BoolOp::Compare(1), BoolOp::Compare(2)]);
    assert_eq!(condition.joint, BoolOp::And(vec![BoolOp::Compare(0), either]));
    assert_eq!(condition.compares[2].comparison, ComparisonOp::Below);
}

#[test]
fn arithmetic_reads_a_window_for_each_measure() {
    let text = "(rate(auth.n) within 1m) * 8 / last(auth.n) >= 3 within 9m min 4 low";
    let Trigger::Condition(condition) = alert(text).trigger else { panic!() };
    let spans: Vec<(i64, u64)> =
        condition.windows.iter().map(|it| (it.window_ms, it.min_events)).collect();
    assert_eq!(spans, [(MINUTE_MS, 4), (9 * MINUTE_MS, 4)]);
    let times = MeasureFormula::Arithmetic(
        Box::new(MeasureFormula::Window(0)),
        ArithmeticOp::Multiply,
        Box::new(MeasureFormula::Number(Decimal::from_int(8), DisplayUnit::Number)),
    );
    let whole = MeasureFormula::Arithmetic(
        Box::new(times),
        ArithmeticOp::Divide,
        Box::new(MeasureFormula::Window(1)),
    );
    assert_eq!(condition.compares[0].value, whole);
}

#[test]
fn now_and_then_are_two_windows_and_what_is_too_little_is_then() {
    let text = "count(http) vs 1w ago <= 50% within 10m min 1000 low";
    let Trigger::Condition(condition) = alert(text).trigger else { panic!() };
    let [now, then] = condition.windows.as_slice() else { panic!() };
    assert_eq!((now.ago_ms, now.step_ms, now.min_events), (0, 0, 0));
    assert_eq!((then.ago_ms, then.step_ms, then.min_events), (7 * DAY_MS, SECOND_MS, 1_000));
    assert_eq!(condition.compares[0].level, Decimal::parse("0.5").unwrap());
}

#[test]
fn a_ladder_is_in_the_order_of_severity_however_it_is_written() {
    let alert = alert("CPU within 5m by host ladder { critical 95%  low 70%  medium 80% }");
    assert_eq!(alert.severity, Severity::Low);
    let percent = |n: i64| Decimal::from_int(n).shift(-2).unwrap();
    assert_eq!(alert.shown().unwrap().level, percent(70));
    let rungs: Vec<_> = alert.rungs.iter().map(|rung| (rung.severity, rung.level)).collect();
    assert_eq!(rungs, [(Severity::Medium, percent(80)), (Severity::Critical, percent(95))]);
}

#[test]
fn steps_are_those_written_or_those_of_long_windows() {
    // (alert, window, step)
    let cases = [
        ("avg(auth.n) > 1 within 10m low", 600_000, 0),
        ("avg(auth.n) > 1 within 20m low", 1_200_000, 2_000),
        ("avg(auth.n) > 1 within 20m step 0s low", 1_200_000, 0),
        ("avg(auth.n) > 1 within 20m step 7s low", 1_197_000, 7_000),
        ("avg(auth.n) > 1 within 1m step 1s low", 60_000, 1_000),
        ("bad 10回/日 low", 86_400_000, 0),
        ("bad 10回/日 and good 1回/日 low", 86_400_000, 0),
        ("count(bad) / count(good) > 3 within 1d low", 86_400_000, 144_000),
    ];
    for (text, window_ms, step_ms) in cases {
        let Trigger::Condition(condition) = alert(text).trigger else { panic!() };
        let window = &condition.windows[0];
        assert_eq!((window.window_ms, window.step_ms), (window_ms, step_ms), "{text}");
    }
}

#[test]
fn what_has_no_meaning_is_refused_where_it_stands() {
    use DiagnosticCode::{
        AbsenceScope, BadDuration, ClauseRefused, KeysDisagree, LadderShape, LevelRange,
        LimitExceeded, MissingLevel, MissingWindow, RepeatedWindow, UnknownField, UnknownName,
    };
    let cases: [(&str, &[DiagnosticCode]); 30] = [
        ("any bad for 1m low", &[ClauseRefused]),
        ("any bad within 1m low", &[ClauseRefused]),
        ("any bad nodata hold 1m low", &[ClauseRefused]),
        ("any bad clear 1 low", &[ClauseRefused]),
        ("any bad seen 1d learn 1d low", &[ClauseRefused, ClauseRefused]),
        ("bad 3回/分 limit 9 values low", &[ClauseRefused]),
        ("bad 3回/分 notify each low", &[ClauseRefused]),
        ("absent node within 1m clear 3 low", &[ClauseRefused]),
        ("bad then good within 1m step 1s low", &[ClauseRefused]),
        ("bad 1回/分 and good 1回/分 clear 1 low", &[ClauseRefused]),
        ("bad then good by user low", &[MissingWindow]),
        ("absent node low", &[MissingWindow]),
        ("0 bad then good within 1m low", &[LevelRange]),
        ("20000 bad then good within 1m low", &[LevelRange]),
        (
            "bad then good then bad then good then bad then good then bad then good then bad \
          within 1m low",
            &[LimitExceeded],
        ),
        ("bad then http within 1m by id low", &[KeysDisagree]),
        ("bad then nobody within 1m low", &[UnknownName]),
        ("new nothing in good within 1d low", &[UnknownField]),
        ("new src in good within 1d limit 0 values low", &[LevelRange]),
        ("any bad limit 0 keys low", &[LevelRange]),
        ("absent node within 3m by host low", &[AbsenceScope]),
        ("absent node within 3m seen 1d low", &[AbsenceScope]),
        ("absent node within 3m by host seen 3m low", &[AbsenceScope]),
        ("count(bad) within 1m low", &[MissingLevel]),
        ("avg(auth.n) > 1 within 1m step 2m low", &[BadDuration]),
        ("any bad ladder { low 1 }", &[LadderShape]),
        ("CPU 80% within 5m ladder { low 80% }", &[LadderShape]),
        ("CPU within 5m ladder { low 80%  low 90% }", &[LadderShape]),
        ("CPU within 5m ladder { low 80%以下  high 90%以下 }", &[LadderShape]),
        ("(bad within 1m) / (good within 2m) > 1 within 3m low", &[RepeatedWindow]),
    ];
    for (text, want) in cases {
        assert_eq!(codes(text), want, "{text}");
    }
}
