//! Invariants of a run, whatever happened in it.

use std::collections::{BTreeMap, BTreeSet};

use connectors::alert_log_codec::AlertRecord;
use model::message::Language;
use model::notification::{DeliveryResult, Notification, NotificationKind};
use model::time::Timestamp;
use model::transition::{EndReason, EpisodeId, Transition, TransitionKind};
use oncall::engine::{IncidentEngine, OnCallRow, OnCallSettings};
use oncall::episode_fold::{AlertLogEntry, EpisodeFold, IncidentUpdate, LogRecord};
use oncall::outbox::OutboxLimits;
use oncall::route::{Receiver, RoutingTable};
use rules_dsl::rule::{Alert, RuleSet};
use runtime::alert_log::record::LoggedRecord;
use runtime::notify::rows;
use runtime::notify::templates::AlertTemplates;
use runtime::rules::loaded::LoadedRules;

use super::schedule::{EndedRun, PipelineLeftovers, run};
use super::{DurableState, RunOptions};
use crate::generators::{DrawnCase, same_state};
use crate::harness::oracle_input;
use crate::oracle::{RuleSetChange, transitions_across};

/// Runs a case and says what survived.
///
/// # Errors
/// What is wrong with the run.
pub fn check(case: &DrawnCase, options: RunOptions<'_>) -> Result<DurableState, String> {
    let mut ended = run(case, options)?;
    if let Some(fault) = ended.state.expected.fault.take() {
        return Err(fault);
    }
    let want = wanted(case, options, &ended);
    let want = want.unwrap_or_else(|| ended.state.expected.wanted(case));
    let has_late = ended.state.expected.has_late();
    let (restarts, is_torn) = (ended.state.survivors.restarts(), ended.state.expected.is_torn());
    // After a restart an event may be in time that was late before, or the other way: the same
    // answers are promised where none is late (LANGUAGE §3.17).
    let is_exact = !has_late || (restarts == 0 && !is_torn);
    if is_exact {
        ended.state.expected.not_durable.take().map_or(Ok(()), Err)?;
        transitions(case, &ended, &want)?;
        pages(case, &want, &ended)?;
    }
    let counted = ended.left.counts.late_after_settle;
    if restarts == 0 && counted != ended.state.expected.rows_late {
        let rows = ended.state.expected.rows_late;
        return Err(format!("{counted} counted late after settling, not {rows}"));
    }
    if is_exact {
        deliveries(&ended, &expected(case, &ended, &want)?)?;
    }
    memory(&ended)?;
    tally(case, &mut ended, has_late, &want);
    Ok(ended.state.survivors)
}

/// Result of the naive interpreter for a run whose rules were replaced.
fn wanted(case: &DrawnCase, options: RunOptions<'_>, ended: &EndedRun) -> Option<Vec<Transition>> {
    let (after, settled) = options.after.zip(ended.state.replaced.as_deref())?;
    let (events, _) = oracle_input(case);
    let kept = kept(&case.rules, after);
    let change = RuleSetChange { before: &case.rules, after, kept: &kept, settled };
    Some(transitions_across(change, &events, ended.state.expected.settled_by_all()))
}

/// The alerts whose state continues.
fn kept(before: &RuleSet, after: &RuleSet) -> BTreeSet<String> {
    let is_kept = |new: &&Alert| before.alerts.iter().any(|old| same_state(old, new));
    after.alerts.iter().filter(is_kept).map(|alert| alert.name.clone()).collect()
}

