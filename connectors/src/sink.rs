//! Where notifications go. A sink makes one attempt per call and says what came of it; whether
//! and when there is another is not its business.

pub mod alertmanager;
pub mod document;
pub mod format;
pub mod http;
pub mod kafka;
pub mod mail;
pub mod pagerduty;
pub mod slack;
mod veil;
pub mod webhook;
pub mod words;

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use model::notification::{DeliveryResult, FailureReason, Notification};
use model::time::Timestamp;

use crate::journal::{Journal, JournalError};
use crate::sink::alertmanager::{Alertmanager, AlertmanagerSettings};
use crate::sink::kafka::{KafkaSink, ProduceError};
use crate::sink::mail::{Mail, MailSettings};
use crate::sink::pagerduty::{PagerDuty, PagerDutySettings};
use crate::sink::slack::{Slack, SlackSettings};
use crate::sink::webhook::{Webhook, WebhookSettings};
use crate::source::kafka::properties::Shown;

/// Time one attempt may take unless the settings say otherwise: 10 s.
pub const DELIVERY_TIMEOUT_MS: u64 = 10_000;

/// A text that is printed nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// What a sink is made of.
#[derive(Clone, PartialEq, Eq)]
pub enum SinkSettings {
    /// Lines of JSON on standard output.
    Stdout,
    /// Lines of JSON in a file, on the disk before they count as sent.
    File {
        /// The file.
        path: PathBuf,
    },
    /// A Kafka topic: key is the incident, value the JSON document.
    Kafka {
        /// Names from [`crate::source::kafka::properties::ALLOWED_PROPERTIES`] and values.
        properties: Vec<(String, String)>,
        /// The topic.
        topic: String,
        /// Time for one attempt, in ms.
        timeout_ms: u64,
    },
    /// An HTTP receiver of the JSON document.
    Webhook(WebhookSettings),
    /// A service of PagerDuty.
    PagerDuty(PagerDutySettings),
    /// A cluster of Alertmanagers.
    Alertmanager(AlertmanagerSettings),
    /// Recipients of mail.
    Mail(Box<MailSettings>),
    /// A channel of Slack.
    Slack(SlackSettings),
}

/// A receiver of notifications.
pub enum Sink {
    /// See [`SinkSettings::Stdout`].
    Stdout,
    /// See [`SinkSettings::File`].
    File(FileSink),
    /// See [`SinkSettings::Kafka`].
    Kafka(TopicSink),
    /// See [`SinkSettings::Webhook`].
    Webhook(HttpSink),
    /// See [`SinkSettings::PagerDuty`].
    PagerDuty(PagerDutySink),
    /// See [`SinkSettings::Alertmanager`].
    Alertmanager(AlertmanagerSink),
    /// See [`SinkSettings::Mail`].
    Mail(MailSink),
    /// See [`SinkSettings::Slack`].
    Slack(SlackSink),
}

/// A file of notifications.
pub struct FileSink(Arc<Mutex<OpenFile>>);

/// A topic of notifications.
pub struct TopicSink(KafkaSink);

/// An HTTP receiver of notifications.
pub struct HttpSink(Webhook);

/// A service of PagerDuty.
pub struct PagerDutySink(PagerDuty);

/// A cluster of Alertmanagers.
pub struct AlertmanagerSink(Alertmanager);

/// Recipients of mail.
pub struct MailSink(Box<Mail>);

/// A channel of Slack.
pub struct SlackSink(Box<Slack>);

struct OpenFile {
    path: PathBuf,
    /// `None` after a failure: opening it anew cuts what was written by half.
    journal: Option<Journal>,
}

/// Why a sink cannot be made.
#[derive(Debug)]
pub enum SinkError {
    /// The file cannot be written.
    File(JournalError),
    /// The topic cannot be written.
    Kafka(ProduceError),
    /// The receiver cannot be called.
    Webhook {
        /// What is wrong with its settings.
        why: String,
    },
}

impl Sink {
    /// Makes a sink; a receiver that cannot be reached yet is no error.
    ///
    /// # Errors
    /// [`SinkError`] for settings that can never work.
    pub fn new(settings: &SinkSettings) -> Result<Sink, SinkError> {
        Ok(match settings {
            SinkSettings::Stdout => Sink::Stdout,
            SinkSettings::File { path } => {
                let journal = Journal::open_with(path, |_| ()).map_err(SinkError::File)?;
                let file = OpenFile { path: path.clone(), journal: Some(journal) };
                Sink::File(FileSink(Arc::new(Mutex::new(file))))
            }
            SinkSettings::Kafka { properties, topic, timeout_ms } => {
                let sink = KafkaSink::new(properties, topic, *timeout_ms);
                Sink::Kafka(TopicSink(sink.map_err(SinkError::Kafka)?))
            }
            SinkSettings::Webhook(settings) => Sink::Webhook(HttpSink(Webhook::new(settings)?)),
            SinkSettings::PagerDuty(settings) => {
                Sink::PagerDuty(PagerDutySink(PagerDuty::new(settings)?))
            }
            SinkSettings::Alertmanager(settings) => {
                Sink::Alertmanager(AlertmanagerSink(Alertmanager::new(settings)?))
            }
            SinkSettings::Mail(settings) => Sink::Mail(MailSink(Box::new(Mail::new(settings)?))),
            SinkSettings::Slack(settings) => {
                Sink::Slack(SlackSink(Box::new(Slack::new(settings)?)))
            }
        })
    }

