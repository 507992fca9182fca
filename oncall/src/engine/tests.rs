use std::collections::BTreeMap;

use model::alert_facts::{AlertFacts, Measurement};
use model::key::KeyValue;
use model::notification::{FailureReason, Notification, NotificationKind as Kind};
use model::severity::Severity::{self, Critical, High, Low, Medium};
use model::time::{HOUR_MS, MINUTE_MS, SECOND_MS};
use model::transition::{EndReason, Transition, TransitionKind};
use proptest::prelude::*;

use super::invariants::OVERDUE_MS;
use super::*;
use crate::episode_fold::{AlertLogEntry, AlertText};
use crate::incident::IncidentPhase;
use crate::matcher::Matcher;
use crate::outbox::{DropReason, OutboxLimits};
use crate::policy;
use crate::route::{NamedCalendar, NotifyOn, Receiver, Route};
use crate::severity_set::SeveritySet;

mod flapping;
mod group_wait;
mod rate_limit;
mod reconfigure;
mod renamed;

/// Answer of a receiver, by its name, the notification and the instant.
type ReceiverAnswers = fn(&str, &Notification, Timestamp) -> DeliveryResult;

const SENT: DeliveryResult = DeliveryResult::Sent { receipt: None };

/// A service in virtual time: an alert log, rows written down, and receivers.
struct IncidentScene {
    settings: OnCallSettings,
    engine: IncidentEngine,
    log: Vec<Transition>,
    rows: BTreeMap<RowKey, String>,
    now: Timestamp,
    answers: ReceiverAnswers,
    /// Notifications by receiver, with their instants.
    got: Vec<(String, Notification, Timestamp)>,
}

fn receiver(name: &str) -> Receiver {
    Receiver {
        name: name.to_owned(),
        severities: SeveritySet::ALL,
        on: NotifyOn::ALL,
        spacing_ms: 0,
        is_router: false,
        fallback: None,
    }
}

fn settings(receivers: &[&str]) -> OnCallSettings {
    let receivers = receivers.iter().map(|name| receiver(name)).collect();
    OnCallSettings { routing: RoutingTable::to_all(receivers), ..OnCallSettings::default() }
}

fn matchers(texts: &[&str]) -> Vec<Matcher> {
    Matcher::parse_all(texts.iter().copied()).unwrap()
}

fn record(transition: &Transition) -> (AlertLogEntry<'_>, AlertText) {
    let service = transition.facts.alert.split_once('/').map_or("pay", |(service, _)| service);
    let text = AlertText {
        message: "m".to_owned(),
        labels: vec![("service".to_owned(), service.to_owned())],
        detected: transition.facts.at,
        ..AlertText::default()
    };
    (AlertLogEntry::Transition(transition), text)
}

impl IncidentScene {
    fn new(settings: OnCallSettings) -> IncidentScene {
        let engine = IncidentEngine::new(settings.clone(), OutboxLimits::default());
        let (log, rows, now) = (Vec::new(), BTreeMap::new(), Timestamp(0));
        IncidentScene { settings, engine, log, rows, now, answers: |_, _, _| SENT, got: Vec::new() }
    }

    fn write(&mut self) {
        for RowUpdate { key, row } in self.engine.take_changes() {
            match row {
                Some(row) => self.rows.insert(key, serde_json::to_string(&row).unwrap()),
                None => self.rows.remove(&key),
            };
        }
    }

    /// Dies and begins again from what was written.
    fn crash(&mut self) {
        self.engine = IncidentEngine::new(self.settings.clone(), OutboxLimits::default());
        let row = |text: &String| serde_json::from_str::<OnCallRow>(text).unwrap();
        self.engine.restore(self.rows.values().map(row), self.now);
        self.receive_from(0);
    }

    fn receive_from(&mut self, first: usize) {
        for (sequence, transition) in self.log.iter().enumerate().skip(first) {
            let (step, text) = record(transition);
            let record = LogRecord { step, text: &text, is_shadow: false };
            self.engine.apply(sequence as u64, &record, self.now);
        }
        self.write();
    }

    fn notify(&mut self, kind: TransitionKind, alert: &str, severity: Severity, since: Timestamp) {
        let episode =
            EpisodeId(u128::from(crate::hash::fnv_64(alert.as_bytes())) + since.0 as u128);
        self.log.push(Transition {
            kind,
            facts: AlertFacts {
                alert: alert.to_owned(),
                severity,
                key: vec![("host".to_owned(), KeyValue::Text("a1".to_owned()))],
                at: self.now,
                since,
            },
            measured: Measurement::default(),
            peak: None,
            reason: (kind == TransitionKind::Resolved).then_some(EndReason::Cleared),
            episode,
            count: 1,
            fields: Vec::new(),
            tops: Vec::new(),
        });
        self.receive_from(self.log.len() - 1);
    }

