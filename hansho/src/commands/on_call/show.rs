//! Answers of the service, as a person at a terminal reads them.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};

use model::message::Language;
use model::time::Timestamp;
use model::transition::EndReason;
use oncall::incident::{IncidentPhase, IncidentState};
use oncall::timeline::{IncidentEntry, IncidentEvent};
use runtime::notify::requests::answers::{
    DroppedNotificationView, IncidentList, IncidentView, NotificationChanged, NotificationList,
    PendingNotificationView, RenderedNotification, RouteAnswer, SilenceCreated, SilenceExpired,
    SilenceList, SilencePreview, StatusView, TestAttempt, TestResult,
};
use serde::de::DeserializeOwned;
use unicode_width::UnicodeWidthStr;

use runtime::notify::templates::plain;

/// Digits of an id that people type.
const ID_SHOWN: usize = 8;

/// An answer that a command prints.
pub(super) trait ShowAnswer: DeserializeOwned {
    /// The answer in words.
    fn show(&self, language: Language) -> String;

    /// True when it says that something was not delivered.
    fn is_undelivered(&self) -> bool {
        false
    }
}

/// A text in the language of the reader.
fn in_language(language: Language, en: &str, ja: &str) -> String {
    match language {
        Language::En => en.to_owned(),
        Language::Ja => ja.to_owned(),
    }
}

impl ShowAnswer for IncidentList {
    fn show(&self, language: Language) -> String {
        if self.incidents.is_empty() {
            return in_language(
                language,
                "nothing is open\n",
                "未解消のインシデントはありません\n",
            );
        }
        let head = match language {
            Language::En => ["ID", "LEVEL", "STATE", "DUE", "ALERT", "KEY", "OWNER", "SINCE"],
            Language::Ja => {
                ["ID", "重大度", "状態", "期限まで", "アラート", "キー", "担当", "発生"]
            }
        };
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(self.incidents.iter().map(|one| row(one, language)));
        let mut shown = table(&rows);
        if self.left_out > 0 {
            let more = self.left_out;
            let more = in_language(language, &format!("and {more} more"), &format!("ほか{more}件"));
            let _ = writeln!(shown, "{more}");
        }
        shown
    }
}

fn row(one: &IncidentView, language: Language) -> Vec<String> {
    vec![
        short(&one.id),
        level(one, language),
        state(one.state.0, one.is_flapping, language),
        one.responds_in_s.map_or_else(|| "-".to_owned(), |seconds| due(seconds, language)),
        plain(&one.alert),
        key(&one.key),
        plain(&or_nothing(one.owner.as_ref())),
        time_of_day(one.times.event),
    ]
}

/// First digits of an id.
fn short(id: &impl Display) -> String {
    id.to_string().chars().take(ID_SHOWN).collect()
}

fn level(one: &IncidentView, language: Language) -> String {
    let severity = match language {
        Language::En => one.severity.name(),
        Language::Ja => one.severity.name_ja(),
    };
    format!("L{} {severity}", one.level)
}

fn state(state: IncidentState, is_flapping: bool, language: Language) -> String {
    let name = match language {
        Language::En => state.name(),
        Language::Ja => state.name_ja(),
    };
    let flaps = in_language(language, ", flaps", "・繰り返し");
    if is_flapping { name.to_owned() + &flaps } else { name.to_owned() }
}

fn phase(phase: IncidentPhase, language: Language) -> &'static str {
    match language {
        Language::En => phase.name(),
        Language::Ja => phase.name_ja(),
    }
}

/// Time for which somebody has to respond, or by how much that is over.
fn due(seconds: i64, language: Language) -> String {
    let (hours, minutes) = (seconds.abs() / 3600, seconds.abs() / 60 % 60);
    let length = format!("{hours}:{minutes:02}");
    if seconds < 0 {
        in_language(language, &format!("over {length}"), &format!("超過 {length}"))
    } else {
        length
    }
}

