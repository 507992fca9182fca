//! Alert templates: messages rendered in the language and zone of their readers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use connectors::alert_log_codec::AlertRecord;
use engine::shard::WatchSample;
use jiff::tz::TimeZone;
use model::alert_facts::{AlertFacts, Measurement};
use model::decimal::Decimal;
use model::message::{DisplayUnit, Language, MessageValues, show_duration, show_quantity};
use model::time::Timestamp;
use model::transition::{EarlyAlert, NamedKeyPart, TopValues, Transition};
use rules_dsl::rule::Alert;

use crate::rules::loaded::LoadedRules;

/// Length of a rendered message in bytes; what is longer is cut and says so.
pub const MESSAGE_BYTES_MAX: usize = 8 * 1024;

/// The templates of the active rules: those of others once they are.
pub struct SharedTemplates(Mutex<Arc<AlertTemplates>>);

impl SharedTemplates {
    /// These templates, until other rules are active.
    pub fn new(texts: Arc<AlertTemplates>) -> SharedTemplates {
        SharedTemplates(Mutex::new(texts))
    }

    /// The templates of the active rules.
    pub fn current(&self) -> Arc<AlertTemplates> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The templates of other rules, for the same readers.
    pub(crate) fn of_rules(&self, rules: &LoadedRules) -> AlertTemplates {
        self.current().of_rules(rules)
    }

    /// Makes these rules the active ones.
    pub fn replace_rules(&self, rules: &LoadedRules) {
        let templates = Arc::new(self.of_rules(rules));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = templates;
    }
}

impl std::fmt::Debug for SharedTemplates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedTemplates").finish_non_exhaustive()
    }
}

/// The texts of a rule set, in the language and zone of its readers.
pub struct AlertTemplates {
    alerts: HashMap<String, AlertTemplate>,
    /// Units of the values of watches, by watch.
    units: HashMap<String, DisplayUnit>,
    language: Language,
    zone: TimeZone,
}

struct AlertTemplate {
    alert: Alert,
    reading: String,
}

impl AlertTemplates {
    /// The texts of these rules.
    pub fn new(rules: &LoadedRules, language: Language, zone: TimeZone) -> AlertTemplates {
        let mut alerts = HashMap::new();
        for alert in &rules.set.alerts {
            let explained = rules.readings.iter().find(|reading| reading.alert == alert.name);
            let reading = explained.map_or_else(String::new, |of| {
                let words = match language {
                    Language::En => &of.words_en,
                    Language::Ja => &of.words_ja,
                };
                format!("{} — {words}", of.canonical)
            });
            alerts.insert(alert.name.clone(), AlertTemplate { alert: alert.clone(), reading });
        }
        let units = rules.set.watches.iter().map(|watch| (watch.name.clone(), watch.unit()));
        AlertTemplates { alerts, units: units.collect(), language, zone }
    }

    /// The templates of other rules, for the same readers.
    pub fn of_rules(&self, rules: &LoadedRules) -> AlertTemplates {
        AlertTemplates::new(rules, self.language, self.zone.clone())
    }

    /// The language of the texts.
    pub fn language(&self) -> Language {
        self.language
    }

    /// The message of a transition.
    pub fn transition(&self, of: &Transition) -> String {
        self.render(&of.facts, &of.measured, of.facts.since, &of.fields, &of.tops, of.count)
    }

    /// A transition with its message, as the alert log holds it.
    pub(crate) fn transition_record(&self, transition: Transition) -> AlertRecord {
        let message = self.transition(&transition);
        AlertRecord::Transition(transition, message)
    }

    /// An early alert with its message, as the alert log holds it.
    pub(crate) fn early_record(&self, early: EarlyAlert) -> AlertRecord {
        let facts = &early.facts;
        let message =
            self.render(facts, &early.measured, facts.at, &early.fields, &[], early.count);
        AlertRecord::Early(early, message)
    }

    fn render(
        &self,
        facts: &AlertFacts,
        measured: &Measurement,
        since: Timestamp,
        fields: &[NamedKeyPart],
        tops: &[TopValues],
        count: u64,
    ) -> String {
        let Some(AlertTemplate { alert, .. }) = self.alerts.get(&facts.alert) else {
            return String::new();
        };
        let message = alert.message.render(&MessageValues {
            key: &facts.key,
            fields,
            value: measured.value,
            threshold: measured.threshold,
            unit: alert.unit(),
            severity: facts.severity,
            window_ms: alert.trigger.window_ms(),
            count,
            since: &self.local_time(since),
            tops,
            language: self.language,
        });
        cut(message)
    }

    /// The rule of an alert in words.
    pub fn reading(&self, alert: &str) -> &str {
        self.alerts.get(alert).map_or("", |texts| &texts.reading)
    }

    /// The rule of an alert.
    pub fn rule(&self, alert: &str) -> Option<&Alert> {
        self.alerts.get(alert).map(|texts| &texts.alert)
    }

    /// A measured value as people read it.
    pub fn quantity(&self, alert: &str, value: Option<Decimal>) -> String {
        let unit = self.rule(alert).map_or(DisplayUnit::Number, Alert::unit);
        value.map_or_else(|| "-".to_owned(), |value| show_quantity(value, unit, self.language))
    }

    /// Renders the value of a watch on one line: `API呼び出し service=pay: 12`.
    pub fn watched(&self, one: &WatchSample) -> String {
        let unit = self.units.get(&one.watch).copied().unwrap_or(DisplayUnit::Number);
        let key: String = one.key.iter().map(|(name, value)| format!(" {name}={value}")).collect();
        let value = show_quantity(one.value, unit, self.language);
        plain(&format!("{}{key}: {value}", one.watch))
    }

    /// A length of time as people read it.
    pub fn duration(&self, millis: i64) -> String {
        show_duration(millis, self.language)
    }

    /// An instant in the readers' zone: `2026-01-05 09:00:54`.
    pub fn local_time(&self, at: Timestamp) -> String {
        match jiff::Timestamp::from_millisecond(at.0) {
            Ok(instant) => instant
                .to_zoned_datetime(self.zone.clone())
                .strftime("%Y-%m-%d %H:%M:%S")
                .to_string(),
            Err(_) => at.to_string(),
        }
    }
}

/// Text of events may hold anything: control and direction characters are shown, not sent.
pub fn plain(text: &str) -> String {
    let marks = ['\u{200e}'..='\u{200f}', '\u{202a}'..='\u{202e}', '\u{2066}'..='\u{2069}'];
    let is_risky = |c: char| c.is_control() || marks.iter().any(|range| range.contains(&c));
    text.chars()
        .flat_map(|c| {
            let shown = if is_risky(c) { format!("\\u{{{:x}}}", c as u32) } else { c.to_string() };
            shown.chars().collect::<Vec<_>>()
        })
        .collect()
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
    use super::{cut, plain};

    #[test]
    fn text_from_events_cannot_drive_the_terminal() {
        assert_eq!(plain("山田 ok"), "山田 ok");
        assert_eq!(plain("a\x1b[2Jb\r\n"), "a\\u{1b}[2Jb\\u{d}\\u{a}");
        assert_eq!(plain("\u{202e}gpj.exe"), "\\u{202e}gpj.exe");
    }

    #[test]
    fn long_messages_are_cut_at_a_character() {
        assert_eq!(cut("短い".to_owned()), "短い");
        let long = cut("あ".repeat(5000));
        assert!(long.len() <= super::MESSAGE_BYTES_MAX + '…'.len_utf8());
        assert!(long.ends_with("あ…"));
    }
}
