//! Upgrade from one program to the next: which state continues, and which ends (LANGUAGE §3.16).
//!
//! Every instant is evaluated by the program that is active at it. A rule whose stateful part is
//! unchanged keeps its windows, its episodes and their timers; its new version evaluates them from
//! the first instant that is not settled. A rule that is new, or whose stateful part changed, opens
//! at that instant, as a calendar opens: its windows hold all events before, and nothing is true of
//! it earlier. So the output is a function of the events and of the program active at each instant,
//! and a replay yields the same output.

use std::collections::BTreeMap;

use model::alert_facts::{AlertFacts, Measurement};
use model::decimal::Decimal;
use model::time::Timestamp;
use model::transition::{EndReason, Transition, TransitionKind};
use rules_dsl::rule::Alert;

use crate::program::{PreviousVersion, Program, RulePlan};

/// By stream name: the last instant that was settled when a program was replaced.
pub type SettledStreams = BTreeMap<String, Timestamp>;

impl Program {
    /// Makes this program the successor of `before`, which evaluated up to `settled`.
    pub fn succeed(mut self, before: &Program, settled: &SettledStreams) -> Program {
        let until = |program: &Program, rule: &RulePlan| program.settled_for(rule, settled);
        let mut fates = Vec::with_capacity(self.rules().len());
        for rule in self.rules() {
            let old = before.rule(&rule.alert.name);
            let last = old.map_or(i64::MIN, |old| until(before, old)).max(until(&self, rule));
            fates.push(match old.filter(|old| old.stateful == rule.stateful) {
                Some(old) => (begin(old, rule, until(&self, rule)), wordings(old, rule, last)),
                None => (last.saturating_add(1), Vec::new()),
            });
        }
        for (rule, (begins, earlier)) in self.rules_mut().iter_mut().zip(fates) {
            (rule.begins, rule.earlier) = (begins, earlier);
        }
        self
    }

    /// By alert: its first instant, where an earlier change set it and this one keeps the alert. A
    /// record of this change holds these instants, so that recovery does not need all earlier
    /// records.
    pub fn kept_begins(
        &self,
        before: &Program,
        settled: &SettledStreams,
    ) -> BTreeMap<String, Timestamp> {
        let kept = self.rules().iter().filter_map(|rule| {
            let old = before.rule(&rule.alert.name).filter(|old| old.stateful == rule.stateful)?;
            let at = begin(old, rule, self.settled_for(rule, settled));
            (at > i64::MIN).then(|| (rule.alert.name.clone(), Timestamp(at)))
        });
        kept.collect()
    }

    /// Applies the first instants of alerts in the record of an upgrade: no alert starts earlier.
    pub fn begin_no_earlier(mut self, begins: &BTreeMap<String, Timestamp>) -> Program {
        for rule in self.rules_mut() {
            let known = begins.get(&rule.alert.name);
            rule.begins = known.map_or(rule.begins, |known| known.0.max(rule.begins));
        }
        self
    }

    /// Instant at which the open episodes of an alert end because `next` lacks the alert, or has it
    /// with another stateful part; `None` where they continue.
    pub fn ends_at(
        &self,
        alert: &str,
        next: &Program,
        settled: &SettledStreams,
    ) -> Option<Timestamp> {
        let old = self.rule(alert)?;
        let resumes = next.rule(alert).is_some_and(|new| new.stateful == old.stateful);
        let until = self.settled_for(old, settled);
        (!resumes).then(|| Timestamp(until.saturating_add(1)))
    }

    /// Number of its rules that another program has under the same name and with the same stateful
    /// hash.
    pub fn rules_kept(&self, next: &Program) -> usize {
        let same = |rule: &&RulePlan| {
            next.rule(&rule.alert.name).is_some_and(|new| new.stateful == rule.stateful)
        };
        self.rules().iter().filter(same).count()
    }

    /// True when it has the same rules as `before`, with the same state: at most their versions
    /// differ.
    pub fn keeps_all_of(&self, before: &Program) -> bool {
        self.rules().len() == before.rules().len()
            && before.rules_kept(self) == before.rules().len()
    }

