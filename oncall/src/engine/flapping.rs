//! Flapping: a digest replaces the notifications of an alert that fires and resolves repeatedly.
//!
//! Each episode remains an incident, recorded and escalated like any other. When an alert has fired
//! and resolved for one key more than [`FLAP_MAX`](super::FLAP_MAX) times within an hour, a
//! receiver gets a digest at once and then one per hour, until the alert has been quiet for an
//! hour; a resolved notification reports that. Critical incidents are notified individually. So is
//! the resolution of every incident whose firing was notified individually.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::alert_facts::AlertFacts;
use model::meta::former_name;
use model::notification::{Digest, Notification, NotificationKind as Kind};
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::EpisodeId;

use super::flap_counts::{FLAP_MS, FlapEdge, FlappingAlert, TurnCounts, is_recent, line};
use super::{IncidentEngine, RowKey, rate_limit};
use crate::hash::{fnv_64, mix};
use crate::incident::{DeliveryState, Incident};
use crate::outbox::expiry;

/// Rebuilds the flap counts of the last hour from the stored incidents.
pub(super) fn recall_turns(engine: &mut IncidentEngine) {
    let mut turns: Vec<(Timestamp, &Incident, FlapEdge)> = Vec::new();
    for incident in engine.incidents.values() {
        turns.push((incident.times.fired, incident, FlapEdge::Began));
        turns.extend(
            incident.end_text.as_ref().map(|text| (text.detected, incident, FlapEdge::Ended)),
        );
    }
    turns.sort_by_key(|(at, ..)| *at);
    let newest = turns.last().map(|(at, ..)| *at).unwrap_or_default();
    let recent = turns.into_iter().filter(|(at, ..)| is_recent(*at, newest));
    for (at, incident, turn) in recent {
        engine.flaps.count(line(&incident.alert, &incident.key), turn, at);
    }
}

/// Counts a firing or resolution; returns true when the incident's notifications go to the digest.
pub(super) fn flaps(
    engine: &mut IncidentEngine,
    incident: &Incident,
    turn: FlapEdge,
    at: Timestamp,
) -> bool {
    let line = line(&incident.alert, &incident.key);
    let count = engine.flaps.count(line.clone(), turn, at);
    let known = engine.flaps.numbers.get(&line).copied();
    let is_exempt = incident.severity == Severity::Critical || engine.settings.flap_max == 0;
    let begins = count > engine.settings.flap_max && turn == FlapEdge::Began && !is_exempt;
    let number = match known {
        None if begins => {
            let number = engine.number();
            engine.flaps.restore(FlappingAlert {
                number,
                alert: incident.alert.clone(),
                key: incident.key.clone(),
                severity: incident.severity,
                since: at,
                due: at,
                receivers: BTreeSet::new(),
            });
            Some(number)
        }
        known => known,
    };
    let flapping = number.and_then(|number| engine.flaps.flapping.get_mut(&number));
    let Some(flapping) = flapping else { return false };
    flapping.severity = flapping.severity.min(incident.severity);
    engine.changed.insert(RowKey::Flapping(flapping.number));
    !is_exempt
}

/// Returns true when a digest replaces this notification; the receiver is then added to the digest.
pub(super) fn flaps_for(
    engine: &mut IncidentEngine,
    incident: &Incident,
    receiver: usize,
    kind: Kind,
) -> bool {
    let is_turn = matches!(kind, Kind::Firing | Kind::Again);
    let Some(to) = engine.settings.routing.receivers().get(receiver) else { return false };
    if !is_turn || !incident.is_flapping || to.is_router {
        return false;
    }
    let number = engine.flaps.numbers.get(&line(&incident.alert, &incident.key)).copied();
    let flapping = number.and_then(|number| engine.flaps.flapping.get_mut(&number));
    let Some(flapping) = flapping else { return false };
    flapping.receivers.insert(to.name.clone());
    engine.changed.insert(RowKey::Flapping(flapping.number));
    true
}

/// Sends the flap digests that are due; an alert without edges for an hour stops flapping.
pub(super) fn notify_flapping(engine: &mut IncidentEngine, now: Timestamp) {
    let due = engine.flaps.flapping.values().filter(|flapping| flapping.due <= now);
    let due: Vec<FlappingAlert> = due.cloned().collect();
    for mut flapping in due {
        engine.changed.insert(RowKey::Flapping(flapping.number));
        let line = line(&flapping.alert, &flapping.key);
        let turns = engine.flaps.lately(&line, now);
        flapping.receivers.iter().for_each(|name| roll_up(engine, &flapping, turns, name, now));
        if turns == TurnCounts::default() {
            engine.flaps.flapping.remove(&flapping.number);
            engine.flaps.numbers.remove(&line);
            settle_down(engine, &flapping, now);
            continue;
        }
        flapping.due = flapping.due.plus(FLAP_MS).max(now);
        engine.flaps.flapping.insert(flapping.number, flapping);
    }
}

