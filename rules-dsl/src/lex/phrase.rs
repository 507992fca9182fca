//! Ambiguous or unsupported phrases: each is refused with a correct form.

use crate::diagnostic::Diagnostic;
use crate::quantity::{UnitKind, UnitWord, duration_named, unit_prefix};
use crate::source::SourceSpan;

use super::messages;

/// Words for times of the calendar, the longer before those they start with.
const CALENDAR_WORDS: [&str; 18] = [
    "ヶ月",
    "か月",
    "カ月",
    "ヵ月",
    "ケ月",
    "月",
    "年",
    "営業日",
    "暦日",
    "平日",
    "週",
    "時",
    "months",
    "month",
    "mo",
    "years",
    "year",
    "y",
];

/// Calendar days, from midnight to midnight.
const CALENDAR_DAYS: [&str; 5] = ["今日", "当日", "本日", "暦日", "営業日"];

/// Particles that join a window to a level that follows it, as in `5分間に10回`; last, nothing.
const WINDOW_PARTICLES: [&str; 8] =
    ["の間に", "ごとに", "あたり", "当たり", "につき", "に", "で", ""];

/// Measures that a window runs on into, as in `5分平均`.
const MEASURE_WORDS: [&str; 5] = ["平均", "合計", "最大", "最小", "中央値"];

/// Units as other tools spell them.
const UNIT_ALIASES: [(&str, &str); 24] = [
    ("min", "m"),
    ("mins", "m"),
    ("minute", "m"),
    ("minutes", "m"),
    ("sec", "s"),
    ("secs", "s"),
    ("second", "s"),
    ("seconds", "s"),
    ("hour", "h"),
    ("hours", "h"),
    ("hr", "h"),
    ("hrs", "h"),
    ("day", "d"),
    ("days", "d"),
    ("week", "w"),
    ("weeks", "w"),
    ("msec", "ms"),
    ("msecs", "ms"),
    ("パーセント", "%"),
    ("percent", "%"),
    ("times", "回"),
    ("x", "回"),
    ("つ", "回"),
    ("点", "回"),
];

/// Comparison words after a number, and their equivalents here; the longer before those they start
/// with.
const COMPARING: [(&str, &str); 14] = [
    ("超え", "超"),
    ("を超", "超"),
    ("を上回", "超"),
    ("より大き", "超"),
    ("より多", "超"),
    ("オーバー", "超"),
    ("を下回", "未満"),
    ("より小さ", "未満"),
    ("より少な", "未満"),
    ("に達", "以上"),
    ("目", "以上"),
    ("以上", "以上"),
    ("以下", "以下"),
    ("未満", "未満"),
];

/// Digits as kanji write them.
const KANJI_NUMERALS: &str = "一二三四五六七八九十百千万億〇";

/// Value of kanji numerals: `千二百`, `二〇`. None where they are no one number.
fn kanji_value(numerals: &str) -> Option<u64> {
    // Of ten thousands, of the rest, and digits that no power has taken yet.
    let (mut whole, mut part, mut digits) = (0_u64, 0_u64, None::<u64>);
    for c in numerals.chars() {
        match c {
            '十' | '百' | '千' => {
                let power = [('十', 10), ('百', 100), ('千', 1000)];
                let (_, power) = power.into_iter().find(|(kanji, _)| *kanji == c)?;
                part = digits.take().unwrap_or(1).checked_mul(power)?.checked_add(part)?;
            }
            '万' | '億' => {
                let power = if c == '万' { 10_000 } else { 100_000_000 };
                let many = part.checked_add(digits.take().unwrap_or(0))?;
                whole = many.checked_mul(power)?.checked_add(whole)?;
                part = 0;
            }
            _ => {
                let digit = "〇一二三四五六七八九".chars().position(|known| known == c)?;
                let before = digits.unwrap_or(0).checked_mul(10)?;
                digits = before.checked_add(u64::try_from(digit).ok()?);
            }
        }
    }
    whole.checked_add(part)?.checked_add(digits.unwrap_or(0))
}

/// Unit meant by another word.
pub(crate) fn unit_alias(word: &str) -> Option<&'static str> {
    let known = UNIT_ALIASES.iter().find(|(alias, _)| *alias == word);
    known.map(|(_, unit)| *unit)
}

