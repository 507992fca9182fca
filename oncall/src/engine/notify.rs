//! Notification of receivers: whom, what suppresses it, and its outcome.

use model::alert_facts::AlertFacts;
use model::notification::{MissedDelivery, Notification, NotificationKind};
use model::time::Timestamp;

use super::delivery::{DeadNotification, DeliveryReport, GivenUpNotification};
use super::{DEAD_MAX, IncidentEngine, RowKey, flapping, group_wait, rate_limit, reconfigure};
use crate::incident::{DeliveryState, Escalation, Incident};
use crate::outbox::{AttemptOutcome, AttemptResult, DroppedNotification, expiry};
use crate::route::notification_id;
use crate::timeline::IncidentEvent;

/// News of an incident for one receiver.
struct IncidentNews<'a> {
    kind: NotificationKind,
    at: Timestamp,
    /// Who caused it; `None` is the service.
    by: Option<&'a str>,
    /// What the receiver should have had before.
    missed: Option<MissedDelivery>,
}

impl IncidentNews<'_> {
    /// News that nobody caused, for a receiver that missed nothing.
    const fn new(kind: NotificationKind, at: Timestamp) -> IncidentNews<'static> {
        IncidentNews { kind, at, by: None, missed: None }
    }
}

impl IncidentEngine {
    /// Tells everyone who is to hear of what happened to an incident.
    pub(super) fn notify(
        &mut self,
        incident: &mut Incident,
        kind: NotificationKind,
        at: Timestamp,
        now: Timestamp,
    ) {
        let wanted = self.settings.routing.wanted(&incident.subject(), now);
        let wanted: Vec<_> = wanted
            .into_iter()
            .map(|(number, mute)| (number, mute.map(|name| format!("mute {name}"))))
            .collect();
        for (number, mute) in wanted {
            self.notify_one(incident, number, mute, kind, at, now);
        }
    }

    /// Tells those who were told before; true when there is one.
    pub(super) fn notify_again(
        &mut self,
        incident: &mut Incident,
        kind: NotificationKind,
        by: Option<&str>,
        now: Timestamp,
    ) -> Vec<String> {
        let notified: Vec<String> = incident.notified().map(str::to_owned).collect();
        let mut receive = Vec::new();
        for name in notified {
            let Some(number) = self.settings.routing.number(&name) else { continue };
            if self.receives(number, kind) && self.held_back(incident, &name, now).is_none() {
                self.push(
                    incident,
                    number,
                    IncidentNews { by, ..IncidentNews::new(kind, now) },
                    now,
                );
                receive.push(name);
            }
        }
        receive
    }

    /// Tells some receivers, those who were told already included.
    pub(super) fn notify_named(
        &mut self,
        incident: &mut Incident,
        names: &[String],
        kind: NotificationKind,
        now: Timestamp,
    ) -> Vec<String> {
        let mut receive = Vec::new();
        for name in names {
            let Some(number) = self.settings.routing.number(name) else { continue };
            if self.notify_one(incident, number, None, kind, now, now) {
                receive.push(name.clone());
            }
        }
        receive
    }

    /// Tells everyone who was told of an incident that it is over, whatever keeps other news
    /// from them: who was woken may go back to sleep.
    pub(super) fn notify_the_end(
        &mut self,
        incident: &mut Incident,
        at: Timestamp,
        now: Timestamp,
    ) {
        // Who was to be told in a moment hears both in one, as of what could not be delivered.
        let was_kept = incident.batch.is_some();
        group_wait::end_batch(self, incident, now);
        incident.receivers.retain(|_, notified| *notified != DeliveryState::Waiting);
        let notified: Vec<(String, DeliveryState)> = incident
            .receivers
            .iter()
            .map(|(name, notified)| (name.clone(), notified.clone()))
            .collect();
        for (name, notified) in notified {
            let Some(number) = self.settings.routing.number(&name) else { continue };
            if notified == DeliveryState::Failed
                || !self.receives(number, NotificationKind::Resolved)
            {
                continue;
            }
            if notified == DeliveryState::Summed {
                // Of one that flaps, its end is told with its other turns.
                if !incident.is_flapping {
                    rate_limit::sum_up_the_end(self, incident, number, now);
                }
                continue;
            }
            // Who has not even heard that it began hears both in one.
            let unreceived = match notified {
                DeliveryState::Sent if was_kept => self.outbox.merge(number, incident.id),
                DeliveryState::Sent => self.outbox.collapse(number, incident.id),
                _ => None,
            };
            let end = IncidentNews::new(NotificationKind::Resolved, at);
            self.push(incident, number, IncidentNews { missed: unreceived, ..end }, now);
        }
    }

    /// Tells those who could not be told when it happened and now can.
    pub(super) fn notify_waiting(&mut self, now: Timestamp) {
        for id in std::mem::take(&mut self.waiting) {
            let Some(mut incident) = self.take(id) else { continue };
            let before = incident.clone();
            let at = incident.times.event;
            self.notify(&mut incident, NotificationKind::Firing, at, now);
            match incident == before {
                true => self.put_back(incident),
                false => self.put(incident),
            }
        }
    }

