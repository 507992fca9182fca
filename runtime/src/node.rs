//! The node: what is read, evaluated, logged, committed, recovered, reloaded and handed to on-call.
//!
//! ```text
//!  supervisor ─────────────────────────────────────────────────┐            notify worker
//!  │ reader              shard workers      log writer         │
//!  │ sources ► ingester ► rings ► shards ► rings ► alert log, ─┼─► channel ► incidents ► outbox ► notifiers
//!  │    ▲                                          fsync       │                │
//!  │    └── commit(positions, settled, replay_from) ◄──────────┘          rows, one transaction
//!  └───────────────── only after the alert log has it
//! ```
//!
//! Each machine has one `step`, takes the time as an argument, and reaches the outside only
//! through the traits of [`io`](crate::io). The binary gives each a thread; the simulator
//! schedules them by seed and crashes between any two effects. A crash loses nothing: what was
//! not committed is replayed, what was published is known by the alert log, what was not delivered
//! is derived from both logs.

use std::sync::Arc;

use oncall::desk::Settings as OnCallSettings;
use oncall::outbox::OutboxLimits;

use crate::alert_log::compaction::LogRetention;
use crate::error::NodeError;
use crate::ingest::reader::ReaderLimits;
use crate::io::{DeadLetterLog, LogStore, Now, PipelineExecutor, RowStore, SourceFactory};
use crate::notify::Notifiers;
use crate::notify::channel::{NotifyInbox, NotifySender};
use crate::notify::templates::SharedTemplates;
use crate::notify::worker::NotifyWorker;
use crate::pipeline::PipelineSettings;
use crate::rules::loaded::{LoadedRules, RuleArchive};
use crate::rules::mailbox::ReloadMailbox;
use crate::rules::supervisor::Supervisor;
use crate::self_monitor::monitor::MetaLimits;
use crate::self_monitor::queue::SelfMonitorQueue;
use crate::telemetry::Telemetry;
use crate::telemetry::metrics::EventTotals;

/// How a node is set up.
#[derive(Clone, Copy, Debug)]
pub struct NodeSettings {
    /// How the work is divided.
    pub pipeline: PipelineSettings,
    /// What bounds the reading.
    pub reader: ReaderLimits,
    /// When meta alerts fire and resolve.
    pub meta: MetaLimits,
    /// When logs are compacted.
    pub retention: LogRetention,
    /// How often progress is committed, in ms.
    pub commit_every_ms: i64,
    /// Time, after the first stream, within which the others are to be assigned before reading
    /// starts, in ms.
    pub assignment_wait_ms: i64,
}

/// What all machines of a node share.
#[derive(Clone)]
pub struct NodeShared {
    /// Where logs and snapshots are kept.
    pub store: Arc<dyn LogStore>,
    /// How rules are kept beside the logs.
    pub archive: Arc<dyn RuleArchive>,
    /// The texts of the active rules.
    pub templates: Arc<SharedTemplates>,
    /// Where loaded rules wait.
    pub mailbox: Arc<ReloadMailbox>,
    /// What machines notice about the node itself.
    pub reports: Arc<SelfMonitorQueue>,
    /// Health and figures.
    pub telemetry: Arc<Telemetry>,
    /// The way to on-call.
    pub notify: NotifySender,
}

/// What a node reads, and what runs it.
pub struct NodeParts<F, X> {
    /// The rules to start with.
    pub rules: LoadedRules,
    /// Opens sources.
    pub sources: F,
    /// Runs the machines of a pipeline.
    pub executor: X,
    /// Where records go that are no events.
    pub dead_letters: Box<dyn DeadLetterLog>,
}

/// What on-call is made of.
pub struct NotifyParts {
    /// Whom to notify of what, and what is asked of them.
    pub settings: OnCallSettings,
    /// The limits of the outbox.
    pub outbox: OutboxLimits,
    /// How each receiver is reached, in the same order.
    pub notifiers: Box<dyn Notifiers>,
    /// The rows of on-call.
    pub rows: Box<dyn RowStore>,
    /// What it receives.
    pub inbox: NotifyInbox,
}

/// What one run hands on to the next run of the same process.
pub struct RunTotals {
    /// Where records go that are no events.
    pub(crate) letters: Box<dyn DeadLetterLog>,
    /// Dead letters so far.
    pub(crate) buried: u64,
    /// What became of records so far.
    pub(crate) events: EventTotals,
}

/// A node, not yet run.
pub struct Node<F: SourceFactory, X> {
    /// Reads, evaluates, logs and commits.
    pub supervisor: Supervisor<F, X>,
    /// Notifies.
    pub notify: NotifyWorker,
    /// What it receives.
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
        now: Now,
    ) -> Result<Node<F, X>, NodeError> {
        let NodeParts { rules, sources, executor, dead_letters } = parts;
        let (notify, inbox) = NotifyWorker::recover(notify, &shared, now)?;
        let events = EventTotals::default();
        let totals = RunTotals { letters: dead_letters, buried: 0, events };
        let supervisor = Supervisor::new(rules, sources, executor, shared, settings, totals, now)?;
        Ok(Node { supervisor, notify, inbox })
    }
}

impl std::fmt::Debug for NodeShared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeShared").finish_non_exhaustive()
    }
}
