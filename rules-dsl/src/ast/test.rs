//! Tests as written.

use super::expression::Expression;
use super::terminal::{At, Name, Path, Quantity, Quoted};

/// `test ALERT { … }`
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// The alert under test.
    pub alert: Name,
    /// `start "2026-01-05T09:00+09:00"`: when its time 0 is.
    pub start: Option<Quoted>,
    /// In the order written.
    pub steps: Vec<TestStep>,
    /// All of it.
    pub at: At,
}

/// A line of a test.
#[derive(Clone, Debug, PartialEq)]
pub enum TestStep {
    /// `given …`
    Given(Given),
    /// `expect …`
    Expect(Expect),
}

/// `given STREAM { field: value } at 0s every 6s x10 arriving 2s later`
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// The stream.
    pub stream: Name,
    /// Its fields; without an event time, which `at` gives.
    pub fields: Vec<(Path, Value)>,
    /// The first event's time after the start.
    pub moment: Quantity,
    /// `every D xN`: how far apart, and how many.
    pub repeat: Option<(Quantity, u32)>,
    /// `arriving D later`: how long after its own time each is read.
    pub arriving: Option<Quantity>,
    /// Its place.
    pub at: At,
}

/// Value of a field of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `"a"`, `10`: a constant.
    One(Expression),
    /// `["a", "b"]`: constants.
    List(Vec<Expression>),
}

/// `expect fire at 54s { user.name: "a", value: 10 }`
#[derive(Clone, Debug, PartialEq)]
pub struct Expect {
    /// Kind of the expectation.
    pub what: Expected,
    /// Instant, after the start.
    pub moment: Option<Quantity>,
    /// Key components, `value`, `threshold`, `severity`, `since`, `message` …
    pub fields: Vec<(Path, Expression)>,
    /// Its place.
    pub at: At,
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
