//! Views of on-call's state: what each answer shows of it.

use model::alert_facts::Measurement;
use model::notification::{DeliveryResult, Notification};
use model::time::Timestamp;
use oncall::case::{Case, State, Times, Told};
use oncall::desk::{Audit, Dead, Desk, Preview};
use oncall::incident::{AlertText, OffsetRange};
use oncall::matcher::{Matcher, Subject};
use oncall::outbox::{Failure, Outgoing};
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
pub(super) fn incidents(desk: &Desk, states: &[State], now: Timestamp) -> IncidentList {
    let mut found: Vec<&Case> = desk.cases().filter(|it| states.contains(&it.state)).collect();
    found.sort_by_key(|case| {
        let due = case.deadline.filter(|_| case.state == State::Firing);
        (case.state, due.map_or(i64::MAX, |due| due.0), -case.times.fired.0, case.id)
    });
    let left_out = found.len().saturating_sub(LISTED_MAX);
    let incidents = found.into_iter().take(LISTED_MAX).map(|case| summary(case, now)).collect();
    IncidentList { incidents, left_out }
}

/// An incident in full.
pub(super) fn incident(case: &Case, now: Timestamp) -> IncidentView {
    let receivers = case.receivers.iter();
    let states = receivers.map(|(name, told)| (name.clone(), ReceiverState::from(told)));
    IncidentView {
        receivers: Some(states.collect()),
        timeline: Some(case.timeline.clone()),
        ..summary(case, now)
    }
}

/// An incident as a list shows it.
fn summary(case: &Case, now: Timestamp) -> IncidentView {
    let unanswered = case.deadline.filter(|_| case.state == State::Firing);
    let left_ms = unanswered.map(|due| due.0.saturating_sub(now.0));
    let key = case.key.iter().map(|(name, value)| (name.clone(), value.to_string()));
    IncidentView {
        alert: case.alert.clone(),
        at_end: case.at_end.as_ref().map(MeasureView::from),
        at_fire: MeasureView::from(&case.at_fire),
        deadline: case.deadline.map(TextValue),
        end_text: case.end_text.as_ref().map(AlertTextView::from),
        escalation: case.escalation.map(|of| EscalationView {
            due: TextValue(of.due),
            from: TextValue(of.from),
            round: of.round,
            step: of.step,
        }),
        group_wait_until: case.batch.map(TextValue),
        id: TextValue(case.id),
        is_breached: case.is_breached,
        is_flapping: case.is_flapping,
        key: key.collect(),
        level: case.severity.level(),
        owner: case.owner.clone(),
        phase: case.phase().map(TextValue),
        reason: case.reason.map(TextValue),
        receivers: None,
        reminder: case.reminder.map(TextValue),
        responds_in_s: left_ms.map(|ms| ms.div_euclid(1000)),
        severity: TextValue(case.severity),
        since: TextValue(case.since),
        state: TextValue(case.state),
        text: AlertTextView::from(&case.text),
        timeline: None,
        times: IncidentTimes::from(&case.times),
        unlisted: case.unlisted,
    }
}

impl From<&Measurement> for MeasureView {
    fn from(of: &Measurement) -> MeasureView {
        MeasureView { threshold: of.threshold.map(TextValue), value: of.value.map(TextValue) }
    }
}

