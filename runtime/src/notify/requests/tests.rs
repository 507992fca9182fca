//! Every answer as a document, held to `answers.txt`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p runtime` rewrites the file.

use std::fmt::Write as _;

use model::alert_facts::{AlertFacts, Measurement};
use model::calendar::{Calendar, WeeklyHours, ZoneOffsets};
use model::decimal::Decimal;
use model::key::KeyValue;
use model::notification::{DeliveryResult, FailureReason, Notification, NotificationKind};
use model::time::MINUTE_MS;
use model::transition::{EarlyAlert, EndReason, EpisodeId, Transition, TransitionKind};
use oncall::engine::OnCallSettings;
use oncall::episode_fold::{AlertLogEntry, AlertText, LogRecord, OffsetRange};
use oncall::outbox::OutboxLimits;
use oncall::route::{NamedCalendar, NotifyOn, Receiver, Route, RoutingTable};
use oncall::severity_policy::SeverityPolicies;
use oncall::severity_set::SeveritySet;
use oncall::timeline::{IncidentEntry, IncidentEvent};

use super::answers::{IncidentView, TestAttempt};
use super::*;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/notify/requests/answers.txt");
const START: Timestamp = Timestamp(1_767_225_600_000);

fn settings() -> OnCallSettings {
    let receiver = |name: &str| Receiver {
        name: name.to_owned(),
        severities: SeveritySet::ALL,
        on: NotifyOn::ALL,
        spacing_ms: 0,
        is_router: false,
        fallback: None,
    };
    let span = WeeklyHours { weekdays: 0b111_1111, from_minute: 0, until_minute: 1440 };
    let zone = ZoneOffsets { offsets: Vec::new() };
    let open = Calendar { spans: vec![span], zone: zone.clone(), closed_days: Vec::new() };
    let shut = Calendar { spans: Vec::new(), zone, closed_days: Vec::new() };
    let hours = |name: &str, calendar: &Calendar| {
        Some(NamedCalendar { name: name.to_owned(), calendar: calendar.clone() })
    };
    let route = |matcher: &str, to: &[&str]| Route {
        matchers: vec![Matcher::parse(matcher).unwrap()],
        receivers: to.iter().map(|name| (*name).to_owned()).collect(),
        mute: None,
        during: None,
    };
    let routes = vec![
        route("severity=critical", &["pager", "chat", "broken"]),
        Route { mute: hours("保守", &open), ..route("severity=high", &["chat"]) },
        Route { during: hours("夜間", &shut), ..route("severity=high", &["pager"]) },
    ];
    let all = ["pager", "chat", "broken"].map(receiver).to_vec();
    let routing = RoutingTable::to_all(all).by(routes, vec!["pager".to_owned()]);
    let mut level = SeverityPolicies::default().level(Severity::High).clone();
    level.policy = Some("当番".to_owned());
    let levels = SeverityPolicies::default().with(Severity::High, level);
    OnCallSettings { routing, levels, ..OnCallSettings::default() }
}

fn text(at: Timestamp) -> AlertText {
    AlertText {
        message: "認証失敗が12件".to_owned(),
        reading: "1分間に10件以上".to_owned(),
        runbook: Some("https://wiki.example/auth".to_owned()),
        labels: vec![("team".to_owned(), "基盤".to_owned()), ("env".to_owned(), "prod".to_owned())],
        detected: at.plus(500),
        events: vec![OffsetRange { source: "auth".to_owned(), partition: 3, from: 7, to: 19 }],
    }
}

fn transition(kind: TransitionKind, alert: &str, severity: Severity, at: Timestamp) -> Transition {
    Transition {
        kind,
        facts: AlertFacts {
            alert: alert.to_owned(),
            severity,
            key: vec![
                ("user.name".to_owned(), KeyValue::Text("a".to_owned())),
                ("port".to_owned(), KeyValue::Int(22)),
            ],
            at,
            since: START,
        },
        measured: Measurement {
            value: Some(Decimal::parse("12.5").unwrap()),
            threshold: Some(Decimal::from_int(10)),
        },
        peak: None,
        reason: (kind == TransitionKind::Resolved).then_some(EndReason::Cleared),
        episode: EpisodeId(alert.bytes().fold(7, |id, byte| id * 31 + u128::from(byte))),
        count: 12,
        fields: Vec::new(),
        tops: Vec::new(),
    }
}

