//! Other settings for a desk at work: what is open and what is pending goes on under them.
//!
//! Everything is known by name, so nothing depends on where a receiver stands among the others.
//! A restart with other settings takes the same way, from what is written down: who stood in
//! for whom is written down for that, as the new settings do not know it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::notification::{Notification, NotificationKind};
use model::time::Timestamp;
use model::transition::EpisodeId;

use super::delivery::GivenUpNotification;
use super::left::Left;
use super::storm::digest;
use super::{Desk, RowKey, Settings};
use crate::case::{Case, Escalation, Told};
use crate::inhibition::Sources;
use crate::outbox::{GiveUp, OutboxLimits, Outgoing};
use crate::route::{Routing, readdressed};
use crate::timeline::TimelineEvent;

/// See [`Desk::reconfigure`].
pub(super) fn reconfigure(
    desk: &mut Desk,
    settings: Settings,
    limits: OutboxLimits,
    by: &str,
    now: Timestamp,
) {
    let fallbacks = fallbacks(desk);
    let receivers = desk.settings.routing.receivers().iter().map(|it| it.name.clone());
    let left = desk.left.iter().map(|it| it.name.clone());
    let before: Vec<String> = receivers.chain(left).collect();
    desk.settings = settings;
    desk.left.clear();
    let next: Vec<Option<usize>> = before
        .iter()
        .enumerate()
        .map(|(number, name)| {
            let has_pending = desk.outbox.counts(number).pending > 0;
            let known = desk.settings.routing.number(name);
            known.or_else(|| has_pending.then(|| number_of(desk, name, &fallbacks)))
        })
        .collect();
    desk.outbox.renumber(&next);
    desk.outbox.bound(limits);
    desk.storms.renumber(&next);
    space_out(desk);
    take_up(desk, &fallbacks, now);
    desk.write_down(by, "reload on-call settings".to_owned(), now);
}

/// See [`Desk::reach_anew`].
pub(super) fn reach_anew(desk: &mut Desk, receiver: usize, now: Timestamp) {
    desk.outbox.begin_anew(receiver, now);
}

/// Leaves the receivers the time they ask for between two attempts.
pub(super) fn space_out(desk: &mut Desk) {
    for (number, receiver) in desk.settings.routing.receivers().iter().enumerate() {
        desk.outbox.space_out(number, receiver.spacing_ms);
    }
}

/// Brings what was made under other settings in line with those of now.
pub(super) fn take_up(desk: &mut Desk, fallbacks: &BTreeMap<String, String>, now: Timestamp) {
    desk.sources = Sources::default();
    for case in desk.cases.values().filter(|case| case.is_open()) {
        desk.sources.open(&desk.settings.inhibitions, &case.subject());
    }
    keep_steps(desk);
    let routing = &desk.settings.routing;
    for pending in desk.storms.take_of_others(|name| routing.number(name).is_some()) {
        desk.changed.insert(RowKey::Digest(pending.number));
        let number = number_of(desk, &pending.receiver, fallbacks);
        // Told now: the stand-in may have one of its own that is due then.
        let told = digest(&super::Pending { due: now, ..pending });
        let expires = crate::outbox::expiry(&told);
        if let Some(refusal) = desk.outbox.push(number, told, now, expires) {
            desk.bury_refused(number, refusal, now);
        }
    }
    pass_on(desk, now);
    note_fallbacks(desk, fallbacks);
}

/// Gives what waits for receivers that are no more to who stands in for them.
pub(super) fn pass_on(desk: &mut Desk, now: Timestamp) {
    let first = desk.settings.routing.receivers().len();
    let left = first..first + desk.left.len();
    let mut rows: Vec<Outgoing> = left.flat_map(|number| desk.outbox.take_out(number)).collect();
    // Their places say nothing, and are others after a restart.
    rows.sort_by_key(|row| row.number);
    let mut passed_on = BTreeSet::new();
    rows.into_iter().for_each(|row| pass_on_one(desk, row, &mut passed_on, now));
}

fn pass_on_one(
    desk: &mut Desk,
    row: Outgoing,
    passed_on: &mut BTreeSet<(usize, EpisodeId)>,
    now: Timestamp,
) {
    let (from, of) = (row.receiver, row.notification.incident);
    let given_up = GivenUpNotification {
        notification: Arc::clone(&row.notification),
        attempts: row.attempts,
        why: GiveUp::ReceiverRemoved,
    };
    let stand_in = fallback(desk, from);
    match (desk.take(of), stand_in) {
        (Some(mut case), Some((to, name)))
            if passed_on.contains(&(from, of)) || !case.receivers.contains_key(&name) =>
        {
            passed_on.insert((from, of));
            note_passed_on(&mut case, desk.name_of(from), &name, row.notification.kind, now);
            desk.put(case);
            readdress(desk, row, to, &name, now);
        }
        (None, Some((to, name))) => readdress(desk, row, to, &name, now),
        (Some(mut case), _) => {
            desk.bury(&mut case, from, given_up, now);
            desk.put(case);
            say_refused(desk);
        }
        (None, None) => {
            desk.keep_dead(from, given_up, now);
            say_refused(desk);
        }
    }
}

