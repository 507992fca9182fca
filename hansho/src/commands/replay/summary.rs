//! What a replay came to.

use std::collections::BTreeMap;
use std::time::Instant;

use engine::shard::ShardCounts;
use model::transition::{Transition, TransitionKind};
use serde::Serialize;

use crate::cli::Format;
use crate::pipeline::intake::IntakeCounts;

/// Counted while the replay runs.
pub struct Summary {
    started: Instant,
    firing: u64,
    resolved: u64,
    shards: BTreeMap<usize, ShardCounts>,
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
    late_after_settle: u64,
    firing: u64,
    resolved: u64,
    elapsed_s: f64,
    events_per_s: f64,
}

impl Summary {
    /// A summary of a run that starts now.
    pub(crate) fn start(now: Instant) -> Summary {
        Summary { started: now, firing: 0, resolved: 0, shards: BTreeMap::new() }
    }

    /// Notes what a shard holds.
    pub(crate) fn note(&mut self, shard: usize, counts: ShardCounts) {
        self.shards.insert(shard, counts);
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
    pub(crate) fn print(&self, counts: IntakeCounts, format: Format, now: Instant) {
        let elapsed_s = now.duration_since(self.started).as_secs_f64();
        let figures = Figures {
            events: counts.events,
            late_dropped: counts.late_dropped,
            undecodable: counts.undecodable,
            skipped_missing_key: counts.observed.skipped_missing_key,
            skipped_missing_value: counts.observed.skipped_missing_value,
            refused_future: counts.refused_future,
            refused_keys: self.shards.values().map(|counts| counts.refused_keys).sum(),
            late_after_settle: self.shards.values().map(|counts| counts.late_after_settle).sum(),
            firing: self.firing,
            resolved: self.resolved,
            elapsed_s,
            events_per_s: counts.events as f64 / elapsed_s.max(1e-9),
        };
        match format {
            Format::Json => match serde_json::to_string(&figures) {
                Ok(line) => eprintln!("{line}"),
                Err(error) => eprintln!("hansho: the summary cannot be printed: {error}"),
            },
            Format::Text => figures.print_text(),
        }
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
            (self.late_after_settle, "came after their instant was settled"),
        ];
        for (count, what) in rest.into_iter().filter(|(count, _)| *count > 0) {
            eprintln!("{count:>12} {what}");
        }
    }
}
