//! Lints that compare the rules with a sample of recorded events.

use std::collections::HashMap;
use std::sync::Arc;

use model::schema::Schema;
use model::time::{HOUR_MS, MINUTE_MS, SECOND_MS};

use crate::CompiledRules;
use crate::ast::Statement;
use crate::diagnostic::{Diagnostic, DiagnosticCode, arrange, lasting, texts, wordings};
use crate::explain::RuleExplanation;
use crate::rule::{AbsenceRoster, Alert, Measure, Trigger, Watch, Window};
use crate::source::{SourceFile, SourceSpan};

/// Counts of a run of the rules over recorded events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventSample {
    /// By index of the stream.
    pub streams: Vec<StreamSample>,
    /// Of alerts and watches, in any order.
    pub rules: Vec<RuleSample>,
    /// Limits of the service.
    pub room: ServiceLimits,
}

/// Limits of the service that runs the rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServiceLimits {
    /// Number of keys a rule may hold without a limit of its own.
    pub keys: u64,
    /// Bytes of observations that wait to be settled, all streams together.
    pub unsettled_bytes: u64,
    /// Bytes that one of them takes.
    pub waiting_bytes: u64,
}

/// Counts of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamSample {
    /// Its events, late ones among them.
    pub events: u64,
    /// Those that came too late to count.
    pub late: u64,
    /// The `lateness` with which no more than one event in a hundred had come too late, in
    /// milliseconds.
    pub enough_ms: i64,
    /// Number of its observations within one `lateness` at the most, at least: so many
    /// wait to be settled at once.
    pub waiting: u64,
}

/// Counts of a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleSample {
    /// The name of an alert or a watch.
    pub name: String,
    /// In the order of [`Trigger::selections`].
    pub selections: Vec<SelectionSample>,
    /// Number of keys it has, where it fired for each of them from the first window to the end.
    pub always: Option<usize>,
    /// Of its keys.
    pub keys: KeySample,
}

/// Counts of the keys of a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeySample {
    /// Events that could have repeated a key.
    pub events: u64,
    /// Different keys at least.
    pub different: u64,
    /// Different keys at least within [`together_ms`], where they were most.
    pub together: u64,
}

/// Counts of a selection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SelectionSample {
    /// Events that were counted.
    pub events: u64,
    /// 99th percentile of the time from one of its events to the next of the same key, in
    /// milliseconds; `None` where there are too few.
    pub cadence_ms: Option<i64>,
}

/// Share of late events above which they are reported: one in so many.
pub const LATE_ONE_IN: u64 = 100;
/// Minimum number of events for a finding about all of them.
const EVENTS_MIN: u64 = 10;
/// Minimum number of events for a finding about repeated keys.
const REPEATS_MIN: u64 = 1_000;
/// More different keys than this for each hundred events hardly come again.
const DIFFERENT_PERCENT: u64 = 80;