    fn fire(&mut self, alert: &str, severity: Severity) -> EpisodeId {
        self.notify(TransitionKind::Firing, alert, severity, self.now);
        self.log.last().unwrap().episode
    }

    fn resolve(&mut self, alert: &str) {
        let begun = |it: &&Transition| it.kind == TransitionKind::Firing && it.facts.alert == alert;
        let begun = self.log.iter().rev().find(begun).unwrap().clone();
        self.notify(TransitionKind::Resolved, alert, begun.facts.severity, begun.facts.since);
    }

    /// Lets time pass, doing what falls due on the way.
    fn wait(&mut self, span_ms: i64) {
        let until = self.now.plus(span_ms);
        loop {
            self.engine.tick(self.now);
            self.write();
            for attempt in self.engine.due(self.now) {
                let name =
                    self.engine.settings().routing.receivers()[attempt.receiver].name.clone();
                let answer = (self.answers)(&name, &attempt.notification, self.now);
                if matches!(answer, DeliveryResult::Sent { .. }) {
                    self.got.push((name, (*attempt.notification).clone(), self.now));
                }
                self.engine.record(attempt.ticket, answer, self.now).unwrap();
                self.write();
            }
            match self.engine.next_due() {
                Some(next) if next <= until => self.now = next.max(self.now.plus(1)),
                _ => break,
            }
        }
        self.now = until;
        assert_eq!(self.engine.findings(self.now), []);
    }

    /// Takes what was received since the last call: receiver, kind, and the minute.
    fn got(&mut self) -> Vec<(String, Kind, i64)> {
        let got = std::mem::take(&mut self.got);
        got.into_iter().map(|(name, of, at)| (name, of.kind, at.0 / MINUTE_MS)).collect()
    }

    fn kinds(&mut self) -> Vec<Kind> {
        self.got().into_iter().map(|(_, kind, _)| kind).collect()
    }

    fn act(&mut self, incident: EpisodeId, action: IncidentAction) -> Result<(), CommandError> {
        let by = "山田".to_owned();
        let done = self.engine.command(&OnCallCommand { incident, by, action }, self.now);
        self.write();
        done
    }

    fn incident(&self, id: EpisodeId) -> &Incident {
        self.engine.incidents.get(&id).unwrap()
    }

    fn silence(&mut self, texts: &[&str], span_ms: i64) -> u64 {
        let new = NewSilence {
            matchers: matchers(texts),
            receivers: Vec::new(),
            from: self.now,
            until: self.now.plus(span_ms),
            until_resolved: false,
            by: "山田".to_owned(),
            reason: "保守".to_owned(),
        };
        let id = self.engine.silence(new, self.now).unwrap();
        self.write();
        id
    }
}

fn failed(reason: FailureReason, after_ms: Option<i64>) -> DeliveryResult {
    DeliveryResult::Retry { reason, why: "429".to_owned(), after_ms }
}

#[test]
fn an_incident_goes_from_fire_to_closed_through_the_four_phases() {
    let mut scene = IncidentScene::new(settings(&["log"]));
    let id = scene.fire("cpu", Critical);
    scene.wait(MINUTE_MS);
    assert_eq!(scene.incident(id).phase(), Some(IncidentPhase::Detection));
    assert_eq!(scene.incident(id).deadline, Some(Timestamp(30 * MINUTE_MS)));
    scene.act(id, IncidentAction::Acknowledge).unwrap();
    scene.wait(MINUTE_MS);
    assert_eq!(scene.incident(id).phase(), Some(IncidentPhase::FirstResponse));
    assert_eq!(scene.incident(id).owner.as_deref(), Some("山田"));
    scene.act(id, IncidentAction::Mitigate("再起動".to_owned())).unwrap();
    assert_eq!(scene.incident(id).phase(), Some(IncidentPhase::CauseAnalysis));
    scene.wait(MINUTE_MS);
    scene.resolve("cpu");
    scene.wait(MINUTE_MS);
    scene.act(id, IncidentAction::FindCause("メモリリーク".to_owned())).unwrap();
    assert_eq!(scene.incident(id).phase(), Some(IncidentPhase::PermanentFix));
    scene.act(id, IncidentAction::Fix("1.2.3 へ更新".to_owned())).unwrap();
    scene.act(id, IncidentAction::Close(String::new())).unwrap();
    assert_eq!(scene.incident(id).phase(), None);
    let got = scene.kinds();
    assert_eq!(got, [Kind::Firing, Kind::Acknowledged, Kind::Resolved]);
    let minute = |at: Option<Timestamp>| at.map(|at| at.0 / MINUTE_MS);
    let times = scene.incident(id).times;
    let got = [times.notified, times.acknowledged, times.mitigated, times.resolved];
    assert_eq!(got.map(minute), [Some(0), Some(1), Some(2), Some(3)]);
    let got = [times.cause_found, times.fixed, times.closed];
    assert_eq!(got.map(minute), [Some(4), Some(4), Some(4)]);
    assert_eq!(scene.engine.audit().count(), 5);
    // What is written down is all there is.
    let before: Vec<Incident> = scene.engine.incidents().cloned().collect();
    scene.crash();
    assert_eq!(scene.engine.incidents().cloned().collect::<Vec<_>>(), before);
}

