//! The parser's input, and the smallest parsers.

use std::cell::{Cell, RefCell};

use nom::error::{ErrorKind, ParseError};
use nom::{IResult, Input, Needed, Parser};

use super::NESTING_MAX;
use super::word::{CLAUSES, LATER_CLAUSES, OPTIONS, STATEMENTS, reserved};
use crate::ast::{At, Name, Path, Quantity, Quoted};
use crate::diagnostic::{Code, Diagnostic, Text, text};
use crate::lex::{Token, TokenKind, phrase_trap};
use crate::source::Place;

/// What a parser answers.
pub(super) type Parsed<'a, T> = IResult<Tokens<'a>, T, Fault>;
/// Why a parser stopped.
pub(super) type Stop = nom::Err<Fault>;

/// A parser did not apply, or has reported why. What is wrong is pushed aside, not returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault;

impl<I> ParseError<I> for Fault {
    fn from_error_kind(_: I, _: ErrorKind) -> Fault {
        Fault
    }

    fn append(_: I, _: ErrorKind, other: Fault) -> Fault {
        other
    }
}

/// What all parsers of one file share.
pub(super) struct Context {
    diagnostics: RefCell<Vec<Diagnostic>>,
    end: Place,
    depth: Cell<usize>,
}

impl Context {
    pub(super) fn new(file: usize, length: usize, found: Vec<Diagnostic>) -> Context {
        let end = Place { file, start: length, end: length };
        Context { diagnostics: RefCell::new(found), end, depth: Cell::new(0) }
    }

    pub(super) fn report(&self, diagnostic: Diagnostic) {
        self.diagnostics.borrow_mut().push(diagnostic);
    }

    /// Back at the top of the file: whatever was nested has been left.
    pub(super) fn surface(&self) {
        self.depth.set(0);
    }

    pub(super) fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.diagnostics.into_inner()
    }
}

