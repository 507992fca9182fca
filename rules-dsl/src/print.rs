//! The canonical printer: statements back to text. Reading what it prints gives the same
//! statements.

mod alert;
mod measure;
mod reference;
mod stream;
mod test;

use std::fmt::Write as _;

use crate::ast::{
    Ast, Expression, Filter, MeasureStatement, Path, Quantity, Quoted, Set, Statement,
};
use crate::lex::begins_word;
use crate::parse::needs_quotes;
use crate::rule::{Arithmetic, Comparison, TextTest};
pub(crate) use measure::measure;

/// A whole file. Statements that could not be read are left out.
pub fn print(ast: &Ast) -> String {
    ast.statements.iter().map(statement).collect()
}

fn statement(statement: &Statement) -> String {
    match statement {
        Statement::Stream(it) => stream::stream(it),
        Statement::List(it) => reference::list(it),
        Statement::Table(it) => reference::table(it),
        Statement::Calendar(it) => reference::calendar(it),
        Statement::Filter(it) => filter(it),
        Statement::Measure(it) => measure_statement(it),
        Statement::Watch(it) => measure::watch(it),
        Statement::Alert(it) => alert::alert(it),
        Statement::Test(it) => test::test(it),
        Statement::Broken(_) => String::new(),
    }
}

pub(crate) use test::expect as expectation;

/// A name as it must be written to be read as one.
pub fn name(text: &str) -> String {
    if is_plain(text) && !needs_quotes(text) { text.to_owned() } else { format!("`{text}`") }
}

/// Whether a text reads as a word, reserved or not.
fn is_plain(text: &str) -> bool {
    let plain: String = unicode_normalization::UnicodeNormalization::nfkc(text).collect();
    let word = text.chars().next().is_some_and(begins_word)
        && text.chars().all(|c| c == '_' || unicode_ident::is_xid_continue(c));
    word && plain == text
}

/// The parts of a path; after a dot no word is reserved.
fn dotted_parts<'a>(segments: impl Iterator<Item = &'a str>) -> String {
    let part = |(at, text): (usize, &str)| match at {
        0 => name(text),
        _ if is_plain(text) => text.to_owned(),
        _ => format!("`{text}`"),
    };
    segments.enumerate().map(part).collect::<Vec<String>>().join(".")
}

/// A field's name as it must be written, part by part.
pub fn dotted(field: &str) -> String {
    dotted_parts(field.split('.'))
}

/// A dotted path.
pub fn path(path: &Path) -> String {
    dotted_parts(path.segments.iter().map(String::as_str))
}

/// A number and its unit.
pub fn quantity(quantity: &Quantity) -> String {
    format!("{}{}", quantity.value, quantity.unit.map_or("", |unit| unit.spelling))
}

/// Minutes after midnight as `09:00`.
pub(crate) fn clock(minutes: u16) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// A text in quotes.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}

fn filter(filter: &Filter) -> String {
    let mut out = format!("filter {} = {}", name(&filter.name.text), name(&filter.base.text));
    if let Some(condition) = &filter.condition {
        let _ = write!(out, " where {}", expression(condition));
    }
    out.push('\n');
    out
}

fn measure_statement(statement: &MeasureStatement) -> String {
    format!("measure {} = {}\n", name(&statement.name.text), measure(&statement.measure))
}

/// ` by a, b?` of fields spelled already; nothing without any.
pub(crate) fn keys(fields: impl Iterator<Item = (String, bool)>) -> String {
    let spelled = |(field, optional): (String, bool)| field + if optional { "?" } else { "" };
    let all: Vec<String> = fields.map(spelled).collect();
    if all.is_empty() {
        return String::new();
    }
    format!(" by {}", all.join(", "))
}

/// How tightly an expression binds; a looser one inside a tighter one needs parentheses.
fn binding(expression: &Expression) -> u8 {
    match expression {
        Expression::Or(_) => 0,
        Expression::And(_) => 1,
        Expression::Not(..) => 2,
        Expression::Compare(..)
        | Expression::In { .. }
        | Expression::Text(..)
        | Expression::Matches(..) => 3,
        Expression::Arithmetic(_, Arithmetic::Add | Arithmetic::Subtract, _) => 4,
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

fn members(set: &Set) -> String {
    match set {
        Set::Literals(items) => format!("({})", listed(items, expression)),
        Set::Networks(networks) => format!("cidr ({})", texts(networks)),
        Set::List(list) => name(&list.text),
    }
}

/// Items with commas between them.
fn listed<T>(items: &[T], spelled: impl Fn(&T) -> String) -> String {
    items.iter().map(spelled).collect::<Vec<String>>().join(", ")
}

fn texts(items: &[Quoted]) -> String {
    listed(items, |item| quoted(&item.text))
}

/// The word of a text test.
pub(crate) const fn test_word(test: TextTest) -> &'static str {
    match test {
        TextTest::Contains => "contains",
        TextTest::StartsWith => "starts_with",
        TextTest::EndsWith => "ends_with",
    }
}

/// The sign of an operator.
pub(crate) const fn sign(operator: Arithmetic) -> &'static str {
    match operator {
        Arithmetic::Add => "+",
        Arithmetic::Subtract => "-",
        Arithmetic::Multiply => "*",
        Arithmetic::Divide => "/",
    }
}

/// A comparison in words after a quantity, as Japanese rules write it.
pub(crate) const fn comparison_word(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::AtLeast => "以上",
        Comparison::Above => "超",
        Comparison::AtMost => "以下",
        Comparison::Below => "未満",
        Comparison::Equal => "と等しい",
        Comparison::NotEqual => "と異なる",
    }
}

#[cfg(test)]
mod tests;
