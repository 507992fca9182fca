//! A shard as a machine: the rings that lead to it and away from it, and its step.

use std::mem;
use std::sync::Arc;

use engine::shard::statistics::RuleCounts;
use engine::shard::{RestoredEpisode, Shard, ShardCounts, StepOutput, WatchSample};
use model::observation::{ObservationBatch, Watermarks};
use model::time::Timestamp;
use rtrb::{Consumer, Producer, RingBuffer};

use super::handoff::ShardHandoff;
use crate::io::{ClockReading, StepReadiness, WakeHandle};

/// Batches on their way to one shard at most, unless the settings say otherwise.
pub const INBOUND_BATCHES: usize = 16;
/// Outputs of one shard that nobody has received yet at most, unless the settings say otherwise.
pub const OUTBOUND_OUTPUTS: usize = 64;

/// Capacities of the rings of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingLimits {
    /// Batches on their way to the shard.
    pub inbound_batches: usize,
    /// Outputs of the shard that the log writer has not received yet.
    pub outbound_outputs: usize,
}

impl Default for RingLimits {
    fn default() -> RingLimits {
        RingLimits { inbound_batches: INBOUND_BATCHES, outbound_outputs: OUTBOUND_OUTPUTS }
    }
}

/// Output of a shard for one step.
#[derive(Debug, Default)]
pub struct ShardOutput {
    /// Transitions and early alerts.
    pub out: StepOutput,
    /// By stream: everything up to here has been found by this shard.
    pub settled: Vec<Timestamp>,
    /// Inspection of the shard as of then, where there was one.
    pub inspection: Option<ShardInspection>,
    /// Counts of what the shard holds and has refused.
    pub counts: ShardCounts,
    /// Snapshot of the shard, where a barrier passed.
    pub barrier: Option<SnapshotBarrier>,
}

/// Open state of a shard, as of the instants it has settled.
#[derive(Debug, Default)]
pub struct ShardInspection {
    /// Open episodes: a restart needs their peaks.
    pub open: Vec<RestoredEpisode>,
    /// Values of watches; `None` at the end of time, when no window holds anything.
    pub watched: Option<Vec<WatchSample>>,
    /// Counts of every rule.
    pub rules: Vec<RuleCounts>,
}

/// State of reader and shard when everything delivered before the barrier was evaluated.
#[derive(Debug)]
pub struct SnapshotBarrier {
    /// The reader's part, which all shards are sent.
    pub reader: Arc<Vec<u8>>,
    /// The shard's part: see [`Shard::snapshot`].
    pub shard: Vec<u8>,
}

/// Message to a shard.
#[derive(Debug)]
enum ShardInput {
    Batch(ObservationBatch),
    /// A snapshot is wanted as of here.
    Barrier(Arc<Vec<u8>>),
}

/// The reader's end of a shard.
#[derive(Debug)]
pub struct ShardSender {
    full: Producer<ShardInput>,
    spare: Consumer<ObservationBatch>,
    /// The newest barrier it was sent.
    barrier: Option<Arc<Vec<u8>>>,
    wake: WakeHandle,
}

/// The log writer's end of a shard.
#[derive(Debug)]
pub struct ShardReceiver {
    outputs: Consumer<ShardOutput>,
    wake: WakeHandle,
}

/// A shard and its rings: it owns everything that it touches.
#[derive(Debug)]
pub struct ShardWorker {
    shard: Shard,
    full: Consumer<ShardInput>,
    spare: Producer<ObservationBatch>,
    outputs: Producer<ShardOutput>,
    handoff: Arc<ShardHandoff>,
    marks: Watermarks,
    next_marks: Watermarks,
    /// A snapshot that goes with the next output.
    barrier: Option<SnapshotBarrier>,
    /// Output that found no room in its ring.
    pending: Option<ShardOutput>,
    inspect_every_ms: i64,
    /// Monotonic time of the last inspection.
    inspected_at_ms: Option<i64>,
    /// True when there was output since without an inspection.
    is_uninspected: bool,
    has_drained: bool,
    wake: WakeHandle,
    wake_receiver: WakeHandle,
}

/// A shard with both ends of its rings.
pub(crate) struct ShardLane {
    pub(crate) sender: ShardSender,
    pub(crate) receiver: ShardReceiver,
    pub(crate) worker: ShardWorker,
}

/// Connects a shard; `wake_receiver` wakes whoever receives its output.
pub(crate) fn connect(
    shard: Shard,
    handoff: Arc<ShardHandoff>,
    inspect_every_ms: i64,
    rings: RingLimits,
    wake_receiver: WakeHandle,
) -> ShardLane {
    let RingLimits { inbound_batches, outbound_outputs } = rings;
    let (full, take_full) = RingBuffer::new(inbound_batches);
    let (give_spare, spare) = RingBuffer::new(inbound_batches);
    let (outputs, take_outputs) = RingBuffer::new(outbound_outputs);
    let streams = shard.program().stream_count();
    let wake = WakeHandle::default();
    let worker = ShardWorker {
        shard,
        full: take_full,
        spare: give_spare,
        outputs,
        handoff,
        marks: Watermarks::unsettled(streams),
        next_marks: Watermarks::unsettled(streams),
        barrier: None,
        pending: None,
        inspect_every_ms,
        inspected_at_ms: None,
        is_uninspected: false,
        has_drained: false,
        wake: wake.clone(),
        wake_receiver,
    };
    ShardLane {
        sender: ShardSender { full, spare, barrier: None, wake: wake.clone() },
        receiver: ShardReceiver { outputs: take_outputs, wake },
        worker,
    }
}

