//! Executors: they run the machines of a pipeline.

use engine::shard::Shard;

use crate::alert_log::writer::{AlertLogWriter, DrainedWriter};
use crate::error::NodeError;
use crate::pipeline::shard_worker::ShardWorker;

/// The machines of a node's pipeline.
#[derive(Debug)]
pub struct PipelineMachines {
    /// One a shard.
    pub workers: Vec<ShardWorker>,
    /// Writes what they find.
    pub writer: Box<AlertLogWriter>,
}

/// Totals of a pipeline that has drained.
#[derive(Debug)]
pub struct DrainedPipeline {
    /// The shards, which may be resumed.
    pub shards: Vec<Shard>,
    /// Totals of the log writer.
    pub writer: DrainedWriter,
}

/// Runs the shards of a replay: threads in the binary, the caller's own thread elsewhere.
pub trait ShardExecutor {
    /// Starts to run shards.
    fn start(&mut self, shards: Vec<ShardWorker>);
    /// Lets the shards get on while the caller has nothing to do.
    fn pause(&mut self);
    /// The shards, when all have finished.
    ///
    /// # Errors
    /// The number of a shard that failed.
    fn join(&mut self) -> Result<Vec<Shard>, usize>;
}

/// Runs the machines of a node's pipeline: a thread each in the binary, a drawn schedule in the
/// simulator.
pub trait PipelineExecutor {
    /// Starts to run shards and log writer.
    fn start(&mut self, machines: PipelineMachines);
    /// Totals when all have finished; `None` while one of them runs.
    ///
    /// # Errors
    /// A machine that failed.
    fn try_join(&mut self) -> Option<Result<DrainedPipeline, NodeError>>;
}
