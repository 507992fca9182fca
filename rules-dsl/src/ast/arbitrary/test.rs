use proptest::prelude::*;

use super::expression::{amount, at, length_of_time, literals, name_of, path_of, text_of};
use crate::ast::{
    Expected, Expression, FieldPath, Given, Statement, Test, TestExpectation, TestStep, TestValue,
};

fn literal_of() -> BoxedStrategy<Expression> {
    literals().prop_map(|mut literals| literals.remove(0)).boxed()
}

fn given_of() -> BoxedStrategy<TestStep> {
    let value =
        prop_oneof![literal_of().prop_map(TestValue::One), literals().prop_map(TestValue::List),];
    let fields = prop::collection::vec((path_of(), value), 0..3);
    let repeat = prop::option::of((length_of_time(), 1_u32..1_000_000));
    (name_of(), fields, length_of_time(), repeat, prop::option::of(length_of_time()))
        .prop_map(|(stream, fields, moment, repeat, arriving)| {
            TestStep::Given(Given { stream, fields, moment, repeat, arriving, at: at() })
        })
        .boxed()
}

fn expect_of() -> BoxedStrategy<TestStep> {
    let what = prop_oneof![
        Just(Expected::Fire),
        Just(Expected::Change),
        Just(Expected::Again),
        Just(Expected::Resolve),
        Just(Expected::Nothing),
        any::<u32>().prop_map(Expected::Late),
    ];
    let fields = prop::collection::vec((path_of(), literal_of()), 0..3);
    (what, prop::option::of(amount()), fields)
        .prop_map(|(what, moment, fields): (_, _, Vec<(FieldPath, Expression)>)| {
            TestStep::Expect(TestExpectation { what, moment, fields, at: at() })
        })
        .boxed()
}

pub(super) fn test_of() -> BoxedStrategy<Statement> {
    let step = prop_oneof![given_of(), expect_of()];
    (name_of(), prop::option::of(text_of()), prop::collection::vec(step, 0..4))
        .prop_map(|(alert, start, steps)| Statement::Test(Test { alert, start, steps, at: at() }))
        .boxed()
}
