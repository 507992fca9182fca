//! Activity of every rule: the metrics with a label `rule`, and the document of `/rules`.

use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};

use engine::program::Program;
use engine::shard::statistics::RuleCounts;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use serde::{Deserialize, Serialize};

use super::metrics::{MetricRegistrar, set_total};

/// Figures of one rule since the start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleFigures {
    /// Name of the rule.
    pub rule: String,
    /// True when it is a watch, which never fires.
    pub is_watch: bool,
    /// Counts of the events of its streams.
    pub read: ReadFigures,
    /// Counts of the shards.
    pub counts: RuleCounts,
    /// Share of the work of all rules, 0 to 1, in the last minute measured.
    pub share: Option<f64>,
}

/// Counts of the events of a rule's streams as they were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadFigures {
    /// Events of its streams, on which its filters were evaluated.
    pub evaluated: u64,
    /// Events that its filters kept, by input; they may not have settled yet.
    pub observed: u64,
    /// Events that its filters kept and that lack a field of its key.
    pub skipped_missing_key: u64,
}

/// Activity of all rules since the start: the document of `/rules`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RuleActivityList {
    /// One entry for each rule, in the order of their names.
    pub rules: Vec<RuleActivity>,
}

/// Activity of one rule since the start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleActivity {
    /// Evaluations of a key.
    pub evaluations: u64,
    /// Evaluations of a key that were true.
    pub evaluations_true: u64,
    /// Events of its streams, on which its filters were evaluated.
    pub events: u64,
    /// Episodes that started.
    pub fired: u64,
    /// Keys with state.
    pub keys: u64,
    /// Event time of the newest episode, RFC 3339.
    pub last_fired: Option<String>,
    /// Observations dropped because their instant had settled.
    pub late_observations_dropped: u64,
    /// Observations whose instant has settled.
    pub matched: u64,
    /// Observations of new keys refused at the limit of the rule.
    pub refused_keys: u64,
    /// New values refused at the limit of a key.
    pub refused_values: u64,
    /// Name of the rule.
    pub rule: String,
    /// Events that lack a field of the key.
    pub skipped_missing_key: u64,
    /// True when the rule is a watch, which never fires.
    #[serde(rename = "watch")]
    pub is_watch: bool,
    /// Units of work.
    pub work: u64,
    /// Share in the work of all rules, 0 to 1, in the last minute measured.
    pub work_ratio: Option<f64>,
}

/// Name, help and value of a counter.
type CounterSpec = (&'static str, &'static str, fn(&RuleFigures) -> u64);
/// Name, help and value of a gauge; an unknown value has no series.
type GaugeSpec = (&'static str, &'static str, fn(&RuleFigures) -> Option<f64>);

const COUNTERS: [CounterSpec; 10] = [
    ("rule_events", "Events of the streams of the rule", |of| of.read.evaluated),
    ("rule_matched", "Observations that passed the filters of the rule", |of| of.counts.matched),
    ("rule_evaluations", "Evaluations of the rule, one for each key and instant", |of| {
        of.counts.evaluations
    }),
    ("rule_evaluations_true", "Evaluations of the rule that were true", |of| of.counts.truths),
    ("rule_fired", "Episodes of the rule that started", |of| of.counts.fired),
    (
        "rule_late_observations_dropped",
        "Observations of the rule dropped because their instant had settled",
        |of| of.counts.late,
    ),
    (
        "rule_skipped_missing_key",
        "Events that passed the filters of the rule but lack a field of its key",
        |of| of.read.skipped_missing_key,
    ),
    (
        "rule_refused_keys",
        "Observations dropped because their key was new and the rule at its key limit",
        |of| of.counts.refused_keys,
    ),
    (
        "rule_refused_values",
        "New values dropped because their key of the rule was at the value limit",
        |of| of.counts.refused_values,
    ),
    ("rule_work", "Units of work done for the rule", |of| of.counts.work),
];

