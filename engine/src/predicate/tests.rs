use super::*;

fn number(text: &str) -> Decimal {
    Decimal::parse(text).unwrap()
}

fn text(operand: usize, how: TextTest, needle: &str) -> Predicate {
    Predicate::Text(PredicateOperand::Field(operand), how, needle.to_owned())
}

fn compare(field: usize, how: ComparisonOp, constant: ConstantValue) -> Predicate {
    Predicate::Compare(PredicateOperand::Field(field), how, PredicateOperand::Constant(constant))
}

/// Fields: 0 text "Failed", 1 number 503, 2 missing, 3 address, 4 list [a, b], 5 and 6 instants.
fn holds(predicate: &Predicate) -> bool {
    let items = [Value::Text("a"), Value::Text("b")];
    let values = [
        Value::Text("Failed"),
        Value::Number(Decimal::from_int(503)),
        Value::Missing,
        Value::Ip("10.1.2.3".parse().unwrap()),
        Value::List { start: 0, len: 2 },
        Value::Time(Timestamp(5_000)),
        Value::Time(Timestamp(2_500)),
    ];
    let event = Event { time: Timestamp(0), values: &values, items: &items };
    CompiledPredicate::compile(predicate).unwrap().holds(&event)
}

#[test]
fn a_comparison_with_a_missing_field_is_false_in_either_polarity() {
    let equal = compare(2, ComparisonOp::Equal, ConstantValue::Number(number("1")));
    let unequal = compare(2, ComparisonOp::NotEqual, ConstantValue::Number(number("1")));
    assert!(!holds(&equal));
    assert!(!holds(&unequal));
    assert!(holds(&Predicate::Not(Box::new(equal))));
    assert!(!holds(&Predicate::Exists(2)));
    assert!(holds(&Predicate::Exists(0)));
}

#[test]
fn compares_within_a_type_only() {
    let cases = [
        (1, ComparisonOp::AtLeast, ConstantValue::Number(number("500")), true),
        (1, ComparisonOp::Below, ConstantValue::Number(number("503")), false),
        (1, ComparisonOp::Equal, ConstantValue::Text("503".to_owned()), false),
        (0, ComparisonOp::Equal, ConstantValue::Text("Failed".to_owned()), true),
        (0, ComparisonOp::NotEqual, ConstantValue::Text("failed".to_owned()), true),
        (3, ComparisonOp::Equal, ConstantValue::Ip("::ffff:10.1.2.3".parse().unwrap()), true),
    ];
    for (field, how, constant, want) in cases {
        assert_eq!(holds(&compare(field, how, constant.clone())), want, "{field} {how:?}");
    }
}

#[test]
fn tests_texts() {
    let lower = PredicateOperand::Lower(Box::new(PredicateOperand::Field(0)));
    assert!(holds(&text(0, TextTest::StartsWith, "Fail")));
    assert!(holds(&text(0, TextTest::EndsWith, "led")));
    assert!(!holds(&text(0, TextTest::Contains, "LED")));
    assert!(holds(&Predicate::Text(lower, TextTest::Contains, "fail".to_owned())));
    assert!(holds(&Predicate::Matches(PredicateOperand::Field(0), "^F.*d$".to_owned())));
    assert!(!holds(&Predicate::Matches(PredicateOperand::Field(1), ".".to_owned())));
}

#[test]
fn finds_addresses_in_networks() {
    let network = |address: &str, prefix| IpNetwork { address: address.parse().unwrap(), prefix };
    let cases = [
        (network("10.0.0.0", 8), true),
        (network("10.1.2.3", 32), true),
        (network("10.1.2.2", 32), false),
        (network("0.0.0.0", 0), true),
        (network("2001:db8::", 32), false),
        (network("192.168.0.0", 16), false),
    ];
    for (network, want) in cases {
        let predicate = Predicate::InNetwork(PredicateOperand::Field(3), vec![network]);
        assert_eq!(holds(&predicate), want, "{network:?}");
    }
}

#[test]
fn arithmetic_is_missing_where_it_has_no_answer() {
    let field = |index| Box::new(PredicateOperand::Field(index));
    let constant = |text: &str| PredicateOperand::Constant(ConstantValue::Number(number(text)));
    let instants = PredicateOperand::Arithmetic(field(5), ArithmeticOp::Subtract, field(6));
    let by_zero =
        PredicateOperand::Arithmetic(field(1), ArithmeticOp::Divide, Box::new(constant("0")));
    let half =
        PredicateOperand::Arithmetic(field(1), ArithmeticOp::Divide, Box::new(constant("2")));
    assert!(holds(&Predicate::Compare(instants, ComparisonOp::Equal, constant("2.5"))));
    assert!(!holds(&Predicate::Compare(by_zero, ComparisonOp::NotEqual, constant("1"))));
    assert!(holds(&Predicate::Compare(half, ComparisonOp::Equal, constant("251.5"))));
}

#[test]
fn joins_and_sets() {
    let yes = || Predicate::Exists(0);
    let no = || Predicate::Exists(2);
    let in_set = |items: &[&str]| {
        let set = items.iter().map(|item| ConstantValue::Text((*item).to_owned())).collect();
        Predicate::In(PredicateOperand::Field(0), set)
    };
    assert!(!holds(&Predicate::And(vec![yes(), no()])));
    assert!(holds(&Predicate::Or(vec![no(), yes()])));
    assert!(holds(&in_set(&["x", "Failed"])));
    assert!(!holds(&in_set(&[])));
    assert!(holds(&Predicate::ListContains(4, ConstantValue::Text("b".to_owned()))));
    assert!(!holds(&Predicate::ListContains(0, ConstantValue::Text("b".to_owned()))));
}
