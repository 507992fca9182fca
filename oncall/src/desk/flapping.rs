//! Flapping: an alert that begins and ends again and again is told in sum.
//!
//! Each episode is an incident of its own, on record and escalated like any other. But where an
//! alert has begun and ended for one key more than [`FLAP_MAX`](super::FLAP_MAX) times within an
//! hour, a receiver hears of it at once how often, and after that once an hour, until it has been
//! quiet for an hour: it hears that too.
//! What is most severe is told one by one, and so is the end of whatever was told by itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::alert_facts::{AlertFacts, Measurement};
use model::meta::former_name;
use model::notification::{Digest, Notification, NotificationKind as Kind};
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::EpisodeId;

use super::flap_counts::{FLAP_MS, Flapping, Turn, TurnCounts, is_recent, line};
use super::{Desk, RowKey, storm};
use crate::case::{Case, Told};
use crate::hash::{fnv_64, mix};
use crate::outbox::expiry;

/// Takes up from the record how often alerts have begun and ended within the last hour.
pub(super) fn recall_turns(desk: &mut Desk) {
    let mut turns: Vec<(Timestamp, &Case, Turn)> = Vec::new();
    for case in desk.cases.values() {
        turns.push((case.times.fired, case, Turn::Began));
        turns.extend(case.end_text.as_ref().map(|text| (text.detected, case, Turn::Ended)));
    }
    turns.sort_by_key(|(at, ..)| *at);
    let newest = turns.last().map(|(at, ..)| *at).unwrap_or_default();
    let recent = turns.into_iter().filter(|(at, ..)| is_recent(*at, newest));
    for (at, case, turn) in recent {
        desk.flaps.count(line(&case.alert, &case.key), turn, at);
    }
}

/// Counts that an incident's alert began or ended; whether it flaps.
pub(super) fn flaps(desk: &mut Desk, case: &Case, turn: Turn, at: Timestamp) -> bool {
    let line = line(&case.alert, &case.key);
    let count = desk.flaps.count(line.clone(), turn, at);
    let known = desk.flaps.numbers.get(&line).copied();
    let is_exempt = case.severity == Severity::Critical || desk.settings.flap_max == 0;
    let begins = count > desk.settings.flap_max && turn == Turn::Began && !is_exempt;
    let number = match known {
        None if begins => {
            let number = desk.number();
            desk.flaps.restore(Flapping {
                number,
                alert: case.alert.clone(),
                key: case.key.clone(),
                severity: case.severity,
                since: at,
                due: at,
                receivers: BTreeSet::new(),
            });
            Some(number)
        }
        known => known,
    };
    let flapping = number.and_then(|number| desk.flaps.flapping.get_mut(&number));
    let Some(flapping) = flapping else { return false };
    flapping.severity = flapping.severity.min(case.severity);
    desk.changed.insert(RowKey::Flapping(flapping.number));
    !is_exempt
}

/// Whether something about an incident is told with the other turns of its alert.
pub(super) fn flaps_for(desk: &mut Desk, case: &Case, receiver: usize, kind: Kind) -> bool {
    let is_turn = matches!(kind, Kind::Firing | Kind::Again);
    let Some(to) = desk.settings.routing.receivers().get(receiver) else { return false };
    if !is_turn || !case.is_flapping || to.is_router {
        return false;
    }
    let number = desk.flaps.numbers.get(&line(&case.alert, &case.key)).copied();
    let flapping = number.and_then(|number| desk.flaps.flapping.get_mut(&number));
    let Some(flapping) = flapping else { return false };
    flapping.receivers.insert(to.name.clone());
    desk.changed.insert(RowKey::Flapping(flapping.number));
    true
}

/// Tells how often those that flap have done so, where it is time; who was quiet for an hour
/// flaps no more.
pub(super) fn tell_flapping(desk: &mut Desk, now: Timestamp) {
    let due = desk.flaps.flapping.values().filter(|flapping| flapping.due <= now);
    let due: Vec<Flapping> = due.cloned().collect();
    for mut flapping in due {
        desk.changed.insert(RowKey::Flapping(flapping.number));
        let line = line(&flapping.alert, &flapping.key);
        let turns = desk.flaps.lately(&line, now);
        flapping.receivers.iter().for_each(|name| roll_up(desk, &flapping, turns, name, now));
        if turns == TurnCounts::default() {
            desk.flaps.flapping.remove(&flapping.number);
            desk.flaps.numbers.remove(&line);
            settle_down(desk, &flapping, now);
            continue;
        }
        flapping.due = flapping.due.plus(FLAP_MS).max(now);
        desk.flaps.flapping.insert(flapping.number, flapping);
    }
}