/// The word for a time of the calendar that letters start with, where no unit reaches further.
pub(crate) fn calendar_word(run: &str) -> Option<&'static str> {
    let unit_bytes = unit_prefix(run).map_or(0, |unit| unit.spelling.len());
    CALENDAR_WORDS.into_iter().find(|word| {
        // A foreign word stands alone: `years` is one, `yards` is none.
        let rest = run.strip_prefix(word);
        rest.is_some_and(|rest| rest.is_empty() || !word.is_ascii()) && unit_bytes < word.len()
    })
}

/// Diagnostic of letters after a quantity that read on as a phrase.
pub(super) fn after_quantity(
    place: SourceSpan,
    quantity: &str,
    unit: &UnitWord,
    rest: &str,
) -> Option<Diagnostic> {
    let phrase = format!("{quantity}{rest}");
    if unit.kind == UnitKind::Duration {
        if let Some(level) = level_after(rest) {
            return Some(messages::window_first(place, &phrase, level, quantity));
        }
        if MEASURE_WORDS.iter().any(|measure| rest.starts_with(measure)) {
            return Some(messages::window_of_measure(place, &phrase));
        }
    }
    if rest.starts_with("まで") || rest.starts_with("以内") {
        Some(messages::up_to(place, &phrase, quantity))
    } else if rest.starts_with("連続") {
        Some(messages::in_a_row(place, &phrase, quantity))
    } else {
        let meant = compared(quantity, rest).or_else(|| lasting(quantity, rest))?;
        Some(messages::runs_on(place, quantity, rest).help(messages::did_you_mean(&meant)))
    }
}

/// `10回を超える` is `10回超`.
fn compared(quantity: &str, rest: &str) -> Option<String> {
    let known = COMPARING.iter().find(|(phrase, _)| rest.starts_with(phrase));
    known.map(|(_, word)| format!("{quantity}{word}"))
}

/// `80% 5分継続` is `80% for 5分`.
fn lasting(quantity: &str, rest: &str) -> Option<String> {
    let unit = quantity.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    (duration_named(unit).is_some() && rest.starts_with(['継', '続']))
        .then(|| format!("for {quantity}"))
}

/// The level that follows a window: `10回以上` in `5分間に10回以上`.
fn level_after(rest: &str) -> Option<&str> {
    let level = WINDOW_PARTICLES.iter().find_map(|particle| rest.strip_prefix(particle))?;
    let unit = level.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let is_length = unit_prefix(unit).is_some_and(|unit| unit.kind == UnitKind::Duration);
    (level.starts_with(|c: char| c.is_ascii_digit()) && !is_length).then_some(level)
}

/// Diagnostic of a word that stands where a level, clause or name is expected, when it is
/// part of a phrase with two readings.
pub(crate) fn phrase_trap(word: &str, place: SourceSpan) -> Option<Diagnostic> {
    let numbered = word.contains(|c: char| c.is_ascii_digit());
    if word == "連続" || (word.starts_with("連続") && numbered) {
        return Some(messages::in_a_row(place, word, "10回"));
    }
    if let Some(each) = word.strip_prefix('毎') {
        let unit = duration_named(each).is_some() || calendar_word(each).is_some();
        if unit || numbered || each.starts_with('日') {
            return Some(messages::every(place, word));
        }
    }
    let measured = MEASURE_WORDS.iter().find_map(|measure| word.strip_suffix(measure));
    if measured.is_some_and(|unit| duration_named(unit).is_some()) {
        return Some(messages::window_of_measure(place, word));
    }
    if CALENDAR_DAYS.iter().any(|day| word.starts_with(day)) {
        return Some(messages::calendar_time(place, word));
    }
    if matches!(word, "まで" | "以内") {
        return Some(messages::up_to(place, word, "10回"));
    }
    let unit = word.trim_start_matches(|c| KANJI_NUMERALS.contains(c));
    let is_number = unit.len() < word.len() && unit_prefix(unit).is_some();
    let found = is_number.then(|| messages::kanji_numerals(place, word))?;
    let value = word.strip_suffix(unit).and_then(kanji_value);
    Some(match value {
        Some(value) => found.help(messages::in_digits(value, unit)),
        None => found,
    })
}
