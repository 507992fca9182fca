//! The lexer: characters to tokens.

use unicode_ident::is_xid_continue;
use unicode_normalization::UnicodeNormalization;

use super::character::{begins_word, disguised, fold, misleading, quote_like, unseen};
use super::messages;
use super::token::{COMPARISON_WORDS, PathSegment, Token, TokenKind};
use crate::ast::{NodeSpan, Quantity};
use crate::diagnostic::{BilingualText, DIAGNOSTICS_MAX, Diagnostic};
use crate::quantity::duration_named;
use crate::source::SourceSpan;

/// Most bytes of one rule file.
pub const SOURCE_BYTES_MAX: usize = 1 << 20;
/// Most bytes of one text or name.
pub const TEXT_BYTES_MAX: usize = 16 << 10;

const SYMBOLS: [&str; 30] = [
    "=>", "==", "!=", ">=", "<=", "..", "{", "}", "(", ")", "[", "]", ",", ":", "=", ">", "<", "/",
    "*", "+", "-", "?", ".", "~", "|", "&", ";", "!", "$", "@",
];

/// A character as the language reads it, and where it starts.
#[derive(Clone, Copy)]
struct SourceGlyph {
    c: char,
    start: usize,
}

/// Tokens and comments of a file.
#[derive(Debug, Default)]
pub(crate) struct LexedFile {
    pub(crate) tokens: Vec<Token>,
    /// Places of comments, from their `#` to the end of their line.
    pub(crate) comments: Vec<SourceSpan>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Reads a whole file; what means nothing is reported and becomes [`TokenKind::Broken`].
pub(crate) fn lex(file: usize, source: &str) -> LexedFile {
    if source.len() > SOURCE_BYTES_MAX {
        let found = messages::file_too_large(SourceSpan { file, start: 0, end: 0 });
        return LexedFile { diagnostics: vec![found], ..LexedFile::default() };
    }
    let glyphs =
        source.char_indices().map(|(start, c)| SourceGlyph { c: fold(c), start }).collect();
    let mut lexer = Lexer { file, source, glyphs, at: 0, lexed: LexedFile::default() };
    while lexer.token() {}
    lexer.lexed
}

pub(super) struct Lexer<'a> {
    file: usize,
    source: &'a str,
    glyphs: Vec<SourceGlyph>,
    pub(super) at: usize,
    lexed: LexedFile,
}

