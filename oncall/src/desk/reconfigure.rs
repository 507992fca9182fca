//! Other settings for a desk at work: what is open and what is pending goes on under them.
//!
//! Everything is known by name, so nothing depends on where a receiver stands among the others.
//! A restart with other settings takes the same way, from what is written down: who stood in
//! for whom is written down for that, as the new settings do not know it.

use std::collections::{BTreeMap, BTreeSet};

use model::notification::Notification;
use model::time::Timestamp;
use model::transition::EpisodeId;

use super::left::Left;
use super::storm::digest;
use super::{Desk, RowKey, Settings};
use crate::case::{Case, Escalation, Happening, Told};
use crate::inhibition::Sources;
use crate::outbox::{GiveUp, OutboxLimits, Outgoing};
use crate::route::{Routing, readdressed};

impl Desk {
    /// Goes by other settings from now on.
    ///
    /// What is pending stays with the receiver of its name, in its order; what is in flight is
    /// answered by the same ticket. What is pending for a receiver that is no more goes to
    /// its fallback, unless that hears of the incident anyway, or is given up. Incidents keep
    /// their deadlines and the step that is due; a step that is no more is the last one.
    pub fn reconfigure(
        &mut self,
        settings: Settings,
        limits: OutboxLimits,
        by: &str,
        now: Timestamp,
    ) {
        let fallbacks = self.fallbacks();
        let receivers = self.settings.routing.receivers().iter().map(|it| it.name.clone());
        let left = self.left.iter().map(|it| it.name.clone());
        let before: Vec<String> = receivers.chain(left).collect();
        self.settings = settings;
        self.left.clear();
        let next: Vec<Option<usize>> = before
            .iter()
            .enumerate()
            .map(|(number, name)| {
                let has_pending = self.outbox.counts(number).pending > 0;
                let known = self.settings.routing.number(name);
                known.or_else(|| has_pending.then(|| self.number_of(name, &fallbacks)))
            })
            .collect();
        self.outbox.renumber(&next);
        self.outbox.bound(limits);
        self.storms.renumber(&next);
        self.space_out();
        self.take_up(&fallbacks, now);
        self.write_down(by, "reload on-call settings".to_owned(), now);
    }

    /// A receiver is reached another way now: what waits for it after failures is tried at once.
    pub fn reach_anew(&mut self, receiver: usize, now: Timestamp) {
        self.outbox.begin_anew(receiver, now);
    }

    /// Leaves the receivers the time they ask for between two attempts.
    pub(super) fn space_out(&mut self) {
        for (number, receiver) in self.settings.routing.receivers().iter().enumerate() {
            self.outbox.space_out(number, receiver.spacing_ms);
        }
    }

    /// Brings what was made under other settings in line with those of now.
    pub(super) fn take_up(&mut self, fallbacks: &BTreeMap<String, String>, now: Timestamp) {
        self.sources = Sources::default();
        for case in self.cases.values().filter(|case| case.is_open()) {
            self.sources.open(&self.settings.inhibitions, &case.subject());
        }
        self.keep_steps();
        let routing = &self.settings.routing;
        for pending in self.storms.take_of_others(|name| routing.number(name).is_some()) {
            self.changed.insert(RowKey::Digest(pending.number));
            let number = self.number_of(&pending.receiver, fallbacks);
            // Told now: the stand-in may have one of its own that is due then.
            let told = digest(&super::Pending { due: now, ..pending });
            let expires = crate::outbox::expiry(&told);
            if let Some(refusal) = self.outbox.push(number, told, (now, expires)) {
                self.bury_refused(number, refusal, now);
            }
        }
        self.pass_on(now);
        self.note_fallbacks(fallbacks);
    }

    /// Gives what waits for receivers that are no more to who stands in for them.
    pub(super) fn pass_on(&mut self, now: Timestamp) {
        let first = self.settings.routing.receivers().len();
        let left = first..first + self.left.len();
        let mut rows: Vec<Outgoing> =
            left.flat_map(|number| self.outbox.take_out(number)).collect();
        // Their places say nothing, and are others after a restart.
        rows.sort_by_key(|row| row.number);
        let mut passed_on = BTreeSet::new();
        rows.into_iter().for_each(|row| self.pass_on_one(row, &mut passed_on, now));
    }

    fn pass_on_one(
        &mut self,
        row: Outgoing,
        passed_on: &mut BTreeSet<(usize, EpisodeId)>,
        now: Timestamp,
    ) {
        let (from, of) = (row.receiver, row.notification.incident);
        let given_up = (row.notification.clone(), row.attempts);
        let stand_in = self.fallback(from);
        match (self.take(of), stand_in) {
            (Some(mut case), Some((to, name)))
                if passed_on.contains(&(from, of)) || !case.receivers.contains_key(&name) =>
            {
                passed_on.insert((from, of));
                note_passed_on(&mut case, (self.name_of(from), &name), &row.notification, now);
                self.put(case);
                self.readdress(row, (to, &name), now);
            }
            (None, Some((to, name))) => self.readdress(row, (to, &name), now),
            (Some(mut case), _) => {
                self.bury(&mut case, from, given_up, GiveUp::ReceiverRemoved, now);
                self.put(case);
                self.say_refused();
            }
            (None, None) => {
                self.keep_dead(from, given_up, GiveUp::ReceiverRemoved, now);
                self.say_refused();
            }
        }
    }

