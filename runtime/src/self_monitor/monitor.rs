//! Alerts of the service about itself: which of its own alerts are open, each told once.
//!
//! Whoever notices something says so for as long as it is so; the first time opens the alert.
//! One that is counted ends when nothing was added for a while, one that is a state when it is
//! no longer so. What the alert log holds open is open after a restart.

use std::collections::BTreeMap;

use engine::identity::episode_id;
use engine::shard::ShardCounts;
use model::alert_facts::Measurement;
use model::decimal::Decimal;
use model::key::encode_key;
use model::message::Language;
use model::meta::{MetaAlert, MetaTransition};
use model::time::{MINUTE_MS, Timestamp};
use model::transition::EpisodeId;

use super::queue::SelfReport;
use crate::telemetry::rule_metrics::RuleFigures;

/// Time for which a state that its thread says again and again, each second, may go unsaid.
const UNREPORTED_MAX_MS: i64 = MINUTE_MS;

/// Limits at which alerts of the service about itself fire and resolve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetaLimits {
    /// Time for which nothing may be added to what is counted before its alert ends, in ms.
    pub quiet_ms: i64,
    /// Events of its streams after which a rule that never matched is an alert.
    pub never_matched_after: u64,
    /// The percentage of the work of all that one rule of several may take.
    pub rule_share_max: u8,
}

/// A transition of a meta alert, and its message.
pub type MetaRecord = (MetaTransition, String);

/// The meta alerts of a node, and which of them are open.
#[derive(Debug)]
pub struct SelfMonitor {
    limits: MetaLimits,
    language: Language,
    open: BTreeMap<MetaAlert, OpenSelfAlert>,
    /// The instant of the newest step: the clock may be set back, the log may not.
    latest: Timestamp,
    late: u64,
    /// By rule: keys and values refused when last looked at.
    refused: BTreeMap<String, [u64; 2]>,
}

/// An open alert.
#[derive(Clone, Debug)]
struct OpenSelfAlert {
    /// Its identity, under which the alert log has it: it ends under no other, whatever its
    /// name is now.
    id: EpisodeId,
    since: Timestamp,
    /// Instant at which it was last so.
    seen: Timestamp,
    value: Option<Decimal>,
}