impl ShowAnswer for IncidentView {
    fn show(&self, language: Language) -> String {
        let mut out = String::new();
        let (level, state) =
            (level(self, language), state(self.state.0, self.is_flapping, language));
        let _ = writeln!(out, "{}  {level}  {state}", plain(&self.alert));
        for IncidentLine { name, value } in members(self, language) {
            if !value.is_empty() {
                let _ = writeln!(out, "  {}  {value}", pad(&name, 10));
            }
        }
        for entry in self.timeline.iter().flatten() {
            let _ = writeln!(out, "  {}", timeline_line(entry, language));
        }
        out
    }
}

/// A line of an incident.
struct IncidentLine {
    name: String,
    value: String,
}

fn members(one: &IncidentView, language: Language) -> Vec<IncidentLine> {
    let member = |en: &str, ja: &str, value: String| IncidentLine {
        name: in_language(language, en, ja),
        value,
    };
    let (text, phase) = (&one.text, one.phase.map(|it| phase(it.0, language)));
    let instant = |at: Option<Timestamp>| or_nothing(at.as_ref());
    let mut members = vec![
        member("id", "id", one.id.to_string()),
        member("key", "キー", key(&one.key)),
        member("phase", "段階", or_nothing(phase.as_ref())),
        member("owner", "担当", plain(&or_nothing(one.owner.as_ref()))),
        member("deadline", "対応期限", instant(one.deadline)),
        member("notified from", "通知開始", instant(one.group_wait_until)),
        member("message", "内容", plain(&text.message)),
        member("rule", "ルール", plain(&text.reading)),
        member("runbook", "手順", plain(&or_nothing(text.runbook.as_ref()))),
    ];
    members.extend(text.events.iter().map(|of| {
        let place = format!("{}/{}", plain(&of.source), of.partition);
        member("events", "イベント", format!("{place}  {}..{}", of.from, of.to))
    }));
    members
}

fn timeline_line(entry: &IncidentEntry, language: Language) -> String {
    let by = or_nothing(entry.by.as_ref());
    let by = if by.is_empty() { String::new() } else { format!(" ({})", plain(&by)) };
    format!("{}  {}{by}", time_of_day(entry.at), event(&entry.what, language))
}

/// An event of a timeline in words.
fn event(what: &IncidentEvent, language: Language) -> String {
    let EventWords { en, ja, rest } = event_words(what);
    let colon = if rest.is_empty() { "" } else { ": " };
    plain(&format!("{}{colon}{rest}", in_language(language, en, ja)))
}

/// Words of an event, and what they are about.
struct EventWords {
    en: &'static str,
    ja: &'static str,
    rest: String,
}

fn event_words(what: &IncidentEvent) -> EventWords {
    let of = |en, ja, rest: String| EventWords { en, ja, rest };
    match what {
        IncidentEvent::Fired => of("fired", "発生", String::new()),
        IncidentEvent::SeverityRaised(severity) => {
            of("severity rose", "重大度が上昇", severity.to_string())
        }
        IncidentEvent::MatchedAgain => of("matched again", "再び該当", String::new()),
        IncidentEvent::Ended(reason) => {
            let reason = reason.map(EndReason::name);
            of("the alert ended", "アラートが終了", or_nothing(reason.as_ref()))
        }
        IncidentEvent::Delivered { receiver, kind } => {
            of("notified", "通知済み", format!("{receiver} {}", kind.name()))
        }
        IncidentEvent::NotificationDropped { receiver, kind, why } => {
            of("notification dropped", "通知できず", format!("{receiver} {} {why}", kind.name()))
        }
        IncidentEvent::Suppressed { receiver, why } => {
            of("notification suppressed", "通知を保留", format!("{receiver} {why}"))
        }
        IncidentEvent::Escalated { step, receivers } => {
            let receivers = serde_json::to_string(receivers).unwrap_or_default();
            of("escalated, step", "エスカレーション (段階)", format!("{step} {receivers}"))
        }
        IncidentEvent::Breached => of("deadline missed", "対応期限を超過", String::new()),
        IncidentEvent::Reminded => of("reminded", "再通知", String::new()),
        IncidentEvent::Acknowledged => of("acknowledged", "対応開始", String::new()),
        IncidentEvent::Assigned(name) => of("assigned to", "担当者", name.clone()),
        IncidentEvent::Noted(text) => of("note", "メモ", text.clone()),
        IncidentEvent::Mitigated(text) => of("mitigated", "一次対応完了", text.clone()),
        IncidentEvent::CauseFound(text) => of("cause found", "原因判明", text.clone()),
        IncidentEvent::Fixed(text) => of("fixed for good", "恒久対策完了", text.clone()),
        IncidentEvent::Resolved(text) => of("resolved", "解消", text.clone()),
        IncidentEvent::Closed(text) => of("closed", "完了", text.clone()),
    }
}

