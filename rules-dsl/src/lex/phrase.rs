//! Phrases that people write and that have two readings, or none the language takes: each is
//! refused with what to write instead.

use crate::diagnostic::Diagnostic;
use crate::quantity::{UnitKind, UnitWord, duration_named, unit_prefix};
use crate::source::Place;

use super::wording;

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

/// Days that begin at midnight.
const CALENDAR_DAYS: [&str; 5] = ["今日", "当日", "本日", "暦日", "営業日"];

/// What joins a window to a level that follows it, as in `5分間に10回`.
const WINDOW_PARTICLES: [&str; 7] = ["の間に", "ごとに", "あたり", "当たり", "につき", "に", "で"];

/// What a window runs on into, as in `5分平均`.
const MEASURE_WORDS: [&str; 5] = ["平均", "合計", "最大", "最小", "中央値"];

/// What other people call our units.
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

/// Digits as kanji write them.
const KANJI_NUMERALS: &str = "一二三四五六七八九十百千万億〇";

/// The unit somebody means by another word.
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

/// What is wrong with letters after a quantity that read on as a phrase.
pub(super) fn after_quantity(
    place: Place,
    (quantity, unit): (&str, &UnitWord),
    rest: &str,
) -> Option<Diagnostic> {
    let phrase = format!("{quantity}{rest}");
    if unit.kind == UnitKind::Duration {
        let level = WINDOW_PARTICLES.iter().find_map(|particle| rest.strip_prefix(particle));
        if let Some(level) = level.filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
            return Some(wording::window_first(place, &phrase, level, quantity));
        }
        if MEASURE_WORDS.iter().any(|measure| rest.starts_with(measure)) {
            return Some(wording::window_of_measure(place, &phrase));
        }
    }
    if rest.starts_with("まで") || rest.starts_with("以内") {
        Some(wording::up_to(place, &phrase, quantity))
    } else if rest.starts_with("連続") {
        Some(wording::in_a_row(place, &phrase, quantity))
    } else {
        None
    }
}

/// What is wrong with a word that stands where a level, clause or name is expected, when it is
/// part of a phrase with two readings.
pub(crate) fn phrase_trap(word: &str, place: Place) -> Option<Diagnostic> {
    let numbered = word.contains(|c: char| c.is_ascii_digit());
    if word == "連続" || (word.starts_with("連続") && numbered) {
        return Some(wording::in_a_row(place, word, "10回"));
    }
    if let Some(each) = word.strip_prefix('毎') {
        let unit = duration_named(each).is_some() || calendar_word(each).is_some();
        if unit || numbered || each.starts_with('日') {
            return Some(wording::every(place, word));
        }
    }
    let measured = MEASURE_WORDS.iter().find_map(|measure| word.strip_suffix(measure));
    if measured.is_some_and(|unit| duration_named(unit).is_some()) {
        return Some(wording::window_of_measure(place, word));
    }
    if CALENDAR_DAYS.iter().any(|day| word.starts_with(day)) {
        return Some(wording::calendar_time(place, word));
    }
    if matches!(word, "まで" | "以内") {
        return Some(wording::up_to(place, word, "10回"));
    }
    let unit = word.trim_start_matches(|c| KANJI_NUMERALS.contains(c));
    let is_number = unit.len() < word.len() && unit_prefix(unit).is_some();
    is_number.then(|| wording::kanji_numerals(place, word, unit))
}