/// A node's on-call with one incident of each kind, and the answers it gave.
struct RequestScene {
    engine: IncidentEngine,
    now: Timestamp,
    received: u64,
    answers: String,
}

impl RequestScene {
    fn new() -> RequestScene {
        let engine = IncidentEngine::new(settings(), OutboxLimits::default());
        RequestScene { engine, now: START, received: 0, answers: String::new() }
    }

    fn apply(&mut self, step: AlertLogEntry<'_>) {
        let text = text(self.now);
        let record = LogRecord { step, text: &text, is_shadow: false };
        self.engine.apply(self.received, &record, self.now);
        self.received += 1;
    }

    fn transition(&mut self, kind: TransitionKind, alert: &str, severity: Severity) {
        let transition = transition(kind, alert, severity, self.now);
        self.apply(AlertLogEntry::Transition(&transition));
    }

    fn early(&mut self, alert: &str, severity: Severity) {
        let of = transition(TransitionKind::Firing, alert, severity, self.now);
        let measured = Measurement { value: None, ..of.measured };
        let facts = AlertFacts { since: self.now, ..of.facts };
        let (episode, fields) = (of.episode, Vec::new());
        self.apply(AlertLogEntry::Early(&EarlyAlert {
            facts,
            measured,
            episode,
            count: 12,
            fields,
        }));
    }

    /// Makes every attempt that is due: `pager` takes it, `chat` is busy, `broken` refuses it.
    fn deliver(&mut self) {
        self.engine.tick(self.now);
        for attempt in self.engine.due(self.now) {
            let (reason, why) = (FailureReason::Server, "503 of chat".to_owned());
            let result = match attempt.receiver {
                0 => DeliveryResult::Sent { receipt: Some("C042/17.25".to_owned()) },
                1 => DeliveryResult::Retry { reason, why, after_ms: None },
                _ => {
                    DeliveryResult::Reject { reason: FailureReason::Client, why: "400".to_owned() }
                }
            };
            self.engine.record(attempt.ticket, result, self.now).unwrap();
        }
    }

    fn wait(&mut self, minutes: i64) {
        self.now = self.now.plus(minutes * MINUTE_MS);
        self.deliver();
    }

    /// Notes a question and the document that answers it.
    fn ask(&mut self, title: &str, query: OnCallQuery) {
        let answer = document(answer(query, "山田", &mut self.engine, self.now));
        writeln!(self.answers, "{title}\n  {answer}").unwrap();
    }

    fn act(&mut self, title: &str, alert: &str, action: IncidentAction) {
        let id = incident_of(alert);
        self.ask(title, OnCallQuery::Act { incident: id.to_string(), action });
    }

    /// Acts without noting the answer.
    fn command(&mut self, alert: &str, action: IncidentAction) {
        let command =
            OnCallCommand { incident: incident_of(alert), by: "佐藤".to_owned(), action };
        self.engine.command(&command, self.now).unwrap();
    }
}

fn incident_of(alert: &str) -> EpisodeId {
    transition(TransitionKind::Firing, alert, Severity::High, START).episode
}

fn document(reply: OnCallReply) -> String {
    match reply {
        Ok(answer) => {
            let written = serde_json::to_string(&answer).unwrap();
            assert_eq!(read_back(&written, &answer), answer, "{written}");
            written
        }
        Err(OnCallError::NotFound(why)) => format!("not found: {why}"),
        Err(OnCallError::Conflict(why)) => format!("conflict: {why}"),
        Err(OnCallError::Invalid(why)) => format!("invalid: {why}"),
    }
}

/// The document as the command line reads it.
fn read_back(written: &str, like: &OnCallAnswer) -> OnCallAnswer {
    use OnCallAnswer as Answer;
    fn read<T: serde::de::DeserializeOwned>(written: &str) -> T {
        serde_json::from_str(written).unwrap()
    }
    match like {
        Answer::Incidents(_) => Answer::Incidents(read(written)),
        Answer::Incident(_) => Answer::Incident(read(written)),
        Answer::Silences(_) => Answer::Silences(read(written)),
        Answer::SilenceCreated(_) => Answer::SilenceCreated(read(written)),
        Answer::SilencePreview(_) => Answer::SilencePreview(read(written)),
        Answer::SilenceExpired(_) => Answer::SilenceExpired(read(written)),
        Answer::Notifications(_) => Answer::Notifications(read(written)),
        Answer::NotificationChanged(_) => Answer::NotificationChanged(read(written)),
        Answer::TestResult(_) => Answer::TestResult(read(written)),
        Answer::Rendered(_) => Answer::Rendered(read(written)),
        Answer::Route(_) => Answer::Route(read(written)),
        Answer::Audit(_) => Answer::Audit(read(written)),
        Answer::Status(_) => Answer::Status(read(written)),
    }
}

