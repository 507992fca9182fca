//! Tokens, and the words that the lexer itself knows.

use crate::ast::Quantity;
use crate::source::SourceSpan;

/// One token and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) place: SourceSpan,
}

/// Kind of a token.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TokenKind {
    /// A word or dotted path.
    Word(Vec<PathSegment>),
    /// A number with the unit read directly after it.
    Quantity(Quantity),
    /// A quoted text, unescaped.
    Text(String),
    /// A time of day, in minutes after midnight, up to 24:00.
    Clock(u16),
    /// A mark such as `{` or `>=`.
    Symbol(&'static str),
    /// Text that the lexer has reported already.
    Broken,
}

/// One part of a dotted path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathSegment {
    /// NFKC-normalised; as written when back-quoted.
    pub(crate) text: String,
    /// Back-quoted, hence never a word of the language.
    pub(crate) quoted: bool,
}

/// The words that follow a level, longest first, and their operators.
pub(crate) const COMPARISON_WORDS: [(&str, &str); 5] =
    [("超過", ">"), ("以上", ">="), ("以下", "<="), ("未満", "<"), ("超", ">")];
