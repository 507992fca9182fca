//! Sinks: deliver notifications, each over one protocol.
//!
//! A sink makes one attempt per call and returns its result; the outbox decides on retries. Each
//! kind of sink is one module: configuration, validation, texts, preview and tests. [`SINK_KINDS`]
//! lists the kinds.

mod config;
pub mod http;
pub mod json;
mod redact;
mod registry;
pub mod text;

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use model::notification::{DeliveryResult, Notification};
use model::time::Timestamp;

pub use config::{SinkConfig, SinkConfigError, SinkContext};
pub use registry::{ConfiguredSink, SinkKind};

// The closed table of kinds, one line each.
registry::sink_kinds! {
    webhook,
    slack,
    teams,
    mail,
    alertmanager,
    pagerduty,
    kafka,
    file,
    stdout,
}

/// Default timeout of one attempt, in milliseconds.
pub const DELIVERY_TIMEOUT_MS: u64 = 10_000;

/// Future of an attempt.
pub type DeliveryFuture<'a> = Pin<Box<dyn Future<Output = DeliveryResult> + Send + 'a>>;

/// Delivery of notifications over one protocol.
pub trait Sink: Send + Sync {
    /// Makes exactly one attempt, at the instant `now`; `receipt` identifies the last message of
    /// the incident at the receiver, if any.
    fn deliver<'a>(
        &'a self,
        notification: &'a Notification,
        receipt: Option<&'a str>,
        now: Timestamp,
    ) -> DeliveryFuture<'a>;

    /// Returns the text that an attempt would send, without its secrets.
    fn preview(&self, notification: &Notification) -> String;

    /// Resends the state of open incidents, for receivers that forget alerts that are not repeated
    /// ([`SinkKind::needs_resend`]). Sinks of other kinds send nothing.
    fn resend<'a>(&'a self, _open: &'a [Notification], _now: Timestamp) -> DeliveryFuture<'a> {
        Box::pin(std::future::ready(DeliveryResult::Sent { receipt: None }))
    }
}

/// Settings of a sink, complete and with secrets revealed. Equal settings make the same sink.
/// `Debug` must show no secret.
pub trait SinkSettings: fmt::Debug + PartialEq + Send + Sync + 'static {
    /// Creates the sink; an unreachable receiver is no error.
    ///
    /// # Errors
    /// [`SinkError::Refused`] for settings that can never work.
    fn open(&self) -> Result<Box<dyn Sink>, SinkError>;
}

/// Settings of a sink of any kind.
#[derive(Clone, Debug)]
pub struct ResolvedSink(Arc<dyn AnySettings>);

/// Error of a sink that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkError {
    /// A secret or file cannot be resolved.
    Unresolved {
        /// Reference and cause.
        why: String,
    },
    /// The settings can never work.
    Refused {
        /// Name of the setting and the problem.
        why: String,
    },
}

/// Type-erased [`SinkSettings`].
trait AnySettings: fmt::Debug + Any + Send + Sync {
    fn is_equal(&self, other: &dyn AnySettings) -> bool;
    fn open_sink(&self) -> Result<Box<dyn Sink>, SinkError>;
}

impl<S: SinkSettings> AnySettings for S {
    fn is_equal(&self, other: &dyn AnySettings) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<S>() == Some(self)
    }

    fn open_sink(&self) -> Result<Box<dyn Sink>, SinkError> {
        self.open()
    }
}

impl ResolvedSink {
    /// Wraps the settings of one kind.
    pub fn new(settings: impl SinkSettings) -> ResolvedSink {
        ResolvedSink(Arc::new(settings))
    }

    /// Creates the sink, as [`SinkSettings::open`] does.
    ///
    /// # Errors
    /// Those of [`SinkSettings::open`].
    pub fn open(&self) -> Result<Box<dyn Sink>, SinkError> {
        self.0.open_sink()
    }
}

impl PartialEq for ResolvedSink {
    fn eq(&self, other: &ResolvedSink) -> bool {
        self.0.is_equal(&*other.0)
    }
}

impl SinkError {
    /// Returns the error of settings that can never work.
    pub fn refused(why: impl fmt::Display) -> SinkError {
        SinkError::Refused { why: why.to_string() }
    }

    /// Returns the error of a reference that cannot be resolved.
    pub fn unresolved(why: impl fmt::Display) -> SinkError {
        SinkError::Unresolved { why: why.to_string() }
    }
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SinkError::Unresolved { why } => f.write_str(why),
            SinkError::Refused { why } => write!(f, "the sink cannot be used: {why}"),
        }
    }
}

impl std::error::Error for SinkError {}

#[cfg(test)]
mod tests;