    /// Sends someone else what was taken out of the outbox, at once.
    fn readdress(&mut self, row: Outgoing, (to, name): (usize, &str), now: Timestamp) {
        let id = readdressed(&row.notification.id, name);
        let notification = Notification { id, ..Notification::clone(&row.notification) };
        let row = Outgoing { receiver: to, notification: notification.into(), at: now, ..row };
        if let Some(refusal) = self.outbox.readdress(row) {
            self.bury_refused(to, refusal, now);
        }
    }

    /// What was tried before and is given up without an attempt is said as what never was.
    fn say_refused(&mut self) {
        let newest = self.dead.values().next_back().filter(|dead| dead.attempts > 0);
        self.refused.extend(newest.cloned());
    }

    /// An incident goes on at the step that it was at; where its policy is shorter now, at the
    /// last: rather is someone told twice than never.
    fn keep_steps(&mut self) {
        let open = self.cases.values().filter(|case| case.is_open());
        let moved: Vec<(EpisodeId, Option<Escalation>)> = open
            .filter_map(|case| {
                let next = case.escalation?;
                let policy = self.policy(self.settings.levels.level(case.severity));
                let last = policy.steps.len().checked_sub(1);
                let kept = last.map(|last| Escalation { step: next.step.min(last), ..next });
                (kept != Some(next)).then_some((case.id, kept))
            })
            .collect();
        for (id, escalation) in moved {
            let Some(case) = self.take(id) else { continue };
            self.put(Case { escalation, ..case });
        }
    }

    /// The name of a receiver, or of one who is no more.
    pub(super) fn name(&self, number: usize) -> Option<&str> {
        let receivers = self.settings.routing.receivers();
        match number.checked_sub(receivers.len()) {
            None => receivers.get(number).map(|it| it.name.as_str()),
            Some(place) => self.left.get(place).map(|it| it.name.as_str()),
        }
    }

    /// Who stands in for a receiver, or for one who is no more.
    pub(super) fn fallback(&self, number: usize) -> Option<(usize, String)> {
        let receivers = self.settings.routing.receivers();
        let name = match number.checked_sub(receivers.len()) {
            None => receivers.get(number)?.fallback.clone()?,
            Some(place) => self.left.get(place)?.fallback.clone()?,
        };
        Some((self.settings.routing.number(&name)?, name))
    }

    /// The number of a receiver, also of one who is no more.
    pub(super) fn number_of(&mut self, name: &str, fallbacks: &BTreeMap<String, String>) -> usize {
        let routing = &self.settings.routing;
        if let Some(number) = routing.number(name) {
            return number;
        }
        let first = routing.receivers().len();
        if let Some(place) = self.left.iter().position(|left| left.name == name) {
            return first + place;
        }
        let fallback = configured(name, fallbacks, routing);
        self.left.push(Left { name: name.to_owned(), fallback });
        first + self.left.len() - 1
    }

    /// Writes down who stands in for whom, where that is news.
    pub(super) fn note_fallbacks(&mut self, known: &BTreeMap<String, String>) {
        if self.fallbacks() != *known {
            self.changed.insert(RowKey::Fallbacks);
        }
    }

    /// Who stands in for whom, for those that something may be pending for.
    pub(super) fn fallbacks(&self) -> BTreeMap<String, String> {
        let receivers = self.settings.routing.receivers().iter();
        let receivers = receivers.map(|it| (&it.name, &it.fallback));
        let all = receivers.chain(self.left.iter().map(|it| (&it.name, &it.fallback)));
        all.filter_map(|(name, other)| Some((name.clone(), other.clone()?))).collect()
    }
}

/// The first down the line of stand-ins who is configured.
fn configured(
    name: &str,
    fallbacks: &BTreeMap<String, String>,
    routing: &Routing,
) -> Option<String> {
    let line = std::iter::successors(fallbacks.get(name), |other| fallbacks.get(*other));
    // They may stand in for each other.
    let mut line = line.take(fallbacks.len());
    line.find(|other| routing.number(other).is_some()).cloned()
}

fn note_passed_on(
    case: &mut Case,
    (from, to): (String, &str),
    what: &Notification,
    now: Timestamp,
) {
    if let Some(told) = case.receivers.get_mut(&from).filter(|told| **told == Told::Sent) {
        *told = Told::Failed;
    }
    case.receivers.insert(to.to_owned(), Told::Sent);
    let why = format!("{}; {to} gets it instead", GiveUp::ReceiverRemoved);
    case.note(now, None, Happening::Undelivered { receiver: from, kind: what.kind, why });
}