const GAUGES: [GaugeSpec; 3] = [
    ("rule_keys", "Keys with state of the rule", |of| Some(of.counts.keys as f64)),
    ("rule_last_fired_timestamp_seconds", "Event time of the newest episode of the rule", |of| {
        of.counts.last_fired.map(|at| at.0 as f64 / 1000.0)
    }),
    ("rule_work_ratio", "Share of the rule in the work of all rules, 0 to 1", |of| of.share),
];

/// Labels of one rule.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RuleLabels {
    rule: String,
}

/// Figures of all rules, and their metrics.
#[derive(Debug)]
pub struct RuleMetrics {
    rows: Mutex<Vec<RuleFigures>>,
    counters: Vec<Family<RuleLabels, Counter>>,
    gauges: Vec<Family<RuleLabels, Gauge<f64, AtomicU64>>>,
}

impl RuleMetrics {
    pub(super) fn new(of: &mut MetricRegistrar) -> RuleMetrics {
        RuleMetrics {
            rows: Mutex::default(),
            counters: COUNTERS.iter().map(|(name, help, _)| of.add(name, help)).collect(),
            gauges: GAUGES.iter().map(|(name, help, _)| of.add(name, help)).collect(),
        }
    }

    /// Replaces all rules by those of a program, in its order.
    pub fn begin(&self, program: &Program) {
        self.counters.iter().for_each(Family::clear);
        self.gauges.iter().for_each(Family::clear);
        let figures = program.rules().iter().map(|rule| RuleFigures {
            rule: rule.alert.name.clone(),
            is_watch: rule.is_watch(),
            ..RuleFigures::default()
        });
        self.change(|rows| *rows = figures.collect());
    }

    /// Sets the counts of the reading thread for each rule.
    pub fn record_read(&self, figures: impl Iterator<Item = ReadFigures>) {
        self.change(|rows| {
            rows.iter_mut().zip(figures).for_each(|(row, figures)| row.read = figures);
        });
    }

    /// Sets the counts of all shards for each rule.
    pub fn record_shards(&self, counts: &[RuleCounts]) {
        self.change(|rows| {
            rows.iter_mut().zip(counts).for_each(|(row, counts)| row.counts = *counts);
        });
    }

    /// Sets the share of each rule in the work of all.
    pub fn record_shares(&self, shares: &[f64]) {
        self.change(|rows| {
            rows.iter_mut().zip(shares).for_each(|(row, share)| row.share = Some(*share));
        });
    }

    /// Figures of all rules, in the order of their names.
    pub fn rows(&self) -> Vec<RuleFigures> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut Vec<RuleFigures>)) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut rows);
    }

    /// Copies the figures into the metrics.
    pub(super) fn export(&self) {
        for row in self.rows() {
            let name = RuleLabels { rule: row.rule.clone() };
            for ((_, _, figure), family) in COUNTERS.iter().zip(&self.counters) {
                set_total(&family.get_or_create(&name), figure(&row));
            }
            for ((_, _, figure), family) in GAUGES.iter().zip(&self.gauges) {
                if let Some(value) = figure(&row) {
                    family.get_or_create(&name).set(value);
                }
            }
        }
    }

    /// Activity of every rule, in the order of their names.
    pub fn report(&self) -> RuleActivityList {
        RuleActivityList { rules: self.rows().iter().map(RuleActivity::from).collect() }
    }
}

impl From<&RuleFigures> for RuleActivity {
    fn from(of: &RuleFigures) -> RuleActivity {
        RuleActivity {
            evaluations: of.counts.evaluations,
            evaluations_true: of.counts.truths,
            events: of.read.evaluated,
            fired: of.counts.fired,
            keys: of.counts.keys,
            last_fired: of.counts.last_fired.map(|at| at.to_string()),
            late_observations_dropped: of.counts.late,
            matched: of.counts.matched,
            refused_keys: of.counts.refused_keys,
            refused_values: of.counts.refused_values,
            rule: of.rule.clone(),
            skipped_missing_key: of.read.skipped_missing_key,
            is_watch: of.is_watch,
            work: of.counts.work,
            work_ratio: of.share,
        }
    }
}
