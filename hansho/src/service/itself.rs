//! What the service has to say of itself: which of its own alerts are open, each told once.
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

use super::reports::Report;
use crate::api::rules::RuleFigures;

/// How long a state that its thread says again and again, each second, may go unsaid.
const UNSAID_MAX_MS: i64 = MINUTE_MS;

/// When the service speaks of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetaLimits {
    /// How long nothing may be added to what is counted before its alert ends, in ms.
    pub quiet_ms: i64,
    /// Events of its streams after which a rule that never matched is an alert.
    pub never_matched_after: u64,
    /// The percentage of the work of all that one rule of several may take.
    pub rule_share_max: u8,
}

/// A step and its message.
pub type Said = (MetaTransition, String);

/// The alerts of the service about itself.
#[derive(Debug)]
pub struct Itself {
    limits: MetaLimits,
    language: Language,
    open: BTreeMap<MetaAlert, Open>,
    /// The instant of the newest step: the clock may be set back, the log may not.
    latest: Timestamp,
    late: u64,
    /// By rule: keys and values refused when last looked at.
    refused: BTreeMap<String, [u64; 2]>,
}

/// An open alert.
#[derive(Clone, Debug)]
struct Open {
    since: Timestamp,
    /// When it was last so.
    seen: Timestamp,
    value: Option<Decimal>,
}

impl Itself {
    /// Takes up what the alert log holds.
    pub(super) fn new<'a>(
        limits: MetaLimits,
        language: Language,
        told: impl Iterator<Item = &'a MetaTransition>,
        now: Timestamp,
    ) -> Itself {
        let mut open = BTreeMap::new();
        let mut latest = Timestamp(i64::MIN);
        for step in told {
            latest = latest.max(step.at);
            if step.is_over {
                open.remove(&step.alert);
            } else {
                let entry = Open { since: step.since, seen: now, value: step.measured.value };
                open.insert(step.alert.clone(), entry);
            }
        }
        Itself { limits, language, open, latest, late: 0, refused: BTreeMap::new() }
    }

    /// How many alerts of a name are open.
    pub(super) fn open(&self, name: &str) -> usize {
        self.open.keys().filter(|alert| alert.name() == name).count()
    }

    /// Takes up what was reported, and lets go of what has not been so for long enough.
    pub(super) fn hear(&mut self, reports: Vec<Report>, now: Timestamp) -> Vec<Said> {
        let mut said = Vec::new();
        for Report { alert, is_so, more, detail } in reports {
            said.extend(if is_so {
                self.see(alert, more, None, detail.as_deref(), now)
            } else {
                self.end(&alert, now)
            });
        }
        let lapsed: Vec<MetaAlert> = self
            .open
            .iter()
            .filter(|(alert, open)| {
                let unsaid_ms = now.0.saturating_sub(open.seen.0);
                self.lapses_after(alert).is_some_and(|most| unsaid_ms >= most)
            })
            .map(|(alert, _)| alert.clone())
            .collect();
        said.extend(lapsed.iter().filter_map(|alert| self.end(alert, now)));
        said
    }

    /// How long an alert may go unsaid; `None` where it only ends when that is said.
    const fn lapses_after(&self, alert: &MetaAlert) -> Option<i64> {
        match alert {
            MetaAlert::LateAfterSettle
            | MetaAlert::RefusedKeys { .. }
            | MetaAlert::RefusedValues { .. }
            | MetaAlert::RecordsLost { .. }
            | MetaAlert::Undelivered { .. } => Some(self.limits.quiet_ms),
            MetaAlert::HeldBack { .. } | MetaAlert::DeadLettersFailing => Some(UNSAID_MAX_MS),
            MetaAlert::NeverMatched { .. }
            | MetaAlert::RuleOverShare { .. }
            | MetaAlert::ReloadFailed
            | MetaAlert::AuditFailed => None,
        }
    }

    /// Looks at what the shards count.
    pub(super) fn look(
        &mut self,
        all: &ShardCounts,
        rules: &[RuleFigures],
        now: Timestamp,
    ) -> Vec<Said> {
        let mut said = Vec::new();
        if let Some(more) = grown(&mut self.late, all.late_after_settle) {
            said.extend(self.see(MetaAlert::LateAfterSettle, Some(more), None, None, now));
        }
        for of in rules {
            said.extend(self.look_at_refusals(of, now));
            said.extend(self.look_at_matches(of, now));
            said.extend(self.look_at_share(of, rules.len(), now));
        }
        // A rule that is gone has nothing more to say.
        let is_gone = |alert: &MetaAlert| {
            alert.rule().is_some_and(|rule| !rules.iter().any(|of| of.rule == rule))
        };
        let gone: Vec<MetaAlert> = self.open.keys().filter(|a| is_gone(a)).cloned().collect();
        said.extend(gone.iter().filter_map(|alert| self.end(alert, now)));
        said
    }

    fn look_at_refusals(&mut self, of: &RuleFigures, now: Timestamp) -> Vec<Said> {
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

    fn look_at_matches(&mut self, of: &RuleFigures, now: Timestamp) -> Option<Said> {
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

    fn look_at_share(&mut self, of: &RuleFigures, rules: usize, now: Timestamp) -> Option<Said> {
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
    ) -> Option<Said> {
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
        let open = Open { since, seen: now, value: more };
        let said = self.say(&alert, &open, (since, false), threshold, detail);
        self.open.insert(alert, open);
        Some(said)
    }

    /// It is no longer so: ends the alert, if it is open.
    fn end(&mut self, alert: &MetaAlert, now: Timestamp) -> Option<Said> {
        let open = self.open.remove(alert)?;
        let at = self.instant(now);
        Some(self.say(alert, &open, (at, true), None, None))
    }

    /// An instant after every one the log has.
    fn instant(&mut self, now: Timestamp) -> Timestamp {
        self.latest = now.max(self.latest.plus(1));
        self.latest
    }

    fn say(
        &self,
        alert: &MetaAlert,
        open: &Open,
        (at, is_over): (Timestamp, bool),
        threshold: Option<Decimal>,
        detail: Option<&str>,
    ) -> Said {
        let (alert, since) = (alert.clone(), open.since);
        let measured = Measurement { value: open.value, threshold };
        let key = alert.key();
        let key = encode_key(key.iter().map(|(_, value)| value));
        let id = episode_id(alert.name(), &key, since);
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
