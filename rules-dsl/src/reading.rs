//! What every rule says back: its canonical form and the reading in words.

use model::message::{Language, show_duration, show_quantity};
use model::time::{DAY_MS, MINUTE_MS, SECOND_MS};

use crate::check::{Function, Shape};
use crate::print::comparison_word;
use crate::quantity::{UNITS, UnitKind};
use crate::rule::{Alert, Comparison};

/// How an alert was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The alert's name.
    pub alert: String,
    /// `count(認証失敗) >= 10 within 1m by user.name`
    pub canonical: String,
    /// In English words.
    pub words_en: String,
    /// In Japanese words.
    pub words_ja: String,
}

pub(crate) fn reading(alert: &Alert, shape: &Shape, written_ms: i64) -> Reading {
    Reading {
        alert: alert.name.clone(),
        canonical: canonical(alert, shape, written_ms),
        words_en: words_en(alert, shape, written_ms),
        words_ja: words_ja(alert, shape, written_ms),
    }
}

/// A number of base units as rules write it: exact, in the largest unit that keeps it short.
fn spelled(value: model::decimal::Decimal, unit: Option<UnitKind>) -> String {
    let Some(kind) = unit.filter(|kind| *kind != UnitKind::Count) else {
        return value.to_string();
    };
    let fits = UNITS
        .iter()
        .filter(|unit| unit.kind == kind && unit.spelling.is_ascii())
        .filter_map(|unit| {
            let count = value.checked_div(unit.factor())?;
            (count.checked_mul(unit.factor()) == Some(value))
                .then(|| format!("{count}{}", unit.spelling))
        });
    fits.min_by_key(String::len)
        .unwrap_or_else(|| value.to_string())
}

fn length(millis: i64) -> String {
    show_duration(millis, Language::En)
}

fn canonical(alert: &Alert, shape: &Shape, written_ms: i64) -> String {
    let trigger = &alert.trigger;
    let level = spelled(trigger.level, shape.unit);
    let mut out = format!(
        "{} {} {level} within {}",
        shape.canonical,
        trigger.comparison.symbol(),
        length(written_ms)
    );
    if trigger.min_events > 0 {
        out.push_str(&format!(" min {}", trigger.min_events));
    }
    let keys: Vec<String> = alert
        .by
        .iter()
        .map(|key| {
            format!(
                "{}{}",
                field(&key.name),
                if key.optional { "?" } else { "" }
            )
        })
        .collect();
    if !keys.is_empty() {
        out.push_str(&format!(" by {}", keys.join(", ")));
    }
    if alert.for_ms > 0 {
        out.push_str(&format!(" for {}", length(alert.for_ms)));
    }
    if let Some(clear) = alert.clear {
        out.push_str(&format!(" clear {}", spelled(clear, shape.unit)));
    }
    let keep_default = match (alert.clear, shape.function) {
        (Some(_), _) => 0,
        (None, Function::Last) => MINUTE_MS,
        (None, _) => trigger.window_ms,
    };
    if alert.keep_ms != keep_default {
        out.push_str(&format!(" keep {}", length(alert.keep_ms)));
    }
    match alert.hold_ms {
        0 => out.push_str(" nodata clear"),
        hold if hold != trigger.window_ms.max(5 * MINUTE_MS) => {
            out.push_str(&format!(" nodata hold {}", length(hold)));
        }
        _ => {}
    }
    out
}

/// A field's name as rules must write it; a dotted one part by part.
fn field(name: &str) -> String {
    let parts: Vec<String> = name.split('.').map(crate::print::name).collect();
    parts.join(".")
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
                format!("{hours}時間(暦日ではない)"),
            )
        }
        _ => (
            show_duration(millis, Language::En),
            show_duration(millis, Language::Ja),
        ),
    };
    if language == Language::Ja { ja } else { en }
}

