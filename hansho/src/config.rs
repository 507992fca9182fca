//! `hansho.toml`: what the service reads, where it keeps its state, and whom it tells.
//!
//! A [`Config`] that exists is complete and consistent: defaults are filled in, paths are
//! resolved against the file's folder, and every name it must not hold twice it holds once.
//! Secrets stay references until they are used.

mod kafka;
mod limits;
mod on_call;
mod raw;
mod restart;
mod scalar;
mod sink;
mod stream;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::{Path, PathBuf};

use connectors::secret::{SecretReference, is_secret_name};
use jiff::tz::TimeZone;
use model::message::Language;
use oncall::desk::Settings;
use oncall::outbox::OutboxLimits;
use oncall::route::{Receiver, Routing};
use serde::Deserialize;
use server::auth::ApiScope;
use toml::Spanned;
use toml::de::DeTable;

pub use kafka::{Kafka, Start};
pub use limits::Limits;
pub use on_call::{Calendars, OnCall};
pub use sink::Sink;
pub use stream::{Ingest, Input, StreamInputs};

/// The largest configuration file, in bytes; a larger one is another file by mistake.
pub const FILE_MAX: u64 = 1 << 20;
/// The most shard threads one process runs.
pub const WORKERS_MAX: usize = 256;

/// The checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Folder of the file, which relative paths start from.
    pub folder: PathBuf,
    /// Rule files and folders of them.
    pub rules: Vec<PathBuf>,
    /// Where logs, dead letters and snapshots are kept.
    pub state_dir: PathBuf,
    /// The language people read; `None` leaves it to the command line and the locale.
    pub language: Option<Language>,
    /// The zone in which people read times.
    pub timezone: TimeZone,
    /// Shard threads, 1 to [`WORKERS_MAX`].
    pub workers: usize,
    /// Where health, metrics and the API are served.
    pub listen: SocketAddr,
    /// Where streams are read from that do not say otherwise.
    pub kafka: Option<Kafka>,
    /// Streams that are not read from the topic of their own name.
    pub inputs: BTreeMap<String, Input>,
    /// How events are taken from elsewhere than a log.
    pub ingest: Ingest,
    /// What bounds the service.
    pub limits: Limits,
    /// Where records go that cannot be decoded.
    pub dead_letters: DeadLetters,
    /// Who is told, at least one.
    pub sinks: Vec<Sink>,
    /// Who is told of what and when.
    pub on_call: OnCall,
    /// Who may ask over the API, and what they show.
    pub tokens: Vec<ApiToken>,
}

/// Someone who may ask over the API.
#[derive(Clone, Debug)]
pub struct ApiToken {
    /// Who that is.
    pub name: String,
    /// What they show.
    pub token: SecretReference,
    /// What they may do.
    pub scope: ApiScope,
}

/// Where records go that cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeadLetters {
    /// Appended to a file.
    File(PathBuf),
    /// Produced to a Kafka topic.
    Topic(String),
}

/// Why a configuration cannot be used: place, key, what is wrong and the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The configuration file.
    pub path: PathBuf,
    /// The line, from 1, where one is to blame.
    pub line: Option<usize>,
    /// The key, with its table, where one is to blame.
    pub key: Option<String>,
    /// What is wrong and what to write instead.
    pub what: String,
    /// The file was not read at all, so nothing is known of what it asks for.
    pub is_unread: bool,
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// A file that cannot be read or is larger than [`FILE_MAX`], and all of [`Config::parse`].
    pub(crate) fn load(path: &Path) -> Result<Config, ConfigError> {
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
        Config::parse(&text, path)
    }

    /// Checks the text of a file; `path` names it in errors, its folder anchors relative paths.
    ///
    /// # Errors
    /// The first thing wrong, with its line.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Config, ConfigError> {
        let file = File { path, text };
        let refused = |error: toml::de::Error| file.unreadable(&error);
        let mut document = DeTable::parse(text).map_err(refused)?;
        let sinks = sink::take_tables(&file, document.get_mut())?;
        let raw = raw::Config::deserialize(toml::Deserializer::from(document)).map_err(refused)?;
        file.check(raw, sinks)
    }

    /// What on-call goes by; the receivers are the sinks, in the same order.
    ///
    /// # Errors
    /// A calendar that the rules do not have.
    pub(crate) fn on_call(&self, calendars: &Calendars) -> Result<Settings, String> {
        let receiver = |sink: &Sink| Receiver {
            name: sink.name.clone(),
            severities: sink.severities,
            on: sink.on,
            spacing_ms: sink.target.kind().spacing_ms,
            is_router: sink.target.kind().needs_resend,
            fallback: sink.fallback.clone(),
        };
        let routing = Routing::to_all(self.sinks.iter().map(receiver).collect());
        let settings = self.on_call.settings(routing, calendars)?;
        let (storm_max, flap_max) = (self.limits.storm_max, self.limits.flap_max);
        Ok(Settings { storm_max, flap_max, ..settings })
    }

    /// The limits of the outbox.
    pub(crate) fn outbox_limits(&self) -> OutboxLimits {
        OutboxLimits { pending_max: self.limits.pending_max, ..OutboxLimits::default() }
    }
}

