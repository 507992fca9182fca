//! Readings in Japanese.

use std::fmt::Write as _;

use model::message::{Language, show_duration};

use super::{canonical, longest_ms, quantile, shown, single, versus_ms, window};
use crate::ast::Clauses;
use crate::check::{Compared, Function, Joined, Selected, Subject};
use crate::print::comparison_word;
use crate::rule::{Alert, Arithmetic, Comparison, Formula, Joint, Roster};

const LANGUAGE: Language = Language::Ja;

pub(super) fn words(alert: &Alert, subject: &Subject, clauses: &Clauses) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    if !alert.by.is_empty() {
        let keys: Vec<&str> = alert.by.iter().map(|key| key.name.as_str()).collect();
        let _ = write!(out, "同じ {} で", keys.join("・"));
    }
    out.push_str(&trigger(subject));
    let first = subject.joined().and_then(|joined| joined.compares.first());
    if let Some(compared) = first {
        for rung in &alert.rungs {
            let word = comparison_word(compared.comparison);
            let level = shown(rung.level, compared, LANGUAGE);
            let _ = write!(out, "、{level}{word}なら{}", rung.severity.name_ja());
        }
    }
    if let Some(table) = &clauses.overrides {
        let (key, table) = (table.field.dotted(), &table.name.text);
        let _ = write!(out, "、{key} ごとのしきい値は {table} による");
    }
    if let Some(list) = &clauses.except {
        let _ = write!(out, "、{} が {} のものを除く", list.field.dotted(), list.name.text);
    }
    if let Some(during) = &clauses.during {
        let when = if during.negated { "の外だけ" } else { "のあいだだけ" };
        let _ = write!(out, "、{} {when}", during.calendar.text);
    }
    if alert.for_ms > 0 {
        let _ = write!(out, "、{}続いたら", lasting(alert.for_ms));
    }
    if let (Some(clear), Some(compared)) = (alert.clear, first) {
        let back = match compared.comparison {
            Comparison::AtLeast => "未満",
            Comparison::Above => "以下",
            Comparison::AtMost => "超",
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

fn lasting(millis: i64) -> String {
    show_duration(millis, LANGUAGE)
}

fn last(of: &Selected) -> &str {
    of.lineage.last().map_or("", String::as_str)
}

fn trigger(subject: &Subject) -> String {
    match subject {
        Subject::Condition(joined) => condition(joined, &joined.joint),
        Subject::Any { of, and: None } => format!("{} が起きるたび", last(of)),
        Subject::Any { of, and: Some(joined) } => {
            format!("{} が起きたとき、{}なら", last(of), condition(joined, &joined.joint))
        }
        Subject::Sequence { count, steps, within_ms } => {
            let mut names = steps.iter().map(last);
            let first = names.next().unwrap_or("");
            let first =
                if *count > 1 { format!("{first} が{count}件") } else { first.to_owned() };
            let rest: Vec<&str> = names.collect();
            let span = window(*within_ms, LANGUAGE);
            format!("{span}以内に {first}、その後 {}", rest.join("、その後 "))
        }
        Subject::ThenNot { first, then, within_ms } => {
            let (first, then, span) = (last(first), last(then), window(*within_ms, LANGUAGE));
            format!("{first} の後{span}以内に {then} がない")
        }
        Subject::Absent { of, within_ms, roster } => {
            let (of, span) = (last(of), window(*within_ms, LANGUAGE));
            match roster {
                Roster::Whole => format!("{of} がまったく来ないまま{span}"),
                Roster::Seen(seen) => {
                    format!("{of} が来ないまま{span}(最後から{}で忘れる)", lasting(*seen))
                }
                Roster::Listed(keys) => {
                    format!("{of} が来ないまま{span}(対象 {} 件)", keys.len())
                }
            }
        }
        Subject::New { of, within_ms, learn_ms, .. } => {
            let fields = canonical::new_fields(subject).join("・");
            let (of, span) = (last(of), window(*within_ms, LANGUAGE));
            let learn = lasting(*learn_ms);
            format!("直近{span}に見ていない {fields} が {of} に現れた(最初の{learn}は学習のみ)")
        }
    }
}

fn condition(joined: &Joined, joint: &Joint) -> String {
    let all = |parts: &[Joint], word: &str| {
        let parts: Vec<String> = parts
            .iter()
            .map(|part| match part {
                Joint::Compare(_) => condition(joined, part),
                _ => format!("「{}」", condition(joined, part)),
            })
            .collect();
        parts.join(word)
    };
    match joint {
        Joint::Compare(at) => joined.compares.get(*at).map_or_else(String::new, compare),
        Joint::And(parts) => all(parts, "、かつ"),
        Joint::Or(parts) => all(parts, "、または"),
    }
}

fn compare(compared: &Compared) -> String {
    let mut out = subject(compared);
    let min = compared.spans.iter().map(|span| span.min_events).max().unwrap_or(0);
    if min > 0 {
        let _ = write!(out, "、{min}件未満なら判定しない");
    }
    out
}

fn subject(compared: &Compared) -> String {
    let level = shown(compared.level, compared, LANGUAGE);
    let word = comparison_word(compared.comparison);
    let span = window(longest_ms(compared), LANGUAGE);
    let Some((shape, _)) = single(compared) else {
        return formula(compared, &span, &format!("{level}{word}"));
    };
    let name = |index: usize| shape.names.get(index).map_or("", String::as_str);
    let (first, second, field) = (name(0), name(1), &shape.field_name);
    let what = match shape.function {
        Function::Count => return format!("直近{span}に{level}件{word}"),
        Function::Distinct => return format!("直近{span}に異なる {field} が{level}種類{word}"),
        Function::Ratio => {
            return format!("直近{span}の {second} のうち {first} が{level}{word}");
        }
        Function::Last => return format!("最新の {field} ({span}以内のもの) が{level}{word}"),
        Function::Quantile(permille) => format!("{}パーセンタイル", quantile(permille)),
        Function::Sum => "合計".to_owned(),
        Function::Avg => "平均".to_owned(),
        Function::Stddev => "標準偏差".to_owned(),
        Function::Min => "最小値".to_owned(),
        Function::Max => "最大値".to_owned(),
        Function::Delta => "変化量".to_owned(),
        Function::Increase => "増加量".to_owned(),
        Function::Rate => "毎秒の増加量".to_owned(),
    };
    format!("直近{span}の {field} の{what}が{level}{word}")
}

fn formula(compared: &Compared, span: &str, level: &str) -> String {
    let canonical = &compared.valued.canonical;
    match &compared.valued.formula {
        Formula::Arithmetic(_, Arithmetic::Divide, right)
            if versus_ms(compared, right).is_some() =>
        {
            let ago = lasting(versus_ms(compared, right).unwrap_or(0));
            let now = canonical.split(" vs ").next().unwrap_or(canonical);
            format!("直近{span}の {now} が{ago}前の同じ長さの{level}")
        }
        _ => format!("直近{span}の {canonical} が{level}"),
    }
}

/// What is said of windows that move in steps.
fn steps(subject: &Subject) -> String {
    let spans = subject.joined().into_iter().flat_map(Joined::spans);
    match spans.max_by_key(|span| span.step_ms).filter(|span| span.step_ms > 0) {
        Some(span) => {
            let (step, window) = (lasting(span.step_ms), lasting(span.window_ms));
            format!(" (窓は{step}刻み、幅{window})")
        }
        None => String::new(),
    }
}
