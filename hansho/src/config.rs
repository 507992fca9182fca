//! `hansho.toml`: what the service reads, where it keeps its state, and whom it tells.
//!
//! A [`NodeConfig`] that exists is complete and consistent: defaults are filled in, paths are
//! resolved against the file's folder, and every name it must not hold twice it holds once.
//! Secrets stay references until they are used.

mod file;
mod kafka;
mod limits;
mod on_call;
mod raw;
mod renamed;
mod restart;
mod scalar;
mod sink;
mod stream;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use connectors::secret::SecretReference;
use jiff::tz::TimeZone;
use model::message::Language;
use oncall::engine::OnCallSettings;
use oncall::outbox::OutboxLimits;
use oncall::route::{Receiver, RoutingTable};
use rules_dsl::rule::RuleSet;
use serde::Deserialize;
use server::auth::ApiScope;
use toml::Spanned;
use toml::de::DeTable;

use file::ConfigFile;

pub use file::ConfigError;
pub use kafka::{AutoOffsetReset, KafkaSection};
pub use limits::NodeLimits;
pub use on_call::{CalendarsByName, OnCallSection};
pub use sink::ReceiverSection;
pub use stream::{IngestSettings, StreamInput, StreamInputs};

/// The largest configuration file, in bytes; a larger one is another file by mistake.
pub const FILE_MAX: u64 = 1 << 20;
/// The most shard threads one process runs.
pub const WORKERS_MAX: usize = 256;

/// The checked configuration.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// Folder of the file, which relative paths start from.
    pub folder: PathBuf,
    /// Rule files and folders of them.
    pub rules: Vec<PathBuf>,
    /// Folder of logs, dead letters and snapshots.
    pub state_dir: PathBuf,
    /// The language people read; `None` leaves it to the command line and the locale.
    pub language: Option<Language>,
    /// The zone in which people read times.
    pub timezone: TimeZone,
    /// Shard threads, 1 to [`WORKERS_MAX`].
    pub workers: usize,
    /// Address of health, metrics and the API.
    pub listen: SocketAddr,
    /// Kafka, for streams that name no other source.
    pub kafka: Option<KafkaSection>,
    /// Streams that are not read from the topic of their own name.
    pub inputs: BTreeMap<String, StreamInput>,
    /// Settings of ingest over HTTP and standard input.
    pub ingest: IngestSettings,
    /// Limits of the service.
    pub limits: NodeLimits,
    /// Destination of records that cannot be decoded.
    pub dead_letters: DeadLetterTarget,
    /// Receivers, at least one.
    pub sinks: Vec<ReceiverSection>,
    /// Settings of on-call.
    pub on_call: OnCallSection,
    /// Tokens of the API.
    pub tokens: Vec<TokenSettings>,
}

/// Someone who may ask over the API.
#[derive(Clone, Debug)]
pub struct TokenSettings {
    /// Name of the holder.
    pub name: String,
    /// Secret of the token.
    pub token: SecretReference,
    /// Scope of the token.
    pub scope: ApiScope,
}

/// Destination of records that cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeadLetterTarget {
    /// Appended to a file.
    File(PathBuf),
    /// Produced to a Kafka topic.
    Topic(String),
}

impl NodeConfig {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// A file that cannot be read or is larger than [`FILE_MAX`], and all of [`NodeConfig::parse`].
    pub(crate) fn load(path: &Path) -> Result<NodeConfig, ConfigError> {
        let error = |what: String| ConfigError {
            path: path.to_owned(),
            line: None,
            key: None,
            what,
            is_unread: true,
        };
        let unreadable = |cause: std::io::Error| {
            error(format!("cannot be read: {cause}; name another file with --config"))
        };
        let length = std::fs::metadata(path).map_err(unreadable)?.len();
        if length > FILE_MAX {
            return Err(error(format!("is {length} bytes long, the limit is {FILE_MAX}")));
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        NodeConfig::parse(&text, path)
    }

    /// Checks the text of a file; `path` names it in errors, its folder anchors relative paths.
    ///
    /// # Errors
    /// The first thing wrong, with its line.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<NodeConfig, ConfigError> {
        let file = ConfigFile { path, text };
        let refused = |error: toml::de::Error| file.unreadable(&error);
        let mut document = DeTable::parse(text).map_err(refused)?;
        renamed::check(&file, document.get_ref())?;
        let sinks = sink::take_tables(&file, document.get_mut())?;
        let raw =
            raw::RawConfig::deserialize(toml::Deserializer::from(document)).map_err(refused)?;
        file.check(raw, sinks)
    }

    /// What on-call goes by; the receivers are the sinks, in the same order.
    ///
    /// # Errors
    /// A calendar that the rules do not have.
    pub(crate) fn on_call(&self, calendars: &CalendarsByName) -> Result<OnCallSettings, String> {
        let receiver = |sink: &ReceiverSection| Receiver {
            name: sink.name.clone(),
            severities: sink.severities,
            on: sink.on,
            spacing_ms: sink.target.kind().spacing_ms,
            is_router: sink.target.kind().needs_resend,
            fallback: sink.fallback.clone(),
        };
        let routing = RoutingTable::to_all(self.sinks.iter().map(receiver).collect());
        let settings = self.on_call.settings(routing, calendars)?;
        let storm_max = self.limits.notify_rate_limit_per_min;
        let flap_max = self.limits.flap_threshold;
        Ok(OnCallSettings { storm_max, flap_max, ..settings })
    }

