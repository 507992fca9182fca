//! PagerDuty sink over the Events API v2: one PagerDuty incident per incident.

use std::fmt;

use model::notification::{DeliveryResult, Notification, NotificationKind};
use model::severity::Severity;
use model::time::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    DeliveryFuture, ResolvedSink, Sink, SinkConfig, SinkContext, SinkError, SinkKind, SinkSettings,
    json,
};
use crate::secret::{ExternalSecret, SecretText};
use crate::sink::http::{HttpClient, HttpSettings, SecretUrl};

pub(super) static KIND: SinkKind =
    SinkKind { spacing_ms: SPACING_MS, ..SinkKind::new::<PagerDutyConfig>("pagerduty") };

/// Default address of the API.
pub const EVENTS_URL: &str = "https://events.pagerduty.com/v2/enqueue";
/// Maximum length of a summary, in characters, as limited by PagerDuty.
pub const SUMMARY_MAX: usize = 1024;
/// Maximum size of an event, in bytes, as limited by PagerDuty.
pub const EVENT_BYTES_MAX: usize = 512 << 10;
/// Minimum time between two events, in milliseconds.
pub const SPACING_MS: i64 = 500;

/// Keys of the sink.
#[derive(Clone, Debug, Deserialize)]
struct PagerDutyConfig {
    url: Option<SecretUrl>,
    routing_key: ExternalSecret,
    #[serde(default)]
    allow_private: bool,
}

/// Settings of the sink.
#[derive(Clone, PartialEq, Eq)]
pub struct PagerDutySettings {
    /// Client of the Events API.
    pub http: HttpSettings,
    /// Integration key.
    pub routing_key: SecretText,
}

/// PagerDuty service as a sink.
pub(super) struct PagerDutySink {
    client: HttpClient,
    routing_key: SecretText,
}

impl SinkConfig for PagerDutyConfig {
    fn resolve(&self, context: &SinkContext<'_>) -> Result<ResolvedSink, SinkError> {
        let url = match &self.url {
            Some(url) => url.reveal(context)?,
            None => SecretText::new(EVENTS_URL),
        };
        let http = HttpSettings::new(url, self.allow_private);
        let routing_key = context.reveal_external(&self.routing_key)?;
        Ok(ResolvedSink::new(PagerDutySettings { http, routing_key }))
    }
}

impl SinkSettings for PagerDutySettings {
    fn open(&self) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(PagerDutySink::new(self)?))
    }
}

impl PagerDutySink {
    fn new(settings: &PagerDutySettings) -> Result<PagerDutySink, SinkError> {
        let routing_key = settings.routing_key.clone();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric();
        if routing_key.expose().is_empty() || !routing_key.expose().bytes().all(is_plain) {
            let why = "the routing key is no integration key of PagerDuty: 32 letters and digits";
            return Err(SinkError::refused(why));
        }
        let client = HttpClient::new(&settings.http)?.redacting(&routing_key);
        Ok(PagerDutySink { client, routing_key })
    }

    async fn post(&self, notification: &Notification) -> DeliveryResult {
        let headers = [("content-type", "application/json".to_owned())];
        self.client.post(&headers, event(notification, self.routing_key.expose())).await
    }
}

impl Sink for PagerDutySink {
    fn deliver<'a>(
        &'a self,
        notification: &'a Notification,
        _receipt: Option<&'a str>,
        _now: Timestamp,
    ) -> DeliveryFuture<'a> {
        Box::pin(self.post(notification))
    }

    fn preview(&self, notification: &Notification) -> String {
        event(notification, "…")
    }
}

/// Builds the event, without its details if it is too large.
fn event(of: &Notification, routing_key: &str) -> String {
    let action = match of.kind {
        NotificationKind::Resolved => "resolve",
        NotificationKind::Acknowledged => "acknowledge",
        _ => "trigger",
    };
    let mut event = json!({
        "routing_key": routing_key,
        "event_action": action,
        "dedup_key": of.incident.to_string(),
    });
    if action == "trigger" {
        let details: Value = serde_json::from_str(&json::render(of)).unwrap_or_default();
        let payload = json!({
            "summary": summary(of),
            "source": source(of),
            "severity": severity(of.facts.severity),
            "timestamp": of.facts.at.to_string(),
            "class": of.facts.alert,
            "custom_details": details,
        });
        let links: Vec<Value> =
            of.runbook.iter().map(|href| json!({ "href": href, "text": "runbook" })).collect();
        if let Value::Object(event) = &mut event {
            event.insert("payload".to_owned(), payload);
            event.insert("client".to_owned(), "hansho".into());
            event.insert("links".to_owned(), links.into());
        }
    }
    let text = event.to_string();
    if text.len() <= EVENT_BYTES_MAX {
        return text;
    }
    if let Some(Value::Object(payload)) = event.get_mut("payload") {
        payload.remove("custom_details");
    }
    event.to_string()
}

/// Returns `[L1] alert: message`, truncated at a character boundary.
fn summary(of: &Notification) -> String {
    let whole = format!("[L{}] {}: {}", of.facts.severity.level(), of.facts.alert, of.message);
    let plain = whole.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut cut: Vec<char> = plain.collect();
    if cut.len() > SUMMARY_MAX {
        cut.truncate(SUMMARY_MAX - 1);
        cut.push('…');
    }
    cut.into_iter().collect()
}

/// Returns the source of the event: the key, or else the alert.
fn source(of: &Notification) -> String {
    let parts: Vec<String> =
        of.facts.key.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if parts.is_empty() { of.facts.alert.clone() } else { parts.join(" ") }
}

const fn severity(of: Severity) -> &'static str {
    match of {
        Severity::Critical => "critical",
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "info",
    }
}

impl fmt::Debug for PagerDutySettings {
    /// Shows everything but the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PagerDutySettings").field("http", &self.http).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
