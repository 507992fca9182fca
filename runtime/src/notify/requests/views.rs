//! Views of on-call's state: what each answer shows of it.

use model::alert_facts::Measurement;
use model::notification::{DeliveryResult, Notification};
use model::time::Timestamp;
use oncall::engine::{AuditRecord, DeadNotification, IncidentEngine, SilenceMatches};
use oncall::episode_fold::{AlertText, OffsetRange};
use oncall::incident::{DeliveryState, Incident, IncidentState, LifecycleTimes};
use oncall::matcher::{MatchSubject, Matcher};
use oncall::outbox::{DeliveryFailure, OutboxEntry};
use oncall::silence::Silence;

use super::answers::{
    AlertTextView, AuditEntry, DroppedNotificationView, EscalationView, FailureView,
    IncidentCounts, IncidentList, IncidentTimes, IncidentView, MeasureView, NotificationList,
    OffsetRangeView, PendingNotificationView, ReceiverCounts, ReceiverState, RouteAnswer,
    RouteReceiver, SilencePreview, SilenceView, StatusView, TestAttempt,
};
use super::sample::SampleAlert;
use super::text_form::TextValue;

/// Most incidents, notifications or entries in one answer; a list says how many it left out.
pub const LISTED_MAX: usize = 1_000;

/// Incidents by their next deadline: those without a response, then the others, then the newest.
pub(super) fn incidents(
    engine: &IncidentEngine,
    states: &[IncidentState],
    now: Timestamp,
) -> IncidentList {
    let mut found: Vec<&Incident> =
        engine.incidents().filter(|it| states.contains(&it.state)).collect();
    found.sort_by_key(|incident| {
        let due = incident.deadline.filter(|_| incident.state == IncidentState::Firing);
        (incident.state, due.map_or(i64::MAX, |due| due.0), -incident.times.fired.0, incident.id)
    });
    let left_out = found.len().saturating_sub(LISTED_MAX);
    let incidents =
        found.into_iter().take(LISTED_MAX).map(|incident| summary(incident, now)).collect();
    IncidentList { incidents, left_out }
}

/// An incident in full.
pub(super) fn incident(incident: &Incident, now: Timestamp) -> IncidentView {
    let receivers = incident.receivers.iter();
    let states = receivers.map(|(name, notified)| (name.clone(), ReceiverState::from(notified)));
    IncidentView {
        receivers: Some(states.collect()),
        timeline: Some(incident.timeline.clone()),
        ..summary(incident, now)
    }
}

/// An incident as a list shows it.
fn summary(incident: &Incident, now: Timestamp) -> IncidentView {
    let unanswered = incident.deadline.filter(|_| incident.state == IncidentState::Firing);
    let left_ms = unanswered.map(|due| due.0.saturating_sub(now.0));
    let key = incident.key.iter().map(|(name, value)| (name.clone(), value.to_string()));
    IncidentView {
        alert: incident.alert.clone(),
        at_end: incident.at_end.as_ref().map(MeasureView::from),
        at_fire: MeasureView::from(&incident.at_fire),
        deadline: incident.deadline,
        end_text: incident.end_text.as_ref().map(AlertTextView::from),
        escalation: incident.escalation.map(|of| EscalationView {
            due: of.due,
            from: of.from,
            round: of.round,
            step: of.step,
        }),
        group_wait_until: incident.batch,
        id: incident.id,
        is_breached: incident.is_breached,
        is_flapping: incident.is_flapping,
        key: key.collect(),
        level: incident.severity.level(),
        owner: incident.owner.clone(),
        phase: incident.phase().map(TextValue),
        reason: incident.reason,
        receivers: None,
        reminder: incident.reminder,
        responds_in_s: left_ms.map(|ms| ms.div_euclid(1000)),
        severity: incident.severity,
        since: incident.since,
        state: TextValue(incident.state),
        text: AlertTextView::from(&incident.text),
        timeline: None,
        times: IncidentTimes::from(&incident.times),
        unlisted: incident.unlisted,
    }
}

impl From<&Measurement> for MeasureView {
    fn from(of: &Measurement) -> MeasureView {
        MeasureView { threshold: of.threshold, value: of.value }
    }
}

impl From<&AlertText> for AlertTextView {
    fn from(of: &AlertText) -> AlertTextView {
        AlertTextView {
            detected: of.detected,
            events: of.events.iter().map(OffsetRangeView::from).collect(),
            labels: of.labels.clone(),
            message: of.message.clone(),
            reading: of.reading.clone(),
            runbook: of.runbook.clone(),
        }
    }
}

impl From<&OffsetRange> for OffsetRangeView {
    fn from(of: &OffsetRange) -> OffsetRangeView {
        OffsetRangeView {
            from: of.from,
            partition: of.partition,
            source: of.source.clone(),
            to: of.to,
        }
    }
}

impl From<&LifecycleTimes> for IncidentTimes {
    fn from(of: &LifecycleTimes) -> IncidentTimes {
        IncidentTimes {
            acknowledged: of.acknowledged,
            cause_found: of.cause_found,
            closed: of.closed,
            event: of.event,
            fired: of.fired,
            fixed: of.fixed,
            mitigated: of.mitigated,
            notified: of.notified,
            resolved: of.resolved,
        }
    }
}

