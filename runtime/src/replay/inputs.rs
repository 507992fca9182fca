//! The inputs of a replay: each is one partition of a stream.

use std::sync::Arc;

use connectors::source::file::FileSource;
use connectors::source::{ReadState, SourceError};
use engine::resume::ResumePoint;
use model::schema::Schema;
use model::time::Timestamp;

use super::observer::ReplayObserver;
use crate::ingest::admission::{PartitionProgress, RecordIngester};

/// Something to read.
pub struct ReplayInput {
    /// Its name for people.
    pub label: String,
    /// Index of its stream.
    pub stream: usize,
    /// Its records.
    pub source: FileSource,
}

/// All inputs.
pub(super) struct ReplayInputs(Vec<OpenInput>);

/// One input read as a partition.
pub(super) struct OpenInput {
    label: String,
    source: FileSource,
    partition: PartitionProgress,
    /// True when its end was reached.
    pub(super) has_ended: bool,
}

impl ReplayInputs {
    pub(super) fn new(
        inputs: Vec<ReplayInput>,
        schemas: &[Arc<Schema>],
        horizon_ms: i64,
    ) -> ReplayInputs {
        let mut open: Vec<OpenInput> = Vec::new();
        for ReplayInput { label, stream, source } in inputs {
            let siblings = open.iter().filter(|input| input.partition.stream == stream);
            let number = i32::try_from(siblings.count()).unwrap_or(i32::MAX);
            let lateness_ms = schemas.get(stream).map_or(0, |schema| schema.lateness_ms);
            let from = ResumePoint { offset: 0, front: None };
            let partition = PartitionProgress::new(stream, number, lateness_ms, horizon_ms, from);
            open.push(OpenInput { label, source, partition, has_ended: false });
        }
        ReplayInputs(open)
    }

    /// The input whose event time is furthest behind; `None` when all have ended.
    pub(super) fn furthest_behind(&mut self) -> Option<&mut OpenInput> {
        let running = self.0.iter_mut().filter(|input| !input.has_ended);
        running.min_by_key(|input| input.partition.front())
    }

    /// By stream: how far the inputs that have not ended let time pass.
    ///
    /// A stream whose inputs have all ended stays where they left it: other streams decide
    /// when the end of all input is.
    pub(super) fn settled(&self, streams: usize) -> Vec<(usize, Timestamp)> {
        let of = |stream: usize| {
            let own = self.0.iter().filter(move |input| input.partition.stream == stream);
            let running = own.clone().any(|input| !input.has_ended);
            let counted = own.filter(move |input| !input.has_ended || !running);
            let fronts = counted.map(|input| {
                let front = input.partition.front();
                front.map(|front| input.partition.settled_at(front))
            });
            let settled = if running { fronts.min() } else { fronts.max() };
            settled.flatten().map(|settled| (stream, settled))
        };
        (0..streams).filter_map(of).collect()
    }
}

impl OpenInput {
    /// The index of its stream.
    pub(super) const fn stream(&self) -> usize {
        self.partition.stream
    }

    /// Reads some records.
    pub(super) fn read(
        &mut self,
        ingester: &mut RecordIngester,
        budget: usize,
        observer: &mut impl ReplayObserver,
    ) -> Result<ReadState, SourceError> {
        let OpenInput { label, source, partition, .. } = self;
        let progress = source.drain(budget, |record| match record {
            Err(oversized) => {
                ingester.skip(partition, oversized.offset);
                observer.undecodable(label, oversized.offset + 1, &oversized);
            }
            Ok(record) => {
                let stream = partition.stream;
                let admitted = |outcome| observer.admitted(stream, outcome);
                if let Err(error) = ingester.ingest(partition, &record, admitted) {
                    observer.undecodable(label, record.offset + 1, &error);
                }
            }
        });
        Ok(progress?.state)
    }
}

impl std::fmt::Debug for ReplayInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReplayInput").field("label", &self.label).finish_non_exhaustive()
    }
}
