//! Rules that run, but hardly as meant.

use std::collections::HashMap;

use model::decimal::Decimal;
use model::message::{Language, show_duration};

use crate::check::{CheckedAlert, Function, Selected};
use crate::diagnostic::{Code, Diagnostic, text};
use crate::rule::{Comparison, Operand, Predicate};
use crate::source::Place;

/// Lints over all alerts.
pub(crate) fn lint(alerts: &[CheckedAlert], diagnostics: &mut Vec<Diagnostic>) {
    for one in alerts {
        diagnostics.extend(ratio_without_min(one));
        diagnostics.extend(constant_truth(one));
        diagnostics.extend(low_side_with_key(one));
        diagnostics.extend(for_outlives_window(one));
        diagnostics.extend(finer_than_step(one));
    }
    overlapping(alerts, diagnostics);
}

fn ratio_without_min(one: &CheckedAlert) -> Option<Diagnostic> {
    let trigger = &one.alert.trigger;
    if one.shape.function != Function::Ratio || trigger.min_events > 0 {
        return None;
    }
    let message = text!(
        "a ratio without `min` fires on one event of one",
        "`min` のない割合は、1件中1件でも発火します"
    );
    let help = text!(
        "say below how many events it means nothing: `min 20`",
        "何件未満なら意味がないかを書いてください: `min 20`"
    );
    Some(Diagnostic::new(Code::RatioWithoutMin, one.level_place, message).help(help))
}

/// The least and the largest value a measure can have, where that is known.
fn range(one: &CheckedAlert) -> (Option<Decimal>, Option<Decimal>) {
    let subset = || match one.shape.of.as_slice() {
        [part, whole] => whole
            .lineage
            .last()
            .is_some_and(|last| part.lineage.contains(last)),
        _ => false,
    };
    match one.shape.function {
        Function::Count => (Some(Decimal::ZERO), None),
        Function::Distinct => {
            let field = &one.shape.field_name;
            let is_key = one.alert.by.iter().any(|key| key.name == *field);
            (Some(Decimal::ZERO), is_key.then_some(Decimal::ONE))
        }
        Function::Ratio => (Some(Decimal::ZERO), subset().then_some(Decimal::ONE)),
        _ => (None, None),
    }
}

fn constant_truth(one: &CheckedAlert) -> Option<Diagnostic> {
    let level = one.alert.trigger.level;
    let (least, largest) = range(one);
    let above_all =
        |strict: bool| largest.is_some_and(|l| if strict { level > l } else { level >= l });
    let below_all =
        |strict: bool| least.is_some_and(|l| if strict { level < l } else { level <= l });
    let (never, always) = match one.alert.trigger.comparison {
        Comparison::AtLeast => (above_all(true), below_all(false)),
        Comparison::Above => (above_all(false), below_all(true)),
        Comparison::AtMost => (below_all(true), above_all(false)),
        Comparison::Below => (below_all(false), above_all(true)),
        Comparison::Equal => (above_all(true) || below_all(true), false),
        Comparison::NotEqual => (false, above_all(true) || below_all(true)),
    };
    let whole = matches!(one.shape.function, Function::Count | Function::Distinct);
    let fraction =
        whole && level.to_int().is_none() && one.alert.trigger.comparison == Comparison::Equal;
    let canonical = &one.reading.canonical;
    if never || fraction {
        let message = text!(
            "this can never hold: `{canonical}`",
            "これは決して成り立ちません: `{canonical}`"
        );
        return Some(Diagnostic::new(Code::NeverHolds, one.level_place, message));
    }
    if always {
        let message = text!(
            "this always holds: `{canonical}`",
            "これは常に成り立ちます: `{canonical}`"
        );
        return Some(Diagnostic::new(Code::AlwaysHolds, one.level_place, message));
    }
    None
}

fn low_side_with_key(one: &CheckedAlert) -> Option<Diagnostic> {
    let low = one.alert.trigger.comparison.is_low();
    let sums = matches!(
        one.shape.function,
        Function::Count | Function::Sum | Function::Distinct
    );
    if !low || !sums || one.alert.by.is_empty() {
        return None;
    }
    let message = text!(
        "a key that goes silent is not judged: this side never sees 0 for it",
        "途絶えたキーは判定されません。そのキーの 0 はここでは見えません"
    );
    let help = text!(
        "without `by` silence is judged; per key it is the business of `absent`",
        "`by` がなければ 0 も判定されます。キーごとの途絶は `absent` の役目です"
    );
    Some(Diagnostic::new(Code::LowSideWithKey, one.level_place, message).help(help))
}