/// A file under check.
struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    fn check(
        &self,
        raw: raw::Config,
        sinks: Vec<sink::SinkTable<'_>>,
    ) -> Result<Config, ConfigError> {
        let state_dir = self.resolve(raw.state_dir.as_deref().unwrap_or("state"));
        let kafka = raw.kafka.map(|kafka| kafka::check(self, kafka)).transpose()?;
        let inputs = stream::inputs(self, raw.streams)?;
        let topics = topics(&inputs);
        let is_loopback = raw.api.listen.0.ip().is_loopback();
        let dead_letters = self.dead_letters(raw.dead_letters, &state_dir, &topics)?;
        let sinks = sink::check_all(self, sinks, &topics)?;
        let names: Vec<String> = sinks.iter().map(|sink| sink.name.clone()).collect();
        let of_on_call = raw::OnCall {
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
        Ok(Config {
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
            return self.refuse(&raw, "names no rules; write rules = [\"rules/\"]");
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

    fn topic_name(&self, raw: Spanned<String>) -> Result<String, ConfigError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let topic = raw.get_ref();
        if topic.is_empty() || topic.len() > 249 || !topic.bytes().all(plain) {
            let rule = "is no topic name; Kafka takes 1 to 249 of A-Z a-z 0-9 . _ -";
            return self.refuse(&raw, rule);
        }
        Ok(raw.into_inner())
    }

    /// A topic that is written must not be one that is read: its records would come back.
    fn output_topic(
        &self,
        raw: Spanned<String>,
        inputs: &BTreeMap<String, String>,
    ) -> Result<String, ConfigError> {
        if inputs.values().any(|topic| topic == raw.get_ref()) {
            return self.refuse(&raw, "is a topic that is read; write to another one");
        }
        self.topic_name(raw)
    }

    fn dead_letters(
        &self,
        raw: raw::DeadLetters,
        state_dir: &Path,
        inputs: &BTreeMap<String, String>,
    ) -> Result<DeadLetters, ConfigError> {
        match (raw.file, raw.topic) {
            (None, None) => Ok(DeadLetters::File(state_dir.join("dead-letters.jsonl"))),
            (Some(path), None) => Ok(DeadLetters::File(self.resolve(&path))),
            (None, Some(topic)) => Ok(DeadLetters::Topic(self.output_topic(topic, inputs)?)),
            (Some(_), Some(topic)) => {
                self.refuse(&topic, "stands beside dead_letters.file; keep one of the two")
            }
        }
    }

    /// Refuses a value in clear under a name that says it is secret.
    fn kept_out_of_the_file(
        &self,
        name: &str,
        raw: Spanned<SecretReference>,
    ) -> Result<SecretReference, ConfigError> {
        if is_secret_name(name) && raw.get_ref().inline().is_some() {
            let what = format!(
                "{name} is a secret in clear; write \"env:NAME\" or \"file:PATH\" and keep it there"
            );
            return Err(self.error(Some(raw.span()), what));
        }
        Ok(raw.into_inner().under(self.folder()))
    }

    fn tokens(&self, raw: Vec<raw::Token>) -> Result<Vec<ApiToken>, ConfigError> {
        let mut tokens: Vec<ApiToken> = Vec::new();
        for raw::Token { name, token, scope } in raw {
            let is_taken = tokens.iter().any(|known| known.name == *name.get_ref());
            if name.get_ref().trim().is_empty() || is_taken {
                return self.refuse(&name, "is empty or taken; what they do is noted under it");
            }
            let token = self.kept_out_of_the_file("token", token)?;
            let scope = match scope {
                raw::Scope::Read => ApiScope::Read,
                raw::Scope::Act => ApiScope::Act,
                raw::Scope::Admin => ApiScope::Admin,
            };
            tokens.push(ApiToken { name: name.into_inner(), token, scope });
        }
        Ok(tokens)
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    fn resolve(&self, path: &str) -> PathBuf {
        self.folder().join(path)
    }

    fn refuse<T, V>(&self, at: &Spanned<V>, what: &str) -> Result<T, ConfigError> {
        Err(self.error(Some(at.span()), what.to_owned()))
    }

    /// The error of a file that is no TOML or has values of other types.
    fn unreadable(&self, error: &toml::de::Error) -> ConfigError {
        self.error(error.span(), without_value(error.message()))
    }

    fn error(&self, span: Option<Range<usize>>, what: String) -> ConfigError {
        let before = span.and_then(|span| self.text.get(..span.start));
        let line = before.map(|before| before.matches('\n').count() + 1);
        let key = line.and_then(|line| key_at(self.text, line));
        let (path, what) = (self.path.to_owned(), what.trim_end().to_owned());
        ConfigError { path, line, key, what, is_unread: false }
    }
}

/// What a reader of TOML says of a value of the wrong type, without the value: a secret that
/// stands where a list or a table belongs is one all the same.
fn without_value(message: &str) -> String {
    let rest = message.strip_prefix("invalid type: string \"");
    match rest.and_then(|rest| rest.rsplit_once("\", expected ")) {
        Some((_, expected)) => format!("invalid type: a text, expected {expected}"),
        None => message.to_owned(),
    }
}

/// The topics that streams are said to be read from.
fn topics(inputs: &BTreeMap<String, Input>) -> BTreeMap<String, String> {
    let topic = |(name, input): (&String, &Input)| match input {
        Input::Topic(topic) => Some((name.clone(), topic.clone())),
        Input::File(_) | Input::Http | Input::Stdin => None,
    };
    inputs.iter().filter_map(topic).collect()
}

/// The key written on a line (from 1), with the table above it.
fn key_at(text: &str, line: usize) -> Option<String> {
    let written = text.lines().nth(line - 1)?;
    let (key, _) = written.split_once('=')?;
    let table = text.lines().take(line).filter(|line| line.trim_start().starts_with('['));
    let table = table.last().map(|table| {
        let name = table.split('#').next().unwrap_or(table);
        name.trim().trim_matches(['[', ']']).trim()
    });
    let key = key.trim();
    Some(table.map_or(key.to_owned(), |table| format!("{table}.{key}")))
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(key) = &self.key {
            write!(f, ": {key}")?;
        }
        write!(f, ": {}", self.what)
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests;
