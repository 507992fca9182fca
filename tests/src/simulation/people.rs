//! On-call in one life of the service: the desk, and attempts under way.

use model::notification::{DeliveryResult, Notification};
use model::time::Timestamp;
use oncall::desk::{Change, Desk, Row, RowKey, Settings};
use oncall::incident::{AlertText, IncidentUpdate, Incidents, LogRecord, Step};
use oncall::outbox::{Attempt, OutboxLimits, Outcome};
use oncall::route::{Receiver, Routing};

use super::world::World;
use super::{Crash, Design, Fate, Survivors, Told};
use crate::drawn::Case;

/// Attempts of one run at most: a run that makes more would never end.
const ATTEMPTS_MAX: u32 = 200_000;

/// On-call, as a restart finds it.
pub(super) struct People<'a> {
    case: &'a Case,
    world: &'a World,
    design: Design,
    desk: Desk,
    /// Records of the alert log that were heard.
    heard: usize,
    flights: Vec<Flight>,
    attempts: u32,
}

/// An attempt under way.
struct Flight {
    attempt: Attempt,
    lands_ms: i64,
}

/// A record of the alert log as on-call gets it.
fn with_record<T>(
    case: &Case,
    told: &Told,
    detected: Timestamp,
    each: impl FnOnce(&LogRecord<'_>) -> T,
) -> T {
    let (step, name) = match told {
        Told::Settled(of) | Told::Withdrawn(of) => (Step::Transition(of), &of.facts.alert),
        Told::Early(early) => (Step::Early(early), &early.facts.alert),
    };
    let text = AlertText { detected, ..AlertText::default() };
    let is_shadow = case.rules.alerts.iter().any(|alert| alert.name == *name && alert.is_shadow);
    each(&LogRecord { step, text: &text, is_shadow })
}

/// What the fold makes of a record of the alert log.
pub(super) fn notice(
    case: &Case,
    incidents: &mut Incidents,
    told: &Told,
    detected: Timestamp,
) -> Option<IncidentUpdate> {
    with_record(case, told, detected, |record| incidents.apply(record))
}

/// What each receiver gets of a log, in order, where every attempt succeeds at once.
pub(super) fn told_in_calm(
    case: &Case,
    world: &World,
    log: impl Iterator<Item = (Told, Timestamp)>,
) -> Vec<(usize, Notification)> {
    let receivers = world.on_call.routing.receivers().iter();
    let at_once = receivers.map(|it| Receiver { spacing_ms: 0, ..it.clone() }).collect();
    let on_call = Settings { routing: Routing::to_all(at_once), ..world.on_call.clone() };
    let mut desk = Desk::new(on_call, OutboxLimits::default());
    let mut all = Vec::new();
    for (sequence, (told, detected)) in log.enumerate() {
        with_record(case, &told, detected, |record| desk.hear(sequence as u64, record, detected));
        loop {
            let due = desk.due(detected);
            if due.is_empty() {
                break;
            }
            for attempt in due {
                all.push((attempt.receiver, (*attempt.notification).clone()));
                desk.record(attempt.ticket, DeliveryResult::Sent { receipt: None }, detected);
            }
        }
    }
    all
}

impl<'a> People<'a> {
    pub(super) fn start(
        case: &'a Case,
        world: &'a World,
        design: Design,
        survivors: &Survivors,
        now_ms: i64,
    ) -> People<'a> {
        let mut desk = Desk::new(world.on_call.clone(), world.limits);
        desk.restore(survivors.rows.values().cloned(), Timestamp(now_ms));
        let (flights, attempts) = (Vec::new(), 0);
        let mut people = People { case, world, design, desk, heard: 0, flights, attempts };
        while (people.heard as u64) < people.desk.position() {
            people.hear_next(survivors, now_ms);
        }
        people
    }

    /// Takes answers that have come, folds what the alert log has, and sends what is due.
    pub(super) fn turn(
        &mut self,
        survivors: &mut Survivors,
        fate: &mut Fate,
        now_ms: i64,
    ) -> Result<(), Crash> {
        self.land(survivors, fate, now_ms)?;
        while self.heard < survivors.alert_log.len() {
            self.hear_next(survivors, now_ms);
            self.write_down(survivors, fate)?;
        }
        self.desk.tick(Timestamp(now_ms));
        self.write_down(survivors, fate)?;
        self.send(survivors, fate, now_ms)
    }

    /// Lets time pass until nothing is pending.
    pub(super) fn finish(
        &mut self,
        survivors: &mut Survivors,
        fate: &mut Fate,
        now_ms: &mut i64,
    ) -> Result<(), Crash> {
        loop {
            self.turn(survivors, fate, *now_ms)?;
            let landing = self.flights.iter().map(|flight| flight.lands_ms).min();
            let due = self.desk.next_due().map(|due| due.0);
            let Some(next) = landing.into_iter().chain(due).min() else {
                return Ok(());
            };
            *now_ms = next.max(*now_ms);
        }
    }

    /// Deliveries that are still pending.
    pub(super) fn pending(&self) -> usize {
        self.desk.outgoing().count()
    }

    /// What is under way when the service dies may arrive or not.
    pub(super) fn die(&mut self, survivors: &mut Survivors, fate: &mut Fate) {
        for Flight { attempt, .. } in self.flights.drain(..) {
            if fate.random.chance(50) {
                survivors.note("sent and never heard of");
                survivors.received.push((attempt.receiver, (*attempt.notification).clone()));
            }
        }
    }

    fn hear_next(&mut self, survivors: &Survivors, now_ms: i64) {
        let (Some(told), Some(detected)) =
            (survivors.alert_log.get(self.heard), survivors.detected.get(self.heard))
        else {
            return;
        };
        let (desk, sequence) = (&mut self.desk, self.heard as u64);
        // What was dropped from the log is not heard again.
        if !survivors.gone.contains(&self.heard) {
            with_record(self.case, told, *detected, |record| {
                desk.hear(sequence, record, Timestamp(now_ms));
            });
        }
        self.heard += 1;
    }

    /// What has changed survives, all of it or nothing.
    fn write_down(&mut self, survivors: &mut Survivors, fate: &mut Fate) -> Result<(), Crash> {
        let mut changes = self.desk.take_changes();
        if changes.is_empty() {
            return Ok(());
        }
        fate.survive()?;
        if self.design == Design::PositionBeforeOutbox {
            let position = |change: &Change| change.key == RowKey::Position;
            changes.sort_by_key(|change| !position(change));
            let first = changes.iter().take_while(|change| position(change)).count();
            let rest = changes.split_off(first);
            write_rows(survivors, changes);
            fate.survive()?;
            changes = rest;
        }
        write_rows(survivors, changes);
        fate.survive()
    }

    fn send(
        &mut self,
        survivors: &mut Survivors,
        fate: &mut Fate,
        now_ms: i64,
    ) -> Result<(), Crash> {
        for attempt in self.desk.due(Timestamp(now_ms)) {
            self.attempts += 1;
            assert!(self.attempts < ATTEMPTS_MAX, "it never ends");
            let mut lands_ms = now_ms + fate.random.one_of(&[0, 0, 3, 50], 0);
            if matches!(self.design, Design::RecordedBeforeSend | Design::AnsweredBeforeLanding) {
                let sent = DeliveryResult::Sent { receipt: None };
                self.desk.record(attempt.ticket, sent, Timestamp(now_ms));
                if self.design == Design::RecordedBeforeSend {
                    self.write_down(survivors, fate)?;
                } else {
                    lands_ms += fate.random.one_of(&[0, 80], 0);
                }
            }
            self.flights.push(Flight { attempt, lands_ms });
            fate.survive()?;
        }
        Ok(())
    }

    fn land(
        &mut self,
        survivors: &mut Survivors,
        fate: &mut Fate,
        now_ms: i64,
    ) -> Result<(), Crash> {
        while let Some(at) = self.flights.iter().position(|flight| flight.lands_ms <= now_ms) {
            let Flight { attempt, .. } = self.flights.remove(at);
            let Some(sink) = self.world.sinks.get(attempt.receiver) else { continue };
            let (is_there, answer) = sink.answer(now_ms, &mut fate.random);
            if is_there {
                let notification = (*attempt.notification).clone();
                survivors.received.push((attempt.receiver, notification));
            }
            fate.survive()?;
            let delivery = self.desk.record(attempt.ticket, answer, Timestamp(now_ms));
            let Some(delivery) = delivery else { continue };
            survivors.note(match (&delivery.answered.outcome, is_there) {
                (Outcome::Delivered { .. }, _) => "delivered",
                (Outcome::Retrying { .. }, true) => "delivered without an answer",
                (Outcome::Retrying { .. }, false) => "failed and tried again",
                (Outcome::GaveUp { .. }, _) => "given up",
            });
            self.write_down(survivors, fate)?;
        }
        for _ in self.desk.take_refused() {
            survivors.note("crowded out or too old");
        }
        Ok(())
    }
}

fn write_rows(survivors: &mut Survivors, changes: Vec<Change>) {
    for Change { key, row } in changes {
        match row {
            Some(row) => survivors.rows.insert(key, row),
            None => survivors.rows.remove(&key),
        };
    }
}

/// What was given up, by receiver's name and notification.
pub(super) fn given_up(survivors: &Survivors) -> impl Iterator<Item = (&str, &Notification)> {
    survivors.rows.values().filter_map(|row| match row {
        Row::Dead(dead) => Some((dead.receiver.as_str(), &*dead.notification)),
        _ => None,
    })
}
