//! The running service: the road from Kafka to people, and what keeps it safe.
//!
//! ```text
//!  reader thread          shard threads       teller thread            on-call thread
//!  Kafka ► intake ► rings ► shards ► rings ► alert log, fsync ► incidents ► outbox ► sinks
//!     ▲                                             │
//!     └── commit(positions, settled, replay_from) ◄─┘ only after the alert log has it
//! ```
//!
//! Between any two of these a crash loses nothing: what was not committed is read again, what
//! was told is known by the alert log, what was not delivered is derived from both logs.

mod alert_log;
mod deliveries;
mod on_call;
mod progress;
pub mod reader;
mod shares;
mod teller;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use connectors::dead_letter::DeadLetters;
use connectors::journal::{Journal, JournalError, StateDir};
use connectors::source::kafka::{KafkaError, KafkaSettings, KafkaSource};
use connectors::transition_json::Recorded;
use model::time::Timestamp;
use oncall::incident::AlertText;
use oncall::outbox::OutboxLimits;
use oncall::route::Receivers;

use crate::alert_text::AlertTexts;
use crate::api::State;
use crate::pipeline::RoadSettings;
use crate::pipeline::intake::Intake;
use crate::rule_files::Rules;
use alert_log::History;
use on_call::OnCall;
use progress::Told;
use reader::Reader;
use teller::Teller;

pub use on_call::Delivery;
pub use reader::ReaderLimits;

/// Records on their way from the alert log to on-call; beyond it the teller waits.
pub const UNHEARD_MAX: usize = 4096;

/// What a service is made of.
pub struct ServiceParts {
    /// The rules.
    pub rules: Rules,
    /// Their texts.
    pub texts: Arc<AlertTexts>,
    /// Kafka, and a topic for each stream of the rules.
    pub kafka: KafkaSettings,
    /// Shard threads.
    pub workers: usize,
    /// What bounds the reading.
    pub limits: ReaderLimits,
    /// Keys a rule may hold state for that does not say itself how many.
    pub keys_per_rule: u32,
    /// Where logs are kept.
    pub state_dir: PathBuf,
    /// Health and figures.
    pub state: Arc<State>,
}

/// Where a service sends what it has to say.
pub struct Outgoing {
    /// Who is told of what.
    pub receivers: Receivers,
    /// How each receiver is reached, in the same order.
    pub deliveries: Vec<Delivery>,
    /// The limits of the outbox.
    pub outbox: OutboxLimits,
    /// Where undecodable records go.
    pub dead_letters: DeadLetters,
}

/// One alert as the alert log and on-call know it.
#[derive(Clone)]
pub struct Logged {
    /// What happened, with the rendered message.
    pub recorded: Recorded,
    /// When the service saw it.
    pub detected: Timestamp,
    /// Whether its rule was only watched then, so that nobody is told.
    pub is_shadow: bool,
}

/// Why the service ended by itself.
#[derive(Debug)]
pub enum ServiceError {
    /// The state directory cannot be used.
    State(JournalError),
    /// The alert log holds a line that is no alert.
    AlertLog { path: PathBuf, line: usize, why: String },
    /// Kafka cannot be used as configured.
    Kafka(KafkaError),
    /// A schema cannot be decoded.
    Schema(connectors::codec::CodecError),
    /// Another member of the consumer group reads some of the partitions.
    NotAlone { owned: usize, partitions: usize },
    /// A thread of the service failed.
    Thread(&'static str),
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServiceError::State(error) => error.fmt(f),
            ServiceError::AlertLog { path, line, why } => write!(
                f,
                "{}:{line}: not a record of the alert log: {why}; move the file away to start anew",
                path.display()
            ),
            ServiceError::Kafka(error) => error.fmt(f),
            ServiceError::Schema(error) => error.fmt(f),
            ServiceError::NotAlone { owned, partitions } => write!(
                f,
                "another member of the consumer group reads {} of {partitions} partitions: with \
                 `mode = \"one\"` a single instance may run; stop the other or use another group",
                partitions - owned
            ),
            ServiceError::Thread(name) => write!(f, "the {name} thread failed"),
        }
    }
}