/// Tells one receiver, unless something keeps it from being told, or so much happens that this
/// too is told in sum.
fn roll_up(desk: &mut Desk, of: &Flapping, turns: TurnCounts, name: &str, now: Timestamp) {
    let Some(receiver) = desk.settings.routing.number(name) else { return };
    if turns == TurnCounts::default() {
        // Who was told that it flaps is told that it does no more, whatever keeps other news.
        if !desk.hears(receiver, Kind::Resolved) {
            return;
        }
    } else {
        let is_it = |case: &&Case| case.alert == of.alert && case.key == of.key;
        let newest = desk.cases.values().filter(is_it).max_by_key(|case| case.times.fired);
        let Some(newest) = newest.cloned() else { return };
        if desk.held_back(&newest, name, now).is_some()
            || storm::sums_up(desk, &newest, receiver, Kind::Digest, now)
        {
            return;
        }
    }
    let notification = told(of, turns, name);
    let expires = expiry(&notification);
    if let Some(refusal) = desk.outbox.push(receiver, notification, now, expires) {
        desk.bury_refused(receiver, refusal, now);
    }
}

/// It is quiet: who heard only in sum of what is still open hears of it by itself.
fn settle_down(desk: &mut Desk, flapping: &Flapping, now: Timestamp) {
    let is_it =
        |case: &&Case| case.is_open() && case.alert == flapping.alert && case.key == flapping.key;
    let open: Vec<EpisodeId> = desk.cases.values().filter(is_it).map(|case| case.id).collect();
    for id in open {
        let Some(mut case) = desk.take(id) else { continue };
        case.is_flapping = false;
        for told in case.receivers.values_mut().filter(|told| **told == Told::Summed) {
            *told = Told::Waiting;
        }
        let at = case.times.event;
        desk.tell(&mut case, Kind::Firing, at, now);
        // Who was named by a step of the policy, and by no route.
        let routed = desk.settings.routing.wanted(&case.subject(), now);
        let receivers = desk.settings.routing.receivers().iter().enumerate();
        let others = receivers.filter(|(number, it)| {
            case.receivers.get(&it.name) == Some(&Told::Waiting)
                && !routed.iter().any(|(of, _)| of == number)
        });
        let others: Vec<String> = others.map(|(_, it)| it.name.clone()).collect();
        desk.tell_named(&mut case, &others, Kind::Firing, now);
        desk.put(case);
    }
}

/// How often it did; without any turn, that it does no more. All that is told of one stretch has
/// one incident, so that who keeps them by it ends what the first began.
fn told(of: &Flapping, turns: TurnCounts, to: &str) -> Notification {
    let key: Vec<String> = of.key.iter().map(|(name, value)| format!("{name}={value}")).collect();
    // An alert that was renamed keeps the id under which an earlier version sent digests of it.
    let alert = former_name(&of.alert).unwrap_or(&of.alert);
    let stretch = format!("flapping {alert} {} {}", key.join(" "), of.since.0);
    let id = fnv_64(stretch.as_bytes());
    let incident = EpisodeId(u128::from(id) << 64 | u128::from(mix(id)));
    let this = fnv_64(format!("{to} {}", of.due.0).as_bytes());
    let is_over = turns == TurnCounts::default();
    let kind = if is_over { Kind::Resolved } else { Kind::Digest };
    Notification {
        id: format!("{incident}-{}-{this:016x}", kind.name()),
        kind,
        incident,
        facts: AlertFacts {
            alert: of.alert.clone(),
            severity: of.severity,
            key: of.key.clone(),
            at: of.due,
            since: of.since,
        },
        detected: of.due,
        deadline: None,
        measured: Measurement::default(),
        reason: None,
        // Names only: it reads the same in every language.
        message: key.join(" "),
        reading: String::new(),
        runbook: None,
        labels: Vec::new(),
        by: None,
        missed: None,
        digest: Some(Arc::new(Digest {
            news: turns.began,
            ended: turns.ended,
            alerts: vec![(of.alert.clone(), turns.began)],
            is_flapping: true,
        })),
    }
}
