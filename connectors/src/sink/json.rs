//! JSON document of a notification, the same for every sink.

use model::notification::{Digest, MissedDelivery, Notification, NotificationKind};
use model::time::Timestamp;
use model::transition::{EndReason, EpisodeId};
use serde::Serialize;

use crate::published::{FactMembers, MeasurementMembers, pairs};

/// Encodes a notification as one line of JSON: fields in a fixed order, times RFC 3339, numbers
/// exact, no line break.
///
/// `id` identifies the notification for deduplication, `incident` its incident; `level` is the
/// severity as 1 (most severe) to 4; `deadline` is null where the response is "as planned"; `value`
/// and `threshold` are in base units.
pub fn render(notification: &Notification) -> String {
    // Serialization can only fail for non-string keys or a failing writer.
    serde_json::to_string(&JsonDocument::from(notification)).unwrap_or_default()
}

/// Fields of the document, in their order.
#[derive(Serialize)]
struct JsonDocument<'a> {
    id: &'a str,
    kind: NotificationKind,
    incident: EpisodeId,
    #[serde(flatten)]
    facts: FactMembers<'a>,
    detected: Timestamp,
    deadline: Option<Timestamp>,
    #[serde(flatten)]
    measured: MeasurementMembers,
    reason: Option<EndReason>,
    message: &'a str,
    reading: &'a str,
    runbook: Option<&'a str>,
    #[serde(serialize_with = "pairs")]
    labels: &'a [(String, String)],
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    #[serde(flatten)]
    missed: Option<MissedMembers<'a>>,
    #[serde(flatten)]
    digest: Option<DigestMembers<'a>>,
}

/// Fields of a document that replaces an undelivered one.
#[derive(Serialize)]
struct MissedMembers<'a> {
    missed_at: Timestamp,
    missed_why: Option<&'a str>,
}

/// Fields of a digest.
#[derive(Serialize)]
struct DigestMembers<'a> {
    news: u64,
    ended: u64,
    #[serde(rename = "flapping", skip_serializing_if = "std::ops::Not::not")]
    is_flapping: bool,
    #[serde(serialize_with = "pairs")]
    alerts: &'a [(String, u64)],
}

impl<'a> From<&'a Notification> for JsonDocument<'a> {
    fn from(of: &'a Notification) -> JsonDocument<'a> {
        let missed = |MissedDelivery { at, why }: &'a MissedDelivery| MissedMembers {
            missed_at: *at,
            missed_why: why.as_deref(),
        };
        let digest = |digest: &'a Digest| DigestMembers {
            news: digest.news,
            ended: digest.ended,
            is_flapping: digest.is_flapping,
            alerts: &digest.alerts,
        };
        JsonDocument {
            id: &of.id,
            kind: of.kind,
            incident: of.incident,
            facts: (&of.facts).into(),
            detected: of.detected,
            deadline: of.deadline,
            measured: of.measured.into(),
            reason: of.reason,
            message: &of.message,
            reading: &of.reading,
            runbook: of.runbook.as_deref(),
            labels: &of.labels,
            by: of.by.as_deref(),
            missed: of.missed.as_ref().map(missed),
            digest: of.digest.as_deref().map(digest),
        }
    }
}

#[cfg(test)]
mod tests;