#[test]
fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let mut scene = IncidentScene::new(settings(&["log"]));
    let id = scene.fire("cpu", High);
    scene.wait(0);
    let text = String::new;
    let refused = [
        (IncidentAction::Close(text()), CommandError::Is(IncidentState::Firing)),
        (
            IncidentAction::Note("  ".to_owned()),
            CommandError::Words("the note is empty: incident note ID TEXT"),
        ),
        (
            IncidentAction::FindCause(text()),
            CommandError::Words("the cause is missing: incident cause ID TEXT"),
        ),
    ];
    let before = scene.incident(id).clone();
    for (action, want) in refused {
        assert_eq!(scene.act(id, action), Err(want));
    }
    assert_eq!(*scene.incident(id), before);
    assert_eq!(scene.act(EpisodeId(1), IncidentAction::Acknowledge), Err(CommandError::Unknown));
    scene.act(id, IncidentAction::Acknowledge).unwrap();
    assert_eq!(
        scene.act(id, IncidentAction::Acknowledge),
        Err(CommandError::Is(IncidentState::Acknowledged))
    );
    scene.act(id, IncidentAction::Resolve(text())).unwrap();
    scene.act(id, IncidentAction::Close(text())).unwrap();
    assert_eq!(
        scene.act(id, IncidentAction::Assign("x".to_owned())),
        Err(CommandError::Is(IncidentState::Closed))
    );
    scene.act(id, IncidentAction::Note("後日談".to_owned())).unwrap();
}

#[test]
fn who_does_not_respond_is_reminded_by_the_deadline_and_then_breaches_it() {
    let mut scene = IncidentScene::new(settings(&["log"]));
    let id = scene.fire("cpu", Critical);
    scene.wait(29 * MINUTE_MS);
    let name = || "log".to_owned();
    assert_eq!(scene.got(), [(name(), Kind::Firing, 0), (name(), Kind::Escalated, 20)]);
    assert!(!scene.incident(id).is_breached);
    scene.wait(2 * MINUTE_MS);
    assert!(scene.incident(id).is_breached);
    let got = scene.got();
    assert_eq!(got, [(name(), Kind::Escalated, 30), (name(), Kind::Reminder, 30)]);
    scene.act(id, IncidentAction::Acknowledge).unwrap();
    scene.wait(30 * MINUTE_MS);
    assert_eq!(scene.kinds(), [Kind::Acknowledged, Kind::Reminder], "it is still open");
}

fn policy() -> OnCallSettings {
    let step = |minutes, who: &str| policy::EscalationStep {
        after_ms: minutes * MINUTE_MS,
        receivers: vec![who.to_owned()],
    };
    let steps = vec![step(0, "chat"), step(10, "pager"), step(20, "boss")];
    let policy = EscalationPolicy { name: "core".to_owned(), steps, repeat: 1 };
    let mut settings = settings(&["chat", "pager", "boss"]);
    settings.routing = settings.routing.by(Vec::new(), vec!["chat".to_owned()]);
    let mut level = settings.levels.level(Critical).clone();
    (level.policy, level.remind_every_ms) = (Some("core".to_owned()), None);
    OnCallSettings {
        levels: settings.levels.with(Critical, level),
        policies: vec![policy],
        ..settings
    }
}

fn at(name: &str, kind: Kind, minute: i64) -> (String, Kind, i64) {
    (name.to_owned(), kind, minute)
}

#[test]
fn a_policy_notifies_one_after_the_other_until_someone_responds() {
    let mut scene = IncidentScene::new(policy());
    let id = scene.fire("cpu", Critical);
    scene.wait(15 * MINUTE_MS);
    let first = [at("chat", Kind::Firing, 0), at("pager", Kind::Escalated, 10)];
    assert_eq!(scene.got(), first);
    scene.crash();
    scene.wait(10 * MINUTE_MS);
    assert_eq!(scene.got(), [at("boss", Kind::Escalated, 20)], "a restart resets nothing");
    scene.wait(10 * MINUTE_MS);
    assert_eq!(scene.got(), [at("pager", Kind::Escalated, 30)]);
    scene.act(id, IncidentAction::Acknowledge).unwrap();
    scene.wait(HOUR_MS);
    let notified = scene.got();
    let all = ["boss", "chat", "pager"].map(|name| at(name, Kind::Acknowledged, 35));
    assert!(all.iter().all(|one| notified.contains(one)) && notified.len() == 3, "{notified:?}");
    scene.act(id, IncidentAction::Escalate).unwrap();
    scene.wait(0);
    assert_eq!(scene.got(), [at("boss", Kind::Escalated, 95)], "by hand it goes on");
}

