//! Message templates: every placeholder is checked here, so none is a surprise at three in
//! the morning.

use model::message::{Message, MessagePart};
use model::schema::{FieldType, Schema};

use crate::ast::Quoted;
use crate::diagnostic::{Code, Diagnostic, Text, text};
use crate::rule::KeyPart;

/// Most pieces of one template or pattern.
pub const PIECES_MAX: usize = 200;

/// A piece of a text with holes.
pub(super) enum Piece {
    Literal(String),
    Hole(String),
}

/// Takes a text with `{holes}` apart; `{{` and `}}` are the braces themselves.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece>, Text> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '{' | '}' if chars.peek() == Some(&c) => {
                chars.next();
                literal.push(c);
            }
            '{' => {
                if !literal.is_empty() {
                    pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                }
                pieces.push(Piece::Hole(hole(&mut chars)?));
            }
            '}' => {
                return Err(text!(
                    "a `}}` closes nothing",
                    "対応する `{{` のない `}}` があります"
                ));
            }
            _ => literal.push(c),
        }
        if pieces.len() > PIECES_MAX {
            return Err(text!(
                "more than {PIECES_MAX} holes",
                "穴が {PIECES_MAX} を超えています"
            ));
        }
    }
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    Ok(pieces)
}

fn hole(chars: &mut impl Iterator<Item = char>) -> Result<String, Text> {
    let mut name = String::new();
    for c in chars {
        match c {
            '}' if !name.trim().is_empty() => return Ok(name.trim().to_owned()),
            '}' => return Err(text!("`{{}}` names nothing", "`{{}}` に名前がありません")),
            '{' => break,
            _ => name.push(c),
        }
    }
    Err(text!(
        "`{{{name}` is not closed",
        "`{{{name}` が閉じられていません"
    ))
}

/// What a template may name.
pub(super) struct Vocabulary<'a> {
    pub(super) by: &'a [KeyPart],
    /// The stream of the triggering event, where there is one.
    pub(super) event: Option<&'a Schema>,
}

/// A checked template and the fields of the triggering event it shows.
#[derive(Default)]
pub(super) struct Template {
    pub(super) message: Message,
    pub(super) fields: Vec<String>,
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
    text: &Quoted,
    vocabulary: &Vocabulary<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Template {
    let pieces = match pieces(&text.text) {
        Ok(pieces) => pieces,
        Err(message) => {
            let help = text!(
                "a brace of the text is doubled: `{{{{`",
                "文字としての波括弧は二つ書きます: `{{{{`"
            );
            diagnostics.push(Diagnostic::new(Code::BadTemplate, text.at.0, message).help(help));
            return Template::default();
        }
    };
    let mut template = Template::default();
    for piece in pieces {
        let part = match piece {
            Piece::Literal(text) => Some(MessagePart::Literal(text)),
            Piece::Hole(name) => {
                placeholder(&name, text, vocabulary, &mut template.fields, diagnostics)
            }
        };
        template.message.parts.extend(part);
    }
    template
}

fn placeholder(
    name: &str,
    text: &Quoted,
    vocabulary: &Vocabulary<'_>,
    fields: &mut Vec<String>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<MessagePart> {
    let key = vocabulary.by.iter().position(|part| part.name == name);
    let built_in = BUILT_IN
        .iter()
        .find(|(word, _)| *word == name)
        .map(|(_, part)| part.clone());
    match (key, built_in) {
        (Some(_), Some(_)) => {
            let message = text!(
                "`{{{name}}}` is a key and a word of messages",
                "`{{{name}}}` はキーでもメッセージの語でもあります"
            );
            let help = text!(
                "declare the field under another name: `key: str = \"{name}\"`",
                "フィールドを別の名前で宣言してください: `key: str = \"{name}\"`"
            );
            diagnostics.push(Diagnostic::new(Code::TwoReadings, text.at.0, message).help(help));
            return None;
        }
        (Some(index), None) => return Some(MessagePart::Key(index)),
        (None, Some(part)) => return Some(part),
        (None, None) => {}
    }
    let declared = vocabulary
        .event
        .and_then(|schema| schema.fields.iter().find(|f| f.name == name));
    if let Some(field) = declared {
        let shown = matches!(
            field.kind,
            FieldType::Str | FieldType::Int | FieldType::Bool | FieldType::Ip
        );
        if !shown {
            let message = text!(
                "a message cannot show the field `{name}`",
                "フィールド `{name}` はメッセージに出せません"
            );
            let expected = text!(
                "a field of type str, int, bool or ip",
                "str、int、bool、ip 型のフィールド"
            );
            diagnostics
                .push(Diagnostic::new(Code::BadTemplate, text.at.0, message).expected(expected));
            return None;
        }
        let known = fields.iter().position(|known| known == name);
        let index = known.unwrap_or(fields.len());
        if known.is_none() {
            fields.push(name.to_owned());
        }
        return Some(MessagePart::Field(index));
    }
    diagnostics.push(unknown(name, text, vocabulary));
    None
}

fn unknown(name: &str, text: &Quoted, vocabulary: &Vocabulary<'_>) -> Diagnostic {
    if name.starts_with("top ") {
        let message = text!(
            "`{{{name}}}` is part of the language but this build does not evaluate it yet",
            "`{{{name}}}` は言語の一部ですが、この版ではまだ評価されません"
        );
        return Diagnostic::new(Code::NotYet, text.at.0, message);
    }
    let words = || {
        let keys = vocabulary.by.iter().map(|part| part.name.as_str());
        let fields = vocabulary
            .event
            .into_iter()
            .flat_map(|s| s.fields.iter().map(|f| f.name.as_str()));
        keys.chain(BUILT_IN.iter().map(|(word, _)| *word))
            .chain(fields)
    };
    let all: Vec<&str> = words().take(20).collect();
    let all = all.join(" ");
    let message = text!(
        "nothing fills `{{{name}}}`",
        "`{{{name}}}` に入るものがありません"
    );
    let expected = text!("one of {all}", "{all} のどれか");
    let found = Diagnostic::new(Code::UnknownPlaceholder, text.at.0, message).expected(expected);
    let found = match vocabulary.event {
        Some(_) => found,
        None => found.help(text!(
            "fields of an event can be shown by rising count, sum, distinct and max without `for` \
            only",
            "イベントのフィールドは、`for` のない count・sum・distinct・max の上側の条件でだけ出せます"
        )),
    };
    found.suggest(name, words())
}

/// The message of an alert that names none: name, key, value, level.
pub(super) fn default_template(name: &str, by: &[KeyPart], symbol: &str) -> Message {
    let mut parts = vec![MessagePart::Literal(name.to_owned())];
    for (index, key) in by.iter().enumerate() {
        parts.push(MessagePart::Literal(format!(" {}=", key.name)));
        parts.push(MessagePart::Key(index));
    }
    parts.push(MessagePart::Literal(": ".to_owned()));
    parts.push(MessagePart::Value);
    parts.push(MessagePart::Literal(format!(" {symbol} ")));
    parts.push(MessagePart::Threshold);
    Message { parts }
}
