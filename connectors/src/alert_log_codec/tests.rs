use std::net::IpAddr;

use model::decimal::Decimal;
use model::key::KeyValue;
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::{EndReason, EpisodeId};
use proptest::prelude::*;

use super::*;

fn sample() -> Transition {
    Transition {
        kind: TransitionKind::Firing,
        facts: AlertFacts {
            alert: "認証失敗多発".to_owned(),
            severity: Severity::Critical,
            key: vec![("user.name".to_owned(), KeyValue::Text("a".to_owned()))],
            at: Timestamp(1_767_225_654_000),
            since: Timestamp(1_767_225_654_000),
        },
        measured: Measurement {
            value: Some(Decimal::from_int(10)),
            threshold: Some(Decimal::from_int(10)),
        },
        peak: None,
        reason: None,
        episode: EpisodeId(0xab),
        count: 10,
        fields: Vec::new(),
        tops: Vec::new(),
    }
}

fn line(transition: &Transition, message: &str, form: LineForm) -> String {
    let mut out = Vec::new();
    write_transition(&mut out, transition, message, form);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_line_is_the_contracts_to_the_letter() {
    assert_eq!(
        line(&sample(), "a: 10回", LineForm::Replay),
        concat!(
            r#"{"kind":"firing","alert":"認証失敗多発","severity":"critical","level":1,"#,
            r#""key":{"user.name":"a"},"at":"2026-01-01T00:00:54Z","#,
            r#""since":"2026-01-01T00:00:54Z","#,
            r#""value":10,"threshold":10,"episode":"000000000000000000000000000000ab","#,
            r#""message":"a: 10回"}"#
        )
    );
    let resolved = Transition {
        kind: TransitionKind::Resolved,
        facts: AlertFacts {
            severity: Severity::Low,
            key: vec![
                ("z".to_owned(), KeyValue::Null),
                ("b".to_owned(), KeyValue::Int(-1)),
                ("c".to_owned(), KeyValue::Bool(true)),
                ("d".to_owned(), KeyValue::Ip("::1".parse().unwrap())),
            ],
            at: Timestamp(1_767_225_654_005),
            ..sample().facts
        },
        measured: Measurement { value: None, threshold: Some(Decimal::parse("0.05").unwrap()) },
        peak: Some(Decimal::parse("-0.000000001").unwrap()),
        reason: Some(EndReason::NoData),
        ..sample()
    };
    assert_eq!(
        line(&resolved, "\"\\\n\r\t\u{1}", LineForm::Replay),
        concat!(
            r#"{"kind":"resolved","alert":"認証失敗多発","severity":"low","level":4,"#,
            r#""key":{"z":null,"b":-1,"c":true,"d":"::1"},"at":"2026-01-01T00:00:54.005Z","#,
            r#""since":"2026-01-01T00:00:54Z","value":null,"threshold":0.05,"#,
            r#""peak":-0.000000001,"reason":"no data","#,
            r#""episode":"000000000000000000000000000000ab","message":"\"\\\n\r\t\u0001"}"#
        )
    );
    let log = line(&sample(), "", LineForm::Log);
    let tail = r#""message":"","count":10,"key_bytes":"010100000061"}"#;
    assert!(log.ends_with(tail), "{log}");
}

#[test]
fn what_is_no_transition_is_refused_by_name() {
    let good = line(&sample(), "m", LineForm::Log);
    assert!(read_record(good.as_bytes()).is_ok());
    for (from, to, names) in [
        ("firing", "fires", "`kind` cannot be `fires`"),
        ("critical", "dire", "`severity`"),
        ("00:00:54Z", "00:00:54", "`at`"),
        ("\"value\":10", "\"value\":1e30", "`value` cannot be `1e30`"),
        ("\"value\":10", "\"value\":\"x\"", "`value`"),
        ("0101", "0701", "`key_bytes`"),
        ("\"key_bytes\":\"0", "\"key_bytes\":\"", "`key_bytes`"),
        ("\"key\":{", "\"key\":{\"extra\":1,", "`key_bytes`"),
        ("\"alert\"", "\"name\"", "missing field `alert`"),
        ("0ab\"", "0a\"", "`episode`"),
        ("}", "", "column"),
    ] {
        let line = good.replacen(from, to, 1);
        let error = read_record(line.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(names), "{line}: {error}");
    }
    assert!(read_record(b"\xff").is_err());
}

#[test]
fn without_the_exact_key_an_address_is_text() {
    let mut transition = sample();
    let address: IpAddr = "203.0.113.9".parse().unwrap();
    transition.facts.key = vec![("src.ip".to_owned(), KeyValue::Ip(address))];
    let read = |form| match read_record(line(&transition, "", form).as_bytes()) {
        Ok(AlertRecord::Transition(read, _)) => (read.facts.key[0].1.clone(), read.count),
        other => panic!("{other:?}"),
    };
    assert_eq!(read(LineForm::Log), (KeyValue::Ip(address), 10));
    assert_eq!(read(LineForm::Replay), (KeyValue::Text("203.0.113.9".to_owned()), 0));
}

fn any_key_value() -> impl Strategy<Value = KeyValue> {
    prop_oneof![
        Just(KeyValue::Null),
        any::<String>().prop_map(KeyValue::Text),
        any::<i64>().prop_map(KeyValue::Int),
        any::<bool>().prop_map(KeyValue::Bool),
        any::<[u8; 4]>().prop_map(|octets| KeyValue::Ip(IpAddr::from(octets))),
        any::<[u16; 8]>().prop_map(|words| KeyValue::Ip(IpAddr::from(words).to_canonical())),
    ]
}

fn any_transition() -> impl Strategy<Value = Transition> {
    let number = || {
        let units =
            -100_000_000_000_000_000_000_000_000_000_i128..=100_000_000_000_000_000_000_000_000_000;
        proptest::option::of(units.prop_map(Decimal::from_units))
    };
    let time = || (Timestamp::EARLIEST.0..=Timestamp::LATEST.0).prop_map(Timestamp);
    let key = proptest::collection::vec((any::<String>(), any_key_value()), 0..4);
    let kinds = proptest::sample::select(vec!["resolved", "firing", "changed", "again"]);
    let names = (kinds, any::<String>(), 0..4_usize, any::<bool>());
    let numbers = (number(), number(), number(), any::<u64>(), any::<u128>());
    (names, key, time(), time(), numbers).prop_map(|(names, key, at, since, numbers)| {
        let kind = TransitionKind::from_name(names.0).unwrap();
        let resolved = kind == TransitionKind::Resolved;
        let reason = if names.3 { EndReason::Cleared } else { EndReason::NoData };
        Transition {
            kind,
            facts: AlertFacts { alert: names.1, severity: Severity::ALL[names.2], key, at, since },
            measured: Measurement { value: numbers.0, threshold: numbers.1 },
            peak: numbers.2.filter(|_| resolved),
            reason: resolved.then_some(reason),
            episode: EpisodeId(numbers.4),
            count: numbers.3,
            fields: Vec::new(),
            tops: Vec::new(),
        }
    })
}

proptest! {
    #[test]
    fn the_log_form_survives_the_round_trip(transition in any_transition(), message: String) {
        let text = line(&transition, &message, LineForm::Log);
        prop_assert!(!text.contains(['\n', '\r']));
        let expected = AlertRecord::Transition(transition.clone(), message.clone());
        prop_assert_eq!(read_record(text.as_bytes()).unwrap(), expected);

        let Transition { facts, measured, episode, count, .. } = transition;
        // An early alert knows only its own instant.
        let facts = AlertFacts { since: facts.at, ..facts };
        let early = EarlyAlert { facts, measured, episode, count, fields: Vec::new() };
        let mut out = Vec::new();
        write_early(&mut out, &early, &message, LineForm::Log);
        prop_assert_eq!(read_record(&out).unwrap(), AlertRecord::Early(early, message));
    }

    #[test]
    fn the_replay_form_is_json(transition in any_transition(), message: String) {
        let text = line(&transition, &message, LineForm::Replay);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(value["message"].as_str(), Some(message.as_str()));
        prop_assert_eq!(value["alert"].as_str(), Some(transition.facts.alert.as_str()));
        prop_assert_eq!(value.get("reason").is_some(), transition.reason.is_some());
    }
}
