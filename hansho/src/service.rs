//! The running service: the road from its sources to people, and what keeps it safe.
//!
//! ```text
//!  reader thread          shard threads       teller thread            on-call thread
//!  sources ► intake ► rings ► shards ► rings ► alert log, fsync ► incidents ► outbox ► sinks
//!     ▲                                               │
//!     └── commit(positions, settled, replay_from) ◄───┘ only after the alert log has it
//! ```
//!
//! Between any two of these a crash loses nothing: what was not committed is read again, what
//! was told is known by the alert log, what was not delivered is derived from both logs.

pub mod alert_log;
mod in_force;
pub mod itself;
mod life;
pub mod on_call;
mod progress;
pub mod reader;
pub mod reports;
mod shares;
mod snapshot;
mod sources;
mod state_log;
mod stdin;
mod teller;
pub mod trails;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{self, JoinHandle};

use connectors::commit_file::CommitFileError;
use connectors::dead_letter::DeadLetters;
use connectors::journal::{JournalError, StateDir};
use connectors::source::kafka::{KafkaError, KafkaSettings};
use connectors::source::spool::Spool;
use connectors::store::{Store, StoreError};
use connectors::transition_json::AlertRecord;
use engine::shard::ShardCounts;
use model::schema::Schema;
use model::time::Timestamp;
use oncall::desk::Settings;
use oncall::incident::{AlertText, OffsetRange};
use oncall::outbox::OutboxLimits;
use rules_dsl::rule::RuleSet;

use crate::alert_text::{AlertTexts, Wording};
use crate::api::State;
use crate::api::metrics::EventTotals;
use crate::config::{Config, Input};
use crate::reload::Slot;
use crate::rule_files::Rules;
use itself::MetaLimits;
use life::{Carried, Memory, Replacement};
use on_call::OnCall;
use on_call::asking::Asked;
use reports::Reports;

pub use in_force::Proposal;
pub use on_call::Delivery;
pub use reader::ReaderLimits;

/// Records on their way from the alert log to on-call; beyond it the teller waits.
pub const UNHEARD_MAX: usize = 4096;

/// What a service is made of.
pub struct ServiceParts {
    /// The texts of the rules in force.
    pub texts: Arc<Wording>,
    /// Where streams are read from.
    pub inputs: Inputs,
    /// The most that what comes by HTTP or standard input may take on the disk, by stream.
    pub spool_bytes: u64,
    /// What who posts events must show.
    pub ingest_token: Option<String>,
    /// By stream name: what HTTP and standard input are written to, once opened.
    pub spools: BTreeMap<String, Spool>,
    /// Where rules come from that are to replace those in force.
    pub slot: Arc<Slot>,
    /// Kafka; topics and rules are those in force.
    pub kafka: Option<KafkaSettings>,
    /// Shard threads.
    pub workers: usize,
    /// What bounds the reading.
    pub limits: ReaderLimits,
    /// Keys a rule may hold state for that does not say itself how many.
    pub keys_per_rule: u32,
    /// When the service speaks of itself.
    pub meta: MetaLimits,
    /// What its threads notice about it.
    pub reports: Arc<Reports>,
    /// Where logs are kept.
    pub state_dir: PathBuf,
    /// Health and figures.
    pub state: Arc<State>,
}

/// Where streams are read from that are not read from the topic of their own name.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// By stream name.
    pub named: BTreeMap<String, Input>,
    /// Whether there is no Kafka to read topics from.
    pub without_kafka: bool,
}

impl Inputs {
    /// As a configuration has it for some rules.
    ///
    /// # Errors
    /// What [`Inputs::of`] refuses, and a stream in the configuration that the rules lack.
    pub(crate) fn configured(config: &Config, rules: &RuleSet) -> Result<Inputs, String> {
        let named = config.inputs.clone();
        let inputs = Inputs { named, without_kafka: config.kafka.is_none() };
        inputs.of(rules)?;
        let is_known = |name: &String| rules.streams.iter().any(|schema| schema.name == **name);
        match inputs.named.keys().find(|name| !is_known(name)) {
            Some(name) => Err(format!("[streams.{name}]: the rules have no stream of that name")),
            None => Ok(inputs),
        }
    }

    /// Where one stream is read from.
    pub(crate) fn input(&self, schema: &Schema) -> Input {
        let own = || Input::Topic(schema.input.clone());
        self.named.get(&schema.name).cloned().unwrap_or_else(own)
    }

    /// Where each stream of some rules is read from.
    ///
    /// # Errors
    /// Two streams would read one topic, or one would read a topic without a Kafka.
    pub(crate) fn of(&self, rules: &RuleSet) -> Result<Vec<Input>, String> {
        let mut inputs: Vec<Input> = Vec::new();
        for schema in &rules.streams {
            let input = self.input(schema);
            if let Input::Topic(topic) = &input {
                if self.without_kafka {
                    return Err(format!(
                        "a stream reads the topic {topic}, and no [kafka] is configured: set \
                         kafka.properties, or a type in [streams]"
                    ));
                }
                if inputs.contains(&input) {
                    return Err(format!(
                        "two streams read the topic {topic}: give each its own topic in [streams]"
                    ));
                }
            }
            inputs.push(input);
        }
        Ok(inputs)
    }
}

/// Where a service sends what it has to say.
pub struct Outgoing {
    /// Who is told of what, and what is asked of them.
    pub on_call: Settings,
    /// What people ask for.
    pub asked: Receiver<Asked>,
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
    /// Its number in the log, from 0: greater than those before it, and its own for ever, also
    /// when others are dropped from the log.
    pub sequence: u64,
    /// What happened, with the rendered message.
    pub recorded: AlertRecord,
    /// When the service saw it.
    pub detected: Timestamp,
    /// Whether its rule was only watched then, so that nobody is told.
    pub is_shadow: bool,
    /// Where the events of its window lie.
    pub events: Vec<OffsetRange>,
}