impl SelfMonitor {
    /// A monitor that continues with what the alert log holds.
    pub(crate) fn new<'a>(
        limits: MetaLimits,
        language: Language,
        logged: impl Iterator<Item = &'a MetaTransition>,
        now: Timestamp,
    ) -> SelfMonitor {
        let mut open = BTreeMap::new();
        let mut latest = Timestamp(i64::MIN);
        for step in logged {
            latest = latest.max(step.at);
            if step.is_over {
                open.remove(&step.alert);
            } else {
                let value = step.measured.value;
                let entry = OpenSelfAlert { id: step.id, since: step.since, seen: now, value };
                open.insert(step.alert.clone(), entry);
            }
        }
        SelfMonitor { limits, language, open, latest, late: 0, refused: BTreeMap::new() }
    }

    /// Number of open alerts of a name.
    pub(crate) fn open(&self, name: &str) -> usize {
        self.open.keys().filter(|alert| alert.name() == name).count()
    }

    /// Applies reports, and ends alerts that were not reported again for long enough.
    pub(crate) fn apply(&mut self, reports: Vec<SelfReport>, now: Timestamp) -> Vec<MetaRecord> {
        let mut records = Vec::new();
        for SelfReport { alert, is_so, more, detail } in reports {
            records.extend(if is_so {
                self.see(alert, more, None, detail.as_deref(), now)
            } else {
                self.end(&alert, now)
            });
        }
        let lapsed: Vec<MetaAlert> = self
            .open
            .iter()
            .filter(|(alert, open)| {
                let unreported_ms = now.0.saturating_sub(open.seen.0);
                self.lapses_after(alert).is_some_and(|most| unreported_ms >= most)
            })
            .map(|(alert, _)| alert.clone())
            .collect();
        records.extend(lapsed.iter().filter_map(|alert| self.end(alert, now)));
        records
    }

    /// Time for which an alert may go unsaid; `None` where it only ends when that is said.
    const fn lapses_after(&self, alert: &MetaAlert) -> Option<i64> {
        match alert {
            MetaAlert::LateObservationsDropped
            | MetaAlert::RefusedKeys { .. }
            | MetaAlert::RefusedValues { .. }
            | MetaAlert::RecordsLost { .. }
            | MetaAlert::NotificationDropped { .. } => Some(self.limits.quiet_ms),
            MetaAlert::PartitionPaused { .. } | MetaAlert::DeadLettersFailing => {
                Some(UNREPORTED_MAX_MS)
            }
            MetaAlert::NeverMatched { .. }
            | MetaAlert::RuleOverShare { .. }
            | MetaAlert::ReloadFailed
            | MetaAlert::InvariantViolation => None,
        }
    }

    /// Looks at what the shards count.
    pub(crate) fn inspect(
        &mut self,
        all: &ShardCounts,
        rules: &[RuleFigures],
        now: Timestamp,
    ) -> Vec<MetaRecord> {
        let mut records = Vec::new();
        if let Some(more) = grown(&mut self.late, all.late_after_settle) {
            records.extend(self.see(
                MetaAlert::LateObservationsDropped,
                Some(more),
                None,
                None,
                now,
            ));
        }
        for of in rules {
            records.extend(self.inspect_refusals(of, now));
            records.extend(self.inspect_matches(of, now));
            records.extend(self.inspect_share(of, rules.len(), now));
        }
        // A rule that is gone has nothing more to say.
        let is_gone = |alert: &MetaAlert| {
            alert.rule().is_some_and(|rule| !rules.iter().any(|of| of.rule == rule))
        };
        let gone: Vec<MetaAlert> = self.open.keys().filter(|a| is_gone(a)).cloned().collect();
        records.extend(gone.iter().filter_map(|alert| self.end(alert, now)));
        records
    }

    fn inspect_refusals(&mut self, of: &RuleFigures, now: Timestamp) -> Vec<MetaRecord> {
        let counts = [of.counts.refused_keys, of.counts.refused_values];
        if counts == [0, 0] {
            return Vec::new();
        }
        let known = self.refused.entry(of.rule.clone()).or_default();
        let [keys, values] = known;
        let more = [grown(keys, counts[0]), grown(values, counts[1])];
        let rule = || of.rule.clone();
        let alerts =
            [MetaAlert::RefusedKeys { rule: rule() }, MetaAlert::RefusedValues { rule: rule() }];
        let grown = alerts.into_iter().zip(more).filter_map(|(alert, more)| Some((alert, more?)));
        grown.filter_map(|(alert, more)| self.see(alert, Some(more), None, None, now)).collect()
    }

    fn inspect_matches(&mut self, of: &RuleFigures, now: Timestamp) -> Option<MetaRecord> {
        let alert = MetaAlert::NeverMatched { rule: of.rule.clone() };
        if of.read.observed > 0 {
            return self.end(&alert, now);
        }
        let after = self.limits.never_matched_after;
        let is_open = self.open.contains_key(&alert);
        if is_open || of.read.evaluated < after {
            return None;
        }
        self.see(alert, Some(count(of.read.evaluated)), Some(count(after)), None, now)
    }

    fn inspect_share(
        &mut self,
        of: &RuleFigures,
        rules: usize,
        now: Timestamp,
    ) -> Option<MetaRecord> {
        let share = of.share?;
        let alert = MetaAlert::RuleOverShare { rule: of.rule.clone() };
        if rules < 2 || share * 100.0 <= f64::from(self.limits.rule_share_max) {
            return self.end(&alert, now);
        }
        if self.open.contains_key(&alert) {
            return None;
        }
        let most = Decimal::from_units(i128::from(self.limits.rule_share_max) * 10_000_000);
        // A thousandth is as fine as anyone reads it.
        let share = Decimal::from_units((share * 1_000.0) as i128 * 1_000_000);
        self.see(alert, Some(share), Some(most), None, now)
    }

    /// It is so: opens the alert, or adds to the one that is open.
    fn see(
        &mut self,
        alert: MetaAlert,
        more: Option<Decimal>,
        threshold: Option<Decimal>,
        detail: Option<&str>,
        now: Timestamp,
    ) -> Option<MetaRecord> {
        if let Some(open) = self.open.get_mut(&alert) {
            open.seen = open.seen.max(now);
            open.value = match (open.value, more) {
                (Some(have), Some(more)) => {
                    Some(Decimal::from_units(have.units().saturating_add(more.units())))
                }
                (have, more) => have.or(more),
            };
            return None;
        }
        let since = self.instant(now);
        let key = alert.key();
        let key = encode_key(key.iter().map(|(_, value)| value));
        let id = episode_id(alert.name(), &key, since);
        let open = OpenSelfAlert { id, since, seen: now, value: more };
        let record = self.record(&alert, &open, since, false, threshold, detail);
        self.open.insert(alert, open);
        Some(record)
    }

    /// It is no longer so: ends the alert, if it is open.
    fn end(&mut self, alert: &MetaAlert, now: Timestamp) -> Option<MetaRecord> {
        let open = self.open.remove(alert)?;
        let at = self.instant(now);
        Some(self.record(alert, &open, at, true, None, None))
    }

    /// An instant after every one the log has.
    fn instant(&mut self, now: Timestamp) -> Timestamp {
        self.latest = now.max(self.latest.plus(1));
        self.latest
    }

    fn record(
        &self,
        alert: &MetaAlert,
        open: &OpenSelfAlert,
        at: Timestamp,
        is_over: bool,
        threshold: Option<Decimal>,
        detail: Option<&str>,
    ) -> MetaRecord {
        let (alert, id, since) = (alert.clone(), open.id, open.since);
        let measured = Measurement { value: open.value, threshold };
        let step = MetaTransition { alert, is_over, at, since, measured, id };
        let message = step.message(detail, self.language);
        (step, message)
    }
}

/// By how much a count is above what it was, which then is the count.
fn grown(known: &mut u64, count: u64) -> Option<Decimal> {
    let more = count.saturating_sub(*known);
    *known = count;
    (more > 0).then(|| self::count(more))
}

fn count(number: u64) -> Decimal {
    Decimal::from_int(i64::try_from(number).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
