//! Text to tokens.

mod character;
mod number;

use unicode_ident::{is_xid_continue, is_xid_start};
use unicode_normalization::UnicodeNormalization;

use crate::ast::{At, Quantity};
use crate::diagnostic::{Code, Diagnostic, Text, text};
use crate::quantity::duration_named;
use crate::source::Place;
use character::{disguised, fold, quote_like};
pub(crate) use number::phrase_trap;

/// Most bytes of one rule file.
pub const SOURCE_BYTES_MAX: usize = 1 << 20;
/// Most bytes of one text or name.
pub const TEXT_BYTES_MAX: usize = 16 << 10;

/// One token and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) place: Place,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TokenKind {
    /// A word or dotted path.
    Word(Vec<Segment>),
    /// A number with the unit read directly after it.
    Quantity(Quantity),
    /// A quoted text, unescaped.
    Text(String),
    /// A mark such as `{` or `>=`.
    Symbol(&'static str),
    /// What the lexer has reported already.
    Broken,
}

/// One part of a dotted path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// NFKC-normalised; as written when back-quoted.
    pub(crate) text: String,
    /// Back-quoted, hence never a word of the language.
    pub(crate) quoted: bool,
}

/// The words that follow a level, longest first, and their operators.
pub(crate) const COMPARISON_WORDS: [(&str, &str); 5] =
    [("超過", ">"), ("以上", ">="), ("以下", "<="), ("未満", "<"), ("超", ">")];

const SYMBOLS: [&str; 30] = [
    "=>", "==", "!=", ">=", "<=", "..", "{", "}", "(", ")", "[", "]", ",", ":", "=", ">", "<", "/",
    "*", "+", "-", "?", ".", "~", "|", "&", ";", "!", "$", "@",
];

/// A character as the language reads it, and where it starts.
#[derive(Clone, Copy)]
struct Glyph {
    c: char,
    start: usize,
}

/// Reads a whole file; what means nothing is reported and becomes [`TokenKind::Broken`].
pub(crate) fn lex(file: usize, source: &str) -> (Vec<Token>, Vec<Diagnostic>) {
    if source.len() > SOURCE_BYTES_MAX {
        let message = text!(
            "the file is larger than {SOURCE_BYTES_MAX} bytes",
            "ファイルが {SOURCE_BYTES_MAX} バイトを超えています"
        );
        let help = text!(
            "split it: all files share one namespace",
            "分割してください。名前は全ファイルで共通です"
        );
        let place = Place { file, start: 0, end: 0 };
        let found = Diagnostic::new(Code::LimitExceeded, place, message).help(help);
        return (Vec::new(), vec![found]);
    }
    let glyphs = source.char_indices().map(|(start, c)| Glyph { c: fold(c), start }).collect();
    let mut lexer =
        Lexer { file, source, glyphs, at: 0, tokens: Vec::new(), diagnostics: Vec::new() };
    while lexer.token() {}
    (lexer.tokens, lexer.diagnostics)
}

struct Lexer<'a> {
    file: usize,
    source: &'a str,
    glyphs: Vec<Glyph>,
    at: usize,
    tokens: Vec<Token>,
    diagnostics: Vec<Diagnostic>,
}

