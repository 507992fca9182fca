//! Lints: valid rules that probably do not mean what their author intended.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use model::decimal::Decimal;
use model::schema::Schema;

use crate::check::types::{
    CheckedAlert, CheckedComparison, CheckedTrigger, MeasureFunction, MeasureShape, SelectedEvents,
    WindowSpan,
};
use crate::diagnostic::{Diagnostic, lasting, text, wordings};
use crate::print::{name, quantity};
use crate::rule::{ComparisonOp, ConstantValue, Predicate, PredicateOperand};
use crate::source::SourceSpan;

/// Lints over all alerts.
pub(crate) fn lint(
    alerts: &[CheckedAlert],
    streams: &[Arc<Schema>],
    diagnostics: &mut Vec<Diagnostic>,
) {
    for alert in alerts {
        diagnostics.extend(shorter_than_lateness(alert, streams));
        diagnostics.extend(ratio_without_min(alert));
        diagnostics.extend(finer_than_step(alert));
        diagnostics.extend(measured_key(alert));
        diagnostics.extend(key_per_event(alert, streams));
        if let Some(one) = SingleComparison::of(alert) {
            diagnostics.extend(constant_truth(&one));
            diagnostics.extend(events_are_not_people(&one));
            diagnostics.extend(low_side_with_key(&one));
            diagnostics.extend(for_outlives_window(&one));
        }
    }
    overlapping(alerts, diagnostics);
}

/// An alert that is one comparison of one measure.
struct SingleComparison<'a> {
    checked: &'a CheckedAlert,
    compared: &'a CheckedComparison,
    shape: &'a MeasureShape,
    span: &'a WindowSpan,
}

impl SingleComparison<'_> {
    fn of(checked: &CheckedAlert) -> Option<SingleComparison<'_>> {
        let CheckedTrigger::Condition(joined) = &checked.subject else {
            return None;
        };
        let (compared, shape, span) = joined.single()?;
        Some(SingleComparison { checked, compared, shape, span })
    }

    fn level_place(&self) -> SourceSpan {
        self.compared.place()
    }
}

wordings! {
    RatioWithoutMin no_min():
        "a ratio without `min` fires on one event of one"
        | "`min` のない割合は、1件中1件でも発火します"
        help "say below how many events it means nothing: `min 20`"
        | "判定に必要な最小の件数を指定してください: `min 20`";
    NeverHolds never_holds(canonical: &str):
        "this can never hold: `{canonical}`" | "この条件は決して成り立ちません: `{canonical}`";
    AlwaysHolds always_holds(canonical: &str):
        "this always holds: `{canonical}`" | "この条件は常に成り立ちます: `{canonical}`";
    LowSideWithKey silent_key():
        "a key that goes silent is not judged: this side never sees 0 for it"
        | "途絶えたキーは判定されないので、0件になっても検知できません"
        help "without `by` silence is judged; per key it is the business of `absent`"
        | "キーごとの途絶は `absent` で検知してください。`by` がなければ0件も判定されます";
    ForOutlivesWindow outlived(held: &str, window: &str, held_ja: &str, window_ja: &str):
        "one event keeps this true for {window}, less than the {held} of `for`: alone it never \
         fires"
        | "イベント1件では{window_ja}しか続かないので、`for` の{held_ja}に届かず発火しません"
        help "drop `for`, or keep the episode open with `keep {held}`"
        | "`for` を外すか、`keep {held_ja}` でエピソードを開いたままにしてください";
    FinerThanStep finer(step: &str, step_ja: &str):
        "`for` or `keep` is finer than the {step} by which the window moves"
        | "`for` か `keep` が、ウィンドウの刻み ({step_ja}) より短くなっています"
        help "make it a multiple of {step}, or the window 10m or shorter"
        | "{step_ja}の倍数にするか、ウィンドウを10分以下にしてください";
    ShouldBeLadder same_measure(name: &str, other: &str):
        "`{name}` and `{other}` watch the same measure: both will page"
        | "`{name}` と `{other}` は同じ値を監視しており、両方から通知が出ます"
        help "one alert with a ladder of severities pages once"
        | "`ladder` で一つのアラートにまとめれば、通知は一度で済みます";
    ShorterThanLateness too_short(within: &str, lateness: &str, within_ja: &str, lateness_ja: &str):
        "{within} is no longer than the {lateness} by which events may be late"
        | "待つ時間の{within_ja}が、stream の `lateness` ({lateness_ja}) 以下です"
        help "it is told that much later anyway: make it longer, or the stream's `lateness` shorter"
        | "通知はどのみち `lateness` の分だけ遅れます。\
           待つ時間を長くするか、`lateness` を短くしてください";
    EventsAreNotPeople counts_events(level: &str, events: &str):
        "`{level}` of a count are that many events, be they all of the same one"
        | "`{level}` はイベントの件数として数えるので、同じ相手の分も重複して数えます"
        help "different ones are counted by `distinct({events}.FIELD)`; events by `回` or `件`"
        | "重複を除くなら `distinct({events}.フィールド)` を使い、\
           イベントの件数なら単位を `回` か `件` にしてください";
    MeasuredKey measured_and_key(name: &str):
        "`{name}` is measured and identifies: each of its values is judged by itself"
        | "`{name}` は測定値でもキーでもあるため、値ごとに別々に判定されます"
        help "leave it out of `by`" | "`by` から外してください";
    KeyPerEvent each_its_own(name: &str):
        "`{name}` is the id of events: each is a key of its own"
        | "`{name}` はイベントの id なので、1件ごとに別のキーになります"
        help "group by what events have in common, or bound it: `limit 10000 keys`"
        | "共通するフィールドでまとめるか、`limit 10000 keys` で上限を付けてください";
    NeverMatches never_matches(name: &str):
        "no event can satisfy `{name}`: one field would have two values"
        | "`{name}` に一致するイベントはありません。\
           一つのフィールドが同時に二つの値を持つ条件です"
        help "join the values by `or`, or write `in (…)`"
        | "値を `or` でつなぐか、`in (…)` と書いてください";
    NeverMatches never_in_bounds(name: &str):
        "no event can satisfy `{name}`: no number lies between its bounds"
        | "`{name}` に一致するイベントはありません。上限と下限の間に入る値がありません"
        help "turn one of them around, or join them by `or`"
        | "不等号の向きを確認するか、`or` でつないでください";
    NeverMatches never_lower_case(name: &str, text: &str, lower: &str):
        "no event can satisfy `{name}`: `lower(…)` has no capitals, `{text}` has"
        | "`{name}` を満たすイベントはありません。`lower(…)` に大文字はなく、`{text}` にはあります"
        help "write `\"{lower}\"`" | "`\"{lower}\"` と書いてください";
}

