//! Windows, numbers and quantiles as texts.

use model::decimal::Decimal;
use model::message::{DisplayUnit, Language, show_duration, show_quantity};
use model::time::{DAY_MS, MINUTE_MS, SECOND_MS};

use crate::check::types::{CheckedComparison, MeasureShape, WindowSpan};
use crate::quantity::{shown_as, written};
use crate::rule::MeasureFormula;

/// A window in words: short ones in seconds, days as the hours they are.
pub(super) fn window(millis: i64, language: Language) -> String {
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

/// A number formatted for readers, in the unit of the value it is compared with.
pub(super) fn shown(value: Decimal, compared: &CheckedComparison, language: Language) -> String {
    match shown_as(compared.valued.unit) {
        // A message rounds to powers of 1024; an explanation is exact.
        DisplayUnit::Bytes => written(value, DisplayUnit::Bytes),
        unit => show_quantity(value, unit, language),
    }
}

/// A value that is one measure over one window.
pub(super) fn single(compared: &CheckedComparison) -> Option<(&MeasureShape, &WindowSpan)> {
    compared.valued.single().zip(compared.spans.first())
}

/// Longest window of a value, which explanations show.
pub(super) fn longest_ms(compared: &CheckedComparison) -> i64 {
    compared.spans.iter().map(|span| span.written_ms).max().unwrap_or(0)
}

/// A quantile as its name has it: 95, 99.9.
pub(super) fn quantile(permille: u32) -> String {
    match (permille / 10, permille % 10) {
        (whole, 0) => whole.to_string(),
        (whole, tenth) => format!("{whole}.{tenth}"),
    }
}

/// Time since the end of the right side of a division, where it is the past of the left side.
pub(super) fn versus_ms(compared: &CheckedComparison, right: &MeasureFormula) -> Option<i64> {
    let mut windows = Vec::new();
    collect(right, &mut windows);
    let mut agos = windows.iter().filter_map(|at| compared.spans.get(*at)).map(|span| span.ago_ms);
    let first = agos.next()?;
    (first > 0 && agos.all(|ago| ago == first)).then_some(first)
}

fn collect(formula: &MeasureFormula, windows: &mut Vec<usize>) {
    match formula {
        MeasureFormula::Window(at) => windows.push(*at),
        MeasureFormula::Number(..) => {}
        MeasureFormula::Arithmetic(left, _, right) => {
            collect(left, windows);
            collect(right, windows);
        }
    }
}
