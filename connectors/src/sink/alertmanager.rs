//! Alertmanager, by its API v2: what stands is said again, as Prometheus does.
//!
//! Alertmanager keeps alerts in memory only and takes one for over that nobody has confirmed
//! for a while. So every message says until when it may be believed, [`BELIEVED_MS`], and what
//! is open is repeated before that by [`Alertmanager::refresh`]. An alert is its labels there:
//! only what never changes of an incident is among them, and its severity, so that routes may
//! ask for it; when that rises, the alert of the lesser severity is ended in the same request.

use std::fmt;

use model::notification::{DeliveryResult, FailureReason, Notification, NotificationKind};
use model::severity::Severity;
use model::time::{MINUTE_MS, Timestamp};
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use crate::sink::SinkError;
use crate::sink::format::labels;
use crate::sink::http::{HttpClient, HttpSettings};

/// How long an alert is believed in without being said again, in milliseconds.
pub const BELIEVED_MS: i64 = 4 * MINUTE_MS;
/// How often what stands is said again, in milliseconds.
pub const REFRESH_MS: i64 = MINUTE_MS;
/// Alerts of one request.
pub const BATCH_MAX: usize = 256;
/// Where alerts are posted, below the address of an Alertmanager.
const ALERTS_PATH: &str = "/api/v2/alerts";

/// How a cluster of Alertmanagers is reached.
#[derive(Clone, PartialEq, Eq)]
pub struct AlertmanagerSettings {
    /// All its members, each at its base address.
    pub members: Vec<HttpSettings>,
}

/// A cluster of Alertmanagers.
pub(super) struct Alertmanager {
    members: Vec<HttpClient>,
}

impl Alertmanager {
    pub(super) fn new(settings: &AlertmanagerSettings) -> Result<Alertmanager, SinkError> {
        let members = settings.members.iter().map(|member| HttpClient::below(member, ALERTS_PATH));
        Ok(Alertmanager { members: members.collect::<Result<_, _>>()? })
    }

    /// Tells all members of what happened to an incident; it is delivered when one has it, for
    /// the others hear of it when it is said again.
    pub(super) async fn deliver(&self, of: &Notification, now: Timestamp) -> DeliveryResult {
        self.post(alerts(of, now)).await
    }

    /// Says again what stands, or has ended a short while ago.
    pub(super) async fn refresh(
        &self,
        standing: &[Notification],
        now: Timestamp,
    ) -> DeliveryResult {
        let mut result = DeliveryResult::Sent { receipt: None };
        for batch in standing.chunks(BATCH_MAX) {
            let said =
                batch.iter().map(|of| alert(of, of.facts.severity, ends_at(of, now))).collect();
            match self.post(said).await {
                DeliveryResult::Sent { .. } => {}
                failed => result = failed,
            }
        }
        result
    }

    async fn post(&self, alerts: Vec<Value>) -> DeliveryResult {
        let body = Value::Array(alerts).to_string();
        let mut asked = JoinSet::new();
        for member in self.members.clone() {
            let body = body.clone();
            asked.spawn(async move {
                let headers = [("content-type", "application/json".to_owned())];
                member.post(&headers, body).await
            });
        }
        let mut results = Vec::with_capacity(self.members.len());
        while let Some(result) = asked.join_next().await {
            results.extend(result);
        }
        best(results)
    }
}

/// What an attempt would send.
pub(super) fn preview(of: &Notification) -> String {
    Value::Array(alerts(of, of.facts.at)).to_string()
}

/// The most hopeful of some answers.
fn best(results: Vec<DeliveryResult>) -> DeliveryResult {
    let hope = |result: &DeliveryResult| match result {
        DeliveryResult::Sent { .. } => 0,
        DeliveryResult::Retry { .. } => 1,
        DeliveryResult::Reject { .. } => 2,
    };
    results.into_iter().min_by_key(hope).unwrap_or_else(|| DeliveryResult::Reject {
        reason: FailureReason::Client,
        why: "no Alertmanager is configured".to_owned(),
    })
}

/// The alert, and the ends of those it takes the place of.
fn alerts(of: &Notification, now: Timestamp) -> Vec<Value> {
    let mut alerts = vec![alert(of, of.facts.severity, ends_at(of, now))];
    if of.kind == NotificationKind::Changed {
        let lesser = Severity::ALL.into_iter().filter(|it| it.level() > of.facts.severity.level());
        alerts.extend(lesser.map(|severity| alert(of, severity, now)));
    }
    alerts
}

fn ends_at(of: &Notification, now: Timestamp) -> Timestamp {
    match of.kind {
        NotificationKind::Resolved => of.facts.at.min(now),
        _ => now.plus(BELIEVED_MS),
    }
}

fn alert(of: &Notification, severity: Severity, ends_at: Timestamp) -> Value {
    let mut labels = labels(of);
    labels.insert("severity".to_owned(), severity.name().into());
    labels.insert("severity_level".to_owned(), severity.level().to_string().into());
    json!({
        "labels": labels,
        "annotations": annotations(of),
        // An alert must not end before it begins.
        "startsAt": of.facts.since.min(ends_at).to_string(),
        "endsAt": ends_at.to_string(),
    })
}

/// What may change from message to message.
fn annotations(of: &Notification) -> Map<String, Value> {
    let decimal = |value: Option<model::decimal::Decimal>| value.map(|value| value.to_string());
    let given = [
        ("incident_id", Some(of.incident.to_string())),
        ("summary", Some(of.message.clone())),
        ("description", Some(of.reading.clone())),
        ("runbook_url", of.runbook.clone()),
        ("value", decimal(of.measured.value)),
        ("threshold", decimal(of.measured.threshold)),
        ("deadline", of.deadline.map(|deadline| deadline.to_string())),
        ("acknowledged_by", of.by.clone()),
    ];
    let given = given.into_iter().filter_map(|(name, text)| Some((name, text?)));
    given
        .filter(|(_, text)| !text.is_empty())
        .map(|(name, text)| (name.to_owned(), text.into()))
        .collect()
}

impl fmt::Debug for AlertmanagerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlertmanagerSettings").field("members", &self.members).finish()
    }
}

#[cfg(test)]
mod tests;
