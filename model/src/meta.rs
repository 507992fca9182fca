//! Self-alerts: alerts of the service about conditions that make its results incomplete or late.
//!
//! They pass through the alert log and on-call like the alerts of rules. Their names start with
//! [`META_PREFIX`], which no rule may use.

use crate::alert_facts::{AlertFacts, Measurement};
use crate::decimal::Decimal;
use crate::key::KeyValue;
use crate::message::Language;
use crate::severity::Severity;
use crate::time::Timestamp;
use crate::transition::{EndReason, EpisodeId, NamedKeyPart, Transition, TransitionKind};

/// Prefix of the names of self-alerts.
pub const META_PREFIX: &str = "hansho.";

/// Former names of these alerts, and the names that replaced them: alert logs, on-call stores
/// and matchers of earlier versions contain the former ones.
pub const FORMER_NAMES: [(&str, &str); 4] = [
    ("hansho.late_after_settle", "hansho.late_observations_dropped"),
    ("hansho.held_back", "hansho.partition_paused"),
    ("hansho.undelivered", "hansho.notification_dropped"),
    ("hansho.audit_failed", "hansho.invariant_violation"),
];

/// Returns the current name for a former name, and every other name unchanged.
pub fn current_name(name: &str) -> &str {
    FORMER_NAMES.iter().find(|(former, _)| *former == name).map_or(name, |(_, current)| *current)
}

/// Returns the former name of an alert that was renamed.
pub fn former_name(name: &str) -> Option<&'static str> {
    FORMER_NAMES.iter().find(|(_, current)| *current == name).map(|(former, _)| *former)
}

/// Self-alert with its subject.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MetaAlert {
    /// Late observations were dropped.
    LateObservationsDropped,
    /// A rule reached its limit of keys.
    RefusedKeys {
        /// Name of the rule.
        rule: String,
    },
    /// A key of a rule reached its limit of values.
    RefusedValues {
        /// Name of the rule.
        rule: String,
    },
    /// Records of a partition expired before they were read.
    RecordsLost {
        /// Name of the topic.
        topic: String,
        /// Number of the partition.
        partition: i32,
    },
    /// A topic is paused for long while others catch up.
    PartitionPaused {
        /// Name of the topic.
        topic: String,
    },
    /// Dead letters cannot be written.
    DeadLettersFailing,
    /// No event has satisfied the filters of a rule.
    NeverMatched {
        /// Name of the rule.
        rule: String,
    },
    /// A rule uses more than its share of processing time.
    RuleOverShare {
        /// Name of the rule.
        rule: String,
    },
    /// Changed rules are invalid and were not activated.
    ReloadFailed,
    /// Notifications to a sink were dropped.
    NotificationDropped {
        /// Name of the sink.
        sink: String,
    },
    /// The on-call state violates an invariant.
    InvariantViolation,
}

/// Step of a self-alert: fired or resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaTransition {
    /// Subject of the alert.
    pub alert: MetaAlert,
    /// True when it resolved.
    pub is_over: bool,
    /// Instant of the step.
    pub at: Timestamp,
    /// Instant at which it fired.
    pub since: Timestamp,
    /// Measured count or share, if known, and the limit that it exceeded.
    pub measured: Measurement,
    /// Id of the episode: a hash of name, key and `since`.
    pub id: EpisodeId,
}

impl MetaAlert {
    /// Names, in the order of the variants.
    pub const NAMES: [&'static str; 11] = [
        "hansho.late_observations_dropped",
        "hansho.refused_keys",
        "hansho.refused_values",
        "hansho.records_lost",
        "hansho.partition_paused",
        "hansho.dead_letters_failing",
        "hansho.never_matched",
        "hansho.rule_over_share",
        "hansho.reload_failed",
        "hansho.notification_dropped",
        "hansho.invariant_violation",
    ];

