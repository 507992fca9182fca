//! A thread for each machine of the node.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use engine::shard::Shard;
use runtime::alert_log::writer::{AlertLogWriter, DrainedWriter};
use runtime::error::NodeError;
use runtime::executor::{DrainedPipeline, PipelineExecutor, PipelineMachines, ShardExecutor};
use runtime::io::{Clock, ClockReading, StepReadiness, WakeHandle};
use runtime::node::Node;
use runtime::notify::channel::{NotifyInbox, NotifyInput, NotifySender};
use runtime::notify::worker::NotifyWorker;
use runtime::pipeline::shard_worker::ShardWorker;

use runtime::rules::supervisor::Supervisor;

use crate::wiring::clock::SystemClock;
use crate::wiring::sources::SourceWiring;

/// Time for which a machine waits while one further down has no room: it is woken before, as a
/// rule.
const BLOCKED_WAIT: Duration = Duration::from_millis(1);
/// Longest wait of the reader: sources and the mailbox of rules do not wake it.
const READER_WAIT_MAX_MS: i64 = 5;
/// Longest wait of a machine that is woken by its input.
const WAIT_MAX_MS: i64 = 1_000;

type WriterThread = JoinHandle<Result<DrainedWriter, NodeError>>;

/// Runs the machines of a pipeline on threads.
#[derive(Debug)]
pub struct MachineThreads {
    shards: ShardThreads,
    writer: Option<WriterThread>,
}

/// Runs shards on threads: those of a pipeline, or all there is of a replay.
#[derive(Debug)]
pub struct ShardThreads {
    clock: SystemClock,
    shards: Vec<JoinHandle<Shard>>,
}

impl MachineThreads {
    /// None yet.
    pub(crate) fn new(clock: SystemClock) -> MachineThreads {
        MachineThreads { shards: ShardThreads::new(clock), writer: None }
    }
}

impl ShardThreads {
    /// None yet.
    pub(crate) fn new(clock: SystemClock) -> ShardThreads {
        ShardThreads { clock, shards: Vec::new() }
    }
}

impl PipelineExecutor for MachineThreads {
    fn start(&mut self, machines: PipelineMachines) {
        let PipelineMachines { workers, writer } = machines;
        let clock = self.shards.clock;
        self.writer = Some(thread::spawn(move || run_writer(writer, clock)));
        self.shards.start(workers);
    }

    fn try_join(&mut self) -> Option<Result<DrainedPipeline, NodeError>> {
        if !self.writer.as_ref()?.is_finished() {
            return None;
        }
        let written = self.writer.take()?.join();
        let writer = match written.unwrap_or(Err(NodeError::Machine("log writer"))) {
            Ok(writer) => writer,
            // The shards have nobody left to push to: they end with the process.
            Err(error) => return Some(Err(error)),
        };
        let drained = self.shards.join().map(|shards| DrainedPipeline { shards, writer });
        Some(drained.map_err(|_| NodeError::Machine("shard")))
    }
}

impl ShardExecutor for ShardThreads {
    fn start(&mut self, shards: Vec<ShardWorker>) {
        let clock = self.clock;
        let start = |worker| thread::spawn(move || run_shard(worker, clock));
        self.shards = shards.into_iter().map(start).collect();
    }

    fn pause(&mut self) {
        thread::yield_now();
    }

    fn join(&mut self) -> Result<Vec<Shard>, usize> {
        let shards = self.shards.drain(..).enumerate();
        shards.map(|(number, shard)| shard.join().map_err(|_| number)).collect()
    }
}

