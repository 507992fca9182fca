//! Numbers and the units read directly after them.

use model::decimal::{Decimal, DecimalError};
use unicode_ident::is_xid_continue;

use super::{COMPARISON_WORDS, Lexer};
use crate::ast::{At, Quantity};
use crate::diagnostic::{Code, Diagnostic, Text, text};
use crate::quantity::{UNITS, UnitWord, unit_prefix};

/// Digits after the point that a number can hold.
const FRACTION_DIGITS_MAX: usize = 9;

/// What may follow the digits of a number.
enum Tail {
    /// Nothing, or a comparison word that is a token of its own.
    Bare,
    /// A unit.
    Unit(&'static UnitWord),
    /// Something refused: why, in what words, and a way out.
    Refused(Code, Text, Option<Text>),
}

impl Lexer<'_> {
    pub(super) fn number(&mut self) {
        let from = self.at;
        self.skip_while(|c| c.is_ascii_digit());
        if self.grouped(from) {
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
        let unit = match read_tail(&digits, &run) {
            Tail::Refused(code, message, help) => return self.refuse(from, code, message, help),
            Tail::Bare => None,
            Tail::Unit(unit) => Some(unit),
        };
        self.at = tail_at + unit.map_or(0, |unit| unit.spelling.chars().count());
        let fraction = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        match Decimal::parse(&digits) {
            Ok(value) if fraction <= FRACTION_DIGITS_MAX => {
                self.quantity(Quantity { value, unit, at: At::default() }, from);
            }
            Ok(_) | Err(DecimalError::OutOfRange | DecimalError::Malformed) => {
                let message = text!(
                    "`{digits}` is beyond 10²⁰ or has more than {FRACTION_DIGITS_MAX} fraction \
                    digits",
                    "`{digits}` は 10²⁰ を超えるか、小数が {FRACTION_DIGITS_MAX} 桁を超えています"
                );
                self.refuse(from, Code::NumberRange, message, None);
            }
        }
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
        let message = text!(
            "`{found}` is one number to some readers and several to others",
            "`{found}` は一つの数にも複数の数にも読めます"
        );
        let help = text!(
            "write `{joined}` for one number; between several put a space after the comma",
            "一つの数なら `{joined}`、複数の数ならカンマの後を空けてください"
        );
        self.refuse(from, Code::NumberSpelling, message, Some(help));
        true
    }
}

/// What the letters after a number are; longest unit first.
fn read_tail(digits: &str, run: &str) -> Tail {
    let comparison = |text: &str| COMPARISON_WORDS.iter().any(|(word, _)| *word == text);
    if run.is_empty() || comparison(run) {
        return Tail::Bare;
    }
    if let Some(refused) = kanji_number(digits, run).or_else(|| calendar(digits, run)) {
        return refused;
    }
    let Some(unit) = unit_prefix(run) else {
        return unknown_unit(digits, run);
    };
    let rest = run.strip_prefix(unit.spelling).unwrap_or("");
    if rest.is_empty() || comparison(rest) {
        return Tail::Unit(unit);
    }
    if run.bytes().all(|b| b.is_ascii_alphabetic()) {
        return unknown_unit(digits, run);
    }
    phrase(digits, unit, rest).unwrap_or_else(|| runs_on(digits, unit, rest))
}

fn kanji_number(digits: &str, run: &str) -> Option<Tail> {
    let first = run.chars().next().filter(|c| "万億兆千百十一二三四五六七八九〇零".contains(*c))?;
    let message = text!(
        "`{digits}{first}` mixes digits and kanji numerals",
        "`{digits}{first}` は算用数字と漢数字が混ざっています"
    );
    let power = match first {
        '万' => 4,
        '億' => 8,
        '兆' => 12,
        '千' => 3,
        '百' => 2,
        _ => 1,
    };
    let plain = Decimal::parse(digits).ok().and_then(|value| value.shift(power));
    let help = plain.map(|plain| text!("write `{plain}`", "`{plain}` と書いてください"));
    Some(Tail::Refused(Code::NumberSpelling, message, help))
}

fn calendar(digits: &str, run: &str) -> Option<Tail> {
    let words = [
        "ヶ月",
        "か月",
        "カ月",
        "ヵ月",
        "ケ月",
        "月",
        "年",
        "営業日",
        "暦日",
        "週",
        "時",
        "months",
        "month",
        "mo",
        "years",
        "year",
        "y",
    ];
    let word = words.into_iter().find(|word| {
        run.strip_prefix(word).is_some_and(|rest| rest.is_empty() || !word.is_ascii())
            && unit_prefix(run).is_none_or(|unit| unit.spelling.len() < word.len())
    })?;
    let message = text!(
        "`{digits}{word}` could be calendar time or a sliding length of time",
        "`{digits}{word}` は暦の上の期間にも、直近の長さにも読めます"
    );
    let help = text!(
        "lengths of time slide: `1d` is the last 24 h, `1w` the last 168 h, `1h` the last 60 min",
        "長さは常に直近です: `1日` は直近24時間、`1週間` は直近168時間、`1時間` は直近60分"
    );
    Some(Tail::Refused(Code::TwoReadings, message, Some(help)))
}

fn phrase(digits: &str, unit: &UnitWord, rest: &str) -> Option<Tail> {
    let quantity = format!("{digits}{}", unit.spelling);
    let found = format!("{quantity}{rest}");
    let help = if rest.starts_with("まで") || rest.starts_with("以内") {
        text!(
            "allowed up to {quantity}, alert above it: `{quantity}超`; alert up to and including \
            it: `{quantity}以下`",
            "{quantity}まで許し、超えたら警報: `{quantity}超`。\
             {quantity}以下で警報: `{quantity}以下`"
        )
    } else if rest.starts_with("連続") {
        text!(
            "that many in a window, others between them: `{quantity}/分`; a condition that lasts: \
            `for 5m`",
            "間に別のものがあってもよい回数: `{quantity}/分`。状態が続くこと: `for 5分`"
        )
    } else {
        return None;
    };
    let message = text!("`{found}` has two readings", "`{found}` には二つの読み方があります");
    Some(Tail::Refused(Code::TwoReadings, message, Some(help)))
}

fn runs_on(digits: &str, unit: &UnitWord, rest: &str) -> Tail {
    let spelling = unit.spelling;
    let message = text!(
        "`{digits}{spelling}` runs on into `{rest}`",
        "`{digits}{spelling}` の後に `{rest}` が続いています"
    );
    if rest.starts_with(|c: char| c.is_ascii_digit()) {
        let help = text!(
            "a quantity is one number and one unit, as in `90s`",
            "数量は一つの数と一つの単位です。例: `90秒`"
        );
        return Tail::Refused(Code::UnitRunsOn, message, Some(help));
    }
    let help = text!(
        "put a space after `{digits}{spelling}`, or back-quote the name `` \
        `{digits}{spelling}{rest}` ``",
        "`{digits}{spelling}` の後を空けるか、\
         名前なら `` `{digits}{spelling}{rest}` `` と囲んでください"
    );
    Tail::Refused(Code::UnitRunsOn, message, Some(help))
}

fn unknown_unit(digits: &str, run: &str) -> Tail {
    let message = text!("`{run}` is no unit", "`{run}` という単位はありません");
    let known = match run {
        "min" | "mins" | "minute" | "minutes" => "m",
        "sec" | "secs" | "second" | "seconds" => "s",
        "hour" | "hours" | "hr" | "hrs" => "h",
        "day" | "days" => "d",
        "week" | "weeks" => "w",
        "msec" | "msecs" => "ms",
        "パーセント" | "percent" => "%",
        "times" | "x" | "つ" | "点" => "回",
        _ => "",
    };
    let help = if known.is_empty() {
        let all: Vec<&str> = UNITS.iter().map(|unit| unit.spelling).collect();
        let all = all.join(" ");
        text!("the units are {all}", "単位は {all} です")
    } else {
        text!("did you mean `{digits}{known}`?", "`{digits}{known}` のことですか?")
    };
    Tail::Refused(Code::UnknownUnit, message, Some(help))
}

/// Words that hold a number in a way with two readings, where a level or clause is expected.
pub(crate) fn phrase_trap(word: &str, diagnostic: Diagnostic) -> Option<Diagnostic> {
    let digit = |c: char| c.is_ascii_digit();
    let trap = |code, message: Text, help: Text| {
        let mut trapped = diagnostic.clone();
        trapped.code = code;
        trapped.message = message;
        trapped.expected = None;
        trapped.found = None;
        trapped.help = vec![help];
        Some(trapped)
    };
    let two = text!("`{word}` has two readings", "`{word}` には二つの読み方があります");
    if word.starts_with("連続") && word.contains(digit) {
        return trap(
            Code::TwoReadings,
            two,
            text!(
                "that many in a window, others between them: `10回/分`; a condition that lasts: \
                `for 5m`",
                "間に別のものがあってもよい回数: `10回/分`。状態が続くこと: `for 5分`"
            ),
        );
    }
    if word.starts_with('毎') && (word.contains(digit) || word.starts_with("毎日")) {
        return trap(
            Code::TwoReadings,
            two,
            text!(
                "within the last minute: `10回/分`; \
                 in every minute for some time: `10回/分 for 10m`",
                "直近1分間に: `10回/分`。どの1分間でも続けて: `10回/分 for 10分`"
            ),
        );
    }
    if ["今日", "当日", "本日", "暦日", "営業日"].iter().any(|day| word.starts_with(day))
    {
        return trap(
            Code::TwoReadings,
            two,
            text!(
                "a day is the last 24 h: `1d`; calendar days are not windows",
                "日は直近24時間です: `1日`。暦日は窓になりません"
            ),
        );
    }
    let kanji = |c: char| "一二三四五六七八九十百千万億〇".contains(c);
    let rest = word.trim_start_matches(kanji);
    if rest.len() < word.len() && unit_prefix(rest).is_some() {
        return trap(
            Code::NumberSpelling,
            text!("`{word}` is written in kanji numerals", "`{word}` は漢数字です"),
            text!(
                "write the number in digits: `10{rest}`",
                "数は算用数字で書いてください: `10{rest}`"
            ),
        );
    }
    None
}
