//! Tests as written.

use super::expression::Expression;
use super::terminal::{FieldPath, NodeSpan, Quantity, QuotedText, SpannedName};

/// `test ALERT { … }`
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// The alert under test.
    pub alert: SpannedName,
    /// `start "2026-01-05T09:00+09:00"`: when its time 0 is.
    pub start: Option<QuotedText>,
    /// In the order written.
    pub steps: Vec<TestStep>,
    /// All of it.
    pub at: NodeSpan,
}

/// A line of a test.
#[derive(Clone, Debug, PartialEq)]
pub enum TestStep {
    /// `given …`
    Given(Given),
    /// `expect …`
    Expect(TestExpectation),
}

/// `given STREAM { field: value } at 0s every 6s x10 arriving 2s later`
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// The stream.
    pub stream: SpannedName,
    /// Its fields; without an event time, which `at` gives.
    pub fields: Vec<(FieldPath, TestValue)>,
    /// The first event's time after the start.
    pub moment: Quantity,
    /// `every D xN`: how far apart, and how many.
    pub repeat: Option<(Quantity, u32)>,
    /// `arriving D later`: how long after its own time each is read.
    pub arriving: Option<Quantity>,
    /// Its place.
    pub at: NodeSpan,
}

/// Value of a field of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum TestValue {
    /// `"a"`, `10`: a constant.
    One(Expression),
    /// `["a", "b"]`: constants.
    List(Vec<Expression>),
}

/// `expect fire at 54s { user.name: "a", value: 10 }`
#[derive(Clone, Debug, PartialEq)]
pub struct TestExpectation {
    /// Kind of the expectation.
    pub what: Expected,
    /// Instant, after the start.
    pub moment: Option<Quantity>,
    /// Key components, `value`, `threshold`, `severity`, `since`, `message` …
    pub fields: Vec<(FieldPath, Expression)>,
    /// Its place.
    pub at: NodeSpan,
}

/// Kind of an expectation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
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
    /// `late N`: so many events dropped as late.
    Late(u32),
}