/// Steps a machine on this thread until it has finished. It parks while there is nothing to do,
/// until it is woken.
fn step_until_finished<E>(
    wake: &WakeHandle,
    clock: SystemClock,
    mut step: impl FnMut(ClockReading) -> Result<StepReadiness, E>,
) -> Result<(), E> {
    let this = thread::current();
    wake.set(move || this.unpark());
    loop {
        let now = clock.now();
        match step(now)? {
            StepReadiness::Again => {}
            StepReadiness::Wait(until) => thread::park_timeout(wait(until, now, WAIT_MAX_MS)),
            StepReadiness::Blocked => thread::park_timeout(BLOCKED_WAIT),
            StepReadiness::Finished => return Ok(()),
        }
    }
}

fn run_shard(mut worker: ShardWorker, clock: SystemClock) -> Shard {
    let wake = worker.wake_handle().clone();
    let Ok(()) = step_until_finished(&wake, clock, |now| Ok::<_, Infallible>(worker.step(now)));
    let receiver = worker.wake_receiver().clone();
    let shard = worker.into_shard();
    // Only now the receiver can see that nothing follows.
    receiver.wake();
    shard
}

fn run_writer(
    mut writer: Box<AlertLogWriter>,
    clock: SystemClock,
) -> Result<DrainedWriter, NodeError> {
    let wake = writer.wake_handle().clone();
    step_until_finished(&wake, clock, |now| writer.step(now))?;
    Ok(writer.into_drained())
}

fn run_notify(
    mut worker: NotifyWorker,
    inbox: &NotifyInbox,
    clock: SystemClock,
) -> Result<(), NodeError> {
    let mut first: Option<NotifyInput> = None;
    loop {
        let now = clock.now();
        let inputs = first.take().into_iter().chain(std::iter::from_fn(|| inbox.try_next()));
        match worker.step(inputs, now)? {
            StepReadiness::Again | StepReadiness::Blocked => {}
            StepReadiness::Wait(until) => first = inbox.next_within(wait(until, now, WAIT_MAX_MS)),
            StepReadiness::Finished => return Ok(()),
        }
    }
}

/// Runs a node until `stop` is set or something makes it impossible to continue. The caller's
/// thread reads; everything else has a thread of its own.
///
/// # Errors
/// See [`NodeError`]. After any of them a restart continues where this run ended.
pub(crate) fn run_node(
    node: Node<SourceWiring, MachineThreads>,
    to_on_call: &NotifySender,
    clock: SystemClock,
    stop: &Arc<AtomicBool>,
) -> Result<(), NodeError> {
    let Node { supervisor, notify, inbox } = node;
    let notify = thread::spawn(move || run_notify(notify, &inbox, clock));
    let supervised = run_supervisor(supervisor, || notify.is_finished(), clock, stop);
    to_on_call.send(NotifyInput::End);
    let notified = notify.join().unwrap_or(Err(NodeError::Machine("on-call")));
    stop.store(true, Ordering::Release);
    supervised.and(notified)
}

fn run_supervisor(
    mut supervisor: Supervisor<SourceWiring, MachineThreads>,
    has_on_call_ended: impl Fn() -> bool,
    clock: SystemClock,
    stop: &AtomicBool,
) -> Result<(), NodeError> {
    loop {
        let now = clock.now();
        // Without on-call nobody is notified: the node must stop.
        let is_stopping = stop.load(Ordering::Acquire) || has_on_call_ended();
        let patience = match supervisor.step(is_stopping, now)? {
            StepReadiness::Again => continue,
            StepReadiness::Wait(until) => wait(until, now, READER_WAIT_MAX_MS),
            StepReadiness::Blocked => BLOCKED_WAIT,
            StepReadiness::Finished => return Ok(()),
        };
        match supervisor.open_sources() {
            Some(sources) => sources.wait(patience),
            None => thread::sleep(patience),
        }
    }
}

/// Time until a moment of the monotonic clock.
fn wait(until_ms: Option<i64>, now: ClockReading, most_ms: i64) -> Duration {
    let wait_ms = until_ms.map_or(most_ms, |until| until.saturating_sub(now.monotonic_ms));
    Duration::from_millis(wait_ms.clamp(0, most_ms).unsigned_abs())
}
