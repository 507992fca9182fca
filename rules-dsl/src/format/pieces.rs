//! Tokens and comments in the order written, as their author spelled them.

use model::severity::Severity;

use crate::lex::{Token, TokenKind, lex};
use crate::parse::keyword::STATEMENTS;

/// A token or a comment.
pub(super) struct FormatPiece<'a> {
    /// As written.
    pub(super) text: &'a str,
    /// The mark or word as the language reads it, full-width ones included.
    reads: String,
    /// The ends of lines between it and what is before it.
    pub(super) line_ends: usize,
    /// Nothing stands between it and what is before it.
    pub(super) touches: bool,
    /// Index of the other brace.
    pub(super) partner: Option<usize>,
    kind: PieceKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PieceKind {
    Comment,
    Symbol,
    Text,
    /// A word that may mean something to the language.
    Word,
    /// A dotted path, a back-quoted name, a number, a time of day.
    Other,
}

impl FormatPiece<'_> {
    pub(super) fn is_comment(&self) -> bool {
        self.kind == PieceKind::Comment
    }

    pub(super) fn is_symbol(&self) -> bool {
        self.kind == PieceKind::Symbol
    }

    /// True when it is this mark.
    pub(super) fn is(&self, symbol: &str) -> bool {
        self.is_symbol() && self.reads == symbol
    }

    /// The word it is, if it may mean something to the language; else nothing.
    pub(super) fn word(&self) -> &str {
        if self.is_word() { &self.reads } else { "" }
    }

    pub(super) fn is_text(&self) -> bool {
        self.kind == PieceKind::Text
    }

    pub(super) fn is_word(&self) -> bool {
        self.kind == PieceKind::Word
    }

    pub(super) fn is_severity(&self) -> bool {
        Severity::from_word(self.word()).is_some()
    }
}

/// All pieces of a file.
pub(super) struct FormatPieces<'a>(Vec<FormatPiece<'a>>);

impl<'a> FormatPieces<'a> {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// INVARIANT: `at` is below [`FormatPieces::len`]: indices always come from these pieces.
    #[allow(clippy::indexing_slicing)]
    pub(super) fn get(&self, at: usize) -> &FormatPiece<'a> {
        &self.0[at]
    }

    pub(super) fn before(&self, at: usize) -> Option<&FormatPiece<'a>> {
        at.checked_sub(1).and_then(|at| self.0.get(at))
    }

    /// True when a piece, outside of any braces, is the word of a statement.
    pub(super) fn begins_statement(&self, at: usize) -> bool {
        STATEMENTS.contains(&self.get(at).word())
    }
}

/// The pieces of a text.
pub(super) fn pieces(source: &str) -> FormatPieces<'_> {
    let lexed = lex(0, source);
    let mut placed: Vec<_> = lexed.tokens.iter().map(|token| (token.place, Some(token))).collect();
    placed.extend(lexed.comments.iter().map(|place| (*place, None)));
    placed.sort_by_key(|(place, _)| place.start);
    let (mut pieces, mut end) = (Vec::with_capacity(placed.len()), 0);
    let mut open = Vec::new();
    for (at, (place, token)) in placed.into_iter().enumerate() {
        let text = source.get(place.start..place.end).unwrap_or("");
        let between = source.get(end..place.start).unwrap_or("");
        let line_ends = between.bytes().filter(|byte| *byte == b'\n').count();
        let (kind, reads) = token.map_or((PieceKind::Comment, ""), kind);
        let (text, reads, touches) = (text.trim_end(), reads.to_owned(), between.is_empty());
        let mut piece = FormatPiece { text, reads, line_ends, touches, partner: None, kind };
        if piece.is("{") {
            open.push(at);
        } else if piece.is("}") {
            piece.partner = open.pop();
        }
        if let Some(other) = piece.partner.and_then(|other| pieces.get_mut(other)) {
            let other: &mut FormatPiece<'_> = other;
            other.partner = Some(at);
        }
        pieces.push(piece);
        end = place.end;
    }
    FormatPieces(pieces)
}

fn kind(token: &Token) -> (PieceKind, &str) {
    match &token.kind {
        TokenKind::Symbol(symbol) => (PieceKind::Symbol, symbol),
        TokenKind::Text(_) => (PieceKind::Text, ""),
        TokenKind::Word(segments) => match segments.as_slice() {
            [only] if !only.quoted => (PieceKind::Word, &only.text),
            _ => (PieceKind::Other, ""),
        },
        TokenKind::Quantity(_) | TokenKind::Clock(_) | TokenKind::Broken => (PieceKind::Other, ""),
    }
}
