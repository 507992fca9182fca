//! The parser's input, and the smallest parsers.

use std::cell::{Cell, RefCell};

use model::severity::Severity;
use nom::error::{ErrorKind, ParseError};
use nom::{IResult, Input, Needed, Parser};

use super::foreign_syntax::{missing_elsewhere, symbol_elsewhere};
use super::keyword::{CLAUSES, EXPRESSION_WORDS, OPTIONS, STATEMENTS, TEST_WORDS, reserved};
use super::messages;
use crate::ast::{FieldPath, NodeSpan, Quantity, QuotedText, SpannedName};
use crate::diagnostic::{BilingualText, Diagnostic};
use crate::lex::{Token, TokenKind, phrase_trap};
use crate::quantity::unit_named;
use crate::source::SourceSpan;

/// Deepest nesting of parentheses, `not` and arithmetic.
pub const NESTING_MAX: usize = 64;

/// Result of a parser.
pub(super) type ParseResult<'a, T> = IResult<TokenCursor<'a>, T, ParseFault>;
/// Reason that a parser stopped.
pub(super) type ParseStop = nom::Err<ParseFault>;

/// Error of a parser: it did not apply, or it has reported a diagnostic, which is stored and not
/// returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ParseFault;

impl<I> ParseError<I> for ParseFault {
    fn from_error_kind(_: I, _: ErrorKind) -> ParseFault {
        ParseFault
    }

    fn append(_: I, _: ErrorKind, other: ParseFault) -> ParseFault {
        other
    }
}

/// State that all parsers of one file share.
pub(super) struct ParseContext {
    diagnostics: RefCell<Vec<Diagnostic>>,
    end: SourceSpan,
    depth: Cell<usize>,
}

impl ParseContext {
    pub(super) fn new(file: usize, length: usize, found: Vec<Diagnostic>) -> ParseContext {
        let end = SourceSpan { file, start: length, end: length };
        ParseContext { diagnostics: RefCell::new(found), end, depth: Cell::new(0) }
    }

    pub(super) fn report(&self, diagnostic: Diagnostic) {
        self.diagnostics.borrow_mut().push(diagnostic);
    }

    /// Returns to the top level of the file and resets the nesting.
    pub(super) fn surface(&self) {
        self.depth.set(0);
    }

    pub(super) fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.diagnostics.into_inner()
    }
}

/// Tokens that are left to read.
#[derive(Clone, Copy)]
pub(super) struct TokenCursor<'a> {
    rest: &'a [Token],
    context: &'a ParseContext,
}