impl Lexer<'_> {
    /// Reads one token or gap; false at the end.
    fn token(&mut self) -> bool {
        let Some(c) = self.peek(0) else {
            return false;
        };
        let start = self.at;
        match c {
            '#' => self.skip_while(|c| c != '\n'),
            '"' => self.quoted_text(),
            '0'..='9' => self.number(),
            '`' => self.word(),
            _ if c.is_whitespace() || c == '\u{feff}' => self.at += 1,
            _ if disguised(self.original(start)) => self.disguised(),
            _ if begins_word(c) => self.word(),
            _ => self.symbol(),
        }
        true
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.glyphs.get(self.at + ahead).map(|glyph| glyph.c)
    }

    fn skip_while(&mut self, keep: impl Fn(char) -> bool) {
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

    fn folded(&self, from: usize, to: usize) -> String {
        self.glyphs.get(from..to).unwrap_or(&[]).iter().map(|glyph| glyph.c).collect()
    }

    fn place(&self, from: usize, to: usize) -> Place {
        Place { file: self.file, start: self.byte(from), end: self.byte(to) }
    }

    fn push(&mut self, kind: TokenKind, from: usize) {
        let place = self.place(from, self.at);
        self.tokens.push(Token { kind, place });
    }

    /// Reports what was read since `from` and leaves a broken token for it.
    fn refuse(&mut self, from: usize, code: Code, message: Text, help: Option<Text>) {
        let mut diagnostic = Diagnostic::new(code, self.place(from, self.at), message);
        diagnostic.help.extend(help);
        self.diagnostics.push(diagnostic);
        self.push(TokenKind::Broken, from);
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
        let c = self.original(from);
        let code_point = u32::from(c);
        let message = text!(
            "the character `{c}` (U+{code_point:04X}) means nothing here",
            "文字 `{c}` (U+{code_point:04X}) はここでは意味がありません"
        );
        let help = match c {
            _ if quote_like(c) => text!("texts stand in \"…\"", "文字列は \"…\" で囲みます"),
            '%' => {
                text!("`%` follows its number directly: `80%`", "`%` は数のすぐ後に書きます: `80%`")
            }
            _ => text!(
                "a name that is no word is back-quoted: `` `{c}` ``",
                "語でない名前は `` `{c}` `` のように囲みます"
            ),
        };
        self.refuse(from, Code::StrayCharacter, message, Some(help));
    }

    fn disguised(&mut self) {
        let from = self.at;
        self.at += 1;
        let c = self.original(from);
        let plain: String = c.nfkc().collect();
        let message = text!(
            "`{c}` is one character that would silently be read as `{plain}`",
            "`{c}` は一文字で、そのままでは `{plain}` と読まれてしまいます"
        );
        let help = text!(
            "write `{plain}`, or back-quote a name that has it",
            "`{plain}` と書くか、名前ならバッククォートで囲んでください"
        );
        self.refuse(from, Code::DisguisedCharacter, message, Some(help));
    }

    fn quoted_text(&mut self) {
        let from = self.at;
        self.at += 1;
        let mut value = String::new();
        loop {
            if self.peek(0).is_none_or(|c| c == '\n') {
                let message = text!(
                    "this text has no closing `\"` on its line",
                    "この文字列は行内で閉じられていません"
                );
                let help = text!(
                    "a line break inside a text is written `\\n`",
                    "文字列の中の改行は `\\n` と書きます"
                );
                return self.refuse(from, Code::Unterminated, message, Some(help));
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
        if value.len() > TEXT_BYTES_MAX {
            let message = text!(
                "the text is longer than {TEXT_BYTES_MAX} bytes",
                "文字列が {TEXT_BYTES_MAX} バイトを超えています"
            );
            return self.refuse(from, Code::LimitExceeded, message, None);
        }
        self.push(TokenKind::Text(value), from);
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
        let message =
            text!("`\\{letter}` is no escape", "`\\{letter}` というエスケープはありません");
        let help = text!(
            "a backslash is written twice: `\\\\{letter}`; the escapes are \\\\ \\\" \\n \\t",
            "バックスラッシュは二つ書きます: `\\\\{letter}`。\
             エスケープは \\\\ \\\" \\n \\t だけです"
        );
        let place = self.place(from, self.at);
        self.diagnostics.push(Diagnostic::new(Code::UnknownEscape, place, message).help(help));
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
            let goes_on = self.peek(0) == Some('.')
                && self.peek(1).is_some_and(|c| c == '`' || begins_word(c));
            if !goes_on {
                break;
            }
            self.at += 1;
        }
        self.quantile_fraction(&mut segments);
        if self.at - from > TEXT_BYTES_MAX {
            let message = text!(
                "the name is longer than {TEXT_BYTES_MAX} characters",
                "名前が {TEXT_BYTES_MAX} 文字を超えています"
            );
            return self.refuse(from, Code::LimitExceeded, message, None);
        }
        self.push(TokenKind::Word(segments), from);
    }

    fn segment(&mut self) -> Option<Segment> {
        let from = self.at;
        if self.peek(0) == Some('`') {
            self.at += 1;
            self.skip_while(|c| c != '`' && c != '\n');
            let text = self.written(from + 1, self.at).to_owned();
            if self.peek(0) != Some('`') || text.is_empty() {
                let message = text!(
                    "this back-quoted name is empty or not closed on its line",
                    "バッククォートの名前が空か、行内で閉じられていません"
                );
                self.refuse(from, Code::Unterminated, message, None);
                return None;
            }
            self.at += 1;
            return Some(Segment { text, quoted: true });
        }
        self.skip_while(|c| c == '_' || is_xid_continue(c));
        self.split_after_slash(from);
        let written = self.written(from, self.at).to_owned();
        if written.chars().any(disguised) {
            let plain: String = written.nfkc().collect();
            let message = text!(
                "`{written}` holds a character that would silently be read as another: `{plain}`",
                "`{written}` には別の文字に読み替えられてしまう文字があります: `{plain}`"
            );
            self.refuse(from, Code::DisguisedCharacter, message, None);
            return None;
        }
        Some(Segment { text: written.nfkc().collect(), quoted: false })
    }

    /// `/分以上` is the unit and a comparison word, where a bare word would be one name.
    fn split_after_slash(&mut self, from: usize) {
        let slash = self.tokens.last().is_some_and(|token| {
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
    fn quantile_fraction(&mut self, segments: &mut [Segment]) {
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

    fn quantity(&mut self, quantity: Quantity, from: usize) {
        let at = At(self.place(from, self.at));
        self.push(TokenKind::Quantity(Quantity { at, ..quantity }), from);
    }
}

pub(crate) fn begins_word(c: char) -> bool {
    c == '_' || is_xid_start(c)
}

#[cfg(test)]
mod tests;
