//! Readings in Japanese.

use std::fmt::Write as _;

use model::message::{Language, show_duration};

use super::canonical;
use super::shown::{longest_ms, quantile, shown, single, versus_ms, window};
use crate::ast::AlertClauses;
use crate::check::types::{
    CheckedComparison, CheckedCondition, CheckedTrigger, MeasureFunction, SelectedEvents,
};
use crate::print::comparison_word;
use crate::rule::{AbsenceRoster, Alert, ArithmeticOp, BoolOp, ComparisonOp, MeasureFormula};

const LANGUAGE: Language = Language::Ja;

/// Names stand between spaces, numbers touch the words around them: `直近60秒の 失敗 が10件以上`.
pub(super) fn words(alert: &Alert, subject: &CheckedTrigger, clauses: &AlertClauses) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    if !alert.by.is_empty() {
        let keys: Vec<&str> = alert.by.iter().map(|key| key.name.as_str()).collect();
        let _ = write!(out, "同じ {} で", keys.join("・"));
    }
    if !out.is_empty() && starts_with_name(subject) {
        out.push(' ');
    }
    out.push_str(&trigger(subject));
    let first = subject.joined().and_then(|joined| joined.compares.first());
    if let Some(compared) = first.filter(|_| !alert.rungs.is_empty()) {
        out = before_words(out) + &ladder(alert, compared);
    }
    if let Some(table) = &clauses.overrides {
        let (key, table) = (table.field.dotted(), &table.name.text);
        let _ = write!(out, "、{key} ごとのしきい値は {table} による");
    }
    if let Some(list) = &clauses.except {
        let (field, list) = (list.field.dotted(), &list.name.text);
        let _ = write!(out, "、{field} が {list} にあるものを除く");
    }
    if let Some(during) = &clauses.during {
        let when = if during.negated { "以外のみ" } else { "の間のみ" };
        let _ = write!(out, "、{} {when}", during.calendar.text);
    }
    if alert.for_ms > 0 {
        let _ = write!(out, "、{}続いたら発火", lasting(alert.for_ms));
    }
    if let (Some(clear), Some(compared)) = (alert.clear, first) {
        let back = match compared.comparison {
            ComparisonOp::AtLeast => "未満",
            ComparisonOp::Above => "以下",
            ComparisonOp::AtMost => "超",
            _ => "以上",
        };
        let _ = write!(out, "、{}{back}で解消", shown(clear, compared, LANGUAGE));
    }
    if alert.notify_each {
        out.push_str("、毎回通知");
    }
    if alert.is_shadow {
        out.push_str("、記録のみで通知しない");
    }
    out + &steps(subject)
}

/// All levels with their severities; the lowest stands in the condition already.
fn ladder(alert: &Alert, compared: &CheckedComparison) -> String {
    let mut out = format!("で{}", alert.severity.name_ja());
    let word = comparison_word(compared.comparison);
    for rung in &alert.rungs {
        let level = shown(rung.level, compared, LANGUAGE);
        let _ = write!(out, "、{level}{word}で{}", rung.severity.name_ja());
    }
    out
}

/// A text that words follow: a space stands after a parenthesis.
fn before_words(text: String) -> String {
    if text.ends_with(')') { text + " " } else { text }
}

fn lasting(millis: i64) -> String {
    show_duration(millis, LANGUAGE)
}

fn last(of: &SelectedEvents) -> &str {
    of.lineage.last().map_or("", String::as_str)
}

fn starts_with_name(subject: &CheckedTrigger) -> bool {
    matches!(
        subject,
        CheckedTrigger::Any { .. } | CheckedTrigger::ThenNot { .. } | CheckedTrigger::Absent { .. }
    )
}

fn trigger(subject: &CheckedTrigger) -> String {
    match subject {
        CheckedTrigger::Condition(joined) => condition(joined, &joined.joint, has_several(subject)),
        CheckedTrigger::Any { of, and: None } => format!("{} が発生するたび", last(of)),
        CheckedTrigger::Any { of, and: Some(joined) } => {
            let held = condition(joined, &joined.joint, has_several(subject));
            format!("{} が発生したとき、{}なら", last(of), before_words(held))
        }
        CheckedTrigger::Sequence { count, steps, within_ms } => {
            let mut names = steps.iter().map(last);
            let first = names.next().unwrap_or("");
            let first =
                if *count > 1 { format!("{first} が{count}件") } else { first.to_owned() };
            let rest: Vec<&str> = names.collect();
            let span = window(*within_ms, LANGUAGE);
            format!("{span}以内に {first}、その後 {}", rest.join("、その後 "))
        }
        CheckedTrigger::ThenNot { first, then, within_ms } => {
            let (first, then, span) = (last(first), last(then), window(*within_ms, LANGUAGE));
            format!("{first} の後{span}以内に {then} がない")
        }
        CheckedTrigger::Absent { of, within_ms, roster } => absent(last(of), *within_ms, roster),
        CheckedTrigger::New { of, within_ms, learn_ms, .. } => {
            let fields = canonical::new_fields(subject).join("・");
            let (of, span) = (last(of), window(*within_ms, LANGUAGE));
            let learn = lasting(*learn_ms);
            format!("直近{span}の {of} になかった {fields} が出現 (最初の{learn}は学習のみ)")
        }
    }
}

