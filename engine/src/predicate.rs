//! Predicates made ready to run, and their evaluation over one event.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::net::IpAddr;

use model::decimal::Decimal;
use model::event::{Event, Value};
use model::time::Timestamp;
use regex::Regex;
use rules_dsl::rule::{Arithmetic, Comparison, Constant, Network, Operand, Predicate, TextTest};

/// Limit of a compiled regular expression in bytes.
pub const REGEX_BYTES_MAX: usize = 1 << 20;

/// A predicate whose regular expressions are compiled.
#[derive(Debug)]
pub enum Test {
    True,
    And(Vec<Test>),
    Or(Vec<Test>),
    Not(Box<Test>),
    /// A field compared with a constant: most of what filters ask, so it takes no detour
    /// over operands.
    Field(usize, Comparison, Constant),
    Compare(Operand, Comparison, Operand),
    In(Operand, Vec<Constant>),
    InNetwork(Operand, Vec<Network>),
    Text(Operand, TextTest, String),
    Matches(Operand, Regex),
    ListContains(usize, Constant),
    Exists(usize),
}

/// An operand's value for one event.
enum Resolved<'a> {
    Missing,
    Text(Cow<'a, str>),
    Number(Decimal),
    Bool(bool),
    Time(Timestamp),
    Ip(IpAddr),
}

impl Test {
    /// Compiles a checked predicate.
    ///
    /// # Errors
    /// The regular expression that is invalid or larger than [`REGEX_BYTES_MAX`].
    pub(crate) fn compile(predicate: &Predicate) -> Result<Test, regex::Error> {
        let all = |parts: &[Predicate]| -> Result<Vec<Test>, regex::Error> {
            parts.iter().map(Test::compile).collect()
        };
        Ok(match predicate {
            Predicate::True => Test::True,
            Predicate::And(parts) => Test::And(all(parts)?),
            Predicate::Or(parts) => Test::Or(all(parts)?),
            Predicate::Not(inner) => Test::Not(Box::new(Test::compile(inner)?)),
            Predicate::Compare(Operand::Field(field), how, Operand::Constant(constant)) => {
                Test::Field(*field, *how, constant.clone())
            }
            Predicate::Compare(a, how, b) => Test::Compare(a.clone(), *how, b.clone()),
            Predicate::In(operand, set) => Test::In(operand.clone(), set.clone()),
            Predicate::InNetwork(operand, set) => Test::InNetwork(operand.clone(), set.clone()),
            Predicate::Text(operand, how, text) => Test::Text(operand.clone(), *how, text.clone()),
            Predicate::Matches(operand, pattern) => {
                let mut builder = regex::RegexBuilder::new(pattern);
                Test::Matches(operand.clone(), builder.size_limit(REGEX_BYTES_MAX).build()?)
            }
            Predicate::ListContains(field, item) => Test::ListContains(*field, item.clone()),
            Predicate::Exists(field) => Test::Exists(*field),
        })
    }

    /// Whether the event satisfies it.
    pub(crate) fn holds(&self, event: &Event<'_>) -> bool {
        match self {
            Test::True => true,
            Test::And(parts) => parts.iter().all(|part| part.holds(event)),
            Test::Or(parts) => parts.iter().any(|part| part.holds(event)),
            Test::Not(inner) => !inner.holds(event),
            Test::Field(field, how, constant) => {
                compare(event.value(*field), constant).is_some_and(|stands| how.holds(stands))
            }
            Test::Compare(left, how, right) => {
                let (left, right) = (resolve(left, event), resolve(right, event));
                left.compare(&right).is_some_and(|ordering| how.holds(ordering))
            }
            Test::In(operand, set) => {
                let value = resolve(operand, event);
                set.iter().any(|item| value.is(item))
            }
            Test::InNetwork(operand, networks) => match resolve(operand, event) {
                Resolved::Ip(address) => networks.iter().any(|network| inside(address, *network)),
                _ => false,
            },
            Test::Text(operand, how, needle) => match (resolve(operand, event), how) {
                (Resolved::Text(text), TextTest::Contains) => text.contains(needle.as_str()),
                (Resolved::Text(text), TextTest::StartsWith) => text.starts_with(needle.as_str()),
                (Resolved::Text(text), TextTest::EndsWith) => text.ends_with(needle.as_str()),
                _ => false,
            },
            Test::Matches(operand, regex) => match resolve(operand, event) {
                Resolved::Text(text) => regex.is_match(&text),
                _ => false,
            },
            Test::ListContains(field, item) => list_contains(event, *field, item),
            Test::Exists(field) => event.value(*field) != Value::Missing,
        }
    }
}