fn words_en(alert: &Alert, shape: &Shape, written_ms: i64) -> String {
    let trigger = &alert.trigger;
    let shown = |value| show_quantity(value, trigger.unit, Language::En);
    let level = shown(trigger.level);
    let compared = match trigger.comparison {
        Comparison::AtLeast => format!("{level} or more"),
        Comparison::Above => format!("more than {level}"),
        Comparison::AtMost => format!("{level} or less"),
        Comparison::Below => format!("less than {level}"),
        Comparison::Equal => format!("exactly {level}"),
        Comparison::NotEqual => format!("anything but {level}"),
    };
    let first = shape.names.first().map_or("", String::as_str);
    let second = shape.names.get(1).map_or("", String::as_str);
    let field = &shape.field_name;
    let span = window(written_ms, Language::En);
    let subject = match shape.function {
        Function::Count => format!("{compared} {first} in the last {span}"),
        Function::Distinct => {
            format!("{compared} different {field} among {first} in the last {span}")
        }
        Function::Ratio => format!("{first} are {compared} of {second} in the last {span}"),
        Function::Last => {
            format!("the newest {field} of {first}, at most {span} old, is {compared}")
        }
        Function::Quantile(permille) => {
            format!(
                "the {} quantile of {field} of {first} over the last {span} is {compared}",
                quantile(permille)
            )
        }
        function => format!(
            "the {} of {field} of {first} over the last {span} is {compared}",
            function_en(function)
        ),
    };
    let mut out = String::new();
    let keys: Vec<&str> = alert.by.iter().map(|key| key.name.as_str()).collect();
    if !keys.is_empty() {
        out.push_str(&format!("per {}: ", keys.join(" and ")));
    }
    out.push_str(&subject);
    if trigger.min_events > 0 {
        out.push_str(&format!(", unknown below {} events", trigger.min_events));
    }
    if alert.for_ms > 0 {
        out.push_str(&format!(", held for {}", length(alert.for_ms)));
    }
    if let Some(clear) = alert.clear {
        out.push_str(&format!(", over once past {}", shown(clear)));
    }
    if trigger.step_ms > 0 {
        let (step, window) = (length(trigger.step_ms), length(trigger.window_ms));
        out.push_str(&format!(
            " (the window moves in steps of {step} and spans {window})"
        ));
    }
    out
}

fn words_ja(alert: &Alert, shape: &Shape, written_ms: i64) -> String {
    let trigger = &alert.trigger;
    let shown = |value| show_quantity(value, trigger.unit, Language::Ja);
    let level = shown(trigger.level);
    let word = comparison_word(trigger.comparison);
    let first = shape.names.first().map_or("", String::as_str);
    let second = shape.names.get(1).map_or("", String::as_str);
    let field = &shape.field_name;
    let span = window(written_ms, Language::Ja);
    let subject = match shape.function {
        Function::Count => format!("直近{span}に{level}件{word}"),
        Function::Distinct => format!("直近{span}に異なる {field} が{level}種類{word}"),
        Function::Ratio => format!("直近{span}の {second} のうち {first} が{level}{word}"),
        Function::Last => format!("最新の {field} ({span}以内のもの) が{level}{word}"),
        Function::Quantile(permille) => {
            format!(
                "直近{span}の {field} の{}パーセンタイルが{level}{word}",
                quantile(permille)
            )
        }
        function => format!(
            "直近{span}の {field} の{}が{level}{word}",
            function_ja(function)
        ),
    };
    let mut out = String::new();
    let keys: Vec<&str> = alert.by.iter().map(|key| key.name.as_str()).collect();
    if !keys.is_empty() {
        out.push_str(&format!("同じ {} で", keys.join("・")));
    }
    out.push_str(&subject);
    if trigger.min_events > 0 {
        out.push_str(&format!("、{}件未満なら判定しない", trigger.min_events));
    }
    if alert.for_ms > 0 {
        out.push_str(&format!(
            "、{}続いたら",
            show_duration(alert.for_ms, Language::Ja)
        ));
    }
    if let Some(clear) = alert.clear {
        let back = match trigger.comparison {
            Comparison::AtLeast => "未満",
            Comparison::Above => "以下",
            Comparison::AtMost => "超",
            _ => "以上",
        };
        out.push_str(&format!("、{}{back}で解消", shown(clear)));
    }
    if trigger.step_ms > 0 {
        let step = show_duration(trigger.step_ms, Language::Ja);
        let window = show_duration(trigger.window_ms, Language::Ja);
        out.push_str(&format!(" (窓は{step}刻み、幅{window})"));
    }
    out
}

fn quantile(permille: u32) -> String {
    let (whole, tenth) = (permille / 10, permille % 10);
    if tenth == 0 {
        whole.to_string()
    } else {
        format!("{whole}.{tenth}")
    }
}

const fn function_en(function: Function) -> &'static str {
    match function {
        Function::Sum => "sum",
        Function::Avg => "mean",
        Function::Min => "minimum",
        Function::Max => "maximum",
        _ => "value",
    }
}

const fn function_ja(function: Function) -> &'static str {
    match function {
        Function::Sum => "合計",
        Function::Avg => "平均",
        Function::Min => "最小値",
        Function::Max => "最大値",
        _ => "値",
    }
}
