//! Levels that apply to one key.

use model::decimal::Decimal;
use model::key::decode_key;
use rules_dsl::rule::{Alert, ComparisonOp, OverrideRow};

use crate::measure_value::MeasureValue;
use crate::snapshot::packed;

/// The levels of one key: the rule's own, or those of the row of a table that names it.
#[derive(Clone, Debug)]
pub struct KeyThresholds {
    comparison: ComparisonOp,
    level: Decimal,
    clear: Option<Decimal>,
    /// Further levels of a ladder, above the first.
    rungs: Box<[Decimal]>,
}

impl KeyThresholds {
    /// Looks up the levels of an alert for a key in canonical bytes.
    pub(crate) fn new(alert: &Alert, key: &[u8]) -> KeyThresholds {
        let condition = alert.trigger.condition();
        let first = condition.and_then(|condition| condition.compares.first());
        let row = row(alert, key);
        KeyThresholds {
            comparison: first.map_or(ComparisonOp::AtLeast, |compare| compare.comparison),
            level: row.map(|row| row.level).or(first.map(|it| it.level)).unwrap_or_default(),
            clear: row.map_or(alert.clear, |row| row.clear),
            rungs: match row {
                Some(row) => row.rungs.as_slice().into(),
                None => alert.rungs.iter().map(|rung| rung.level).collect(),
            },
        }
    }

    /// Level that the condition is compared with: `clear` while an episode is open.
    #[inline]
    pub(crate) fn evaluated(&self, is_firing: bool) -> Decimal {
        self.clear.filter(|_| is_firing).unwrap_or(self.level)
    }

    /// Highest level that a value meets, if any; 0 is the lowest.
    #[inline]
    pub(crate) fn met(&self, value: &MeasureValue) -> Option<usize> {
        let meets = |level: Decimal| self.comparison.holds(value.compare(level));
        if self.rungs.is_empty() {
            return meets(self.level).then_some(0);
        }
        let above = self.rungs.iter().rposition(|level| meets(*level)).map(|at| at + 1);
        above.or_else(|| meets(self.level).then_some(0))
    }

    /// The level of a rung: 0 is the lowest.
    pub(crate) fn of_rung(&self, rung: usize) -> Decimal {
        let above = rung.checked_sub(1).and_then(|at| self.rungs.get(at));
        above.copied().unwrap_or(self.level)
    }
}

/// The first row of the alert's table that matches a key.
fn row<'a>(alert: &'a Alert, key: &[u8]) -> Option<&'a OverrideRow> {
    let overrides = alert.overrides.as_ref()?;
    let parts = decode_key(key)?;
    let part = parts.get(overrides.key)?.to_string();
    overrides.rows.iter().find(|row| row.key.as_ref().is_none_or(|wanted| *wanted == part))
}

packed!(KeyThresholds { comparison, level, clear, rungs });

#[cfg(test)]
mod tests {
    use model::key::{KeyValue, encode_key};
    use model::severity::Severity;
    use rules_dsl::rule::{SeverityLevel, ThresholdOverrides};

    use super::*;
    use crate::sample;

    #[test]
    fn the_first_row_that_names_the_key_goes() {
        let number = Decimal::from_int;
        let row = |key: Option<&str>, level: i64| OverrideRow {
            key: key.map(str::to_owned),
            level: number(level),
            rungs: vec![number(level + 10)],
            clear: Some(number(level - 1)),
        };
        let mut alert = sample::alert("x");
        alert.rungs = vec![SeverityLevel { severity: Severity::Critical, level: number(7) }];
        let levels = |alert: &Alert, host: &str| {
            let key = encode_key(&[KeyValue::Text(host.to_owned())]);
            let levels = KeyThresholds::new(alert, &key);
            (levels.evaluated(false), levels.evaluated(true), levels.of_rung(1))
        };
        let want = |levels: (i64, i64, i64)| (number(levels.0), number(levels.1), number(levels.2));
        assert_eq!(levels(&alert, "a"), want((3, 3, 7)));
        let rows = vec![row(Some("a"), 20), row(Some("a"), 30), row(Some("b"), 40)];
        alert.overrides = Some(ThresholdOverrides { key: 0, rows });
        assert_eq!(levels(&alert, "a"), want((20, 19, 30)));
        assert_eq!(levels(&alert, "b"), want((40, 39, 50)));
        assert_eq!(levels(&alert, "c"), want((3, 3, 7)));
        alert.overrides.as_mut().unwrap().rows.push(row(None, 50));
        assert_eq!(levels(&alert, "c"), want((50, 49, 60)));
    }

    #[test]
    fn the_highest_level_met_is_the_severity() {
        let mut alert = sample::alert("x");
        let rung =
            |level| SeverityLevel { severity: Severity::Critical, level: Decimal::from_int(level) };
        alert.rungs = vec![rung(5), rung(8)];
        let levels = KeyThresholds::new(&alert, &[]);
        let met = |events| levels.met(&MeasureValue::count(events));
        let want = [(2, None), (3, Some(0)), (5, Some(1)), (7, Some(1)), (9, Some(2))];
        assert_eq!(want.map(|(events, _)| (events, met(events))), want);
    }
}
