//! What a replay came to.

use std::collections::BTreeMap;
use std::time::Instant;

use engine::shard::{ShardCounts, Watched};
use model::transition::{KeyPart, Transition, TransitionKind};
use serde::Serialize;
use serde_json::value::RawValue;

use runtime::ingest::admission::IngestCounts;
use runtime::notify::templates::AlertTemplates;
use runtime::pipeline::shard_worker::ShardOutput;

use crate::cli::{Format, ReplayArgs};
use crate::wiring::clock::monotonic;

/// Counted while the replay runs.
pub struct Summary {
    started: Instant,
    firing: u64,
    resolved: u64,
    shards: BTreeMap<usize, ShardCounts>,
    /// By shard: what its watches showed last.
    watched: BTreeMap<usize, Vec<Watched>>,
}

/// What a watch showed last, as tools read it.
#[derive(Serialize)]
struct Shown {
    watch: String,
    key: BTreeMap<String, String>,
    value: Box<RawValue>,
    at: String,
    /// All of it as people read it.
    #[serde(skip)]
    line: String,
}

/// The summary as tools read it.
#[derive(Serialize)]
struct Figures {
    events: u64,
    late_dropped: u64,
    undecodable: u64,
    skipped_missing_key: u64,
    skipped_missing_value: u64,
    refused_future: u64,
    refused_keys: u64,
    refused_values: u64,
    repeated: u64,
    late_after_settle: u64,
    firing: u64,
    resolved: u64,
    elapsed_s: f64,
    events_per_s: f64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    watches: Vec<Shown>,
}

impl Summary {
    /// A summary of a run that starts now.
    pub(crate) fn start(now: Instant) -> Summary {
        let (shards, watched) = (BTreeMap::new(), BTreeMap::new());
        Summary { started: now, firing: 0, resolved: 0, shards, watched }
    }

    /// Notes what a shard holds, and what its watches show where it has looked.
    pub(crate) fn note(&mut self, shard: usize, output: &mut ShardOutput) {
        self.shards.insert(shard, output.counts);
        if let Some(watched) = output.inspection.as_mut().and_then(|of| of.watched.take()) {
            self.watched.insert(shard, watched);
        }
    }

    /// Counts a transition.
    pub(crate) fn count(&mut self, transition: &Transition) {
        match transition.kind {
            TransitionKind::Firing => self.firing += 1,
            TransitionKind::Resolved => self.resolved += 1,
            TransitionKind::Changed | TransitionKind::Again => {}
        }
    }

    /// Prints it to standard error.
    pub(crate) fn print(&self, counts: IngestCounts, args: &ReplayArgs, texts: &AlertTemplates) {
        let all: ShardCounts = self.shards.values().copied().sum();
        let now = monotonic();
        let elapsed_s = now.duration_since(self.started).as_secs_f64();
        let figures = Figures {
            events: counts.events,
            late_dropped: counts.late_dropped,
            undecodable: counts.undecodable,
            skipped_missing_key: counts.observed.skipped_missing_key,
            skipped_missing_value: counts.observed.skipped_missing_value,
            refused_future: counts.refused_future,
            refused_keys: all.refused_keys,
            refused_values: all.refused_values,
            repeated: all.repeated,
            late_after_settle: all.late_after_settle,
            firing: self.firing,
            resolved: self.resolved,
            elapsed_s,
            events_per_s: counts.events as f64 / elapsed_s.max(1e-9),
            watches: self.shown(texts),
        };
        match args.summary {
            Format::Json => match serde_json::to_string(&figures) {
                Ok(line) => eprintln!("{line}"),
                Err(error) => eprintln!("hansho: the summary cannot be printed: {error}"),
            },
            Format::Text => figures.print_text(),
        }
    }

    /// What the watches showed at the end, ordered by watch and key.
    fn shown(&self, texts: &AlertTemplates) -> Vec<Shown> {
        let mut all: Vec<&Watched> = self.watched.values().flatten().collect();
        all.sort();
        let shown = all.into_iter().filter_map(|one| {
            let part = |(name, value): &KeyPart| (name.clone(), value.to_string());
            Some(Shown {
                watch: one.watch.clone(),
                key: one.key.iter().map(part).collect(),
                value: RawValue::from_string(one.value.to_string()).ok()?,
                at: one.at.to_string(),
                line: texts.watched(one),
            })
        });
        shown.collect()
    }
}

impl Figures {
    fn print_text(&self) {
        eprintln!(
            "{} events in {:.2} s ({:.0}/s): {} firing, {} resolved",
            self.events, self.elapsed_s, self.events_per_s, self.firing, self.resolved
        );
        let rest = [
            (self.late_dropped, "late, dropped"),
            (self.undecodable, "undecodable"),
            (self.skipped_missing_key, "without a key field, skipped"),
            (self.skipped_missing_value, "without the measured field, skipped"),
            (self.refused_future, "dated in the future, refused"),
            (self.refused_keys, "of new keys refused at a rule's limit"),
            (self.repeated, "of events that had come before, dropped"),
            (self.refused_values, "new values refused at a key's limit"),
            (self.late_after_settle, "came after their instant was settled"),
        ];
        for (count, what) in rest.into_iter().filter(|(count, _)| *count > 0) {
            eprintln!("{count:>12} {what}");
        }
        for Shown { line, at, .. } in &self.watches {
            eprintln!("{line} at {at}");
        }
    }
}