#[test]
fn who_cannot_be_reached_is_passed_over_at_once() {
    let mut scene = IncidentScene::new(policy());
    scene.answers = |name, _, _| match name {
        "chat" => DeliveryResult::Reject { reason: FailureReason::Gone, why: "410".to_owned() },
        _ => SENT,
    };
    scene.fire("cpu", Critical);
    scene.wait(MINUTE_MS);
    assert_eq!(scene.got(), [at("pager", Kind::Escalated, 0)]);
    let dead = scene.engine.dead().next().unwrap();
    assert_eq!((dead.receiver.as_str(), dead.attempts), ("chat", 1));
    assert!(matches!(&dead.why, DropReason::Rejected(why) if why.why == "410"));
}

#[test]
fn a_fallback_stands_in_and_a_dead_letter_can_be_tried_again() {
    let mut settings = settings(&["mail", "chat"]);
    let mail = Receiver { fallback: Some("chat".to_owned()), ..receiver("mail") };
    settings.routing =
        RoutingTable::to_all(vec![mail, receiver("chat")]).by(Vec::new(), vec!["mail".to_owned()]);
    let mut scene = IncidentScene::new(settings);
    scene.answers = |name, _, _| match name {
        "mail" => DeliveryResult::Reject { reason: FailureReason::Client, why: "550".to_owned() },
        _ => SENT,
    };
    scene.fire("cpu", Medium);
    scene.wait(MINUTE_MS);
    assert_eq!(scene.got(), [at("chat", Kind::Firing, 0)]);
    let number = scene.engine.dead().next().unwrap().number;
    scene.answers = |_, _, _| SENT;
    scene.crash();
    scene.engine.retry(number, "山田", scene.now).unwrap();
    assert_eq!(scene.engine.retry(number, "山田", scene.now), Err(CommandError::Unknown));
    scene.wait(0);
    assert_eq!(scene.got(), [at("mail", Kind::Firing, 1)]);
}

#[test]
fn a_resolution_overtaking_a_failed_firing_is_one_message_that_says_so() {
    let mut scene = IncidentScene::new(settings(&["chat"]));
    scene.answers = |_, _, now| match now.0 < 2 * MINUTE_MS {
        true => failed(FailureReason::RateLimited, Some(30 * SECOND_MS)),
        false => SENT,
    };
    scene.fire("cpu", High);
    scene.wait(MINUTE_MS);
    scene.resolve("cpu");
    scene.wait(2 * MINUTE_MS);
    let (_, notified, _) = scene.got[0].clone();
    assert_eq!(scene.kinds(), [Kind::Resolved]);
    let missed = notified.missed.unwrap();
    assert_eq!((missed.at, missed.why.as_deref()), (Timestamp(0), Some("429")));
}

#[test]
fn a_silence_holds_back_all_but_the_end_of_what_was_notified() {
    let mut scene = IncidentScene::new(settings(&["pager"]));
    let known = scene.fire("cpu", Critical);
    scene.wait(MINUTE_MS);
    let id = scene.silence(&["service=pay"], 2 * HOUR_MS);
    let unknown = scene.fire("disk", Critical);
    scene.fire("short", Low);
    scene.wait(HOUR_MS);
    assert_eq!(scene.kinds(), [Kind::Firing], "neither steps nor reminders");
    assert!(scene.incident(known).is_breached, "deadlines go on");
    scene.resolve("cpu");
    scene.resolve("short");
    scene.wait(MINUTE_MS);
    assert_eq!(scene.kinds(), [Kind::Resolved], "of what was told; what was not stays untold");
    assert_eq!(scene.incident(unknown).receivers["pager"], DeliveryState::Waiting);
    scene.crash();
    scene.engine.expire(id, "山田", scene.now).unwrap();
    scene.wait(2 * SECOND_MS);
    assert_eq!(scene.kinds(), [Kind::Firing], "what is still open is told when it ends");
}

#[test]
fn a_silence_until_resolved_ends_with_what_it_is_for() {
    let mut scene = IncidentScene::new(settings(&["pager"]));
    let new = |now: Timestamp| NewSilence {
        matchers: matchers(&["alert=cpu"]),
        receivers: vec!["pager".to_owned()],
        from: now,
        until: now.plus(24 * HOUR_MS),
        until_resolved: true,
        by: "山田".to_owned(),
        reason: "調査中".to_owned(),
    };
    assert!(scene.engine.silence(new(scene.now), scene.now).is_err(), "nothing is open");
    scene.fire("cpu", High);
    scene.wait(MINUTE_MS);
    scene.engine.silence(new(scene.now), scene.now).unwrap();
    scene.resolve("cpu");
    scene.wait(MINUTE_MS);
    assert!(scene.engine.silences().next().unwrap().ended.is_some());
    scene.fire("cpu", High);
    scene.wait(MINUTE_MS);
    assert_eq!(scene.kinds(), [Kind::Firing, Kind::Resolved, Kind::Firing]);
}