impl<'a> TokenCursor<'a> {
    pub(super) fn new(rest: &'a [Token], context: &'a ParseContext) -> TokenCursor<'a> {
        TokenCursor { rest, context }
    }

    pub(super) fn is_empty(self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn first(self) -> Option<&'a TokenKind> {
        self.rest.first().map(|token| &token.kind)
    }

    pub(super) fn skip(self, count: usize) -> TokenCursor<'a> {
        TokenCursor { rest: self.rest.get(count..).unwrap_or(&[]), ..self }
    }

    /// True when the next token directly follows the one before it, of which `start` came first.
    pub(super) fn touches_before(self, start: TokenCursor<'a>) -> bool {
        let consumed = start.rest.len().saturating_sub(self.rest.len());
        let before = consumed.checked_sub(1).and_then(|last| start.rest.get(last));
        before.is_some_and(|token| token.place.end == self.place().start)
    }

    /// True when no gap stands between the next token and the one after it.
    pub(super) fn touches_next(self) -> bool {
        self.place().end == self.skip(1).place().start
    }

    /// Tokens after the parentheses that open here.
    pub(super) fn after_group(self) -> TokenCursor<'a> {
        let (mut rest, mut depth) = (self, 0_usize);
        while !rest.is_empty() {
            depth += usize::from(rest.is_symbol("("));
            depth -= usize::from(rest.is_symbol(")"));
            rest = rest.skip(1);
            if depth == 0 {
                break;
            }
        }
        rest
    }

    /// Place of the next token; the end of the file when there is none.
    pub(super) fn place(self) -> SourceSpan {
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
    pub(super) fn stop(self, diagnostic: Diagnostic) -> ParseStop {
        self.context.report(diagnostic);
        nom::Err::Failure(ParseFault)
    }

    /// Reports a diagnostic and continues.
    pub(super) fn report_diagnostic(self, diagnostic: Diagnostic) {
        self.context.report(diagnostic);
    }

    /// Stops because something else was expected here.
    pub(super) fn unexpected(self, expected: BilingualText) -> ParseStop {
        // What the lexer could not read has been reported by it.
        if self.first() == Some(&TokenKind::Broken) {
            return nom::Err::Failure(ParseFault);
        }
        let word = self.bare_word();
        if let Some(trapped) = word.and_then(|word| phrase_trap(word, self.place())) {
            return self.stop(trapped);
        }
        let found = self.describe();
        // A space stands between code and Japanese words, none between words.
        let space = if found.ja.ends_with('`') { " " } else { "" };
        let ja = format!("{}{space}", found.ja);
        let diagnostic =
            messages::cannot_stand(self.place(), &found.en, &ja).found(found).expected(expected);
        self.stop(match (word, self.first()) {
            (Some(word), _) => with_hints(diagnostic, word),
            (None, Some(TokenKind::Symbol(symbol))) => match symbol_elsewhere(symbol) {
                Some(ours) => diagnostic.help(messages::did_you_mean(ours)),
                None => diagnostic,
            },
            _ => diagnostic,
        })
    }

    fn describe(self) -> BilingualText {
        match self.first() {
            None => messages::end_of_file(),
            Some(TokenKind::Word(segments)) => {
                let parts: Vec<&str> = segments.iter().map(|s| s.text.as_str()).collect();
                messages::a_word(&parts.join("."))
            }
            Some(TokenKind::Quantity(quantity)) => {
                messages::a_quantity(&crate::print::quantity(quantity))
            }
            Some(TokenKind::Text(_)) => messages::a_text(),
            Some(TokenKind::Clock(minutes)) => {
                messages::a_clock_time(&crate::print::clock(*minutes))
            }
            Some(TokenKind::Symbol(symbol)) => messages::a_symbol(symbol),
            Some(TokenKind::Broken) => messages::reported_already(),
        }
    }

    /// Runs a parser one level deeper; beyond [`NESTING_MAX`] the statement stops.
    pub(super) fn nested<T>(
        self,
        parser: impl FnOnce(TokenCursor<'a>) -> ParseResult<'a, T>,
    ) -> ParseResult<'a, T> {
        let depth = self.context.depth.get();
        if depth >= NESTING_MAX {
            return Err(self.too_deep());
        }
        self.context.depth.set(depth + 1);
        let answer = parser(self);
        self.context.depth.set(depth);
        answer
    }

    pub(super) fn too_deep(self) -> ParseStop {
        self.stop(messages::too_deep(self.place()))
    }
}

/// Guess at the meaning of a word that cannot stand where it does.
fn with_hints(mut diagnostic: Diagnostic, word: &str) -> Diagnostic {
    if reserved(word) {
        diagnostic = diagnostic.help(messages::back_quoted(word));
    }
    if unit_named(word).is_some() {
        return diagnostic.help(messages::unit_follows(word));
    }
    if missing_elsewhere(word) {
        return diagnostic.help(messages::ask_exists());
    }
    let severities = Severity::ALL.iter().map(|severity| severity.name());
    let words = [STATEMENTS, CLAUSES, OPTIONS, TEST_WORDS, EXPRESSION_WORDS].into_iter().flatten();
    diagnostic.suggest(word, words.copied().chain(severities))
}

impl<'a> Input for TokenCursor<'a> {
    type Item = &'a Token;
    type Iter = std::slice::Iter<'a, Token>;
    type IterIndices = std::iter::Enumerate<std::slice::Iter<'a, Token>>;

    fn input_len(&self) -> usize {
        self.rest.len()
    }

    fn take(&self, index: usize) -> Self {
        TokenCursor { rest: self.rest.get(..index).unwrap_or(self.rest), ..*self }
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
    what: BilingualText,
    mut parser: P,
) -> impl Parser<TokenCursor<'a>, Output = O, Error = ParseFault>
where
    P: Parser<TokenCursor<'a>, Output = O, Error = ParseFault>,
{
    move |input: TokenCursor<'a>| match parser.parse(input) {
        Err(nom::Err::Error(_)) => Err(input.unexpected(what.clone())),
        answer => answer,
    }
}

const MISMATCH: ParseStop = nom::Err::Error(ParseFault);

