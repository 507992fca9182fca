//! Who is told, what keeps them from it, and what became of it.

use model::alert_facts::AlertFacts;
use model::notification::{MissedDelivery, Notification, NotificationKind};
use model::time::Timestamp;

use super::delivery::{Dead, Delivery, GivenUpNotification};
use super::{DEAD_MAX, Desk, RowKey, batch, flapping, reconfigure, storm};
use crate::case::{Case, Escalation, Told};
use crate::outbox::{Answered, Outcome, Refusal, expiry};
use crate::route::notification_id;
use crate::timeline::TimelineEvent;

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

impl Desk {
    /// Tells everyone who is to hear of what happened to an incident.
    pub(super) fn tell(
        &mut self,
        case: &mut Case,
        kind: NotificationKind,
        at: Timestamp,
        now: Timestamp,
    ) {
        let wanted = self.settings.routing.wanted(&case.subject(), now);
        let wanted: Vec<_> = wanted
            .into_iter()
            .map(|(number, mute)| (number, mute.map(|name| format!("mute {name}"))))
            .collect();
        for (number, mute) in wanted {
            self.tell_one(case, number, mute, kind, at, now);
        }
    }

    /// Tells those who were told before; true when there is one.
    pub(super) fn tell_again(
        &mut self,
        case: &mut Case,
        kind: NotificationKind,
        by: Option<&str>,
        now: Timestamp,
    ) -> Vec<String> {
        let told: Vec<String> = case.told().map(str::to_owned).collect();
        let mut hear = Vec::new();
        for name in told {
            let Some(number) = self.settings.routing.number(&name) else { continue };
            if self.hears(number, kind) && self.held_back(case, &name, now).is_none() {
                self.push(case, number, IncidentNews { by, ..IncidentNews::new(kind, now) }, now);
                hear.push(name);
            }
        }
        hear
    }

    /// Tells some receivers, those who were told already included.
    pub(super) fn tell_named(
        &mut self,
        case: &mut Case,
        names: &[String],
        kind: NotificationKind,
        now: Timestamp,
    ) -> Vec<String> {
        let mut hear = Vec::new();
        for name in names {
            let Some(number) = self.settings.routing.number(name) else { continue };
            if self.tell_one(case, number, None, kind, now, now) {
                hear.push(name.clone());
            }
        }
        hear
    }

    /// Tells everyone who was told of an incident that it is over, whatever keeps other news
    /// from them: who was woken may go back to sleep.
    pub(super) fn tell_the_end(&mut self, case: &mut Case, at: Timestamp, now: Timestamp) {
        // Who was to be told in a moment hears both in one, as of what could not be delivered.
        let was_kept = case.batch.is_some();
        batch::end_batch(self, case, now);
        case.receivers.retain(|_, told| *told != Told::Waiting);
        let told: Vec<(String, Told)> =
            case.receivers.iter().map(|(name, told)| (name.clone(), told.clone())).collect();
        for (name, told) in told {
            let Some(number) = self.settings.routing.number(&name) else { continue };
            if told == Told::Failed || !self.hears(number, NotificationKind::Resolved) {
                continue;
            }
            if told == Told::Summed {
                // Of one that flaps, its end is told with its other turns.
                if !case.is_flapping {
                    storm::sum_up_the_end(self, case, number, now);
                }
                continue;
            }
            // Who has not even heard that it began hears both in one.
            let unheard = match told {
                Told::Sent if was_kept => self.outbox.merge(number, case.id),
                Told::Sent => self.outbox.collapse(number, case.id),
                _ => None,
            };
            let end = IncidentNews::new(NotificationKind::Resolved, at);
            self.push(case, number, IncidentNews { missed: unheard, ..end }, now);
        }
    }

    /// Tells those who could not be told when it happened and now can.
    pub(super) fn tell_waiting(&mut self, now: Timestamp) {
        for id in std::mem::take(&mut self.waiting) {
            let Some(mut case) = self.take(id) else { continue };
            let before = case.clone();
            let at = case.times.event;
            self.tell(&mut case, NotificationKind::Firing, at, now);
            match case == before {
                true => self.put_back(case),
                false => self.put(case),
            }
        }
    }