    /// Name of the alert.
    pub const fn name(&self) -> &'static str {
        let [late, keys, values, lost, held, letters, never, share, reload, undelivered, audit] =
            MetaAlert::NAMES;
        match self {
            MetaAlert::LateObservationsDropped => late,
            MetaAlert::RefusedKeys { .. } => keys,
            MetaAlert::RefusedValues { .. } => values,
            MetaAlert::RecordsLost { .. } => lost,
            MetaAlert::PartitionPaused { .. } => held,
            MetaAlert::DeadLettersFailing => letters,
            MetaAlert::NeverMatched { .. } => never,
            MetaAlert::RuleOverShare { .. } => share,
            MetaAlert::ReloadFailed => reload,
            MetaAlert::NotificationDropped { .. } => undelivered,
            MetaAlert::InvariantViolation => audit,
        }
    }

    /// Severity of the alert.
    pub const fn severity(&self) -> Severity {
        match self {
            MetaAlert::RecordsLost { .. } => Severity::Critical,
            MetaAlert::RefusedKeys { .. }
            | MetaAlert::DeadLettersFailing
            | MetaAlert::ReloadFailed
            | MetaAlert::NotificationDropped { .. }
            | MetaAlert::InvariantViolation => Severity::High,
            MetaAlert::LateObservationsDropped
            | MetaAlert::RefusedValues { .. }
            | MetaAlert::PartitionPaused { .. }
            | MetaAlert::RuleOverShare { .. } => Severity::Medium,
            MetaAlert::NeverMatched { .. } => Severity::Low,
        }
    }

    /// Returns the rule that it concerns, if any.
    pub fn rule(&self) -> Option<&str> {
        match self {
            MetaAlert::RefusedKeys { rule }
            | MetaAlert::RefusedValues { rule }
            | MetaAlert::NeverMatched { rule }
            | MetaAlert::RuleOverShare { rule } => Some(rule),
            _ => None,
        }
    }

    /// Subject of the alert as a key.
    pub fn key(&self) -> Vec<NamedKeyPart> {
        let text = |name: &str, of: &str| (name.to_owned(), KeyValue::Text(of.to_owned()));
        match self {
            MetaAlert::RecordsLost { topic, partition } => {
                let number = KeyValue::Int(i64::from(*partition));
                vec![text("topic", topic), ("partition".to_owned(), number)]
            }
            MetaAlert::PartitionPaused { topic } => vec![text("topic", topic)],
            MetaAlert::NotificationDropped { sink } => vec![text("sink", sink)],
            other => other.rule().map(|rule| text("rule", rule)).into_iter().collect(),
        }
    }

    /// Returns the self-alert of a name, current or former, and key; `None` for any other.
    pub fn from_parts(name: &str, key: &[NamedKeyPart]) -> Option<MetaAlert> {
        let name = current_name(name);
        let text = || match key.first() {
            Some((_, KeyValue::Text(text))) => text.clone(),
            _ => String::new(),
        };
        let partition = || match key.get(1) {
            Some((_, KeyValue::Int(number))) => i32::try_from(*number).unwrap_or(-1),
            _ => -1,
        };
        let all = [
            MetaAlert::LateObservationsDropped,
            MetaAlert::RefusedKeys { rule: text() },
            MetaAlert::RefusedValues { rule: text() },
            MetaAlert::RecordsLost { topic: text(), partition: partition() },
            MetaAlert::PartitionPaused { topic: text() },
            MetaAlert::DeadLettersFailing,
            MetaAlert::NeverMatched { rule: text() },
            MetaAlert::RuleOverShare { rule: text() },
            MetaAlert::ReloadFailed,
            MetaAlert::NotificationDropped { sink: text() },
            MetaAlert::InvariantViolation,
        ];
        all.into_iter().find(|alert| alert.name() == name).filter(|alert| alert.key() == key)
    }

    /// Returns the meaning of the alert, in one line.
    pub const fn reading(&self, language: Language) -> &'static str {
        let (en, ja) = match self {
            MetaAlert::LateObservationsDropped => (
                "events arrived after their instant had settled and were dropped: results may \
                 differ from a replay",
                "確定済みの時刻のイベントが後から届き、破棄しました。再生した結果と\
                 食い違う可能性があります",
            ),
            MetaAlert::RefusedKeys { .. } => (
                "the rule is at its limit of keys: new keys are dropped, existing keys are still \
                 evaluated",
                "ルールのキーの数が上限に達し、新しいキーを受け付けていません。\
                 既存のキーは判定を続けます",
            ),
            MetaAlert::RefusedValues { .. } => (
                "a key of the rule is at its limit of values: further new values are not detected",
                "ルールのキーが保持する値の数が上限に達し、新しい値を検知できません",
            ),
            MetaAlert::RecordsLost { .. } => (
                "records expired before they were read and were not evaluated: increase the \
                 retention of the topic",
                "読む前にレコードが消え、判定されませんでした。トピックの保持期間を\
                 延ばしてください",
            ),
            MetaAlert::PartitionPaused { .. } => (
                "the topic is paused while other inputs catch up: its alerts are late",
                "ほかの入力を待って、このトピックの読み取りを止めています。\
                 アラートが遅れます",
            ),
            MetaAlert::DeadLettersFailing => (
                "dead letters cannot be written: commits are suspended until they can",
                "デッドレターを書き込めません。書き込めるまで何もコミットしません",
            ),
            MetaAlert::NeverMatched { .. } => (
                "no event has ever matched the filters of the rule: check the rule for errors",
                "ルールの filter に一致したイベントが1件もありません。誤りがないか\
                 確認してください",
            ),
            MetaAlert::RuleOverShare { .. } => (
                "the rule takes more than its share of the work of all rules",
                "ルールが、全ルールの処理量のうち決められた割合を超えて占めています",
            ),
            MetaAlert::ReloadFailed => (
                "changed rules or settings cannot be used: the previous ones stay active",
                "変更されたルールや設定を使えません。変更前のもので続けます",
            ),
            MetaAlert::NotificationDropped { .. } => (
                "notifications to the sink were dropped: see `hansho notifications list`",
                "通知先への通知を断念しました。`hansho notifications list` で確認できます",
            ),
            MetaAlert::InvariantViolation => (
                "the on-call state violates an invariant: a notification may be missing",
                "オンコール対応の記録に矛盾があります。通知されていない人がいるおそれがあります",
            ),
        };
        match language {
            Language::En => en,
            Language::Ja => ja,
        }
    }
}