/// Counts what the run met.
fn tally(case: &DrawnCase, ended: &mut EndedRun, has_late: bool, want: &[Transition]) {
    let times = case.logs.iter().flat_map(|log| log.records.iter().map(|record| record.time));
    let latest = times.max().map(Timestamp);
    let counts = ended.left.counts;
    let log = &ended.state.survivors.alert_log;
    let is_ended_by_change = |t: &Transition| t.reason == Some(EndReason::RuleChanged);
    let has_ended_by_change = settled(log).any(is_ended_by_change);
    let has_withdrawn = withdrawn(log) > 0;
    let has_dropped = !given_up(ended).is_empty();
    for (deed, met) in [
        ("ended by a change of rules", has_ended_by_change),
        ("early alert withdrawn", has_withdrawn),
        ("dropped by the outbox", has_dropped),
        ("late after settling, with crashes", has_late && ended.state.survivors.restarts() > 0),
        (
            "late after settling, counted",
            counts.late_after_settle > 0 && ended.state.survivors.restarts() == 0,
        ),
        ("time passed by itself", ended.state.environment.idle_ms.is_some()),
        ("input lay there whole", ended.state.environment.idle_ms.is_none()),
        ("event repeated under its id", counts.repeated > 0),
        (
            "fired in silence",
            ended.state.environment.idle_ms.is_some()
                && want
                    .iter()
                    .any(|t| t.kind == TransitionKind::Firing && Some(t.facts.at) > latest),
        ),
    ] {
        if met {
            ended.state.survivors.count(deed);
        }
    }
}

/// The log holds what the naive interpreter tells, and held it before it was committed.
fn transitions(case: &DrawnCase, ended: &EndedRun, want: &[Transition]) -> Result<(), String> {
    let emitted: Vec<&Transition> = settled(&ended.state.survivors.alert_log).collect();
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for (transition, by) in want.iter().map(|it| (it, -1)).chain(emitted.iter().map(|it| (*it, 1)))
    {
        *counts.entry(format!("{transition:?}")).or_insert(0) += by;
    }
    counts.retain(|_, times| *times != 0);
    if !counts.is_empty() {
        let (crashes, replaced) = (ended.state.survivors.crashes, &ended.state.replaced);
        let invented = counts.values().filter(|times| **times > 0).count();
        let lost = counts.len() - invented;
        let shown: String = counts
            .iter()
            .map(|(of, times)| if *times < 0 { ("lost", of) } else { ("invented", of) })
            .map(|(what, of)| format!("\n{what}: {of}"))
            .collect();
        return Err(format!(
            "lost {lost}, invented {invented} ({crashes} crashes, replaced {replaced:?}):{shown}"
        ));
    }
    // Of rules that were replaced, the streams of an alert may be others by now.
    let commits = ended.state.expected.commits.iter();
    let commits = commits.filter(|_| ended.state.replaced.is_none());
    for (length, settled) in commits {
        let log = &ended.state.survivors.alert_log[..*length];
        if let Some(first) = unacknowledged(case, want, log, settled) {
            return Err(format!("committed before it was in the log: {first}"));
        }
    }
    Ok(())
}

/// Settled transitions; the ends of early alerts that no episode took up are none.
fn settled(log: &[LoggedRecord]) -> impl Iterator<Item = &Transition> {
    let fired: BTreeSet<EpisodeId> = log
        .iter()
        .filter_map(|record| match &record.recorded {
            AlertRecord::Transition(of, _) if of.kind == TransitionKind::Firing => Some(of.episode),
            _ => None,
        })
        .collect();
    log.iter().filter_map(move |record| match &record.recorded {
        AlertRecord::Transition(of, _) if fired.contains(&of.episode) => Some(of),
        _ => None,
    })
}

/// Number of early alerts that ended without an episode.
fn withdrawn(log: &[LoggedRecord]) -> usize {
    let all = log.iter().filter(|record| matches!(record.recorded, AlertRecord::Transition(..)));
    all.count() - settled(log).count()
}

fn is_meta(record: &LoggedRecord) -> bool {
    matches!(record.recorded, AlertRecord::Meta(..))
}

