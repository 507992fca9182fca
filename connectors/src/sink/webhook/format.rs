//! Formats of the body that a webhook gets.

use model::notification::{Notification, NotificationKind};
use model::severity::Severity;
use model::transition::EpisodeId;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::sink::alertmanager::labels::labels;
use crate::sink::json;

/// Format of the body that a webhook gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WebhookFormat {
    /// JSON document, as other sinks write it.
    #[default]
    Hansho,
    /// Body of version 4, as Alertmanager sends it to its webhooks.
    Alertmanager,
    /// CloudEvents 1.0 event in the structured mode, with the JSON document as its data.
    CloudEvents,
}

/// Returns content type and body.
pub(super) fn render(format: WebhookFormat, of: &Notification) -> (&'static str, String) {
    match format {
        WebhookFormat::Hansho => ("application/json", json::render(of)),
        WebhookFormat::Alertmanager => ("application/json", alertmanager(of).to_string()),
        WebhookFormat::CloudEvents => ("application/cloudevents+json", cloud_event(of)),
    }
}

/// Zero time, as Go programs write it.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

fn alertmanager(of: &Notification) -> Value {
    let is_over = of.kind == NotificationKind::Resolved;
    let status = if is_over { "resolved" } else { "firing" };
    let labels = labels(of);
    let mut annotations = Map::new();
    annotations.insert("summary".to_owned(), of.message.clone().into());
    annotations.insert("description".to_owned(), of.reading.clone().into());
    if let Some(runbook) = &of.runbook {
        annotations.insert("runbook_url".to_owned(), runbook.clone().into());
    }
    let ends_at = if is_over { of.facts.at.to_string() } else { NO_TIME.to_owned() };
    let alert = json!({
        "status": status,
        "labels": labels,
        "annotations": annotations,
        "startsAt": of.facts.since.to_string(),
        "endsAt": ends_at,
        "generatorURL": "",
        "fingerprint": fingerprint(of.incident),
    });
    json!({
        "version": "4",
        "groupKey": of.incident.to_string(),
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "hansho",
        "groupLabels": { "alertname": of.facts.alert },
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "externalURL": "",
        "alerts": [alert],
    })
}

/// Formats 16 hexadecimal digits, as Alertmanager does.
fn fingerprint(of: EpisodeId) -> String {
    of.to_string().get(..16).unwrap_or_default().to_owned()
}

fn cloud_event(of: &Notification) -> String {
    let head = json!({
        "specversion": "1.0",
        "id": of.id,
        "source": "/hansho",
        "type": format!("hansho.notification.{}", of.kind.name()),
        "subject": of.incident.to_string(),
        "time": of.facts.at.to_string(),
        "datacontenttype": "application/json",
        "severitytext": of.facts.severity.name().to_uppercase(),
        "severitynumber": severity_number(of.facts.severity),
    });
    let Value::Object(head) = head else { return String::new() };
    let content = RawValue::from_string(json::render(of)).ok();
    let mut event: Vec<(String, Box<RawValue>)> = Vec::new();
    for (name, value) in head {
        event.extend(RawValue::from_string(value.to_string()).ok().map(|value| (name, value)));
    }
    event.extend(content.map(|content| ("data".to_owned(), content)));
    let members = event.iter().map(|(name, value)| format!("{}:{}", json!(name), value.get()));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// Returns the severity number of OpenTelemetry, where larger is more severe.
const fn severity_number(of: Severity) -> u8 {
    match of {
        Severity::Critical => 21,
        Severity::High => 17,
        Severity::Medium => 13,
        Severity::Low => 9,
    }
}

#[cfg(test)]
mod tests;