impl ShowAnswer for SilenceList {
    fn show(&self, language: Language) -> String {
        if self.silences.is_empty() {
            return in_language(language, "there is no silence\n", "サイレンスはありません\n");
        }
        let head = match language {
            Language::En => ["NO", "UNTIL", "ENDED", "MATCHERS", "BY", "REASON"],
            Language::Ja => ["番号", "期限", "終了", "条件", "作成者", "理由"],
        };
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(self.silences.iter().map(|one| {
            let matchers: Vec<String> = one.matchers.iter().map(|it| plain(it)).collect();
            vec![
                one.id.to_string(),
                one.until.to_string(),
                or_nothing(one.ended.as_ref()),
                matchers.join(" "),
                plain(&one.by),
                plain(&one.reason),
            ]
        }));
        table(&rows)
    }
}

impl ShowAnswer for SilenceCreated {
    fn show(&self, language: Language) -> String {
        let number = self.silence;
        let (en, ja) = (format!("silence {number}\n"), format!("サイレンス {number}\n"));
        in_language(language, &en, &ja) + &self.hits.show(language)
    }
}

impl ShowAnswer for SilencePreview {
    fn show(&self, language: Language) -> String {
        let open = self.open.len();
        let (recent, critical) = (self.last_7_days, self.last_7_days_critical);
        in_language(
            language,
            &format!(
                "hits {open} open; {recent} in the last 7 days, {critical} of them critical\n"
            ),
            &format!("未解消{open}件に該当。過去7日間では{recent}件、うち緊急{critical}件\n"),
        )
    }
}

impl ShowAnswer for SilenceExpired {
    fn show(&self, language: Language) -> String {
        in_language(language, "done\n", "完了しました\n")
    }
}

impl ShowAnswer for NotificationChanged {
    fn show(&self, language: Language) -> String {
        in_language(language, "done\n", "完了しました\n")
    }
}

impl ShowAnswer for NotificationList {
    fn show(&self, language: Language) -> String {
        let (pending, dead) = (self.pending.len(), self.dead.len());
        let counts = in_language(
            language,
            &format!("{pending} pending, {dead} given up"),
            &format!("送信待ち{pending}件、配信断念{dead}件"),
        );
        let mut rows: Vec<Vec<String>> = self.pending.iter().map(pending_row).collect();
        rows.extend(self.dead.iter().map(dropped_row));
        format!("{counts}\n{}", table(&rows))
    }
}

fn pending_row(one: &PendingNotificationView) -> Vec<String> {
    let why = one.failure.as_ref().map(|failure| &failure.why);
    vec![
        one.not_before.to_string(),
        plain(&one.receiver),
        one.kind.name().to_owned(),
        plain(&one.alert),
        short(&one.incident),
        plain(&or_nothing(why)),
    ]
}

