use std::path::Path;

use connectors::alert_log_codec::AlertRecord;
use connectors::sink::json::render;
use engine::shard::statistics::RuleCounts;
use model::notification::DeliveryResult;
use oncall::engine::{IncidentEngine, OnCallSettings};
use oncall::episode_fold::{AlertLogEntry, LogRecord};
use oncall::outbox::OutboxLimits;
use oncall::route::{NotifyOn, Receiver, RoutingTable};
use oncall::severity_set::SeveritySet;

use super::*;
use crate::alert_log::record::{LoggedRecord, alert_of, write_line};
use crate::alert_log::replay::AlertLogReplay;
use crate::self_monitor::queue::SelfMonitorQueue;
use crate::telemetry::rule_metrics::ReadFigures;

const LIMITS: MetaLimits =
    MetaLimits { quiet_ms: 1_000, never_matched_after: 100, rule_share_max: 50 };

fn itself() -> SelfMonitor {
    SelfMonitor::new(LIMITS, Language::En, std::iter::empty(), Timestamp(0))
}

/// `+name since` began, `-name since` ended, with the value.
fn brief(said: &[MetaRecord]) -> Vec<String> {
    let one = |(step, _): &MetaRecord| {
        let sign = if step.is_over { '-' } else { '+' };
        let value = step.measured.value.map_or(String::new(), |value| format!(" {value}"));
        let name = step.alert.name().trim_start_matches("hansho.");
        format!("{sign}{name} {}{value}", step.since.0)
    };
    said.iter().map(one).collect()
}

fn rule(name: &str, counts: RuleCounts) -> RuleFigures {
    let read = ReadFigures { observed: counts.matched, ..ReadFigures::default() };
    RuleFigures { rule: name.to_owned(), counts, read, ..RuleFigures::default() }
}

fn refused(keys: u64, values: u64) -> RuleCounts {
    let matched = 1;
    RuleCounts { matched, refused_keys: keys, refused_values: values, ..RuleCounts::default() }
}

#[test]
fn what_is_counted_is_reported_once_and_ends_when_nothing_is_added() {
    let mut itself = itself();
    let late = |late_after_settle| ShardCounts { late_after_settle, ..ShardCounts::default() };
    let mut look = |now, all: u64, keys, values| {
        let now = Timestamp(now);
        let mut said = itself.inspect(&late(all), &[rule("r", refused(keys, values))], now);
        said.extend(itself.apply(Vec::new(), now));
        brief(&said).join(", ")
    };
    assert_eq!(look(10, 0, 0, 0), "");
    assert_eq!(look(20, 0, 5, 0), "+refused_keys 20 5");
    assert_eq!(look(30, 2, 9, 1), "+late_observations_dropped 30 2, +refused_values 31 1");
    assert_eq!(look(900, 2, 12, 1), "");
    assert_eq!(look(1_030, 2, 12, 1), "-late_observations_dropped 30 2, -refused_values 31 1");
    assert_eq!(look(1_899, 2, 12, 1), "");
    assert_eq!(look(1_900, 2, 12, 1), "-refused_keys 20 12");
    assert_eq!(look(2_000, 2, 13, 1), "+refused_keys 2000 1", "another bout");
}

#[test]
fn a_rule_is_looked_at_for_matches_and_its_share() {
    let mut itself = itself();
    // What is observed counts, settled or not.
    let mut look = |now, evaluated, observed, share, others: usize| {
        let read = ReadFigures { evaluated, observed, skipped_missing_key: 0 };
        let of = RuleFigures { read, share: Some(share), ..rule("r", RuleCounts::default()) };
        let mut rules = vec![of];
        rules.resize(1 + others, rule("s", refused(0, 0)));
        brief(&itself.inspect(&ShardCounts::default(), &rules, Timestamp(now))).join(", ")
    };
    assert_eq!(look(1, 99, 0, 0.5, 1), "");
    assert_eq!(look(2, 100, 0, 0.75, 1), "+never_matched 2 100, +rule_over_share 3 0.75");
    assert_eq!(look(4, 200, 0, 0.8, 1), "");
    assert_eq!(look(5, 201, 1, 0.8, 1), "-never_matched 2 100");
    assert_eq!(look(6, 201, 1, 0.4, 1), "-rule_over_share 3 0.75");
    assert_eq!(look(7, 201, 1, 1.0, 0), "", "alone it may take all");
    assert_eq!(look(8, 201, 1, 0.9, 1), "+rule_over_share 8 0.9");
    // A rule that is gone takes no share.
    let rest = [rule("s", refused(0, 0))];
    let said = itself.inspect(&ShardCounts::default(), &rest, Timestamp(9));
    assert_eq!(brief(&said), ["-rule_over_share 8 0.9"]);
}

