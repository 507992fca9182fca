//! What every rule makes of its input: `/rules`, and the metrics with a label `rule`.

use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};

use engine::program::Program;
use engine::shard::statistics::RuleCounts;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use serde_json::{Value, json};

use super::metrics::{Register, set_total};

/// Figures of one rule since the start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleFigures {
    /// Its name.
    pub rule: String,
    /// Whether it is a watch, which never fires.
    pub is_watch: bool,
    /// What became of the events of its streams.
    pub read: ReadFigures,
    /// What the shards made of those that were observed.
    pub counts: RuleCounts,
    /// Its part of the work of all rules, 0 to 1, in the last minute that was measured.
    pub share: Option<f64>,
}

/// What became of the events of a rule's streams as they were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadFigures {
    /// Events of its streams, at which its filters looked.
    pub evaluated: u64,
    /// Those that its filters left, by input; they may not have settled yet.
    pub observed: u64,
    /// Those that they left without a field of its key.
    pub skipped_missing_key: u64,
}

/// A metric that only grows.
type Total = (&'static str, &'static str, fn(&RuleFigures) -> u64);
/// A metric of now; nothing is shown of what is unknown.
type Level = (&'static str, &'static str, fn(&RuleFigures) -> Option<f64>);

const TOTALS: [Total; 10] = [
    ("rule_evaluated", "Events of the streams of a rule", |of| of.read.evaluated),
    ("rule_matched", "Observations of a rule", |of| of.counts.matched),
    ("rule_judged", "Judgements of a key of a rule", |of| of.counts.judged),
    ("rule_true", "Judgements that found a rule true", |of| of.counts.truths),
    ("rule_fired", "Episodes of a rule", |of| of.counts.fired),
    ("rule_late", "Observations of a rule after their instant", |of| of.counts.late),
    ("rule_skipped_missing_key", "Events without a field of the key of a rule", |of| {
        of.read.skipped_missing_key
    }),
    ("rule_refused_keys", "Observations of new keys refused at the limit of a rule", |of| {
        of.counts.refused_keys
    }),
    ("rule_refused_values", "New values refused at the limit of a key of a rule", |of| {
        of.counts.refused_values
    }),
    ("rule_work", "Units of work done for a rule", |of| of.counts.work),
];

const LEVELS: [Level; 3] = [
    ("rule_keys", "Keys a rule holds state for", |of| Some(of.counts.keys as f64)),
    ("rule_last_fired_timestamp_seconds", "Event time at which a rule last fired", |of| {
        of.counts.last_fired.map(|at| at.0 as f64 / 1000.0)
    }),
    ("rule_work_share", "Part of the work of all rules in the last minute measured", |of| of.share),
];

/// Figures of one rule.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RuleName {
    rule: String,
}

/// All rules, and their metrics.
#[derive(Debug)]
pub struct RuleTable {
    rows: Mutex<Vec<RuleFigures>>,
    totals: Vec<Family<RuleName, Counter>>,
    levels: Vec<Family<RuleName, Gauge<f64, AtomicU64>>>,
}

impl RuleTable {
    pub(super) fn new(of: &mut Register) -> RuleTable {
        RuleTable {
            rows: Mutex::default(),
            totals: TOTALS.iter().map(|(name, help, _)| of.add(name, help)).collect(),
            levels: LEVELS.iter().map(|(name, help, _)| of.add(name, help)).collect(),
        }
    }

    /// Begins anew with the rules of a program, in its order.
    pub(crate) fn begin(&self, program: &Program) {
        self.totals.iter().for_each(Family::clear);
        self.levels.iter().for_each(Family::clear);
        let figures = program.rules().iter().map(|rule| RuleFigures {
            rule: rule.alert.name.clone(),
            is_watch: rule.is_watch(),
            ..RuleFigures::default()
        });
        self.change(|rows| *rows = figures.collect());
    }

    /// Shows what the reading thread knows of each rule: events, and those without a key.
    pub(crate) fn note_read(&self, figures: impl Iterator<Item = ReadFigures>) {
        self.change(|rows| {
            rows.iter_mut().zip(figures).for_each(|(row, figures)| row.read = figures);
        });
    }

    /// Shows what all shards made of it.
    pub(crate) fn note_shards(&self, counts: &[RuleCounts]) {
        self.change(|rows| {
            rows.iter_mut().zip(counts).for_each(|(row, counts)| row.counts = *counts);
        });
    }

    /// Shows each rule's part of the work of all.
    pub(crate) fn note_shares(&self, shares: &[f64]) {
        self.change(|rows| {
            rows.iter_mut().zip(shares).for_each(|(row, share)| row.share = Some(*share));
        });
    }

    /// The figures of all rules, in the order of their names.
    pub(crate) fn rows(&self) -> Vec<RuleFigures> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut Vec<RuleFigures>)) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut rows);
    }

    /// Brings the metrics to where the figures are.
    pub(super) fn export(&self) {
        for row in self.rows() {
            let name = RuleName { rule: row.rule.clone() };
            for ((_, _, figure), family) in TOTALS.iter().zip(&self.totals) {
                set_total(&family.get_or_create(&name), figure(&row));
            }
            for ((_, _, figure), family) in LEVELS.iter().zip(&self.levels) {
                if let Some(value) = figure(&row) {
                    family.get_or_create(&name).set(value);
                }
            }
        }
    }

    /// The page `/rules`.
    pub(super) fn page(&self) -> Value {
        let row = |of: &RuleFigures| {
            json!({
                "rule": of.rule,
                "watch": of.is_watch,
                "evaluated": of.read.evaluated,
                "matched": of.counts.matched,
                "judged": of.counts.judged,
                "true": of.counts.truths,
                "fired": of.counts.fired,
                "last_fired": of.counts.last_fired.map(|at| at.to_string()),
                "keys": of.counts.keys,
                "late": of.counts.late,
                "skipped_missing_key": of.read.skipped_missing_key,
                "refused_keys": of.counts.refused_keys,
                "refused_values": of.counts.refused_values,
                "work": of.counts.work,
                "share": of.share,
            })
        };
        json!({ "rules": self.rows().iter().map(row).collect::<Vec<Value>>() })
    }
}