fn dropped_row(one: &DroppedNotificationView) -> Vec<String> {
    vec![
        one.number.to_string(),
        plain(&one.receiver),
        one.kind.name().to_owned(),
        plain(&one.alert),
        short(&one.incident),
        plain(&one.why),
    ]
}

impl ShowAnswer for TestResult {
    fn show(&self, language: Language) -> String {
        self.attempts.iter().map(|one| attempt(one, language)).collect()
    }

    fn is_undelivered(&self) -> bool {
        !self.delivered
    }
}

fn attempt(one: &TestAttempt, language: Language) -> String {
    let why = plain(&or_nothing(one.why.as_ref()));
    let outcome = if why.is_empty() {
        in_language(language, "delivered", "送信しました")
    } else {
        let reason = or_nothing(one.reason.map(|it| it.name()).as_ref());
        let (en, ja) = (format!("failed ({reason}): {why}"), format!("失敗 ({reason}): {why}"));
        in_language(language, &en, &ja)
    };
    format!("{}: {outcome}\n", one.kind.name())
}

impl ShowAnswer for RenderedNotification {
    /// Message that would be sent, safe to print.
    fn show(&self, _: Language) -> String {
        self.sent.lines().map(|line| format!("{}\n", plain(line))).collect()
    }
}

impl ShowAnswer for RouteAnswer {
    fn show(&self, language: Language) -> String {
        let mut out = String::new();
        for one in &self.receivers {
            let mute = or_nothing(one.mute.as_ref());
            let (en, ja) = (format!("  (mute: {mute})"), format!("  (通知停止: {mute})"));
            let mute = if mute.is_empty() { mute } else { in_language(language, &en, &ja) };
            let _ = writeln!(out, "{}{mute}", plain(&one.receiver));
        }
        if out.is_empty() {
            out = in_language(language, "no receiver\n", "通知先はありません\n");
        }
        for calendar in &self.off_shift {
            let off = in_language(language, "a route is off its shift", "時間外のルートがあります");
            let _ = writeln!(out, "{off}: {}", plain(calendar));
        }
        out
    }
}

impl ShowAnswer for StatusView {
    fn show(&self, language: Language) -> String {
        let of = &self.incidents;
        let (firing, breached) = (of.firing, of.breached);
        let (acknowledged, resolved) = (of.acknowledged, of.resolved);
        let (silences, dead) = (self.silences, self.dead);
        let counts = in_language(
            language,
            &format!(
                "{firing} firing ({breached} past their deadline), {acknowledged} being worked on, \
                 {resolved} resolved and not closed\n{silences} silences, {dead} notifications \
                 given up\n"
            ),
            &format!(
                "未対応{firing}件 (期限超過{breached}件)、対応中{acknowledged}件、\
                 解消済みで未完了{resolved}件\nサイレンス{silences}件、配信断念{dead}件\n"
            ),
        );
        if self.receivers.is_empty() {
            return counts;
        }
        let head = match language {
            Language::En => ["RECEIVER", "PENDING", "DELIVERED", "RETRIED", "GIVEN UP"],
            Language::Ja => ["通知先", "送信待ち", "配信済み", "再送", "断念"],
        };
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(self.receivers.iter().map(|one| {
            vec![
                plain(&one.receiver),
                one.pending.to_string(),
                one.delivered.to_string(),
                one.retried.to_string(),
                one.given_up.to_string(),
            ]
        }));
        counts + &table(&rows)
    }
}

/// A text, or nothing where there is none.
fn or_nothing<T: Display>(value: Option<&T>) -> String {
    value.map(T::to_string).unwrap_or_default()
}

fn key(parts: &BTreeMap<String, String>) -> String {
    let parts = parts.iter().map(|(name, value)| plain(&format!("{name}={value}")));
    parts.collect::<Vec<_>>().join(" ")
}