    /// Tells one receiver, unless something keeps it from being told; true when it is told.
    fn notify_one(
        &mut self,
        incident: &mut Incident,
        number: usize,
        mute: Option<String>,
        kind: NotificationKind,
        at: Timestamp,
        now: Timestamp,
    ) -> bool {
        let Some(receiver) = self.settings.routing.receivers().get(number) else { return false };
        let name = receiver.name.clone();
        if !receiver.on.includes(kind) {
            return false;
        }
        let notified = incident.receivers.get(&name);
        let is_first = matches!(notified, None | Some(DeliveryState::Waiting));
        // Who heard that it opened does not hear so again.
        if kind == NotificationKind::Firing && !is_first {
            return false;
        }
        if let Some(why) = mute.or_else(|| self.held_back(incident, &name, now)) {
            if notified.is_none() {
                incident.receivers.insert(name.clone(), DeliveryState::Waiting);
                incident.record(now, None, IncidentEvent::Suppressed { receiver: name, why });
            }
            return false;
        }
        self.push(incident, number, IncidentNews::new(kind, at), now);
        true
    }

    /// Reason that keeps the news of an incident from a receiver.
    pub(super) fn held_back(
        &self,
        incident: &Incident,
        receiver: &str,
        now: Timestamp,
    ) -> Option<String> {
        let silence = self.silences.values().find(|it| it.covers(incident, receiver, now));
        if let Some(silence) = silence {
            return Some(format!("silence {}", silence.id));
        }
        let inhibitions = &self.settings.inhibitions;
        self.sources
            .explain(inhibitions, incident)
            .then(|| "an incident that explains it".to_owned())
    }

    pub(super) fn receives(&self, number: usize, kind: NotificationKind) -> bool {
        let receiver = self.settings.routing.receivers().get(number);
        receiver.is_some_and(|receiver| receiver.on.includes(kind))
    }

    fn push(
        &mut self,
        incident: &mut Incident,
        number: usize,
        news: IncidentNews<'_>,
        now: Timestamp,
    ) {
        let IncidentNews { kind, at, by, missed } = news;
        let Some(receiver) = self.settings.routing.receivers().get(number) else { return };
        let name = receiver.name.clone();
        let is_summed = flapping::flaps_for(self, incident, number, kind)
            || (kind != NotificationKind::Resolved
                && rate_limit::sums_up(self, incident, number, kind, now));
        if is_summed {
            let notified = incident.receivers.entry(name).or_insert(DeliveryState::Summed);
            if *notified == DeliveryState::Waiting {
                *notified = DeliveryState::Summed;
            }
            return;
        }
        let mut notification = notification(incident, kind, at, &name);
        notification.by = by.map(str::to_owned);
        notification.missed = missed;
        let notified = incident.receivers.entry(name.clone()).or_insert(DeliveryState::Sent);
        if matches!(
            notified,
            DeliveryState::Waiting | DeliveryState::Failed | DeliveryState::Summed
        ) {
            *notified = DeliveryState::Sent;
        }
        self.send(incident, number, notification, now);
    }

    fn send(&mut self, incident: &mut Incident, number: usize, of: Notification, now: Timestamp) {
        let expires = expiry(&of);
        if let Some(refusal) = self.outbox.push(number, of, now, expires) {
            if refusal.notification.incident == incident.id {
                self.bury(incident, number, refusal.into(), now);
            } else {
                self.bury_refused(number, refusal, now);
            }
        }
    }

    /// Keeps what the outbox gave up, of whatever incident it is, or of none.
    pub(super) fn bury_refused(
        &mut self,
        number: usize,
        refusal: DroppedNotification,
        now: Timestamp,
    ) {
        match self.take(refusal.notification.incident) {
            Some(mut incident) => {
                self.bury(&mut incident, number, refusal.into(), now);
                self.put(incident);
            }
            None => self.keep_dead(number, refusal.into(), now),
        }
    }

    pub(super) fn keep_dead(
        &mut self,
        receiver: usize,
        given_up: GivenUpNotification,
        now: Timestamp,
    ) {
        let GivenUpNotification { notification, attempts, why } = given_up;
        let (number, receiver) = (self.number(), self.name_of(receiver));
        let dead = DeadNotification { number, at: now, receiver, notification, attempts, why };
        if dead.attempts == 0 {
            self.refused.push(dead.clone());
        }
        self.dead.insert(number, dead);
        self.changed.insert(RowKey::Dead(number));
        if self.dead.len() > DEAD_MAX
            && let Some((oldest, _)) = self.dead.pop_first()
        {
            self.changed.insert(RowKey::Dead(oldest));
            self.dead_forgotten += 1;
        }
    }