fn all_states() -> OnCallQuery {
    OnCallQuery::Incidents(IncidentState::ALL.to_vec())
}

/// One of each answer, of a service to which much has happened.
fn answers() -> String {
    let mut scene = RequestScene::new();
    scene.ask("no incidents", all_states());
    scene.ask("status of nothing", OnCallQuery::Status);
    scene.transition(TransitionKind::Firing, "認証失敗多発", Severity::Critical);
    scene.transition(TransitionKind::Firing, "遅延", Severity::High);
    scene.transition(TransitionKind::Firing, "容量", Severity::Low);
    scene.early("急増", Severity::Medium);
    scene.deliver();
    scene.wait(2);
    scene.ask("incidents", all_states());
    scene.ask("notifications", OnCallQuery::Notifications);
    scene.act("ack", "認証失敗多発", IncidentAction::Acknowledge);
    scene.act("ack twice", "認証失敗多発", IncidentAction::Acknowledge);
    scene.command("認証失敗多発", IncidentAction::Assign("佐藤".to_owned()));
    scene.command("認証失敗多発", IncidentAction::Note("送信元を遮断".to_owned()));
    scene.act("escalate", "遅延", IncidentAction::Escalate);
    scene.wait(40);
    scene.command("認証失敗多発", IncidentAction::Mitigate("遮断済み".to_owned()));
    scene.wait(90);
    scene.transition(TransitionKind::Resolved, "認証失敗多発", Severity::Critical);
    scene.deliver();
    scene.command("認証失敗多発", IncidentAction::FindCause("総当たり".to_owned()));
    scene.command("認証失敗多発", IncidentAction::Fix("多要素認証".to_owned()));
    scene.act("close", "認証失敗多発", IncidentAction::Close("完了".to_owned()));
    scene.act("resolve", "遅延", IncidentAction::Resolve("誤検知".to_owned()));
    scene.ask("firing incidents", OnCallQuery::Incidents(vec![IncidentState::Firing]));
    scene.ask("incident", OnCallQuery::Incident(incident_of("遅延").to_string()));
    scene.ask("incident of a short id", OnCallQuery::Incident("00000000".to_owned()));
    scene.ask("incident that is none", OnCallQuery::Incident("f".to_owned()));
    ask_of_silences(&mut scene);
    let dead: Vec<u64> = scene.engine.dead().map(|dead| dead.number).collect();
    scene.ask("retry", OnCallQuery::RetryNotification(dead[0]));
    scene.ask("drop", OnCallQuery::DropNotification(dead[1]));
    scene.ask("drop what is pending", OnCallQuery::DropNotification(dead[0]));
    for severity in Severity::ALL {
        let labels = vec![("team".to_owned(), "基盤".to_owned())];
        let alert = "遅延".to_owned();
        let at = (severity == Severity::Low).then_some(START);
        let title = format!("route of {severity}");
        scene.ask(&title, OnCallQuery::Route(SampleAlert { alert, severity, labels, at }));
    }
    scene.ask("notifications after that", OnCallQuery::Notifications);
    scene.ask("audit", OnCallQuery::Audit);
    scene.ask("status", OnCallQuery::Status);
    scene.answers
}

fn ask_of_silences(scene: &mut RequestScene) {
    let silence = NewSilence {
        matchers: vec![Matcher::parse("alert=容量").unwrap(), Matcher::parse("a!=b").unwrap()],
        receivers: vec!["pager".to_owned()],
        from: scene.now,
        until: scene.now.plus(60 * MINUTE_MS),
        until_resolved: true,
        by: "山田".to_owned(),
        reason: "保守".to_owned(),
    };
    scene.ask("preview of a silence", OnCallQuery::PreviewSilence(silence.matchers.clone()));
    scene.ask("silence", OnCallQuery::CreateSilence(silence.clone()));
    scene.ask(
        "silence of all",
        OnCallQuery::CreateSilence(NewSilence { matchers: Vec::new(), ..silence }),
    );
    scene.ask("silences", OnCallQuery::Silences);
    let id = scene.engine.silences().next().unwrap().id;
    scene.ask("expire", OnCallQuery::ExpireSilence(id));
    scene.ask("expire again", OnCallQuery::ExpireSilence(id));
    scene.ask("ended silences", OnCallQuery::Silences);
}

