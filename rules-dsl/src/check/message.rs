//! Message templates: every placeholder is checked here, so rendering a message cannot fail.

use model::message::{MessagePart, MessageTemplate};
use model::schema::Schema;

use super::limits::{NAMES_SHOWN_MAX, TOP_MAX};
use super::scope::NameScope;
use super::stream::identifies;
use super::template::{TemplatePiece, pieces};
use super::{messages, reference};
use crate::ast::QuotedText;
use crate::diagnostic::Diagnostic;
use crate::rule::{KeyPart, TopField};

/// Names that a template may use.
pub(super) struct TemplateNames<'a> {
    /// Names of the tables.
    pub(super) scope: &'a NameScope<'a>,
    pub(super) by: &'a [KeyPart],
    /// The stream of the triggering event, where there is one.
    pub(super) event: Option<&'a Schema>,
    /// The stream of the events whose fields are counted.
    pub(super) observed: Option<&'a Schema>,
}

/// A checked template and the fields of the triggering event it shows.
#[derive(Default)]
pub(super) struct CheckedTemplate {
    pub(super) message: MessageTemplate,
    pub(super) fields: Vec<String>,
    pub(super) tops: Vec<TopField>,
}

const BUILT_IN: [(&str, MessagePart); 6] = [
    ("value", MessagePart::Value),
    ("threshold", MessagePart::Threshold),
    ("severity", MessagePart::Severity),
    ("window", MessagePart::Window),
    ("count", MessagePart::Count),
    ("since", MessagePart::Since),
];

/// Checks a template; what cannot be filled is reported.
pub(super) fn template(
    text: &QuotedText,
    vocabulary: &TemplateNames<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> CheckedTemplate {
    let mut template = CheckedTemplate::default();
    let pieces = match pieces(&text.text) {
        Ok(pieces) => pieces,
        Err(reason) => {
            diagnostics.push(messages::bad_template(text.at.0, &reason.en, &reason.ja));
            return template;
        }
    };
    for piece in pieces {
        let part = match piece {
            TemplatePiece::Literal(text) => Some(MessagePart::Literal(text)),
            TemplatePiece::Hole(name) => {
                placeholder(&name, text, vocabulary, &mut template, diagnostics)
            }
        };
        template.message.parts.extend(part);
    }
    template
}

fn placeholder(
    name: &str,
    text: &QuotedText,
    vocabulary: &TemplateNames<'_>,
    template: &mut CheckedTemplate,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<MessagePart> {
    if let Some((column, key)) = column_of(name) {
        return looked_up(column, key, text, vocabulary, diagnostics);
    }
    if let Some(rest) = name.strip_prefix("top ") {
        return top(rest, text, vocabulary, template, diagnostics);
    }
    let key = vocabulary.by.iter().position(|part| part.name == name);
    let built_in = BUILT_IN.iter().find(|(word, _)| *word == name);
    let declared =
        vocabulary.event.and_then(|schema| schema.fields.iter().find(|field| field.name == name));
    let wrong = match (key, built_in, declared) {
        (Some(_), Some(_), _) => messages::key_and_word(text.at.0, name),
        (Some(index), None, _) => return Some(MessagePart::Key(index)),
        (None, Some((_, part)), _) => return Some(part.clone()),
        (None, None, Some(field)) if !identifies(&field.kind) => {
            messages::not_shown(text.at.0, name)
        }
        (None, None, Some(_)) => {
            return Some(MessagePart::Field(field_slot(name, &mut template.fields)));
        }
        (None, None, None) => unknown(name, text, vocabulary),
    };
    diagnostics.push(wrong);
    None
}

/// `owner(service)`: a column of a table and the key it is looked up by.
fn column_of(name: &str) -> Option<(&str, &str)> {
    let (column, rest) = name.split_once('(')?;
    Some((column.trim(), rest.strip_suffix(')')?.trim()))
}

fn looked_up(
    column: &str,
    key: &str,
    text: &QuotedText,
    vocabulary: &TemplateNames<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<MessagePart> {
    let at = vocabulary.by.iter().position(|part| part.name == key);
    let rows = reference::column(vocabulary.scope, column);
    if at.is_none() {
        let keys = vocabulary.by.iter().map(|part| part.name.as_str());
        diagnostics.push(messages::column_key(text.at.0, column, key).suggest(key, keys));
    }
    if rows.is_none() {
        diagnostics.push(messages::no_column(text.at.0, column));
    }
    Some(MessagePart::Column { key: at?, rows: rows? })
}

/// `top 3 src.ip`, after the word.
fn top(
    rest: &str,
    text: &QuotedText,
    vocabulary: &TemplateNames<'_>,
    template: &mut CheckedTemplate,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<MessagePart> {
    let (many, name) = rest.trim().split_once(' ').unwrap_or(("", ""));
    let name = name.trim();
    let most = many.parse().ok().filter(|most| (1..=TOP_MAX).contains(most));
    let field = vocabulary.observed.and_then(|schema| {
        schema.fields.iter().find(|field| field.name == name && identifies(&field.kind))
    });
    let (Some(most), Some(_)) = (most, field) else {
        diagnostics.push(messages::bad_top(text.at.0, rest));
        return None;
    };
    let field = field_slot(name, &mut template.fields);
    template.tops.push(TopField { field, most });
    Some(MessagePart::Top(template.tops.len() - 1))
}

/// The place of a field among those a message shows; a new one is appended.
fn field_slot(name: &str, fields: &mut Vec<String>) -> usize {
    let known = fields.iter().position(|known| known == name);
    known.unwrap_or_else(|| {
        fields.push(name.to_owned());
        fields.len() - 1
    })
}

fn unknown(name: &str, text: &QuotedText, vocabulary: &TemplateNames<'_>) -> Diagnostic {
    let keys = vocabulary.by.iter().map(|part| part.name.as_str());
    let built_in = BUILT_IN.iter().map(|(word, _)| *word);
    let event = vocabulary.event.into_iter().flat_map(|schema| &schema.fields);
    let fields = event.map(|field| field.name.as_str());
    let words: Vec<&str> = keys.chain(built_in).chain(fields).collect();
    let all: Vec<&str> = words.iter().copied().take(NAMES_SHOWN_MAX).collect();
    let mut found = messages::unknown_placeholder(text.at.0, name, &all.join(" "));
    if vocabulary.event.is_none() {
        found = found.help(messages::fields_only_when_rising());
    }
    found.suggest(name, words)
}

/// The message of an alert that names none: name, key, and value and level where it has them.
pub(super) fn default_template(
    name: &str,
    by: &[KeyPart],
    symbol: Option<&str>,
) -> MessageTemplate {
    let mut parts = vec![MessagePart::Literal(name.to_owned())];
    for (index, key) in by.iter().enumerate() {
        parts.push(MessagePart::Literal(format!(" {}=", key.name)));
        parts.push(MessagePart::Key(index));
    }
    if let Some(symbol) = symbol {
        parts.push(MessagePart::Literal(": ".to_owned()));
        parts.push(MessagePart::Value);
        parts.push(MessagePart::Literal(format!(" {symbol} ")));
        parts.push(MessagePart::Threshold);
    }
    MessageTemplate { parts }
}
