//! What every rule says back: its canonical form and the reading in words.

use std::fmt::Write as _;

use model::decimal::Decimal;
use model::message::{Language, show_duration, show_quantity};
use model::time::{DAY_MS, MINUTE_MS, SECOND_MS};

use crate::check::{Function, Shape, hold_default_ms, keep_default_ms};
use crate::print::comparison_word;
use crate::quantity::spelled;
use crate::rule::{Alert, Compare, Comparison, Window};

/// The one comparison of an alert.
type Single<'a> = (&'a Window, &'a Compare);

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

pub(crate) fn reading(
    alert: &Alert,
    single: Single<'_>,
    shape: &Shape,
    written_ms: i64,
) -> Reading {
    Reading {
        alert: alert.name.clone(),
        canonical: canonical(alert, single, shape, written_ms),
        words_en: words_en(alert, single, shape, written_ms),
        words_ja: words_ja(alert, single, shape, written_ms),
    }
}

fn length(millis: i64) -> String {
    show_duration(millis, Language::En)
}

fn canonical(
    alert: &Alert,
    (trigger, compare): Single<'_>,
    shape: &Shape,
    written_ms: i64,
) -> String {
    let level = spelled(compare.level, shape.unit);
    let mut out = format!(
        "{} {} {level} within {}",
        shape.canonical,
        compare.comparison.symbol(),
        length(written_ms)
    );
    // Writing into a String cannot fail.
    if trigger.min_events > 0 {
        let _ = write!(out, " min {}", trigger.min_events);
    }
    let keys = alert.by.iter();
    out.push_str(&crate::print::keys(
        keys.map(|key| (crate::print::dotted(&key.name), key.optional)),
    ));
    if alert.for_ms > 0 {
        let _ = write!(out, " for {}", length(alert.for_ms));
    }
    if let Some(clear) = alert.clear {
        let _ = write!(out, " clear {}", spelled(clear, shape.unit));
    }
    let clears = alert.clear.is_some();
    if alert.keep_ms != keep_default_ms(shape.function, trigger.window_ms, clears) {
        let _ = write!(out, " keep {}", length(alert.keep_ms));
    }
    match alert.hold_ms {
        0 => out.push_str(" nodata clear"),
        hold if hold != hold_default_ms(trigger.window_ms) => {
            let _ = write!(out, " nodata hold {}", length(hold));
        }
        _ => {}
    }
    out
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
        _ => (show_duration(millis, Language::En), show_duration(millis, Language::Ja)),
    };
    if language == Language::Ja { ja } else { en }
}

/// What both languages put into words.
struct Subject<'a> {
    alert: &'a Alert,
    compare: &'a Compare,
    shape: &'a Shape,
    /// The window as written, in words.
    span: String,
    language: Language,
}

impl Subject<'_> {
    fn name(&self, index: usize) -> &str {
        self.shape.names.get(index).map_or("", String::as_str)
    }

    fn shown(&self, value: Decimal) -> String {
        show_quantity(value, self.compare.unit, self.language)
    }

    fn lasting(&self, millis: i64) -> String {
        show_duration(millis, self.language)
    }

    fn keys(&self, joint: &str) -> String {
        let keys: Vec<&str> = self.alert.by.iter().map(|key| key.name.as_str()).collect();
        keys.join(joint)
    }
}

fn words_en(
    alert: &Alert,
    (trigger, compare): Single<'_>,
    shape: &Shape,
    written_ms: i64,
) -> String {
    let language = Language::En;
    let span = window(written_ms, language);
    let it = Subject { alert, compare, shape, span, language };
    let mut out = String::new();
    if !alert.by.is_empty() {
        let _ = write!(out, "per {}: ", it.keys(" and "));
    }
    out.push_str(&subject_en(&it));
    if trigger.min_events > 0 {
        let _ = write!(out, ", unknown below {} events", trigger.min_events);
    }
    if alert.for_ms > 0 {
        let _ = write!(out, ", held for {}", it.lasting(alert.for_ms));
    }
    if let Some(clear) = alert.clear {
        let _ = write!(out, ", over once past {}", it.shown(clear));
    }
    if trigger.step_ms > 0 {
        let (step, window) = (it.lasting(trigger.step_ms), it.lasting(trigger.window_ms));
        let _ = write!(out, " (the window moves in steps of {step} and spans {window})");
    }
    out
}

