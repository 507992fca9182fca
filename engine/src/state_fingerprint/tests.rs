use std::sync::Arc;

use model::calendar::Calendar;
use model::decimal::Decimal;
use model::message::{DisplayUnit, MessagePart};
use model::schema::{Extract, Field, FieldType, Pattern, PatternPart};
use model::severity::Severity;
use rules_dsl::rule::{
    Compare, During, IpNetwork, KeyPart, SeverityLevel, ThresholdOverrides, TopField,
};

use super::*;
use crate::sample::{alert, condition, rule_set, selection, single};

/// Streams `s` and `t` of a text, a number and a text that a pattern fills.
fn rules(alert: Alert) -> RuleSet {
    let mut rules = rule_set(&["s", "t"], vec![alert]);
    for schema in &mut rules.streams {
        let field = |(name, kind): (&str, FieldType)| Field {
            name: name.to_owned(),
            path: name.to_owned(),
            kind,
        };
        let fields =
            [("host", FieldType::Str), ("level", FieldType::Float), ("user", FieldType::Str)];
        let schema = Arc::make_mut(schema);
        schema.fields = fields.map(field).into();
        let parts = vec![PatternPart::Literal("by ".to_owned()), PatternPart::Hole(2)];
        let patterns = vec![Pattern { parts, sets: Vec::new() }];
        schema.extracts = vec![Extract { source: 0, patterns }];
    }
    rules
}

fn hash(rules: &RuleSet) -> u128 {
    StreamFacts::new(rules).stateful_hash(&rules.alerts[0], false)
}

