//! Limits of rules; reaching one is reported.

use model::time::DAY_MS;

/// Longest chain of filters or measures that build on each other.
pub(super) const CHAIN_MAX: usize = 32;
/// Most comparisons and list items of all rules together, a filter's counted at every use.
pub(super) const COMPARISONS_MAX: usize = 1_000_000;
/// Longest window, `for`, `keep`, lateness: a year and a day.
pub(super) const LENGTH_MS_MAX: i64 = 366 * DAY_MS;
/// Most measures of one number.
pub(super) const MEASURES_MAX: usize = 16;
/// Most measures and numbers that one number is joined of.
pub(super) const TERMS_MAX: usize = 64;
/// Most comparisons of one condition.
pub(super) const COMPARES_MAX: usize = 16;
/// Highest level of `distinct`: beyond it the count is not exact.
pub(super) const DISTINCT_LEVEL_MAX: i64 = 100_000;
/// Most keys an alert may be allowed to hold state for.
pub(super) const KEYS_MAX: u64 = 100_000_000;
/// Most components of a key.
pub(super) const KEY_PARTS_MAX: usize = 8;
/// Most steps of a sequence.
pub(super) const STEPS_MAX: usize = 8;
/// Most events of a sequence's first step.
pub(super) const FIRST_COUNT_MAX: u64 = 10_000;
/// Most fields whose values `new` looks up together.
pub(super) const NEW_FIELDS_MAX: usize = 8;
/// Most values `new` may remember for each key.
pub(super) const VALUES_MAX: u64 = 100_000;
/// Most pieces of one template or pattern.
pub(super) const PIECES_MAX: usize = 200;
/// Most values that `{top N f}` shows.
pub(super) const TOP_MAX: usize = 10;
/// Largest compiled regular expression, in bytes.
pub(super) const REGEX_BYTES_MAX: usize = 1 << 20;
/// Most names a diagnostic lists.
pub(super) const NAMES_SHOWN_MAX: usize = 20;
/// Most items of a list.
pub(super) const ITEMS_MAX: usize = 100_000;
/// Most rows of a table.
pub(super) const ROWS_MAX: usize = 100_000;