impl From<&AlertText> for AlertTextView {
    fn from(of: &AlertText) -> AlertTextView {
        AlertTextView {
            detected: TextValue(of.detected),
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

impl From<&Times> for IncidentTimes {
    fn from(of: &Times) -> IncidentTimes {
        IncidentTimes {
            acknowledged: of.acknowledged.map(TextValue),
            cause_found: of.cause_found.map(TextValue),
            closed: of.closed.map(TextValue),
            event: TextValue(of.event),
            fired: TextValue(of.fired),
            fixed: of.fixed.map(TextValue),
            mitigated: of.mitigated.map(TextValue),
            notified: of.notified.map(TextValue),
            resolved: of.resolved.map(TextValue),
        }
    }
}

impl From<&Told> for ReceiverState {
    fn from(told: &Told) -> ReceiverState {
        match told {
            Told::Waiting => ReceiverState::Waiting,
            Told::Sent => ReceiverState::Sent,
            Told::Delivered { receipt } => ReceiverState::Delivered { receipt: receipt.clone() },
            Told::Failed => ReceiverState::Failed,
            Told::Summed => ReceiverState::InDigest,
        }
    }
}

impl From<&Silence> for SilenceView {
    fn from(of: &Silence) -> SilenceView {
        SilenceView {
            by: of.by.clone(),
            ended: of.ended.map(TextValue),
            from: TextValue(of.from),
            id: of.id,
            matchers: of.matchers.iter().map(Matcher::to_string).collect(),
            reason: of.reason.clone(),
            receivers: of.receivers.clone(),
            until: TextValue(of.until),
            until_resolved: of.until_resolved,
        }
    }
}

impl From<Preview> for SilencePreview {
    fn from(of: Preview) -> SilencePreview {
        SilencePreview {
            last_7_days: of.recent,
            last_7_days_critical: of.recent_critical,
            open: of.open.into_iter().map(TextValue).collect(),
        }
    }
}

/// Pending and dropped notifications, the oldest first.
pub(super) fn notifications(desk: &Desk) -> NotificationList {
    NotificationList {
        dead: desk.dead().take(LISTED_MAX).map(DroppedNotificationView::from).collect(),
        pending: desk.outgoing().take(LISTED_MAX).map(|row| pending(desk, row)).collect(),
    }
}

impl From<&Dead> for DroppedNotificationView {
    fn from(of: &Dead) -> DroppedNotificationView {
        let notification = &of.notification;
        DroppedNotificationView {
            alert: notification.facts.alert.clone(),
            attempts: of.attempts,
            given_up: TextValue(of.at),
            id: notification.id.clone(),
            incident: TextValue(notification.incident),
            kind: TextValue(notification.kind),
            number: of.number,
            receiver: of.receiver.clone(),
            why: of.why.to_string(),
        }
    }
}

fn pending(desk: &Desk, row: Outgoing) -> PendingNotificationView {
    let Outgoing { receiver, notification, attempts, at, failure, .. } = row;
    let receiver = desk.settings().routing.receivers().get(receiver);
    PendingNotificationView {
        alert: notification.facts.alert.clone(),
        attempts,
        failure: failure.map(FailureView::from),
        id: notification.id.clone(),
        incident: TextValue(notification.incident),
        kind: TextValue(notification.kind),
        not_before: TextValue(at),
        receiver: receiver.map_or("?", |receiver| receiver.name.as_str()).to_owned(),
    }
}

impl From<Failure> for FailureView {
    fn from(of: Failure) -> FailureView {
        FailureView { reason: TextValue(of.reason), why: of.why }
    }
}

impl TestAttempt {
    /// View of one attempt.
    pub fn new(of: &Notification, result: &DeliveryResult) -> TestAttempt {
        let (reason, why) = match result {
            DeliveryResult::Sent { .. } => (None, None),
            DeliveryResult::Retry { reason, why, .. } | DeliveryResult::Reject { reason, why } => {
                (Some(TextValue(*reason)), Some(why.clone()))
            }
        };
        TestAttempt { id: of.id.clone(), kind: TextValue(of.kind), reason, why }
    }
}

impl From<&Audit> for AuditEntry {
    fn from(of: &Audit) -> AuditEntry {
        AuditEntry {
            at: TextValue(of.at),
            by: of.by.clone(),
            number: of.number,
            what: of.what.clone(),
        }
    }
}

/// Receivers of a sample alert.
pub(super) fn route(desk: &Desk, sample: &SampleAlert, now: Timestamp) -> RouteAnswer {
    let SampleAlert { alert, severity, labels, at } = sample;
    let at = at.unwrap_or(now);
    let subject = Subject { alert, severity: *severity, key: &[], labels };
    let settings = desk.settings();
    let wanted = settings.routing.wanted(&subject, at).into_iter();
    let receivers = wanted.filter_map(|(number, mute)| {
        let receiver = settings.routing.receivers().get(number)?;
        Some(RouteReceiver { mute: mute.map(str::to_owned), receiver: receiver.name.clone() })
    });
    let off_shift = settings.routing.off_shift(&subject, at).into_iter();
    RouteAnswer {
        deadline: settings.levels.deadline(*severity, at).map(TextValue),
        off_shift: off_shift.map(str::to_owned).collect(),
        policy: settings.levels.level(*severity).policy.clone(),
        receivers: receivers.collect(),
    }
}

/// Counts of incidents, silences and deliveries.
pub(super) fn status(desk: &Desk, now: Timestamp) -> StatusView {
    let count = |state| desk.cases().filter(|case| case.state == state).count();
    let receivers = desk.settings().routing.receivers().iter().enumerate();
    let by_receiver = receivers.map(|(number, receiver)| {
        let counts = desk.counts(number);
        ReceiverCounts {
            delivered: counts.delivered,
            given_up: counts.rejected + counts.expired + counts.queue_full,
            pending: counts.pending,
            receiver: receiver.name.clone(),
            retried: counts.retried,
        }
    });
    StatusView {
        dead: desk.dead().count(),
        incidents: IncidentCounts {
            acknowledged: count(State::Acknowledged),
            breached: desk.cases().filter(|it| it.is_breached && it.state == State::Firing).count(),
            firing: count(State::Firing),
            resolved: count(State::Resolved),
        },
        now: TextValue(now),
        receivers: by_receiver.collect(),
        silences: desk.silences().filter(|it| it.is_active(now)).count(),
    }
}