/// Sends someone else what was taken out of the outbox, at once.
fn readdress(desk: &mut Desk, row: Outgoing, to: usize, name: &str, now: Timestamp) {
    let id = readdressed(&row.notification.id, name);
    let notification = Notification { id, ..Notification::clone(&row.notification) };
    let row = Outgoing { receiver: to, notification: notification.into(), at: now, ..row };
    if let Some(refusal) = desk.outbox.readdress(row) {
        desk.bury_refused(to, refusal, now);
    }
}

/// What was tried before and is given up without an attempt is said as what never was.
fn say_refused(desk: &mut Desk) {
    let newest = desk.dead.values().next_back().filter(|dead| dead.attempts > 0);
    desk.refused.extend(newest.cloned());
}

/// An incident goes on at the step that it was at; where its policy is shorter now, at the
/// last: rather is someone told twice than never.
fn keep_steps(desk: &mut Desk) {
    let open = desk.cases.values().filter(|case| case.is_open());
    let moved: Vec<(EpisodeId, Option<Escalation>)> = open
        .filter_map(|case| {
            let next = case.escalation?;
            let policy = desk.policy(desk.settings.levels.level(case.severity));
            let last = policy.steps.len().checked_sub(1);
            let kept = last.map(|last| Escalation { step: next.step.min(last), ..next });
            (kept != Some(next)).then_some((case.id, kept))
        })
        .collect();
    for (id, escalation) in moved {
        let Some(case) = desk.take(id) else { continue };
        desk.put(Case { escalation, ..case });
    }
}

/// The name of a receiver, or of one who is no more.
pub(super) fn name(desk: &Desk, number: usize) -> Option<&str> {
    let receivers = desk.settings.routing.receivers();
    match number.checked_sub(receivers.len()) {
        None => receivers.get(number).map(|it| it.name.as_str()),
        Some(place) => desk.left.get(place).map(|it| it.name.as_str()),
    }
}

/// Who stands in for a receiver, or for one who is no more.
pub(super) fn fallback(desk: &Desk, number: usize) -> Option<(usize, String)> {
    let receivers = desk.settings.routing.receivers();
    let name = match number.checked_sub(receivers.len()) {
        None => receivers.get(number)?.fallback.clone()?,
        Some(place) => desk.left.get(place)?.fallback.clone()?,
    };
    Some((desk.settings.routing.number(&name)?, name))
}

/// The number of a receiver, also of one who is no more.
pub(super) fn number_of(
    desk: &mut Desk,
    name: &str,
    fallbacks: &BTreeMap<String, String>,
) -> usize {
    let routing = &desk.settings.routing;
    if let Some(number) = routing.number(name) {
        return number;
    }
    let first = routing.receivers().len();
    if let Some(place) = desk.left.iter().position(|left| left.name == name) {
        return first + place;
    }
    let fallback = configured(name, fallbacks, routing);
    desk.left.push(Left { name: name.to_owned(), fallback });
    first + desk.left.len() - 1
}

/// Writes down who stands in for whom, where that is news.
pub(super) fn note_fallbacks(desk: &mut Desk, known: &BTreeMap<String, String>) {
    if fallbacks(desk) != *known {
        desk.changed.insert(RowKey::Fallbacks);
    }
}

/// Who stands in for whom, for those that something may be pending for.
pub(super) fn fallbacks(desk: &Desk) -> BTreeMap<String, String> {
    let receivers = desk.settings.routing.receivers().iter();
    let configured = receivers.map(|it| (&it.name, &it.fallback));
    let all = configured.chain(desk.left.iter().map(|it| (&it.name, &it.fallback)));
    all.filter_map(|(name, other)| Some((name.clone(), other.clone()?))).collect()
}

/// The first down the line of stand-ins who is configured.
fn configured(
    name: &str,
    fallbacks: &BTreeMap<String, String>,
    routing: &Routing,
) -> Option<String> {
    let line = std::iter::successors(fallbacks.get(name), |other| fallbacks.get(*other));
    // They may stand in for each other.
    let mut stand_ins = line.take(fallbacks.len());
    stand_ins.find(|other| routing.number(other).is_some()).cloned()
}

fn note_passed_on(case: &mut Case, from: String, to: &str, kind: NotificationKind, now: Timestamp) {
    if let Some(told) = case.receivers.get_mut(&from).filter(|told| **told == Told::Sent) {
        *told = Told::Failed;
    }
    case.receivers.insert(to.to_owned(), Told::Sent);
    let why = format!("{}; {to} gets it instead", GiveUp::ReceiverRemoved);
    case.note(now, None, TimelineEvent::NotificationDropped { receiver: from, kind, why });
}