    /// Tells one receiver, unless something keeps it from being told; true when it is told.
    fn tell_one(
        &mut self,
        case: &mut Case,
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
        let told = case.receivers.get(&name);
        let is_first = matches!(told, None | Some(Told::Waiting));
        // Who heard that it opened does not hear so again.
        if kind == NotificationKind::Firing && !is_first {
            return false;
        }
        if let Some(why) = mute.or_else(|| self.held_back(case, &name, now)) {
            if told.is_none() {
                case.receivers.insert(name.clone(), Told::Waiting);
                case.note(now, None, TimelineEvent::Suppressed { receiver: name, why });
            }
            return false;
        }
        self.push(case, number, IncidentNews::new(kind, at), now);
        true
    }

    /// What keeps a receiver from hearing of an incident.
    pub(super) fn held_back(&self, case: &Case, receiver: &str, now: Timestamp) -> Option<String> {
        let silence = self.silences.values().find(|it| it.covers(case, receiver, now));
        if let Some(silence) = silence {
            return Some(format!("silence {}", silence.id));
        }
        let inhibitions = &self.settings.inhibitions;
        self.sources.explain(inhibitions, case).then(|| "an incident that explains it".to_owned())
    }

    pub(super) fn hears(&self, number: usize, kind: NotificationKind) -> bool {
        let receiver = self.settings.routing.receivers().get(number);
        receiver.is_some_and(|receiver| receiver.on.includes(kind))
    }

    fn push(&mut self, case: &mut Case, number: usize, news: IncidentNews<'_>, now: Timestamp) {
        let IncidentNews { kind, at, by, missed } = news;
        let Some(receiver) = self.settings.routing.receivers().get(number) else { return };
        let name = receiver.name.clone();
        let is_summed = flapping::flaps_for(self, case, number, kind)
            || (kind != NotificationKind::Resolved
                && storm::sums_up(self, case, number, kind, now));
        if is_summed {
            let told = case.receivers.entry(name).or_insert(Told::Summed);
            if *told == Told::Waiting {
                *told = Told::Summed;
            }
            return;
        }
        let mut notification = notification(case, kind, at, &name);
        notification.by = by.map(str::to_owned);
        notification.missed = missed;
        let told = case.receivers.entry(name.clone()).or_insert(Told::Sent);
        if matches!(told, Told::Waiting | Told::Failed | Told::Summed) {
            *told = Told::Sent;
        }
        self.send(case, number, notification, now);
    }

    fn send(&mut self, case: &mut Case, number: usize, of: Notification, now: Timestamp) {
        let expires = expiry(&of);
        if let Some(refusal) = self.outbox.push(number, of, now, expires) {
            if refusal.notification.incident == case.id {
                self.bury(case, number, refusal.into(), now);
            } else {
                self.bury_refused(number, refusal, now);
            }
        }
    }

