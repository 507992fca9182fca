//! Checked rules: what the language hands to the engine.
//!
//! Everything here is resolved and typed: names are indices, quantities are base units,
//! defaults are filled in. A [`RuleSet`] that exists is one that can run.

use std::net::IpAddr;
use std::sync::Arc;

use model::decimal::Decimal;
use model::message::{Message, Unit};
use model::schema::Schema;
use model::severity::Severity;
use model::time::Timestamp;

/// All rules of a program.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleSet {
    /// In the order of their names: a stream's index is its rank in the order of events.
    pub streams: Vec<Arc<Schema>>,
    /// In the order of their names.
    pub alerts: Vec<Alert>,
}

/// One alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Its name, part of every episode's identity.
    pub name: String,
    /// How serious it is.
    pub severity: Severity,
    /// When it is true.
    pub trigger: Trigger,
    /// What it is grouped by; each [`Selection`] says which field serves.
    pub by: Vec<KeyPart>,
    /// How long the condition must hold, in milliseconds.
    pub for_ms: i64,
    /// How long the condition must be false before the episode ends, in milliseconds.
    pub keep_ms: i64,
    /// The level that replaces the trigger's while firing.
    pub clear: Option<Decimal>,
    /// How long an unknown value keeps its last truth, in milliseconds.
    pub hold_ms: i64,
    /// The text people read.
    pub message: Message,
    /// Names of the triggering event's fields that the message shows, in the order of
    /// [`Selection::message_fields`].
    pub message_fields: Vec<String>,
    /// Where the procedure is written.
    pub runbook: Option<String>,
    /// Free labels, in the order written.
    pub labels: Vec<(String, String)>,
}

/// A component of an alert's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPart {
    /// The field's name as written.
    pub name: String,
    /// Written `name?`: a missing field is the null key instead of a skipped event.
    pub optional: bool,
}

/// A comparison of a measure with a level.
#[derive(Clone, Debug, PartialEq)]
pub struct Trigger {
    /// What is measured.
    pub measure: Measure,
    /// Its window in milliseconds; for [`Measure::Last`] how long a sample stays known.
    pub window_ms: i64,
    /// The window moves in steps of this many milliseconds; 0 is event by event.
    pub step_ms: i64,
    /// How the measure is compared with the level.
    pub comparison: Comparison,
    /// The level, in base units.
    pub level: Decimal,
    /// Fewer events than this make the measure unknown.
    pub min_events: u64,
    /// What the measure counts, for showing it.
    pub unit: Unit,
}

/// A number over the window of selected events.
#[derive(Clone, Debug, PartialEq)]
pub enum Measure {
    /// Number of events.
    Count(Selection),
    /// Sum of a field.
    Sum(Selection),
    /// Mean of a field.
    Avg(Selection),
    /// Smallest value of a field.
    Min(Selection),
    /// Largest value of a field.
    Max(Selection),
    /// The newest value of a field.
    Last(Selection),
    /// Number of different values of a field.
    Distinct(Selection),
    /// Nearest-rank quantile of a field; the rank is ⌈permille · n / 1000⌉.
    Quantile {
        /// The quantile in thousandths: p99.9 is 999.
        permille: u32,
        /// What is measured.
        of: Selection,
    },
    /// Number of events of the first over that of the second.
    Ratio(Selection, Selection),
}

/// Events of a stream that satisfy a predicate, and what an observation takes from them.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// Index in [`RuleSet::streams`].
    pub stream: usize,
    /// Which events.
    pub predicate: Predicate,
    /// The measured field; `None` for counts. An event without it is not observed.
    pub field: Option<usize>,
    /// The field of each [`Alert::by`] component.
    pub key: Vec<usize>,
    /// The fields a message may show.
    pub message_fields: Vec<usize>,
}

/// A truth about one event. A comparison with a missing field is false in either polarity.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Predicate {
    /// Always.
    True,
    /// All of them.
    And(Vec<Predicate>),
    /// Any of them.
    Or(Vec<Predicate>),
    /// The outcome negated.
    Not(Box<Predicate>),
    /// Two operands of one type compared.
    Compare(Operand, Comparison, Operand),
    /// One of these constants.
    In(Operand, Vec<Constant>),
    /// An address in one of these networks.
    InNetwork(Operand, Vec<Network>),
    /// A text test.
    Text(Operand, TextTest, String),
    /// A text in which a regular expression is found anywhere.
    Matches(Operand, String),
    /// The list field holds the constant.
    ListContains(usize, Constant),
    /// The field is there.
    Exists(usize),
}

