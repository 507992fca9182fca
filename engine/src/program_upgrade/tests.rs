use model::severity::Severity;

use super::*;
use crate::sample::{alert, rule_set, selection, single};

fn program(streams: &[&str], alerts: Vec<Alert>) -> Program {
    Program::compile(&rule_set(streams, alerts)).unwrap()
}

fn settled(of: &[(&str, i64)]) -> SettledStreams {
    of.iter().map(|(name, at)| ((*name).to_owned(), Timestamp(*at))).collect()
}

fn level(mut of: Alert, level: i64) -> Alert {
    single(&mut of).1.level = Decimal::from_int(level);
    of
}

fn window(mut of: Alert, window_ms: i64) -> Alert {
    single(&mut of).0.window_ms = window_ms;
    of
}

fn on(mut of: Alert, stream: usize) -> Alert {
    single(&mut of).0.measure = rules_dsl::rule::Measure::Count(selection(stream));
    of
}

/// Instant at which a rule begins, and the last instant of each earlier version.
fn fate(program: &Program, name: &str) -> (i64, Vec<i64>) {
    let rule = program.rule(name).unwrap();
    (rule.begins, rule.earlier.iter().map(|earlier| earlier.until).collect())
}

#[test]
fn a_rule_resumes_where_its_state_is_the_same_and_opens_where_it_is_not() {
    let settled = settled(&[("s", 100), ("t", 60)]);
    let before = program(&["s", "t"], vec![alert("a"), on(alert("b"), 1), alert("c")]);
    let cases = [
        // Nothing of it was changed, or nothing that judges.
        (vec![alert("a")], (i64::MIN, vec![]), None),
        (vec![Alert { runbook: Some("x".to_owned()), ..alert("a") }], (i64::MIN, vec![]), None),
        // Another wording judges from then on.
        (vec![level(alert("a"), 9)], (i64::MIN, vec![100]), None),
        (vec![Alert { severity: Severity::Low, ..alert("a") }], (i64::MIN, vec![100]), None),
        // Another state: the rule opens, and what was open ends.
        (vec![window(alert("a"), 20)], (101, vec![]), Some(Timestamp(101))),
        (vec![on(alert("a"), 1)], (101, vec![]), Some(Timestamp(101))),
    ];
    for (alerts, want, ends) in cases {
        let shown = format!("{:?}", alerts[0]);
        let after = program(&["s", "t"], alerts).succeed(&before, &settled);
        assert_eq!(fate(&after, "a"), want, "{shown}");
        assert_eq!(before.ends_at("a", &after, &settled), ends, "{shown}");
    }
    let others = program(&["r", "s", "t"], vec![on(alert("d"), 2), on(alert("e"), 0)]);
    let after = others.succeed(&before, &settled);
    assert_eq!(before.ends_at("b", &after, &settled), Some(Timestamp(61)));
    assert_eq!(before.ends_at("z", &after, &settled), None);
    assert_eq!(before.rules_kept(&after), 0);
    // A rule of a stream that nobody has read applies from its beginning.
    assert_eq!((fate(&after, "d").0, fate(&after, "e").0), (61, i64::MIN + 1));
}

/// So the newest record of a change suffices, however many changes came before it.
#[test]
fn a_record_of_a_change_says_when_kept_rules_begin_while_that_matters() {
    let at = |at| settled(&[("s", at), ("t", at)]);
    let first = program(&["s", "t"], vec![alert("a")]);
    let second = program(&["s", "t"], vec![alert("a"), alert("b")]).succeed(&first, &at(100));
    let third = || program(&["s", "t"], vec![alert("a"), level(alert("b"), 5), alert("c")]);
    let begins: Vec<_> = third().kept_begins(&second, &at(105)).into_iter().collect();
    assert_eq!(begins, [("b".to_owned(), Timestamp(101))]);
    // One horizon later nothing can tell.
    let horizon_ms = second.rule("b").unwrap().horizon_ms();
    let later = at(101 + horizon_ms);
    assert_eq!(third().kept_begins(&second, &later).len(), 0);
    assert_eq!(fate(&third().succeed(&second, &later), "b").0, i64::MIN);
    // Of the second program nothing is known but what the record says.
    let known = third().succeed(&second, &at(105));
    let begins = begins.into_iter().collect();
    let read = third().succeed(&third(), &at(105)).begin_no_earlier(&begins);
    assert_eq!(fate(&read, "b").0, fate(&known, "b").0);
    assert_eq!(fate(&read, "a").0, i64::MIN);
}

#[test]
fn wordings_are_kept_for_as_long_as_they_may_matter() {
    // Windows, `keep` and `nodata` of 10 ms: a horizon of 30.
    let at = |at| settled(&[("s", at)]);
    let first = program(&["s"], vec![Alert { for_ms: 40, ..alert("a") }]);
    let second = program(&["s"], vec![level(alert("a"), 4)]).succeed(&first, &at(100));
    assert_eq!(second.horizon_ms(), 60);
    let third =
        |settled| program(&["s"], vec![level(alert("a"), 5)]).succeed(&second, &at(settled));
    assert_eq!(fate(&third(160), "a"), (i64::MIN, vec![100, 160]));
    let third = third(161);
    assert_eq!(fate(&third, "a"), (i64::MIN, vec![161]));
    let rule = third.rule("a").unwrap();
    let level_at =
        |now| crate::key_thresholds::KeyThresholds::new(rule.wording(now).0, &[]).evaluated(false);
    let want = [(161, 4), (162, 5)].map(|(now, level)| (now, Decimal::from_int(level)));
    assert_eq!([161, 162].map(|now| (now, level_at(now))), want);
    assert_eq!([100, 161, 162].map(|now| rule.next_turn(now)), [Some(162), Some(162), None]);
}
