//! Answers of the service, as a person at a terminal reads them.

use std::fmt::Write;

use model::message::Language;
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use super::Shown;
use crate::console::plain;

/// Digits of an id that people type.
const ID_SHOWN: usize = 8;

/// An answer in words.
pub(super) fn text(shown: Shown, answer: &Value, language: Language) -> String {
    let reader = Reader { language };
    match shown {
        Shown::Incidents => reader.incidents(answer),
        Shown::Incident => reader.incident(answer),
        Shown::Silences => reader.silences(answer),
        Shown::Silence => reader.silence(answer),
        Shown::Preview => reader.preview(answer),
        Shown::Notifications => reader.notifications(answer),
        Shown::Trial => reader.trial(answer),
        Shown::Rendition => rendition(answer),
        Shown::Receivers => reader.receivers(answer),
        Shown::Status => reader.status(answer),
        Shown::Done => reader.say("done", "完了しました") + "\n",
    }
}

struct Reader {
    language: Language,
}

impl Reader {
    fn say(&self, en: &str, ja: &str) -> String {
        match self.language {
            Language::En => en.to_owned(),
            Language::Ja => ja.to_owned(),
        }
    }

    fn incidents(&self, answer: &Value) -> String {
        let listed = list(answer, "incidents");
        if listed.is_empty() {
            return self.say("nothing is open\n", "未解消のインシデントはありません\n");
        }
        let head = match self.language {
            Language::En => ["ID", "LEVEL", "STATE", "DUE", "ALERT", "KEY", "OWNER", "SINCE"],
            Language::Ja => {
                ["ID", "重大度", "状態", "期限まで", "アラート", "キー", "担当", "発生"]
            }
        };
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(listed.iter().map(|one| self.row(one)));
        let mut shown = table(&rows);
        if let Some(more) = answer.get("left_out").and_then(Value::as_u64).filter(|it| *it > 0) {
            let _ = writeln!(
                shown,
                "{}",
                self.say(&format!("and {more} more"), &format!("ほか{more}件"))
            );
        }
        shown
    }

    fn row(&self, one: &Value) -> Vec<String> {
        let id = word(one, "id").chars().take(ID_SHOWN).collect();
        let due = one.get("responds_in_s").and_then(Value::as_i64);
        vec![
            id,
            self.level(one),
            self.state(one),
            due.map_or_else(|| "-".to_owned(), |seconds| self.due(seconds)),
            plain(&word(one, "alert")),
            key(one),
            plain(&word(one, "owner")),
            time_of_day(&word(one.get("times").unwrap_or(&Value::Null), "event")),
        ]
    }

    fn level(&self, one: &Value) -> String {
        let level = one.get("level").and_then(Value::as_u64).unwrap_or(0);
        let severity = word(one, "severity");
        let severity = match (self.language, severity.as_str()) {
            (Language::Ja, "critical") => "緊急",
            (Language::Ja, "high") => "重要",
            (Language::Ja, "medium") => "通常",
            (Language::Ja, "low") => "軽微",
            (_, other) => other,
        };
        format!("L{level} {severity}")
    }

    fn state(&self, one: &Value) -> String {
        let state = word(one, "state");
        let state = match (self.language, oncall::case::State::from_name(&state)) {
            (Language::Ja, Some(known)) => known.name_ja().to_owned(),
            _ => state,
        };
        match one.get("is_flapping").and_then(Value::as_bool) {
            Some(true) => state + &self.say(", flaps", "・繰り返し"),
            _ => state,
        }
    }

    /// How long somebody has to respond, or by how much that is over.
    fn due(&self, seconds: i64) -> String {
        let (hours, minutes) = (seconds.abs() / 3600, seconds.abs() / 60 % 60);
        let length = format!("{hours}:{minutes:02}");
        match seconds < 0 {
            true => self.say(&format!("over {length}"), &format!("超過 {length}")),
            false => length,
        }
    }

    fn incident(&self, one: &Value) -> String {
        let mut out = String::new();
        let (level, state) = (self.level(one), self.state(one));
        let _ = writeln!(out, "{}  {level}  {state}", plain(&word(one, "alert")));
        let mut line = |name: String, value: String| {
            if !value.is_empty() {
                let _ = writeln!(out, "  {}  {value}", pad(&name, 10));
            }
        };
        line("id".to_owned(), word(one, "id"));
        line(self.say("key", "キー"), key(one));
        line(self.say("phase", "段階"), self.phase(one));
        line(self.say("owner", "担当"), plain(&word(one, "owner")));
        line(self.say("deadline", "対応期限"), word(one, "deadline"));
        line(self.say("told from", "通知開始"), word(one, "batch"));
        let text = one.get("text").unwrap_or(&Value::Null);
        line(self.say("message", "内容"), plain(&word(text, "message")));
        line(self.say("rule", "ルール"), plain(&word(text, "reading")));
        line(self.say("runbook", "手順"), plain(&word(text, "runbook")));
        for of in list(text, "events") {
            let place = format!("{}/{}", plain(&word(of, "source")), word(of, "partition"));
            let range = format!("{place}  {}..{}", word(of, "from"), word(of, "to"));
            line(self.say("events", "イベント"), range);
        }
        for entry in list(one, "timeline") {
            let who = word(entry, "by");
            let who = if who.is_empty() { String::new() } else { format!(" ({})", plain(&who)) };
            let what = happening(entry.get("what").unwrap_or(&Value::Null), self.language);
            let _ = writeln!(out, "  {}  {what}{who}", time_of_day(&word(entry, "at")));
        }
        out
    }

