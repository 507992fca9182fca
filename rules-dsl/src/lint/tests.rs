use crate::compile;
use crate::diagnostic::DiagnosticCode;
use crate::source::SourceFile;

const BASE: &str = "\
stream auth { ts: time, user: str, n: float, used: percent(0..1), took: duration(ms) }
stream http { ts: time, user: str, size: int }
filter bad = auth where n > 1
filter worse = bad where n > 2
";

fn codes(text: &str) -> Vec<DiagnosticCode> {
    let files = [SourceFile { name: "x".to_owned(), text: format!("{BASE}{text}") }];
    let compiled = compile(&files);
    assert!(compiled.rules.is_some(), "{text}: {:#?}", compiled.diagnostics);
    compiled.diagnostics.iter().map(|d| d.code).collect()
}

#[test]
fn triggers_that_hardly_mean_what_they_say() {
    use DiagnosticCode::{AlwaysHolds, LowSideWithKey, NeverHolds, RatioWithoutMin};
    let cases: &[(&str, &[DiagnosticCode])] = &[
        ("bad 10回/分", &[]),
        ("bad 1回/分", &[]),
        // Counts are never below 0 and always whole.
        ("bad 0回/分", &[AlwaysHolds]),
        ("bad > 0 within 1m", &[]),
        ("bad > -1 within 1m", &[AlwaysHolds]),
        ("bad >= -5 within 1m", &[AlwaysHolds]),
        ("bad < 0 within 1m", &[NeverHolds]),
        ("bad < 1 within 1m", &[]),
        ("bad <= 0 within 1m", &[]),
        ("bad <= -1 within 1m", &[NeverHolds]),
        ("bad == -1 within 1m", &[NeverHolds]),
        ("bad != -1 within 1m", &[AlwaysHolds]),
        ("bad == 1.5 within 1m", &[NeverHolds]),
        ("bad != 1.5 within 1m", &[AlwaysHolds]),
        ("bad == 2 within 1m", &[]),
        // Shares of a part lie between 0 and 1; of two unrelated things they do not.
        ("ratio(bad, auth) >= 100% within 1m min 9", &[]),
        ("ratio(bad, auth) > 100% within 1m min 9", &[NeverHolds]),
        ("ratio(worse, bad) > 100% within 1m min 9", &[NeverHolds]),
        ("ratio(bad, worse) > 100% within 1m min 9", &[]),
        ("ratio(bad, http) > 100% within 1m min 9", &[]),
        ("ratio(bad, auth) <= 100% within 1m min 9", &[AlwaysHolds]),
        ("ratio(bad, auth) < 0% within 1m min 9", &[NeverHolds]),
        ("ratio(bad, auth) > -5% within 1m min 9", &[AlwaysHolds]),
        ("ratio(bad, auth) > 5% within 1m", &[RatioWithoutMin]),
        ("ratio(bad, auth) > 5% within 1m min 0", &[RatioWithoutMin]),
        // One key has one value of itself.
        ("distinct(bad.user) >= 2 within 1m by user", &[NeverHolds]),
        ("distinct(bad.user) >= 2 within 1m", &[]),
        ("distinct(bad.n) >= 2 within 1m by user", &[]),
        // Measured values may be anything.
        ("avg(auth.n) > -1 within 1m", &[]),
        ("min(auth.used) < 0% within 1m", &[]),
        ("stddev(auth.n) < 0 within 1m", &[NeverHolds]),
        // A silent key is not judged.
        ("bad < 3 within 1m by user", &[LowSideWithKey]),
        ("sum(auth.n) <= 3 within 1m by user", &[LowSideWithKey]),
        ("distinct(auth.n) < 3 within 1m by user", &[LowSideWithKey]),
        ("avg(auth.n) < 3 within 1m by user", &[]),
        ("bad < 3 within 1m", &[]),
    ];
    for (trigger, want) in cases {
        assert_eq!(codes(&format!("alert a {trigger} high")), *want, "{trigger}");
    }
}

#[test]
fn lengths_that_do_not_go_together() {
    let cases: &[(&str, &[DiagnosticCode])] = &[
        ("bad 1回/分 for 5m", &[DiagnosticCode::ForOutlivesWindow]),
        ("bad 1回/分 for 1m", &[DiagnosticCode::ForOutlivesWindow]),
        ("bad 1回/分 for 59s", &[]),
        ("bad > 0 within 1m for 5m", &[DiagnosticCode::ForOutlivesWindow]),
        ("distinct(bad.n) 1/m for 5m", &[DiagnosticCode::ForOutlivesWindow]),
        ("bad 2回/分 for 5m", &[]),
        ("avg(auth.n) > 1 within 1m for 5m", &[]),
        ("avg(auth.n) > 1 within 1h for 5s", &[DiagnosticCode::FinerThanStep]),
        ("avg(auth.n) > 1 within 1h keep 5s", &[DiagnosticCode::FinerThanStep]),
        ("avg(auth.n) > 1 within 1h for 6s keep 6s", &[]),
        ("avg(auth.n) > 1 within 1h keep 0s", &[]),
        ("avg(auth.n) > 1 within 10m for 1s", &[]),
        ("bad 5回/時間 for 1s", &[]),
    ];
    for (trigger, want) in cases {
        assert_eq!(codes(&format!("alert a {trigger} high")), *want, "{trigger}");
    }
}