#[test]
fn every_answer_is_the_document_that_is_written_down() {
    let answers = answers();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &answers).unwrap();
    }
    assert_eq!(answers, std::fs::read_to_string(GOLDEN).unwrap_or_default());
}

/// Every event of a timeline is written as the record of on-call writes it, member by member.
#[test]
fn every_event_of_a_timeline_is_written_as_it_is_stored() {
    let text = || "x".to_owned();
    let kind = NotificationKind::Firing;
    let all = [
        IncidentEvent::Fired,
        IncidentEvent::SeverityRaised(Severity::High),
        IncidentEvent::MatchedAgain,
        IncidentEvent::Ended(None),
        IncidentEvent::Ended(Some(EndReason::NoData)),
        IncidentEvent::Delivered { receiver: text(), kind },
        IncidentEvent::NotificationDropped { receiver: text(), kind, why: text() },
        IncidentEvent::Suppressed { receiver: text(), why: text() },
        IncidentEvent::Escalated { step: 2, receivers: vec![text(), text()] },
        IncidentEvent::Breached,
        IncidentEvent::Reminded,
        IncidentEvent::Acknowledged,
        IncidentEvent::Assigned(text()),
        IncidentEvent::Noted(text()),
        IncidentEvent::Mitigated(text()),
        IncidentEvent::CauseFound(text()),
        IncidentEvent::Fixed(text()),
        IncidentEvent::Resolved(text()),
        IncidentEvent::Closed(text()),
    ];
    let documents = std::fs::read_to_string(GOLDEN).unwrap();
    let document = documents.lines().find(|line| line.contains("\"timeline\":[")).unwrap();
    let incident: IncidentView = serde_json::from_str(document).unwrap();
    for what in all {
        let stored = IncidentEntry { at: START, by: Some(text()), what };
        let timeline = Some(vec![stored.clone()]);
        let view = IncidentView { timeline, ..incident.clone() };
        let written = serde_json::to_string(&view).unwrap();
        let expected = serde_json::to_value(&stored).unwrap().to_string();
        assert!(written.contains(&format!("\"timeline\":[{expected}]")), "{written}");
        assert_eq!(serde_json::from_str::<IncidentView>(&written).unwrap(), view);
    }
}

/// The documents of a test and of a rendition, which need receivers.
#[test]
fn a_test_and_a_rendition_are_written_as_before() {
    let mut engine = IncidentEngine::new(settings(), OutboxLimits::default());
    let trial = engine.trial("pager", Severity::Low, "x", "山田", START).unwrap().1;
    let (reason, why) = (FailureReason::Client, "400".to_owned());
    let results = [DeliveryResult::Sent { receipt: None }, DeliveryResult::Reject { reason, why }];
    let attempts: Vec<TestAttempt> =
        trial.iter().zip(&results).map(|(of, result)| TestAttempt::new(of, result)).collect();
    let ids = trial.map(|Notification { id, .. }| id);
    let receiver = || "pager".to_owned();
    let result = TestResult { attempts, delivered: false, receiver: receiver() };
    let want = serde_json::json!({
        "receiver": "pager",
        "delivered": false,
        "attempts": [
            { "id": ids[0], "kind": "firing", "reason": null, "why": null },
            { "id": ids[1], "kind": "resolved", "reason": "client", "why": "400" },
        ],
    });
    let written = document(Ok(OnCallAnswer::TestResult(result.clone())));
    assert_eq!(written, want.to_string());
    assert_eq!(serde_json::from_str::<TestResult>(&written).unwrap(), result);
    let rendered = RenderedNotification { receiver: receiver(), sent: "{}".to_owned() };
    let want = serde_json::json!({ "receiver": "pager", "sent": "{}" });
    assert_eq!(document(Ok(OnCallAnswer::Rendered(rendered))), want.to_string());
}
