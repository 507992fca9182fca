//! Numbers and the units read directly after them.

use model::decimal::Decimal;
use unicode_ident::is_xid_continue;

use super::lexer::Lexer;
use super::messages;
use super::phrase::{after_quantity, calendar_word, unit_alias};
use super::token::{COMPARISON_WORDS, TokenKind};
use crate::ast::{NodeSpan, Quantity};
use crate::diagnostic::Diagnostic;
use crate::quantity::{UNITS, UnitWord, unit_prefix};
use crate::source::SourceSpan;

/// Digits after the point that a number can hold.
pub(super) const FRACTION_DIGITS_MAX: usize = 9;

/// Digits of a number out of range that are shown.
const DIGITS_SHOWN_MAX: usize = 40;

/// Minutes of a day.
const DAY_MINUTES: u16 = 24 * 60;

/// The unit after a number, or what is wrong with what stands there.
type NumberTail = Result<Option<&'static UnitWord>, Box<Diagnostic>>;

impl Lexer<'_> {
    pub(super) fn number(&mut self) {
        let from = self.at;
        self.skip_while(|c| c.is_ascii_digit());
        if self.clock(from) || self.grouped(from) {
            return;
        }
        if self.peek(0) == Some('.') && self.peek(1).is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
            self.skip_while(|c| c.is_ascii_digit());
        }
        let digits = self.folded(from, self.at);
        let tail_at = self.at;
        self.skip_while(|c| c == '%' || is_xid_continue(c));
        let run = self.folded(tail_at, self.at);
        let place = self.place(from, self.at);
        let unit = match read_tail(place, &digits, &run) {
            Ok(unit) => unit,
            Err(found) => return self.refuse(from, *found),
        };
        self.at = tail_at + unit.map_or(0, |unit| unit.spelling.chars().count());
        let fraction = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        match Decimal::parse(&digits) {
            Ok(value) if fraction <= FRACTION_DIGITS_MAX => {
                self.quantity(Quantity { value, unit, at: NodeSpan::default() }, from);
            }
            _ => {
                // A hostile file writes more digits than anybody reads.
                let mut shown: String = digits.chars().take(DIGITS_SHOWN_MAX).collect();
                if shown.len() < digits.len() {
                    shown.push('…');
                }
                self.refuse(from, messages::number_range(self.place(from, self.at), &shown));
            }
        }
    }

    /// `09:00`: digits, a colon and digits without a gap.
    fn clock(&mut self, from: usize) -> bool {
        let follows = |lexer: &Lexer<'_>| {
            lexer.peek(0) == Some(':') && lexer.peek(1).is_some_and(|c| c.is_ascii_digit())
        };
        if !follows(self) {
            return false;
        }
        while follows(self) {
            self.at += 1;
            self.skip_while(is_xid_continue);
        }
        let written = self.folded(from, self.at);
        match minutes(&written) {
            Some(minutes) => self.push(TokenKind::Clock(minutes), from),
            None => self.refuse(from, messages::clock(self.place(from, self.at), &written)),
        }
        true
    }

    /// Refuses `10,000`: one number to some readers, two to others.
    fn grouped(&mut self, from: usize) -> bool {
        let group = |lexer: &Lexer<'_>| {
            let digit = |ahead| lexer.peek(ahead).is_some_and(|c: char| c.is_ascii_digit());
            lexer.peek(0) == Some(',') && (1..=3).all(digit) && !digit(4)
        };
        if self.at - from > 3 || !group(self) {
            return false;
        }
        while group(self) {
            self.at += 4;
        }
        let found = self.folded(from, self.at);
        let joined = found.replace(',', "");
        self.refuse(from, messages::grouped(self.place(from, self.at), &found, &joined));
        true
    }
}

/// Minutes after midnight of `09:00`; `24:00` ends a day.
fn minutes(written: &str) -> Option<u16> {
    let (hours, minutes) = written.split_once(':')?;
    if hours.len() > 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let all = hours * 60 + minutes;
    (minutes < 60 && all <= DAY_MINUTES).then_some(all)
}

/// Reading of the letters after a number; longest unit first.
fn read_tail(place: SourceSpan, digits: &str, run: &str) -> NumberTail {
    let comparison = |text: &str| COMPARISON_WORDS.iter().any(|(word, _)| *word == text);
    if run.is_empty() || comparison(run) {
        return Ok(None);
    }
    if let Some(found) = kanji_number(place, digits, run) {
        return Err(Box::new(found));
    }
    if let Some(word) = calendar_word(run) {
        return Err(Box::new(messages::calendar_time(place, &format!("{digits}{word}"))));
    }
    let Some(unit) = unit_prefix(run) else {
        return Err(Box::new(unknown_unit(place, digits, run)));
    };
    let rest = run.strip_prefix(unit.spelling).unwrap_or("");
    if rest.is_empty() || comparison(rest) {
        return Ok(Some(unit));
    }
    Err(Box::new(if run.bytes().all(|b| b.is_ascii_alphabetic()) {
        unknown_unit(place, digits, run)
    } else {
        let quantity = format!("{digits}{}", unit.spelling);
        let phrase = after_quantity(place, &quantity, unit, rest);
        phrase.unwrap_or_else(|| runs_on(place, &quantity, rest))
    }))
}

fn kanji_number(place: SourceSpan, digits: &str, run: &str) -> Option<Diagnostic> {
    let numerals = "万億兆千百十一二三四五六七八九〇零";
    let first = run.chars().next().filter(|c| numerals.contains(*c))?;
    let power = match first {
        '万' => 4,
        '億' => 8,
        '兆' => 12,
        '千' => 3,
        '百' => 2,
        _ => 1,
    };
    let plain = Decimal::parse(digits).ok().and_then(|value| value.shift(power));
    let found = messages::mixed_numerals(place, digits, first);
    Some(match plain {
        Some(plain) => found.help(messages::write(plain)),
        None => found,
    })
}

fn runs_on(place: SourceSpan, quantity: &str, rest: &str) -> Diagnostic {
    let found = messages::runs_on(place, quantity, rest);
    found.help(if rest.starts_with(|c: char| c.is_ascii_digit()) {
        messages::one_unit()
    } else {
        messages::space_or_quotes(quantity, rest)
    })
}

fn unknown_unit(place: SourceSpan, digits: &str, run: &str) -> Diagnostic {
    let found = messages::unknown_unit(place, run);
    let (alias, compared) = COMPARISON_WORDS
        .iter()
        .find_map(|(word, _)| Some((run.strip_suffix(word)?, *word)))
        .unwrap_or((run, ""));
    if let Some(known) = unit_alias(alias) {
        return found.help(messages::did_you_mean(&format!("{digits}{known}{compared}")));
    }
    let all: Vec<&str> = UNITS.iter().map(|unit| unit.spelling).collect();
    found.help(messages::units(&all.join(" ")))
}