wordings! {
    NeverSeen never_seen(name: &str, events: u64, stream: &str):
        "`{name}` had nothing to count among the {events} events of `{stream}`"
        | "`{stream}` のイベント{events}件の中に、`{name}` として数えるものが1件もありません"
        help "look at its condition, and whether its events have the fields that are measured \
              and grouped by"
        | "条件と、集計するフィールドやキーのフィールドがイベントにあるかを確認してください";
    FiresThroughout fires_throughout():
        "it fired from its first window to the end of the data"
        | "データの最初のウィンドウから終わりまで、発火したままです"
        help "a level that is always passed tells nobody anything: change it, or compare with \
              the past by `vs`"
        | "常に満たすしきい値では何も分かりません。\
           しきい値を見直すか、`vs` で過去と比べてください";
    FiresThroughout fires_for_all(keys: usize):
        "it fired from the first window to the end of the data for each of its keys: {keys}"
        | "{keys}個のキーすべてで、データの最初のウィンドウから終わりまで発火したままです"
        help "a level that is always passed tells nobody anything: change it, or compare with \
              the past by `vs`"
        | "常に満たすしきい値では何も分かりません。\
           しきい値を見直すか、`vs` で過去と比べてください";
    FiresThroughout fires_at_all(name: &str, events: u64, stream: &str):
        "each of the {events} events of `{stream}` is `{name}`"
        | "`{stream}` のイベント{events}件すべてが `{name}` に該当します"
        help "narrow the filter to the events that somebody is to act on"
        | "対応が必要なイベントだけになるように、filter を絞ってください";
    WindowBelowCadence window_below(
        name: &str, cadence: &str, window: &str, cadence_ja: &str, window_ja: &str
    ):
        "`{name}` of one key come up to {cadence} apart: the {window} this looks back hold too few \
         at times"
        | "`{name}` は同じキーで最大{cadence_ja}の間隔が空きます。\
           さかのぼる時間が{window_ja}では足りないことがあります";
    ManyLate many_late(events: u64, late: u64, lateness: &str, lateness_ja: &str):
        "{late} of {events} events came later than the {lateness} of `lateness` and did not count"
        | "イベント{events}件のうち{late}件が、`lateness` の{lateness_ja}を超えて遅れたため\
           数えられませんでした";
    UnboundedKey hardly_repeats(keys: u64, events: u64, by: &str):
        "{events} events had at least {keys} different `{by}`: hardly one comes again"
        | "イベント{events}件に、異なる `{by}` が{keys}個以上あります。\
           同じキーはほとんど繰り返しません"
        help "group by what events have in common, or bound it: `limit 10000 keys`"
        | "共通するフィールドでまとめるか、`limit 10000 keys` で上限を付けてください";
    UnboundedKey outgrown(
        keys: u64, by: &str, length: &str, length_ja: &str, room: u64, enough: u64
    ):
        "at least {keys} different `{by}` came within {length}, and there is room for {room}: \
         others are not judged"
        | "{length_ja}以内に異なる `{by}` が{keys}個以上ありましたが、上限は{room}個です。\
           超えた分は判定されません"
        help "group by what more events have in common, or make room: `limit {enough} keys`"
        | "より多くのイベントに共通するフィールドでまとめるか、`limit {enough} keys` で上限を\
           増やしてください";
    LateBudget waits_beyond(
        events: u64, lateness: &str, lateness_ja: &str, needed: u64, room: u64
    ):
        "at least {events} observations wait out the {lateness} of `lateness` at once: {needed} \
         MiB, and there is room for {room} MiB"
        | "`lateness` の{lateness_ja}の間に、観測{events}件 ({needed} MiB) 以上が同時に確定を\
           待ちますが、上限は {room} MiB です";
}

texts! {
    shorter_lateness(enough: &str, enough_ja: &str):
        "wait for less: `lateness {enough}`"
        | "待つ時間を短くしてください: `lateness {enough_ja}`";
    more_room(mebibytes: u64):
        "or make room in `[limits]`: `reorder_buffer_bytes = \"{mebibytes}MiB\"`"
        | "または `[limits]` で上限を増やしてください: `reorder_buffer_bytes = \"{mebibytes}MiB\"`";
    wider_window(enough: &str, enough_ja: &str):
        "{enough} would bridge one that is missing"
        | "{enough_ja}にすれば、1件欠けても途切れません";
    longer_lateness(enough: &str, enough_ja: &str):
        "`lateness {enough}` counts all but one in a hundred; alerts come that much later"
        | "`lateness {enough_ja}` にすれば、数えられないイベントは1%以下になります。\
           通知もその分遅れます";
}

/// Adds the findings of the sample to the diagnostics of the rules.
///
/// `files` are the sources of the rules. A stream without events has no findings.
pub fn lint(files: &[SourceFile], compiled: &mut CompiledRules, sample: &EventSample) {
    let Some(rules) = &compiled.rules else {
        return;
    };
    let against = SampleLint { places: places(files), streams: &rules.streams, sample };
    let samples: HashMap<&str, &RuleSample> =
        sample.rules.iter().map(|seen| (seen.name.as_str(), seen)).collect();
    let found = &mut compiled.diagnostics;
    for (schema, seen) in rules.streams.iter().zip(&sample.streams) {
        found.extend(against.late(schema, seen));
        found.extend(against.late_budget(schema, seen));
    }
    let alerts = rules.alerts.iter().cloned().zip(&compiled.readings);
    let watches = rules.watches.iter().map(Watch::as_alert).zip(&compiled.watched);
    for (alert, reading) in alerts.chain(watches) {
        let seen = samples.get(alert.name.as_str());
        let place = against.places.get(&alert.name);
        if let (Some(seen), Some(place)) = (seen, place) {
            against.counted(&alert, reading, seen, found);
            found.extend(throughout(&alert, seen, *place));
            found.extend(below_cadence(&alert, reading, seen, *place));
            let is_known =
                |of: &Diagnostic| of.code == DiagnosticCode::KeyPerEvent && of.is_at(*place);
            if !found.iter().any(is_known) {
                found.extend(unbounded(&alert, &seen.keys, sample.room.keys, *place));
            }
        }
    }
    arrange(found);
}