    /// Keeps what the outbox gave up, of whatever incident it is, or of none.
    pub(super) fn bury_refused(&mut self, number: usize, refusal: Refusal, now: Timestamp) {
        match self.take(refusal.notification.incident) {
            Some(mut case) => {
                self.bury(&mut case, number, refusal.into(), now);
                self.put(case);
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
        let dead = Dead { number, at: now, receiver, notification, attempts, why };
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
        answered: Answered,
        now: Timestamp,
    ) -> Delivery {
        let receiver = self.name_of(number);
        let kind = answered.notification.kind;
        let case = match &answered.outcome {
            Outcome::Retrying { .. } => None,
            _ => self.take(answered.notification.incident),
        };
        match (case, &answered.outcome) {
            (Some(mut case), Outcome::Delivered { receipt }) => {
                if kind == NotificationKind::Firing {
                    case.times.notified.get_or_insert(now);
                }
                let known = case.receivers.entry(receiver.clone()).or_insert(Told::Sent);
                let earlier = match known {
                    Told::Delivered { receipt } => std::mem::take(receipt),
                    _ => String::new(),
                };
                *known = Told::Delivered { receipt: receipt.clone().unwrap_or(earlier) };
                let what = TimelineEvent::Delivered { receiver: receiver.clone(), kind };
                case.note(now, None, what);
                self.put(case);
            }
            (Some(mut case), Outcome::GaveUp { why }) => {
                self.bury(&mut case, number, GivenUpNotification::of(&answered, why), now);
                self.put(case);
            }
            // A digest is of no incident.
            (None, Outcome::GaveUp { why }) => {
                self.keep_dead(number, GivenUpNotification::of(&answered, why), now);
            }
            _ => {}
        }
        Delivery { receiver, answered }
    }

    /// Keeps what a receiver will not get, and tells those who stand in for it.
    pub(super) fn bury(
        &mut self,
        case: &mut Case,
        receiver: usize,
        given_up: GivenUpNotification,
        now: Timestamp,
    ) {
        let (kind, at) = (given_up.notification.kind, given_up.notification.facts.at);
        let name = self.name_of(receiver);
        let told = case.receivers.get_mut(&name);
        if let Some(told) = told.filter(|told| **told == Told::Sent) {
            *told = Told::Failed;
        }
        let undelivered = TimelineEvent::NotificationDropped {
            receiver: name.clone(),
            kind,
            why: given_up.why.to_string(),
        };
        case.note(now, None, undelivered);
        // Nobody waits for a step that leads past who cannot be reached.
        if let Some(escalation) = case.escalation.filter(|next| self.tells_others(case, next)) {
            case.escalation = Some(Escalation { due: escalation.due.min(now), ..escalation });
        }
        let stand_in = self.stand_in(receiver, case);
        if let Some((stand_in, name)) = stand_in.filter(|_| case.is_open()) {
            let told = notification(case, kind, at, &name);
            case.receivers.insert(name, Told::Sent);
            self.send(case, stand_in, told, now);
        }
        self.keep_dead(receiver, given_up, now);
    }

    /// Whether a step of an incident's policy names receivers of its own.
    fn tells_others(&self, case: &Case, next: &Escalation) -> bool {
        let policy = self.policy(self.settings.levels.level(case.severity));
        policy.steps.get(next.step).is_some_and(|step| !step.receivers.is_empty())
    }

    /// Who is told in the place of a receiver, where they have not been yet.
    fn stand_in(&self, receiver: usize, case: &Case) -> Option<(usize, String)> {
        let (number, fallback) = reconfigure::fallback(self, receiver)?;
        (!case.receivers.contains_key(&fallback)).then_some((number, fallback))
    }

    /// The name of a receiver, also of one that is configured no more while an attempt is in
    /// flight; `?` where there is none of that number.
    pub fn name_of(&self, receiver: usize) -> String {
        reconfigure::name(self, receiver).unwrap_or("?").to_owned()
    }

    /// Gives a notification that was given up another try.
    pub(super) fn revive(&mut self, dead: Dead, now: Timestamp) -> bool {
        let Some(number) = self.settings.routing.number(&dead.receiver) else { return false };
        let expires = now.plus(crate::outbox::AGE_MAX_MS);
        let notification = Notification::clone(&dead.notification);
        let refused = self.outbox.push(number, notification, now, expires);
        refused.is_none()
    }
}

/// A notification of what happened to an incident.
pub(super) fn notification(
    case: &Case,
    kind: NotificationKind,
    at: Timestamp,
    to: &str,
) -> Notification {
    let is_end = kind == NotificationKind::Resolved;
    let measured = case.at_end.filter(|_| is_end).unwrap_or(case.at_fire);
    let text = case.end_text.as_ref().filter(|_| is_end).unwrap_or(&case.text);
    Notification {
        id: notification_id(case, kind, at, to),
        kind,
        incident: case.id,
        facts: AlertFacts {
            alert: case.alert.clone(),
            severity: case.severity,
            key: case.key.clone(),
            at,
            since: case.since,
        },
        detected: text.detected,
        deadline: case.deadline,
        measured,
        reason: case.reason,
        message: text.message.clone(),
        reading: text.reading.clone(),
        runbook: text.runbook.clone(),
        labels: text.labels.clone(),
        by: None,
        missed: None,
        digest: None,
    }
}