fn absent(of: &str, within_ms: i64, roster: &AbsenceRoster) -> String {
    let span = window(within_ms, LANGUAGE);
    match roster {
        AbsenceRoster::Whole => format!("{of} がまったく来ないまま{span}経過"),
        AbsenceRoster::Seen(seen) => {
            let seen = lasting(*seen);
            format!("{of} が来ないまま{span}経過 (最後に来てから{seen}で対象外)")
        }
        AbsenceRoster::Listed(keys) => {
            format!("{of} が来ないまま{span}経過 (対象{}件)", keys.len())
        }
    }
}

/// True when more than one kind of events is in play, so that each has to be named.
fn has_several(subject: &CheckedTrigger) -> bool {
    let selected = subject.selected();
    let mut names = selected.iter().map(|of| last(of));
    let first = names.next();
    names.any(|name| Some(name) != first)
}

fn condition(joined: &CheckedCondition, joint: &BoolOp, is_named: bool) -> String {
    let all = |parts: &[BoolOp], word: &str| {
        let parts: Vec<String> = parts
            .iter()
            .map(|part| match part {
                BoolOp::Compare(_) => condition(joined, part, is_named),
                _ => format!(" ({})", condition(joined, part, is_named)),
            })
            .collect();
        parts.join(word).trim_start().to_owned()
    };
    match joint {
        BoolOp::Compare(at) => {
            joined.compares.get(*at).map_or_else(String::new, |it| compare(it, is_named))
        }
        BoolOp::And(parts) => all(parts, "、かつ"),
        BoolOp::Or(parts) => all(parts, "、または"),
    }
}

fn compare(compared: &CheckedComparison, is_named: bool) -> String {
    let mut out = subject(compared, is_named);
    let min = compared.spans.iter().map(|span| span.min_events).max().unwrap_or(0);
    if min > 0 {
        let _ = write!(out, " ({min}件未満なら不明)");
    }
    out
}

fn subject(compared: &CheckedComparison, is_named: bool) -> String {
    let level = shown(compared.level, compared, LANGUAGE);
    let word = comparison_word(compared.comparison);
    let span = window(longest_ms(compared), LANGUAGE);
    let Some((shape, _)) = single(compared) else {
        return formula(compared, &span, &format!("{level}{word}"));
    };
    let name = |index: usize| shape.names.get(index).map_or("", String::as_str);
    let (first, second) = (name(0), name(1));
    let field = match is_named {
        true => format!("{first}.{}", shape.field_name),
        false => shape.field_name.clone(),
    };
    let what = match shape.function {
        MeasureFunction::Count if is_named => {
            return format!("直近{span}の {first} が{level}件{word}");
        }
        MeasureFunction::Count => return format!("直近{span}に{level}件{word}"),
        MeasureFunction::Distinct => {
            return format!("直近{span}に異なる {field} が{level}種類{word}");
        }
        MeasureFunction::Ratio => {
            return format!("直近{span}の {second} のうち {first} が{level}{word}");
        }
        MeasureFunction::Last => {
            return format!("最新の {field} ({span}以内のもの) が{level}{word}");
        }
        MeasureFunction::Quantile(permille) => format!("{}パーセンタイル", quantile(permille)),
        MeasureFunction::Sum => "合計".to_owned(),
        MeasureFunction::Avg => "平均".to_owned(),
        MeasureFunction::Stddev => "標準偏差".to_owned(),
        MeasureFunction::Min => "最小値".to_owned(),
        MeasureFunction::Max => "最大値".to_owned(),
        MeasureFunction::Delta => "変化量".to_owned(),
        MeasureFunction::Increase => "増加量".to_owned(),
        MeasureFunction::Rate => "毎秒の増加量".to_owned(),
    };
    format!("直近{span}の {field} の{what}が{level}{word}")
}

fn formula(compared: &CheckedComparison, span: &str, level: &str) -> String {
    let canonical = &compared.valued.canonical;
    match &compared.valued.formula {
        MeasureFormula::Arithmetic(_, ArithmeticOp::Divide, right)
            if versus_ms(compared, right).is_some() =>
        {
            let ago = lasting(versus_ms(compared, right).unwrap_or(0));
            let now = canonical.split(" vs ").next().unwrap_or(canonical);
            format!("直近{span}の {now} が{ago}前の同じ長さの期間の{level}")
        }
        _ => format!("直近{span}の {canonical} が{level}"),
    }
}

/// Text about windows that move in steps.
fn steps(subject: &CheckedTrigger) -> String {
    let spans = subject.joined().into_iter().flat_map(CheckedCondition::spans);
    match spans.max_by_key(|span| span.step_ms).filter(|span| span.step_ms > 0) {
        Some(span) => {
            let (step, window) = (lasting(span.step_ms), lasting(span.window_ms));
            format!(" (ウィンドウは幅{window}、{step}刻み)")
        }
        None => String::new(),
    }
}
