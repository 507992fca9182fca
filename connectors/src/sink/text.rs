//! Texts of notifications for people, in their language and time zone.

use jiff::tz::TimeZone;
use model::decimal::Decimal;
use model::message::Language;
use model::notification::{Notification, NotificationKind};
use model::severity::Severity;
use model::time::Timestamp;

/// Formatter of texts in one language and time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageFormatter {
    /// Language.
    pub language: Language,
    /// Time zone.
    pub zone: TimeZone,
}

/// A fact of an incident, as one line with a name.
pub(super) struct IncidentFact {
    pub(super) kind: FactKind,
    /// Name in the language.
    pub(super) name: String,
    pub(super) text: String,
}

/// Kinds of facts, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FactKind {
    Severity,
    Deadline,
    Key,
    Value,
    Since,
    Ended,
    By,
    Missed,
    Runbook,
    Rule,
    Incident,
}

impl MessageFormatter {
    /// Returns one line: `[緊急] 認証失敗多発: …`; control characters become spaces.
    pub(super) fn title(&self, of: &Notification) -> String {
        let message = match of.kind {
            NotificationKind::Digest => self.digest_summary(of),
            _ => of.message.clone(),
        };
        let message = if message.is_empty() { String::new() } else { format!(": {message}") };
        one_line(&format!("[{}] {}{message}", self.headline(of), of.facts.alert))
    }

    /// Returns the state as a short phrase.
    pub(super) fn headline(&self, of: &Notification) -> String {
        let severity = self.severity(of.facts.severity);
        let is_flapping = of.digest.as_ref().is_some_and(|digest| digest.is_flapping);
        let (en, ja) = match of.kind {
            NotificationKind::Firing => return severity.to_owned(),
            NotificationKind::Changed => (format!("now {severity}"), format!("{severity}に上昇")),
            NotificationKind::Again => {
                (format!("{severity}, again"), format!("{severity}・再び該当"))
            }
            NotificationKind::Resolved if is_flapping => {
                ("no longer flapping".to_owned(), "繰り返しの終了".to_owned())
            }
            NotificationKind::Resolved => ("resolved".to_owned(), "解消".to_owned()),
            NotificationKind::Acknowledged => ("acknowledged".to_owned(), "対応開始".to_owned()),
            NotificationKind::Escalated => {
                (format!("{severity}, nobody responded"), format!("{severity}・未対応"))
            }
            NotificationKind::Reminder => {
                (format!("{severity}, still open"), format!("{severity}・未解消"))
            }
            NotificationKind::Digest if is_flapping => {
                (format!("{severity}, flapping"), format!("{severity}・繰り返し"))
            }
            NotificationKind::Digest => (format!("{severity}, many"), format!("{severity}・多発")),
        };
        self.localized(en, ja)
    }

    /// Returns the known facts; none is empty.
    pub(super) fn facts(&self, of: &Notification) -> Vec<IncidentFact> {
        let key: Vec<String> =
            of.facts.key.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let deadline = match (of.kind, of.deadline) {
            (NotificationKind::Resolved | NotificationKind::Digest, _) => None,
            (_, Some(deadline)) => Some(self.local_time(deadline)),
            (_, None) => Some(self.localized("as planned", "計画的に対応")),
        };
        let missed = of.missed.as_ref().map(|missed| {
            let at = self.local_time(missed.at);
            match &missed.why {
                Some(why) => self.localized(
                    format!("begun {at}; not delivered then: {why}"),
                    format!("{at} に発火。その時点では届かず: {why}"),
                ),
                None => self.localized(format!("begun {at}"), format!("{at} に発火")),
            }
        });
        let ended = (of.kind == NotificationKind::Resolved).then(|| self.local_time(of.facts.at));
        let facts = [
            (
                FactKind::Severity,
                self.localized("severity", "重大度"),
                Some(self.severity(of.facts.severity).to_owned()),
            ),
            (FactKind::Deadline, self.localized("respond by", "対応期限"), deadline),
            (FactKind::Key, self.localized("key", "キー"), Some(key.join(" "))),
            (
                FactKind::Value,
                self.localized("value", "値"),
                self.value_text(of.measured.value, of.measured.threshold),
            ),
            (
                FactKind::Since,
                self.localized("since", "発生"),
                Some(self.local_time(of.facts.since)),
            ),
            (FactKind::Ended, self.localized("ended", "解消"), ended),
            (FactKind::By, self.localized("by", "対応者"), of.by.clone()),
            (FactKind::Missed, self.localized("missed", "未達"), missed),
            (FactKind::Runbook, self.localized("runbook", "手順書"), of.runbook.clone()),
            (FactKind::Rule, self.localized("rule", "ルール"), Some(of.reading.clone())),
            (
                FactKind::Incident,
                self.localized("incident", "インシデント"),
                Some(of.incident.to_string()),
            ),
        ];
        let known = facts.into_iter().filter_map(|(kind, name, fact)| {
            Some(IncidentFact { kind, name, text: one_line(&fact?) })
        });
        known.filter(|fact| !fact.text.is_empty()).collect()
    }