#[test]
fn reports_open_once_and_end_when_said_or_no_longer_said() {
    let (mut itself, reports) = (itself(), SelfMonitorQueue::default());
    let lost = || MetaAlert::RecordsLost { topic: "t".to_owned(), partition: 1 };
    let held = || MetaAlert::PartitionPaused { topic: "t".to_owned() };
    let mut receive = |now| {
        let said = itself.apply(reports.take(), Timestamp(now));
        reports.logged();
        brief(&said).join(", ")
    };
    reports.see(lost(), Some(7), None);
    reports.see(lost(), Some(5), None);
    reports.see(held(), None, Some("u/0".to_owned()));
    (0..1_000).for_each(|_| reports.see(held(), None, None));
    assert_eq!(reports.len(), 2, "said again before it is taken, it is one report");
    assert!(!reports.are_logged());
    assert_eq!(receive(10), "+records_lost 10 12, +partition_paused 11");
    assert!(reports.are_logged());
    reports.see(MetaAlert::ReloadFailed, None, Some("auth.rules:3".to_owned()));
    reports.see(MetaAlert::DeadLettersFailing, None, Some("disk full".to_owned()));
    assert_eq!(receive(500), "+reload_failed 500, +dead_letters_failing 501");
    assert_eq!(receive(1_010), "-records_lost 10 12");
    reports.see(held(), None, None);
    assert_eq!(receive(59_000), "");
    assert_eq!(receive(60_500), "-dead_letters_failing 501");
    assert_eq!(receive(119_000), "-partition_paused 11");
    assert_eq!(receive(10_000_000), "", "rules stay wrong until they are right");
    reports.end(MetaAlert::ReloadFailed);
    reports.end(MetaAlert::ReloadFailed);
    assert_eq!(receive(10_000_001), "-reload_failed 500");
}

fn logged(sequence: u64, record: &MetaRecord) -> LoggedRecord {
    let (step, message) = record.clone();
    let detected = step.at.plus(3);
    LoggedRecord {
        sequence,
        recorded: AlertRecord::Meta(step, message),
        detected,
        is_shadow: false,
        events: Vec::new(),
    }
}

/// Alert log of the records.
fn history(said: &[MetaRecord]) -> AlertLogReplay {
    let lines = (0..).zip(said).map(|(sequence, record)| {
        let mut line = Vec::new();
        write_line(&mut line, &logged(sequence, record));
        line
    });
    AlertLogReplay::read(Path::new("alerts.jsonl"), lines.collect()).unwrap()
}

#[test]
fn after_a_restart_nothing_is_reported_twice_and_nothing_is_lost() {
    let counts = |keys| [rule("r", refused(keys, 0))];
    let none = ShardCounts::default();
    let mut first = itself();
    let mut reported = first.inspect(&none, &counts(5), Timestamp(100));
    // Refused once more after the restart, then quiet; the clock was set back meanwhile.
    let mut second =
        SelfMonitor::new(LIMITS, Language::En, history(&reported).metas(), Timestamp(50));
    assert_eq!(second.inspect(&none, &counts(2), Timestamp(60)), []);
    assert_eq!(second.apply(Vec::new(), Timestamp(1_059)), []);
    let ended = second.apply(Vec::new(), Timestamp(1_060));
    assert_eq!(brief(&ended), ["-refused_keys 100 7"]);
    reported.extend(ended);
    let third =
        SelfMonitor::new(LIMITS, Language::En, history(&reported).metas(), Timestamp(2_000));
    assert_eq!(third.open("hansho.refused_keys"), 0);
    // Open and read again, it ends by itself if it is not so any more.
    let mut fourth =
        SelfMonitor::new(LIMITS, Language::En, history(&reported[..1]).metas(), Timestamp(3_000));
    assert_eq!(fourth.open("hansho.refused_keys"), 1);
    let ended = fourth.apply(Vec::new(), Timestamp(4_000));
    assert_eq!(brief(&ended), ["-refused_keys 100 5"]);
    let ids: Vec<_> = ended.iter().chain(&reported).map(|(step, _)| step.id).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "one alert, one id");
}