fn for_outlives_window(one: &CheckedAlert) -> Option<Diagnostic> {
    let trigger = &one.alert.trigger;
    let any_event = match (one.shape.function, trigger.comparison) {
        (Function::Count | Function::Distinct, Comparison::AtLeast) => {
            trigger.level <= Decimal::ONE
        }
        (Function::Count | Function::Distinct, Comparison::Above) => trigger.level < Decimal::ONE,
        _ => false,
    };
    if !any_event || one.alert.for_ms < trigger.window_ms {
        return None;
    }
    let (held, window) = (
        show_duration(one.alert.for_ms, Language::En),
        show_duration(trigger.window_ms, Language::En),
    );
    let message = text!(
        "one event keeps this true for {window}, less than the {held} of `for`: alone it never \
        fires",
        "1件のイベントでは {window} しか続かず、`for` の {held} に届きません。単独では発火しません"
    );
    let help = text!(
        "drop `for`, or keep the episode open with `keep {held}`",
        "`for` を外すか、`keep {held}` で開いたままにしてください"
    );
    Some(Diagnostic::new(Code::ForOutlivesWindow, one.level_place, message).help(help))
}

fn finer_than_step(one: &CheckedAlert) -> Option<Diagnostic> {
    let step = one.alert.trigger.step_ms;
    let finer = |length: i64| length > 0 && length < step;
    if !finer(one.alert.for_ms) && !finer(one.alert.keep_ms) {
        return None;
    }
    let shown = show_duration(step, Language::En);
    let message = text!(
        "`for` or `keep` is finer than the {shown} by which the window moves",
        "`for` か `keep` が、窓の刻み {shown} より細かくなっています"
    );
    let help = text!(
        "make it a multiple of {shown}, or the window 10m or shorter",
        "{shown} の倍数にするか、窓を10分以下にしてください"
    );
    Some(Diagnostic::new(Code::FinerThanStep, one.place, message).help(help))
}

fn overlapping(alerts: &[CheckedAlert], diagnostics: &mut Vec<Diagnostic>) {
    let mut seen: HashMap<String, &CheckedAlert> = HashMap::new();
    let mut ordered: Vec<&CheckedAlert> = alerts.iter().collect();
    ordered.sort_by_key(|one| one.place);
    for one in ordered {
        let keys: Vec<&str> = one.alert.by.iter().map(|key| key.name.as_str()).collect();
        let rising = matches!(
            one.alert.trigger.comparison,
            Comparison::AtLeast | Comparison::Above
        );
        let low = one.alert.trigger.comparison.is_low();
        let signature = format!(
            "{} {} {keys:?} {rising} {low}",
            one.shape.canonical, one.window_written_ms
        );
        let Some(first) = seen.get(&signature) else {
            seen.insert(signature, one);
            continue;
        };
        let (name, other) = (&one.alert.name, &first.alert.name);
        let message = text!(
            "`{name}` and `{other}` watch the same measure: both will page",
            "`{name}` と `{other}` は同じ値を見ていて、両方が通知します"
        );
        let help = text!(
            "one alert with a ladder of severities pages once",
            "重大度の段を持つ一つのアラートなら通知は一度です"
        );
        let note = text!("the other one", "もう一方");
        diagnostics.push(
            Diagnostic::new(Code::ShouldBeLadder, one.place, message)
                .help(help)
                .related(first.place, note),
        );
    }
}

/// Lints over all filters.
pub(crate) fn lint_filters(
    filters: &[(&str, &Selected, Place)],
    diagnostics: &mut Vec<Diagnostic>,
) {
    for (name, selected, place) in filters {
        let Predicate::And(parts) = &selected.predicate else {
            continue;
        };
        if contradicts(parts) {
            let message = text!(
                "no event can satisfy `{name}`: one field would have two values",
                "`{name}` を満たすイベントはありません。一つのフィールドが二つの値を持つことになります"
            );
            let help = text!(
                "join the values by `or`, or write `in (…)`",
                "値を `or` でつなぐか、`in (…)` と書いてください"
            );
            diagnostics.push(Diagnostic::new(Code::NeverMatches, *place, message).help(help));
        }
    }
}

/// Whether a conjunction asks one field to equal two constants.
fn contradicts(parts: &[Predicate]) -> bool {
    let mut values: HashMap<usize, &crate::rule::Constant> = HashMap::new();
    parts.iter().any(|part| match part {
        Predicate::Compare(Operand::Field(field), Comparison::Equal, Operand::Constant(value)) => {
            values
                .insert(*field, value)
                .is_some_and(|before| before != value)
        }
        _ => false,
    })
}
