//! Reload of on-call settings: open incidents and pending notifications are kept.
//!
//! State refers to receivers by name, so their order in the configuration does not matter. A
//! restart with changed settings takes the same path from the stored rows. Fallbacks are stored for
//! that purpose, as the new settings do not contain those of removed receivers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::notification::{Notification, NotificationKind};
use model::time::Timestamp;
use model::transition::EpisodeId;

use super::delivery::GivenUpNotification;
use super::rate_limit::digest;
use super::removed_receiver::RemovedReceiver;
use super::{IncidentEngine, OnCallSettings, RowKey};
use crate::incident::{DeliveryState, Escalation, Incident};
use crate::inhibition::InhibitionSources;
use crate::outbox::{DropReason, OutboxEntry, OutboxLimits};
use crate::route::{RoutingTable, readdressed};
use crate::timeline::IncidentEvent;

/// See [`IncidentEngine::reconfigure`].
pub(super) fn reconfigure(
    engine: &mut IncidentEngine,
    settings: OnCallSettings,
    limits: OutboxLimits,
    by: &str,
    now: Timestamp,
) {
    let fallbacks = fallbacks(engine);
    let receivers = engine.settings.routing.receivers().iter().map(|it| it.name.clone());
    let left = engine.left.iter().map(|it| it.name.clone());
    let before: Vec<String> = receivers.chain(left).collect();
    engine.settings = settings;
    engine.left.clear();
    let next: Vec<Option<usize>> = before
        .iter()
        .enumerate()
        .map(|(number, name)| {
            let has_pending = engine.outbox.counts(number).pending > 0;
            let known = engine.settings.routing.number(name);
            known.or_else(|| has_pending.then(|| number_of(engine, name, &fallbacks)))
        })
        .collect();
    engine.outbox.renumber(&next);
    engine.outbox.bound(limits);
    engine.storms.renumber(&next);
    space_out(engine);
    apply_fallbacks(engine, &fallbacks, now);
    engine.write_down(by, "reload on-call settings".to_owned(), now);
}

/// See [`IncidentEngine::reach_anew`].
pub(super) fn reach_anew(engine: &mut IncidentEngine, receiver: usize, now: Timestamp) {
    engine.outbox.begin_anew(receiver, now);
}

/// Applies the configured spacing between attempts to each receiver's queue.
pub(super) fn space_out(engine: &mut IncidentEngine) {
    for (number, receiver) in engine.settings.routing.receivers().iter().enumerate() {
        engine.outbox.space_out(number, receiver.spacing_ms);
    }
}

/// Adapts stored state to the current settings: inhibition sources, escalation steps, and digests
/// and notifications of removed receivers.
pub(super) fn apply_fallbacks(
    engine: &mut IncidentEngine,
    fallbacks: &BTreeMap<String, String>,
    now: Timestamp,
) {
    engine.sources = InhibitionSources::default();
    for incident in engine.incidents.values().filter(|incident| incident.is_open()) {
        engine.sources.open(&engine.settings.inhibitions, &incident.subject());
    }
    keep_steps(engine);
    let routing = &engine.settings.routing;
    for pending in engine.storms.take_of_others(|name| routing.number(name).is_some()) {
        engine.changed.insert(RowKey::Digest(pending.number));
        let number = number_of(engine, &pending.receiver, fallbacks);
        // Due now: the fallback may have a digest of its own that is due at that instant.
        let notified = digest(&super::PendingDigest { due: now, ..pending });
        let expires = crate::outbox::expiry(&notified);
        if let Some(refusal) = engine.outbox.push(number, notified, now, expires) {
            engine.bury_refused(number, refusal, now);
        }
    }
    pass_on(engine, now);
    record_fallbacks(engine, fallbacks);
}

/// Moves notifications pending for removed receivers to their fallbacks, or drops them.
pub(super) fn pass_on(engine: &mut IncidentEngine, now: Timestamp) {
    let first = engine.settings.routing.receivers().len();
    let left = first..first + engine.left.len();
    let mut rows: Vec<OutboxEntry> =
        left.flat_map(|number| engine.outbox.take_out(number)).collect();
    // Sorted by number: the order of removed receivers changes with a restart.
    rows.sort_by_key(|row| row.number);
    let mut passed_on = BTreeSet::new();
    rows.into_iter().for_each(|row| pass_on_one(engine, row, &mut passed_on, now));
}

fn pass_on_one(
    engine: &mut IncidentEngine,
    row: OutboxEntry,
    passed_on: &mut BTreeSet<(usize, EpisodeId)>,
    now: Timestamp,
) {
    let (from, of) = (row.receiver, row.notification.incident);
    let given_up = GivenUpNotification {
        notification: Arc::clone(&row.notification),
        attempts: row.attempts,
        why: DropReason::ReceiverRemoved,
    };
    let stand_in = fallback(engine, from);
    match (engine.take(of), stand_in) {
        (Some(mut incident), Some((to, name)))
            if passed_on.contains(&(from, of)) || !incident.receivers.contains_key(&name) =>
        {
            passed_on.insert((from, of));
            record_passed_on(
                &mut incident,
                engine.name_of(from),
                &name,
                row.notification.kind,
                now,
            );
            engine.put(incident);
            readdress(engine, row, to, &name, now);
        }
        (None, Some((to, name))) => readdress(engine, row, to, &name, now),
        (Some(mut incident), _) => {
            engine.bury(&mut incident, from, given_up, now);
            engine.put(incident);
            report_refused(engine);
        }
        (None, None) => {
            engine.keep_dead(from, given_up, now);
            report_refused(engine);
        }
    }
}