/// Every alert of the service, begun and ended, as the sinks get it.
fn documents(language: Language) -> String {
    let mut itself = SelfMonitor::new(LIMITS, language, std::iter::empty(), Timestamp(0));
    let reports = SelfMonitorQueue::default();
    let auth = || "auth.events".to_owned();
    reports.see(MetaAlert::RecordsLost { topic: auth(), partition: 3 }, Some(12), None);
    let behind = Some("metrics.node/0".to_owned());
    reports.see(MetaAlert::PartitionPaused { topic: auth() }, None, behind);
    reports.see(MetaAlert::DeadLettersFailing, None, Some("cannot write letters".to_owned()));
    reports.see(MetaAlert::ReloadFailed, None, Some("auth.rules:3: E0301".to_owned()));
    let sink = "当番".to_owned();
    let why = Some("認証失敗多発: 410 Gone".to_owned());
    reports.see(MetaAlert::NotificationDropped { sink }, Some(1), why);
    reports.see(MetaAlert::InvariantViolation, None, Some("incident 7: 当番".to_owned()));
    let start = Timestamp::parse_rfc3339("2026-01-05T00:00:00Z").unwrap();
    let all = ShardCounts { late_after_settle: 4, ..ShardCounts::default() };
    let mut of = RuleFigures { share: Some(0.75), ..rule("認証失敗多発", refused(5, 6)) };
    let read = ReadFigures { evaluated: 100, ..ReadFigures::default() };
    let never = RuleFigures { read, ..rule("quiet", RuleCounts::default()) };
    let mut said = itself.apply(reports.take(), start);
    said.extend(itself.inspect(&all, &[of.clone(), never.clone()], start));
    of.share = Some(0.25);
    let matched = RuleFigures { read: ReadFigures { observed: 1, ..read }, ..never };
    reports.end(MetaAlert::ReloadFailed);
    reports.end(MetaAlert::InvariantViolation);
    let end = start.plus(MINUTE_MS + 10_000);
    said.extend(itself.inspect(&all, &[of, matched], end));
    said.extend(itself.apply(reports.take(), end));
    assert_eq!(said.len(), 2 * MetaAlert::NAMES.len());

    let receiver = Receiver {
        name: "log".to_owned(),
        severities: SeveritySet::ALL,
        on: NotifyOn::ALL,
        spacing_ms: 0,
        is_router: false,
        fallback: None,
    };
    let routing = RoutingTable::to_all(vec![receiver]);
    let settings = OnCallSettings { routing, ..OnCallSettings::default() };
    let mut engine = IncidentEngine::new(settings, OutboxLimits::default());
    let mut received = 0;
    let mut documents = String::new();
    for _ in 0..2 {
        // Read from the log again, as after a restart, it says nothing new.
        for logged in history(&said).logged() {
            let AlertRecord::Meta(step, message) = &logged.recorded else {
                panic!("{}", alert_of(&logged.recorded))
            };
            let text = oncall::episode_fold::AlertText {
                message: message.clone(),
                reading: step.alert.reading(language).to_owned(),
                detected: logged.detected,
                ..Default::default()
            };
            let transition = step.as_transition();
            let step = AlertLogEntry::Transition(&transition);
            let record = LogRecord { step, text: &text, is_shadow: false };
            engine.apply(received, &record, logged.detected);
            received += 1;
            for attempt in engine.due(logged.detected) {
                documents += &render(&attempt.notification);
                documents.push('\n');
                let sent = DeliveryResult::Sent { receipt: None };
                engine.record(attempt.ticket, sent, logged.detected).unwrap();
            }
        }
    }
    assert_eq!(engine.open_count(), 0);
    documents
}

#[test]
fn every_alert_reaches_a_sink_in_both_languages_as_it_always_did() {
    for (language, name) in [(Language::En, "en"), (Language::Ja, "ja")] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(format!("src/self_monitor/monitor/documents.{name}.jsonl"));
        let got = documents(language);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &got).unwrap();
        }
        assert_eq!(got, std::fs::read_to_string(&path).unwrap_or_default(), "{name}");
    }
}