impl MetaTransition {
    /// Returns the message; `detail` is the text of an error or a position.
    pub fn message(&self, detail: Option<&str>, language: Language) -> String {
        let subject: Vec<String> =
            self.alert.key().iter().map(|(_, value)| value.to_string()).collect();
        let subject = match subject.as_slice() {
            [] => String::new(),
            parts => format!("{}: ", parts.join("/")),
        };
        let reading = self.alert.reading(language);
        let over = match (self.is_over, language) {
            (false, _) => "",
            (true, Language::En) => "resolved: ",
            (true, Language::Ja) => "解消: ",
        };
        let figure = self.measured.value.map(|value| match (&self.alert, language) {
            (MetaAlert::RuleOverShare { .. }, _) => {
                format!(" ({}%)", value.units() / (Decimal::ONE.units() / 100))
            }
            (MetaAlert::NeverMatched { .. }, Language::En) => format!(" (of {value} so far)"),
            (MetaAlert::NeverMatched { .. }, Language::Ja) => format!(" ({value}件中)"),
            (_, Language::En) => format!(" ({value} so far)"),
            (_, Language::Ja) => format!(" (これまでに{value}件)"),
        });
        let detail = detail.map(|detail| match (&self.alert, language) {
            (MetaAlert::PartitionPaused { .. }, Language::En) => {
                format!("; furthest behind: {detail}")
            }
            (MetaAlert::PartitionPaused { .. }, Language::Ja) => {
                format!("。最も遅れているもの: {detail}")
            }
            _ => format!(": {detail}"),
        });
        let (figure, detail) = (figure.unwrap_or_default(), detail.unwrap_or_default());
        format!("{over}{subject}{reading}{figure}{detail}")
    }

    /// Returns the facts of the step, as every alert record has them.
    pub fn facts(&self) -> AlertFacts {
        AlertFacts {
            alert: self.alert.name().to_owned(),
            severity: self.alert.severity(),
            key: self.alert.key(),
            at: self.at,
            since: self.since,
        }
    }