#[test]
fn silences_that_would_hide_everything_or_for_ever_are_refused() {
    let mut scene = IncidentScene::new(settings(&["pager"]));
    let good = NewSilence {
        matchers: matchers(&["alert=cpu"]),
        receivers: Vec::new(),
        from: Timestamp(0),
        until: Timestamp(HOUR_MS),
        until_resolved: false,
        by: "山田".to_owned(),
        reason: "保守".to_owned(),
    };
    let bad = [
        NewSilence { matchers: Vec::new(), ..good.clone() },
        NewSilence { reason: " ".to_owned(), ..good.clone() },
        NewSilence { until: Timestamp(0), ..good.clone() },
        NewSilence { until: Timestamp(31 * 24 * HOUR_MS), ..good.clone() },
        NewSilence { receivers: vec!["nobody".to_owned()], ..good.clone() },
    ];
    for silence in bad {
        let refused = scene.engine.silence(silence.clone(), scene.now);
        assert!(matches!(refused, Err(CommandError::Words(_))), "{silence:?}");
    }
    scene.fire("cpu", Critical);
    scene.wait(0);
    let preview = scene.engine.preview(&good.matchers, scene.now);
    assert_eq!((preview.open.len(), preview.recent, preview.recent_critical), (1, 1, 1));
    assert!(scene.engine.silence(good, scene.now).is_ok());
}

#[test]
fn what_is_explained_by_something_open_waits_until_that_is_over() {
    let mut all = settings(&["pager"]);
    all.inhibitions = vec![Inhibition {
        source: matchers(&["alert=host_down"]),
        target: matchers(&["severity!=critical"]),
        equal: vec!["host".to_owned()],
    }];
    let mut scene = IncidentScene::new(all);
    scene.fire("host_down", High);
    scene.fire("cpu", Medium);
    scene.fire("fire", Critical);
    scene.wait(MINUTE_MS);
    let notified: Vec<String> = scene.got.iter().map(|it| it.1.facts.alert.clone()).collect();
    assert_eq!(notified, ["fire", "host_down"], "none explains itself");
    scene.resolve("host_down");
    scene.wait(2 * SECOND_MS);
    let notified: Vec<String> =
        scene.got.iter().skip(2).map(|it| it.1.facts.alert.clone()).collect();
    assert_eq!(notified, ["host_down", "cpu"]);
}

#[test]
fn routes_are_a_set_and_what_none_takes_goes_to_the_default() {
    let route = |texts: &[&str], who: &str| Route {
        matchers: matchers(texts),
        receivers: vec![who.to_owned()],
        mute: None,
        during: None,
    };
    let mut all = settings(&["soc", "web", "rest"]);
    let routes = vec![route(&["alert=~auth.*"], "soc"), route(&["service=pay"], "web")];
    all.routing = all.routing.by(routes, vec!["rest".to_owned()]);
    let names = |alert: &str, labels: &[(String, String)]| -> Vec<usize> {
        let subject = crate::matcher::MatchSubject { alert, severity: Low, key: &[], labels };
        all.routing.wanted(&subject, Timestamp(0)).into_keys().collect()
    };
    let pay = [("service".to_owned(), "pay".to_owned())];
    assert_eq!(names("auth_failed", &pay), [0, 1]);
    assert_eq!(names("auth_failed", &[]), [0]);
    assert_eq!(names("cpu", &[]), [2]);
    assert_eq!(all.routing.dead_routes(["cpu", "disk"].into_iter()), [0]);
    assert!(all.routing.dead_routes(["auth_x"].into_iter()).is_empty());
}

#[test]
fn a_route_is_mute_while_its_calendar_is_open_also_in_the_night_clocks_change() {
    use model::calendar::{Calendar, WeeklyHours, ZoneOffsets};
    let instant = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
    // 01:00-03:00 in New York; on 2026-11-01 the hour from 1:00 comes twice.
    let change = instant("2026-11-01T06:00:00Z");
    let zone = ZoneOffsets { offsets: vec![(Timestamp(0), -4 * 3600), (change, -5 * 3600)] };
    let span = WeeklyHours { weekdays: 0b111_1111, from_minute: 60, until_minute: 180 };
    let calendar = Calendar { spans: vec![span], zone, closed_days: Vec::new() };
    let mut all = settings(&["pager"]);
    let routes = vec![Route {
        matchers: Vec::new(),
        receivers: vec!["pager".to_owned()],
        mute: Some(NamedCalendar { name: "夜間".to_owned(), calendar }),
        during: None,
    }];
    all.routing = all.routing.by(routes, vec!["pager".to_owned()]);
    let mut scene = IncidentScene::new(all);
    scene.now = instant("2026-11-01T05:30:00Z");
    scene.fire("cpu", Low);
    scene.wait(2 * HOUR_MS + 29 * MINUTE_MS);
    assert_eq!(scene.kinds(), []);
    scene.wait(2 * MINUTE_MS);
    assert_eq!(scene.got[0].2.0 / MINUTE_MS, instant("2026-11-01T08:00:00Z").0 / MINUTE_MS);
    assert_eq!(scene.kinds(), [Kind::Firing]);
}