impl From<&DeliveryState> for ReceiverState {
    fn from(notified: &DeliveryState) -> ReceiverState {
        match notified {
            DeliveryState::Waiting => ReceiverState::Waiting,
            DeliveryState::Sent => ReceiverState::Sent,
            DeliveryState::Delivered { receipt } => {
                ReceiverState::Delivered { receipt: receipt.clone() }
            }
            DeliveryState::Failed => ReceiverState::Failed,
            DeliveryState::Summed => ReceiverState::InDigest,
        }
    }
}

impl From<&Silence> for SilenceView {
    fn from(of: &Silence) -> SilenceView {
        SilenceView {
            by: of.by.clone(),
            ended: of.ended,
            from: of.from,
            id: of.id,
            matchers: of.matchers.iter().map(Matcher::to_string).collect(),
            reason: of.reason.clone(),
            receivers: of.receivers.clone(),
            until: of.until,
            until_resolved: of.until_resolved,
        }
    }
}

impl From<SilenceMatches> for SilencePreview {
    fn from(of: SilenceMatches) -> SilencePreview {
        SilencePreview {
            last_7_days: of.recent,
            last_7_days_critical: of.recent_critical,
            open: of.open,
        }
    }
}

/// Pending and dropped notifications, the oldest first.
pub(super) fn notifications(engine: &IncidentEngine) -> NotificationList {
    NotificationList {
        dead: engine.dead().take(LISTED_MAX).map(DroppedNotificationView::from).collect(),
        pending: engine.outgoing().take(LISTED_MAX).map(|row| pending(engine, row)).collect(),
    }
}

impl From<&DeadNotification> for DroppedNotificationView {
    fn from(of: &DeadNotification) -> DroppedNotificationView {
        let notification = &of.notification;
        DroppedNotificationView {
            alert: notification.facts.alert.clone(),
            attempts: of.attempts,
            given_up: of.at,
            id: notification.id.clone(),
            incident: notification.incident,
            kind: notification.kind,
            number: of.number,
            receiver: of.receiver.clone(),
            why: of.why.to_string(),
        }
    }
}

fn pending(engine: &IncidentEngine, row: OutboxEntry) -> PendingNotificationView {
    let OutboxEntry { receiver, notification, attempts, at, failure, .. } = row;
    let receiver = engine.settings().routing.receivers().get(receiver);
    PendingNotificationView {
        alert: notification.facts.alert.clone(),
        attempts,
        failure: failure.map(FailureView::from),
        id: notification.id.clone(),
        incident: notification.incident,
        kind: notification.kind,
        not_before: at,
        receiver: receiver.map_or("?", |receiver| receiver.name.as_str()).to_owned(),
    }
}

impl From<DeliveryFailure> for FailureView {
    fn from(of: DeliveryFailure) -> FailureView {
        FailureView { reason: of.reason, why: of.why }
    }
}

impl TestAttempt {
    /// View of one attempt.
    pub fn new(of: &Notification, result: &DeliveryResult) -> TestAttempt {
        let (reason, why) = match result {
            DeliveryResult::Sent { .. } => (None, None),
            DeliveryResult::Retry { reason, why, .. } | DeliveryResult::Reject { reason, why } => {
                (Some(*reason), Some(why.clone()))
            }
        };
        TestAttempt { id: of.id.clone(), kind: of.kind, reason, why }
    }
}

impl From<&AuditRecord> for AuditEntry {
    fn from(of: &AuditRecord) -> AuditEntry {
        AuditEntry { at: of.at, by: of.by.clone(), number: of.number, what: of.what.clone() }
    }
}

/// Receivers of a sample alert.
pub(super) fn route(engine: &IncidentEngine, sample: &SampleAlert, now: Timestamp) -> RouteAnswer {
    let SampleAlert { alert, severity, labels, at } = sample;
    let at = at.unwrap_or(now);
    let subject = MatchSubject { alert, severity: *severity, key: &[], labels };
    let settings = engine.settings();
    let wanted = settings.routing.wanted(&subject, at).into_iter();
    let receivers = wanted.filter_map(|(number, mute)| {
        let receiver = settings.routing.receivers().get(number)?;
        Some(RouteReceiver { mute: mute.map(str::to_owned), receiver: receiver.name.clone() })
    });
    let off_shift = settings.routing.off_shift(&subject, at).into_iter();
    RouteAnswer {
        deadline: settings.levels.deadline(*severity, at),
        off_shift: off_shift.map(str::to_owned).collect(),
        policy: settings.levels.level(*severity).policy.clone(),
        receivers: receivers.collect(),
    }
}

/// Counts of incidents, silences and deliveries.
pub(super) fn status(engine: &IncidentEngine, now: Timestamp) -> StatusView {
    let count = |state| engine.incidents().filter(|incident| incident.state == state).count();
    let receivers = engine.settings().routing.receivers().iter().enumerate();
    let by_receiver = receivers.map(|(number, receiver)| {
        let counts = engine.counts(number);
        ReceiverCounts {
            delivered: counts.delivered,
            given_up: counts.rejected + counts.expired + counts.queue_full,
            pending: counts.pending,
            receiver: receiver.name.clone(),
            retried: counts.retried,
        }
    });
    StatusView {
        dead: engine.dead().count(),
        incidents: IncidentCounts {
            acknowledged: count(IncidentState::Acknowledged),
            breached: engine
                .incidents()
                .filter(|it| it.is_breached && it.state == IncidentState::Firing)
                .count(),
            firing: count(IncidentState::Firing),
            resolved: count(IncidentState::Resolved),
        },
        now,
        receivers: by_receiver.collect(),
        silences: engine.silences().filter(|it| it.is_active(now)).count(),
    }
}
