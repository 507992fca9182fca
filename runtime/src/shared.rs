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
use crate::telemetry::NodeTelemetry;
use crate::telemetry::metrics::EventTotals;

/// Settings of a node.
#[derive(Clone, Copy, Debug)]
pub struct NodeSettings {
    /// Division of the work.
    pub pipeline: PipelineSettings,
    /// Limits of the reading.
    pub reader: ReaderLimits,
    /// Limits at which alerts of the service about itself fire and resolve.
    pub meta: MetaLimits,
    /// Retention of the logs.
    pub retention: LogRetention,
    /// Interval at which progress is committed, in ms.
    pub commit_every_ms: i64,
    /// Time, after the first stream, within which the others are to be assigned before reading
    /// starts, in ms.
    pub assignment_wait_ms: i64,
}

/// State that all machines of a node share.
#[derive(Clone)]
pub struct NodeShared {
    /// Store of logs and snapshots.
    pub store: Arc<dyn LogStore>,
    /// Archive of rules beside the logs.
    pub archive: Arc<dyn RuleArchive>,
    /// The texts of the active rules.
    pub templates: Arc<SharedTemplates>,
    /// Mailbox of loaded rules.
    pub mailbox: Arc<ReloadMailbox>,
    /// Reports of machines about the node itself.
    pub reports: Arc<SelfMonitorQueue>,
    /// Health and figures.
    pub telemetry: Arc<NodeTelemetry>,
    /// The way to on-call.
    pub notify: NotifySender,
}

/// Totals that one run hands to the next run of the same process.
pub struct RunTotals {
    /// Destination of dead letters.
    pub(crate) letters: Box<dyn DeadLetterLog>,
    /// Dead letters so far.
    pub(crate) buried: u64,
    /// Counts of records so far.
    pub(crate) events: EventTotals,
}

impl std::fmt::Debug for NodeShared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeShared").finish_non_exhaustive()
    }
}