/// Who is on duty is told; in the night in which clocks go back the hour that comes twice is of
/// one shift both times. Whoever was told hears the end, on duty or not.
#[test]
fn a_shift_takes_what_comes_while_its_calendar_is_open() {
    use model::calendar::{Calendar, WeeklyHours, ZoneOffsets};
    let instant = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
    let change = instant("2026-11-01T06:00:00Z");
    let zone = ZoneOffsets { offsets: vec![(Timestamp(0), -4 * 3600), (change, -5 * 3600)] };
    let span = WeeklyHours { weekdays: 0b111_1111, from_minute: 60, until_minute: 120 };
    let calendar = Calendar { spans: vec![span], zone, closed_days: Vec::new() };
    let mut all = settings(&["night", "rest"]);
    let during = Some(NamedCalendar { name: "夜間".to_owned(), calendar });
    let receivers = vec!["night".to_owned()];
    let routes = vec![Route { matchers: Vec::new(), receivers, mute: None, during }];
    all.routing = all.routing.by(routes, vec!["rest".to_owned()]);
    let subject =
        crate::matcher::MatchSubject { alert: "cpu", severity: Low, key: &[], labels: &[] };
    for (at, who, off) in [
        ("2026-11-01T04:59:00Z", 1, &["夜間"][..]),
        ("2026-11-01T05:00:00Z", 0, &[]),
        ("2026-11-01T06:30:00Z", 0, &[]),
        ("2026-11-01T07:00:00Z", 1, &["夜間"]),
    ] {
        let now = instant(at);
        let wanted: Vec<usize> = all.routing.wanted(&subject, now).into_keys().collect();
        assert_eq!((wanted, all.routing.off_shift(&subject, now).as_slice()), (vec![who], off));
    }
    let mut scene = IncidentScene::new(all);
    scene.now = instant("2026-11-01T06:59:00Z");
    scene.fire("cpu", Low);
    scene.wait(MINUTE_MS * 2);
    scene.resolve("cpu");
    scene.wait(MINUTE_MS);
    let notified: Vec<_> = scene.got().into_iter().map(|(who, kind, _)| (who, kind)).collect();
    let night = "night".to_owned();
    assert_eq!(notified, [(night.clone(), Kind::Firing), (night, Kind::Resolved)]);
}

#[test]
fn changed_routes_after_a_restart_notify_nobody_anew() {
    let mut scene = IncidentScene::new(settings(&["a", "b"]));
    let id = scene.fire("cpu", High);
    scene.wait(MINUTE_MS);
    assert_eq!(scene.got().len(), 2);
    scene.settings.routing = RoutingTable::to_all(vec![receiver("c"), receiver("b")]);
    scene.crash();
    scene.wait(MINUTE_MS);
    assert_eq!(scene.got(), []);
    scene.resolve("cpu");
    scene.wait(MINUTE_MS);
    assert_eq!(scene.got(), [at("b", Kind::Resolved, 2)], "who is gone is told nothing");
    assert_eq!(scene.incident(id).state, IncidentState::Resolved);
}

#[test]
fn what_waits_for_a_receiver_goes_to_it_whatever_its_number() {
    let mut scene = IncidentScene::new(settings(&["a", "b"]));
    scene.answers = |_, _, _| failed(FailureReason::Network, None);
    scene.fire("cpu", High);
    scene.wait(MINUTE_MS);
    scene.settings.routing = RoutingTable::to_all(vec![receiver("new"), receiver("b")]);
    scene.answers = |_, _, _| SENT;
    scene.crash();
    let gone: Vec<String> = scene.engine.dead().map(|it| it.receiver.clone()).collect();
    assert_eq!(gone, ["a"], "who is there no more");
    scene.wait(10 * MINUTE_MS);
    assert_eq!(scene.got().into_iter().map(|it| it.0).collect::<Vec<_>>(), ["b"]);
}

