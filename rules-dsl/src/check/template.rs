//! Texts with `{holes}`: templates of messages, and patterns.

use super::limits::PIECES_MAX;
use crate::diagnostic::{BilingualText, text};

/// A piece of a text with holes.
pub(super) enum TemplatePiece {
    Literal(String),
    Hole(String),
}

/// Takes a text with `{holes}` apart; `{{` and `}}` are the braces themselves.
pub(super) fn pieces(text: &str) -> Result<Vec<TemplatePiece>, BilingualText> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '{' | '}' if chars.next_if_eq(&c).is_some() => literal.push(c),
            '{' => {
                flush(&mut literal, &mut pieces);
                pieces.push(TemplatePiece::Hole(hole(&mut chars)?));
            }
            '}' => {
                return Err(text!("a `}}` closes nothing", "対応する `{{` のない `}}` があります"));
            }
            _ => literal.push(c),
        }
        if pieces.len() > PIECES_MAX {
            return Err(text!(
                "more than {PIECES_MAX} holes",
                "プレースホルダーが{PIECES_MAX}個を超えています"
            ));
        }
    }
    flush(&mut literal, &mut pieces);
    Ok(pieces)
}

fn flush(literal: &mut String, pieces: &mut Vec<TemplatePiece>) {
    if !literal.is_empty() {
        pieces.push(TemplatePiece::Literal(std::mem::take(literal)));
    }
}

fn hole(chars: &mut impl Iterator<Item = char>) -> Result<String, BilingualText> {
    let mut name = String::new();
    for c in chars {
        match c {
            '}' if !name.trim().is_empty() => return Ok(name.trim().to_owned()),
            '}' => return Err(text!("`{{}}` names nothing", "`{{}}` に名前がありません")),
            '{' => break,
            _ => name.push(c),
        }
    }
    Err(text!("`{{{name}` is not closed", "`{{{name}` が閉じられていません"))
}
