//! Compiled predicates and their evaluation over one event.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::net::IpAddr;

use model::decimal::Decimal;
use model::event::{Event, Value};
use model::time::Timestamp;
use regex::Regex;
use rules_dsl::rule::{
    ArithmeticOp, ComparisonOp, ConstantValue, IpNetwork, Predicate, PredicateOperand, TextTest,
};

/// Limit of a compiled regular expression in bytes.
pub const REGEX_BYTES_MAX: usize = 1 << 20;

/// A predicate whose regular expressions are compiled.
#[derive(Debug)]
pub enum CompiledPredicate {
    True,
    And(Vec<CompiledPredicate>),
    Or(Vec<CompiledPredicate>),
    Not(Box<CompiledPredicate>),
    /// Comparison of a field with a constant: the most frequent predicate, evaluated without
    /// operands.
    Field(usize, ComparisonOp, ConstantValue),
    Compare(PredicateOperand, ComparisonOp, PredicateOperand),
    In(PredicateOperand, Vec<ConstantValue>),
    InNetwork(PredicateOperand, Vec<IpNetwork>),
    Text(PredicateOperand, TextTest, String),
    Matches(PredicateOperand, Regex),
    ListContains(usize, ConstantValue),
    Exists(usize),
}

/// An operand's value for one event.
enum OperandValue<'a> {
    Missing,
    Text(Cow<'a, str>),
    Number(Decimal),
    Bool(bool),
    Time(Timestamp),
    Ip(IpAddr),
}

impl CompiledPredicate {
    /// Compiles a checked predicate.
    ///
    /// # Errors
    /// The regular expression that is invalid or larger than [`REGEX_BYTES_MAX`].
    pub(crate) fn compile(predicate: &Predicate) -> Result<CompiledPredicate, regex::Error> {
        let all = |parts: &[Predicate]| -> Result<Vec<CompiledPredicate>, regex::Error> {
            parts.iter().map(CompiledPredicate::compile).collect()
        };
        Ok(match predicate {
            Predicate::True => CompiledPredicate::True,
            Predicate::And(parts) => CompiledPredicate::And(all(parts)?),
            Predicate::Or(parts) => CompiledPredicate::Or(all(parts)?),
            Predicate::Not(inner) => {
                CompiledPredicate::Not(Box::new(CompiledPredicate::compile(inner)?))
            }
            Predicate::Compare(
                PredicateOperand::Field(field),
                how,
                PredicateOperand::Constant(constant),
            ) => CompiledPredicate::Field(*field, *how, constant.clone()),
            Predicate::Compare(a, how, b) => CompiledPredicate::Compare(a.clone(), *how, b.clone()),
            Predicate::In(operand, set) => CompiledPredicate::In(operand.clone(), set.clone()),
            Predicate::InNetwork(operand, set) => {
                CompiledPredicate::InNetwork(operand.clone(), set.clone())
            }
            Predicate::Text(operand, how, text) => {
                CompiledPredicate::Text(operand.clone(), *how, text.clone())
            }
            Predicate::Matches(operand, pattern) => {
                let mut builder = regex::RegexBuilder::new(pattern);
                CompiledPredicate::Matches(
                    operand.clone(),
                    builder.size_limit(REGEX_BYTES_MAX).build()?,
                )
            }
            Predicate::ListContains(field, item) => {
                CompiledPredicate::ListContains(*field, item.clone())
            }
            Predicate::Exists(field) => CompiledPredicate::Exists(*field),
        })
    }

    /// True when the event satisfies it.
    pub(crate) fn holds(&self, event: &Event<'_>) -> bool {
        match self {
            CompiledPredicate::True => true,
            CompiledPredicate::And(parts) => parts.iter().all(|part| part.holds(event)),
            CompiledPredicate::Or(parts) => parts.iter().any(|part| part.holds(event)),
            CompiledPredicate::Not(inner) => !inner.holds(event),
            CompiledPredicate::Field(field, how, constant) => {
                compare(event.value(*field), constant).is_some_and(|stands| how.holds(stands))
            }
            CompiledPredicate::Compare(left, how, right) => {
                let (left, right) = (resolve(left, event), resolve(right, event));
                left.compare(&right).is_some_and(|ordering| how.holds(ordering))
            }
            CompiledPredicate::In(operand, set) => {
                let value = resolve(operand, event);
                set.iter().any(|item| value.is(item))
            }
            CompiledPredicate::InNetwork(operand, networks) => match resolve(operand, event) {
                OperandValue::Ip(address) => {
                    networks.iter().any(|network| inside(address, *network))
                }
                _ => false,
            },
            CompiledPredicate::Text(operand, how, needle) => match (resolve(operand, event), how) {
                (OperandValue::Text(text), TextTest::Contains) => text.contains(needle.as_str()),
                (OperandValue::Text(text), TextTest::StartsWith) => {
                    text.starts_with(needle.as_str())
                }
                (OperandValue::Text(text), TextTest::EndsWith) => text.ends_with(needle.as_str()),
                _ => false,
            },
            CompiledPredicate::Matches(operand, regex) => match resolve(operand, event) {
                OperandValue::Text(text) => regex.is_match(&text),
                _ => false,
            },
            CompiledPredicate::ListContains(field, item) => list_contains(event, *field, item),
            CompiledPredicate::Exists(field) => event.value(*field) != Value::Missing,
        }
    }
}

