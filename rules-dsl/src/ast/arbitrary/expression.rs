//! Random terminals and expressions.

use model::decimal::Decimal;
use proptest::prelude::*;

use crate::ast::{
    Expression, FieldPath, MembershipSet, NodeSpan, Quantity, QuotedText, SpannedName,
};
use crate::quantity::UNITS;
use crate::rule::{ArithmeticOp, ComparisonOp, TextTest};

pub(super) fn at() -> NodeSpan {
    NodeSpan::default()
}

pub(super) fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_][a-z0-9_]{0,6}",
        "[ぁ-ん一-龠ァ-ヶ][ぁ-ん一-龠ァ-ヶ0-9]{0,4}",
        "[ -_a-~①㎳]{1,6}".prop_filter("no quote inside", |text| !text.contains('`')),
        prop::sample::select(vec![
            "alert", "by", "low", "緊急", "以上", "min", "then", "in", "p95"
        ])
        .prop_map(str::to_owned),
    ]
}

pub(super) fn name_of() -> BoxedStrategy<SpannedName> {
    word().prop_map(|text| SpannedName { text, at: at() }).boxed()
}

pub(super) fn path_of() -> BoxedStrategy<FieldPath> {
    prop::collection::vec(word(), 1..4)
        .prop_map(|segments| FieldPath { segments, at: at() })
        .boxed()
}

pub(super) fn text_of() -> BoxedStrategy<QuotedText> {
    "[ -~認証\\n\\t①]{0,12}".prop_map(|text| QuotedText { text, at: at() }).boxed()
}

pub(super) fn amount() -> impl Strategy<Value = Quantity> {
    let unit = prop::option::of(0..UNITS.len()).prop_map(|index| index.map(|index| &UNITS[index]));
    let value = prop_oneof![0_i128..1_000, 0_i128..1_000_000_000_000_000];
    (value, unit).prop_map(|(units, unit)| Quantity {
        value: Decimal::from_units(units * 1_000),
        unit,
        at: at(),
    })
}

pub(super) fn length_of_time() -> impl Strategy<Value = Quantity> {
    (1_i64..1_000, 0..14_usize).prop_map(|(count, unit)| Quantity {
        value: Decimal::from_int(count),
        unit: Some(&UNITS[unit]),
        at: at(),
    })
}

pub(super) fn signed() -> impl Strategy<Value = Quantity> {
    (amount(), any::<bool>()).prop_map(|(amount, negative)| {
        let units = amount.value.units();
        let value = Decimal::from_units(if negative { -units } else { units });
        Quantity { value, ..amount }
    })
}

pub(super) fn comparison_of() -> BoxedStrategy<ComparisonOp> {
    use ComparisonOp::{Above, AtLeast, AtMost, Below, Equal, NotEqual};
    prop::sample::select(vec![Above, AtLeast, AtMost, Below, Equal, NotEqual]).boxed()
}

pub(super) fn leaf() -> BoxedStrategy<Expression> {
    prop_oneof![
        path_of().prop_map(Expression::Field),
        path_of().prop_map(Expression::Exists),
        text_of().prop_map(Expression::Quoted),
        signed().prop_map(Expression::Number),
        any::<bool>().prop_map(|value| Expression::Bool(value, at())),
    ]
    .boxed()
}

pub(super) fn literals() -> BoxedStrategy<Vec<Expression>> {
    let literal = prop_oneof![
        text_of().prop_map(Expression::Quoted),
        signed().prop_map(Expression::Number),
        any::<bool>().prop_map(|value| Expression::Bool(value, at())),
    ];
    prop::collection::vec(literal, 1..4).boxed()
}

pub(super) fn expression_of() -> BoxedStrategy<Expression> {
    use ArithmeticOp::{Add, Divide, Multiply, Subtract};
    use TextTest::{Contains, EndsWith, StartsWith};
    leaf()
        .prop_recursive(4, 24, 3, |inner| {
            let boxed = || inner.clone().prop_map(Box::new);
            let operator = prop::sample::select(vec![Add, Subtract, Multiply, Divide]);
            let test = prop::sample::select(vec![Contains, StartsWith, EndsWith]);
            let set = prop_oneof![
                literals().prop_map(MembershipSet::Literals),
                prop::collection::vec(text_of(), 1..3).prop_map(MembershipSet::Networks),
                name_of().prop_map(MembershipSet::List),
            ];
            prop_oneof![
                prop::collection::vec(inner.clone(), 2..4).prop_map(Expression::And),
                prop::collection::vec(inner.clone(), 2..4).prop_map(Expression::Or),
                boxed().prop_map(|inner| Expression::Not(inner, at())),
                boxed().prop_map(|inner| Expression::Lower(inner, at())),
                (boxed(), comparison_of(), boxed())
                    .prop_map(|(a, c, b)| Expression::Compare(a, c, b)),
                (boxed(), operator, boxed()).prop_map(|(a, o, b)| Expression::Arithmetic(a, o, b)),
                (boxed(), test, boxed()).prop_map(|(a, t, b)| Expression::Text(a, t, b)),
                (boxed(), text_of()).prop_map(|(a, regex)| Expression::Matches(a, regex)),
                (boxed(), any::<bool>(), set).prop_map(|(value, negated, set)| Expression::In {
                    value,
                    negated,
                    set
                }),
            ]
        })
        .boxed()
}
