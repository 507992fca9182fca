//! Predicates over single events, and the values they compare.

use std::net::IpAddr;

use model::decimal::Decimal;
use model::event::Value;
use model::time::Timestamp;

/// Predicate over one event. A comparison with a missing field is false in either polarity.
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
    Compare(PredicateOperand, ComparisonOp, PredicateOperand),
    /// One of these constants.
    In(PredicateOperand, Vec<ConstantValue>),
    /// An address in one of these networks.
    InNetwork(PredicateOperand, Vec<IpNetwork>),
    /// A text test.
    Text(PredicateOperand, TextTest, String),
    /// A text in which a regular expression is found anywhere.
    Matches(PredicateOperand, String),
    /// The list field holds the constant.
    ListContains(usize, ConstantValue),
    /// The field is present.
    Exists(usize),
}

/// Test of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TextTest {
    /// The text contains it.
    Contains,
    /// The text starts with it.
    StartsWith,
    /// The text ends with it.
    EndsWith,
}

/// A value of an event or a constant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PredicateOperand {
    /// A field.
    Field(usize),
    /// A text in lower case.
    Lower(Box<PredicateOperand>),
    /// Written in the rule.
    Constant(ConstantValue),
    /// Numbers combined; instants subtract to seconds.
    Arithmetic(Box<PredicateOperand>, ArithmeticOp, Box<PredicateOperand>),
}

/// An arithmetic operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArithmeticOp {
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
pub enum ConstantValue {
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

impl ConstantValue {
    /// Returns it as the value of an event's field.
    pub fn as_value(&self) -> Value<'_> {
        match self {
            ConstantValue::Text(text) => Value::Text(text),
            ConstantValue::Number(number) => Value::Number(*number),
            ConstantValue::Bool(truth) => Value::Bool(*truth),
            ConstantValue::Time(time) => Value::Time(*time),
            ConstantValue::Ip(address) => Value::Ip(*address),
        }
    }
}

/// An IPv4 or IPv6 network: an address and the length of its prefix in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IpNetwork {
    /// Any address of it.
    pub address: IpAddr,
    /// 0 to 32 or 128.
    pub prefix: u8,
}

/// A comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ComparisonOp {
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

impl ComparisonOp {
    /// The ASCII operator.
    pub const fn symbol(self) -> &'static str {
        match self {
            ComparisonOp::AtLeast => ">=",
            ComparisonOp::Above => ">",
            ComparisonOp::AtMost => "<=",
            ComparisonOp::Below => "<",
            ComparisonOp::Equal => "==",
            ComparisonOp::NotEqual => "!=",
        }
    }

    /// True when an ordering of left and right satisfies it.
    pub fn holds(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            ComparisonOp::AtLeast => ordering.is_ge(),
            ComparisonOp::Above => ordering.is_gt(),
            ComparisonOp::AtMost => ordering.is_le(),
            ComparisonOp::Below => ordering.is_lt(),
            ComparisonOp::Equal => ordering.is_eq(),
            ComparisonOp::NotEqual => ordering.is_ne(),
        }
    }

    /// True when it compares with an upper bound: the low side.
    pub const fn is_low(self) -> bool {
        matches!(self, ComparisonOp::AtMost | ComparisonOp::Below)
    }
}
