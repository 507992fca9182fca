//! A notification as one JSON document, the same for every sink.

use model::decimal::Decimal;
use model::key::KeyValue;
use model::notification::{Missed, Notification};
use model::time::Timestamp;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

/// One line of JSON: fields in a fixed order, times RFC 3339, numbers exact, no line break.
///
/// `id` identifies the notification for deduplication, `incident` what it is about; `level`
/// is the severity as 1 (most severe) to 4; `deadline` is null where the response is "as
/// planned"; `value` and `threshold` are in base units.
pub fn render(notification: &Notification) -> String {
    // Only a map whose keys are no strings, or a failing writer, could fail here.
    serde_json::to_string(&Document(notification)).unwrap_or_default()
}

struct Document<'a>(&'a Notification);

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Notification {
            id,
            kind,
            incident,
            alert,
            severity,
            key,
            at,
            since,
            detected,
            deadline,
            value,
            threshold,
            reason,
            message,
            reading,
            runbook,
            labels,
            by,
            missed,
            digest,
        } = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", id)?;
        map.serialize_entry("kind", kind.name())?;
        map.serialize_entry("incident", &incident.to_string())?;
        map.serialize_entry("alert", alert)?;
        map.serialize_entry("severity", severity.name())?;
        map.serialize_entry("level", &severity.level())?;
        map.serialize_entry("key", &Pairs(key, Component))?;
        map.serialize_entry("at", &time(*at))?;
        map.serialize_entry("since", &time(*since))?;
        map.serialize_entry("detected", &time(*detected))?;
        map.serialize_entry("deadline", &deadline.map(time))?;
        map.serialize_entry("value", &value.and_then(number))?;
        map.serialize_entry("threshold", &threshold.and_then(number))?;
        map.serialize_entry("reason", &reason.map(|reason| reason.name()))?;
        map.serialize_entry("message", message)?;
        map.serialize_entry("reading", reading)?;
        map.serialize_entry("runbook", runbook)?;
        map.serialize_entry("labels", &Pairs(labels, |text| text))?;
        if let Some(by) = by {
            map.serialize_entry("by", by)?;
        }
        if let Some(Missed { at, why }) = missed {
            map.serialize_entry("missed_at", &time(*at))?;
            map.serialize_entry("missed_why", why)?;
        }
        if let Some(digest) = digest {
            map.serialize_entry("news", &digest.news)?;
            map.serialize_entry("ended", &digest.ended)?;
            if digest.is_flapping {
                map.serialize_entry("flapping", &true)?;
            }
            map.serialize_entry("alerts", &Pairs(&digest.alerts, |count: &u64| *count))?;
        }
        map.end()
    }
}

fn time(at: Timestamp) -> String {
    at.to_string()
}

/// The decimal's own digits: a float would round them.
fn number(value: Decimal) -> Option<Box<RawValue>> {
    RawValue::from_string(value.to_string()).ok()
}

/// Named values as an object, in their own order.
struct Pairs<'a, V, F>(&'a [(String, V)], F);

impl<'a, V, T: Serialize, F: Fn(&'a V) -> T> Serialize for Pairs<'a, V, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, (self.1)(value))))
    }
}

/// One component of a key; an address is text.
struct Component<'a>(&'a KeyValue);

impl Serialize for Component<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            KeyValue::Null => serializer.serialize_none(),
            KeyValue::Text(text) => serializer.serialize_str(text),
            KeyValue::Int(value) => serializer.serialize_i64(*value),
            KeyValue::Bool(value) => serializer.serialize_bool(*value),
            KeyValue::Ip(value) => serializer.collect_str(value),
        }
    }
}

#[cfg(test)]
mod tests;