/// Places at which the names of all files are declared; they share one namespace.
fn places(files: &[SourceFile]) -> HashMap<String, SourceSpan> {
    let mut places = HashMap::new();
    for (index, file) in files.iter().enumerate() {
        let (ast, _) = crate::parse::parse(index, &file.text);
        let names = ast.statements.iter().filter_map(Statement::declared_name);
        places.extend(names.map(|name| (name.text.clone(), name.at.0)));
    }
    places
}

struct SampleLint<'a> {
    places: HashMap<String, SourceSpan>,
    streams: &'a [Arc<Schema>],
    sample: &'a EventSample,
}

impl SampleLint<'_> {
    fn late(&self, schema: &Schema, seen: &StreamSample) -> Option<Diagnostic> {
        let place = *self.places.get(&schema.name)?;
        let is_many = seen.events >= EVENTS_MIN && seen.late > seen.events / LATE_ONE_IN;
        let [lateness, enough] = [schema.lateness_ms, round(seen.enough_ms)].map(lasting);
        is_many.then(|| {
            many_late(place, seen.events, seen.late, &lateness.en, &lateness.ja)
                .help(longer_lateness(&enough.en, &enough.ja))
        })
    }

    /// Observations are kept until their instant is settled, one `lateness` later.
    fn late_budget(&self, schema: &Schema, seen: &StreamSample) -> Option<Diagnostic> {
        let place = *self.places.get(&schema.name)?;
        let room = self.sample.room;
        let needed = seen.waiting.saturating_mul(room.waiting_bytes);
        if needed <= room.unsettled_bytes {
            return None;
        }
        let share = room.unsettled_bytes as f64 / needed as f64;
        // What is half full has room for a day that is busier.
        let enough_ms = (schema.lateness_ms as f64 * share / 2.0) as i64;
        let unit = readable(enough_ms);
        let enough = lasting((enough_ms / unit).max(1) * unit);
        let lateness = lasting(schema.lateness_ms);
        let mebibytes = |bytes: u64| bytes.div_ceil(1 << 20);
        let (needs, has) = (mebibytes(needed), room.unsettled_bytes >> 20);
        let found = waits_beyond(place, seen.waiting, &lateness.en, &lateness.ja, needs, has);
        let more = more_room(mebibytes(needed.saturating_mul(2)));
        Some(found.help(shorter_lateness(&enough.en, &enough.ja)).help(more))
    }

    /// Selections of nothing, and an `any` of everything.
    fn counted(
        &self,
        alert: &Alert,
        reading: &RuleExplanation,
        seen: &RuleSample,
        found: &mut Vec<Diagnostic>,
    ) {
        let is_any = matches!(alert.trigger, Trigger::Any { and: None, .. });
        let selections = alert.trigger.selections();
        for ((of, name), counted) in selections.iter().zip(&reading.reads).zip(&seen.selections) {
            let events = self.sample.streams.get(of.stream).map_or(0, |stream| stream.events);
            let stream = self.streams.get(of.stream).map_or("", |schema| &schema.name);
            let Some(place) = self.places.get(name).copied() else {
                continue;
            };
            if events > 0 && counted.events == 0 {
                found.push(never_seen(place, name, events, stream));
            }
            if is_any && events >= EVENTS_MIN && counted.events == events {
                found.push(fires_at_all(place, name, events, stream));
            }
        }
    }
}

fn throughout(alert: &Alert, seen: &RuleSample, place: SourceSpan) -> Option<Diagnostic> {
    // A selection without events was reported already.
    let keys = seen.always.filter(|_| seen.selections.iter().all(|of| of.events > 0))?;
    Some(if alert.by.is_empty() { fires_throughout(place) } else { fires_for_all(place, keys) })
}

/// Time for which a rule holds a key after an event, in milliseconds; `None` where others than its
/// events decide that: a roster, or what `then not` waits for.
pub fn together_ms(alert: &Alert) -> Option<i64> {
    match &alert.trigger {
        Trigger::ThenNot { .. } | Trigger::Absent { roster: AbsenceRoster::Listed(_), .. } => None,
        Trigger::Absent { roster: AbsenceRoster::Seen(seen_ms), .. } => Some(*seen_ms),
        Trigger::New { within_ms, .. } => Some(*within_ms),
        Trigger::Any { and: None, .. } => Some(alert.keep_ms),
        trigger => Some(trigger.reach_ms()),
    }
}