/// An instant such as `2026-01-05 09:00:54Z`.
fn time_of_day(at: Timestamp) -> String {
    let text = at.to_string();
    let (day, time) = (text.get(..10).unwrap_or(&text), text.get(11..19).unwrap_or_default());
    format!("{day} {time}Z")
}

fn pad(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(text.width());
    format!("{text}{}", " ".repeat(missing))
}

/// Columns as wide as their widest cell, two blanks apart; the last is not padded.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| pad(cell, *width));
        let _ = writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_for_wide_characters_too() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let shown = table(&[row(["ID", "状態", "x"]), row(["4c1f", "対応中", "y"])]);
        assert_eq!(shown, "ID    状態    x\n4c1f  対応中  y\n");
    }

    #[test]
    fn what_flaps_says_so() {
        let words = |is_flapping| {
            [Language::En, Language::Ja]
                .map(|language| state(IncidentState::Firing, is_flapping, language))
        };
        assert_eq!(words(true), ["firing, flaps", "未対応・繰り返し"]);
        assert_eq!(words(false), ["firing", "未対応"]);
    }

    #[test]
    fn what_is_late_says_so() {
        assert_eq!(due(1_740, Language::En), "0:29");
        assert_eq!(due(-61, Language::En), "over 0:01");
        assert_eq!(due(-7_260, Language::Ja), "超過 2:01");
    }

    #[test]
    fn events_that_no_document_here_has_are_printed_too() {
        use model::severity::Severity;
        let receivers = vec!["chat".to_owned(), "pager".to_owned()];
        let cases = [
            (IncidentEvent::SeverityRaised(Severity::High), "severity rose: high"),
            (IncidentEvent::MatchedAgain, "matched again"),
            (IncidentEvent::Ended(None), "the alert ended"),
            (
                IncidentEvent::Escalated { receivers, step: 2 },
                "escalated, step: 2 [\"chat\",\"pager\"]",
            ),
        ];
        for (what, want) in cases {
            assert_eq!(event(&what, Language::En), want);
        }
        assert_eq!(event(&IncidentEvent::MatchedAgain, Language::Ja), "再び該当");
    }

    /// The documents of the service, as they are printed in both languages.
    #[test]
    fn every_answer_is_printed_as_it_is_written_down() {
        let mut printed = String::new();
        let documents = include_str!("../../../../runtime/src/notify/requests/answers.txt");
        let mut lines = documents.lines();
        while let (Some(title), Some(document)) = (lines.next(), lines.next()) {
            let shown = [Language::En, Language::Ja].map(|it| printed_as(title, document, it));
            for text in shown.into_iter().flatten() {
                printed += &format!("== {title}\n{text}");
            }
        }
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/src/commands/on_call/printed.txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(golden, &printed).unwrap();
        }
        assert_eq!(printed, std::fs::read_to_string(golden).unwrap_or_default());
    }

    /// What is printed of a document, by its title; nothing of a refusal.
    fn printed_as(title: &str, document: &str, language: Language) -> Option<String> {
        fn read<A: ShowAnswer>(document: &str, language: Language) -> String {
            serde_json::from_str::<A>(document).unwrap().show(language)
        }
        if !document.trim_start().starts_with('{') {
            return None;
        }
        let print = match title.split(' ').next().unwrap_or_default() {
            "no" | "incidents" | "firing" => read::<IncidentList>,
            "ack" | "escalate" | "close" | "resolve" | "incident" => read::<IncidentView>,
            "status" => read::<StatusView>,
            "notifications" => read::<NotificationList>,
            "preview" => read::<SilencePreview>,
            "silence" => read::<SilenceCreated>,
            "silences" | "ended" => read::<SilenceList>,
            "expire" => read::<SilenceExpired>,
            "retry" | "drop" => read::<NotificationChanged>,
            "route" => read::<RouteAnswer>,
            // No command prints it.
            "audit" => return None,
            other => panic!("{other} has no command"),
        };
        Some(print(document, language))
    }
}
