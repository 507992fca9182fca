//! Message templates: parsed and checked by the rule language, rendered here.

use crate::decimal::Decimal;
use crate::key::KeyValue;
use crate::severity::Severity;
use crate::transition::TopValues;

/// A checked template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageTemplate {
    /// Pieces in order.
    pub parts: Vec<MessagePart>,
}

/// Piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessagePart {
    /// Text as written.
    Literal(String),
    /// Component of the key, by its index in `by`.
    Key(usize),
    /// Field of the triggering event, by its index in the alert's list of message fields.
    Field(usize),
    /// The measured value.
    Value,
    /// Threshold that was met.
    Threshold,
    /// The severity.
    Severity,
    /// The window's length.
    Window,
    /// Number of events in the window.
    Count,
    /// Instant at which the condition became true.
    Since,
    /// Column of a table for a component of the key.
    Column {
        /// Component, by its index in `by`.
        key: usize,
        /// Keys and their texts; the first that matches applies, and `None` matches all.
        rows: Vec<(Option<String>, String)>,
    },
    /// Most frequent values of a field, by their index in the transition.
    Top(usize),
}

/// Unit in which a number is shown; values themselves are in base units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisplayUnit {
    /// A bare number or a count.
    Number,
    /// A fraction, shown as percent.
    Percent,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
}

/// Language of texts for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    En,
    /// Japanese.
    Ja,
}

/// Values for rendering a template.
#[derive(Clone, Debug)]
pub struct MessageValues<'a> {
    /// The key's components.
    pub key: &'a [(String, KeyValue)],
    /// The triggering event's fields.
    pub fields: &'a [(String, KeyValue)],
    /// The measured value, if known.
    pub value: Option<Decimal>,
    /// Threshold that was met.
    pub threshold: Option<Decimal>,
    /// The unit of both.
    pub unit: DisplayUnit,
    /// The severity.
    pub severity: Severity,
    /// The window in milliseconds.
    pub window_ms: i64,
    /// Number of events in the window.
    pub count: u64,
    /// `since`, in the time zone of the receivers.
    pub since: &'a str,
    /// Most frequent values of fields.
    pub tops: &'a [TopValues],
    /// Language of texts for people.
    pub language: Language,
}

impl MessageTemplate {
    /// Renders the template; an unknown value is shown as `-`.
    pub fn render(&self, values: &MessageValues<'_>) -> String {
        self.parts.iter().map(|part| part.render(values)).collect()
    }
}

impl MessagePart {
    fn render(&self, values: &MessageValues<'_>) -> String {
        let quantity = |number: Option<Decimal>| match number {
            Some(number) => show_quantity(number, values.unit, values.language),
            None => "-".to_owned(),
        };
        let part = |parts: &[(String, KeyValue)], index: usize| match parts.get(index) {
            Some((_, value)) => value.to_string(),
            None => "-".to_owned(),
        };
        match self {
            MessagePart::Literal(text) => text.clone(),
            MessagePart::Key(index) => part(values.key, *index),
            MessagePart::Field(index) => part(values.fields, *index),
            MessagePart::Value => quantity(values.value),
            MessagePart::Threshold => quantity(values.threshold),
            MessagePart::Severity => match values.language {
                Language::En => values.severity.name().to_owned(),
                Language::Ja => values.severity.name_ja().to_owned(),
            },
            MessagePart::Window => show_duration(values.window_ms, values.language),
            MessagePart::Count => values.count.to_string(),
            MessagePart::Since => values.since.to_owned(),
            MessagePart::Column { key, rows } => {
                let wanted = part(values.key, *key);
                let is_it = |key: &Option<String>| key.as_ref().is_none_or(|key| *key == wanted);
                let said = rows.iter().find(|(key, _)| is_it(key)).map(|(_, said)| said.as_str());
                said.filter(|said| !said.is_empty()).unwrap_or("-").to_owned()
            }
            MessagePart::Top(at) => match values.tops.get(*at) {
                Some(top) if !top.values.is_empty() => {
                    let shown =
                        top.values.iter().map(|(value, times)| format!("{value} ({times})"));
                    shown.collect::<Vec<String>>().join(", ")
                }
                _ => "-".to_owned(),
            },
        }
    }
}