impl OperandValue<'_> {
    /// Compares the two; `None` when either is missing or they are of different types.
    fn compare(&self, other: &OperandValue<'_>) -> Option<Ordering> {
        match (self, other) {
            (OperandValue::Text(a), OperandValue::Text(b)) => Some(a.cmp(b)),
            (OperandValue::Number(a), OperandValue::Number(b)) => Some(a.cmp(b)),
            (OperandValue::Bool(a), OperandValue::Bool(b)) => Some(a.cmp(b)),
            (OperandValue::Time(a), OperandValue::Time(b)) => Some(a.cmp(b)),
            (OperandValue::Ip(a), OperandValue::Ip(b)) => {
                Some(a.to_canonical().cmp(&b.to_canonical()))
            }
            _ => None,
        }
    }

    fn is(&self, constant: &ConstantValue) -> bool {
        self.compare(&resolve_constant(constant)) == Some(Ordering::Equal)
    }
}

/// Compares an event's value with a constant; `None` as in [`OperandValue::compare`].
fn compare(value: Value<'_>, constant: &ConstantValue) -> Option<Ordering> {
    match (value, constant) {
        (Value::Text(a), ConstantValue::Text(b)) => Some(a.cmp(b.as_str())),
        (Value::Number(a), ConstantValue::Number(b)) => Some(a.cmp(b)),
        (Value::Bool(a), ConstantValue::Bool(b)) => Some(a.cmp(b)),
        (Value::Time(a), ConstantValue::Time(b)) => Some(a.cmp(b)),
        (Value::Ip(a), ConstantValue::Ip(b)) => Some(a.to_canonical().cmp(&b.to_canonical())),
        _ => None,
    }
}

/// True when an event's value equals a constant.
pub(crate) fn is_equal(value: Value<'_>, constant: &ConstantValue) -> bool {
    // Texts of different lengths differ: no byte comparison is needed.
    match (value, constant) {
        (Value::Text(a), ConstantValue::Text(b)) => a == b,
        _ => compare(value, constant) == Some(Ordering::Equal),
    }
}

fn resolve<'a>(operand: &'a PredicateOperand, event: &Event<'a>) -> OperandValue<'a> {
    match operand {
        PredicateOperand::Field(field) => resolve_value(event.value(*field)),
        PredicateOperand::Constant(constant) => resolve_constant(constant),
        PredicateOperand::Lower(inner) => match resolve(inner, event) {
            OperandValue::Text(text) => OperandValue::Text(Cow::Owned(text.to_lowercase())),
            _ => OperandValue::Missing,
        },
        PredicateOperand::Arithmetic(left, operator, right) => {
            combine(resolve(left, event), *operator, resolve(right, event))
        }
    }
}

fn resolve_value(value: Value<'_>) -> OperandValue<'_> {
    match value {
        Value::Missing | Value::List { .. } => OperandValue::Missing,
        Value::Text(text) => OperandValue::Text(Cow::Borrowed(text)),
        Value::Number(number) => OperandValue::Number(number),
        Value::Bool(truth) => OperandValue::Bool(truth),
        Value::Time(time) => OperandValue::Time(time),
        Value::Ip(address) => OperandValue::Ip(address),
    }
}

fn resolve_constant(constant: &ConstantValue) -> OperandValue<'_> {
    match constant {
        ConstantValue::Text(text) => OperandValue::Text(Cow::Borrowed(text)),
        ConstantValue::Number(number) => OperandValue::Number(*number),
        ConstantValue::Bool(truth) => OperandValue::Bool(*truth),
        ConstantValue::Time(time) => OperandValue::Time(*time),
        ConstantValue::Ip(address) => OperandValue::Ip(*address),
    }
}

fn combine<'a>(
    left: OperandValue<'a>,
    operator: ArithmeticOp,
    right: OperandValue<'a>,
) -> OperandValue<'a> {
    let number = match (left, operator, right) {
        (OperandValue::Number(a), ArithmeticOp::Add, OperandValue::Number(b)) => a.checked_add(b),
        (OperandValue::Number(a), ArithmeticOp::Subtract, OperandValue::Number(b)) => {
            a.checked_sub(b)
        }
        (OperandValue::Number(a), ArithmeticOp::Multiply, OperandValue::Number(b)) => {
            a.checked_mul(b)
        }
        (OperandValue::Number(a), ArithmeticOp::Divide, OperandValue::Number(b)) => {
            a.checked_div(b)
        }
        (OperandValue::Time(a), ArithmeticOp::Subtract, OperandValue::Time(b)) => {
            a.0.checked_sub(b.0).map(Decimal::from_millis)
        }
        _ => None,
    };
    number.map_or(OperandValue::Missing, OperandValue::Number)
}

fn list_contains(event: &Event<'_>, field: usize, item: &ConstantValue) -> bool {
    let Value::List { start, len } = event.value(field) else {
        return false;
    };
    let items = event.items.iter().skip(start as usize).take(len as usize);
    items.into_iter().any(|value| is_equal(*value, item))
}

/// True when an address lies in a network; a mapped IPv4 address is the IPv4 address.
fn inside(address: IpAddr, network: IpNetwork) -> bool {
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
