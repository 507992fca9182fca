//! Alertmanager sink over the API v2: open alerts are resent, as Prometheus does.
//!
//! Alertmanager keeps alerts in memory only and resolves one that is not resent for a while. So
//! every alert ends after [`ALERT_TTL_MS`], and open ones are resent before that by
//! [`Sink::resend`], every [`RESEND_INTERVAL_MS`]. Labels are the identity of an alert there: they
//! contain only what is constant during an incident, and the severity, so that routes can match it;
//! when the severity rises, the same request ends the alert of the lower severity.

mod config;
pub(super) mod labels;

use model::notification::{DeliveryResult, FailureReason, Notification, NotificationKind};
use model::severity::Severity;
use model::time::{MINUTE_MS, Timestamp};
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use self::config::AlertmanagerConfig;
use self::labels::labels;
use super::{DeliveryFuture, Sink, SinkError, SinkKind, SinkSettings};
use crate::sink::http::{HttpClient, HttpSettings};

pub(super) static KIND: SinkKind =
    SinkKind { needs_resend: true, ..SinkKind::new::<AlertmanagerConfig>("alertmanager") };

/// Time after which an alert ends unless it is resent, in milliseconds.
pub const ALERT_TTL_MS: i64 = 4 * MINUTE_MS;
/// Interval between resends of open alerts, in milliseconds.
pub const RESEND_INTERVAL_MS: i64 = MINUTE_MS;
/// Maximum number of alerts in one request.
pub const BATCH_MAX: usize = 256;
/// Path of the alerts API below the address of an Alertmanager.
const ALERTS_PATH: &str = "/api/v2/alerts";

/// Settings of the sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertmanagerSettings {
    /// Members of the cluster, each with its base address.
    pub members: Vec<HttpSettings>,
}

/// Alertmanager cluster as a sink.
pub(super) struct AlertmanagerSink {
    members: Vec<HttpClient>,
}

impl SinkSettings for AlertmanagerSettings {
    fn open(&self) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(AlertmanagerSink::new(self)?))
    }
}

impl AlertmanagerSink {
    fn new(settings: &AlertmanagerSettings) -> Result<AlertmanagerSink, SinkError> {
        let members = settings.members.iter().map(|member| HttpClient::below(member, ALERTS_PATH));
        Ok(AlertmanagerSink { members: members.collect::<Result<_, _>>()? })
    }

    async fn resend_all(&self, open: &[Notification], now: Timestamp) -> DeliveryResult {
        let mut result = DeliveryResult::Sent { receipt: None };
        for batch in open.chunks(BATCH_MAX) {
            let alerts =
                batch.iter().map(|of| alert(of, of.facts.severity, ends_at(of, now))).collect();
            match self.post(alerts).await {
                DeliveryResult::Sent { .. } => {}
                failed => result = failed,
            }
        }
        result
    }

    /// Posts to all members; it counts as delivered when one accepted it, for the others get it
    /// with the next resend.
    async fn post(&self, alerts: Vec<Value>) -> DeliveryResult {
        let body = Value::Array(alerts).to_string();
        let mut requests = JoinSet::new();
        for member in self.members.clone() {
            let body = body.clone();
            requests.spawn(async move {
                let headers = [("content-type", "application/json".to_owned())];
                member.post(&headers, body).await
            });
        }
        let mut results = Vec::with_capacity(self.members.len());
        while let Some(result) = requests.join_next().await {
            results.extend(result);
        }
        best(results)
    }
}

impl Sink for AlertmanagerSink {
    fn deliver<'a>(
        &'a self,
        notification: &'a Notification,
        _receipt: Option<&'a str>,
        now: Timestamp,
    ) -> DeliveryFuture<'a> {
        Box::pin(self.post(alerts(notification, now)))
    }

    fn preview(&self, notification: &Notification) -> String {
        Value::Array(alerts(notification, notification.facts.at)).to_string()
    }

    fn resend<'a>(&'a self, open: &'a [Notification], now: Timestamp) -> DeliveryFuture<'a> {
        Box::pin(self.resend_all(open, now))
    }
}

/// Returns the best of some results.
fn best(results: Vec<DeliveryResult>) -> DeliveryResult {
    let rank = |result: &DeliveryResult| match result {
        DeliveryResult::Sent { .. } => 0,
        DeliveryResult::Retry { .. } => 1,
        DeliveryResult::Reject { .. } => 2,
    };
    results.into_iter().min_by_key(rank).unwrap_or_else(|| DeliveryResult::Reject {
        reason: FailureReason::Client,
        why: "no Alertmanager is configured".to_owned(),
    })
}

/// Returns the alert, and the ends of the alerts that it replaces.
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
        _ => now.plus(ALERT_TTL_MS),
    }
}

fn alert(of: &Notification, severity: Severity, ends_at: Timestamp) -> Value {
    let mut labels = labels(of);
    labels.insert("severity".to_owned(), severity.name().into());
    labels.insert("severity_level".to_owned(), severity.level().to_string().into());
    json!({
        "labels": labels,
        "annotations": annotations(of),
        // An alert must not end before it starts.
        "startsAt": of.facts.since.min(ends_at).to_string(),
        "endsAt": ends_at.to_string(),
    })
}

/// Annotations: fields that may change during an incident.
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
    ]
    .into_iter()
    .filter_map(|(name, text)| Some((name, text?)));
    given
        .filter(|(_, text)| !text.is_empty())
        .map(|(name, text)| (name.to_owned(), text.into()))
        .collect()
}

#[cfg(test)]
mod tests;
