use model::decimal::Decimal;
use model::key::{KeyValue, encode_key};
use model::time::Timestamp;
use rules_dsl::rule::{Predicate, PredicateOperand};

use super::*;
use crate::sample::{rule_set, selection, single};

const HOST: usize = 0;
const LEVEL: usize = 1;

fn of(field: Option<usize>, predicate: Predicate) -> EventSelection {
    EventSelection { predicate, field, message_fields: vec![LEVEL], ..selection(0) }
}

fn alert(name: &str, measure: Measure, optional: bool) -> Alert {
    let mut alert = crate::sample::alert(name);
    single(&mut alert).0.measure = measure;
    (alert.for_ms, alert.keep_ms, alert.hold_ms) = (5, 7, 3);
    alert.by = vec![KeyPart { name: "host".to_owned(), optional }];
    alert.message_fields = vec!["level".to_owned()];
    alert
}

fn program(alerts: Vec<Alert>) -> Program {
    Program::compile(&rule_set(&["s"], alerts)).unwrap()
}

fn observe(
    program: &Program,
    values: &[Value<'_>],
    shards: usize,
) -> (Vec<ObservationBatch>, ObserveCounts) {
    let mut batches = vec![ObservationBatch::default(); shards];
    let mut counts = ObserveCounts::default();
    let origin = EventOrigin { stream: 0, partition: 0, offset: 0, index: 0 };
    let event = Event { time: Timestamp(1), values, items: &[] };
    program.observe(&event, origin, &mut batches, &mut counts);
    (batches, counts)
}

const SEVEN: Value<'_> = Value::Number(Decimal::from_int(7));

#[test]
fn rules_that_want_the_same_share_a_signal() {
    let exists = Predicate::Exists(LEVEL);
    let cases = [
        (of(None, Predicate::True), of(None, Predicate::True), 1),
        (of(None, Predicate::True), of(None, exists.clone()), 2),
        (of(Some(LEVEL), exists.clone()), of(Some(LEVEL), exists.clone()), 1),
        (of(Some(LEVEL), exists.clone()), of(None, exists), 2),
    ];
    let measure = |of: EventSelection| match of.field {
        None => Measure::Count(of),
        Some(_) => Measure::Sum(of),
    };
    for (a, b, signals) in cases {
        let shown = format!("{a:?} {b:?}");
        let alerts = vec![alert("a", measure(a), false), alert("b", measure(b), false)];
        let program = program(alerts);
        assert_eq!(program.signal_count(), signals, "{shown}");
        let (batches, counts) = observe(&program, &[Value::Text("h"), SEVEN], 1);
        assert_eq!((batches[0].rows.len(), counts.observations), (signals, signals as u64));
    }
}

#[test]
fn a_null_key_and_a_required_one_do_not_share() {
    let count = || Measure::Count(of(None, Predicate::True));
    let program = program(vec![alert("a", count(), false), alert("b", count(), true)]);
    let (batches, counts) = observe(&program, &[Value::Missing, SEVEN], 1);
    assert_eq!((counts.skipped_missing_key, counts.observations), (1, 1));
    let row = batches[0].rows[0];
    assert_eq!(batches[0].slice(row.key), encode_key(&[KeyValue::Null]));
}

#[test]
fn what_an_event_lacks_is_counted() {
    let sum = Measure::Sum(of(Some(LEVEL), Predicate::True));
    let program = program(vec![alert("a", sum, false)]);
    let rule = &program.rules()[0];
    let half = Value::Number(Decimal::parse("0.5").unwrap());
    let cases = [
        ([Value::Text("h"), SEVEN], [1, 0, 0]),
        ([Value::Text("h"), Value::Missing], [0, 0, 1]),
        ([Value::Text("h"), Value::Text("7")], [0, 0, 1]),
        ([Value::Missing, SEVEN], [0, 1, 0]),
        // A number that is not whole is no key.
        ([half, SEVEN], [0, 1, 0]),
    ];
    for (values, want) in cases {
        let (batches, got) = observe(&program, &values, 1);
        assert_eq!(got.skipped_of(rule), got.skipped_missing_key, "{values:?}");
        let got = [got.observations, got.skipped_missing_key, got.skipped_missing_value];
        assert_eq!((got, batches[0].rows.len() as u64), (want, want[0]), "{values:?}");
        assert_eq!(batches[0].bytes.is_empty(), want[0] == 0);
    }
}

#[test]
fn a_key_goes_to_the_shard_of_its_group_with_its_bytes() {
    let count = Measure::Count(of(None, Predicate::True));
    let program = program(vec![alert("a", count, false)]);
    let mut met = [0; 3];
    for name in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"] {
        let (batches, _) = observe(&program, &[Value::Text(name), SEVEN], 3);
        let bytes = encode_key(&[KeyValue::Text(name.to_owned())]);
        let owner = shard_of(group_of(key_hash(&bytes)), 3);
        for (index, batch) in batches.iter().enumerate() {
            assert_eq!(batch.rows.len(), usize::from(index == owner), "{name} in {index}");
            assert_eq!(batch.bytes.is_empty(), index != owner);
        }
        let (batch, row) = (&batches[owner], batches[owner].rows[0]);
        assert_eq!((batch.slice(row.key), row.key_hash), (&bytes[..], key_hash(&bytes)));
        assert_eq!(batch.slice(row.fields), encode_key(&[KeyValue::Int(7)]));
        met[owner] += 1;
    }
    assert!(met.iter().all(|keys| *keys > 0), "{met:?}");
}