/// Formats a number with its unit: `82.5%`, `3.2秒`, `1.5GiB`, at most three fraction digits.
pub fn show_quantity(number: Decimal, unit: DisplayUnit, language: Language) -> String {
    match unit {
        DisplayUnit::Number => round_to_thousandths(number).to_string(),
        DisplayUnit::Percent => {
            let percent = number.shift(2).unwrap_or(number);
            format!("{}%", round_to_thousandths(percent))
        }
        DisplayUnit::Seconds => {
            let suffix = if language == Language::Ja { "秒" } else { "s" };
            format!("{}{suffix}", round_to_thousandths(number))
        }
        DisplayUnit::Bytes => show_bytes(number),
    }
}

fn round_to_thousandths(number: Decimal) -> Decimal {
    let thousandths = Decimal::quotient(number.units(), 1_000_000).unwrap_or(Decimal::ZERO);
    Decimal::from_units(thousandths.units() * 1_000_000)
}

fn show_bytes(number: Decimal) -> String {
    let names = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut scaled = number;
    let mut name = "B";
    let kibi = Decimal::from_int(1024);
    for next in names.into_iter().skip(1) {
        if scaled.units().abs() < kibi.units() {
            break;
        }
        scaled = scaled.checked_div(kibi).unwrap_or(scaled);
        name = next;
    }
    format!("{}{name}", round_to_thousandths(scaled))
}

/// Formats a duration in its largest whole unit: `5分`, `90s`.
pub fn show_duration(millis: i64, language: Language) -> String {
    use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
    let units = [
        (7 * DAY_MS, "w", "週間"),
        (DAY_MS, "d", "日"),
        (HOUR_MS, "h", "時間"),
        (MINUTE_MS, "m", "分"),
        (SECOND_MS, "s", "秒"),
        (1, "ms", "ミリ秒"),
    ];
    let fits = |size: i64| millis != 0 && millis % size == 0;
    let (size, en, ja) = units.into_iter().find(|u| fits(u.0)).unwrap_or((SECOND_MS, "s", "秒"));
    format!("{}{}", millis / size, if language == Language::Ja { ja } else { en })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn quantities_read_as_people_write_them() {
        let cases = [
            ("10", DisplayUnit::Number, "10"),
            ("0.8255", DisplayUnit::Percent, "82.55%"),
            ("3.2004", DisplayUnit::Seconds, "3.2秒"),
            ("1610612736", DisplayUnit::Bytes, "1.5GiB"),
            ("512", DisplayUnit::Bytes, "512B"),
            ("0.3333333333", DisplayUnit::Number, "0.333"),
        ];
        for (text, unit, want) in cases {
            assert_eq!(show_quantity(decimal(text), unit, Language::Ja), want);
        }
    }

    #[test]
    fn durations_take_their_largest_whole_unit() {
        let cases = [
            (60_000, "1m", "1分"),
            (90_000, "90s", "90秒"),
            (86_400_000, "1d", "1日"),
            (604_800_000, "1w", "1週間"),
            (59_997, "59997ms", "59997ミリ秒"),
            (0, "0s", "0秒"),
        ];
        for (millis, en, ja) in cases {
            assert_eq!(show_duration(millis, Language::En), en);
            assert_eq!(show_duration(millis, Language::Ja), ja);
        }
    }

    #[test]
    fn a_template_is_filled_from_values() {
        let message = MessageTemplate {
            parts: vec![
                MessagePart::Key(0),
                MessagePart::Literal(": ".to_owned()),
                MessagePart::Value,
                MessagePart::Literal(" >= ".to_owned()),
                MessagePart::Threshold,
                MessagePart::Literal(" / ".to_owned()),
                MessagePart::Window,
                MessagePart::Field(0),
            ],
        };
        let key = [("host".to_owned(), KeyValue::Text("web-1".to_owned()))];
        let values = MessageValues {
            key: &key,
            fields: &[],
            value: None,
            threshold: Some(decimal("0.8")),
            unit: DisplayUnit::Percent,
            severity: Severity::High,
            window_ms: 300_000,
            count: 3,
            since: "2026-01-05 09:00:00",
            tops: &[],
            language: Language::Ja,
        };
        assert_eq!(message.render(&values), "web-1: - >= 80% / 5分-");
    }
}