/// Why the service ended by itself.
#[derive(Debug)]
pub enum ServiceError {
    /// The state directory cannot be used.
    State(JournalError),
    /// The alert log holds a line that is no alert.
    AlertLog { path: PathBuf, line: usize, why: String },
    /// The store of on-call cannot be used.
    Store(StoreError),
    /// The store of on-call holds a row that is none.
    Row(String),
    /// The commits of local sources cannot be read.
    Commits(CommitFileError),
    /// A local source cannot be read.
    Source { stream: String, error: std::io::Error },
    /// Kafka cannot be used as configured.
    Kafka(KafkaError),
    /// A schema cannot be decoded.
    Schema(connectors::codec::CodecError),
    /// Another member of the consumer group reads some of the partitions.
    NotAlone { owned: usize, partitions: usize },
    /// The rules cannot be read from the topics as configured.
    Rules(String),
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
            ServiceError::Store(error) => error.fmt(f),
            ServiceError::Row(why) => f.write_str(why),
            ServiceError::Commits(error) => error.fmt(f),
            ServiceError::Source { stream, error } => {
                write!(f, "stream {stream} cannot be read: {error}")
            }
            ServiceError::Kafka(error) => error.fmt(f),
            ServiceError::Schema(error) => error.fmt(f),
            ServiceError::NotAlone { owned, partitions } => write!(
                f,
                "another member of the consumer group reads {} of {partitions} partitions: with \
                 `mode = \"one\"` a single instance may run; stop the other or use another group",
                partitions - owned
            ),
            ServiceError::Rules(why) => f.write_str(why),
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

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> ServiceError {
        ServiceError::Store(error)
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
    rules: Rules,
    outgoing: Outgoing,
    stop: &Arc<AtomicBool>,
) -> Result<(), ServiceError> {
    let state_dir = StateDir::open(&parts.state_dir)?;
    let memory = Memory::read(&state_dir)?;
    let store = Store::open(&state_dir.file("oncall.redb"))?;

    let Outgoing { on_call: settings, asked, deliveries, outbox, dead_letters } = outgoing;
    let on_call = OnCall::new(settings, deliveries, outbox, store, (&parts.state, &parts.reports))?;
    let (tell_on_call, heard) = mpsc::sync_channel(UNHEARD_MAX);
    let (on_call_state, texts) = (Arc::clone(&parts.state), Arc::clone(&parts.texts));
    let (slot, runtime) = (Arc::clone(&parts.slot), tokio::runtime::Handle::current());
    let on_call = thread::spawn(move || {
        on_call.run((&heard, &asked, &slot), &texts, &on_call_state, &runtime)
    });
    for logged in memory.history.logged() {
        // The thread at the other end only goes away with this one.
        drop(tell_on_call.send(logged.clone()));
    }
    let carried = Carried {
        letters: dead_letters,
        buried: 0,
        events: EventTotals::default(),
        shards: ShardCounts::default(),
    };
    let lived = live_on((parts, rules), &state_dir, (memory, carried), &tell_on_call, stop);
    drop(tell_on_call);
    let heard = joined(on_call, "on-call");
    stop.store(true, Ordering::Release);
    lived.and(heard)
}

/// Lives under one rule set after the other until it is stopped.
fn live_on(
    (mut parts, proposed): (ServiceParts, Rules),
    state_dir: &StateDir,
    (mut memory, mut carried): (Memory, Carried),
    tell_on_call: &SyncSender<Logged>,
    stop: &AtomicBool,
) -> Result<(), ServiceError> {
    let mut rules = memory.begin(state_dir, proposed, &parts)?;
    loop {
        let ended =
            life::live((&mut parts, state_dir), (memory, rules), carried, tell_on_call, stop)?;
        let Some(Replacement { proposal, settled, carried: next }) = ended else {
            return Ok(());
        };
        memory = Memory::read(state_dir)?;
        rules = memory.replace(state_dir, proposal, settled, &parts)?;
        carried = next;
    }
}

/// What a thread of the service ended with.
fn joined<T>(
    thread: JoinHandle<Result<T, ServiceError>>,
    name: &'static str,
) -> Result<T, ServiceError> {
    thread.join().unwrap_or(Err(ServiceError::Thread(name)))
}

impl Logged {
    /// What people read about it.
    pub(crate) fn text(&self, texts: &AlertTexts) -> AlertText {
        let alert = alert_of(&self.recorded);
        let rule = texts.rule(alert);
        let (message, reading) = match &self.recorded {
            AlertRecord::Transition(_, message) | AlertRecord::Early(_, message) => {
                (message, texts.reading(alert))
            }
            AlertRecord::Meta(step, message) => (message, step.alert.reading(texts.language())),
        };
        AlertText {
            message: message.clone(),
            reading: reading.to_owned(),
            runbook: rule.and_then(|rule| rule.runbook.clone()),
            labels: rule.map_or_else(Vec::new, |rule| rule.labels.clone()),
            detected: self.detected,
            events: self.events.clone(),
        }
    }
}

#[cfg(test)]
mod tests;

/// The alert a record is of.
fn alert_of(recorded: &AlertRecord) -> &str {
    match recorded {
        AlertRecord::Transition(transition, _) => &transition.facts.alert,
        AlertRecord::Early(early, _) => &early.facts.alert,
        AlertRecord::Meta(step, _) => step.alert.name(),
    }
}