#[test]
fn a_storm_is_notified_in_sum_but_for_what_is_most_severe() {
    let mut scene = IncidentScene::new(settings(&["chat", "mail"]));
    for number in 0..10_000 {
        let severity = if number % 1_000 == 0 { Critical } else { Medium };
        scene.fire(&format!("a{number}"), severity);
    }
    scene.crash();
    scene.wait(MINUTE_MS);
    assert_eq!(scene.engine.incidents().count(), 10_000, "nothing is missing in the record");
    for name in ["chat", "mail"] {
        let got: Vec<&Notification> =
            scene.got.iter().filter(|it| it.0 == name).map(|it| &it.1).collect();
        let of = |kind| got.iter().filter(move |it| it.kind == kind);
        let critical = of(Kind::Firing).filter(|it| it.facts.severity == Critical).count();
        let other = of(Kind::Firing).filter(|it| it.facts.severity != Critical).count();
        assert_eq!((critical, other), (10, STORM_MAX), "{name}");
        let digests: Vec<_> = of(Kind::Digest).map(|it| it.digest.clone().unwrap()).collect();
        assert_eq!(digests.len(), 1, "{name}: one for the service");
        assert_eq!(digests[0].news, 9_990 - STORM_MAX as u64);
        assert!(of(Kind::Digest).all(|it| it.facts.alert == "pay"));
    }
    scene.got.clear();
    for number in 0..10_000 {
        scene.resolve(&format!("a{number}"));
    }
    scene.wait(MINUTE_MS);
    let kinds = scene.kinds();
    let count = |wanted| kinds.iter().filter(|kind| **kind == wanted).count();
    assert_eq!(count(Kind::Resolved), 2 * (10 + STORM_MAX), "who heard of one hears its end");
    assert_eq!(count(Kind::Digest), 2);
    scene.fire("after", Medium);
    scene.wait(SECOND_MS);
    assert_eq!(scene.kinds(), [Kind::Firing; 2], "the storm is over");
}

#[test]
fn a_digest_that_cannot_be_delivered_is_kept() {
    let mut scene = IncidentScene::new(settings(&["chat"]));
    scene.answers = |_, of, _| match of.kind {
        Kind::Digest => {
            DeliveryResult::Reject { reason: FailureReason::Client, why: "400".to_owned() }
        }
        _ => SENT,
    };
    for number in 0..=STORM_MAX {
        scene.fire(&format!("a{number}"), Low);
    }
    scene.wait(MINUTE_MS);
    let dead: Vec<Kind> = scene.engine.dead().map(|dead| dead.notification.kind).collect();
    assert_eq!(dead, [Kind::Digest]);
}

#[test]
fn what_a_receiver_calls_a_message_comes_back_with_the_next() {
    let mut scene = IncidentScene::new(settings(&["chat", "phone"]));
    let attempts = |scene: &mut IncidentScene, answer: Option<&str>| {
        scene.engine.tick(scene.now);
        let due = scene.engine.due(scene.now);
        let known: Vec<(usize, Option<String>)> =
            due.iter().map(|it| (it.receiver, it.receipt.clone())).collect();
        for attempt in due {
            let receipt = answer.filter(|_| attempt.receiver == 0).map(str::to_owned);
            let sent = DeliveryResult::Sent { receipt };
            scene.engine.record(attempt.ticket, sent, scene.now).unwrap();
        }
        scene.write();
        known
    };
    let id = scene.fire("cpu", High);
    assert_eq!(attempts(&mut scene, Some("C1:1.5")), [(0, None), (1, None)]);
    scene.act(id, IncidentAction::Acknowledge).unwrap();
    scene.crash();
    let known = Some("C1:1.5".to_owned());
    assert_eq!(attempts(&mut scene, None), [(0, known.clone()), (1, None)]);
    scene.resolve("cpu");
    assert_eq!(attempts(&mut scene, None), [(0, known), (1, None)]);
}

#[test]
fn a_router_gets_each_of_a_storm_and_receives_again_what_stands() {
    let mut of = settings(&["phone"]);
    let router = Receiver { is_router: true, ..receiver("am") };
    of.routing = RoutingTable::to_all(vec![receiver("phone"), router]);
    let mut scene = IncidentScene::new(OnCallSettings { storm_max: 2, ..of });
    let names: Vec<String> = (0..6).map(|n| format!("a{n}")).collect();
    for name in &names {
        scene.fire(name, High);
    }
    scene.wait(SECOND_MS);
    let received = |scene: &mut IncidentScene, who: &str| {
        scene.got().into_iter().filter(|(name, ..)| name == who).count()
    };
    assert_eq!(received(&mut scene, "am"), 6);
    scene.resolve("a1");
    // What is on its way has not been heard of yet.
    scene.answers = |_, _, _| failed(FailureReason::Server, None);
    scene.fire("late", Low);
    scene.wait(SECOND_MS);
    scene.crash();
    let stands = |scene: &IncidentScene| {
        let standing = scene.engine.standing(1, scene.now);
        let said: Vec<(String, Kind)> =
            standing.into_iter().map(|of| (of.facts.alert, of.kind)).collect();
        said.into_iter().collect::<BTreeMap<_, _>>()
    };
    let mut want: BTreeMap<String, Kind> =
        names.iter().map(|name| (name.clone(), Kind::Firing)).collect();
    want.insert("a1".to_owned(), Kind::Resolved);
    assert_eq!(stands(&scene), want);
    scene.now = scene.now.plus(ENDED_SAID_MS);
    want.remove("a1");
    assert_eq!(stands(&scene), want);
}