    pub(super) fn take_answer(
        &mut self,
        number: usize,
        answered: AttemptResult,
        now: Timestamp,
    ) -> DeliveryReport {
        let receiver = self.name_of(number);
        let kind = answered.notification.kind;
        let incident = match &answered.outcome {
            AttemptOutcome::Retrying { .. } => None,
            _ => self.take(answered.notification.incident),
        };
        match (incident, &answered.outcome) {
            (Some(mut incident), AttemptOutcome::Delivered { receipt }) => {
                if kind == NotificationKind::Firing {
                    incident.times.notified.get_or_insert(now);
                }
                let known =
                    incident.receivers.entry(receiver.clone()).or_insert(DeliveryState::Sent);
                let earlier = match known {
                    DeliveryState::Delivered { receipt } => std::mem::take(receipt),
                    _ => String::new(),
                };
                *known = DeliveryState::Delivered { receipt: receipt.clone().unwrap_or(earlier) };
                let what = IncidentEvent::Delivered { receiver: receiver.clone(), kind };
                incident.record(now, None, what);
                self.put(incident);
            }
            (Some(mut incident), AttemptOutcome::GaveUp { why }) => {
                self.bury(&mut incident, number, GivenUpNotification::of(&answered, why), now);
                self.put(incident);
            }
            // A digest is of no incident.
            (None, AttemptOutcome::GaveUp { why }) => {
                self.keep_dead(number, GivenUpNotification::of(&answered, why), now);
            }
            _ => {}
        }
        DeliveryReport { receiver, answered }
    }

    /// Keeps what a receiver will not get, and tells those who stand in for it.
    pub(super) fn bury(
        &mut self,
        incident: &mut Incident,
        receiver: usize,
        given_up: GivenUpNotification,
        now: Timestamp,
    ) {
        let (kind, at) = (given_up.notification.kind, given_up.notification.facts.at);
        let name = self.name_of(receiver);
        let notified = incident.receivers.get_mut(&name);
        if let Some(notified) = notified.filter(|notified| **notified == DeliveryState::Sent) {
            *notified = DeliveryState::Failed;
        }
        let undelivered = IncidentEvent::NotificationDropped {
            receiver: name.clone(),
            kind,
            why: given_up.why.to_string(),
        };
        incident.record(now, None, undelivered);
        // Nobody waits for a step that leads past who cannot be reached.
        if let Some(escalation) =
            incident.escalation.filter(|next| self.notifies_others(incident, next))
        {
            incident.escalation = Some(Escalation { due: escalation.due.min(now), ..escalation });
        }
        let stand_in = self.stand_in(receiver, incident);
        if let Some((stand_in, name)) = stand_in.filter(|_| incident.is_open()) {
            let notified = notification(incident, kind, at, &name);
            incident.receivers.insert(name, DeliveryState::Sent);
            self.send(incident, stand_in, notified, now);
        }
        self.keep_dead(receiver, given_up, now);
    }

    /// True when a step of an incident's policy names receivers of its own.
    fn notifies_others(&self, incident: &Incident, next: &Escalation) -> bool {
        let policy = self.policy(self.settings.levels.level(incident.severity));
        policy.steps.get(next.step).is_some_and(|step| !step.receivers.is_empty())
    }

    /// Fallback of a receiver, unless it was notified already.
    fn stand_in(&self, receiver: usize, incident: &Incident) -> Option<(usize, String)> {
        let (number, fallback) = reconfigure::fallback(self, receiver)?;
        (!incident.receivers.contains_key(&fallback)).then_some((number, fallback))
    }

    /// The name of a receiver, also of one that is configured no more while an attempt is in
    /// flight; `?` where there is none of that number.
    pub fn name_of(&self, receiver: usize) -> String {
        reconfigure::name(self, receiver).unwrap_or("?").to_owned()
    }

    /// Gives a notification that was given up another try.
    pub(super) fn revive(&mut self, dead: DeadNotification, now: Timestamp) -> bool {
        let Some(number) = self.settings.routing.number(&dead.receiver) else { return false };
        let expires = now.plus(crate::outbox::AGE_MAX_MS);
        let notification = Notification::clone(&dead.notification);
        let refused = self.outbox.push(number, notification, now, expires);
        refused.is_none()
    }
}

/// A notification of what happened to an incident.
pub(super) fn notification(
    incident: &Incident,
    kind: NotificationKind,
    at: Timestamp,
    to: &str,
) -> Notification {
    let is_end = kind == NotificationKind::Resolved;
    let measured = incident.at_end.filter(|_| is_end).unwrap_or(incident.at_fire);
    let text = incident.end_text.as_ref().filter(|_| is_end).unwrap_or(&incident.text);
    Notification {
        id: notification_id(incident, kind, at, to),
        kind,
        incident: incident.id,
        facts: AlertFacts {
            alert: incident.alert.clone(),
            severity: incident.severity,
            key: incident.key.clone(),
            at,
            since: incident.since,
        },
        detected: text.detected,
        deadline: incident.deadline,
        measured,
        reason: incident.reason,
        message: text.message.clone(),
        reading: text.reading.clone(),
        runbook: text.runbook.clone(),
        labels: text.labels.clone(),
        by: None,
        missed: None,
        digest: None,
    }
}
