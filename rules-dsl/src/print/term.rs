//! Names, paths, texts, quantities and signs.

use crate::ast::{FieldPath, Quantity, QuotedText};
use crate::lex::begins_word;
use crate::parse::keyword::needs_quotes;
use crate::rule::{ArithmeticOp, ComparisonOp};

/// A name as it must be written to be read as one.
pub fn name(text: &str) -> String {
    if is_plain(text) && !needs_quotes(text) { text.to_owned() } else { format!("`{text}`") }
}

/// True when a text reads as a word, reserved or not.
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
pub fn path(path: &FieldPath) -> String {
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

/// ` by a, b?` of fields spelled already; nothing without any.
pub(crate) fn keys(fields: impl Iterator<Item = (String, bool)>) -> String {
    let spelled = |(field, optional): (String, bool)| field + if optional { "?" } else { "" };
    let all: Vec<String> = fields.map(spelled).collect();
    if all.is_empty() {
        return String::new();
    }
    format!(" by {}", all.join(", "))
}

/// Items with commas between them.
pub(super) fn listed<T>(items: &[T], spelled: impl Fn(&T) -> String) -> String {
    items.iter().map(spelled).collect::<Vec<String>>().join(", ")
}

pub(super) fn texts(items: &[QuotedText]) -> String {
    listed(items, |item| quoted(&item.text))
}

/// The sign of an operator.
pub(crate) const fn sign(operator: ArithmeticOp) -> &'static str {
    match operator {
        ArithmeticOp::Add => "+",
        ArithmeticOp::Subtract => "-",
        ArithmeticOp::Multiply => "*",
        ArithmeticOp::Divide => "/",
    }
}

/// A comparison in words after a quantity, as Japanese rules write it.
pub(crate) const fn comparison_word(comparison: ComparisonOp) -> &'static str {
    match comparison {
        ComparisonOp::AtLeast => "以上",
        ComparisonOp::Above => "超",
        ComparisonOp::AtMost => "以下",
        ComparisonOp::Below => "未満",
        ComparisonOp::Equal => "と等しい",
        ComparisonOp::NotEqual => "と異なる",
    }
}
