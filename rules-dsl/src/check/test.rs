//! `test` statements: events of the streams' types, and claims a transition can meet.

mod messages;

use model::message::DisplayUnit;
use model::schema::{FieldType, Schema};
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::EndReason;

use super::constant::{LengthMinimum, base, events, millis};
use super::kind::ValueType;
use super::predicate::constant;
use super::scope::NameScope;
use super::stream::field_index;
use crate::ast::{self, Expression, FieldPath, Quantity, Statement, TestStep, TestValue};
use crate::diagnostic::Diagnostic;
use crate::rule::{
    Alert, ConstantValue, Expected, ExpectedKind, Given, GivenValue, Test, TestClaim,
};

/// Start of a test without `start`: 2026-01-01T00:00:00Z.
const START: Timestamp = Timestamp(1_767_225_600_000);

/// Checks one test; `None` is reported, or its alert is.
pub(super) fn test(
    scope: &NameScope<'_>,
    alerts: &[Alert],
    test: &ast::Test,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Test> {
    let name = &test.alert;
    match scope.declared.get(name.text.as_str()) {
        Some((Statement::Alert(_) | Statement::Broken(_), _)) => {}
        Some((other, place)) => {
            let word = other.keyword();
            let found = messages::not_an_alert(name.at.0, &name.text, word);
            diagnostics.push(found.related(*place, super::messages::declared_here()));
        }
        None => {
            let alerts = scope
                .declared
                .iter()
                .filter(|(_, (statement, _))| matches!(statement, Statement::Alert(_)));
            let names = alerts.map(|(name, _)| *name);
            let found = super::messages::unknown_name(name.at.0, &name.text);
            diagnostics.push(found.suggest(&name.text, names));
        }
    }
    let start = test.start.as_ref().map_or(Some(START), |written| {
        let read = super::constant::instant(&written.text);
        if read.is_none() {
            diagnostics.push(super::messages::bad_instant(written.at.0, &written.text));
        }
        read
    });
    let given: Vec<Option<Given>> =
        given_steps(test).map(|written| given(scope, written, diagnostics)).collect();
    let of = alerts.iter().find(|alert| alert.name == name.text);
    let mut checked = Vec::new();
    if expect_steps(test).next().is_none() {
        diagnostics.push(messages::no_expectation(name.at.0));
    }
    if let Some(alert) = of {
        let claims = expect_steps(test).map(|written| expected(scope, alert, written, diagnostics));
        checked.extend(claims);
    }
    of?;
    Some(Test {
        alert: name.text.clone(),
        start: start?,
        given: given.into_iter().collect::<Option<_>>()?,
        expected: checked.into_iter().collect::<Option<_>>()?,
        place: test.at.0,
    })
}

fn given_steps(test: &ast::Test) -> impl Iterator<Item = &ast::Given> {
    test.steps.iter().filter_map(|step| match step {
        TestStep::Given(given) => Some(given),
        TestStep::Expect(_) => None,
    })
}

fn expect_steps(test: &ast::Test) -> impl Iterator<Item = &ast::TestExpectation> {
    test.steps.iter().filter_map(|step| match step {
        TestStep::Given(_) => None,
        TestStep::Expect(expect) => Some(expect),
    })
}

fn given(
    scope: &NameScope<'_>,
    written: &ast::Given,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Given> {
    let length = |quantity: &Quantity, diagnostics: &mut Vec<Diagnostic>| {
        millis(quantity, LengthMinimum::Zero, diagnostics)
    };
    let first_ms = length(&written.moment, diagnostics);
    let (every_ms, times) = match &written.repeat {
        Some((apart, times)) => (length(apart, diagnostics), *times),
        None => (Some(0), 1),
    };
    let arriving_ms = written.arriving.as_ref().map_or(Some(0), |delay| length(delay, diagnostics));
    let name = &written.stream;
    let Some((stream, schema)) = scope.stream_named(&name.text) else {
        diagnostics.push(no_stream(scope, name));
        return None;
    };
    let values = values(schema, &written.fields, diagnostics);
    Some(Given {
        stream,
        values: values?,
        first_ms: first_ms?,
        every_ms: every_ms?,
        times,
        arriving_ms: arriving_ms?,
    })
}

fn no_stream(scope: &NameScope<'_>, name: &ast::SpannedName) -> Diagnostic {
    match scope.declared.get(name.text.as_str()) {
        Some((other, place)) => {
            let word = other.keyword();
            let found = messages::not_a_stream(name.at.0, &name.text, word);
            found.related(*place, super::messages::declared_here())
        }
        None => {
            let names = scope.streams.iter().map(|schema| schema.name.as_str());
            super::messages::unknown_name(name.at.0, &name.text).suggest(&name.text, names)
        }
    }
}

/// One value per field of the stream; everything wrong with any of them is reported.
fn values(
    schema: &Schema,
    fields: &[(FieldPath, TestValue)],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<GivenValue>> {
    let mut values = vec![GivenValue::Missing; schema.fields.len()];
    let mut is_whole = true;
    for (path, written) in fields {
        let (name, place) = (path.dotted(), path.at.0);
        let read = field_index(schema, &name, place, diagnostics).and_then(|index| {
            let kind = &schema.fields.get(index)?.kind;
            if index == schema.time {
                diagnostics.push(messages::time_is_given(place, &name));
                return None;
            }
            Some((values.get_mut(index)?, value(schema, kind, path, written, diagnostics)?))
        });
        match read {
            Some((slot @ GivenValue::Missing, value)) => *slot = value,
            Some(_) => {
                diagnostics.push(messages::given_twice(place, &name));
                is_whole = false;
            }
            None => is_whole = false,
        }
    }
    is_whole.then_some(values)
}

fn value(
    schema: &Schema,
    kind: &FieldType,
    path: &FieldPath,
    written: &TestValue,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<GivenValue> {
    match (ValueType::of(kind), written) {
        (ValueType::List(inner), TestValue::List(items)) => {
            let items: Vec<Option<ConstantValue>> =
                items.iter().map(|item| constant(schema, item, &inner, diagnostics)).collect();
            items.into_iter().collect::<Option<_>>().map(GivenValue::List)
        }
        (ValueType::List(_), TestValue::One(_)) | (_, TestValue::List(_)) => {
            let (place, name) = (path.at.0, path.dotted());
            diagnostics.push(match written {
                TestValue::One(_) => messages::list_expected(place, &name),
                TestValue::List(_) => messages::no_list(place, &name),
            });
            None
        }
        (kind, TestValue::One(one)) => {
            constant(schema, one, &kind, diagnostics).map(GivenValue::One)
        }
    }
}

fn expected(
    scope: &NameScope<'_>,
    alert: &Alert,
    written: &ast::TestExpectation,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Expected> {
    let what = match written.what {
        ast::Expected::Fire => ExpectedKind::Fire,
        ast::Expected::Change => ExpectedKind::Change,
        ast::Expected::Again => ExpectedKind::Again,
        ast::Expected::Resolve => ExpectedKind::Resolve,
        ast::Expected::Nothing => ExpectedKind::Nothing,
        ast::Expected::Late(events) => ExpectedKind::Late(u64::from(events)),
    };
    if matches!(what, ExpectedKind::Nothing | ExpectedKind::Late(_))
        && (written.moment.is_some() || !written.fields.is_empty())
    {
        diagnostics.push(messages::nothing_has_no_claims(written.at.0));
        return None;
    }
    let at_ms = match &written.moment {
        None => None,
        Some(moment) => Some(millis(moment, LengthMinimum::Zero, diagnostics)?),
    };
    let claims: Vec<Option<TestClaim>> = written
        .fields
        .iter()
        .map(|(path, value)| claim(scope, alert, path, value, diagnostics))
        .collect();
    let claims = claims.into_iter().collect::<Option<_>>()?;
    let text = crate::print::expectation(written);
    Some(Expected { what, at_ms, claims, text, place: written.at.0 })
}

/// Words of claims, beside the key.
const CLAIMS: [&str; 8] =
    ["value", "threshold", "peak", "count", "severity", "since", "reason", "message"];

fn claim(
    scope: &NameScope<'_>,
    alert: &Alert,
    path: &FieldPath,
    written: &Expression,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<TestClaim> {
    let name = path.dotted();
    let selections = alert.trigger.selections();
    let of = selections.first()?;
    let schema = scope.schema(of.stream)?;
    if let Some(at) = alert.by.iter().position(|part| part.name == name) {
        let kind = ValueType::of(&schema.fields.get(*of.key.get(at)?)?.kind);
        return Some(TestClaim::Key(at, constant(&schema, written, &kind, diagnostics)?));
    }
    let mut measured = || {
        let kind = match alert.unit() {
            DisplayUnit::Number => ValueType::Number,
            DisplayUnit::Percent => ValueType::Percent,
            DisplayUnit::Seconds => ValueType::Duration,
            DisplayUnit::Bytes => ValueType::Bytes,
        };
        match constant(&schema, written, &kind, diagnostics)? {
            ConstantValue::Number(value) => Some(value),
            _ => None,
        }
    };
    match name.as_str() {
        "value" => measured().map(TestClaim::Value),
        "threshold" => measured().map(TestClaim::Threshold),
        "peak" => measured().map(TestClaim::Peak),
        "count" => events(number(path, written, diagnostics)?, diagnostics).map(TestClaim::Count),
        "since" => {
            let since = number(path, written, diagnostics)?;
            millis(since, LengthMinimum::Zero, diagnostics).map(TestClaim::Since)
        }
        "severity" | "reason" | "message" => worded(path, written, diagnostics),
        _ => {
            let keys = alert.by.iter().map(|part| part.name.as_str());
            let known = messages::unknown_claim(path.at.0, &name);
            diagnostics.push(known.suggest(&name, keys.chain(CLAIMS)));
            None
        }
    }
}

fn number<'a>(
    path: &FieldPath,
    written: &'a Expression,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<&'a Quantity> {
    let Expression::Number(number) = written else {
        diagnostics.push(messages::claim_takes_a_number(path.at.0, &path.dotted()));
        return None;
    };
    base(number, diagnostics).map(|_| number)
}

/// A claim whose value is a text in quotes.
fn worded(
    path: &FieldPath,
    written: &Expression,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<TestClaim> {
    let name = path.dotted();
    let text = if let Expression::Quoted(quoted) = written { Some(&quoted.text) } else { None };
    let claim = text.and_then(|text| match name.as_str() {
        "severity" => Severity::from_word(text).map(TestClaim::Severity),
        "reason" => EndReason::from_name(text).map(TestClaim::Reason),
        _ => Some(TestClaim::Message(text.clone())),
    });
    if claim.is_none() {
        diagnostics.push(match name.as_str() {
            "severity" => messages::claimed_severity(path.at.0),
            "reason" => messages::claimed_reason(path.at.0),
            _ => messages::claimed_message(path.at.0),
        });
    }
    claim
}