    /// True when shards that run `before` may adopt this program without a restart
    /// ([`crate::shard::Shard::adopt`]): it derives the same observations, and every rule keeps its
    /// state and the structure of it.
    ///
    /// A rule that looks back further than before does not: the extent of a replay after a restart
    /// would not be known.
    pub fn may_be_adopted(&self, before: &Program) -> bool {
        let mut rules = self.rules().iter().zip(before.rules());
        self.rules().len() == before.rules().len()
            && self.observes_as(before)
            && rules.all(|(new, old)| keeps(new, old))
    }

    fn settled_for(&self, rule: &RulePlan, settled: &SettledStreams) -> i64 {
        let names = rule.streams.iter().filter_map(|stream| self.stream_name(*stream));
        let of = |name: &str| settled.get(name).map_or(i64::MIN, |settled| settled.0);
        names.map(of).min().unwrap_or(i64::MIN)
    }
}

/// True when a rule keeps the state of another, in the same windows and with the same limits.
fn keeps(new: &RulePlan, old: &RulePlan) -> bool {
    new.alert.name == old.alert.name
        && new.stateful == old.stateful
        && new.inputs == old.inputs
        && new.windows == old.windows
        && new.is_seeded == old.is_seeded
        && new.alert.keys_max == old.alert.keys_max
        && new.alert.message_fields == old.alert.message_fields
        && new.alert.tops == old.alert.tops
        && new.alert.horizon_ms() <= old.horizon_ms()
}

/// Instant from which a kept rule applies, as far as it matters after `until`.
fn begin(old: &RulePlan, rule: &RulePlan, until: i64) -> i64 {
    let horizon_ms = rule.horizon_ms().max(old.horizon_ms());
    if old.begins > until.saturating_sub(horizon_ms) { old.begins } else { i64::MIN }
}

/// Previous versions of `rule`, of which the last evaluated up to `until`.
fn wordings(old: &RulePlan, rule: &RulePlan, until: i64) -> Vec<PreviousVersion> {
    let mut earlier = old.earlier.clone();
    if until > i64::MIN && !evaluates_alike(&old.alert, &rule.alert) {
        earlier.push(PreviousVersion { until, alert: old.alert.clone() });
    }
    // Drop the versions under which nothing that still runs can have started.
    let horizons_ms = earlier.iter().map(|earlier| earlier.alert.horizon_ms());
    let reach_ms = horizons_ms.fold(rule.alert.horizon_ms(), i64::max);
    earlier.retain(|earlier| earlier.until >= until.saturating_sub(reach_ms));
    earlier
}

/// True when two versions over the same state yield the same truth and severities.
fn evaluates_alike(a: &Alert, b: &Alert) -> bool {
    let levels = |alert: &Alert| {
        let compares = alert.trigger.condition().into_iter().flat_map(|it| &it.compares);
        compares.map(|compare| compare.level).collect::<Vec<Decimal>>()
    };
    let clauses = |alert: &Alert| {
        let Alert { for_ms, keep_ms, hold_ms, clear, severity, notify_each, .. } = alert;
        (*for_ms, *keep_ms, *hold_ms, *clear, *severity, *notify_each)
    };
    levels(a) == levels(b)
        && clauses(a) == clauses(b)
        && a.rungs == b.rungs
        && a.overrides == b.overrides
        && a.during == b.during
}

/// Builds the end of an episode by a change of its rule. `emitted` is its last transition and
/// `peak` its peak; no value is measured, and the threshold is the last one met.
pub fn ended_by_change(emitted: &Transition, peak: Option<Decimal>, at: Timestamp) -> Transition {
    Transition {
        kind: TransitionKind::Resolved,
        facts: AlertFacts { at, ..emitted.facts.clone() },
        measured: Measurement { value: None, ..emitted.measured },
        peak,
        reason: Some(EndReason::RuleChanged),
        count: 0,
        tops: Vec::new(),
        ..emitted.clone()
    }
}

#[cfg(test)]
mod tests;
