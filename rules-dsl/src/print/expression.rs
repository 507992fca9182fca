//! Expressions of `where`.

use super::term::{listed, name, path, quantity, quoted, sign, texts};
use crate::ast::{Expression, MembershipSet};
use crate::rule::{ArithmeticOp, TextTest};

/// Precedence of an expression; a looser one inside a tighter one needs parentheses.
fn binding(expression: &Expression) -> u8 {
    match expression {
        Expression::Or(_) => 0,
        Expression::And(_) => 1,
        Expression::Not(..) => 2,
        Expression::Compare(..)
        | Expression::In { .. }
        | Expression::Text(..)
        | Expression::Matches(..) => 3,
        Expression::Arithmetic(_, ArithmeticOp::Add | ArithmeticOp::Subtract, _) => 4,
        Expression::Arithmetic(..) => 5,
        _ => 6,
    }
}

fn inside(inner: &Expression, at_least: u8) -> String {
    let text = expression(inner);
    if binding(inner) < at_least { format!("({text})") } else { text }
}

/// An expression of `where`.
pub fn expression(it: &Expression) -> String {
    match it {
        Expression::Or(parts) => joined(parts, " or ", 1),
        Expression::And(parts) => joined(parts, " and ", 2),
        Expression::Not(inner, _) => format!("not {}", inside(inner, 2)),
        Expression::Compare(left, operator, right) => infix(left, operator.symbol(), right),
        Expression::Text(left, test, right) => infix(left, test_word(*test), right),
        Expression::In { value, negated, set } => {
            let word = if *negated { "not in" } else { "in" };
            format!("{} {word} {}", inside(value, 4), members(set))
        }
        Expression::Matches(left, regex) => {
            format!("{} matches {}", inside(left, 4), quoted(&regex.text))
        }
        Expression::Exists(field) => format!("exists({})", path(field)),
        Expression::Lower(inner, _) => format!("lower({})", expression(inner)),
        Expression::Arithmetic(left, operator, right) => {
            let (own, sign) = (binding(it), sign(*operator));
            format!("{} {sign} {}", inside(left, own), inside(right, own + 1))
        }
        Expression::Field(field) => path(field),
        Expression::Quoted(text) => quoted(&text.text),
        Expression::Number(number) => quantity(number),
        Expression::Bool(value, _) => value.to_string(),
    }
}

/// Two values with a comparison or test between them.
fn infix(left: &Expression, word: &str, right: &Expression) -> String {
    format!("{} {word} {}", inside(left, 4), inside(right, 4))
}

fn joined(parts: &[Expression], word: &str, at_least: u8) -> String {
    let parts: Vec<String> = parts.iter().map(|part| inside(part, at_least)).collect();
    parts.join(word)
}

fn members(set: &MembershipSet) -> String {
    match set {
        MembershipSet::Literals(items) => format!("({})", listed(items, expression)),
        MembershipSet::Networks(networks) => format!("cidr ({})", texts(networks)),
        MembershipSet::List(list) => name(&list.text),
    }
}

/// The word of a text test.
pub(crate) const fn test_word(test: TextTest) -> &'static str {
    match test {
        TextTest::Contains => "contains",
        TextTest::StartsWith => "starts_with",
        TextTest::EndsWith => "ends_with",
    }
}