/// How a text is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TextTest {
    /// Stands anywhere in it.
    Contains,
    /// It starts with.
    StartsWith,
    /// It ends with.
    EndsWith,
}

/// A value of an event or a constant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Operand {
    /// A field.
    Field(usize),
    /// A text in lower case.
    Lower(Box<Operand>),
    /// Written in the rule.
    Constant(Constant),
    /// Numbers combined; instants subtract to seconds.
    Arithmetic(Box<Operand>, Arithmetic, Box<Operand>),
}

/// An arithmetic operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`; a division by zero is a missing value.
    Divide,
}

/// A constant in base units.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Constant {
    /// Text.
    Text(String),
    /// A number, duration in seconds, fraction or byte size.
    Number(Decimal),
    /// A truth value.
    Bool(bool),
    /// An instant.
    Time(Timestamp),
    /// An address.
    Ip(IpAddr),
}

/// An IPv4 or IPv6 network: an address and the length of its prefix in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    /// Any address of it.
    pub address: IpAddr,
    /// 0 to 32 or 128.
    pub prefix: u8,
}

/// A comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `>=`, 以上
    AtLeast,
    /// `>`, 超
    Above,
    /// `<=`, 以下
    AtMost,
    /// `<`, 未満
    Below,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

impl Comparison {
    /// The ASCII operator.
    pub const fn symbol(self) -> &'static str {
        match self {
            Comparison::AtLeast => ">=",
            Comparison::Above => ">",
            Comparison::AtMost => "<=",
            Comparison::Below => "<",
            Comparison::Equal => "==",
            Comparison::NotEqual => "!=",
        }
    }

    /// Whether an ordering of left and right satisfies it.
    pub fn holds(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Comparison::AtLeast => ordering.is_ge(),
            Comparison::Above => ordering.is_gt(),
            Comparison::AtMost => ordering.is_le(),
            Comparison::Below => ordering.is_lt(),
            Comparison::Equal => ordering.is_eq(),
            Comparison::NotEqual => ordering.is_ne(),
        }
    }

    /// Whether it asks for small values: the low side.
    pub const fn is_low(self) -> bool {
        matches!(self, Comparison::AtMost | Comparison::Below)
    }
}

impl Measure {
    /// The selections it reads: one, or numerator and denominator.
    pub fn selections(&self) -> impl Iterator<Item = &Selection> {
        let (first, second) = match self {
            Measure::Count(of)
            | Measure::Sum(of)
            | Measure::Avg(of)
            | Measure::Min(of)
            | Measure::Max(of)
            | Measure::Last(of)
            | Measure::Distinct(of)
            | Measure::Quantile { of, .. } => (of, None),
            Measure::Ratio(part, whole) => (part, Some(whole)),
        };
        std::iter::once(first).chain(second)
    }
}

impl Trigger {
    /// Whether more events can only turn it on, so that it may be announced early.
    pub fn only_rises(&self) -> bool {
        let rising = matches!(self.comparison, Comparison::AtLeast | Comparison::Above);
        let falling = self.comparison.is_low();
        self.step_ms == 0
            && self.min_events == 0
            && match self.measure {
                Measure::Count(_) | Measure::Distinct(_) | Measure::Max(_) => rising,
                Measure::Min(_) => falling,
                _ => false,
            }
    }
}

impl Alert {
    /// How much of the past decides what happens next, in milliseconds: after a restart the
    /// events of this long before the settled instant are read again.
    pub fn horizon_ms(&self) -> i64 {
        let reach = self.trigger.window_ms.saturating_add(self.trigger.step_ms);
        reach.saturating_add(self.tail_ms())
    }

    /// How long ago what still runs may have begun, in milliseconds: a `for`, `keep` or `hold`.
    pub fn tail_ms(&self) -> i64 {
        self.for_ms.max(self.keep_ms).max(self.hold_ms)
    }
}
