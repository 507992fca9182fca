//! Notification of receivers: selection, suppression and outcome.

use model::alert_facts::AlertFacts;
use model::notification::{MissedDelivery, Notification, NotificationKind};
use model::time::Timestamp;

use super::delivery::{DeadNotification, DeliveryReport, GivenUpNotification};
use super::{DEAD_MAX, IncidentEngine, RowKey, flapping, group_wait, rate_limit, reconfigure};
use crate::incident::{DeliveryState, Escalation, Incident};
use crate::outbox::{AttemptOutcome, AttemptResult, DroppedNotification, expiry};
use crate::route::notification_id;
use crate::timeline::IncidentEvent;

/// Notification to build for one receiver.
struct IncidentNews<'a> {
    kind: NotificationKind,
    at: Timestamp,
    /// Person who caused it; `None` for the service.
    by: Option<&'a str>,
    /// Earlier notification that the receiver did not get.
    missed: Option<MissedDelivery>,
}

impl IncidentNews<'_> {
    /// Notification caused by the service, for a receiver that missed nothing.
    const fn new(kind: NotificationKind, at: Timestamp) -> IncidentNews<'static> {
        IncidentNews { kind, at, by: None, missed: None }
    }
}

impl IncidentEngine {
    /// Notifies all receivers that the routes select for the incident.
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

    /// Notifies the receivers that were notified before; returns the names of those that get this.
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

    /// Notifies the named receivers, including those notified before; returns the names of those
    /// that get this.
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

    /// Sends the resolution to every receiver that was notified of the incident. Silences, mutes
    /// and inhibitions do not suppress it: a person who was paged must learn that the incident is
    /// over.
    pub(super) fn notify_the_end(
        &mut self,
        incident: &mut Incident,
        at: Timestamp,
        now: Timestamp,
    ) {
        // A receiver still in the group wait gets firing and resolution in one message, as after
        // failed deliveries.
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
                // The flap digest counts the resolution of a flapping alert.
                if !incident.is_flapping {
                    rate_limit::sum_up_the_end(self, incident, number, now);
                }
                continue;
            }
            // A receiver without the firing notification gets both in one message.
            let unreceived = match notified {
                DeliveryState::Sent if was_kept => self.outbox.merge(number, incident.id),
                DeliveryState::Sent => self.outbox.collapse(number, incident.id),
                _ => None,
            };
            let end = IncidentNews::new(NotificationKind::Resolved, at);
            self.push(incident, number, IncidentNews { missed: unreceived, ..end }, now);
        }
    }

    /// Notifies receivers whose first notification is no longer suppressed.
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

    /// Notifies one receiver, unless the notification is suppressed; returns true when it is sent
    /// or counted in a digest.
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
        // A receiver gets `Firing` only once.
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

    /// Returns the silence or inhibition that suppresses notifications of an incident for a
    /// receiver.
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

    /// Stores a notification that the outbox dropped, whether or not its incident exists.
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
            // A digest belongs to no incident.
            (None, AttemptOutcome::GaveUp { why }) => {
                self.keep_dead(number, GivenUpNotification::of(&answered, why), now);
            }
            _ => {}
        }
        DeliveryReport { receiver, answered }
    }

    /// Stores a notification that a receiver will not get, and notifies its fallback.
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
        // The step after an unreachable receiver runs at once.
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

    /// Returns true when an escalation step names receivers.
    fn notifies_others(&self, incident: &Incident, next: &Escalation) -> bool {
        let policy = self.policy(self.settings.levels.level(incident.severity));
        policy.steps.get(next.step).is_some_and(|step| !step.receivers.is_empty())
    }

    /// Fallback of a receiver, unless it was notified already.
    fn stand_in(&self, receiver: usize, incident: &Incident) -> Option<(usize, String)> {
        let (number, fallback) = reconfigure::fallback(self, receiver)?;
        (!incident.receivers.contains_key(&fallback)).then_some((number, fallback))
    }

    /// Returns the name of a receiver, also of a removed one with notifications pending; `?` for an
    /// unknown number.
    pub fn name_of(&self, receiver: usize) -> String {
        reconfigure::name(self, receiver).unwrap_or("?").to_owned()
    }

    /// Queues a dead notification again; false where its receiver was removed or its queue is full.
    pub(super) fn revive(&mut self, dead: DeadNotification, now: Timestamp) -> bool {
        let Some(number) = self.settings.routing.number(&dead.receiver) else { return false };
        let expires = now.plus(crate::outbox::AGE_MAX_MS);
        let notification = Notification::clone(&dead.notification);
        let refused = self.outbox.push(number, notification, now, expires);
        refused.is_none()
    }
}

/// Builds a notification of an incident for one receiver.
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
