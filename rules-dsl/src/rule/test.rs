//! Checked tests: the events given to an alert, and its expected output.

use model::decimal::Decimal;
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::EndReason;

use super::predicate::ConstantValue;
use crate::source::SourceSpan;

/// One `test` statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// The alert under test.
    pub alert: String,
    /// The instant its times count from.
    pub start: Timestamp,
    /// In the order written.
    pub given: Vec<Given>,
    /// In the order written.
    pub expected: Vec<Expected>,
    /// Its place.
    pub place: SourceSpan,
}

/// Events of one stream that differ only in their times.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// Index in [`super::RuleSet::streams`].
    pub stream: usize,
    /// One per declared field; the event time is given apart.
    pub values: Vec<GivenValue>,
    /// Instant of the first one, in milliseconds after the start.
    pub first_ms: i64,
    /// Time between two of them, in milliseconds.
    pub every_ms: i64,
    /// Number of them.
    pub times: u32,
    /// Time from the event until it is read, in milliseconds.
    pub arriving_ms: i64,
}

/// The value of one field of a given event.
#[derive(Clone, Debug, PartialEq)]
pub enum GivenValue {
    /// Not written.
    Missing,
    /// Of the field's type.
    One(ConstantValue),
    /// Of a list field.
    List(Vec<ConstantValue>),
}

/// Expected transition of a test, or a claim about all of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// Kind of the expectation.
    pub what: ExpectedKind,
    /// Instant, in milliseconds after the start; at any instant when not written.
    pub at_ms: Option<i64>,
    /// Claims about the transition.
    pub claims: Vec<TestClaim>,
    /// As rules write it.
    pub text: String,
    /// Its place.
    pub place: SourceSpan,
}

/// Kind of an expectation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedKind {
    /// A `firing`.
    Fire,
    /// A `changed`.
    Change,
    /// An `again`.
    Again,
    /// A `resolved`.
    Resolve,
    /// No transition at all.
    Nothing,
    /// Number of events dropped as late.
    Late(u64),
}

/// Claim about an expected transition.
#[derive(Clone, Debug, PartialEq)]
pub enum TestClaim {
    /// A component of the key, by its place in [`super::Alert::by`].
    Key(usize, ConstantValue),
    /// The value, in base units.
    Value(Decimal),
    /// The level met, in base units.
    Threshold(Decimal),
    /// The furthest value, in base units.
    Peak(Decimal),
    /// Events in the window.
    Count(u64),
    /// The severity.
    Severity(Severity),
    /// Instant since which the condition held, in milliseconds after the start.
    Since(i64),
    /// Reason of its end.
    Reason(EndReason),
    /// Full text of the message.
    Message(String),
}