#[test]
fn different_values_have_different_fingerprints() {
    let distinct = Measure::Distinct(of(Some(LEVEL), Predicate::True));
    let program = program(vec![alert("a", distinct, false)]);
    let print = |value| observe(&program, &[Value::Text("h"), value], 1).0[0].rows[0].value;
    let mapped = Value::Ip("::ffff:192.0.2.1".parse().unwrap());
    assert_eq!(print(mapped), print(Value::Ip("192.0.2.1".parse().unwrap())));
    let values = [SEVEN, Value::Text("7"), Value::Bool(true), Value::Time(Timestamp(7)), mapped];
    for (at, a) in values.iter().enumerate() {
        for b in &values[..at] {
            assert_ne!(print(*a), print(*b), "{a:?} {b:?}");
        }
    }
}

#[test]
fn a_program_knows_its_horizon_and_its_rules() {
    let count = || Measure::Count(of(None, Predicate::True));
    let mut wide = alert("b", count(), false);
    single(&mut wide).0.step_ms = 10;
    let narrow = program(vec![alert("a", count(), false)]);
    let both = program(vec![alert("a", count(), false), wide]);
    assert_eq!((narrow.horizon_ms(), both.horizon_ms()), (20, 30));
    assert_ne!(narrow.hash(), both.hash());
    assert_eq!(narrow.hash(), program(vec![alert("a", count(), false)]).hash());
}

#[test]
fn a_regular_expression_beyond_the_limit_names_its_alert() {
    let huge = Predicate::Matches(PredicateOperand::Field(HOST), "(a{1000}){1000}".to_owned());
    let count = Measure::Count(of(None, huge));
    let rules = rule_set(&["s"], vec![alert("big", count, false)]);
    let error = Program::compile(&rules).unwrap_err().to_string();
    assert!(error.contains("alert big"), "{error}");
}

/// Whoever asks for a rule's signals matches them with its selections.
#[test]
fn signals_stand_in_the_order_of_selections() {
    let of = |stream| selection(stream);
    let mut ratio = crate::sample::alert("a");
    single(&mut ratio).0.measure = Measure::Ratio(of(0), of(1));
    let Trigger::Condition(condition) = ratio.trigger else {
        panic!("the sample is a condition");
    };
    let triggers = [
        Trigger::Condition(condition.clone()),
        Trigger::Any { of: of(2), and: Some(condition) },
        Trigger::Sequence { steps: vec![of(2), of(0), of(1)], first_count: 1, within_ms: 9 },
        Trigger::ThenNot { first: of(1), then: of(0), within_ms: 9 },
    ];
    for trigger in triggers {
        let observed = observed(&trigger).into_iter().map(|(of, _, _)| of);
        assert!(observed.eq(trigger.selections()), "{trigger:?}");
    }
}