/// An absence is reported only when it can no longer come late.
fn shorter_than_lateness(one: &CheckedAlert, streams: &[Arc<Schema>]) -> Option<Diagnostic> {
    let (of, within_ms) = match &one.subject {
        CheckedTrigger::ThenNot { then, within_ms, .. } => (then, *within_ms),
        CheckedTrigger::Absent { of, within_ms, .. } => (of, *within_ms),
        _ => return None,
    };
    let lateness_ms = streams.get(of.stream)?.lateness_ms;
    let (within, lateness) = (lasting(within_ms), lasting(lateness_ms));
    (within_ms <= lateness_ms)
        .then(|| too_short(one.place, &within.en, &lateness.en, &within.ja, &lateness.ja))
}

fn ratio_without_min(alert: &CheckedAlert) -> Vec<Diagnostic> {
    let compares = alert.subject.joined().into_iter().flat_map(|joined| &joined.compares);
    let bare = |compared: &&CheckedComparison| {
        let mut windows = compared.valued.shapes.iter().zip(&compared.spans);
        windows
            .any(|(shape, span)| shape.function == MeasureFunction::Ratio && span.min_events == 0)
    };
    compares.filter(bare).map(|compared| no_min(compared.place())).collect()
}

/// Units that count something other than events.
const THINGS: [&str; 3] = ["人", "名", "台"];

fn events_are_not_people(one: &SingleComparison<'_>) -> Option<Diagnostic> {
    let written = &one.compared.written;
    let is_thing = written.unit.is_some_and(|unit| THINGS.contains(&unit.spelling));
    if one.shape.function != MeasureFunction::Count || !is_thing {
        return None;
    }
    let events = one.shape.names.first().map_or("", String::as_str);
    Some(counts_events(one.level_place(), &quantity(written), &name(events)))
}

/// `distinct` of a key is at most one; another lint reports it.
fn measured_key(alert: &CheckedAlert) -> Option<Diagnostic> {
    let mut shapes = alert.subject.joined()?.shapes();
    let by = &alert.alert.by;
    let is_key = |name: &str| by.iter().any(|key| key.name == name);
    let measures = |shape: &&MeasureShape| shape.function != MeasureFunction::Distinct;
    let found = shapes.find(|shape| measures(shape) && is_key(&shape.field_name))?;
    Some(measured_and_key(alert.place, &found.field_name))
}

