//! Routes: who is told, under which id, and by when a person should respond.

use model::notification::{Notification, NotificationKind};
use model::severity::Severity;
use model::time::Timestamp;

use crate::hash::fnv_64;
use crate::incident::Notice;
use crate::severities::Severities;

/// Someone who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// Its name, part of every notification id: a renamed receiver is a new one.
    pub name: String,
    /// What it is told of.
    pub severities: Severities,
    /// Whether it is told of the end as well.
    pub send_resolved: bool,
}

/// How long a person may take to respond, by severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    response_ms: [Option<i64>; 4],
}

/// Everyone who may be told; a receiver's place here is its number in the outbox.
#[derive(Clone, Debug)]
pub struct Receivers {
    receivers: Vec<Receiver>,
    deadlines: Deadlines,
}

impl Receivers {
    /// The receivers in the order of their numbers.
    pub fn new(receivers: Vec<Receiver>, deadlines: Deadlines) -> Receivers {
        Receivers { receivers, deadlines }
    }

    /// All of them, by number.
    pub fn all(&self) -> &[Receiver] {
        &self.receivers
    }

    /// One notification for each receiver that is to hear of the notice, with its number.
    ///
    /// The end goes to everyone who was told of the incident at any of its severities.
    pub fn route(&self, notice: &Notice) -> impl Iterator<Item = (usize, Notification)> {
        let wanted = self.receivers.iter().enumerate().filter(|(_, receiver)| match notice.kind {
            NotificationKind::Resolved => {
                receiver.send_resolved && receiver.severities.meets(notice.told)
            }
            _ => receiver.severities.contains(notice.severity),
        });
        wanted.map(|(number, receiver)| (number, self.notification(receiver, notice)))
    }

    fn notification(&self, receiver: &Receiver, notice: &Notice) -> Notification {
        Notification {
            id: notification_id(notice, &receiver.name),
            kind: notice.kind,
            incident: notice.incident,
            alert: notice.alert.clone(),
            severity: notice.severity,
            key: notice.key.clone(),
            at: notice.at,
            since: notice.since,
            detected: notice.text.detected,
            deadline: self.deadlines.deadline(notice.severity, notice.responds_from),
            value: notice.value,
            threshold: notice.threshold,
            reason: notice.reason,
            message: notice.text.message.clone(),
            reading: notice.text.reading.clone(),
            runbook: notice.text.runbook.clone(),
            labels: notice.text.labels.clone(),
            by: None,
        }
    }
}

/// The idempotency key: equal for every attempt, also for those after a restart.
///
/// Short printable ASCII, so that it fits a header whatever the receiver is called. An
/// incident opens and ends once, rises to a severity once, and matches again once an instant.
pub fn notification_id(notice: &Notice, receiver: &str) -> String {
    let which = match notice.kind {
        NotificationKind::Firing | NotificationKind::Resolved => String::new(),
        NotificationKind::Changed => format!("-{}", notice.severity),
        NotificationKind::Again
        | NotificationKind::Acknowledged
        | NotificationKind::Escalated
        | NotificationKind::Reminder => format!("-{}", notice.at.0),
    };
    let (incident, kind) = (notice.incident, notice.kind.name());
    format!("{incident}-{kind}{which}-{:016x}", fnv_64(receiver.as_bytes()))
}

impl Default for Deadlines {
    /// The manual's: 30 minutes, 2 hours, 24 hours, as planned.
    fn default() -> Deadlines {
        Deadlines { response_ms: Severity::ALL.map(Severity::default_response_ms) }
    }
}

impl Deadlines {
    /// The table with one response time replaced, in milliseconds; `None` is "as planned".
    pub fn with(mut self, severity: Severity, response_ms: Option<i64>) -> Deadlines {
        let place = usize::from(severity.level() - 1);
        if let Some(slot) = self.response_ms.get_mut(place) {
            *slot = response_ms;
        }
        self
    }

    /// The response time in milliseconds; `None` is "as planned".
    pub fn response_ms(&self, severity: Severity) -> Option<i64> {
        self.response_ms.get(usize::from(severity.level() - 1)).copied().flatten()
    }

    /// When a person should have responded to what began at an instant.
    pub fn deadline(&self, severity: Severity, from: Timestamp) -> Option<Timestamp> {
        self.response_ms(severity).map(|response_ms| from.plus(response_ms))
    }
}

#[cfg(test)]
mod tests;