    /// Inputs of the streams of some rules.
    ///
    /// # Errors
    /// What [`StreamInputs::of`] refuses, and a stream in the configuration that the rules lack.
    pub(crate) fn stream_inputs(&self, rules: &RuleSet) -> Result<StreamInputs, String> {
        let named = self.inputs.clone();
        let inputs = StreamInputs { named, without_kafka: self.kafka.is_none() };
        inputs.of(rules)?;
        let is_known = |name: &String| rules.streams.iter().any(|schema| schema.name == **name);
        match inputs.named.keys().find(|name| !is_known(name)) {
            Some(name) => Err(format!("[streams.{name}]: the rules have no stream of that name")),
            None => Ok(inputs),
        }
    }

    /// The limits of the outbox.
    pub(crate) fn outbox_limits(&self) -> OutboxLimits {
        OutboxLimits { pending_max: self.limits.pending_max, ..OutboxLimits::default() }
    }
}

impl ConfigFile<'_> {
    fn check(
        &self,
        raw: raw::RawConfig,
        sinks: Vec<sink::SinkTable<'_>>,
    ) -> Result<NodeConfig, ConfigError> {
        let state_dir = self.resolve(raw.state_dir.as_deref().unwrap_or("state"));
        let kafka = raw.kafka.map(|kafka| kafka::check(self, kafka)).transpose()?;
        let inputs = stream::inputs(self, raw.streams)?;
        let topics = topics(&inputs);
        let is_loopback = raw.api.listen.0.ip().is_loopback();
        let dead_letters = self.dead_letters(raw.dead_letters, &state_dir, &topics)?;
        let sinks = sink::check_all(self, sinks, &topics)?;
        let names: Vec<String> = sinks.iter().map(|sink| sink.name.clone()).collect();
        let of_on_call = raw::RawOnCall {
            severities: raw.severities,
            policies: raw.policies,
            routes: raw.routes,
            routing: raw.routing,
            inhibitions: raw.inhibitions,
        };
        if !is_loopback && raw.api.tokens.is_empty() {
            let what = "api.listen is not loopback, so anyone could silence alerts; write \
                        [[api.tokens]] with name, token and scope";
            return Err(self.error(None, what.to_owned()));
        }
        Ok(NodeConfig {
            folder: self.folder().to_owned(),
            rules: self.rules(raw.rules)?,
            language: raw.language.map(|language| language.0),
            timezone: raw.timezone.map_or(TimeZone::UTC, |zone| zone.0),
            workers: self.workers(raw.workers)?,
            listen: raw.api.listen.0,
            limits: limits::check(self, raw.limits)?,
            tokens: self.tokens(raw.api.tokens)?,
            on_call: on_call::check(self, of_on_call, &names)?,
            state_dir,
            kafka,
            ingest: stream::ingest(self, raw.ingest, &inputs, is_loopback)?,
            inputs,
            dead_letters,
            sinks,
        })
    }

    fn rules(&self, raw: Spanned<Vec<String>>) -> Result<Vec<PathBuf>, ConfigError> {
        if raw.get_ref().is_empty() {
            return self.refuse(&raw, "lists no rules; write rules = [\"rules/\"]");
        }
        Ok(raw.get_ref().iter().map(|path| self.resolve(path)).collect())
    }

    fn workers(&self, raw: Option<Spanned<usize>>) -> Result<usize, ConfigError> {
        let Some(raw) = raw else {
            let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
            return Ok(cores.min(WORKERS_MAX));
        };
        match *raw.get_ref() {
            workers @ 1..=WORKERS_MAX => Ok(workers),
            _ => self
                .refuse(&raw, &format!("must be 1 to {WORKERS_MAX}; leave it out for all cores")),
        }
    }

    fn dead_letters(
        &self,
        raw: raw::RawDeadLetters,
        state_dir: &Path,
        inputs: &BTreeMap<String, String>,
    ) -> Result<DeadLetterTarget, ConfigError> {
        match (raw.file, raw.topic) {
            (None, None) => Ok(DeadLetterTarget::File(state_dir.join("dead-letters.jsonl"))),
            (Some(path), None) => Ok(DeadLetterTarget::File(self.resolve(&path))),
            (None, Some(topic)) => Ok(DeadLetterTarget::Topic(self.output_topic(topic, inputs)?)),
            (Some(_), Some(topic)) => self
                .refuse(&topic, "cannot be combined with dead_letters.file; keep one of the two"),
        }
    }

    fn tokens(&self, raw: Vec<raw::RawToken>) -> Result<Vec<TokenSettings>, ConfigError> {
        let mut tokens: Vec<TokenSettings> = Vec::new();
        for raw::RawToken { name, token, scope } in raw {
            let is_taken = tokens.iter().any(|known| known.name == *name.get_ref());
            if name.get_ref().trim().is_empty() || is_taken {
                return self.refuse(
                    &name,
                    "is empty or already used; every token needs its own name for the audit log",
                );
            }
            let token = self.kept_out_of_the_file("token", token)?;
            let scope = match scope {
                raw::RawScope::Read => ApiScope::Read,
                raw::RawScope::Act => ApiScope::Act,
                raw::RawScope::Admin => ApiScope::Admin,
            };
            tokens.push(TokenSettings { name: name.into_inner(), token, scope });
        }
        Ok(tokens)
    }
}

/// The topics that streams are said to be read from.
fn topics(inputs: &BTreeMap<String, StreamInput>) -> BTreeMap<String, String> {
    let topic = |(name, input): (&String, &StreamInput)| match input {
        StreamInput::Topic(topic) => Some((name.clone(), topic.clone())),
        StreamInput::File(_) | StreamInput::Http | StreamInput::Stdin => None,
    };
    inputs.iter().filter_map(topic).collect()
}

#[cfg(test)]
mod tests;
