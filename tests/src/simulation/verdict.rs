//! What must be true of a run, whatever happened in it.

use std::collections::{BTreeMap, BTreeSet};

use model::notification::{Notification, NotificationKind};
use model::time::Timestamp;
use model::transition::{EpisodeId, Transition, TransitionKind};
use oncall::incident::Incidents;

use super::people::{given_up, notice, told_in_calm};
use super::reload::wanted;
use super::{Course, Ended, Survivors, Told, run};
use crate::drawn::Case;
use crate::drive::oracle_input;

/// Runs a case and says what survived.
///
/// # Errors
/// What is wrong with the run.
pub fn check(case: &Case, course: Course<'_>) -> Result<Survivors, String> {
    let mut ended = run(case, course).map_err(|error| error.to_string())?;
    if let Some(fault) = ended.views.fault.take() {
        return Err(fault);
    }
    let want = wanted(case, course, &ended.survivors);
    let want = want.unwrap_or_else(|| ended.views.wanted(case));
    let has_late = ended.views.has_late();
    // After a restart an event may be in time that was late before, or the other way: the same
    // answers are promised where none is late (LANGUAGE §3.17).
    let is_exact = !has_late || (ended.survivors.crashes == 0 && !ended.views.is_torn());
    if is_exact {
        transitions(case, &ended, &want)?;
        pages((case, course), &want, &ended.survivors)?;
    }
    let counted = ended.last.counts.late_after_settle;
    if ended.survivors.crashes == 0 && counted != ended.views.rows_late {
        let rows = ended.views.rows_late;
        return Err(format!("{counted} counted late after settling, not {rows}"));
    }
    if is_exact {
        deliveries(&ended, &expected(case, &ended, &want)?)?;
    }
    memory(&ended)?;
    tally(case, &mut ended, has_late, &want);
    Ok(ended.survivors)
}

/// Counts what the run met.
fn tally(case: &Case, ended: &mut Ended, has_late: bool, want: &[Transition]) {
    let times = case.logs.iter().flat_map(|log| log.records.iter().map(|record| record.time));
    let latest = times.max().map(Timestamp);
    let counts = &ended.last.counts;
    for (deed, met) in [
        ("late after settling, with crashes", has_late && ended.survivors.crashes > 0),
        (
            "late after settling, counted",
            counts.late_after_settle > 0 && ended.survivors.crashes == 0,
        ),
        ("time passed by itself", ended.world.idle_ms.is_some()),
        ("input lay there whole", ended.world.idle_ms.is_none()),
        ("event repeated under its id", counts.repeated > 0),
        (
            "fired in silence",
            ended.world.idle_ms.is_some()
                && want
                    .iter()
                    .any(|t| t.kind == TransitionKind::Firing && Some(t.facts.at) > latest),
        ),
    ] {
        if met {
            ended.survivors.note(deed);
        }
    }
}

/// The log holds what the naive interpreter tells, and held it before it was committed.
fn transitions(case: &Case, ended: &Ended, want: &[Transition]) -> Result<(), String> {
    let told: Vec<&Transition> = settled(&ended.survivors.alert_log).collect();
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for (transition, by) in want.iter().map(|it| (it, -1)).chain(told.iter().map(|it| (*it, 1))) {
        *counts.entry(format!("{transition:?}")).or_insert(0) += by;
    }
    let of = |wanted: fn(i64) -> bool| counts.iter().filter(move |(_, n)| wanted(**n));
    let (lost, invented) = (of(|n| n < 0).count(), of(|n| n > 0).count());
    if let Some((first, _)) = of(|n| n != 0).next() {
        return Err(format!("lost {lost}, invented {invented}: {first}"));
    }
    // Of rules that were replaced, the streams of an alert may be others by now.
    let commits = ended.views.commits.iter().filter(|_| ended.survivors.replaced.is_none());
    for (length, settled) in commits {
        let log = &ended.survivors.alert_log[..*length];
        if let Some(first) = unacknowledged(case, want, log, settled) {
            return Err(format!("committed before it was in the log: {first}"));
        }
    }
    Ok(())
}

fn settled(log: &[Told]) -> impl Iterator<Item = &Transition> {
    log.iter().filter_map(|told| match told {
        Told::Settled(transition) => Some(transition),
        Told::Early(_) | Told::Withdrawn(_) => None,
    })
}