    /// Returns the name of a severity.
    pub(super) fn severity(&self, severity: Severity) -> &'static str {
        match self.language {
            Language::En => severity.name(),
            Language::Ja => severity.name_ja(),
        }
    }

    /// Returns the message of a digest: alerts and counts.
    pub(super) fn digest_summary(&self, of: &Notification) -> String {
        let Some(digest) = &of.digest else { return of.message.clone() };
        let (news, ended, named) = (digest.news, digest.ended, &of.message);
        if digest.is_flapping {
            let text = self.localized(
                format!("{named} began {news} times and ended {ended} times in the last hour"),
                format!("{named} 直近1時間に発生{news}回、解消{ended}回"),
            );
            return text.trim_start().to_owned();
        }
        self.localized(
            format!("{news} at once, {ended} over ({named})"),
            format!("{news}件発生、{ended}件解消 ({named})"),
        )
    }

    /// `2026-01-05 09:00:54 +09:00`
    pub(super) fn local_time(&self, at: Timestamp) -> String {
        match jiff::Timestamp::from_millisecond(at.0) {
            Ok(instant) => instant
                .to_zoned_datetime(self.zone.clone())
                .strftime("%Y-%m-%d %H:%M:%S %:z")
                .to_string(),
            Err(_) => at.to_string(),
        }
    }

    fn value_text(&self, value: Option<Decimal>, threshold: Option<Decimal>) -> Option<String> {
        let value = value?;
        Some(match threshold {
            Some(threshold) => self.localized(
                format!("{value} (threshold {threshold})"),
                format!("{value} (しきい値 {threshold})"),
            ),
            None => value.to_string(),
        })
    }

    fn localized(&self, en: impl Into<String>, ja: impl Into<String>) -> String {
        match self.language {
            Language::En => en.into(),
            Language::Ja => ja.into(),
        }
    }
}

/// Replaces characters that break a line or change the direction of text.
pub(super) fn one_line(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let is_unsafe = |c: char| breaks(c) || turns(c);
    text.chars().map(|c| if is_unsafe(c) { ' ' } else { c }).collect()
}

/// Truncates to `most` characters; a truncated text ends with `…`.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(most.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// Colour of resolved incidents.
pub(super) const RESOLVED_COLOR: &str = "#388E3C";

/// Colour of a severity.
pub(super) const fn severity_color(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "#D32F2F",
        Severity::High => "#F57C00",
        Severity::Medium => "#FBC02D",
        Severity::Low => "#1976D2",
    }
}

/// Returns true when the whole text is a web address that can be linked.
pub(super) fn is_web_address(text: &str) -> bool {
    let is_web = ["https://", "http://"].iter().any(|scheme| text.starts_with(scheme));
    is_web && !text.contains(' ')
}

#[cfg(test)]
pub(super) mod tests {
    use model::notification::Digest;

    use super::*;
    use crate::sink::tests::notification;

    /// A formatter for people in Japan.
    pub(in crate::sink) fn formatter(language: Language) -> MessageFormatter {
        MessageFormatter { language, zone: TimeZone::get("Asia/Tokyo").unwrap() }
    }

    #[test]
    fn a_title_is_one_line_in_the_readers_language() {
        let of = Notification { message: "多い\r\nBcc: x\u{202e}".to_owned(), ..notification() };
        let titles = [Language::Ja, Language::En].map(|language| formatter(language).title(&of));
        assert_eq!(titles[0], "[緊急] 認証\"失敗 : 多い  Bcc: x ");
        assert_eq!(titles[1], "[critical] 認証\"失敗 : 多い  Bcc: x ");
        let news = NotificationKind::ALL.map(|kind| {
            let of = Notification { kind, ..notification() };
            [Language::Ja, Language::En].map(|language| formatter(language).headline(&of))
        });
        let mut different = news.concat();
        different.sort();
        different.dedup();
        assert_eq!(different.len(), 16, "{news:?}");
    }

    #[test]
    fn what_is_reported_in_sum_says_how_much() {
        let of = |is_flapping| {
            let digest = Digest { news: 4, ended: 3, is_flapping, alerts: Vec::new() };
            let message = if is_flapping { "host=a" } else { "cpu 4" }.to_owned();
            let kind = NotificationKind::Digest;
            Notification { kind, message, digest: Some(digest.into()), ..notification() }
        };
        let over = Notification { kind: NotificationKind::Resolved, ..of(true) };
        let titles = [Language::Ja, Language::En].map(|language| formatter(language).title(&over));
        assert_eq!(titles[0], "[繰り返しの終了] 認証\"失敗 : host=a");
        assert_eq!(titles[1], "[no longer flapping] 認証\"失敗 : host=a");
        let said = [(Language::En, true), (Language::Ja, true), (Language::En, false)].map(
            |(language, is_flapping)| {
                let (formatter, of) = (formatter(language), of(is_flapping));
                format!("{}: {}", formatter.headline(&of), formatter.digest_summary(&of))
            },
        );
        let want = [
            "critical, flapping: host=a began 4 times and ended 3 times in the last hour",
            "緊急・繰り返し: host=a 直近1時間に発生4回、解消3回",
            "critical, many: 4 at once, 3 over (cpu 4)",
        ];
        assert_eq!(said, want);
    }

    #[test]
    fn facts_are_reported_by_the_readers_clock_and_never_empty() {
        let facts = formatter(Language::Ja).facts(&notification());
        let fact = |name: &str| facts.iter().find(|it| it.name == name).map(|it| it.text.as_str());
        assert_eq!(fact("対応期限"), Some("1970-01-01 09:30:54 +09:00"));
        assert_eq!(fact("発生"), Some("1970-01-01 09:00:01 +09:00"));
        assert_eq!(fact("値"), Some("12345678901234567.123456789 (しきい値 0.05)"));
        assert_eq!(fact("手順書"), None);
        assert!(facts.iter().all(|it| !it.text.is_empty() && it.text == one_line(&it.text)));
        assert_eq!((cut("失敗した", 3), cut("失敗", 3)), ("失敗…".to_owned(), "失敗".to_owned()));
    }
}