#[test]
fn alerts_on_one_measure_should_be_a_ladder() {
    // The second alert beside `bad 10回/分 by user`.
    let cases = [
        ("bad 50回/分 by user", true),
        ("count(bad) > 50 within 60s by user", true),
        ("bad 50回/5分 by user", false),
        ("bad 50回/分", false),
        ("worse 50回/分 by user", false),
        ("bad < 3 within 1m by user", false),
        ("distinct(bad.n) 50/m by user", false),
        ("bad 50回/分 by user shadow", false),
        ("bad 50回/分 by user during day", false),
    ];
    let day = "calendar day = mon-fri 09:00-18:00 UTC";
    for (second, overlaps) in cases {
        let text = format!("{day}\nalert a bad 10回/分 by user high\nalert b {second} critical");
        let found = codes(&text).contains(&DiagnosticCode::ShouldBeLadder);
        assert_eq!(found, overlaps, "{second}");
    }
}

#[test]
fn a_count_of_people_is_a_count_of_their_events() {
    let cases = [
        ("bad 3人/10分 by user", true),
        ("bad 3名以上/10分", true),
        ("bad 3台/10分", true),
        ("bad 3回/10分", false),
        ("bad 3件/10分", false),
        ("bad 3/10分", false),
        ("distinct(bad.user) 3人/10分", false),
        ("distinct(bad.user) 3台/10分", false),
    ];
    for (trigger, want) in cases {
        let found = codes(&format!("alert a {trigger} high"));
        assert_eq!(found.contains(&DiagnosticCode::EventsAreNotPeople), want, "{trigger}");
        assert_eq!(found.len(), usize::from(want), "{trigger}");
    }
}

#[test]
fn what_is_measured_identifies_nothing() {
    let cases = [
        ("sum(http.size) > 9 within 1m by size", true),
        ("sum(http.size) > 9 within 1m by user, size", true),
        ("avg(http.size) > 9 within 1m and count(http) > 9 within 1m by size", true),
        ("sum(http.size) > 9 within 1m by user", false),
        ("count(http) > 9 within 1m by size", false),
    ];
    for (trigger, want) in cases {
        let found = codes(&format!("alert a {trigger} high"));
        assert_eq!(found.contains(&DiagnosticCode::MeasuredKey), want, "{trigger}");
    }
}

#[test]
fn a_key_that_is_the_id_of_events() {
    let cases = [
        ("count(pay) >= 3 within 1m by order", true),
        ("count(pay) >= 3 within 1m by user, order", true),
        ("any pay by order", true),
        ("count(pay) >= 3 within 1m by order limit 100 keys", false),
        ("count(pay) >= 3 within 1m by user", false),
        ("count(pay) >= 3 within 1m", false),
    ];
    for (trigger, want) in cases {
        let pay = "stream pay { ts: time, order: str, user: str } id order";
        let found = codes(&format!("{pay}\nalert a {trigger} high"));
        assert_eq!(found.contains(&DiagnosticCode::KeyPerEvent), want, "{trigger}");
    }
}

#[test]
fn filters_that_no_event_satisfies() {
    let cases = [
        ("auth where user == \"a\" and user == \"b\"", true),
        ("auth where user == \"a\" and user == \"a\"", false),
        ("auth where user == \"a\" or user == \"b\"", false),
        ("auth where n == 1 and user == \"a\" and n == 2", true),
        ("auth where n == 1 and n != 2", false),
        ("auth where took == 1s and took == 1000ms", false),
        ("auth where n > 5 and n < 3", true),
        ("auth where n > 5 and n < 5", true),
        ("auth where n >= 5 and n < 5", true),
        ("auth where n >= 5 and n <= 5", false),
        ("auth where n > 3 and n < 5", false),
        ("auth where n > 5 or n < 3", false),
        ("auth where n == 2 and n > 3", true),
        ("auth where n < 9 and n <= 4 and n > 4", true),
        ("auth where took > 5s and took < 6000ms", false),
    ];
    for (filter, never) in cases {
        let found = codes(&format!("filter f = {filter}")).contains(&DiagnosticCode::NeverMatches);
        assert_eq!(found, never, "{filter}");
    }
    // What the base asks for counts too.
    let text = "filter f = auth where user == \"a\"\nfilter g = f where user == \"b\"";
    assert_eq!(codes(text), [DiagnosticCode::NeverMatches]);
}

#[test]
fn what_is_missed_sooner_than_it_may_be_late() {
    let cases = [
        ("bad then not worse within 5s", true),
        ("bad then not worse within 6s", false),
        ("absent auth within 4s", true),
        ("absent auth within 1m by user seen 1d", false),
        ("bad then worse within 1s", false),
    ];
    for (trigger, early) in cases {
        let found = codes(&format!("alert a {trigger} high"))
            .contains(&DiagnosticCode::ShorterThanLateness);
        assert_eq!(found, early, "{trigger}");
    }
}

#[test]
fn lints_look_into_joined_comparisons_and_know_other_triggers() {
    let cases: [(&str, &[DiagnosticCode]); 5] = [
        (
            "ratio(bad, auth) > 1% within 1h and ratio(bad, auth) > 1% within 5m min 9",
            &[DiagnosticCode::RatioWithoutMin],
        ),
        (
            "avg(auth.n) > 1 within 1h and bad 3回/分 by user for 1s",
            &[DiagnosticCode::FinerThanStep],
        ),
        ("any bad by user", &[]),
        ("5 bad then worse within 10m by user", &[]),
        ("new user in bad within 30d", &[]),
    ];
    for (trigger, want) in cases {
        assert_eq!(codes(&format!("alert a {trigger} high")), want, "{trigger}");
    }
}