#[test]
fn the_auditor_finds_what_nobody_else_would_miss() {
    let mut scene = IncidentScene::new(settings(&["phone"]));
    scene.answers = |_, _, _| failed(FailureReason::Server, None);
    let id = scene.fire("cpu", Critical);
    let found = |scene: &IncidentScene, fault| {
        assert_eq!(scene.engine.findings(scene.now), [InvariantFinding { incident: id, fault }]);
    };
    scene.wait(MINUTE_MS);

    let due = scene.incident(id).next_due().unwrap();
    scene.now = due.plus(OVERDUE_MS);
    assert_eq!(scene.engine.findings(scene.now), []);
    scene.now = due.plus(OVERDUE_MS + 1);
    found(&scene, InvariantViolation::Overdue(due));
    scene.wait(0);

    let dues = std::mem::take(&mut scene.engine.dues);
    found(&scene, InvariantViolation::Forgotten);
    scene.engine.dues = dues;

    // A row that was lost on the disk.
    scene.rows.retain(|key, _| !matches!(key, RowKey::Outgoing(_)));
    scene.crash();
    found(&scene, InvariantViolation::Unsent("phone".to_owned()));
}

#[test]
fn a_rise_calls_for_an_answer_again() {
    let mut scene = IncidentScene::new(settings(&["log"]));
    let id = scene.fire("cpu", Medium);
    scene.wait(MINUTE_MS);
    scene.act(id, IncidentAction::Acknowledge).unwrap();
    scene.notify(TransitionKind::Changed, "cpu", Critical, Timestamp(0));
    scene.wait(MINUTE_MS);
    assert_eq!(scene.kinds(), [Kind::Firing, Kind::Acknowledged, Kind::Changed]);
    let case = scene.incident(id);
    assert_eq!((case.state, case.severity), (IncidentState::Firing, Critical));
    assert_eq!(case.deadline, Some(Timestamp(31 * MINUTE_MS)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Dies before or after any send, any write and any record of the alert log; nothing is
    /// lost, and what comes twice comes under the same id.
    #[test]
    fn a_crash_at_any_boundary_loses_nothing(
        script in prop::collection::vec((0u8..7, 0u8..3, any::<bool>()), 1..40),
        crashes in prop::collection::vec(0u8..8, 0..200),
    ) {
        let mut scene = IncidentScene::new(policy());
        let mut calm = IncidentScene::new(policy());
        let mut crashes = crashes.into_iter();
        for (step, which, answers) in script {
            let alert = ["cpu", "disk", "net"][usize::from(which)];
            for (scene, is_calm) in [(&mut scene, false), (&mut calm, true)] {
                scene.answers = match answers {
                    true => |_, _, _| SENT,
                    false => |_, _, _| failed(FailureReason::Server, None),
                };
                let open = scene.engine.episodes.open().any(|(name, _)| name == alert);
                let last = scene.log.iter().rev().find(|it| it.facts.alert == alert);
                let id = last.map(|it| it.episode);
                match step {
                    0 | 1 if !open => { scene.fire(alert, Critical); }
                    2 if open => scene.resolve(alert),
                    3 => if let Some(id) = id {
                        let _ = scene.act(id, IncidentAction::Acknowledge);
                    }
                    _ => {}
                }
                if is_calm {
                    scene.wait(7 * MINUTE_MS);
                    continue;
                }
                let until = scene.now.plus(7 * MINUTE_MS);
                while scene.now < until {
                    let crash = crashes.next().unwrap_or(7);
                    if crash == 0 { scene.crash(); }
                    // An attempt whose result is never written.
                    if crash == 1 {
                        for attempt in scene.engine.due(scene.now) {
                            let receivers = scene.settings.routing.receivers();
                            let name = receivers[attempt.receiver].name.clone();
                            if answers {
                                scene.got.push((name, (*attempt.notification).clone(), scene.now));
                            }
                        }
                        scene.crash();
                    }
                    scene.wait(MINUTE_MS);
                }
            }
        }
        for scene in [&mut scene, &mut calm] {
            scene.answers = |_, _, _| SENT;
            scene.wait(30 * MINUTE_MS);
        }
        let ids = |scene: &IncidentScene| -> std::collections::BTreeSet<String> {
            let notified = scene.got.iter().map(|(_, notified, _)| notified);
            // Which of two failures came first may differ, not who heard of what.
            notified.filter(|notified| matches!(notified.kind, Kind::Firing | Kind::Resolved))
                .map(|notified| notified.id.clone()).collect()
        };
        let resolved = |ids: std::collections::BTreeSet<String>| -> Vec<String> {
            ids.into_iter().filter(|id| id.contains("resolved")).collect()
        };
        prop_assert_eq!(resolved(ids(&scene)), resolved(ids(&calm)));
        prop_assert_eq!(scene.engine.outgoing().count(), 0);
        for case in scene.engine.incidents() {
            let mut notified = case.receivers.values();
            let has_it = notified.all(|state| matches!(state, DeliveryState::Delivered { .. }));
            prop_assert!(has_it, "{:?}", case);
        }
    }
}