impl std::error::Error for ServiceError {}

impl From<JournalError> for ServiceError {
    fn from(error: JournalError) -> ServiceError {
        ServiceError::State(error)
    }
}

/// Runs until `stop` is set or something makes it impossible to go on.
///
/// Sinks are called on the tokio runtime this is called from; everything else has threads
/// of its own.
///
/// # Errors
/// See [`ServiceError`]. After any of them a restart continues where this run ended.
pub(crate) fn run(
    parts: ServiceParts,
    outgoing: Outgoing,
    stop: &Arc<AtomicBool>,
) -> Result<(), ServiceError> {
    let state_dir = StateDir::open(&parts.state_dir)?;
    let (alert_log, lines) = Journal::open(state_dir.file("alerts.jsonl"))?;
    let (results, outcomes) = Journal::open(state_dir.file("deliveries.jsonl"))?;
    let history = History::read(&state_dir.file("alerts.jsonl"), lines)?;

    let Outgoing { receivers, deliveries, outbox, dead_letters } = outgoing;
    let mut on_call = OnCall::new(receivers, deliveries, outbox, results);
    on_call.restore(&outcomes);
    let (tell_on_call, heard) = mpsc::sync_channel(UNHEARD_MAX);
    let (on_call_state, texts) = (Arc::clone(&parts.state), Arc::clone(&parts.texts));
    let runtime = tokio::runtime::Handle::current();
    let on_call = thread::spawn(move || on_call.run(&heard, &texts, &on_call_state, &runtime));
    for logged in history.logged() {
        // The thread at the other end only goes away with this one.
        drop(tell_on_call.send(logged.clone()));
    }

    parts.state.metrics.rules.begin(&parts.rules.program);
    let told = Arc::new(Told::new(parts.rules.set.streams.len()));
    let source = KafkaSource::connect(&parts.kafka).map_err(ServiceError::Kafka)?;
    let road = RoadSettings {
        workers: parts.workers,
        early: true,
        keys_per_rule_max: parts.keys_per_rule,
    };
    let streams = &parts.rules.set.streams;
    let intake = Intake::new(&parts.rules.program, streams, None, parts.workers)
        .map_err(ServiceError::Schema)?;
    let mut reader = Reader::new(source, intake, dead_letters, &parts, Arc::clone(&told));
    let Some(start) = reader.wait_for_partitions(stop)? else {
        drop(tell_on_call);
        return joined(on_call, "on-call");
    };
    let restored = history.restored(&start, &parts.rules.program);
    let (inlet, outlet) = crate::pipeline::open_road(&parts.rules.program, road, &restored);
    let teller = Teller::new(outlet, alert_log, &history, Arc::clone(&told), &parts);
    let teller = thread::spawn(move || teller.run(&tell_on_call));

    let read = reader.run(inlet, stop);
    reader.close();
    let told = joined(teller, "teller");
    let heard = joined(on_call, "on-call");
    stop.store(true, Ordering::Release);
    read.and(told).and(heard)
}

/// What a thread of the service ended with.
fn joined(
    thread: JoinHandle<Result<(), ServiceError>>,
    name: &'static str,
) -> Result<(), ServiceError> {
    thread.join().unwrap_or(Err(ServiceError::Thread(name)))
}

impl Logged {
    /// What people read about it.
    pub(crate) fn text(&self, texts: &AlertTexts) -> AlertText {
        let (Recorded::Transition(_, message) | Recorded::Early(_, message)) = &self.recorded;
        let alert = alert_of(&self.recorded);
        let rule = texts.rule(alert);
        AlertText {
            message: message.clone(),
            reading: texts.reading(alert).to_owned(),
            runbook: rule.and_then(|rule| rule.runbook.clone()),
            labels: rule.map_or_else(Vec::new, |rule| rule.labels.clone()),
            detected: self.detected,
        }
    }
}

/// The alert a record is of.
fn alert_of(recorded: &Recorded) -> &str {
    match recorded {
        Recorded::Transition(transition, _) => &transition.alert,
        Recorded::Early(early, _) => &early.alert,
    }
}