/// Keys that are more than the rule has room for, and such as hardly come again.
fn unbounded(alert: &Alert, seen: &KeySample, room: u64, place: SourceSpan) -> Option<Diagnostic> {
    let length = together_ms(alert).filter(|_| !alert.by.is_empty())?;
    let names: Vec<&str> = alert.by.iter().map(|key| key.name.as_str()).collect();
    let by = names.join(", ");
    let room = alert.keys_max.map_or(room, u64::from);
    if seen.together > room {
        let length = lasting(length);
        let (enough, keys) = (rounded_up(seen.together.saturating_mul(2)), seen.together);
        return Some(outgrown(place, keys, &by, &length.en, &length.ja, room, enough));
    }
    // Events of a sequence have one key because they are of one affair.
    let is_affair = matches!(alert.trigger, Trigger::Sequence { .. });
    let is_reporting = seen.events >= REPEATS_MIN && !is_affair && alert.keys_max.is_none();
    let hardly = seen.different > seen.events / 100 * DIFFERENT_PERCENT;
    (is_reporting && hardly).then(|| hardly_repeats(place, seen.different, seen.events, &by))
}

/// Up to two digits and zeros.
fn rounded_up(number: u64) -> u64 {
    let digits = number.checked_ilog10().unwrap_or(0);
    let unit = 10_u64.saturating_pow(digits.saturating_sub(1));
    number.div_ceil(unit).saturating_mul(unit)
}

fn below_cadence(
    alert: &Alert,
    reading: &RuleExplanation,
    seen: &RuleSample,
    place: SourceSpan,
) -> Vec<Diagnostic> {
    let finding = |need: TrafficNeed| {
        let (name, counted) =
            (reading.reads.get(need.selection)?, seen.selections.get(need.selection)?);
        let cadence_ms = counted.cadence_ms?;
        let needed_ms = cadence_ms.saturating_mul(need.values);
        let enough_ms = round(needed_ms.saturating_add(cadence_ms));
        let [cadence, length, enough] = [cadence_ms, need.length_ms, enough_ms].map(lasting);
        (needed_ms > need.length_ms).then(|| {
            window_below(place, name, &cadence.en, &length.en, &cadence.ja, &length.ja)
                .help(wider_window(&enough.en, &enough.ja))
        })
    };
    needs(&alert.trigger).into_iter().filter_map(finding).collect()
}

/// Events that are expected all the time.
struct TrafficNeed {
    /// Which ones, by place among [`Trigger::selections`].
    selection: usize,
    /// Time for which they are remembered, in milliseconds.
    length_ms: i64,
    /// Number of them.
    values: i64,
}

/// Counts are not among them: of them none is a value like any other.
fn needs(trigger: &Trigger) -> Vec<TrafficNeed> {
    if let Trigger::Absent { within_ms, .. } = trigger {
        return vec![TrafficNeed { selection: 0, length_ms: *within_ms, values: 1 }];
    }
    let windows = trigger.condition().map_or(&[][..], |condition| &condition.windows);
    let width = |window: &Window| window.measure.selections().count();
    // Those of windows come last.
    let mut next = trigger.selections().len() - windows.iter().map(width).sum::<usize>();
    let mut all = Vec::new();
    for window in windows {
        let values = match window.measure {
            Measure::Count(_) | Measure::Sum(_) | Measure::Distinct(_) | Measure::Ratio(..) => 0,
            Measure::Avg(_)
            | Measure::Min(_)
            | Measure::Max(_)
            | Measure::Last(_)
            | Measure::Quantile { .. } => 1,
            Measure::Stddev(_) | Measure::Delta(_) | Measure::Increase(_) | Measure::Rate(_) => 2,
        };
        if values > 0 {
            all.push(TrafficNeed { selection: next, length_ms: window.window_ms, values });
        }
        next += width(window);
    }
    all
}

/// Rounds up to a duration as rules write it.
fn round(millis: i64) -> i64 {
    let unit = readable(millis);
    millis.max(1).saturating_add(unit - 1) / unit * unit
}

/// Unit in which rules write a duration.
const fn readable(millis: i64) -> i64 {
    match millis {
        _ if millis > 2 * HOUR_MS => HOUR_MS,
        _ if millis > 2 * MINUTE_MS => MINUTE_MS,
        _ => SECOND_MS,
    }
}

#[cfg(test)]
mod tests;