fn key_per_event(alert: &CheckedAlert, streams: &[Arc<Schema>]) -> Option<Diagnostic> {
    if alert.alert.keys_max.is_some() {
        return None;
    }
    let selected = alert.subject.selected();
    let ids = selected.iter().filter_map(|of| {
        let schema = streams.get(of.stream)?;
        Some(schema.fields.get(schema.id?)?.name.as_str())
    });
    let by = &alert.alert.by;
    let mut ids = ids.filter(|id| by.iter().any(|key| key.name == *id));
    ids.next().map(|id| each_its_own(alert.place, id))
}

/// The least and the largest value a measure can have, where that is known.
fn range(one: &SingleComparison<'_>) -> (Option<Decimal>, Option<Decimal>) {
    let subset = || match one.shape.of.as_slice() {
        [part, whole] => whole.lineage.last().is_some_and(|last| part.lineage.contains(last)),
        _ => false,
    };
    match one.shape.function {
        MeasureFunction::Count | MeasureFunction::Stddev => (Some(Decimal::ZERO), None),
        MeasureFunction::Distinct => {
            let field = &one.shape.field_name;
            let is_key = one.checked.alert.by.iter().any(|key| key.name == *field);
            (Some(Decimal::ZERO), is_key.then_some(Decimal::ONE))
        }
        MeasureFunction::Ratio => (Some(Decimal::ZERO), subset().then_some(Decimal::ONE)),
        _ => (None, None),
    }
}

fn constant_truth(one: &SingleComparison<'_>) -> Option<Diagnostic> {
    let CheckedComparison { level, comparison, .. } = *one.compared;
    let (least, largest) = range(one);
    // How the level lies to the range: outside it, or at least on its edge.
    let past_top = largest.is_some_and(|largest| level > largest);
    let at_top = largest.is_some_and(|largest| level >= largest);
    let past_bottom = least.is_some_and(|least| level < least);
    let at_bottom = least.is_some_and(|least| level <= least);
    let whole = matches!(one.shape.function, MeasureFunction::Count | MeasureFunction::Distinct);
    let unreachable = past_top || past_bottom || (whole && level.to_int().is_none());
    let (never, always) = match comparison {
        ComparisonOp::AtLeast => (past_top, at_bottom),
        ComparisonOp::Above => (at_top, past_bottom),
        ComparisonOp::AtMost => (past_bottom, at_top),
        ComparisonOp::Below => (at_bottom, past_top),
        ComparisonOp::Equal => (unreachable, false),
        ComparisonOp::NotEqual => (false, unreachable),
    };
    let canonical = &one.checked.reading.canonical;
    if never {
        return Some(never_holds(one.level_place(), canonical));
    }
    always.then(|| always_holds(one.level_place(), canonical))
}

fn low_side_with_key(one: &SingleComparison<'_>) -> Option<Diagnostic> {
    let low = one.compared.comparison.is_low();
    let sums = matches!(
        one.shape.function,
        MeasureFunction::Count | MeasureFunction::Sum | MeasureFunction::Distinct
    );
    (low && sums && !one.checked.alert.by.is_empty()).then(|| silent_key(one.level_place()))
}

fn for_outlives_window(one: &SingleComparison<'_>) -> Option<Diagnostic> {
    let (span, compared) = (one.span, one.compared);
    let for_ms = one.checked.alert.for_ms;
    let counts = matches!(one.shape.function, MeasureFunction::Count | MeasureFunction::Distinct);
    let any_event = match compared.comparison {
        ComparisonOp::AtLeast => compared.level <= Decimal::ONE,
        ComparisonOp::Above => compared.level < Decimal::ONE,
        _ => false,
    };
    if !counts || !any_event || for_ms < span.window_ms {
        return None;
    }
    let (held, lasts) = (lasting(for_ms), lasting(span.window_ms));
    Some(outlived(one.level_place(), &held.en, &lasts.en, &held.ja, &lasts.ja))
}

fn finer_than_step(one: &CheckedAlert) -> Option<Diagnostic> {
    let step = one.subject.joined()?.spans().map(|span| span.step_ms).max()?;
    let is_finer = |length: i64| length > 0 && length < step;
    let found = is_finer(one.alert.for_ms) || is_finer(one.alert.keep_ms);
    let step = lasting(step);
    found.then(|| finer(one.place, &step.en, &step.ja))
}

fn overlapping(alerts: &[CheckedAlert], diagnostics: &mut Vec<Diagnostic>) {
    let mut seen: HashMap<String, &CheckedAlert> = HashMap::new();
    let mut ordered: Vec<&CheckedAlert> = alerts.iter().collect();
    ordered.sort_by_key(|one| one.place);
    for one in ordered.into_iter().filter(|one| !one.alert.is_shadow) {
        let Some(watched) = SingleComparison::of(one).as_ref().map(watched) else {
            continue;
        };
        match seen.entry(watched) {
            Entry::Vacant(entry) => {
                entry.insert(one);
            }
            Entry::Occupied(entry) => {
                let first = entry.get();
                let found = same_measure(one.place, &one.alert.name, &first.alert.name);
                let note = text!("the other one", "もう一方");
                diagnostics.push(found.related(first.place, note));
            }
        }
    }
}

