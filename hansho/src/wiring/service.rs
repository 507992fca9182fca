//! The service: a node with its logs, sources, notifiers and threads.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use connectors::journal::StateDir;
use connectors::source::kafka::KafkaSettings;
use connectors::store::RowFile;
use engine::rule_state::StateCheckpointPolicy;
use model::message::Language;
use oncall::engine::OnCallSettings;
use oncall::outbox::OutboxLimits;
use runtime::alert_log::retention::LogRetention;
use runtime::error::NodeError;
use runtime::ingest::limits::ReaderLimits;
use runtime::io::{Clock, DeadLetterLog};
use runtime::node::{Node, NodeParts, NodeSettings, NodeShared, NotifyParts};
use runtime::notify::channel::{NotifyInbox, NotifySender, channel};
use runtime::notify::templates::{AlertTemplates, SharedTemplates};
use runtime::pipeline::PipelineSettings;
use runtime::pipeline::shard_worker::RingLimits;
use runtime::rules::loaded::{LoadedRules, TextArchive};
use runtime::rules::mailbox::ReloadMailbox;
use runtime::self_monitor::queue::SelfMonitorQueue;
use runtime::telemetry::NodeTelemetry;
use server::ingest_spools::IngestSpools;
use tokio::runtime::Handle;

use crate::config::{NodeLimits, StreamInputs};
use crate::wiring::clock::SystemClock;
use crate::wiring::log_store::FileLogStore;
use crate::wiring::notifiers::{Notifier, TokioNotifiers};
use crate::wiring::sources::SourceWiring;
use crate::wiring::threads::{MachineThreads, run_node};

/// Interval at which progress is committed, in ms.
const COMMIT_EVERY_MS: i64 = 1_000;
/// Time within which the partitions of all streams are to be assigned, in ms.
const ASSIGNMENT_WAIT_MS: i64 = 10_000;
/// Interval at which shards inspect open episodes, watches and rule counts, in ms.
const INSPECT_EVERY_MS: i64 = 500;

/// Handles that a service and its surfaces share.
#[derive(Clone)]
pub struct ServiceHandles {
    /// Health and figures.
    pub telemetry: Arc<NodeTelemetry>,
    /// Mailbox of rules for the node.
    pub mailbox: Arc<ReloadMailbox>,
    /// Queue of reports about the node itself.
    pub reports: Arc<SelfMonitorQueue>,
    /// The texts of the active rules.
    pub templates: Arc<SharedTemplates>,
    /// Spools of posted events.
    pub ingest: Arc<IngestSpools>,
    /// The way to on-call.
    pub notify: NotifySender,
}

/// Settings of a service.
pub struct ServiceSettings {
    /// Kafka; the topics are those of the active rules.
    pub kafka: Option<KafkaSettings>,
    /// Input of each stream.
    pub inputs: StreamInputs,
    /// The most that a spool may hold, in bytes.
    pub spool_bytes: u64,
    /// Token of senders of events.
    pub ingest_token: Option<String>,
    /// Number of shards.
    pub workers: usize,
    /// Limits of the service.
    pub limits: NodeLimits,
    /// The language of diagnostics.
    pub language: Language,
}

/// Whom a service notifies.
pub struct ServiceOutput {
    /// Whom to notify of what, and what is asked of them.
    pub on_call: OnCallSettings,
    /// Notifiers of the receivers, in the same order.
    pub notifiers: Vec<Notifier>,
    /// The limits of the outbox.
    pub outbox: OutboxLimits,
    /// Destination of dead letters.
    pub dead_letters: Box<dyn DeadLetterLog>,
}

impl ServiceHandles {
    /// Handles of a service that is not started yet, and what its on-call receives.
    pub(crate) fn new(templates: Arc<AlertTemplates>) -> (ServiceHandles, NotifyInbox) {
        let (notify, inbox) = channel();
        let handles = ServiceHandles {
            telemetry: Arc::new(NodeTelemetry::new()),
            mailbox: Arc::default(),
            reports: Arc::default(),
            templates: Arc::new(SharedTemplates::new(templates)),
            ingest: Arc::default(),
            notify,
        };
        (handles, inbox)
    }
}

impl ServiceSettings {
    fn node(&self) -> NodeSettings {
        let limits = &self.limits;
        NodeSettings {
            pipeline: PipelineSettings {
                workers: self.workers,
                early: true,
                keys_per_rule_max: limits.keys_per_rule,
                state_checkpoints: Some(StateCheckpointPolicy::DEFAULT),
                inspect_every_ms: INSPECT_EVERY_MS,
                rings: RingLimits::default(),
            },
            reader: ReaderLimits {
                idle_ms: limits.idle_timeout_ms,
                skew_max_ms: limits.skew_max_ms,
                unsettled_bytes: limits.reorder_buffer_bytes,
                held_back_max_ms: limits.pause_alert_after_ms,
                snapshot_every_ms: limits.snapshot_interval_ms,
            },
            meta: limits.meta,
            retention: LogRetention::default(),
            commit_every_ms: COMMIT_EVERY_MS,
            assignment_wait_ms: ASSIGNMENT_WAIT_MS,
        }
    }
}

/// Runs a service until `stop` is set or something makes it impossible to continue.
///
/// Sinks are called on the tokio runtime that this is called from; everything else has threads
/// of its own.
///
/// # Errors
/// See [`NodeError`]. After any of them a restart continues where this run ended.
pub(crate) fn run_service(
    state_dir: &Path,
    rules: LoadedRules,
    settings: ServiceSettings,
    output: ServiceOutput,
    handles: &ServiceHandles,
    inbox: NotifyInbox,
    stop: &Arc<AtomicBool>,
) -> Result<(), NodeError> {
    let clock = SystemClock::start();
    let store = FileLogStore::new(StateDir::open(state_dir)?);
    let state_dir = store.state_dir();
    let node = settings.node();
    let rows = RowFile::open(&state_dir.file("oncall.redb"))?;
    let notifiers =
        TokioNotifiers::new(output.notifiers, Handle::current(), handles.notify.clone());
    let notify = NotifyParts {
        settings: output.on_call,
        outbox: output.outbox,
        notifiers: Box::new(notifiers),
        rows: Box::new(rows),
        inbox,
    };
    let shared = NodeShared {
        store: Arc::new(store),
        archive: Arc::new(TextArchive { language: settings.language }),
        templates: Arc::clone(&handles.templates),
        mailbox: Arc::clone(&handles.mailbox),
        reports: Arc::clone(&handles.reports),
        telemetry: Arc::clone(&handles.telemetry),
        notify: handles.notify.clone(),
    };
    let sources = SourceWiring {
        kafka: settings.kafka,
        inputs: settings.inputs,
        spool_bytes: settings.spool_bytes,
        ingest_token: settings.ingest_token,
        spools: BTreeMap::new(),
        state_dir,
        ingest: Arc::clone(&handles.ingest),
    };
    let executor = MachineThreads::new(clock);
    let parts = NodeParts { rules, sources, executor, dead_letters: output.dead_letters };
    let node = Node::recover(parts, notify, shared, node, clock.now())?;
    run_node(node, &handles.notify, clock, stop)
}