fn subject_en(it: &Subject<'_>) -> String {
    let level = it.shown(it.compare.level);
    let compared = match it.compare.comparison {
        Comparison::AtLeast => format!("{level} or more"),
        Comparison::Above => format!("more than {level}"),
        Comparison::AtMost => format!("{level} or less"),
        Comparison::Below => format!("less than {level}"),
        Comparison::Equal => format!("exactly {level}"),
        Comparison::NotEqual => format!("anything but {level}"),
    };
    let (first, second, field, span) = (it.name(0), it.name(1), &it.shape.field_name, &it.span);
    let what = match it.shape.function {
        Function::Count => return format!("{compared} {first} in the last {span}"),
        Function::Distinct => {
            return format!("{compared} different {field} among {first} in the last {span}");
        }
        Function::Ratio => return format!("{first} are {compared} of {second} in the last {span}"),
        Function::Last => {
            return format!("the newest {field} of {first}, at most {span} old, is {compared}");
        }
        Function::Quantile(permille) => format!("{} quantile", quantile(permille)),
        Function::Sum => "sum".to_owned(),
        Function::Avg => "mean".to_owned(),
        Function::Min => "minimum".to_owned(),
        Function::Max => "maximum".to_owned(),
    };
    format!("the {what} of {field} of {first} over the last {span} is {compared}")
}

fn words_ja(
    alert: &Alert,
    (trigger, compare): Single<'_>,
    shape: &Shape,
    written_ms: i64,
) -> String {
    let language = Language::Ja;
    let span = window(written_ms, language);
    let it = Subject { alert, compare, shape, span, language };
    let mut out = String::new();
    if !alert.by.is_empty() {
        let _ = write!(out, "同じ {} で", it.keys("・"));
    }
    out.push_str(&subject_ja(&it));
    if trigger.min_events > 0 {
        let _ = write!(out, "、{}件未満なら判定しない", trigger.min_events);
    }
    if alert.for_ms > 0 {
        let _ = write!(out, "、{}続いたら", it.lasting(alert.for_ms));
    }
    if let Some(clear) = alert.clear {
        let back = match compare.comparison {
            Comparison::AtLeast => "未満",
            Comparison::Above => "以下",
            Comparison::AtMost => "超",
            _ => "以上",
        };
        let _ = write!(out, "、{}{back}で解消", it.shown(clear));
    }
    if trigger.step_ms > 0 {
        let (step, window) = (it.lasting(trigger.step_ms), it.lasting(trigger.window_ms));
        let _ = write!(out, " (窓は{step}刻み、幅{window})");
    }
    out
}

fn subject_ja(it: &Subject<'_>) -> String {
    let level = it.shown(it.compare.level);
    let word = comparison_word(it.compare.comparison);
    let (first, second, field, span) = (it.name(0), it.name(1), &it.shape.field_name, &it.span);
    let what = match it.shape.function {
        Function::Count => return format!("直近{span}に{level}件{word}"),
        Function::Distinct => return format!("直近{span}に異なる {field} が{level}種類{word}"),
        Function::Ratio => {
            return format!("直近{span}の {second} のうち {first} が{level}{word}");
        }
        Function::Last => return format!("最新の {field} ({span}以内のもの) が{level}{word}"),
        Function::Quantile(permille) => format!("{}パーセンタイル", quantile(permille)),
        Function::Sum => "合計".to_owned(),
        Function::Avg => "平均".to_owned(),
        Function::Min => "最小値".to_owned(),
        Function::Max => "最大値".to_owned(),
    };
    format!("直近{span}の {field} の{what}が{level}{word}")
}

fn quantile(permille: u32) -> String {
    match (permille / 10, permille % 10) {
        (whole, 0) => whole.to_string(),
        (whole, tenth) => format!("{whole}.{tenth}"),
    }
}
