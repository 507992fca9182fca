//! What the reader knows, for a snapshot, and a reader that continues where another was: one that
//! resumes from a snapshot, or one under rules in another wording.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::resume::ResumePoint;
use engine::snapshot::SnapshotEncode;
use model::time::Timestamp;

use super::offset_index::OffsetTimeIndex;
use super::reader::PartitionReader;
use crate::alert_log::durable_progress::DurableProgress;
use crate::checkpoint::reader_checkpoint::ReaderCheckpoint;
use crate::checkpoint::snapshot::wait_after;
use crate::io::{ClockReading, Sources};
use crate::pipeline::PipelineInput;
use crate::rules::loaded::LoadedRules;

impl<S: Sources> PartitionReader<S> {
    /// Starts a checkpoint barrier when that is due and everything read so far is committed.
    pub(super) fn start_barrier(&mut self, now: ClockReading) {
        let Some(every_ms) = self.limits.snapshot_every_ms else { return };
        let wait_ms = wait_after(every_ms, self.shared.telemetry.metrics.snapshot_bytes());
        if now.monotonic_ms.saturating_sub(self.barrier_at_ms) < wait_ms {
            return;
        }
        let Some(checkpoint) = self.checkpoint() else { return };
        self.barrier_at_ms = now.monotonic_ms;
        let mut bytes = Vec::new();
        checkpoint.pack(&mut bytes);
        self.pending_barrier = Some(Arc::new(bytes));
    }

    /// Its state, where that is as of the last commit.
    pub(crate) fn checkpoint(&self) -> Option<ReaderCheckpoint> {
        let mut partitions = BTreeMap::new();
        for (at, state) in &self.partitions {
            let next = state.progress.next_offset;
            // The commit of one that this reader has not read yet is an earlier run's.
            let committed = state.committed.map_or(state.unread_from, |point| point.position);
            if !state.is_assigned || committed != next {
                return None;
            }
            partitions.insert(*at, state.progress.checkpoint());
        }
        let firsts = (0..self.streams.len()).map(|stream| self.ingester.first(stream)).collect();
        Some(ReaderCheckpoint { marked: self.marked.clone(), firsts, partitions })
    }

    /// Resumes where the reader of a snapshot was; false where that is not where it begins.
    pub(crate) fn resume(&mut self, from: ReaderCheckpoint) -> bool {
        let begins = self.partitions.iter().map(|(at, state)| (*at, state.progress.next_offset));
        let was = from.partitions.iter().map(|(at, partition)| (*at, partition.offset));
        let is_behind =
            self.partitions.values().all(|state| state.progress.next_offset <= state.unread_from);
        if !begins.eq(was) || !is_behind || from.marked.len() != self.streams.len() {
            return false;
        }
        let lateness_ms: Vec<i64> = self.requirements.iter().map(|it| it.lateness_ms).collect();
        let mut indexes = Vec::new();
        let partitions = self.partitions.iter_mut().zip(from.partitions.into_values());
        for ((at, state), partition) in partitions {
            let start = ResumePoint { offset: partition.offset, front: partition.front };
            if let Some(lateness_ms) = lateness_ms.get(at.0) {
                let places = partition.past.places();
                indexes.push((*at, OffsetTimeIndex::new(*lateness_ms, start, places)));
            }
            state.progress.restore(partition);
        }
        indexes.into_iter().for_each(|(at, index)| self.set_offset_index(at, index));
        for (stream, (marked, first)) in from.marked.iter().zip(from.firsts).enumerate() {
            self.ingester.restore_first(stream, first);
            self.ingester.record_settled(stream, *marked);
        }
        self.marked = from.marked;
        true
    }

    /// Continues under rules that the shards of another pipeline have adopted. Partitions, fronts
    /// and waiting observations stay, nothing is replayed; watermarks are published again.
    pub(crate) fn adopt(
        &mut self,
        rules: &LoadedRules,
        durable: Arc<DurableProgress>,
        pipeline: &PipelineInput,
    ) {
        self.rules_hash = rules.program.hash();
        self.durable = durable;
        self.reopen();
        self.publish_again(pipeline);
    }

    /// Publishes the watermarks again, to shards that are resumed.
    pub(crate) fn publish_again(&self, pipeline: &PipelineInput) {
        for (stream, settled) in self.marked.iter().enumerate() {
            if *settled > Timestamp(i64::MIN) {
                pipeline.publish(stream, *settled, self.ingester.first(stream));
            }
        }
        pipeline.wake();
    }
}