/// Subject of an alert, its hours, and the side of its level.
fn watched(one: &SingleComparison<'_>) -> String {
    let keys: Vec<&str> = one.checked.alert.by.iter().map(|key| key.name.as_str()).collect();
    let comparison = one.compared.comparison;
    let rising = matches!(comparison, ComparisonOp::AtLeast | ComparisonOp::Above);
    let (low, window_ms) = (comparison.is_low(), one.span.written_ms);
    let hours = one.checked.alert.during.as_ref();
    let during = hours.map(|during| (Arc::as_ptr(&during.calendar), during.inside));
    format!("{} {window_ms} {keys:?} {during:?} {rising} {low}", one.shape.canonical)
}

/// Lints over all filters.
pub(crate) fn lint_filters(
    filters: &[(&str, &SelectedEvents, SourceSpan)],
    diagnostics: &mut Vec<Diagnostic>,
) {
    for (name, selected, place) in filters {
        let parts = match &selected.predicate {
            Predicate::And(parts) => parts.as_slice(),
            only => std::slice::from_ref(only),
        };
        if contradicts(parts) {
            diagnostics.push(never_matches(*place, name));
        } else if leaves_no_number(parts) {
            diagnostics.push(never_in_bounds(*place, name));
        }
        if let Some(text) = parts.iter().find_map(never_lower) {
            diagnostics.push(never_lower_case(*place, name, text, &text.to_lowercase()));
        }
    }
}

/// The text with capitals that something in small letters is to equal or hold.
fn never_lower(predicate: &Predicate) -> Option<&str> {
    let text = match predicate {
        Predicate::Compare(
            PredicateOperand::Lower(_),
            ComparisonOp::Equal,
            PredicateOperand::Constant(ConstantValue::Text(text)),
        ) => text,
        Predicate::Text(PredicateOperand::Lower(_), _, text) => text,
        Predicate::In(PredicateOperand::Lower(_), items) => match items.as_slice() {
            [ConstantValue::Text(text)] => text,
            _ => return None,
        },
        _ => return None,
    };
    (text.to_lowercase() != *text).then_some(text)
}

/// True when a conjunction requires one field to equal two constants.
fn contradicts(parts: &[Predicate]) -> bool {
    let mut values: HashMap<usize, &ConstantValue> = HashMap::new();
    parts.iter().any(|part| match part {
        Predicate::Compare(
            PredicateOperand::Field(field),
            ComparisonOp::Equal,
            PredicateOperand::Constant(value),
        ) => values.insert(*field, value).is_some_and(|before| before != value),
        _ => false,
    })
}

/// True when a conjunction bounds one field from both sides so that nothing is left.
fn leaves_no_number(parts: &[Predicate]) -> bool {
    let mut left: HashMap<usize, NumberBounds> = HashMap::new();
    for part in parts {
        if let Predicate::Compare(
            PredicateOperand::Field(field),
            how,
            PredicateOperand::Constant(constant),
        ) = part
            && let ConstantValue::Number(value) = constant
        {
            left.entry(*field).or_default().narrow(*how, *value);
        }
    }
    left.values().any(NumberBounds::is_empty)
}

/// Bounds of a number: not less, and not more, each with whether that itself is out.
#[derive(Default)]
struct NumberBounds {
    least: Option<(Decimal, bool)>,
    most: Option<(Decimal, bool)>,
}

impl NumberBounds {
    fn narrow(&mut self, comparison: ComparisonOp, value: Decimal) {
        let is_out = matches!(comparison, ComparisonOp::Above | ComparisonOp::Below);
        let bound = (value, is_out);
        if matches!(comparison, ComparisonOp::Above | ComparisonOp::AtLeast | ComparisonOp::Equal) {
            self.least = Some(self.least.map_or(bound, |least| least.max(bound)));
        }
        if matches!(comparison, ComparisonOp::Below | ComparisonOp::AtMost | ComparisonOp::Equal) {
            let tighter = |most: (Decimal, bool)| match most.0 == value {
                true => (value, most.1 || is_out),
                false => {
                    if most.0 < value {
                        most
                    } else {
                        bound
                    }
                }
            };
            self.most = Some(self.most.map_or(bound, tighter));
        }
    }

    fn is_empty(&self) -> bool {
        match (self.least, self.most) {
            (Some((least, above)), Some((most, below))) => {
                least > most || (least == most && (above || below))
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
