//! The forms in which a webhook gets a notification.

use std::fmt::Write;

use model::key::KeyValue;
use model::notification::{Notification, NotificationKind};
use model::severity::Severity;
use model::transition::EpisodeId;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::document;

/// What a webhook is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// The document every other sink gets.
    #[default]
    Hansho,
    /// The body of version 4 that Alertmanager sends to its webhooks.
    Alertmanager,
    /// A CloudEvents 1.0 event in the structured mode, with the document as its content.
    CloudEvents,
}

/// The content type and the body.
pub(super) fn written(format: Format, of: &Notification) -> (&'static str, String) {
    match format {
        Format::Hansho => ("application/json", document::render(of)),
        Format::Alertmanager => ("application/json", alertmanager(of).to_string()),
        Format::CloudEvents => ("application/cloudevents+json", cloud_event(of)),
    }
}

/// The time that stands for none in what Go programs write.
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

/// 16 hexadecimal digits, as Alertmanager's are.
fn fingerprint(of: EpisodeId) -> String {
    of.to_string().get(..16).unwrap_or_default().to_owned()
}

/// The rule's labels and the key, under names that Prometheus takes; some are the alert's
/// own ([`OWN`]).
pub(super) fn labels(of: &Notification) -> Map<String, Value> {
    let mut labels = Map::new();
    for (name, value) in &of.labels {
        labels.insert(label_name(name), value.clone().into());
    }
    for (name, value) in &of.facts.key {
        // Alertmanager takes an empty value for no label at all.
        let text = match value {
            KeyValue::Null => continue,
            KeyValue::Text(text) if text.is_empty() => "\"\"".to_owned(),
            value => value.to_string(),
        };
        labels.insert(label_name(name), text.into());
    }
    labels.insert("alertname".to_owned(), of.facts.alert.clone().into());
    labels.insert("severity".to_owned(), of.facts.severity.name().into());
    labels
}

/// Names that are the alert's own.
const OWN: [&str; 3] = ["alertname", "severity", "severity_level"];

/// A name as `[a-zA-Z_][a-zA-Z0-9_]*`, different ones for different names: letters and digits
/// stand for themselves, `__` for a low line, `_HEX_` for any other character; so does the
/// first of a name that begins with a digit or would be one of the alert's own.
pub(super) fn label_name(name: &str) -> String {
    let is_own = OWN.contains(&name);
    let mut written = String::new();
    for (place, c) in name.chars().enumerate() {
        let is_first_escaped = place == 0 && (is_own || c.is_ascii_digit());
        match c {
            '_' => written.push_str("__"),
            c if c.is_ascii_alphanumeric() && !is_first_escaped => written.push(c),
            // Writing to a text cannot fail.
            c => drop(write!(written, "_{:x}_", c as u32)),
        }
    }
    if written.is_empty() { "_0_".to_owned() } else { written }
}

/// The name that [`label_name`] wrote; `None` where it did not.
#[cfg(test)]
pub(super) fn read_label_name(written: &str) -> Option<String> {
    if written == "_0_" {
        return Some(String::new());
    }
    let mut name = String::new();
    let mut rest = written;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("__") {
            name.push('_');
            rest = after;
        } else if let Some(after) = rest.strip_prefix('_') {
            let (hex, after) = after.split_once('_')?;
            name.push(char::from_u32(u32::from_str_radix(hex, 16).ok()?)?);
            rest = after;
        } else {
            name.push(c);
            rest = rest.get(c.len_utf8()..)?;
        }
    }
    Some(name)
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
    let content = RawValue::from_string(document::render(of)).ok();
    let mut event: Vec<(String, Box<RawValue>)> = Vec::new();
    for (name, value) in head {
        event.extend(RawValue::from_string(value.to_string()).ok().map(|value| (name, value)));
    }
    event.extend(content.map(|content| ("data".to_owned(), content)));
    let members = event.iter().map(|(name, value)| format!("{}:{}", json!(name), value.get()));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// OpenTelemetry's scale, on which the larger is the worse.
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