type RuleEdit = (&'static str, fn(&mut RuleSet));

#[track_caller]
fn check(base: &Alert, keeps: &[RuleEdit], ends: &[RuleEdit]) {
    let before = rules(base.clone());
    for (edits, keeps) in [(keeps, true), (ends, false)] {
        for (name, edit) in edits {
            let mut after = before.clone();
            edit(&mut after);
            assert_ne!(before, after, "{name}: nothing was edited");
            assert_eq!(hash(&before) == hash(&after), keeps, "{name}");
        }
    }
}

fn first(rules: &mut RuleSet) -> &mut Alert {
    &mut rules.alerts[0]
}

fn measured(rules: &mut RuleSet) -> &mut Window {
    single(first(rules)).0
}

fn compared(rules: &mut RuleSet) -> &mut Compare {
    single(first(rules)).1
}

fn selected(rules: &mut RuleSet) -> &mut EventSelection {
    match &mut measured(rules).measure {
        Measure::Avg(of) => of,
        _ => panic!("the sample is an average"),
    }
}

fn stream(rules: &mut RuleSet) -> &mut Schema {
    Arc::make_mut(&mut rules.streams[0])
}

fn texts(texts: &[&str]) -> Vec<ConstantValue> {
    texts.iter().map(|text| ConstantValue::Text((*text).to_owned())).collect()
}

const ONE: Decimal = Decimal::ONE;

#[test]
fn what_evaluates_keeps_the_state_and_what_makes_it_does_not() {
    let mut base = alert("a");
    let of = EventSelection { field: Some(1), ..selection(0) };
    let hosts = Predicate::In(PredicateOperand::Field(0), texts(&["a", "b"]));
    base.trigger =
        Trigger::Condition(condition(Measure::Avg(EventSelection { predicate: hosts, ..of }), 3));
    let keeps: [RuleEdit; 23] = [
        ("message", |r| first(r).message.parts = vec![MessagePart::Count]),
        ("fields of the message", |r| {
            first(r).message_fields = vec!["user".to_owned()];
            selected(r).message_fields = vec![2];
        }),
        ("commonest values", |r| first(r).tops = vec![TopField { field: 0, most: 3 }]),
        ("severity", |r| first(r).severity = Severity::Low),
        ("threshold", |r| compared(r).level = ONE),
        ("unit", |r| compared(r).unit = DisplayUnit::Percent),
        ("ladder", |r| {
            first(r).rungs = vec![SeverityLevel { severity: Severity::Critical, level: ONE }]
        }),
        ("levels of keys", |r| {
            first(r).overrides = Some(ThresholdOverrides { key: 0, rows: vec![] })
        }),
        ("clear", |r| first(r).clear = Some(ONE)),
        ("for", |r| first(r).for_ms = 5),
        ("keep", |r| first(r).keep_ms = 5),
        ("nodata", |r| first(r).hold_ms = 5),
        ("during", |r| {
            let calendar = Arc::new(Calendar::default());
            first(r).during = Some(During { calendar, inside: false });
        }),
        ("notify each", |r| first(r).notify_each = true),
        ("shadow", |r| first(r).is_shadow = true),
        ("limit", |r| first(r).keys_max = Some(7)),
        ("runbook", |r| first(r).runbook = Some("https://example".to_owned())),
        ("labels", |r| first(r).labels = vec![("team".to_owned(), "web".to_owned())]),
        ("the order of a list", |r| {
            selected(r).predicate =
                Predicate::In(PredicateOperand::Field(0), texts(&["b", "a", "b"]));
        }),
        ("a field declared before those in use", |r| {
            let schema = stream(r);
            let new = Field { name: "new".to_owned(), ..schema.fields[0].clone() };
            schema.fields.insert(0, new);
            schema.time += 1;
            schema.extracts[0].source += 1;
            schema.extracts[0].patterns[0].parts[1] = PatternPart::Hole(3);
            let of = selected(r);
            of.predicate = Predicate::In(PredicateOperand::Field(1), texts(&["a", "b"]));
            (of.field, of.key) = (Some(2), vec![1]);
        }),
        ("another stream's lateness", |r| Arc::make_mut(&mut r.streams[1]).lateness_ms = 9),
        ("a stream before it", |r| {
            let new = Schema { name: "r".to_owned(), ..(*r.streams[0]).clone() };
            r.streams.insert(0, Arc::new(new));
            selected(r).stream = 1;
        }),
        ("another rule", |r| r.alerts.push(alert("b"))),
    ];
    let ends: [RuleEdit; 21] = [
        ("the type of a pattern's field", |r| stream(r).fields[2].kind = FieldType::Bytes),
        ("stream", |r| selected(r).stream = 1),
        ("the stream's topic", |r| stream(r).input = "other".to_owned()),
        ("codec", |r| stream(r).codec = model::schema::Codec::Logfmt),
        ("lateness", |r| stream(r).lateness_ms = 7),
        ("id", |r| stream(r).id = Some(2)),
        ("time", |r| stream(r).time = 1),
        ("pattern", |r| {
            stream(r).extracts[0].patterns[0].parts[0] = PatternPart::Literal("of ".to_owned());
        }),
        ("the measured field's path", |r| stream(r).fields[1].path = "lv".to_owned()),
        ("the key field's type", |r| stream(r).fields[0].kind = FieldType::Int),
        ("where", |r| selected(r).predicate = Predicate::True),
        ("the contents of a list", |r| {
            selected(r).predicate = Predicate::In(PredicateOperand::Field(0), texts(&["a", "c"]));
        }),
        ("measured field", |r| selected(r).field = Some(0)),
        ("key field", |r| selected(r).key = vec![2]),
        ("by", |r| first(r).by = vec![KeyPart { name: "user".to_owned(), optional: false }]),
        ("an optional key", |r| first(r).by[0].optional = true),
        ("measure", |r| measured(r).measure = Measure::Max(selected(r).clone())),
        ("window", |r| measured(r).window_ms = 20),
        ("step", |r| measured(r).step_ms = 5),
        ("fewest events", |r| measured(r).min_events = 2),
        ("comparison", |r| compared(r).comparison = ComparisonOp::Below),
    ];
    check(&base, &keeps, &ends);
}

#[test]
fn every_kind_of_trigger_has_its_own_state() {
    let (of, then) = (selection(0), selection(1));
    let within_ms = 5;
    let absent = |roster| Trigger::Absent { of: of.clone(), within_ms, roster };
    let new = |fields: &[usize], learn_ms, values_max| Trigger::New {
        of: of.clone(),
        fields: fields.to_vec(),
        within_ms,
        learn_ms,
        values_max,
    };
    let condition = |level| condition(Measure::Count(of.clone()), level);
    let sequence = |first_count| {
        let steps = vec![of.clone(), then.clone()];
        Trigger::Sequence { steps, first_count, within_ms }
    };
    let quantile = |permille| {
        let measure = Measure::Quantile { permille, of: of.clone() };
        Trigger::Condition(crate::sample::condition(measure, 1))
    };
    let predicate = |predicate| {
        let of = EventSelection { predicate, ..of.clone() };
        Trigger::Any { of, and: None }
    };
    let text =
        |test, text: &str| Predicate::Text(PredicateOperand::Field(0), test, text.to_owned());
    let network = |prefix| {
        let network = IpNetwork { address: [10, 0, 0, 0].into(), prefix };
        Predicate::InNetwork(PredicateOperand::Field(0), vec![network])
    };
    let lower = PredicateOperand::Lower(Box::new(PredicateOperand::Field(0)));
    let triggers = [
        Trigger::Condition(condition(1)),
        Trigger::Any { of: of.clone(), and: None },
        Trigger::Any { of: of.clone(), and: Some(condition(1)) },
        sequence(1),
        sequence(2),
        Trigger::ThenNot { first: of.clone(), then: then.clone(), within_ms },
        Trigger::ThenNot { first: then.clone(), then: of.clone(), within_ms },
        absent(AbsenceRoster::Whole),
        absent(AbsenceRoster::Seen(9)),
        absent(AbsenceRoster::Seen(10)),
        absent(AbsenceRoster::Listed(texts(&["a"]))),
        absent(AbsenceRoster::Listed(texts(&["a", "b"]))),
        new(&[0], 0, 9),
        new(&[0, 1], 0, 9),
        new(&[0], 1, 9),
        new(&[0], 0, 8),
        quantile(500),
        quantile(990),
        Trigger::Condition(crate::sample::condition(Measure::Ratio(of.clone(), then.clone()), 1)),
        Trigger::Condition(crate::sample::condition(Measure::Ratio(then.clone(), of.clone()), 1)),
        predicate(Predicate::Not(Box::new(Predicate::True))),
        predicate(Predicate::And(vec![Predicate::Exists(0)])),
        predicate(Predicate::Or(vec![Predicate::Exists(0)])),
        predicate(Predicate::Exists(0)),
        predicate(Predicate::Exists(1)),
        predicate(text(TextTest::Contains, "a")),
        predicate(text(TextTest::EndsWith, "a")),
        predicate(text(TextTest::EndsWith, "b")),
        predicate(Predicate::Matches(PredicateOperand::Field(0), "a".to_owned())),
        predicate(Predicate::Matches(lower, "a".to_owned())),
        predicate(network(8)),
        predicate(network(9)),
        predicate(Predicate::ListContains(0, ConstantValue::Bool(true))),
        predicate(Predicate::ListContains(0, ConstantValue::Bool(false))),
    ];
    let hashes = triggers
        .iter()
        .map(|trigger| hash(&rules(Alert { trigger: trigger.clone(), ..alert("a") })));
    let mut hashes: Vec<u128> = hashes.collect();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), triggers.len());
    // What it is compared with is none of it, wherever the comparison stands.
    let any = |level| Trigger::Any { of: of.clone(), and: Some(condition(level)) };
    let of_level = |level| hash(&rules(Alert { trigger: any(level), ..alert("a") }));
    assert_eq!(of_level(1), of_level(2));
    // A roster is a set, and a watch is no alert.
    let listed = |names: &[&str]| {
        let trigger = absent(AbsenceRoster::Listed(texts(names)));
        hash(&rules(Alert { trigger, ..alert("a") }))
    };
    assert_eq!(listed(&["a", "b"]), listed(&["b", "a"]));
    let facts = StreamFacts::new(&rules(alert("a")));
    let alert = alert("a");
    assert_ne!(facts.stateful_hash(&alert, true), facts.stateful_hash(&alert, false));
}
