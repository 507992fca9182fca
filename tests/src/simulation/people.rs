//! On-call in one life of the service: the fold, the outbox, and attempts under way.

use oncall::incident::{AlertText, Incidents, LogRecord, Notice, Step};
use oncall::outbox::{Attempt, Outbox, Outcome};

use model::notification::NotificationKind;
use model::time::Timestamp;

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
    incidents: Incidents,
    /// One outbox; a second one for ends where the design has it so.
    lanes: Vec<Outbox>,
    /// Records of the alert log that were folded.
    heard: usize,
    flights: Vec<Flight>,
    attempts: u32,
}

/// An attempt under way.
struct Flight {
    attempt: Attempt,
    lane: usize,
    lands_ms: i64,
}

/// What the fold makes of a record of the alert log.
pub(super) fn notice(
    case: &Case,
    incidents: &mut Incidents,
    told: &Told,
    detected: Timestamp,
) -> Option<Notice> {
    let (step, name) = match told {
        Told::Settled(transition) => (Step::Transition(transition), &transition.alert),
        Told::Early(early) => (Step::Early(early), &early.alert),
    };
    let text = AlertText { detected, ..AlertText::default() };
    let is_shadow = case.rules.alerts.iter().any(|alert| alert.name == *name && alert.is_shadow);
    incidents.apply(&LogRecord { step, text: &text, is_shadow })
}

impl<'a> People<'a> {
    pub(super) fn start(
        case: &'a Case,
        world: &'a World,
        design: Design,
        survivors: &Survivors,
    ) -> People<'a> {
        let mut lanes = vec![Outbox::new(world.limits)];
        if design == Design::ResolveOvertakesFire {
            lanes.push(Outbox::new(world.limits));
        }
        for lane in &mut lanes {
            for (id, attempts, outcome) in &survivors.outcomes {
                lane.restore(id, *attempts, outcome);
            }
        }
        let mut people = People {
            case,
            world,
            design,
            incidents: Incidents::default(),
            lanes,
            heard: 0,
            flights: Vec::new(),
            attempts: 0,
        };
        while people.heard < survivors.position {
            people.fold(survivors);
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
        self.hear(survivors, fate, now_ms)?;
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
            let due = self.lanes.iter().filter_map(Outbox::next_due).map(|due| due.0).min();
            let Some(next) = landing.into_iter().chain(due).min() else {
                return Ok(());
            };
            *now_ms = next.max(*now_ms);
        }
    }

    /// Deliveries that are still pending.
    pub(super) fn pending(&self) -> usize {
        let receivers = 0..self.world.sinks.len();
        let of = |lane: &Outbox| receivers.clone().map(|at| lane.counts(at).pending).sum::<usize>();
        self.lanes.iter().map(of).sum()
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

    fn fold(&mut self, survivors: &Survivors) -> Option<Notice> {
        let told = survivors.alert_log.get(self.heard)?;
        let detected = survivors.detected.get(self.heard).copied()?;
        self.heard += 1;
        if survivors.gone.contains(&(self.heard - 1)) {
            return None;
        }
        notice(self.case, &mut self.incidents, told, detected)
    }

    fn hear(
        &mut self,
        survivors: &mut Survivors,
        fate: &mut Fate,
        now_ms: i64,
    ) -> Result<(), Crash> {
        while self.heard < survivors.alert_log.len() {
            let Some(notice) = self.fold(survivors) else { continue };
            if self.design == Design::PositionBeforeOutbox {
                survivors.position = self.heard;
            }
            fate.survive()?;
            let world = self.world;
            for (receiver, notification) in world.receivers.route(&notice) {
                let ends = notification.kind == NotificationKind::Resolved;
                let lane = usize::from(ends).min(self.lanes.len() - 1);
                let refusal = self.lanes[lane].push(receiver, notification, Timestamp(now_ms));
                if let Some(refusal) = refusal {
                    survivors.note("crowded out or too old");
                    let outcome = Outcome::GaveUp { why: refusal.why };
                    let id = refusal.notification.id.clone();
                    survivors.outcomes.push((id, 0, outcome));
                }
            }
            fate.survive()?;
        }
        Ok(())
    }

    fn send(
        &mut self,
        survivors: &mut Survivors,
        fate: &mut Fate,
        now_ms: i64,
    ) -> Result<(), Crash> {
        for lane in 0..self.lanes.len() {
            for attempt in self.lanes[lane].due(Timestamp(now_ms)) {
                self.attempts += 1;
                assert!(self.attempts < ATTEMPTS_MAX, "it never ends");
                if self.design == Design::RecordedBeforeSend {
                    let id = attempt.notification.id.clone();
                    survivors.outcomes.push((id, attempt.number, Outcome::Delivered));
                }
                let lands_ms = now_ms + fate.random.one_of(&[0, 0, 3, 50], 0);
                self.flights.push(Flight { attempt, lane, lands_ms });
                fate.survive()?;
            }
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
            let Flight { attempt, lane, .. } = self.flights.remove(at);
            let Some(sink) = self.world.sinks.get(attempt.receiver) else { continue };
            let (is_there, answer) = sink.answer(now_ms, &mut fate.random);
            let notification = &attempt.notification;
            if is_there {
                survivors.received.push((attempt.receiver, (**notification).clone()));
            }
            fate.survive()?;
            let outcome = self.lanes[lane].record(attempt.ticket, answer, Timestamp(now_ms));
            let Some(outcome) = outcome else { continue };
            survivors.note(match (&outcome, is_there) {
                (Outcome::Delivered, _) => "delivered",
                (Outcome::Retrying { .. }, true) => "delivered without an answer",
                (Outcome::Retrying { .. }, false) => "failed and tried again",
                (Outcome::GaveUp { .. }, _) => "given up",
            });
            survivors.outcomes.push((notification.id.clone(), attempt.number, outcome));
            fate.survive()?;
        }
        Ok(())
    }
}
