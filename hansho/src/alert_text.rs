//! What people read about an alert: messages filled in their language and zone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use engine::shard::Watched;
use jiff::tz::TimeZone;
use model::decimal::Decimal;
use model::message::{Language, MessageValues, Unit, show_duration, show_quantity};
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::{EarlyAlert, KeyPart, TopValues, Transition};
use rules_dsl::rule::Alert;

use crate::console::plain;
use crate::rule_files::Rules;

/// Length of a rendered message in bytes; what is longer is cut and says so.
pub const MESSAGE_BYTES_MAX: usize = 8 * 1024;

/// The texts of the rules in force: those of others once they are.
pub struct Wording(Mutex<Arc<AlertTexts>>);

impl Wording {
    /// These texts, until others are in force.
    pub(crate) fn new(texts: Arc<AlertTexts>) -> Wording {
        Wording(Mutex::new(texts))
    }

    /// The texts in force.
    pub(crate) fn now(&self) -> Arc<AlertTexts> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts other texts in force.
    pub(crate) fn change(&self, texts: AlertTexts) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(texts);
    }
}

/// The texts of a rule set, in the language and zone of its readers.
pub struct AlertTexts {
    alerts: HashMap<String, Texts>,
    /// What the values of watches count, by watch.
    units: HashMap<String, Unit>,
    language: Language,
    zone: TimeZone,
}

struct Texts {
    alert: Alert,
    reading: String,
}

impl AlertTexts {
    /// The texts of these rules.
    pub(crate) fn new(rules: &Rules, language: Language, zone: TimeZone) -> AlertTexts {
        let mut alerts = HashMap::new();
        for alert in &rules.set.alerts {
            let reading = rules.readings.iter().find(|reading| reading.alert == alert.name);
            let reading = reading.map_or_else(String::new, |reading| {
                let words = match language {
                    Language::En => &reading.words_en,
                    Language::Ja => &reading.words_ja,
                };
                format!("{} — {words}", reading.canonical)
            });
            alerts.insert(alert.name.clone(), Texts { alert: alert.clone(), reading });
        }
        let units = rules.set.watches.iter().map(|watch| (watch.name.clone(), watch.unit()));
        AlertTexts { alerts, units: units.collect(), language, zone }
    }

    /// The texts of other rules, for the same readers.
    pub(crate) fn of(&self, rules: &Rules) -> AlertTexts {
        AlertTexts::new(rules, self.language, self.zone.clone())
    }

    /// The language of the texts.
    pub(crate) fn language(&self) -> Language {
        self.language
    }

    /// The message of a transition.
    pub(crate) fn transition(&self, of: &Transition) -> String {
        let since = self.local_time(of.facts.since);
        let measured = (of.measured.value, of.measured.threshold, of.count);
        self.render(
            &of.facts.alert,
            (&of.facts.key, &of.fields, &of.tops),
            measured,
            of.facts.severity,
            &since,
        )
    }

    /// The message of an early notice.
    pub(crate) fn early(&self, of: &EarlyAlert) -> String {
        let since = self.local_time(of.facts.at);
        let measured = (of.measured.value, of.measured.threshold, of.count);
        self.render(
            &of.facts.alert,
            (&of.facts.key, &of.fields, &[]),
            measured,
            of.facts.severity,
            &since,
        )
    }

    fn render(
        &self,
        alert: &str,
        (key, fields, tops): (&[KeyPart], &[KeyPart], &[TopValues]),
        (value, threshold, count): (Option<Decimal>, Option<Decimal>, u64),
        severity: Severity,
        since: &str,
    ) -> String {
        let Some(Texts { alert, .. }) = self.alerts.get(alert) else {
            return String::new();
        };
        let message = alert.message.render(&MessageValues {
            key,
            fields,
            value,
            threshold,
            unit: alert.unit(),
            severity,
            window_ms: alert.trigger.window_ms(),
            count,
            since,
            tops,
            language: self.language,
        });
        cut(message)
    }

    /// The rule of an alert in words.
    pub(crate) fn reading(&self, alert: &str) -> &str {
        self.alerts.get(alert).map_or("", |texts| &texts.reading)
    }

    /// The rule of an alert.
    pub(crate) fn rule(&self, alert: &str) -> Option<&Alert> {
        self.alerts.get(alert).map(|texts| &texts.alert)
    }

    /// A measured value as people read it.
    pub(crate) fn quantity(&self, alert: &str, value: Option<Decimal>) -> String {
        let unit = self.rule(alert).map_or(Unit::Number, Alert::unit);
        value.map_or_else(|| "-".to_owned(), |value| show_quantity(value, unit, self.language))
    }

    /// What a watch shows, on one line: `API呼び出し service=pay: 12`.
    pub(crate) fn watched(&self, one: &Watched) -> String {
        let unit = self.units.get(&one.watch).copied().unwrap_or(Unit::Number);
        let key: String = one.key.iter().map(|(name, value)| format!(" {name}={value}")).collect();
        let value = show_quantity(one.value, unit, self.language);
        plain(&format!("{}{key}: {value}", one.watch))
    }

    /// A length of time as people read it.
    pub(crate) fn duration(&self, millis: i64) -> String {
        show_duration(millis, self.language)
    }

    /// An instant in the readers' zone: `2026-01-05 09:00:54`.
    pub(crate) fn local_time(&self, at: Timestamp) -> String {
        match jiff::Timestamp::from_millisecond(at.0) {
            Ok(instant) => instant
                .to_zoned_datetime(self.zone.clone())
                .strftime("%Y-%m-%d %H:%M:%S")
                .to_string(),
            Err(_) => at.to_string(),
        }
    }
}

fn cut(mut message: String) -> String {
    if message.len() > MESSAGE_BYTES_MAX {
        let mut end = MESSAGE_BYTES_MAX;
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        message.truncate(end);
        message.push('…');
    }
    message
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn long_messages_are_cut_at_a_character() {
        assert_eq!(cut("短い".to_owned()), "短い");
        let long = cut("あ".repeat(5000));
        assert!(long.len() <= super::MESSAGE_BYTES_MAX + '…'.len_utf8());
        assert!(long.ends_with("あ…"));
    }
}