/// Queues a removed entry for another receiver; it is due at once.
fn readdress(engine: &mut IncidentEngine, row: OutboxEntry, to: usize, name: &str, now: Timestamp) {
    let id = readdressed(&row.notification.id, name);
    let notification = Notification { id, ..Notification::clone(&row.notification) };
    let row = OutboxEntry { receiver: to, notification: notification.into(), at: now, ..row };
    if let Some(refusal) = engine.outbox.readdress(row) {
        engine.bury_refused(to, refusal, now);
    }
}

/// Reports the newest dead notification as dropped, if it was attempted before; the others are
/// reported already.
fn report_refused(engine: &mut IncidentEngine) {
    let newest = engine.dead.values().next_back().filter(|dead| dead.attempts > 0);
    engine.refused.extend(newest.cloned());
}

/// Keeps the escalation step of each open incident. Where the policy is shorter now, the last step
/// applies: a repeated notification is better than none.
fn keep_steps(engine: &mut IncidentEngine) {
    let open = engine.incidents.values().filter(|incident| incident.is_open());
    let moved: Vec<(EpisodeId, Option<Escalation>)> = open
        .filter_map(|incident| {
            let next = incident.escalation?;
            let policy = engine.policy(engine.settings.levels.level(incident.severity));
            let last = policy.steps.len().checked_sub(1);
            let kept = last.map(|last| Escalation { step: next.step.min(last), ..next });
            (kept != Some(next)).then_some((incident.id, kept))
        })
        .collect();
    for (id, escalation) in moved {
        let Some(incident) = engine.take(id) else { continue };
        engine.put(Incident { escalation, ..incident });
    }
}

/// Returns the name of a receiver, also of a removed one.
pub(super) fn name(engine: &IncidentEngine, number: usize) -> Option<&str> {
    let receivers = engine.settings.routing.receivers();
    match number.checked_sub(receivers.len()) {
        None => receivers.get(number).map(|it| it.name.as_str()),
        Some(place) => engine.left.get(place).map(|it| it.name.as_str()),
    }
}

/// Returns number and name of the fallback of a receiver, also of a removed one.
pub(super) fn fallback(engine: &IncidentEngine, number: usize) -> Option<(usize, String)> {
    let receivers = engine.settings.routing.receivers();
    let name = match number.checked_sub(receivers.len()) {
        None => receivers.get(number)?.fallback.clone()?,
        Some(place) => engine.left.get(place)?.fallback.clone()?,
    };
    Some((engine.settings.routing.number(&name)?, name))
}

/// Returns the number of a receiver. A receiver that is not configured gets a number after the
/// configured ones.
pub(super) fn number_of(
    engine: &mut IncidentEngine,
    name: &str,
    fallbacks: &BTreeMap<String, String>,
) -> usize {
    let routing = &engine.settings.routing;
    if let Some(number) = routing.number(name) {
        return number;
    }
    let first = routing.receivers().len();
    if let Some(place) = engine.left.iter().position(|left| left.name == name) {
        return first + place;
    }
    let fallback = configured(name, fallbacks, routing);
    engine.left.push(RemovedReceiver { name: name.to_owned(), fallback });
    first + engine.left.len() - 1
}

/// Marks the row of fallbacks as changed if they differ from the known ones.
pub(super) fn record_fallbacks(engine: &mut IncidentEngine, known: &BTreeMap<String, String>) {
    if fallbacks(engine) != *known {
        engine.changed.insert(RowKey::Fallbacks);
    }
}

/// Returns the fallback of every receiver that has one, removed receivers included.
pub(super) fn fallbacks(engine: &IncidentEngine) -> BTreeMap<String, String> {
    let receivers = engine.settings.routing.receivers().iter();
    let configured = receivers.map(|it| (&it.name, &it.fallback));
    let all = configured.chain(engine.left.iter().map(|it| (&it.name, &it.fallback)));
    all.filter_map(|(name, other)| Some((name.clone(), other.clone()?))).collect()
}

/// Returns the first configured receiver along a chain of fallbacks.
fn configured(
    name: &str,
    fallbacks: &BTreeMap<String, String>,
    routing: &RoutingTable,
) -> Option<String> {
    let line = std::iter::successors(fallbacks.get(name), |other| fallbacks.get(*other));
    // The chain may be a cycle.
    let mut stand_ins = line.take(fallbacks.len());
    stand_ins.find(|other| routing.number(other).is_some()).cloned()
}

fn record_passed_on(
    incident: &mut Incident,
    from: String,
    to: &str,
    kind: NotificationKind,
    now: Timestamp,
) {
    if let Some(notified) =
        incident.receivers.get_mut(&from).filter(|notified| **notified == DeliveryState::Sent)
    {
        *notified = DeliveryState::Failed;
    }
    incident.receivers.insert(to.to_owned(), DeliveryState::Sent);
    let why = format!("{}; {to} gets it instead", DropReason::ReceiverRemoved);
    incident.record(now, None, IncidentEvent::NotificationDropped { receiver: from, kind, why });
}
