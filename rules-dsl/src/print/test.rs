//! Tests to text.

use std::fmt::Write as _;

use super::expression::expression;
use super::term::{listed, name, path, quantity, quoted};
use crate::ast::{Expected, Given, Test, TestExpectation, TestStep, TestValue};

pub(super) fn test(test: &Test) -> String {
    let mut out = format!("test {} {{\n", name(&test.alert.text));
    // Writing into a String cannot fail.
    if let Some(start) = &test.start {
        let _ = writeln!(out, "  start {}", quoted(&start.text));
    }
    for step in &test.steps {
        let step = match step {
            TestStep::Given(it) => given(it),
            TestStep::Expect(it) => expect(it),
        };
        let _ = writeln!(out, "  {step}");
    }
    out + "}\n"
}

fn given(given: &Given) -> String {
    let fields = listed(&given.fields, |(field, it)| format!("{}: {}", path(field), value(it)));
    let mut out = format!("given {} {{ {fields} }}", name(&given.stream.text));
    let _ = write!(out, " at {}", quantity(&given.moment));
    if let Some((apart, count)) = &given.repeat {
        let _ = write!(out, " every {} x{count}", quantity(apart));
    }
    if let Some(delay) = &given.arriving {
        let _ = write!(out, " arriving {} later", quantity(delay));
    }
    out
}

fn value(value: &TestValue) -> String {
    match value {
        TestValue::One(it) => expression(it),
        TestValue::List(items) => format!("[{}]", listed(items, expression)),
    }
}

/// One line of a test.
pub(crate) fn expect(expect: &TestExpectation) -> String {
    let mut out = match expect.what {
        Expected::Fire => "expect fire".to_owned(),
        Expected::Change => "expect change".to_owned(),
        Expected::Again => "expect again".to_owned(),
        Expected::Resolve => "expect resolve".to_owned(),
        Expected::Nothing => "expect nothing".to_owned(),
        Expected::Late(count) => format!("expect late {count}"),
    };
    if let Some(moment) = &expect.moment {
        let _ = write!(out, " at {}", quantity(moment));
    }
    if !expect.fields.is_empty() {
        let fields =
            listed(&expect.fields, |(field, it)| format!("{}: {}", path(field), expression(it)));
        let _ = write!(out, " {{ {fields} }}");
    }
    out
}
