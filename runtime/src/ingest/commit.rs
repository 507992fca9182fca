//! Commits: how far every partition is done, and where to replay it from (ARCHITECTURE D8).

use std::collections::BTreeSet;

use connectors::commit::CommitPoint;
use model::meta::MetaAlert;
use model::time::Timestamp;
use tracing::{error, warn};

use super::partition::committed;
use super::reader::PartitionReader;
use crate::io::{ClockReading, Sources};

impl<S: Sources> PartitionReader<S> {
    /// Commits how far every partition is done, once its dead letters are safe.
    pub(super) fn commit(&mut self, now: ClockReading) {
        self.committed_at_ms = now.monotonic_ms;
        // A loss must not be committed before its meta alert is durable.
        if !self.shared.reports.are_logged() {
            return;
        }
        if let Err(error) = self.dead_letters.flush() {
            error!(%error, "dead letters cannot be written; commits wait for them");
            self.shared.telemetry.health.record_trouble(&error.to_string());
            self.is_dead_letter_log_failing = true;
            self.shared.reports.see(MetaAlert::DeadLettersFailing, None, Some(error.to_string()));
            return;
        }
        if std::mem::take(&mut self.is_dead_letter_log_failing) {
            self.shared.telemetry.health.record_recovered();
        }
        // Streams that settle together are committed together: recovery continues at the least of
        // what they say, and must replay all of them from before it.
        let away: BTreeSet<usize> = self
            .partitions
            .iter()
            .filter(|(_, held)| !held.is_assigned)
            .map(|((topic, _), _)| *topic)
            .collect();
        let mut points = Vec::new();
        for ((topic, partition), held) in &mut self.partitions {
            let Some(stream) = self.requirements.get(*topic) else {
                continue;
            };
            if stream.companions.iter().any(|companion| away.contains(companion)) {
                continue;
            }
            let durable = |stream: &usize| self.durable.settled(*stream);
            let settled = stream.companions.iter().map(durable).min().unwrap_or_default();
            // What is only replayed is committed already, and further.
            let is_behind =
                stream.companions.iter().any(|of| self.marked.get(*of) < self.published.get(*of));
            if settled == Timestamp(i64::MIN) || is_behind {
                continue;
            }
            let resume = held.progress.resume_after(stream.read_after(settled));
            let point = CommitPoint {
                position: held.progress.next_offset,
                replay_from: resume.offset,
                front: resume.front.map(|front| front.0),
                settled: self.durable.settled(*topic).0,
                first: self.ingester.first(*topic).map(|first| first.0),
                rules: self.rules_hash,
                remembers: stream.relies_on_state_log(settled),
            };
            if held.committed.as_ref() != Some(&point) {
                held.committed = Some(point);
                points.push((*topic, *partition, point));
            }
        }
        match self.source.commit(&points) {
            Ok(()) => {
                self.shared.telemetry.metrics.record_commit(now.wall);
                committed(&self.partitions)
                    .for_each(|(topic, at)| self.durable.record_committed(topic, at));
            }
            Err(error) => {
                warn!(error, "commit failed; it is retried");
                self.partitions.values_mut().for_each(|held| held.committed = None);
            }
        }
    }
}