/// A clause, option or entry written twice.
pub(super) fn repeated(at: TokenCursor<'_>) -> Diagnostic {
    messages::repeated(at.place(), at.bare_word().unwrap_or(""))
}

/// Fills a slot; whether it was filled before.
pub(super) fn fill<'a, T>(
    slot: &mut Option<T>,
    parsed: ParseResult<'a, T>,
) -> ParseResult<'a, bool> {
    parsed.map(|(rest, read)| (rest, slot.replace(read).is_some()))
}

pub(super) fn symbol<'a>(
    wanted: &'static str,
) -> impl Parser<TokenCursor<'a>, Output = SourceSpan, Error = ParseFault> {
    move |input: TokenCursor<'a>| {
        if input.is_symbol(wanted) { Ok((input.skip(1), input.place())) } else { Err(MISMATCH) }
    }
}

pub(super) fn keyword<'a>(
    wanted: &'static str,
) -> impl Parser<TokenCursor<'a>, Output = SourceSpan, Error = ParseFault> {
    move |input: TokenCursor<'a>| {
        if input.is_word(wanted) { Ok((input.skip(1), input.place())) } else { Err(MISMATCH) }
    }
}

/// A dotted path; a bare reserved word is none.
pub(super) fn path(input: TokenCursor<'_>) -> ParseResult<'_, FieldPath> {
    if input.bare_word().is_some_and(reserved) {
        return Err(MISMATCH);
    }
    free_path(input)
}

/// A dotted path where every word may stand.
pub(super) fn free_path(input: TokenCursor<'_>) -> ParseResult<'_, FieldPath> {
    match input.first() {
        Some(TokenKind::Word(segments)) => {
            let segments = segments.iter().map(|segment| segment.text.clone()).collect();
            Ok((input.skip(1), FieldPath { segments, at: NodeSpan(input.place()) }))
        }
        _ => Err(MISMATCH),
    }
}

/// A name that a statement declares or uses.
pub(super) fn name(input: TokenCursor<'_>) -> ParseResult<'_, SpannedName> {
    if let Some(word) = input.bare_word().filter(|word| reserved(word)) {
        return Err(input.stop(messages::reserved_word(input.place(), word)));
    }
    let (rest, path) = free_path(input)?;
    let text = path.dotted();
    if path.segments.len() > 1 {
        return Err(input.stop(messages::path_for_name(input.place(), &text)));
    }
    Ok((rest, SpannedName { text, at: path.at }))
}

/// Entries between brackets or braces, with commas between and perhaps after the entries;
/// the opening one has been read.
pub(super) fn entries<'a, T>(
    input: TokenCursor<'a>,
    close: &'static str,
    what: impl Fn() -> BilingualText,
    entry: impl Fn(TokenCursor<'a>) -> ParseResult<'a, T>,
) -> ParseResult<'a, Vec<T>> {
    let (mut rest, mut entries) = (input, Vec::new());
    while !rest.is_symbol(close) {
        let (after, read) = entry(rest)?;
        entries.push(read);
        rest = after;
        if rest.is_symbol(",") {
            rest = rest.skip(1);
        } else if !rest.is_symbol(close) {
            return Err(rest.unexpected(what()));
        }
    }
    Ok((rest.skip(1), entries))
}

pub(super) fn quoted(input: TokenCursor<'_>) -> ParseResult<'_, QuotedText> {
    match input.first() {
        Some(TokenKind::Text(text)) => {
            Ok((input.skip(1), QuotedText { text: text.clone(), at: NodeSpan(input.place()) }))
        }
        _ => Err(MISMATCH),
    }
}

pub(super) fn plain_quantity(input: TokenCursor<'_>) -> ParseResult<'_, Quantity> {
    match input.first() {
        Some(TokenKind::Quantity(quantity)) => Ok((input.skip(1), quantity.clone())),
        _ => Err(MISMATCH),
    }
}

/// A quantity, negative ones included.
pub(super) fn quantity(input: TokenCursor<'_>) -> ParseResult<'_, Quantity> {
    if !input.is_symbol("-") {
        return plain_quantity(input);
    }
    let (rest, positive) = plain_quantity(input.skip(1))?;
    let value = model::decimal::Decimal::from_units(-positive.value.units());
    let at = NodeSpan(input.place().to(positive.at.0));
    Ok((rest, Quantity { value, at, ..positive }))
}
