//! PagerDuty, by its Events API v2: one incident there for each of ours.

use std::fmt;

use model::notification::{DeliveryResult, Notification, NotificationKind};
use model::severity::Severity;
use serde_json::{Value, json};

use super::document;
use crate::sink::http::{HttpClient, HttpSettings};
use crate::sink::{Secret, SinkError};

/// Where events go unless the settings say otherwise.
pub const EVENTS_URL: &str = "https://events.pagerduty.com/v2/enqueue";
/// Characters of a summary that PagerDuty takes.
pub const SUMMARY_MAX: usize = 1024;
/// Bytes of an event that it takes.
pub const EVENT_BYTES_MAX: usize = 512 << 10;
/// The least time between two events, in milliseconds.
pub const SPACING_MS: i64 = 500;

/// How PagerDuty is reached.
#[derive(Clone, PartialEq, Eq)]
pub struct PagerDutySettings {
    /// Where events go.
    pub http: HttpSettings,
    /// Of the integration.
    pub routing_key: Secret,
}

/// A service of PagerDuty.
pub(super) struct PagerDuty {
    client: HttpClient,
    routing_key: Secret,
}

impl PagerDuty {
    pub(super) fn new(settings: &PagerDutySettings) -> Result<PagerDuty, SinkError> {
        let routing_key = settings.routing_key.clone();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric();
        if routing_key.expose().is_empty() || !routing_key.expose().bytes().all(is_plain) {
            let why = "the routing key is no integration key of PagerDuty: 32 letters and digits";
            return Err(SinkError::Webhook { why: why.to_owned() });
        }
        let client = HttpClient::new(&settings.http)?.hiding(&routing_key);
        Ok(PagerDuty { client, routing_key })
    }

    pub(super) async fn deliver(&self, notification: &Notification) -> DeliveryResult {
        let headers = [("content-type", "application/json".to_owned())];
        self.client.post(&headers, event(notification, self.routing_key.expose())).await
    }
}

/// The event without its key.
pub(super) fn preview(notification: &Notification) -> String {
    event(notification, "…")
}

/// The event; where it is too large, without its details.
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
        let details: Value = serde_json::from_str(&document::render(of)).unwrap_or_default();
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

/// `[L1] alert: message`, cut at a character.
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

/// What is affected: the key, or else the alert.
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
    /// Everything but the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PagerDutySettings").field("http", &self.http).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
