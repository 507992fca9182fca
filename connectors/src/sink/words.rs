//! The words in which people read a notification, in their language and zone.

use jiff::tz::TimeZone;
use model::decimal::Decimal;
use model::message::Language;
use model::notification::{Notification, NotificationKind};
use model::severity::Severity;
use model::time::Timestamp;

/// Who reads: in which language, and by which clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// The language.
    pub language: Language,
    /// The zone of their clock.
    pub zone: TimeZone,
}

/// Something that is known of an incident.
pub(super) struct Fact {
    /// What.
    pub(super) what: What,
    /// How the reader calls it.
    pub(super) name: String,
    /// One line.
    pub(super) text: String,
}

/// What may be known of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
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

impl Reader {
    /// One line: `[緊急] 認証失敗多発: …`; control characters are spaces.
    pub(super) fn title(&self, of: &Notification) -> String {
        let message = match of.kind {
            NotificationKind::Digest => self.summed(of),
            _ => of.message.clone(),
        };
        let message = if message.is_empty() { String::new() } else { format!(": {message}") };
        one_line(&format!("[{}] {}{message}", self.news(of), of.facts.alert))
    }

    /// What is said of an incident, in a word or two.
    pub(super) fn news(&self, of: &Notification) -> String {
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
        self.say(en, ja)
    }

    /// What is known of it, each with its name; nothing empty.
    pub(super) fn facts(&self, of: &Notification) -> Vec<Fact> {
        let key: Vec<String> =
            of.facts.key.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let deadline = match (of.kind, of.deadline) {
            (NotificationKind::Resolved | NotificationKind::Digest, _) => None,
            (_, Some(deadline)) => Some(self.clock(deadline)),
            (_, None) => Some(self.say("as planned", "計画的に対応")),
        };
        let missed = of.missed.as_ref().map(|missed| {
            let at = self.clock(missed.at);
            match &missed.why {
                Some(why) => self.say(
                    format!("begun {at}; not delivered then: {why}"),
                    format!("{at} に発火。その時点では届かず: {why}"),
                ),
                None => self.say(format!("begun {at}"), format!("{at} に発火")),
            }
        });
        let ended = (of.kind == NotificationKind::Resolved).then(|| self.clock(of.facts.at));
        let facts = [
            (
                What::Severity,
                self.say("severity", "重大度"),
                Some(self.severity(of.facts.severity).to_owned()),
            ),
            (What::Deadline, self.say("respond by", "対応期限"), deadline),
            (What::Key, self.say("key", "キー"), Some(key.join(" "))),
            (
                What::Value,
                self.say("value", "値"),
                self.measured(of.measured.value, of.measured.threshold),
            ),
            (What::Since, self.say("since", "発生"), Some(self.clock(of.facts.since))),
            (What::Ended, self.say("ended", "解消"), ended),
            (What::By, self.say("by", "対応者"), of.by.clone()),
            (What::Missed, self.say("missed", "未達"), missed),
            (What::Runbook, self.say("runbook", "手順書"), of.runbook.clone()),
            (What::Rule, self.say("rule", "ルール"), Some(of.reading.clone())),
            (What::Incident, self.say("incident", "インシデント"), Some(of.incident.to_string())),
        ];
        let known = facts
            .into_iter()
            .filter_map(|(what, name, fact)| Some(Fact { what, name, text: one_line(&fact?) }));
        known.filter(|fact| !fact.text.is_empty()).collect()
    }

