//! What every rule says back: its canonical form, the reading in words, and what it costs.

mod canonical;
mod cost;
mod words_en;
mod words_ja;

use std::sync::Arc;

use model::decimal::Decimal;
use model::message::{Language, Unit, show_duration, show_quantity};
use model::schema::Schema;
use model::time::{DAY_MS, MINUTE_MS, SECOND_MS};

use crate::ast::Clauses;
use crate::check::{Compared, Shape, Span, Subject};
use crate::quantity::{shown_as, written};
use crate::rule::{Alert, Formula, Selection, Trigger, Watch};

/// How an alert was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The alert's name.
    pub alert: String,
    /// The streams and filters it reads, in the order of
    /// [`crate::rule::Trigger::selections`].
    pub reads: Vec<String>,
    /// `count(認証失敗) >= 10 within 1m by user.name`
    pub canonical: String,
    /// In English words.
    pub words_en: String,
    /// In Japanese words.
    pub words_ja: String,
    /// What it keeps for each key, and what a restart reads again, in English.
    pub cost_en: String,
    /// The same in Japanese.
    pub cost_ja: String,
}

/// `streams` are those that selections name by index.
pub(crate) fn reading(
    alert: &Alert,
    subject: &Subject,
    clauses: &Clauses,
    streams: &[Arc<Schema>],
) -> Reading {
    Reading {
        alert: alert.name.clone(),
        reads: reads(&alert.trigger, subject),
        canonical: canonical::canonical(alert, subject, clauses),
        words_en: words_en::words(alert, subject, clauses),
        words_ja: words_ja::words(alert, subject, clauses),
        cost_en: cost::cost(alert, subject, streams, Language::En),
        cost_ja: cost::cost(alert, subject, streams, Language::Ja),
    }
}

/// What a watch shows.
pub(crate) fn watched(watch: &Watch, subject: &Subject, streams: &[Arc<Schema>]) -> Reading {
    let keys: Vec<&str> = watch.by.iter().map(|key| key.name.as_str()).collect();
    let (each, each_ja) = match keys.as_slice() {
        [] => (String::new(), String::new()),
        keys => (format!(" per {}", keys.join(", ")), format!("{} ごとに", keys.join("・"))),
    };
    let alert = watch.as_alert();
    Reading {
        alert: watch.name.clone(),
        reads: reads(&alert.trigger, subject),
        canonical: canonical::watch(watch, subject),
        words_en: format!("shown and exported{each}, never an alert"),
        words_ja: format!("{each_ja}表示・出力するだけで、アラートにはならない"),
        cost_en: cost::cost(&alert, subject, streams, Language::En),
        cost_ja: cost::cost(&alert, subject, streams, Language::Ja),
    }
}

/// What a trigger's selections are called; windows that are alike are one by now.
fn reads(trigger: &Trigger, subject: &Subject) -> Vec<String> {
    let selected = subject.selected();
    let name = |of: &Selection| {
        let mut known = selected.iter();
        let known = known.find(|it| it.stream == of.stream && it.predicate == of.predicate);
        known.and_then(|it| it.lineage.last()).cloned().unwrap_or_default()
    };
    trigger.selections().into_iter().map(name).collect()
}

/// A window in words: short ones in seconds, days as the hours they are.
fn window(millis: i64, language: Language) -> String {
    let (en, ja) = match millis {
        _ if millis <= 2 * MINUTE_MS && millis % SECOND_MS == 0 => {
            let seconds = millis / SECOND_MS;
            (format!("{seconds} s"), format!("{seconds}秒"))
        }
        _ if millis % DAY_MS == 0 => {
            let hours = millis / DAY_MS * 24;
            (
                format!("{hours} h (sliding, not calendar days)"),
                format!("{hours}時間 (暦日ではない) "),
            )
        }
        _ => (show_duration(millis, Language::En), show_duration(millis, Language::Ja)),
    };
    if language == Language::Ja { ja } else { en }
}

/// A number as people read it, counted like the value it is compared with.
fn shown(value: Decimal, compared: &Compared, language: Language) -> String {
    match shown_as(compared.valued.unit) {
        // A message rounds to powers of 1024; what was understood is said exactly.
        Unit::Bytes => written(value, Unit::Bytes),
        unit => show_quantity(value, unit, language),
    }
}

/// A value that is one measure over one window.
fn single(compared: &Compared) -> Option<(&Shape, &Span)> {
    compared.valued.single().zip(compared.spans.first())
}

/// The longest window of a value, which is what people are told of it.
fn longest_ms(compared: &Compared) -> i64 {
    compared.spans.iter().map(|span| span.written_ms).max().unwrap_or(0)
}

/// A quantile as its name has it: 95, 99.9.
fn quantile(permille: u32) -> String {
    match (permille / 10, permille % 10) {
        (whole, 0) => whole.to_string(),
        (whole, tenth) => format!("{whole}.{tenth}"),
    }
}

/// How long ago the right side of a division ends, where it is the past of the left side.
fn versus_ms(compared: &Compared, right: &Formula) -> Option<i64> {
    let mut windows = Vec::new();
    collect(right, &mut windows);
    let mut agos = windows.iter().filter_map(|at| compared.spans.get(*at)).map(|span| span.ago_ms);
    let first = agos.next()?;
    (first > 0 && agos.all(|ago| ago == first)).then_some(first)
}

fn collect(formula: &Formula, windows: &mut Vec<usize>) {
    match formula {
        Formula::Window(at) => windows.push(*at),
        Formula::Number(..) => {}
        Formula::Arithmetic(left, _, right) => {
            collect(left, windows);
            collect(right, windows);
        }
    }
}
