use model::decimal::Decimal;
use model::time::Timestamp;
use proptest::prelude::*;
use rules_dsl::rule::{PredicateOperand, TextTest};

use super::*;

const FIELDS: usize = 3;

fn texts() -> impl Strategy<Value = String> {
    (0..7_u8).prop_map(|letter| char::from(b'a' + letter).to_string())
}

fn addresses() -> impl Strategy<Value = std::net::IpAddr> {
    prop::sample::select(vec!["10.0.0.1", "::ffff:10.0.0.1", "10.0.0.2", "2001:db8::1"])
        .prop_map(|address| address.parse().unwrap())
}

fn constants() -> impl Strategy<Value = ConstantValue> {
    prop_oneof![
        6 => texts().prop_map(ConstantValue::Text),
        2 => (0..7_i64).prop_map(|number| ConstantValue::Number(Decimal::from_int(number))),
        1 => any::<bool>().prop_map(ConstantValue::Bool),
        1 => (0..7_i64).prop_map(|time| ConstantValue::Time(Timestamp(time))),
        1 => addresses().prop_map(ConstantValue::Ip),
    ]
}

/// Conditions about few fields and few constants, so that filters share them and events
/// often satisfy some.
fn conditions() -> impl Strategy<Value = Predicate> {
    let how = prop::sample::select(vec![
        ComparisonOp::Equal,
        ComparisonOp::Equal,
        ComparisonOp::Equal,
        ComparisonOp::NotEqual,
        ComparisonOp::AtLeast,
    ]);
    prop_oneof![
        8 => (0..FIELDS, how, constants()).prop_map(|(field, how, constant)| {
            let [left, right] =
                [PredicateOperand::Field(field), PredicateOperand::Constant(constant)];
            Predicate::Compare(left, how, right)
        }),
        1 => (0..FIELDS).prop_map(Predicate::Exists),
        1 => (0..FIELDS, texts()).prop_map(|(field, text)| {
            Predicate::Text(PredicateOperand::Field(field), TextTest::StartsWith, text)
        }),
        1 => Just(Predicate::True),
    ]
}

fn filters() -> impl Strategy<Value = Predicate> {
    conditions().prop_recursive(3, 12, 3, |inner| {
        let parts = prop::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            4 => parts.clone().prop_map(Predicate::And),
            1 => parts.prop_map(Predicate::Or),
            1 => inner.prop_map(|part| Predicate::Not(Box::new(part))),
        ]
    })
}

fn tree(filters: &[Predicate]) -> (FilterTree, Vec<usize>) {
    let mut drafts = FilterTreeBuilder::default();
    let ids = filters.iter().map(|filter| drafts.add(filter).unwrap()).collect();
    (drafts.grow(), ids)
}

/// Ids of what the tree finds, in the order of the ids.
fn found(tree: &FilterTree, values: &[Option<ConstantValue>]) -> Vec<usize> {
    let values: Vec<_> =
        values.iter().map(|v| v.as_ref().map_or(Value::Missing, ConstantValue::as_value)).collect();
    let event = Event { time: Timestamp(0), values: &values, items: &[] };
    let mut found = Vec::new();
    tree.each(&event, &mut |filter| found.push(filter));
    found.sort_unstable();
    found
}

proptest! {
    #[test]
    fn the_tree_finds_what_trying_every_filter_finds(
        filters in prop::collection::vec(filters(), 0..40),
        events in prop::collection::vec(
            prop::collection::vec(prop::option::weighted(0.9, constants()), FIELDS), 8),
    ) {
        let (tree, ids) = tree(&filters);
        let compile = |filter| CompiledPredicate::compile(filter).unwrap();
        let tests: Vec<_> = filters.iter().map(compile).collect();
        for values in events {
            let known = values.iter().map(Option::as_ref);
            let lent: Vec<_> =
                known.map(|v| v.map_or(Value::Missing, ConstantValue::as_value)).collect();
            let event = Event { time: Timestamp(0), values: &lent, items: &[] };
            let holding = ids.iter().zip(&tests).filter(|(_, test)| test.holds(&event));
            let mut want: Vec<usize> = holding.map(|(id, _)| *id).collect();
            want.sort_unstable();
            want.dedup();
            prop_assert_eq!(found(&tree, &values), want, "{:?}", values);
        }
    }
}

#[test]
fn filters_share_what_they_have_in_common() {
    let is = |field, text: &str| {
        let constant = PredicateOperand::Constant(ConstantValue::Text(text.to_owned()));
        Predicate::Compare(PredicateOperand::Field(field), ComparisonOp::Equal, constant)
    };
    // Written in different orders, with a shared condition that cannot be looked up.
    let about =
        |name: String| Predicate::And(vec![Predicate::Exists(2), is(1, &name), is(0, "login")]);
    let filters: Vec<_> = (0..100).map(|number| about(format!("user-{number}"))).collect();
    let (tree, _) = tree(&filters);
    let [login] = &tree.root.fields[..] else { panic!("{:?}", tree.root) };
    assert!((login.field, login.nodes.len()) == (0, 1) && tree.root.others.is_empty());
    let [users] = &login.nodes[0].1.fields[..] else { panic!("{login:?}") };
    assert_eq!((users.field, users.nodes.len(), users.table.len()), (1, 100, 100));
    assert_eq!(tree.tests.len(), 102, "a condition is compiled once");
    let text = |text: &str| Some(ConstantValue::Text(text.to_owned()));
    assert_eq!(found(&tree, &[text("login"), text("user-42"), text("x")]), [42]);
    assert!(found(&tree, &[text("login"), text("user-42"), None]).is_empty());
    assert!(found(&tree, &[text("logout"), text("user-42"), text("x")]).is_empty());
}
