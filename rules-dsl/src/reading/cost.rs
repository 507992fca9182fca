//! What an alert keeps for each key, and how much of the past a restart reads again.

use std::sync::Arc;

use model::message::{Language, show_duration};
use model::schema::Schema;
use model::time::{DAY_MS, HOUR_MS};

use crate::check::{Function, Joined, Subject};
use crate::rule::Alert;

/// An instant and how many events it has.
const STAMP_BYTES: u32 = 16;
/// An instant and a value.
const VALUE_BYTES: u32 = 32;
/// A value in a table, with room to grow.
const TABLE_BYTES: u32 = 64;

pub(super) fn cost(
    alert: &Alert,
    subject: &Subject,
    streams: &[Arc<Schema>],
    language: Language,
) -> String {
    let again = roughly(alert.horizon_ms(), language);
    let kept = kept(subject, language);
    let crosses = crosses_partitions(alert, streams);
    match language {
        Language::En => {
            let lies = match crosses {
                Some(true) => "; its keys cross partitions",
                Some(false) => "; each key lies in one partition",
                None => "",
            };
            format!("{kept}; recovery re-reads {again}{lies}")
        }
        Language::Ja => {
            let lies = match crosses {
                Some(true) => "、同じキーが複数のパーティションにまたがる",
                Some(false) => "、各キーは一つのパーティションに収まる",
                None => "",
            };
            format!("{kept}、再起動時は直近{again}を読み直す{lies}")
        }
    }
}

/// A length of time to the nearest hour or day where its minutes tell nobody anything.
fn roughly(millis: i64, language: Language) -> String {
    let unit = match millis {
        _ if millis > 2 * DAY_MS => DAY_MS,
        _ if millis > 2 * HOUR_MS => HOUR_MS,
        _ => return show_duration(millis, language),
    };
    let (whole, rest) = (millis / unit, millis % unit);
    if rest == 0 {
        return show_duration(millis, language);
    }
    let nearest = if rest * 2 < unit { whole } else { whole + 1 };
    let (en, ja) = if unit == DAY_MS { ("d", "日") } else { ("h", "時間") };
    match language {
        Language::En => format!("about {nearest}{en}"),
        Language::Ja => format!("約{nearest}{ja}"),
    }
}

/// Whether one key of an alert has events in several partitions; `None` where a stream does not
/// say what its records are keyed by.
fn crosses_partitions(alert: &Alert, streams: &[Arc<Schema>]) -> Option<bool> {
    let crosses = alert.trigger.selections().into_iter().map(|of| {
        let field = streams.get(of.stream)?.partitioned_by?;
        Some(!of.key.contains(&field))
    });
    let each: Option<Vec<bool>> = crosses.collect();
    each.map(|each| each.contains(&true))
}

/// What is kept beside a few hundred bytes for each key.
fn kept(subject: &Subject, language: Language) -> String {
    let says = |en: String, ja: String| if language == Language::Ja { ja } else { en };
    match subject {
        Subject::Condition(_) => windows(subject, language),
        Subject::Any { and: Some(_), .. } => windows(subject, language),
        Subject::Any { and: None, .. } => {
            says("nothing per event".to_owned(), "イベントごとのメモリは不要".to_owned())
        }
        Subject::Sequence { count, steps, .. } => {
            let bytes = 8 * u64::from(*count) + 16 * steps.len() as u64;
            says(format!("{bytes} B/key"), format!("1キーにつき {bytes} B"))
        }
        Subject::ThenNot { .. } => says(
            "8 B per event not yet followed".to_owned(),
            "続きを待つイベント1件につき 8 B".to_owned(),
        ),
        Subject::Absent { .. } => says("24 B/key".to_owned(), "1キーにつき 24 B".to_owned()),
        Subject::New { values_max, .. } => says(
            format!("{TABLE_BYTES} B per value, up to {values_max} values a key"),
            format!("値1個につき {TABLE_BYTES} B、1キーにつき{values_max}個まで"),
        ),
    }
}

fn windows(subject: &Subject, language: Language) -> String {
    let joined = subject.joined();
    let shapes = joined.into_iter().flat_map(Joined::shapes);
    let bytes: u32 = shapes.map(|shape| bytes_per_event(shape.function)).sum();
    let spans = joined.into_iter().flat_map(Joined::spans);
    let longest = spans.map(|span| span.window_ms.saturating_add(span.ago_ms)).max().unwrap_or(0);
    match (bytes, language) {
        (0, Language::En) => "one sample per key".to_owned(),
        (0, Language::Ja) => "1キーにつき最新の1件のみ".to_owned(),
        (_, Language::En) => {
            format!("{bytes} B per event of the last {}", show_duration(longest, language))
        }
        (_, Language::Ja) => {
            format!("直近{}のイベント1件につき {bytes} B", show_duration(longest, language))
        }
    }
}

const fn bytes_per_event(function: Function) -> u32 {
    match function {
        Function::Last => 0,
        Function::Count | Function::Ratio => STAMP_BYTES,
        Function::Sum
        | Function::Avg
        | Function::Stddev
        | Function::Delta
        | Function::Increase
        | Function::Rate => VALUE_BYTES,
        Function::Min | Function::Max => VALUE_BYTES + STAMP_BYTES,
        Function::Distinct | Function::Quantile(_) => VALUE_BYTES + TABLE_BYTES,
    }
}
