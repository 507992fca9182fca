//! Timers: deadlines, escalation steps, reminders, and ends of group waits and silences.

use model::notification::NotificationKind;
use model::time::{SECOND_MS, Timestamp};

use super::{IncidentEngine, RowKey, flapping, group_wait, rate_limit};
use crate::incident::{Incident, IncidentState};
use crate::matcher::all_match;
use crate::silence::ENDED_KEPT_MS;
use crate::timeline::IncidentEvent;

/// Interval of checks for suppressed notifications and ended silences, in milliseconds.
pub(super) const LOOK_MS: i64 = SECOND_MS;

/// See [`IncidentEngine::tick`].
pub(super) fn tick(engine: &mut IncidentEngine, now: Timestamp) {
    if now.0.saturating_sub(engine.looked_at.0).saturating_abs() >= LOOK_MS {
        engine.looked_at = now;
        end_silences(engine, now);
        engine.notify_waiting(now);
    }
    while let Some((_, id)) = engine.dues.first().copied().filter(|(due, _)| *due <= now) {
        let Some(mut incident) = engine.take(id) else {
            engine.dues.pop_first();
            continue;
        };
        do_due(engine, &mut incident, now);
        engine.put(incident);
    }
    rate_limit::notify_digests(engine, now);
    flapping::notify_flapping(engine, now);
}

/// See [`IncidentEngine::next_due`].
pub(super) fn next_due(engine: &IncidentEngine) -> Option<Timestamp> {
    let incident = engine.dues.first().map(|(due, _)| *due);
    let silences = engine.silences.values().any(|silence| silence.ended.is_none());
    let looks = silences || !engine.waiting.is_empty();
    let look = looks.then(|| engine.looked_at.plus(LOOK_MS));
    let summed = [engine.storms.next_due(), engine.flaps.next_due()].into_iter().flatten().min();
    let all = [incident, look, summed, engine.outbox.next_due()];
    all.into_iter().flatten().min()
}

fn do_due(engine: &mut IncidentEngine, incident: &mut Incident, now: Timestamp) {
    if incident.state == IncidentState::Firing
        && !incident.is_breached
        && incident.deadline.is_some_and(|deadline| deadline <= now)
    {
        incident.is_breached = true;
        incident.record(now, None, IncidentEvent::Breached);
    }
    if incident.batch.is_some_and(|until| until <= now) {
        group_wait::end_batch(engine, incident, now);
    }
    let is_due = incident.escalation.is_some_and(|escalation| escalation.due <= now);
    if is_due && incident.state == IncidentState::Firing && incident.batch.is_none() {
        escalate(engine, incident, None, now);
    }
    if incident.reminder.is_some_and(|due| due <= now) {
        remind(engine, incident, now);
    }
}

/// Runs the next step of the escalation policy; false where there is none.
pub(super) fn escalate(
    engine: &mut IncidentEngine,
    incident: &mut Incident,
    by: Option<&str>,
    now: Timestamp,
) -> bool {
    let level = engine.settings.levels.level(incident.severity).clone();
    let policy = engine.policy(&level);
    let Some(done) = incident.escalation else { return false };
    let Some(step) = policy.steps.get(done.step) else {
        incident.escalation = None;
        return false;
    };
    // A first step without delay notifies that the incident opened.
    let kind = match step.after_ms {
        0 => NotificationKind::Firing,
        _ => NotificationKind::Escalated,
    };
    let received = match step.receivers.is_empty() {
        true => engine.notify_again(incident, kind, by, now),
        false => engine.notify_named(incident, &step.receivers, kind, now),
    };
    if !received.is_empty() {
        let what = IncidentEvent::Escalated { step: done.step + 1, receivers: received };
        incident.record(now, by, what);
    }
    incident.escalation = policy.after(&level, done);
    true
}

fn remind(engine: &mut IncidentEngine, incident: &mut Incident, now: Timestamp) {
    let every_ms = engine.settings.levels.level(incident.severity).remind_every_ms;
    let (Some(every_ms), Some(due)) = (every_ms, incident.reminder) else {
        incident.reminder = None;
        return;
    };
    // Reminders missed during downtime are sent as one.
    let missed = now.0.saturating_sub(due.0).max(0) / every_ms.max(1);
    incident.reminder = Some(due.plus(every_ms.max(1).saturating_mul(missed + 1)));
    if !engine.notify_again(incident, NotificationKind::Reminder, None, now).is_empty() {
        incident.record(now, None, IncidentEvent::Reminded);
    }
}

fn end_silences(engine: &mut IncidentEngine, now: Timestamp) {
    let matched = |silence: &crate::silence::Silence| {
        let open = engine.incidents.values().filter(|incident| incident.is_open());
        open.into_iter().any(|incident| all_match(&silence.matchers, &incident.subject()))
    };
    let mut ended = Vec::new();
    let mut forgotten = Vec::new();
    for silence in engine.silences.values() {
        match silence.ended {
            Some(at) if now.0.saturating_sub(at.0) > ENDED_KEPT_MS => {
                forgotten.push(silence.id);
            }
            Some(_) => {}
            None if silence.until <= now => ended.push(silence.id),
            None if silence.until_resolved && silence.from <= now && !matched(silence) => {
                ended.push(silence.id);
            }
            None => {}
        }
    }
    for id in ended {
        if let Some(silence) = engine.silences.get_mut(&id) {
            silence.ended = Some(now);
            engine.changed.insert(RowKey::Silence(id));
        }
    }
    for id in forgotten {
        engine.silences.remove(&id);
        engine.changed.insert(RowKey::Silence(id));
    }
}
