//! What time does: deadlines pass, steps fall due, people are reminded, silences end.

use model::notification::NotificationKind;
use model::time::{SECOND_MS, Timestamp};

use super::{Desk, RowKey, batch, flapping, storm};
use crate::case::{Case, State};
use crate::matcher::all_match;
use crate::silence::ENDED_KEPT_MS;
use crate::timeline::TimelineEvent;

/// How often it is looked whether those who could not be told now can.
pub(super) const LOOK_MS: i64 = SECOND_MS;

/// See [`Desk::tick`].
pub(super) fn tick(desk: &mut Desk, now: Timestamp) {
    if now.0.saturating_sub(desk.looked_at.0).saturating_abs() >= LOOK_MS {
        desk.looked_at = now;
        end_silences(desk, now);
        desk.tell_waiting(now);
    }
    while let Some((_, id)) = desk.dues.first().copied().filter(|(due, _)| *due <= now) {
        let Some(mut case) = desk.take(id) else {
            desk.dues.pop_first();
            continue;
        };
        do_due(desk, &mut case, now);
        desk.put(case);
    }
    storm::tell_digests(desk, now);
    flapping::tell_flapping(desk, now);
}

/// See [`Desk::next_due`].
pub(super) fn next_due(desk: &Desk) -> Option<Timestamp> {
    let case = desk.dues.first().map(|(due, _)| *due);
    let silences = desk.silences.values().any(|silence| silence.ended.is_none());
    let looks = silences || !desk.waiting.is_empty();
    let look = looks.then(|| desk.looked_at.plus(LOOK_MS));
    let summed = [desk.storms.next_due(), desk.flaps.next_due()].into_iter().flatten().min();
    let all = [case, look, summed, desk.outbox.next_due()];
    all.into_iter().flatten().min()
}

fn do_due(desk: &mut Desk, case: &mut Case, now: Timestamp) {
    if case.state == State::Firing
        && !case.is_breached
        && case.deadline.is_some_and(|deadline| deadline <= now)
    {
        case.is_breached = true;
        case.note(now, None, TimelineEvent::Breached);
    }
    if case.batch.is_some_and(|until| until <= now) {
        batch::end_batch(desk, case, now);
    }
    let is_due = case.escalation.is_some_and(|escalation| escalation.due <= now);
    if is_due && case.state == State::Firing && case.batch.is_none() {
        escalate(desk, case, None, now);
    }
    if case.reminder.is_some_and(|due| due <= now) {
        remind(desk, case, now);
    }
}

/// Takes the next step of the policy; false where there is none.
pub(super) fn escalate(desk: &mut Desk, case: &mut Case, by: Option<&str>, now: Timestamp) -> bool {
    let level = desk.settings.levels.level(case.severity).clone();
    let policy = desk.policy(&level);
    let Some(done) = case.escalation else { return false };
    let Some(step) = policy.steps.get(done.step) else {
        case.escalation = None;
        return false;
    };
    // The first step may tell people at once: those hear that it opened.
    let kind = match step.after_ms {
        0 => NotificationKind::Firing,
        _ => NotificationKind::Escalated,
    };
    let heard = match step.receivers.is_empty() {
        true => desk.tell_again(case, kind, by, now),
        false => desk.tell_named(case, &step.receivers, kind, now),
    };
    if !heard.is_empty() {
        let what = TimelineEvent::Escalated { step: done.step + 1, receivers: heard };
        case.note(now, by, what);
    }
    case.escalation = policy.after(&level, done);
    true
}

fn remind(desk: &mut Desk, case: &mut Case, now: Timestamp) {
    let every_ms = desk.settings.levels.level(case.severity).remind_every_ms;
    let (Some(every_ms), Some(due)) = (every_ms, case.reminder) else {
        case.reminder = None;
        return;
    };
    // What fell due while the service was down is told once.
    let missed = now.0.saturating_sub(due.0).max(0) / every_ms.max(1);
    case.reminder = Some(due.plus(every_ms.max(1).saturating_mul(missed + 1)));
    if !desk.tell_again(case, NotificationKind::Reminder, None, now).is_empty() {
        case.note(now, None, TimelineEvent::Reminded);
    }
}

fn end_silences(desk: &mut Desk, now: Timestamp) {
    let matched = |silence: &crate::silence::Silence| {
        let open = desk.cases.values().filter(|case| case.is_open());
        open.into_iter().any(|case| all_match(&silence.matchers, &case.subject()))
    };
    let mut ended = Vec::new();
    let mut forgotten = Vec::new();
    for silence in desk.silences.values() {
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
        if let Some(silence) = desk.silences.get_mut(&id) {
            silence.ended = Some(now);
            desk.changed.insert(RowKey::Silence(id));
        }
    }
    for id in forgotten {
        desk.silences.remove(&id);
        desk.changed.insert(RowKey::Silence(id));
    }
}