    /// A severity's word.
    pub(super) fn severity(&self, severity: Severity) -> &'static str {
        match self.language {
            Language::En => severity.name(),
            Language::Ja => severity.name_ja(),
        }
    }

    /// How much of what, where many are told at once.
    pub(super) fn summed(&self, of: &Notification) -> String {
        let Some(digest) = &of.digest else { return of.message.clone() };
        let (news, ended, named) = (digest.news, digest.ended, &of.message);
        if digest.is_flapping {
            let said = self.say(
                format!("{named} began {news} times and ended {ended} times in the last hour"),
                format!("{named} 直近1時間に発生{news}回、解消{ended}回"),
            );
            return said.trim_start().to_owned();
        }
        self.say(
            format!("{news} at once, {ended} over ({named})"),
            format!("{news}件発生、{ended}件解消 ({named})"),
        )
    }

    /// `2026-01-05 09:00:54 +09:00`
    pub(super) fn clock(&self, at: Timestamp) -> String {
        match jiff::Timestamp::from_millisecond(at.0) {
            Ok(instant) => instant
                .to_zoned_datetime(self.zone.clone())
                .strftime("%Y-%m-%d %H:%M:%S %:z")
                .to_string(),
            Err(_) => at.to_string(),
        }
    }

    fn measured(&self, value: Option<Decimal>, threshold: Option<Decimal>) -> Option<String> {
        let value = value?;
        Some(match threshold {
            Some(threshold) => self.say(
                format!("{value} (threshold {threshold})"),
                format!("{value} (しきい値 {threshold})"),
            ),
            None => value.to_string(),
        })
    }

    fn say(&self, en: impl Into<String>, ja: impl Into<String>) -> String {
        match self.language {
            Language::En => en.into(),
            Language::Ja => ja.into(),
        }
    }
}

/// Without anything that breaks a line or turns its direction.
pub(super) fn one_line(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let is_unsafe = |c: char| breaks(c) || turns(c);
    text.chars().map(|c| if is_unsafe(c) { ' ' } else { c }).collect()
}

/// The first so many characters; what is cut ends with `…`.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(most.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
pub(super) mod tests {
    use model::notification::Digest;

    use super::*;
    use crate::sink::tests::notification;

    /// Someone in Japan who reads Japanese.
    pub(in crate::sink) fn reader(language: Language) -> Reader {
        Reader { language, zone: TimeZone::get("Asia/Tokyo").unwrap() }
    }

    #[test]
    fn a_title_is_one_line_in_the_readers_language() {
        let of = Notification { message: "多い\r\nBcc: x\u{202e}".to_owned(), ..notification() };
        let titles = [Language::Ja, Language::En].map(|language| reader(language).title(&of));
        assert_eq!(titles[0], "[緊急] 認証\"失敗 : 多い  Bcc: x ");
        assert_eq!(titles[1], "[critical] 認証\"失敗 : 多い  Bcc: x ");
        let news = NotificationKind::ALL.map(|kind| {
            let of = Notification { kind, ..notification() };
            [Language::Ja, Language::En].map(|language| reader(language).news(&of))
        });
        let mut different = news.concat();
        different.sort();
        different.dedup();
        assert_eq!(different.len(), 16, "{news:?}");
    }

    #[test]
    fn what_is_told_in_sum_says_how_much() {
        let of = |is_flapping| {
            let digest = Digest { news: 4, ended: 3, is_flapping, alerts: Vec::new() };
            let message = if is_flapping { "host=a" } else { "cpu 4" }.to_owned();
            let kind = NotificationKind::Digest;
            Notification { kind, message, digest: Some(digest.into()), ..notification() }
        };
        let over = Notification { kind: NotificationKind::Resolved, ..of(true) };
        let titles = [Language::Ja, Language::En].map(|language| reader(language).title(&over));
        assert_eq!(titles[0], "[繰り返しの終了] 認証\"失敗 : host=a");
        assert_eq!(titles[1], "[no longer flapping] 認証\"失敗 : host=a");
        let said = [(Language::En, true), (Language::Ja, true), (Language::En, false)].map(
            |(language, is_flapping)| {
                let (reader, of) = (reader(language), of(is_flapping));
                format!("{}: {}", reader.news(&of), reader.summed(&of))
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
    fn facts_are_told_by_the_readers_clock_and_never_empty() {
        let facts = reader(Language::Ja).facts(&notification());
        let fact = |name: &str| facts.iter().find(|it| it.name == name).map(|it| it.text.as_str());
        assert_eq!(fact("対応期限"), Some("1970-01-01 09:30:54 +09:00"));
        assert_eq!(fact("発生"), Some("1970-01-01 09:00:01 +09:00"));
        assert_eq!(fact("値"), Some("12345678901234567.123456789 (しきい値 0.05)"));
        assert_eq!(fact("手順書"), None);
        assert!(facts.iter().all(|it| !it.text.is_empty() && it.text == one_line(&it.text)));
        assert_eq!((cut("失敗した", 3), cut("失敗", 3)), ("失敗…".to_owned(), "失敗".to_owned()));
    }
}
