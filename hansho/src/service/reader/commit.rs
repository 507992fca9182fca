//! What the reader commits: how far every partition is done, and where to read it again.

use std::collections::BTreeSet;

use connectors::commit::CommitPoint;
use model::meta::MetaAlert;
use model::time::Timestamp;
use tracing::{error, warn};

use super::Reader;
use super::held::committed;
use crate::pipeline::clock::{monotonic, wall_clock};

impl Reader {
    /// Commits how far every partition is done, once its dead letters are safe.
    pub(super) fn commit(&mut self) {
        self.committed_at = monotonic();
        // What was lost must not be committed before people can be told of it.
        if !self.reports.are_logged() {
            return;
        }
        if let Err(error) = self.burial.flush() {
            error!(%error, "dead letters cannot be written; nothing is committed meanwhile");
            self.state.health.note_trouble(&error.to_string());
            self.letters_fail = true;
            self.reports.see(MetaAlert::DeadLettersFailing, None, Some(error.to_string()));
            return;
        }
        if std::mem::take(&mut self.letters_fail) {
            self.state.health.note_recovered();
        }
        // Streams that settle together are committed together: a successor goes on at the least
        // of what they say, and must be told to read all of them from before it.
        let away: BTreeSet<usize> = self
            .held
            .iter()
            .filter(|(_, held)| !held.is_ours)
            .map(|((topic, _), _)| *topic)
            .collect();
        let mut points = Vec::new();
        for ((topic, partition), held) in &mut self.held {
            let Some(stream) = self.streams.get(*topic) else {
                continue;
            };
            if stream.companions.iter().any(|companion| away.contains(companion)) {
                continue;
            }
            let told = |stream: &usize| self.told.settled(*stream);
            let settled = stream.companions.iter().map(told).min().unwrap_or_default();
            // What is only read again is committed already, and further.
            let is_behind =
                stream.companions.iter().any(|of| self.marked.get(*of) < self.published.get(*of));
            if settled == Timestamp(i64::MIN) || is_behind {
                continue;
            }
            let resume = held.partition.resume_after(stream.read_after(settled));
            let point = CommitPoint {
                position: held.partition.next_offset,
                replay_from: resume.offset,
                front: resume.front.map(|front| front.0),
                settled: self.told.settled(*topic).0,
                first: self.intake.first(*topic).map(|first| first.0),
                rules: self.rules_hash,
                remembers: stream.relies_on_memory(settled),
            };
            if held.committed.as_ref() != Some(&point) {
                held.committed = Some(point);
                points.push((*topic, *partition, point));
            }
        }
        match self.source.commit(&points) {
            Ok(()) => {
                self.state.metrics.note_commit(wall_clock());
                committed(&self.held).for_each(|(topic, at)| self.told.note_committed(topic, at));
            }
            Err(error) => {
                warn!(error, "commit failed; it is tried again");
                self.held.values_mut().for_each(|held| held.committed = None);
            }
        }
    }
}
