//! Replay: recorded events in, settled transitions out, in one order, through the pipeline that
//! runs in production.

mod inputs;
mod merge;
mod observer;
mod summary;

use std::fmt;
use std::sync::Arc;

use connectors::codec::CodecError;
use connectors::source::{ReadState, SourceError};
use engine::program::Program;
use engine::shard::{KEYS_PER_RULE_MAX, ShardRestore};
use model::schema::Schema;
use model::time::Timestamp;

use crate::executor::ShardExecutor;
use crate::ingest::admission::{IngestCounts, RecordIngester};
use crate::pipeline::shard_worker::RingLimits;
use crate::pipeline::{Pipeline, PipelineInput, PipelineOutput, PipelineSettings};
use inputs::ReplayInputs;
use merge::TransitionMerge;

pub use inputs::ReplayInput;
pub use observer::ReplayObserver;
pub use summary::{ReplayCounts, ReplaySummary, WatchSummary};

/// Records read from one input before another may be further behind.
const RECORDS_A_TURN: usize = 1024;
/// Interval at which shards inspect what they hold, in ms.
const INSPECT_EVERY_MS: i64 = 500;

/// Options of a replay of recorded events.
#[derive(Clone, Copy, Debug)]
pub struct ReplayOptions {
    /// Number of shards.
    pub workers: usize,
    /// Year of dates that carry none.
    pub year: Option<i64>,
    /// True when timers that run at the end of input are to run out.
    pub drain: bool,
}

/// Why a replay ended early.
#[derive(Debug)]
pub enum ReplayError<E> {
    /// An input cannot be read.
    Source(SourceError),
    /// A shard failed.
    Shard(usize),
    /// The observer ended it.
    Observer(E),
}

/// One replay: the caller reads and observes, the shards evaluate.
pub struct ReplayPipeline<O, X> {
    streams: usize,
    inputs: ReplayInputs,
    input: PipelineInput,
    output: PipelineOutput,
    executor: X,
    ingester: RecordIngester,
    merge: TransitionMerge,
    drain: bool,
    observer: O,
}

impl<O: ReplayObserver, X: ShardExecutor> ReplayPipeline<O, X> {
    /// A replay of these inputs, each one partition of its stream.
    ///
    /// # Errors
    /// A schema that cannot be decoded.
    pub fn new(
        schemas: &[Arc<Schema>],
        program: &Arc<Program>,
        inputs: Vec<ReplayInput>,
        options: ReplayOptions,
        mut executor: X,
        observer: O,
    ) -> Result<ReplayPipeline<O, X>, CodecError> {
        let ReplayOptions { workers, year, drain } = options;
        let settings = PipelineSettings {
            workers,
            early: false,
            keys_per_rule_max: KEYS_PER_RULE_MAX,
            state_checkpoints: None,
            inspect_every_ms: INSPECT_EVERY_MS,
            rings: RingLimits::default(),
        };
        let pipeline = Pipeline::new(program, settings, &ShardRestore::default());
        let Pipeline { input, output, workers } = pipeline;
        let ingester = RecordIngester::new(program, schemas, year, input.shards())?;
        executor.start(workers);
        Ok(ReplayPipeline {
            streams: schemas.len(),
            inputs: ReplayInputs::new(inputs, schemas, program.horizon_ms()),
            merge: TransitionMerge::new(input.shards()),
            input,
            output,
            executor,
            ingester,
            drain,
            observer,
        })
    }

    /// Reads all of it, to the end of every input.
    ///
    /// # Errors
    /// See [`ReplayError`].
    pub fn run(mut self) -> Result<(O, IngestCounts), ReplayError<O::Error>> {
        while let Some(input) = self.inputs.furthest_behind() {
            let budget = self.ingester.records_a_turn(input.stream(), RECORDS_A_TURN);
            let state = input
                .read(&mut self.ingester, budget, &mut self.observer)
                .map_err(ReplayError::Source)?;
            input.has_ended |= state == ReadState::End;
            self.observer.observed(self.ingester.batches());
            self.deliver()?;
            for (stream, settled) in self.inputs.settled(self.streams) {
                self.publish(stream, settled);
            }
            self.input.wake();
        }
        self.settle_all();
        while !self.output.is_finished() {
            if !self.collect()? {
                self.executor.pause();
            }
        }
        for transition in self.merge.rest() {
            self.observer.transition(&transition).map_err(ReplayError::Observer)?;
        }
        self.executor.join().map_err(ReplayError::Shard)?;
        Ok((self.observer, self.ingester.counts().clone()))
    }

    /// Hands all batches over, observing meanwhile what the shards find.
    fn deliver(&mut self) -> Result<(), ReplayError<O::Error>> {
        while !self.input.deliver(self.ingester.batches()) {
            if !self.collect()? {
                self.executor.pause();
            }
        }
        self.collect().map(|_| ())
    }

    /// The end of all input: every instant up to the largest event time is settled.
    fn settle_all(&mut self) {
        let latest = self.ingester.counts().latest;
        for stream in 0..self.streams {
            if let Some(latest) = latest {
                self.publish(stream, latest);
            }
        }
        self.input.close(self.drain && latest.is_some());
    }

    /// Publishes how far a stream is settled, its batches delivered.
    fn publish(&mut self, stream: usize, settled: Timestamp) {
        let first = self.ingester.first(stream);
        self.observer.settled(stream, settled, first);
        self.input.publish(stream, settled, first);
    }

    fn collect(&mut self) -> Result<bool, ReplayError<O::Error>> {
        let ReplayPipeline { merge, observer, output, .. } = self;
        let any = output.collect(|shard, mut found| {
            observer.output(shard, &mut found);
            merge.add(shard, found);
        });
        for transition in merge.settled() {
            observer.transition(&transition).map_err(ReplayError::Observer)?;
        }
        Ok(any)
    }
}

impl<O, X> fmt::Debug for ReplayPipeline<O, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayPipeline").field("streams", &self.streams).finish_non_exhaustive()
    }
}