    /// What an attempt would send, its secrets left out.
    pub fn preview(&self, notification: &Notification) -> String {
        match self {
            Sink::Stdout | Sink::File(_) | Sink::Kafka(_) => document::render(notification),
            Sink::Webhook(HttpSink(sink)) => sink.preview(notification),
            Sink::PagerDuty(_) => pagerduty::preview(notification),
            Sink::Alertmanager(_) => alertmanager::preview(notification),
            Sink::Mail(MailSink(sink)) => sink.preview(notification),
            Sink::Slack(SlackSink(sink)) => sink.preview(notification),
        }
    }

    /// Says again what stands, to a receiver that forgets what is not said again: each of
    /// these tells how an incident stands. Nothing is done for receivers of other kinds.
    pub async fn refresh(&self, standing: &[Notification], now: Timestamp) -> DeliveryResult {
        match self {
            Sink::Alertmanager(AlertmanagerSink(sink)) => sink.refresh(standing, now).await,
            Sink::Stdout
            | Sink::File(_)
            | Sink::Kafka(_)
            | Sink::Webhook(_)
            | Sink::PagerDuty(_)
            | Sink::Mail(_)
            | Sink::Slack(_) => DeliveryResult::Sent { receipt: None },
        }
    }

    /// Makes exactly one attempt, at the instant `now`; `receipt` is what the receiver calls
    /// what it has of the incident already.
    pub async fn deliver(
        &self,
        notification: &Notification,
        receipt: Option<&str>,
        now: Timestamp,
    ) -> DeliveryResult {
        match self {
            Sink::Stdout => verdict("standard output", print(&document::render(notification))),
            Sink::File(FileSink(file)) => append(file, document::render(notification)).await,
            Sink::Kafka(TopicSink(sink)) => sink.deliver(notification).await,
            Sink::Webhook(HttpSink(sink)) => sink.deliver(notification, now).await,
            Sink::PagerDuty(PagerDutySink(sink)) => sink.deliver(notification).await,
            Sink::Alertmanager(AlertmanagerSink(sink)) => sink.deliver(notification, now).await,
            Sink::Mail(MailSink(sink)) => sink.deliver(notification, now).await,
            Sink::Slack(SlackSink(sink)) => sink.deliver(notification, receipt).await,
        }
    }
}

fn print(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush())
}

async fn append(file: &Arc<Mutex<OpenFile>>, line: String) -> DeliveryResult {
    let shared = Arc::clone(file);
    // Waiting for the disk would stop the other sinks' tasks.
    let written = tokio::task::spawn_blocking(move || {
        shared.lock().unwrap_or_else(PoisonError::into_inner).append(line.as_bytes())
    });
    match written.await {
        Ok(written) => verdict("file", written),
        Err(error) => verdict("file", Err(error)),
    }
}

fn verdict(place: &str, done: Result<(), impl fmt::Display>) -> DeliveryResult {
    match done {
        Ok(()) => DeliveryResult::Sent { receipt: None },
        Err(error) => DeliveryResult::Retry {
            reason: FailureReason::Server,
            why: format!("{place}: {error}"),
            after_ms: None,
        },
    }
}

impl OpenFile {
    fn append(&mut self, line: &[u8]) -> Result<(), JournalError> {
        let mut journal = match self.journal.take() {
            Some(journal) => journal,
            None => Journal::open_with(&self.path, |_| ())?,
        };
        journal.append(line)?;
        journal.sync()?;
        self.journal = Some(journal);
        Ok(())
    }
}

impl Secret {
    /// Keeps a text from being printed.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl fmt::Debug for SinkSettings {
    /// Everything but secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SinkSettings::Stdout => f.write_str("Stdout"),
            SinkSettings::File { path } => f.debug_struct("File").field("path", path).finish(),
            SinkSettings::Kafka { properties, topic, timeout_ms } => f
                .debug_struct("Kafka")
                .field("properties", &Shown(properties))
                .field("topic", topic)
                .field("timeout_ms", timeout_ms)
                .finish(),
            SinkSettings::Webhook(settings) => settings.fmt(f),
            SinkSettings::PagerDuty(settings) => settings.fmt(f),
            SinkSettings::Alertmanager(settings) => settings.fmt(f),
            SinkSettings::Mail(settings) => settings.fmt(f),
            SinkSettings::Slack(settings) => settings.fmt(f),
        }
    }
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SinkError::File(error) => write!(f, "the file sink cannot be used: {error}"),
            SinkError::Kafka(error) => write!(f, "the Kafka sink cannot be used: {error}"),
            SinkError::Webhook { why } => write!(f, "the sink cannot be used: {why}"),
        }
    }
}

impl std::error::Error for SinkError {}

#[cfg(test)]
mod tests;