impl ShardSender {
    /// Hands a batch over; false when there is no room and it stays with the caller.
    pub(crate) fn deliver(&mut self, batch: &mut ObservationBatch) -> bool {
        if batch.is_empty() {
            return true;
        }
        if self.full.is_full() {
            self.wake();
            return false;
        }
        let fresh = self.spare.pop().unwrap_or_default();
        self.full.push(ShardInput::Batch(mem::replace(batch, fresh))).is_ok()
    }

    /// Sends a barrier, once; false when there is no room.
    pub(crate) fn send_barrier(&mut self, reader: &Arc<Vec<u8>>) -> bool {
        let is_sent = self.barrier.as_ref().is_some_and(|sent| Arc::ptr_eq(sent, reader));
        if !is_sent && self.full.push(ShardInput::Barrier(Arc::clone(reader))).is_ok() {
            self.barrier = Some(Arc::clone(reader));
            return true;
        }
        is_sent
    }

    pub(crate) fn wake(&self) {
        self.wake.wake();
    }
}

impl ShardReceiver {
    pub(crate) fn receive(&mut self) -> Option<ShardOutput> {
        self.outputs.pop().ok()
    }

    pub(crate) fn wake(&self) {
        self.wake.wake();
    }

    /// True when the shard has finished and everything it found was received.
    pub(crate) fn is_finished(&self) -> bool {
        // The producer goes with the worker, after its last push.
        self.outputs.is_abandoned() && self.outputs.is_empty()
    }
}

impl ShardWorker {
    /// Wakes whoever runs this shard, once that is set.
    pub fn wake_handle(&self) -> &WakeHandle {
        &self.wake
    }

    /// Wakes whoever receives its output: to be called when the worker is dropped or taken apart.
    pub fn wake_receiver(&self) -> &WakeHandle {
        &self.wake_receiver
    }

    /// The shard.
    pub const fn shard(&self) -> &Shard {
        &self.shard
    }

    /// The shard, when it has finished.
    pub fn into_shard(self) -> Shard {
        self.shard
    }

    /// Evaluates what is at hand and settles what the watermarks allow.
    pub fn step(&mut self, now: ClockReading) -> StepReadiness {
        // Loaded before watermarks and ring: what is stored after it is seen in the next step.
        let is_closing = self.handoff.is_closing();
        if !self.push_pending() {
            return StepReadiness::Blocked;
        }
        if self.evaluate(is_closing, now.monotonic_ms) {
            return StepReadiness::Again;
        }
        if !is_closing {
            let inspection =
                self.inspected_at_ms.map(|at| at.saturating_add(self.inspect_every_ms));
            return StepReadiness::Wait(inspection.filter(|_| self.is_uninspected));
        }
        if self.pending.is_some() {
            return StepReadiness::Blocked;
        }
        if self.has_drained || !self.handoff.drains() {
            return StepReadiness::Finished;
        }
        self.drain();
        StepReadiness::Again
    }

    /// False when there was nothing to evaluate.
    fn evaluate(&mut self, is_closing: bool, now_ms: i64) -> bool {
        let mut out = StepOutput::default();
        let mut any = false;
        let ShardWorker { handoff, shard, full, spare, marks, next_marks, barrier, .. } = self;
        handoff.receive(
            next_marks,
            || full.pop().ok(),
            |input| {
                any = true;
                match input {
                    ShardInput::Batch(mut batch) => {
                        shard.step(&batch, marks, &mut out);
                        batch.clear();
                        // A full ring of spares means memory enough: this one is let go.
                        drop(spare.push(batch));
                    }
                    ShardInput::Barrier(reader) => {
                        *barrier = Some(SnapshotBarrier { reader, shard: shard.snapshot() });
                    }
                }
            },
        );
        if self.next_marks != self.marks {
            any = true;
            mem::swap(&mut self.marks, &mut self.next_marks);
            self.shard.step(&ObservationBatch::default(), &self.marks, &mut out);
        }
        let since = *self.inspected_at_ms.get_or_insert(now_ms);
        let is_time = is_closing || now_ms.saturating_sub(since) >= self.inspect_every_ms;
        if any || (self.is_uninspected && is_time) {
            self.is_uninspected = !is_time;
            if is_time {
                self.inspected_at_ms = Some(now_ms);
            }
            let inspection = is_time.then(|| self.inspect());
            self.push(out, inspection);
            return true;
        }
        false
    }

    /// Lets every running timer run out.
    fn drain(&mut self) {
        self.has_drained = true;
        self.marks.settled.fill(Timestamp(i64::MAX));
        let mut out = StepOutput::default();
        self.shard.step(&ObservationBatch::default(), &self.marks, &mut out);
        let inspection = ShardInspection { watched: None, ..self.inspect() };
        self.push(out, Some(inspection));
    }

    fn inspect(&mut self) -> ShardInspection {
        ShardInspection {
            open: self.shard.open_episodes(),
            watched: Some(self.shard.watched()),
            rules: self.shard.rule_counts(),
        }
    }

    fn push(&mut self, out: StepOutput, inspection: Option<ShardInspection>) {
        self.pending = Some(ShardOutput {
            out,
            settled: self.shard.settled().to_vec(),
            inspection,
            counts: self.shard.counts(),
            barrier: self.barrier.take(),
        });
        self.push_pending();
    }

    /// Pushes pending output; false while there is no room for it.
    fn push_pending(&mut self) -> bool {
        let Some(output) = self.pending.take() else {
            return true;
        };
        match self.outputs.push(output) {
            Ok(()) => {
                self.wake_receiver.wake();
                true
            }
            Err(rtrb::PushError::Full(output)) => {
                self.pending = Some(output);
                false
            }
        }
    }
}