/// A transition up to the settled instants that the log does not hold.
fn unacknowledged(
    case: &DrawnCase,
    want: &[Transition],
    log: &[LoggedRecord],
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
fn pages(case: &DrawnCase, want: &[Transition], ended: &EndedRun) -> Result<(), String> {
    let survivors = &ended.state.survivors;
    let is_replaced = ended.state.replaced.is_some();
    let is_shadow = |name: &str| case.rules.alerts.iter().any(|it| it.name == name && it.is_shadow);
    let want: Vec<&Transition> = want.iter().filter(|t| !is_shadow(&t.facts.alert)).collect();
    let templates = templates(case);
    let mut incidents = EpisodeFold::default();
    let mut highest: BTreeMap<EpisodeId, u8> = BTreeMap::new();
    let mut ended = 0_usize;
    for record in survivors.alert_log.iter().filter(|record| !is_meta(record)) {
        let Some(notice) = notice(&mut incidents, record, &templates) else { continue };
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
    let unsettled = incidents.open().filter(|(_, incident)| incident.episode.is_none());
    let open = unsettled.filter(|(name, _)| !is_shadow(name)).count();
    let counts = incidents.counts();
    // Where rules were replaced before it settled, what was announced may come to nothing.
    let withdrawn = withdrawn(&survivors.alert_log);
    let is_broken = open > 0 || (withdrawn > 0 && !is_replaced);
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

/// The templates of a run's rules: only what they say of labels and readings counts here.
fn templates(case: &DrawnCase) -> AlertTemplates {
    let rules = LoadedRules::from_set(case.rules.clone()).expect("they compiled before");
    AlertTemplates::new(&rules, Language::En, runtime::rules::environment::utc())
}

/// Update that the fold makes of a record of the alert log.
fn notice(
    incidents: &mut EpisodeFold,
    record: &LoggedRecord,
    templates: &AlertTemplates,
) -> Option<IncidentUpdate> {
    with_record(record, templates, |record| incidents.apply(record))
}

/// A record of the alert log as on-call folds it.
fn with_record<T>(
    record: &LoggedRecord,
    templates: &AlertTemplates,
    each: impl FnOnce(&LogRecord<'_>) -> T,
) -> T {
    let meta;
    let step = match &record.recorded {
        AlertRecord::Transition(of, _) => AlertLogEntry::Transition(of),
        AlertRecord::Early(of, _) => AlertLogEntry::Early(of),
        AlertRecord::Meta(of, _) => {
            meta = of.as_transition();
            AlertLogEntry::Transition(&meta)
        }
    };
    let text = record.text(templates);
    each(&LogRecord { step, text: &text, is_shadow: record.is_shadow })
}

/// Deliveries of a log to each receiver, in order, where every attempt succeeds at once.
fn sent_in_calm(
    case: &DrawnCase,
    ended: &EndedRun,
    log: impl Iterator<Item = LoggedRecord>,
) -> Vec<(usize, Notification)> {
    let environment = &ended.state.environment;
    let receivers = environment.on_call.routing.receivers().iter();
    let at_once = receivers.map(|it| Receiver { spacing_ms: 0, ..it.clone() }).collect();
    let on_call =
        OnCallSettings { routing: RoutingTable::to_all(at_once), ..environment.on_call.clone() };
    let mut engine = IncidentEngine::new(on_call, OutboxLimits::default());
    let (mut all, templates) = (Vec::new(), templates(case));
    for (sequence, record) in log.enumerate() {
        let detected = record.detected;
        with_record(&record, &templates, |record| engine.apply(sequence as u64, record, detected));
        loop {
            let due = engine.due(detected);
            if due.is_empty() {
                break;
            }
            for attempt in due {
                all.push((attempt.receiver, (*attempt.notification).clone()));
                engine.record(attempt.ticket, DeliveryResult::Sent { receipt: None }, detected);
            }
        }
    }
    all
}

/// Expected deliveries to each receiver, in order: the fold of the log, routed. Without early
/// alerts the oracle's transitions alone say the same.
fn expected(
    case: &DrawnCase,
    ended: &EndedRun,
    want: &[Transition],
) -> Result<Vec<(usize, Notification)>, String> {
    let log = ended.state.survivors.alert_log.iter().filter(|record| !is_meta(record)).cloned();
    let logged = sent_in_calm(case, ended, log);
    if !ended.state.environment.early {
        let oracle = want.iter().cloned().map(|t| LoggedRecord {
            sequence: 0,
            is_shadow: case.rules.alerts.iter().any(|it| it.name == t.facts.alert && it.is_shadow),
            recorded: AlertRecord::Transition(t, String::new()),
            detected: Timestamp(0),
            events: Vec::new(),
        });
        let ids = |all: &[(usize, Notification)]| -> BTreeSet<String> {
            all.iter().map(|(_, notification)| notification.id.clone()).collect()
        };
        if ids(&logged) != ids(&sent_in_calm(case, ended, oracle.into_iter())) {
            return Err("the log's notifications are not those of the oracle's episodes".to_owned());
        }
    }
    Ok(logged)
}

/// Dropped notifications, by receiver's name and notification.
fn given_up(ended: &EndedRun) -> Vec<(String, Notification)> {
    let rows = ended.state.disk.rows.iter();
    let dead = rows.filter_map(|(key, row)| match rows::read(key, row) {
        Ok(OnCallRow::Dead(dead)) => Some((dead.receiver.clone(), (*dead.notification).clone())),
        _ => None,
    });
    dead.collect()
}

/// Every notification has come, was given up for a reason or is told by a later one; none else
/// has come, and none has overtaken another.
fn deliveries(ended: &EndedRun, expected: &[(usize, Notification)]) -> Result<(), String> {
    let known: BTreeMap<&str, (usize, &(usize, Notification))> =
        expected.iter().enumerate().map(|(place, of)| (of.1.id.as_str(), (place, of))).collect();
    let mut got: BTreeSet<&str> = BTreeSet::new();
    let mut last: BTreeMap<(usize, EpisodeId), usize> = BTreeMap::new();
    let received = ended.state.survivors.received.iter();
    for (receiver, notification) in
        received.filter(|(_, of)| !of.facts.alert.starts_with("hansho."))
    {
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
    ended: &EndedRun,
    expected: &[(usize, Notification)],
    got: &BTreeSet<&str>,
) -> BTreeSet<String> {
    let receivers = ended.state.environment.on_call.routing.receivers();
    let mut all: BTreeSet<String> = BTreeSet::new();
    let mut unreached: BTreeSet<(usize, EpisodeId)> = BTreeSet::new();
    let emitted_both = ended.state.survivors.received.iter().filter(|(_, of)| of.missed.is_some());
    let mut emitted_both: BTreeSet<(usize, EpisodeId)> =
        emitted_both.map(|(receiver, of)| (*receiver, of.incident)).collect();
    for (name, of) in given_up(ended) {
        all.insert(of.id.clone());
        let number = receivers.iter().position(|receiver| receiver.name == name);
        let line = number.map(|number| (number, of.incident));
        unreached.extend(line);
        emitted_both.extend(line.filter(|_| of.missed.is_some()));
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
            || (!is_end && emitted_both.contains(&line))
            || is_replaced
        {
            all.insert(of.id.clone());
        }
    }
    all
}

/// Nothing is left of what has passed but what shards hold that never saw an event, and the
/// episodes that go on without events (LANGUAGE §3.5, §3.11).
fn memory(ended: &EndedRun) -> Result<(), String> {
    let PipelineLeftovers { counts, open, open_keys, fresh, pending } = &ended.left;
    let is_back = counts.waiting == 0
        && counts.states <= fresh.states + open
        && counts.keys <= fresh.keys + open_keys;
    if is_back && *pending == 0 {
        return Ok(());
    }
    let crashes = ended.state.survivors.crashes;
    Err(format!("memory is not back after {crashes} crashes: {:?}", ended.left))
}