    /// Returns the step as a transition, for on-call.
    pub fn as_transition(&self) -> Transition {
        Transition {
            kind: if self.is_over { TransitionKind::Resolved } else { TransitionKind::Firing },
            facts: self.facts(),
            measured: self.measured,
            peak: None,
            reason: self.is_over.then_some(EndReason::Cleared),
            episode: self.id,
            count: 0,
            fields: Vec::new(),
            tops: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<MetaAlert> {
        let rule = || "r".to_owned();
        vec![
            MetaAlert::LateObservationsDropped,
            MetaAlert::RefusedKeys { rule: rule() },
            MetaAlert::RefusedValues { rule: rule() },
            MetaAlert::RecordsLost { topic: "t".to_owned(), partition: 3 },
            MetaAlert::PartitionPaused { topic: "t".to_owned() },
            MetaAlert::DeadLettersFailing,
            MetaAlert::NeverMatched { rule: rule() },
            MetaAlert::RuleOverShare { rule: rule() },
            MetaAlert::ReloadFailed,
            MetaAlert::NotificationDropped { sink: "s".to_owned() },
            MetaAlert::InvariantViolation,
        ]
    }

    #[test]
    fn a_name_and_a_key_are_the_alert() {
        let names: Vec<&str> = all().iter().map(MetaAlert::name).collect();
        assert_eq!(names, MetaAlert::NAMES);
        for alert in all() {
            assert!(alert.name().starts_with(META_PREFIX));
            assert_eq!(MetaAlert::from_parts(alert.name(), &alert.key()), Some(alert.clone()));
            let strange = [("rule".to_owned(), KeyValue::Null)];
            assert_eq!(MetaAlert::from_parts(alert.name(), &strange), None);
        }
        assert_eq!(MetaAlert::from_parts("refused_keys", &[]), None);
    }

    #[test]
    fn a_former_name_is_the_alert_of_today() {
        for (former, current) in FORMER_NAMES {
            assert!(!MetaAlert::NAMES.contains(&former), "{former}");
            let alert = all().into_iter().find(|it| it.name() == current).unwrap();
            assert_eq!(MetaAlert::from_parts(former, &alert.key()), Some(alert));
            assert_eq!((current_name(former), current_name(current)), (current, current));
            assert_eq!((former_name(current), former_name(former)), (Some(former), None));
        }
    }

    #[test]
    fn texts_are_free_of_private_words() {
        let private = ["told", "tell", "hear", "say", "judged", "take", "go", "force"];
        for alert in all() {
            let texts = [alert.name().replace('_', " "), alert.reading(Language::En).to_owned()];
            let words: Vec<&str> =
                texts.iter().flat_map(|text| text.split(|c: char| !c.is_alphabetic())).collect();
            assert!(!words.iter().any(|word| private.contains(word)), "{texts:?}");
        }
    }

    #[test]
    fn messages_say_what_is_wrong_with_what() {
        let step = |alert, is_over, value| MetaTransition {
            alert,
            is_over,
            at: Timestamp(2),
            since: Timestamp(1),
            measured: Measurement { value, threshold: None },
            id: EpisodeId(7),
        };
        let lost = MetaAlert::RecordsLost { topic: "auth".to_owned(), partition: 3 };
        let three = Some(Decimal::from_int(3));
        let en = step(lost.clone(), false, three).message(None, Language::En);
        assert_eq!(en, format!("auth/3: {} (3 so far)", lost.reading(Language::En)));
        let ja = step(lost.clone(), true, three).message(Some("訳"), Language::Ja);
        let reading = lost.reading(Language::Ja);
        assert_eq!(ja, format!("解消: auth/3: {reading} (これまでに3件): 訳"));
        let share = MetaAlert::RuleOverShare { rule: "r".to_owned() };
        let said = step(share, false, Decimal::parse("0.755").ok()).message(None, Language::En);
        assert!(said.ends_with("(75%)"), "{said}");
    }
}
