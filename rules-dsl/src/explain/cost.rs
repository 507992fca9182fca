//! State that an alert keeps for each key, and the past that a restart replays.

use std::sync::Arc;

use model::message::{Language, MessagePart, show_duration};
use model::schema::Schema;
use model::time::{DAY_MS, HOUR_MS};

use crate::check::types::CheckedTrigger;
use crate::rule::{Alert, Measure, REMEMBERED_BEYOND_MS, REMEMBERED_EVERY_MS, Trigger, Window};

/// An instant and how many events it has.
const STAMP_BYTES: u32 = 16;
/// An instant and a value, or a sum of values.
const VALUE_BYTES: u32 = 32;
/// A single value.
const RANKED_BYTES: u32 = 16;
/// A value in a table, and when it was last seen.
const SEEN_BYTES: u32 = 40;
/// A step's first value, its last and what lies between.
const COURSE_BYTES: u32 = 80;
/// A step's sum and its sum of squares.
const MOMENTS_BYTES: u32 = 64;

pub(super) fn cost(
    alert: &Alert,
    subject: &CheckedTrigger,
    streams: &[Arc<Schema>],
    language: Language,
) -> String {
    let recalled = alert.remembered_ms().filter(|reach| *reach >= REMEMBERED_BEYOND_MS);
    let horizon_ms = alert.horizon_ms();
    let again_ms = recalled.map_or(horizon_ms, |reach| horizon_ms - reach + REMEMBERED_EVERY_MS);
    let again = roughly(again_ms, language);
    let kept = kept(alert, subject, language);
    let crosses = crosses_partitions(alert, streams);
    match language {
        Language::En => {
            let lies = match crosses {
                Some(true) => "; its keys cross partitions",
                Some(false) => "; each key lies in one partition",
                None => "",
            };
            let recalls = if recalled.is_some() { " and recalls what it saw before" } else { "" };
            format!("{kept}; recovery re-reads {again}{recalls}{lies}")
        }
        Language::Ja => {
            let lies = match crosses {
                Some(true) => "、同じキーが複数のパーティションにまたがる",
                Some(false) => "、各キーは一つのパーティションに収まる",
                None => "",
            };
            let ends = if recalled.is_some() {
                "し、それより前は記録から復元する"
            } else {
                "す"
            };
            format!("{kept}、再起動時は直近{again}を読み直{ends}{lies}")
        }
    }
}

/// Duration rounded to the nearest hour or day where its minutes do not matter.
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

/// True when one key of an alert has events in several partitions; `None` where a stream does not
/// declare the key of its records.
fn crosses_partitions(alert: &Alert, streams: &[Arc<Schema>]) -> Option<bool> {
    let crosses = alert.trigger.selections().into_iter().map(|of| {
        let field = streams.get(of.stream)?.partitioned_by?;
        Some(!of.key.contains(&field))
    });
    let each: Option<Vec<bool>> = crosses.collect();
    each.map(|each| each.contains(&true))
}

/// State beside a few hundred bytes for each key.
fn kept(alert: &Alert, subject: &CheckedTrigger, language: Language) -> String {
    let says = |en: String, ja: String| if language == Language::Ja { ja } else { en };
    match subject {
        CheckedTrigger::Condition(_) => windows(alert, language),
        CheckedTrigger::Any { and: Some(_), .. } => windows(alert, language),
        CheckedTrigger::Any { and: None, .. } => {
            says("nothing per event".to_owned(), "イベントごとのメモリは不要".to_owned())
        }
        CheckedTrigger::Sequence { count, steps, .. } => {
            let bytes = 8 * u64::from(*count) + 16 * (steps.len() as u64).saturating_sub(1);
            says(format!("{bytes} B/key"), format!("1キーにつき {bytes} B"))
        }
        CheckedTrigger::ThenNot { .. } => says(
            "8 B per event not yet followed".to_owned(),
            "続きを待つイベント1件につき 8 B".to_owned(),
        ),
        CheckedTrigger::Absent { .. } => says("32 B/key".to_owned(), "1キーにつき 32 B".to_owned()),
        CheckedTrigger::New { values_max, .. } => says(
            format!("{SEEN_BYTES} B per value, up to {values_max} values a key"),
            format!("値1個につき {SEEN_BYTES} B、1キーにつき{values_max}個まで"),
        ),
    }
}

fn windows(alert: &Alert, language: Language) -> String {
    let windows = alert.trigger.condition().map_or(&[][..], |condition| &condition.windows);
    let places = windows.iter().enumerate();
    let bytes: u32 =
        places.map(|(at, window)| bytes(window) + counted_bytes(window, at == 0, alert)).sum();
    let reaches = windows.iter().map(|window| window.window_ms.saturating_add(window.ago_ms));
    let longest = show_duration(reaches.max().unwrap_or(0), language);
    let is_by_step = windows.iter().all(keeps_steps);
    match (bytes, is_by_step, language) {
        (0, _, Language::En) => "one sample per key".to_owned(),
        (0, _, Language::Ja) => "1キーにつき最新の1件のみ".to_owned(),
        (_, true, Language::En) => format!("{bytes} B per step of the last {longest}"),
        (_, true, Language::Ja) => format!("直近{longest}の1ステップにつき {bytes} B"),
        (_, false, Language::En) => format!("{bytes} B per event of the last {longest}"),
        (_, false, Language::Ja) => format!("直近{longest}のイベント1件につき {bytes} B"),
    }
}

/// True when what is left of a step takes no more than one event does.
const fn keeps_steps(window: &Window) -> bool {
    let keeps_values = matches!(window.measure, Measure::Quantile { .. } | Measure::Distinct(_));
    window.step_ms > 0 && !keeps_values
}

/// Bytes kept of an event at most, or of a step.
const fn bytes(window: &Window) -> u32 {
    let in_steps = window.step_ms > 0;
    match window.measure {
        Measure::Last(_) => 0,
        Measure::Count(_) | Measure::Ratio(..) => STAMP_BYTES,
        Measure::Delta(_) | Measure::Increase(_) | Measure::Rate(_) if in_steps => COURSE_BYTES,
        Measure::Stddev(_) if in_steps => MOMENTS_BYTES,
        Measure::Sum(_)
        | Measure::Avg(_)
        | Measure::Stddev(_)
        | Measure::Delta(_)
        | Measure::Increase(_)
        | Measure::Rate(_)
        | Measure::Min(_)
        | Measure::Max(_) => VALUE_BYTES,
        Measure::Distinct(_) => SEEN_BYTES,
        Measure::Quantile { .. } => VALUE_BYTES + RANKED_BYTES,
    }
}

/// Bytes kept of an event because it is to be counted, where the measure does not do that.
fn counted_bytes(window: &Window, is_shown: bool, alert: &Alert) -> u32 {
    let shows_value = is_shown && matches!(alert.trigger, Trigger::Condition(_));
    let shows_count = || alert.message.parts.contains(&MessagePart::Count);
    let is_counted = match window.measure {
        Measure::Last(_) => shows_value && shows_count(),
        Measure::Min(_) | Measure::Max(_) | Measure::Distinct(_) => shows_value,
        _ => return 0,
    };
    if is_counted || window.min_events > 1 { STAMP_BYTES } else { 0 }
}