/// What is left to read.
#[derive(Clone, Copy)]
pub(super) struct Tokens<'a> {
    rest: &'a [Token],
    context: &'a Context,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(rest: &'a [Token], context: &'a Context) -> Tokens<'a> {
        Tokens { rest, context }
    }

    pub(super) fn is_empty(self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn first(self) -> Option<&'a TokenKind> {
        self.rest.first().map(|token| &token.kind)
    }

    pub(super) fn skip(self, count: usize) -> Tokens<'a> {
        Tokens { rest: self.rest.get(count..).unwrap_or(&[]), ..self }
    }

    /// Where the next token stands; the end of the file when there is none.
    pub(super) fn place(self) -> Place {
        self.rest.first().map_or(self.context.end, |token| token.place)
    }

    /// The bare word that comes next.
    pub(super) fn bare_word(self) -> Option<&'a str> {
        match self.first() {
            Some(TokenKind::Word(segments)) => match segments.as_slice() {
                [only] if !only.quoted => Some(only.text.as_str()),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn is_word(self, word: &str) -> bool {
        self.bare_word() == Some(word)
    }

    pub(super) fn is_symbol(self, symbol: &str) -> bool {
        matches!(self.first(), Some(TokenKind::Symbol(found)) if *found == symbol)
    }

    /// Reports, and stops the statement.
    pub(super) fn stop(self, diagnostic: Diagnostic) -> Stop {
        self.context.report(diagnostic);
        nom::Err::Failure(Fault)
    }

    /// Reports and goes on.
    pub(super) fn note(self, diagnostic: Diagnostic) {
        self.context.report(diagnostic);
    }

    /// Stops at a part of the language that is not evaluated yet.
    pub(super) fn not_yet(self, word: &str) -> Stop {
        let message = text!(
            "`{word}` is part of the language but this build does not evaluate it yet",
            "`{word}` は言語の一部ですが、この版ではまだ評価されません"
        );
        self.stop(Diagnostic::new(Code::NotYet, self.place(), message))
    }

    /// Stops because something else was expected here.
    pub(super) fn unexpected(self, expected: Text) -> Stop {
        // What the lexer could not read has been reported by it.
        if self.first() == Some(&TokenKind::Broken) {
            return nom::Err::Failure(Fault);
        }
        let word = self.bare_word();
        if let Some(later) = word.filter(|word| LATER_CLAUSES.contains(word)) {
            return self.not_yet(later);
        }
        let found = self.describe();
        let (en, ja) = (&found.en, &found.ja);
        let message = text!("{en} cannot stand here", "{ja} はここには書けません");
        let mut diagnostic = Diagnostic::new(Code::Unexpected, self.place(), message);
        if let Some(trapped) = word.and_then(|word| phrase_trap(word, diagnostic.clone())) {
            return self.stop(trapped);
        }
        if let Some(word) = word.filter(|word| reserved(word)) {
            let help = text!(
                "as a name it is back-quoted: `` `{word}` ``",
                "名前なら `` `{word}` `` と囲んでください"
            );
            diagnostic = diagnostic.help(help);
        }
        if let Some(word) = word {
            let severities = model::severity::Severity::ALL.iter().map(|severity| severity.name());
            let known = STATEMENTS.iter().chain(CLAUSES).chain(OPTIONS).copied().chain(severities);
            diagnostic = diagnostic.suggest(word, known);
        }
        self.stop(diagnostic.found(found).expected(expected))
    }

    fn describe(self) -> Text {
        match self.first() {
            None => text!("the end of the file", "ファイルの終わり"),
            Some(TokenKind::Word(segments)) => {
                let parts: Vec<&str> = segments.iter().map(|s| s.text.as_str()).collect();
                let word = parts.join(".");
                text!("the word `{word}`", "語 `{word}`")
            }
            Some(TokenKind::Quantity(quantity)) => {
                let spelled = crate::print::quantity(quantity);
                text!("the quantity `{spelled}`", "数量 `{spelled}`")
            }
            Some(TokenKind::Text(_)) => text!("a text", "文字列"),
            Some(TokenKind::Symbol(symbol)) => text!("`{symbol}`", "`{symbol}`"),
            Some(TokenKind::Broken) => text!("what was reported already", "報告済みの箇所"),
        }
    }

    /// Runs a parser one level deeper; beyond [`NESTING_MAX`] the statement stops.
    pub(super) fn nested<T>(
        self,
        parser: impl FnOnce(Tokens<'a>) -> Parsed<'a, T>,
    ) -> Parsed<'a, T> {
        let depth = self.context.depth.get();
        if depth >= NESTING_MAX {
            return Err(self.too_deep());
        }
        self.context.depth.set(depth + 1);
        let answer = parser(self);
        self.context.depth.set(depth);
        answer
    }

    pub(super) fn too_deep(self) -> Stop {
        let message =
            text!("nested more than {NESTING_MAX} deep", "入れ子が {NESTING_MAX} 段を超えています");
        let help = text!(
            "give a part of it a name with `filter`",
            "一部に `filter` で名前を付けてください"
        );
        self.stop(Diagnostic::new(Code::LimitExceeded, self.place(), message).help(help))
    }
}

impl<'a> Input for Tokens<'a> {
    type Item = &'a Token;
    type Iter = std::slice::Iter<'a, Token>;
    type IterIndices = std::iter::Enumerate<std::slice::Iter<'a, Token>>;

    fn input_len(&self) -> usize {
        self.rest.len()
    }

    fn take(&self, index: usize) -> Self {
        Tokens { rest: self.rest.get(..index).unwrap_or(self.rest), ..*self }
    }

    fn take_from(&self, index: usize) -> Self {
        self.skip(index)
    }

    fn take_split(&self, index: usize) -> (Self, Self) {
        (self.take_from(index), self.take(index))
    }

    fn position<P: Fn(Self::Item) -> bool>(&self, predicate: P) -> Option<usize> {
        self.rest.iter().position(predicate)
    }

    fn iter_elements(&self) -> Self::Iter {
        self.rest.iter()
    }

    fn iter_indices(&self) -> Self::IterIndices {
        self.rest.iter().enumerate()
    }

    fn slice_index(&self, count: usize) -> Result<usize, Needed> {
        if count <= self.rest.len() { Ok(count) } else { Err(Needed::new(count - self.rest.len())) }
    }
}

/// Turns "does not apply" into a report of what was expected.
pub(super) fn expect<'a, O, P>(
    what: Text,
    mut parser: P,
) -> impl Parser<Tokens<'a>, Output = O, Error = Fault>
where
    P: Parser<Tokens<'a>, Output = O, Error = Fault>,
{
    move |input: Tokens<'a>| match parser.parse(input) {
        Err(nom::Err::Error(_)) => Err(input.unexpected(what.clone())),
        answer => answer,
    }
}