    fn phase(&self, one: &Value) -> String {
        let phase = word(one, "phase");
        match (self.language, phase.as_str()) {
            (Language::Ja, "detection") => "検知・通知".to_owned(),
            (Language::Ja, "first response") => "一次対応".to_owned(),
            (Language::Ja, "cause analysis") => "原因究明".to_owned(),
            (Language::Ja, "permanent fix") => "恒久対策".to_owned(),
            _ => phase,
        }
    }

    fn silences(&self, answer: &Value) -> String {
        let all = list(answer, "silences");
        if all.is_empty() {
            return self.say("there is no silence\n", "サイレンスはありません\n");
        }
        let head = match self.language {
            Language::En => ["NO", "UNTIL", "ENDED", "MATCHERS", "BY", "REASON"],
            Language::Ja => ["番号", "期限", "終了", "条件", "作成者", "理由"],
        };
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        for one in all {
            let matchers: Vec<String> =
                list(one, "matchers").iter().filter_map(Value::as_str).map(plain).collect();
            rows.push(vec![
                word(one, "id"),
                word(one, "until"),
                word(one, "ended"),
                matchers.join(" "),
                plain(&word(one, "by")),
                plain(&word(one, "reason")),
            ]);
        }
        table(&rows)
    }

    fn silence(&self, answer: &Value) -> String {
        let number = word(answer, "silence");
        let made = self.say(&format!("silence {number}\n"), &format!("サイレンス {number}\n"));
        made + &self.preview(answer.get("hits").unwrap_or(&Value::Null))
    }

    fn preview(&self, hits: &Value) -> String {
        let count = |name| hits.get(name).and_then(Value::as_u64).unwrap_or(0);
        let open = list(hits, "open").len();
        let (recent, critical) = (count("last_7_days"), count("last_7_days_critical"));
        self.say(
            &format!(
                "hits {open} open; {recent} in the last 7 days, {critical} of them critical\n"
            ),
            &format!("未解消{open}件に該当。過去7日間では{recent}件、うち緊急{critical}件\n"),
        )
    }

    fn notifications(&self, answer: &Value) -> String {
        let mut out = String::new();
        let (pending, dead) = (list(answer, "pending"), list(answer, "dead"));
        let counts = (pending.len(), dead.len());
        let _ = writeln!(
            out,
            "{}",
            self.say(
                &format!("{} pending, {} given up", counts.0, counts.1),
                &format!("送信待ち{}件、配信断念{}件", counts.0, counts.1),
            )
        );
        let mut rows = Vec::new();
        for one in pending {
            let failure = one.get("failure").unwrap_or(&Value::Null);
            rows.push(notification(one, &word(one, "not_before"), &word(failure, "why")));
        }
        for one in dead {
            rows.push(notification(one, &word(one, "number"), &word(one, "why")));
        }
        out + &table(&rows)
    }

    fn trial(&self, answer: &Value) -> String {
        let mut out = String::new();
        for one in list(answer, "attempts") {
            let (kind, why) = (word(one, "kind"), plain(&word(one, "why")));
            let what = match why.is_empty() {
                true => self.say("delivered", "送信しました"),
                false => {
                    let reason = word(one, "reason");
                    self.say(
                        &format!("failed ({reason}): {why}"),
                        &format!("失敗 ({reason}): {why}"),
                    )
                }
            };
            let _ = writeln!(out, "{kind}: {what}");
        }
        out
    }

    fn receivers(&self, answer: &Value) -> String {
        let mut out = String::new();
        for one in list(answer, "receivers") {
            let mute = word(one, "mute");
            let mute = match mute.is_empty() {
                true => String::new(),
                false => self.say(&format!("  (mute: {mute})"), &format!("  (通知停止: {mute})")),
            };
            let _ = writeln!(out, "{}{mute}", plain(&word(one, "receiver")));
        }
        if out.is_empty() {
            out = self.say("nobody would be told\n", "通知先はありません\n");
        }
        for calendar in list(answer, "off_shift").iter().filter_map(Value::as_str) {
            let calendar = plain(calendar);
            let (en, ja) = ("a route is off its shift", "時間外のルートがあります");
            let _ = writeln!(
                out,
                "{}",
                self.say(&format!("{en}: {calendar}"), &format!("{ja}: {calendar}"))
            );
        }
        out
    }