/// A transition up to the settled instants that the log does not hold.
fn unacknowledged(
    case: &Case,
    want: &[Transition],
    log: &[Told],
    settled_at: &[Timestamp],
) -> Option<String> {
    let id = |t: &Transition| (t.episode, t.kind.name(), t.facts.at, t.facts.severity);
    let held: BTreeSet<_> = settled(log).map(id).collect();
    let until = |name: &str| {
        let alert = case.rules.alerts.iter().find(|alert| alert.name == name);
        let streams = alert.into_iter().flat_map(|alert| alert.trigger.selections());
        streams.map(|of| settled_at[of.stream]).min()
    };
    let mut due = want.iter().filter(|t| Some(t.facts.at) <= until(&t.facts.alert));
    due.find(|t| !held.contains(&id(t))).map(|t| format!("{t:?}"))
}

/// Folds the log as on-call does: one incident for each episode, none without, and no
/// severity told twice or after a higher one.
fn pages(
    (case, course): (&Case, Course<'_>),
    want: &[Transition],
    survivors: &Survivors,
) -> Result<(), String> {
    let is_shadow = |name: &str| case.rules.alerts.iter().any(|it| it.name == name && it.is_shadow);
    let want: Vec<&Transition> = want.iter().filter(|t| !is_shadow(&t.facts.alert)).collect();
    let mut incidents = Incidents::default();
    let mut highest: BTreeMap<EpisodeId, u8> = BTreeMap::new();
    let mut ended = 0_usize;
    for (told, detected) in survivors.alert_log.iter().zip(&survivors.detected) {
        let Some(notice) = notice(case, &mut incidents, told, *detected) else { continue };
        let last = highest.get(&notice.incident).copied();
        match notice.kind {
            NotificationKind::Resolved => ended += 1,
            NotificationKind::Again => {}
            NotificationKind::Acknowledged
            | NotificationKind::Escalated
            | NotificationKind::Digest
            | NotificationKind::Reminder => {
                return Err(format!("nobody did anything, yet it tells {notice:?}"));
            }
            NotificationKind::Firing | NotificationKind::Changed => {
                let is_first = notice.kind == NotificationKind::Firing;
                let level = notice.facts.severity.level();
                if is_first != last.is_none() || last.is_some_and(|last| level >= last) {
                    return Err(format!("{last:?}, then paged {notice:?}"));
                }
                highest.insert(notice.incident, level);
            }
        }
    }
    let firing = want.iter().filter(|t| t.kind == TransitionKind::Firing).count();
    // What was true at the last instants may have to last before it fires.
    let alerts = case.rules.alerts.iter().chain(course.after.iter().flat_map(|it| &it.alerts));
    let lasting_ms = alerts.map(|alert| alert.for_ms).max().unwrap_or(0);
    let end = oracle_input(case).1;
    let unsettled = incidents.open().filter(|(_, incident)| incident.episode.is_none());
    let opened: Vec<Timestamp> = unsettled
        .filter(|(name, _)| !is_shadow(name))
        .map(|(_, incident)| incident.opened)
        .collect();
    let open = opened.len();
    let overdue = opened.iter().filter(|opened| opened.plus(lasting_ms) <= end).count();
    let counts = incidents.counts();
    // Where rules were replaced before it settled, what was announced may come to nothing.
    let withdrawn = survivors.alert_log.iter().filter(|told| matches!(told, Told::Withdrawn(_)));
    let withdrawn = withdrawn.count();
    let is_broken = overdue > 0 || (withdrawn > 0 && survivors.replaced.is_none());
    let pages = firing + withdrawn + open;
    if is_broken || highest.len() != pages || counts.contradictions > 0 {
        let pages = highest.len();
        return Err(format!(
            "{pages} incidents for {firing} episodes, {withdrawn} withdrawn, {open} unsettled, \
             {counts:?}"
        ));
    }
    let resolved = want.iter().filter(|t| t.kind == TransitionKind::Resolved).count();
    if ended != resolved + withdrawn {
        return Err(format!("{ended} ends told of {resolved}"));
    }
    Ok(())
}

/// What each receiver is to get, in order: the fold of the log, routed. Without early notices
/// the oracle's transitions alone say the same.
fn expected(
    case: &Case,
    ended: &Ended,
    want: &[Transition],
) -> Result<Vec<(usize, Notification)>, String> {
    let routed =
        |log: &mut dyn Iterator<Item = (Told, Timestamp)>| told_in_calm(case, &ended.world, log);
    let Survivors { alert_log, detected, .. } = &ended.survivors;
    let logged = routed(&mut alert_log.iter().cloned().zip(detected.iter().copied()));
    if !ended.world.early {
        let oracle = want.iter().cloned().map(|t| (Told::Settled(t), Timestamp(0)));
        let ids = |all: &[(usize, Notification)]| -> BTreeSet<String> {
            all.iter().map(|(_, notification)| notification.id.clone()).collect()
        };
        if ids(&logged) != ids(&routed(&mut oracle.into_iter())) {
            return Err("the log's notifications are not those of the oracle's episodes".to_owned());
        }
    }
    Ok(logged)
}

/// Every notification has come, was given up for a reason or is told by a later one; none else
/// has come, and none has overtaken another.
fn deliveries(ended: &Ended, expected: &[(usize, Notification)]) -> Result<(), String> {
    let known: BTreeMap<&str, (usize, &(usize, Notification))> =
        expected.iter().enumerate().map(|(place, of)| (of.1.id.as_str(), (place, of))).collect();
    let mut got: BTreeSet<&str> = BTreeSet::new();
    let mut last: BTreeMap<(usize, EpisodeId), usize> = BTreeMap::new();
    for (receiver, notification) in &ended.survivors.received {
        let id = notification.id.as_str();
        let of = (*receiver, Notification { missed: None, ..notification.clone() });
        match known.get(id) {
            None => return Err(format!("nobody was to be told {notification:?}")),
            Some((_, want)) if **want != of => {
                return Err(format!("receiver {receiver} got {notification:?}, not {want:?}"));
            }
            Some((place, _)) if got.insert(id) => {
                let last = last.entry((*receiver, notification.incident)).or_insert(0);
                if *place < *last {
                    return Err(format!("overtaken: {notification:?}"));
                }
                *last = *place;
            }
            Some(_) => {}
        }
    }
    let excused = excused(ended, expected, &got);
    let lost = known.keys().find(|id| !got.contains(*id) && !excused.contains(**id));
    lost.map_or(Ok(()), |id| Err(format!("never delivered and never given up: {id}")))
}

/// Notifications that need not have come: those given up, the end of what was given up, those
/// of which an end says that they were missed, and matches that a later one stands for.
fn excused(
    ended: &Ended,
    expected: &[(usize, Notification)],
    got: &BTreeSet<&str>,
) -> BTreeSet<String> {
    let receivers = ended.world.on_call.routing.receivers();
    let mut all: BTreeSet<String> = BTreeSet::new();
    let mut unreached: BTreeSet<(usize, EpisodeId)> = BTreeSet::new();
    let told_both = ended.survivors.received.iter().filter(|(_, of)| of.missed.is_some());
    let mut told_both: BTreeSet<(usize, EpisodeId)> =
        told_both.map(|(receiver, of)| (*receiver, of.incident)).collect();
    for (name, of) in given_up(&ended.survivors) {
        all.insert(of.id.clone());
        let number = receivers.iter().position(|receiver| receiver.name == name);
        let line = number.map(|number| (number, of.incident));
        unreached.extend(line);
        told_both.extend(line.filter(|_| of.missed.is_some()));
    }
    for (place, (receiver, of)) in expected.iter().enumerate() {
        let line = (*receiver, of.incident);
        let is_end = of.kind == NotificationKind::Resolved;
        let later = expected.iter().skip(place + 1).any(|(other, next)| {
            (*other, next.incident) == line
                && next.kind == NotificationKind::Again
                && (got.contains(next.id.as_str()) || unreached.contains(&line))
        });
        let is_replaced = of.kind == NotificationKind::Again && later;
        if (is_end && unreached.contains(&line))
            || (!is_end && told_both.contains(&line))
            || is_replaced
        {
            all.insert(of.id.clone());
        }
    }
    all
}

/// Nothing is left of what has passed but what shards hold that never saw an event, and the
/// episodes that go on without events (LANGUAGE §3.5, §3.11).
fn memory(ended: &Ended) -> Result<(), String> {
    let super::LastWords { counts, open, open_keys, fresh, pending } = &ended.last;
    let is_back = counts.waiting == 0
        && counts.states <= fresh.states + open
        && counts.keys <= fresh.keys + open_keys;
    if is_back && *pending == 0 {
        return Ok(());
    }
    let crashes = ended.survivors.crashes;
    Err(format!("memory is not back after {crashes} crashes: {:?}", ended.last))
}
