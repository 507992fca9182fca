//! Summary of a replay.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::shard::{ShardCounts, WatchSample};
use model::transition::{NamedKeyPart, Transition, TransitionKind};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::ingest::admission::IngestCounts;
use crate::notify::templates::AlertTemplates;
use crate::pipeline::shard_worker::ShardOutput;

/// Counts of a replay while it runs.
#[derive(Debug, Default)]
pub struct ReplayCounts {
    firing: u64,
    resolved: u64,
    shards: BTreeMap<usize, ShardCounts>,
    /// By shard: samples of its watches, as of its last inspection.
    watched: BTreeMap<usize, Vec<WatchSample>>,
}

/// Summary of a replay as tools read it.
#[derive(Debug, Serialize)]
pub struct ReplaySummary {
    /// Events that were decoded.
    pub events: u64,
    /// Events older than their partition's watermark.
    pub late_dropped: u64,
    /// Records that cannot be decoded.
    pub undecodable: u64,
    /// Events without a field of a key.
    pub skipped_missing_key: u64,
    /// Events without the measured field.
    pub skipped_missing_value: u64,
    /// Events dated too far in the future.
    pub refused_future: u64,
    /// Observations of new keys beyond a rule's limit.
    pub refused_keys: u64,
    /// New values beyond a key's limit.
    pub refused_values: u64,
    /// Observations that had come before.
    pub repeated: u64,
    /// Observations whose instant was settled before them.
    pub late_after_settle: u64,
    /// Alerts that began to fire.
    pub firing: u64,
    /// Alerts that ended.
    pub resolved: u64,
    /// Duration of the replay, in seconds.
    pub elapsed_s: f64,
    /// Events in a second.
    pub events_per_s: f64,
    /// Last samples of watches, ordered by watch and key.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub watches: Vec<WatchSummary>,
}

/// Last sample of a watch.
#[derive(Debug, Serialize)]
pub struct WatchSummary {
    /// Name of the watch.
    pub watch: String,
    /// Key, by the names of its components.
    pub key: BTreeMap<String, String>,
    /// Value in base units, as an exact number.
    pub value: Box<RawValue>,
    /// Instant.
    pub at: String,
    /// Text for people, which holds all but the instant.
    #[serde(skip)]
    pub line: String,
}

impl ReplayCounts {
    /// Notes what a shard holds, and the samples of its watches where it has inspected them.
    pub fn record(&mut self, shard: usize, output: &mut ShardOutput) {
        self.shards.insert(shard, output.counts);
        if let Some(watched) = output.inspection.as_mut().and_then(|of| of.watched.take()) {
            self.watched.insert(shard, watched);
        }
    }

    /// Counts a transition.
    pub fn count(&mut self, transition: &Transition) {
        match transition.kind {
            TransitionKind::Firing => self.firing += 1,
            TransitionKind::Resolved => self.resolved += 1,
            TransitionKind::Changed | TransitionKind::Again => {}
        }
    }

    /// The summary of a replay that has ended.
    pub fn summary(
        &self,
        counts: &IngestCounts,
        elapsed: Duration,
        templates: &AlertTemplates,
    ) -> ReplaySummary {
        let shards: ShardCounts = self.shards.values().copied().sum();
        let elapsed_s = elapsed.as_secs_f64();
        ReplaySummary {
            events: counts.events,
            late_dropped: counts.late_dropped,
            undecodable: counts.undecodable,
            skipped_missing_key: counts.observed.skipped_missing_key,
            skipped_missing_value: counts.observed.skipped_missing_value,
            refused_future: counts.refused_future,
            refused_keys: shards.refused_keys,
            refused_values: shards.refused_values,
            repeated: shards.repeated,
            late_after_settle: shards.late_after_settle,
            firing: self.firing,
            resolved: self.resolved,
            elapsed_s,
            events_per_s: counts.events as f64 / elapsed_s.max(1e-9),
            watches: self.watches(templates),
        }
    }

    fn watches(&self, templates: &AlertTemplates) -> Vec<WatchSummary> {
        let mut samples: Vec<&WatchSample> = self.watched.values().flatten().collect();
        samples.sort();
        let summaries = samples.into_iter().filter_map(|sample| {
            let part = |(name, value): &NamedKeyPart| (name.clone(), value.to_string());
            Some(WatchSummary {
                watch: sample.watch.clone(),
                key: sample.key.iter().map(part).collect(),
                value: RawValue::from_string(sample.value.to_string()).ok()?,
                at: sample.at.to_string(),
                line: templates.watched(sample),
            })
        });
        summaries.collect()
    }
}