/// Sends a flap digest to one receiver, unless it is suppressed or counted in a rate-limit digest.
fn roll_up(
    engine: &mut IncidentEngine,
    of: &FlappingAlert,
    turns: TurnCounts,
    name: &str,
    now: Timestamp,
) {
    let Some(receiver) = engine.settings.routing.number(name) else { return };
    if turns == TurnCounts::default() {
        // The end of flapping is sent even when other notifications are suppressed.
        if !engine.receives(receiver, Kind::Resolved) {
            return;
        }
    } else {
        let is_it = |incident: &&Incident| incident.alert == of.alert && incident.key == of.key;
        let newest =
            engine.incidents.values().filter(is_it).max_by_key(|incident| incident.times.fired);
        let Some(newest) = newest.cloned() else { return };
        if engine.held_back(&newest, name, now).is_some()
            || rate_limit::sums_up(engine, &newest, receiver, Kind::Digest, now)
        {
            return;
        }
    }
    let notification = notified(of, turns, name);
    let expires = expiry(&notification);
    if let Some(refusal) = engine.outbox.push(receiver, notification, now, expires) {
        engine.bury_refused(receiver, refusal, now);
    }
}

/// Notifies individually of incidents that are still open after flapping ends, where a receiver
/// only got digests.
fn settle_down(engine: &mut IncidentEngine, flapping: &FlappingAlert, now: Timestamp) {
    let is_it = |incident: &&Incident| {
        incident.is_open() && incident.alert == flapping.alert && incident.key == flapping.key
    };
    let open: Vec<EpisodeId> =
        engine.incidents.values().filter(is_it).map(|incident| incident.id).collect();
    for id in open {
        let Some(mut incident) = engine.take(id) else { continue };
        incident.is_flapping = false;
        for notified in
            incident.receivers.values_mut().filter(|notified| **notified == DeliveryState::Summed)
        {
            *notified = DeliveryState::Waiting;
        }
        let at = incident.times.event;
        engine.notify(&mut incident, Kind::Firing, at, now);
        // Receivers that an escalation step named, and no route.
        let routed = engine.settings.routing.wanted(&incident.subject(), now);
        let receivers = engine.settings.routing.receivers().iter().enumerate();
        let others = receivers.filter(|(number, it)| {
            incident.receivers.get(&it.name) == Some(&DeliveryState::Waiting)
                && !routed.iter().any(|(of, _)| of == number)
        });
        let others: Vec<String> = others.map(|(_, it)| it.name.clone()).collect();
        engine.notify_named(&mut incident, &others, Kind::Firing, now);
        engine.put(incident);
    }
}

/// Builds the digest with the counts of edges; without any edge, a `Resolved` that ends it. All
/// digests of one flapping period share one incident id, so receivers that group by incident
/// resolve what the first digest opened.
fn notified(of: &FlappingAlert, turns: TurnCounts, to: &str) -> Notification {
    let key: Vec<String> = of.key.iter().map(|(name, value)| format!("{name}={value}")).collect();
    // An alert that was renamed keeps the id under which an earlier version sent digests of it.
    let alert = former_name(&of.alert).unwrap_or(&of.alert);
    let stretch = format!("flapping {alert} {} {}", key.join(" "), of.since.0);
    let id = fnv_64(stretch.as_bytes());
    let incident = EpisodeId(u128::from(id) << 64 | u128::from(mix(id)));
    let this = fnv_64(format!("{to} {}", of.due.0).as_bytes());
    let is_over = turns == TurnCounts::default();
    let kind = if is_over { Kind::Resolved } else { Kind::Digest };
    let notification_id = format!("{incident}-{}-{this:016x}", kind.name());
    let facts = AlertFacts {
        alert: of.alert.clone(),
        severity: of.severity,
        key: of.key.clone(),
        at: of.due,
        since: of.since,
    };
    Notification {
        // Names only: it reads the same in every language.
        message: key.join(" "),
        digest: Some(Arc::new(Digest {
            news: turns.began,
            ended: turns.ended,
            alerts: vec![(of.alert.clone(), turns.began)],
            is_flapping: true,
        })),
        ..Notification::of_facts(notification_id, kind, incident, facts)
    }
}
