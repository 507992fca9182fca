//! The node: what is read, evaluated, logged, committed, recovered, reloaded and handed to on-call.
//!
//! ```text
//! supervisor ──────────────────────────────────────────┐      notify worker
//! │ reader              shard workers      log writer  │
//! │ sources ► ingester ► rings ► shards ► rings ► log ─┼► channel ► incidents ► outbox ► notifiers
//! │    ▲                                         fsync │                 │
//! │    └── commit(positions, settled, replay_from) ◄───┘       rows, one transaction
//! └───────── only after the alert log has it
//! ```
//!
//! Each machine has one `step`, takes the time as an argument, and reaches the outside only
//! through the traits of [`io`](crate::io). The binary gives each a thread; the simulator
//! schedules them by seed and crashes between any two effects. A crash loses nothing: what was
//! not committed is replayed, what was published is known by the alert log, what was not delivered
//! is derived from both logs.

use crate::error::NodeError;
use crate::executor::PipelineExecutor;
use crate::io::{ClockReading, DeadLetterLog, SourceFactory};
use crate::notify::channel::NotifyInbox;
use crate::notify::worker::NotifyWorker;
use crate::rules::loaded::LoadedRules;
use crate::rules::supervisor::Supervisor;
use crate::telemetry::metrics::EventTotals;

pub use crate::notify::parts::NotifyParts;
pub use crate::shared::{NodeSettings, NodeShared, RunTotals};

/// Parts of a node: its inputs and its executor.
pub struct NodeParts<F, X> {
    /// The rules to start with.
    pub rules: LoadedRules,
    /// Opens sources.
    pub sources: F,
    /// Runs the machines of a pipeline.
    pub executor: X,
    /// Destination of dead letters.
    pub dead_letters: Box<dyn DeadLetterLog>,
}

/// A node, not yet run.
pub struct Node<F: SourceFactory, X> {
    /// Reads, evaluates, logs and commits.
    pub supervisor: Supervisor<F, X>,
    /// Notifies.
    pub notify: NotifyWorker,
    /// Messages it receives.
    pub inbox: NotifyInbox,
}

impl<F: SourceFactory, X: PipelineExecutor> Node<F, X> {
    /// Recovers on-call and the active rules; nothing is read yet.
    ///
    /// # Errors
    /// A log or a store cannot be read.
    pub fn recover(
        parts: NodeParts<F, X>,
        notify: NotifyParts,
        shared: NodeShared,
        settings: NodeSettings,
        now: ClockReading,
    ) -> Result<Node<F, X>, NodeError> {
        let NodeParts { rules, sources, executor, dead_letters } = parts;
        let (notify, inbox) = NotifyWorker::recover(notify, &shared, now)?;
        let events = EventTotals::default();
        let totals = RunTotals { letters: dead_letters, buried: 0, events };
        let supervisor = Supervisor::new(rules, sources, executor, shared, settings, totals, now)?;
        Ok(Node { supervisor, notify, inbox })
    }
}
