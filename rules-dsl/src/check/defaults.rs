//! Defaults of clauses that an alert leaves out.

use model::time::{DAY_MS, MINUTE_MS};

use super::types::{CheckedTrigger, MeasureFunction};

/// Learning time of `new` after the stream's first event, without `learn`.
pub(crate) const LEARN_DEFAULT_MS: i64 = 7 * DAY_MS;
/// Number of values that `new` keeps for each key, without `limit`.
pub(crate) const VALUES_DEFAULT: u32 = 1_000;
/// Default `keep` of windowless measures, of `any` and of `new`.
const WINDOWLESS_KEEP_MS: i64 = MINUTE_MS;
/// Least time an unknown value keeps its last truth by default.
const HOLD_DEFAULT_MS_MIN: i64 = 5 * MINUTE_MS;

/// The `keep` of an alert that writes none: one window, the shortest where there are more.
pub(crate) fn keep_default_ms(subject: &CheckedTrigger, clears: bool) -> i64 {
    match subject {
        CheckedTrigger::Condition(_) if clears => 0,
        CheckedTrigger::Condition(joined) => {
            let of = joined.shapes().zip(joined.spans());
            let keeps = of.map(|(shape, span)| match shape.function {
                MeasureFunction::Last => WINDOWLESS_KEEP_MS,
                _ => span.window_ms,
            });
            keeps.min().unwrap_or(WINDOWLESS_KEEP_MS)
        }
        CheckedTrigger::Any { .. } | CheckedTrigger::New { .. } => WINDOWLESS_KEEP_MS,
        CheckedTrigger::Sequence { within_ms, .. } | CheckedTrigger::ThenNot { within_ms, .. } => {
            *within_ms
        }
        CheckedTrigger::Absent { .. } => 0,
    }
}

/// Time for which an unknown value keeps its truth where `nodata` is not written: the longest
/// window, and not too short.
pub(crate) fn hold_default_ms(subject: &CheckedTrigger) -> i64 {
    let Some(joined) = subject.joined() else {
        return 0;
    };
    let longest = joined.spans().map(|span| span.window_ms).max().unwrap_or(0);
    longest.max(HOLD_DEFAULT_MS_MIN)
}