const MISMATCH: Stop = nom::Err::Error(Fault);

pub(super) fn symbol<'a>(
    wanted: &'static str,
) -> impl Parser<Tokens<'a>, Output = Place, Error = Fault> {
    move |input: Tokens<'a>| {
        if input.is_symbol(wanted) { Ok((input.skip(1), input.place())) } else { Err(MISMATCH) }
    }
}

pub(super) fn keyword<'a>(
    wanted: &'static str,
) -> impl Parser<Tokens<'a>, Output = Place, Error = Fault> {
    move |input: Tokens<'a>| {
        if input.is_word(wanted) { Ok((input.skip(1), input.place())) } else { Err(MISMATCH) }
    }
}

/// A dotted path; a bare reserved word is none.
pub(super) fn path(input: Tokens<'_>) -> Parsed<'_, Path> {
    if input.bare_word().is_some_and(reserved) {
        return Err(MISMATCH);
    }
    free_path(input)
}

/// A dotted path where every word may stand.
pub(super) fn free_path(input: Tokens<'_>) -> Parsed<'_, Path> {
    match input.first() {
        Some(TokenKind::Word(segments)) => {
            let segments = segments.iter().map(|segment| segment.text.clone()).collect();
            Ok((input.skip(1), Path { segments, at: At(input.place()) }))
        }
        _ => Err(MISMATCH),
    }
}

/// A name that a statement declares or uses.
pub(super) fn name(input: Tokens<'_>) -> Parsed<'_, Name> {
    if let Some(word) = input.bare_word().filter(|word| reserved(word)) {
        let message = text!("`{word}` is a word of the language", "`{word}` は言語の語です");
        let help = text!(
            "as a name it is back-quoted: `` `{word}` ``",
            "名前なら `` `{word}` `` と囲んでください"
        );
        return Err(
            input.stop(Diagnostic::new(Code::ReservedWord, input.place(), message).help(help))
        );
    }
    let (rest, path) = free_path(input)?;
    let text = path.dotted();
    if path.segments.len() > 1 {
        let message =
            text!("a name is one word, `{text}` is a path", "名前は一語です。`{text}` はパスです");
        let help = text!(
            "back-quoted it is one name: `` `{text}` ``",
            "囲めば一つの名前になります: `` `{text}` ``"
        );
        return Err(
            input.stop(Diagnostic::new(Code::Unexpected, input.place(), message).help(help))
        );
    }
    Ok((rest, Name { text, at: path.at }))
}

pub(super) fn quoted(input: Tokens<'_>) -> Parsed<'_, Quoted> {
    match input.first() {
        Some(TokenKind::Text(text)) => {
            Ok((input.skip(1), Quoted { text: text.clone(), at: At(input.place()) }))
        }
        _ => Err(MISMATCH),
    }
}

pub(super) fn plain_quantity(input: Tokens<'_>) -> Parsed<'_, Quantity> {
    match input.first() {
        Some(TokenKind::Quantity(quantity)) => Ok((input.skip(1), quantity.clone())),
        _ => Err(MISMATCH),
    }
}

/// A quantity, negative ones included.
pub(super) fn quantity(input: Tokens<'_>) -> Parsed<'_, Quantity> {
    if !input.is_symbol("-") {
        return plain_quantity(input);
    }
    let (rest, positive) = plain_quantity(input.skip(1))?;
    let value = model::decimal::Decimal::from_units(-positive.value.units());
    let at = At(input.place().to(positive.at.0));
    Ok((rest, Quantity { value, at, ..positive }))
}