impl Resolved<'_> {
    /// How the two stand; `None` when either is missing or they are of different types.
    fn compare(&self, other: &Resolved<'_>) -> Option<Ordering> {
        match (self, other) {
            (Resolved::Text(a), Resolved::Text(b)) => Some(a.cmp(b)),
            (Resolved::Number(a), Resolved::Number(b)) => Some(a.cmp(b)),
            (Resolved::Bool(a), Resolved::Bool(b)) => Some(a.cmp(b)),
            (Resolved::Time(a), Resolved::Time(b)) => Some(a.cmp(b)),
            (Resolved::Ip(a), Resolved::Ip(b)) => Some(a.to_canonical().cmp(&b.to_canonical())),
            _ => None,
        }
    }

    fn is(&self, constant: &Constant) -> bool {
        self.compare(&resolve_constant(constant)) == Some(Ordering::Equal)
    }
}

/// How an event's value stands to a constant; `None` as [`Resolved::compare`] says.
fn compare(value: Value<'_>, constant: &Constant) -> Option<Ordering> {
    match (value, constant) {
        (Value::Text(a), Constant::Text(b)) => Some(a.cmp(b.as_str())),
        (Value::Number(a), Constant::Number(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Constant::Bool(b)) => Some(a.cmp(b)),
        (Value::Time(a), Constant::Time(b)) => Some(a.cmp(b)),
        (Value::Ip(a), Constant::Ip(b)) => Some(a.to_canonical().cmp(&b.to_canonical())),
        _ => None,
    }
}

/// Whether an event's value is a constant.
pub(crate) fn is_equal(value: Value<'_>, constant: &Constant) -> bool {
    // Texts of different lengths need no look at their bytes.
    match (value, constant) {
        (Value::Text(a), Constant::Text(b)) => a == b,
        _ => compare(value, constant) == Some(Ordering::Equal),
    }
}

fn resolve<'a>(operand: &'a Operand, event: &Event<'a>) -> Resolved<'a> {
    match operand {
        Operand::Field(field) => resolve_value(event.value(*field)),
        Operand::Constant(constant) => resolve_constant(constant),
        Operand::Lower(inner) => match resolve(inner, event) {
            Resolved::Text(text) => Resolved::Text(Cow::Owned(text.to_lowercase())),
            _ => Resolved::Missing,
        },
        Operand::Arithmetic(left, operator, right) => {
            combine(resolve(left, event), *operator, resolve(right, event))
        }
    }
}

fn resolve_value(value: Value<'_>) -> Resolved<'_> {
    match value {
        Value::Missing | Value::List { .. } => Resolved::Missing,
        Value::Text(text) => Resolved::Text(Cow::Borrowed(text)),
        Value::Number(number) => Resolved::Number(number),
        Value::Bool(truth) => Resolved::Bool(truth),
        Value::Time(time) => Resolved::Time(time),
        Value::Ip(address) => Resolved::Ip(address),
    }
}

fn resolve_constant(constant: &Constant) -> Resolved<'_> {
    match constant {
        Constant::Text(text) => Resolved::Text(Cow::Borrowed(text)),
        Constant::Number(number) => Resolved::Number(*number),
        Constant::Bool(truth) => Resolved::Bool(*truth),
        Constant::Time(time) => Resolved::Time(*time),
        Constant::Ip(address) => Resolved::Ip(*address),
    }
}

fn combine<'a>(left: Resolved<'a>, operator: Arithmetic, right: Resolved<'a>) -> Resolved<'a> {
    let number = match (left, operator, right) {
        (Resolved::Number(a), Arithmetic::Add, Resolved::Number(b)) => a.checked_add(b),
        (Resolved::Number(a), Arithmetic::Subtract, Resolved::Number(b)) => a.checked_sub(b),
        (Resolved::Number(a), Arithmetic::Multiply, Resolved::Number(b)) => a.checked_mul(b),
        (Resolved::Number(a), Arithmetic::Divide, Resolved::Number(b)) => a.checked_div(b),
        (Resolved::Time(a), Arithmetic::Subtract, Resolved::Time(b)) => {
            a.0.checked_sub(b.0).map(Decimal::from_millis)
        }
        _ => None,
    };
    number.map_or(Resolved::Missing, Resolved::Number)
}

fn list_contains(event: &Event<'_>, field: usize, item: &Constant) -> bool {
    let Value::List { start, len } = event.value(field) else {
        return false;
    };
    let items = event.items.iter().skip(start as usize).take(len as usize);
    items.into_iter().any(|value| is_equal(*value, item))
}

/// Whether an address lies in a network; a mapped IPv4 address is the IPv4 address.
fn inside(address: IpAddr, network: Network) -> bool {
    let common = |a: u128, b: u128, width: u32| {
        let rest = width.saturating_sub(u32::from(network.prefix));
        (a ^ b).checked_shr(rest).is_none_or(|differing| differing == 0)
    };
    match (address.to_canonical(), network.address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => common(a.to_bits().into(), b.to_bits().into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => common(a.to_bits(), b.to_bits(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
