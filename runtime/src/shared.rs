//! Settings of a node, and state that all of its machines share.

use std::sync::Arc;

use crate::alert_log::retention::LogRetention;
use crate::ingest::limits::ReaderLimits;
use crate::io::{DeadLetterLog, LogStore};
use crate::notify::channel::NotifySender;
use crate::notify::templates::SharedTemplates;
use crate::pipeline::PipelineSettings;
use crate::rules::loaded::RuleArchive;
use crate::rules::mailbox::ReloadMailbox;
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

/// What one run hands on to the next run of the same process.
pub struct RunTotals {
    /// Where records go that are no events.
    pub(crate) letters: Box<dyn DeadLetterLog>,
    /// Dead letters so far.
    pub(crate) buried: u64,
    /// What became of records so far.
    pub(crate) events: EventTotals,
}

impl std::fmt::Debug for NodeShared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeShared").finish_non_exhaustive()
    }
}
