//! The pipeline between reader and alert log: rings, shards, and the machines that run on them.
//!
//! ```text
//!  source ──► decoder ──► front ──► program ──► ring ──► shard ──► ring ──► shard output
//!  records    fields      late?     filters,    SPSC,    windows,  SPSC     transitions,
//!             rules use   future?   keys        by key   episodes           early alerts
//!  └────────── ingester, in the reader ────────┘     └ a machine each ┘  └ log writer ┘
//! ```
//!
//! A [`RecordIngester`](crate::ingest::admission::RecordIngester) turns records into batches of
//! observations, one batch a shard. `PipelineInput::deliver` hands them over, then publishes
//! how far time has passed; a shard loads the watermarks first and drains its ring second, so that
//! every observation that a watermark covers is there. No machine waits on a full ring: what does
//! not fit stays where it is until it does.

pub mod handoff;
pub mod shard_worker;
pub mod shared_watermarks;
mod sync;

use std::sync::Arc;

use engine::program::Program;
use engine::rule_state::StateCheckpointPolicy;
use engine::shard::{Shard, ShardRestore, ShardSettings};
use model::observation::ObservationBatch;
use model::time::Timestamp;

use crate::io::WakeHandle;
use handoff::ShardHandoff;
use shard_worker::{RingLimits, ShardOutput, ShardReceiver, ShardSender, ShardWorker};

/// Division of the work.
#[derive(Clone, Copy, Debug)]
pub struct PipelineSettings {
    /// Number of shards.
    pub workers: usize,
    /// True when rising triggers are announced ahead of settling.
    pub early: bool,
    /// Keys that one rule may hold state for.
    pub keys_per_rule_max: u32,
    /// Interval of rule state checkpoints; `None` is never.
    pub state_checkpoints: Option<StateCheckpointPolicy>,
    /// Interval at which a shard inspects its open episodes, watches and rule counts, in ms.
    pub inspect_every_ms: i64,
    /// How much may wait between the machines.
    pub rings: RingLimits,
}

/// The reader's end: observations and watermarks go in.
#[derive(Debug)]
pub struct PipelineInput {
    shards: Vec<ShardSender>,
    handoff: Arc<ShardHandoff>,
}

/// The log writer's end: what the shards found comes out.
#[derive(Debug)]
pub struct PipelineOutput {
    shards: Vec<ShardReceiver>,
    wake: WakeHandle,
}

/// A pipeline that is not run yet.
#[derive(Debug)]
pub struct Pipeline {
    /// For the reader.
    pub input: PipelineInput,
    /// For the log writer.
    pub output: PipelineOutput,
    /// For whoever runs machines.
    pub workers: Vec<ShardWorker>,
}

impl PipelineSettings {
    /// The settings of every shard.
    pub(crate) fn shards(self) -> impl Iterator<Item = ShardSettings> {
        let shards = self.workers.max(1);
        (0..shards).map(move |index| ShardSettings {
            index,
            shards,
            early: self.early,
            keys_per_rule_max: self.keys_per_rule_max,
            remembering: self.state_checkpoints,
        })
    }
}

impl Pipeline {
    /// A pipeline of a program, whose shards continue where `restored` says.
    pub fn new(
        program: &Arc<Program>,
        settings: PipelineSettings,
        restored: &ShardRestore,
    ) -> Pipeline {
        let shard = |of| Shard::new(Arc::clone(program), of, restored);
        Pipeline::of(settings.shards().map(shard).collect(), settings)
    }

    /// A pipeline of these shards, in their order. They know no watermarks: those are published
    /// again.
    pub fn of(shards: Vec<Shard>, settings: PipelineSettings) -> Pipeline {
        let streams = shards.first().map_or(0, |shard| shard.program().stream_count());
        let handoff = Arc::new(ShardHandoff::new(streams));
        let wake = WakeHandle::default();
        let (mut senders, mut receivers, mut workers) = (Vec::new(), Vec::new(), Vec::new());
        for shard in shards {
            let lane = shard_worker::connect(
                shard,
                Arc::clone(&handoff),
                settings.inspect_every_ms,
                settings.rings,
                wake.clone(),
            );
            senders.push(lane.sender);
            receivers.push(lane.receiver);
            workers.push(lane.worker);
        }
        Pipeline {
            input: PipelineInput { shards: senders, handoff },
            output: PipelineOutput { shards: receivers, wake },
            workers,
        }
    }
}

impl PipelineInput {
    /// Number of shards, and so of batches to fill.
    pub(crate) fn shards(&self) -> usize {
        self.shards.len()
    }

    /// Hands over every batch for which there is room; true when all are handed over.
    ///
    /// Delivered batches come back empty, with the memory of older ones.
    pub(crate) fn deliver(&mut self, batches: &mut [ObservationBatch]) -> bool {
        let shards = self.shards.iter_mut().zip(batches);
        shards.fold(true, |all, (shard, batch)| shard.deliver(batch) && all)
    }

    /// Sends a checkpoint barrier behind what was delivered (Chandy–Lamport, as in Flink): each
    /// shard answers with its snapshot. `reader` is what the reader knew then. True when all
    /// shards have been sent it.
    pub(crate) fn send_barrier(&mut self, reader: &Arc<Vec<u8>>) -> bool {
        let mut is_sent = true;
        for shard in &mut self.shards {
            is_sent &= shard.send_barrier(reader);
        }
        is_sent
    }

    /// Publishes how far time has passed in a stream; only after its observations are delivered.
    pub(crate) fn publish(&self, stream: usize, settled: Timestamp, first: Option<Timestamp>) {
        self.handoff.watermarks.publish(stream, settled, first);
    }

    /// Wakes the shards after deliveries and watermarks.
    pub(crate) fn wake(&self) {
        self.shards.iter().for_each(ShardSender::wake);
    }

    /// Announces the end of input: the shards settle what the watermarks allow, with `drains`
    /// also what their timers still hold, and finish.
    pub(crate) fn close(&self, drains: bool) {
        self.handoff.close(drains);
        self.wake();
    }
}

impl PipelineOutput {
    /// Wakes whoever runs the log writer.
    pub(crate) const fn wake_handle(&self) -> &WakeHandle {
        &self.wake
    }

    /// Number of shards.
    pub(crate) fn shards(&self) -> usize {
        self.shards.len()
    }

    /// Receives what the shards have found so far; true when there was something.
    pub(crate) fn collect(&mut self, mut each: impl FnMut(usize, ShardOutput)) -> bool {
        let mut any = false;
        for (number, shard) in self.shards.iter_mut().enumerate() {
            let mut has_output = false;
            while let Some(output) = shard.receive() {
                has_output = true;
                each(number, output);
            }
            if has_output {
                // It may have waited for room.
                shard.wake();
                any = true;
            }
        }
        any
    }

    /// True when every shard has finished and all its output was received.
    pub(crate) fn is_finished(&self) -> bool {
        self.shards.iter().all(ShardReceiver::is_finished)
    }
}