impl Lexer<'_> {
    /// Reads one token or gap; false at the end.
    fn token(&mut self) -> bool {
        let Some(c) = self.peek(0) else {
            return false;
        };
        let start = self.at;
        match c {
            '#' => self.comment(),
            '"' => self.quoted_text(),
            '0'..='9' => self.number(),
            '`' => self.word(),
            '\u{feff}' if start == 0 => self.at += 1,
            _ if c.is_whitespace() => self.at += 1,
            _ if disguised(self.original(start)) => self.disguised(),
            _ if begins_word(c) => self.word(),
            _ => self.symbol(),
        }
        true
    }

    pub(super) fn peek(&self, ahead: usize) -> Option<char> {
        self.glyphs.get(self.at + ahead).map(|glyph| glyph.c)
    }

    pub(super) fn skip_while(&mut self, keep: impl Fn(char) -> bool) {
        while self.peek(0).is_some_and(&keep) {
            self.at += 1;
        }
    }

    fn byte(&self, index: usize) -> usize {
        self.glyphs.get(index).map_or(self.source.len(), |glyph| glyph.start)
    }

    /// The character as written.
    fn original(&self, index: usize) -> char {
        let rest = self.source.get(self.byte(index)..).unwrap_or("");
        rest.chars().next().unwrap_or(' ')
    }

    fn written(&self, from: usize, to: usize) -> &str {
        self.source.get(self.byte(from)..self.byte(to)).unwrap_or("")
    }

    pub(super) fn folded(&self, from: usize, to: usize) -> String {
        self.glyphs.get(from..to).unwrap_or(&[]).iter().map(|glyph| glyph.c).collect()
    }

    pub(super) fn place(&self, from: usize, to: usize) -> SourceSpan {
        SourceSpan { file: self.file, start: self.byte(from), end: self.byte(to) }
    }

    pub(super) fn push(&mut self, kind: TokenKind, from: usize) {
        let place = self.place(from, self.at);
        self.lexed.tokens.push(Token { kind, place });
    }

    /// Stores a diagnostic, up to a limit: a hostile file could report at every byte.
    fn report(&mut self, found: Diagnostic) {
        if self.lexed.diagnostics.len() < DIAGNOSTICS_MAX {
            self.lexed.diagnostics.push(found);
        }
    }

    /// Reports what was read since `from` and leaves a broken token for it.
    pub(super) fn refuse(&mut self, from: usize, found: Diagnostic) {
        self.report(found);
        self.push(TokenKind::Broken, from);
    }

    /// Reports characters since `from` that are invisible, or that change how the text is
    /// displayed.
    fn report_unseen(&mut self, from: usize, to: usize, unseen: fn(char) -> bool) -> bool {
        let found = (from..to).find(|index| unseen(self.original(*index)));
        if let Some(index) = found {
            let code_point = u32::from(self.original(index));
            self.report(messages::unseen(self.place(index, index + 1), code_point));
        }
        found.is_some()
    }

    fn comment(&mut self) {
        let from = self.at;
        self.skip_while(|c| c != '\n');
        // A line ends with CR LF too; a CR alone would hide what an editor shows as a line.
        let ends_cr = self.at > from && self.original(self.at - 1) == '\r';
        let to = self.at - usize::from(ends_cr);
        self.report_unseen(from, to, |c| c == '\r' || misleading(c));
        let place = self.place(from, to);
        self.lexed.comments.push(place);
    }

    fn symbol(&mut self) {
        let from = self.at;
        let pair = self.folded(from, self.glyphs.len().min(from + 2));
        let alone = match self.peek(0) {
            Some('≧') => Some(">="),
            Some('≦') => Some("<="),
            Some('≠') => Some("!="),
            _ => None,
        };
        let known = SYMBOLS.iter().find(|symbol| pair.starts_with(**symbol)).copied();
        if let Some(symbol) = alone.or(known) {
            self.at += if alone.is_some() { 1 } else { symbol.len() };
            return self.push(TokenKind::Symbol(symbol), from);
        }
        self.at += 1;
        self.stray(from);
    }

    /// Refuses the character just read.
    fn stray(&mut self, from: usize) {
        let (c, place) = (self.original(from), self.place(from, self.at));
        if unseen(c) || misleading(c) {
            return self.refuse(from, messages::unseen(place, u32::from(c)));
        }
        let help = match fold(c) {
            _ if quote_like(c) => messages::texts_in_quotes(),
            '%' => self.percent_help(from),
            _ => messages::back_quoted(c),
        };
        self.refuse(from, messages::stray(place, c, u32::from(c)).help(help));
    }

    /// `エラーレート5%`: the number before the sign was read as the end of a name.
    fn percent_help(&self, from: usize) -> BilingualText {
        let touching = self.lexed.tokens.last().filter(|it| it.place.end == self.byte(from));
        let Some(TokenKind::Word(segments)) = touching.map(|it| &it.kind) else {
            return messages::percent_after_number();
        };
        let word = segments.last().map_or("", |segment| segment.text.as_str());
        let name = word.trim_end_matches(|c: char| c.is_ascii_digit());
        match word.strip_prefix(name) {
            Some(digits) if !digits.is_empty() && !name.is_empty() => {
                messages::space_before_level(name, digits)
            }
            _ => messages::percent_after_number(),
        }
    }

    fn disguised(&mut self) {
        let from = self.at;
        self.at += 1;
        let c = self.original(from);
        let plain: String = c.nfkc().collect();
        self.refuse(from, messages::disguised(self.place(from, self.at), c, &plain));
    }

    fn quoted_text(&mut self) {
        let from = self.at;
        self.at += 1;
        let mut value = String::new();
        loop {
            if self.peek(0).is_none_or(|c| c == '\n') {
                return self.open_text(from);
            };
            // Inside a text nothing is folded: only the plain quote ends it.
            let c = self.original(self.at);
            self.at += 1;
            match c {
                '"' => break,
                '\\' => value.extend(self.escape()),
                _ => value.push(c),
            }
        }
        self.report_unseen(from, self.at, |c| c == '\r' || misleading(c));
        if value.len() > TEXT_BYTES_MAX {
            return self.refuse(from, messages::text_too_long(self.place(from, self.at)));
        }
        self.push(TokenKind::Text(value), from);
    }

    fn open_text(&mut self, from: usize) {
        let mut found = messages::open_text(self.place(from, self.at));
        if self.written(from, self.at).contains('＂') {
            found = found.help(messages::plain_quote());
        }
        self.refuse(from, found);
    }

    /// The character an escape stands for; the backslash has been read.
    fn escape(&mut self) -> Option<char> {
        let from = self.at - 1;
        let letter = self.peek(0).filter(|c| *c != '\n')?;
        self.at += 1;
        match letter {
            'n' => return Some('\n'),
            't' => return Some('\t'),
            '"' | '\\' => return Some(letter),
            _ => {}
        }
        let place = self.place(from, self.at);
        self.report(messages::unknown_escape(place, letter));
        Some(letter)
    }

    fn word(&mut self) {
        let from = self.at;
        let mut segments = Vec::new();
        loop {
            let Some(segment) = self.segment() else {
                return;
            };
            segments.push(segment);
            let resumes = self.peek(0) == Some('.')
                && self.peek(1).is_some_and(|c| c == '`' || begins_word(c));
            if !resumes {
                break;
            }
            self.at += 1;
        }
        self.quantile_fraction(&mut segments);
        if self.at - from > TEXT_BYTES_MAX {
            return self.refuse(from, messages::name_too_long(self.place(from, self.at)));
        }
        self.push(TokenKind::Word(segments), from);
    }

    fn segment(&mut self) -> Option<PathSegment> {
        let from = self.at;
        if self.peek(0) == Some('`') {
            return self.quoted_segment();
        }
        self.skip_while(|c| c == '_' || is_xid_continue(c));
        self.split_after_slash(from);
        let written = self.written(from, self.at).to_owned();
        let plain: String = written.nfkc().collect();
        if written.chars().any(disguised) {
            let place = self.place(from, self.at);
            self.refuse(from, messages::disguised_name(place, &written, &plain));
            return None;
        }
        if self.report_unseen(from, self.at, unseen) {
            self.push(TokenKind::Broken, from);
            return None;
        }
        Some(PathSegment { text: plain, quoted: false })
    }

    fn quoted_segment(&mut self) -> Option<PathSegment> {
        let from = self.at;
        self.at += 1;
        self.skip_while(|c| c != '`' && c != '\n');
        let text = self.written(from + 1, self.at).to_owned();
        if self.peek(0) != Some('`') || text.is_empty() {
            self.at += usize::from(self.peek(0) == Some('`'));
            self.refuse(from, messages::open_name(self.place(from, self.at)));
            return None;
        }
        self.at += 1;
        if self.report_unseen(from, self.at, |c| unseen(c) || misleading(c)) {
            self.push(TokenKind::Broken, from);
            return None;
        }
        Some(PathSegment { text, quoted: true })
    }

    /// `/分以上` is the unit and a comparison word, where a bare word would be one name.
    fn split_after_slash(&mut self, from: usize) {
        let slash = self.lexed.tokens.last().is_some_and(|token| {
            token.kind == TokenKind::Symbol("/") && token.place.end == self.byte(from)
        });
        if !slash {
            return;
        }
        let word = self.folded(from, self.at);
        for (suffix, _) in COMPARISON_WORDS {
            let unit = word.strip_suffix(suffix).filter(|unit| duration_named(unit).is_some());
            if let Some(unit) = unit {
                self.at = from + unit.chars().count();
                return;
            }
        }
    }

    /// `p99.9` is one word: a fraction follows only a quantile's name.
    fn quantile_fraction(&mut self, segments: &mut [PathSegment]) {
        let [only] = segments else {
            return;
        };
        let digits = only.text.strip_prefix('p').unwrap_or("");
        let quantile =
            !only.quoted && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let fraction =
            self.peek(0) == Some('.') && self.peek(1).is_some_and(|c| c.is_ascii_digit());
        if quantile && fraction {
            let from = self.at;
            self.at += 1;
            self.skip_while(|c| c.is_ascii_digit());
            let fraction = self.folded(from, self.at);
            only.text.push_str(&fraction);
        }
    }

    pub(super) fn quantity(&mut self, quantity: Quantity, from: usize) {
        let at = NodeSpan(self.place(from, self.at));
        self.push(TokenKind::Quantity(Quantity { at, ..quantity }), from);
    }
}
