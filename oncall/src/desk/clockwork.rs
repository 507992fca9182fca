//! What time does: deadlines pass, steps fall due, people are reminded, silences end.

use model::notification::NotificationKind;
use model::time::{SECOND_MS, Timestamp};

use super::{Desk, RowKey};
use crate::case::{Case, Happening, State};
use crate::matcher::all_match;
use crate::silence::ENDED_KEPT_MS;

/// How often it is looked whether those who could not be told now can.
pub(super) const LOOK_MS: i64 = SECOND_MS;

impl Desk {
    /// Does what is due by now.
    pub fn tick(&mut self, now: Timestamp) {
        if now.0.saturating_sub(self.looked_at.0).saturating_abs() >= LOOK_MS {
            self.looked_at = now;
            self.end_silences(now);
            self.tell_waiting(now);
        }
        while let Some((_, id)) = self.dues.first().copied().filter(|(due, _)| *due <= now) {
            let Some(mut case) = self.take(id) else {
                self.dues.pop_first();
                continue;
            };
            self.do_due(&mut case, now);
            self.put(case);
        }
        self.tell_digests(now);
        self.tell_flapping(now);
    }

    /// When [`Desk::tick`] or [`Desk::due`] next have something to do; an instant that has
    /// passed means now.
    pub fn next_due(&self) -> Option<Timestamp> {
        let case = self.dues.first().map(|(due, _)| *due);
        let silences = self.silences.values().any(|silence| silence.ended.is_none());
        let looks = silences || !self.waiting.is_empty();
        let look = looks.then(|| self.looked_at.plus(LOOK_MS));
        let summed = [self.storms.next_due(), self.flaps.next_due()].into_iter().flatten().min();
        let all = [case, look, summed, self.outbox.next_due()];
        all.into_iter().flatten().min()
    }

    fn do_due(&mut self, case: &mut Case, now: Timestamp) {
        if case.state == State::Firing
            && !case.is_breached
            && case.deadline.is_some_and(|deadline| deadline <= now)
        {
            case.is_breached = true;
            case.note(now, None, Happening::Breached);
        }
        if case.batch.is_some_and(|until| until <= now) {
            self.end_batch(case, now);
        }
        let is_due = case.escalation.is_some_and(|escalation| escalation.due <= now);
        if is_due && case.state == State::Firing && case.batch.is_none() {
            self.escalate(case, None, now);
        }
        if case.reminder.is_some_and(|due| due <= now) {
            self.remind(case, now);
        }
    }

    /// Takes the next step of the policy; false where there is none.
    pub(super) fn escalate(&mut self, case: &mut Case, by: Option<&str>, now: Timestamp) -> bool {
        let level = self.settings.levels.level(case.severity).clone();
        let policy = self.policy(&level);
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
            true => self.tell_again(case, kind, by, now),
            false => self.tell_named(case, &step.receivers, kind, now),
        };
        if !heard.is_empty() {
            let what = Happening::Escalated { step: done.step + 1, receivers: heard };
            case.note(now, by, what);
        }
        case.escalation = policy.after(&level, done);
        true
    }

    fn remind(&mut self, case: &mut Case, now: Timestamp) {
        let every_ms = self.settings.levels.level(case.severity).remind_every_ms;
        let (Some(every_ms), Some(due)) = (every_ms, case.reminder) else {
            case.reminder = None;
            return;
        };
        // What fell due while the service was down is told once.
        let missed = now.0.saturating_sub(due.0).max(0) / every_ms.max(1);
        case.reminder = Some(due.plus(every_ms.max(1).saturating_mul(missed + 1)));
        if !self.tell_again(case, NotificationKind::Reminder, None, now).is_empty() {
            case.note(now, None, Happening::Reminded);
        }
    }

    fn end_silences(&mut self, now: Timestamp) {
        let matched = |silence: &crate::silence::Silence| {
            let open = self.cases.values().filter(|case| case.is_open());
            open.into_iter().any(|case| all_match(&silence.matchers, &case.subject()))
        };
        let mut ended = Vec::new();
        let mut forgotten = Vec::new();
        for silence in self.silences.values() {
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
            if let Some(silence) = self.silences.get_mut(&id) {
                silence.ended = Some(now);
                self.changed.insert(RowKey::Silence(id));
            }
        }
        for id in forgotten {
            self.silences.remove(&id);
            self.changed.insert(RowKey::Silence(id));
        }
    }
}