    fn status(&self, answer: &Value) -> String {
        let incidents = answer.get("incidents").unwrap_or(&Value::Null);
        let count = |of: &Value, name: &str| of.get(name).and_then(Value::as_u64).unwrap_or(0);
        let of = |name| count(incidents, name);
        let (firing, breached) = (of("firing"), of("breached"));
        let (acknowledged, resolved) = (of("acknowledged"), of("resolved"));
        let (silences, dead) = (count(answer, "silences"), count(answer, "dead"));
        let mut out = self.say(
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
        let mut rows = Vec::new();
        for one in list(answer, "receivers") {
            let figure = |name: &str| count(one, name).to_string();
            let head = match self.language {
                Language::En => ["RECEIVER", "PENDING", "DELIVERED", "RETRIED", "GIVEN UP"],
                Language::Ja => ["通知先", "送信待ち", "配信済み", "再送", "断念"],
            };
            if rows.is_empty() {
                rows.push(head.map(str::to_owned).to_vec());
            }
            rows.push(vec![
                plain(&word(one, "receiver")),
                figure("pending"),
                figure("delivered"),
                figure("retried"),
                figure("given_up"),
            ]);
        }
        out += &table(&rows);
        out
    }
}

fn notification(one: &Value, place: &str, why: &str) -> Vec<String> {
    vec![
        place.to_owned(),
        plain(&word(one, "receiver")),
        word(one, "kind"),
        plain(&word(one, "alert")),
        word(one, "incident").chars().take(ID_SHOWN).collect(),
        plain(why),
    ]
}

/// What happened, in words: the names are those of the record, in both languages.
fn happening(what: &Value, language: Language) -> String {
    let (name, of) = match what {
        Value::Object(of) => of.iter().next().map_or(("", &Value::Null), |(n, v)| (n.as_str(), v)),
        name => (name.as_str().unwrap_or_default(), &Value::Null),
    };
    let known = HAPPENINGS.iter().find(|(known, ..)| *known == name);
    let (en, ja) = known.map_or((name, name), |(_, en, ja)| (*en, *ja));
    let head = if language == Language::Ja { ja } else { en };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let rest = match of {
        Value::Null => String::new(),
        Value::Object(parts) => {
            let order = ["receiver", "kind", "step", "receivers", "why"];
            let parts = order.iter().filter_map(|name| parts.get(*name));
            parts.map(text).collect::<Vec<_>>().join(" ")
        }
        other => text(other),
    };
    let colon = if rest.is_empty() { "" } else { ": " };
    plain(&format!("{head}{colon}{rest}"))
}

/// What the record calls it, and what people do.
const HAPPENINGS: [(&str, &str, &str); 18] = [
    ("Fired", "fired", "発生"),
    ("Rose", "severity rose", "重大度が上昇"),
    ("MatchedAgain", "matched again", "再び該当"),
    ("Ended", "the alert ended", "アラートが終了"),
    ("Delivered", "told", "通知済み"),
    ("Undelivered", "NOT told", "通知できず"),
    ("HeldBack", "held back", "通知を保留"),
    ("Escalated", "escalated, step", "エスカレーション (段階)"),
    ("Breached", "nobody responded in time", "対応期限を超過"),
    ("Reminded", "reminded", "再通知"),
    ("Acknowledged", "acknowledged", "対応開始"),
    ("Assigned", "assigned to", "担当者"),
    ("Noted", "note", "メモ"),
    ("Mitigated", "mitigated", "一次対応完了"),
    ("CauseFound", "cause found", "原因判明"),
    ("Fixed", "fixed for good", "恒久対策完了"),
    ("Resolved", "resolved", "解消"),
    ("Closed", "closed", "完了"),
];

fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A member as text; nothing where it is not there.
/// What would be sent, safe to print.
fn rendition(answer: &Value) -> String {
    word(answer, "sent").lines().map(|line| format!("{}\n", plain(line))).collect()
}

fn word(of: &Value, name: &str) -> String {
    match of.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn key(one: &Value) -> String {
    let Some(Value::Object(parts)) = one.get("key") else { return String::new() };
    let part = |(name, value): (&String, &Value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        plain(&format!("{name}={text}"))
    };
    parts.iter().map(part).collect::<Vec<_>>().join(" ")
}

/// `2026-01-05 09:00:54Z` of an RFC 3339 time.
fn time_of_day(text: &str) -> String {
    let (day, time) = (text.get(..10).unwrap_or(text), text.get(11..19).unwrap_or_default());
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
        let (en, ja) = (Reader { language: Language::En }, Reader { language: Language::Ja });
        let mut one = serde_json::json!({"state": "firing", "is_flapping": true});
        assert_eq!([en.state(&one), ja.state(&one)], ["firing, flaps", "未対応・繰り返し"]);
        one["is_flapping"] = false.into();
        assert_eq!([en.state(&one), ja.state(&one)], ["firing", "未対応"]);
    }

    #[test]
    fn what_is_late_says_so() {
        let (en, ja) = (Reader { language: Language::En }, Reader { language: Language::Ja });
        assert_eq!([en.due(1_740), en.due(-61)], ["0:29", "over 0:01"]);
        assert_eq!(ja.due(-7_260), "超過 2:01");
    }
}
