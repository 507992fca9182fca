//! The rows of on-call, byte for byte as stores on disk have them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::alert_facts::{AlertFacts, Measurement};
use model::decimal::Decimal;
use model::key::KeyValue;
use model::notification::{Digest, FailureReason, MissedDelivery, Notification, NotificationKind};
use model::severity::Severity;
use model::time::Timestamp;
use model::transition::{EndReason, EpisodeId, NamedKeyPart};

use crate::engine::{AuditRecord, DeadNotification, FlappingAlert, OnCallRow, PendingDigest};
use crate::episode_fold::{AlertText, OffsetRange};
use crate::incident::{DeliveryState, Escalation, Incident, IncidentState, LifecycleTimes};
use crate::matcher::Matcher;
use crate::outbox::{DeliveryFailure, DropReason, OutboxEntry};
use crate::silence::Silence;
use crate::timeline::{IncidentEntry, IncidentEvent};

/// One row a line, as written by the first release of this form.
const GOLDEN: &str = include_str!("golden.jsonl");

fn at(millis: i64) -> Timestamp {
    Timestamp(1_767_225_600_000 + millis)
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn number(digits: &str) -> Option<Decimal> {
    Some(Decimal::parse(digits).unwrap())
}

/// A key with a component of every type, not in the order of its names.
fn key() -> Vec<NamedKeyPart> {
    vec![
        (text("user.name"), KeyValue::Text(text("a\"<b>\u{202e}\u{7f}\u{8}"))),
        (text("src.ip"), KeyValue::Ip("203.0.113.9".parse().unwrap())),
        (text("dst.ip"), KeyValue::Ip("2001:db8::1".parse().unwrap())),
        (text("code"), KeyValue::Int(i64::MIN)),
        (text("ok"), KeyValue::Bool(true)),
        (text("none"), KeyValue::Null),
    ]
}

fn labels() -> Vec<(String, String)> {
    vec![(text("team"), text("soc")), (text("service"), text("pay"))]
}

fn alert_text() -> AlertText {
    AlertText {
        message: text("a: 10回"),
        reading: text("r"),
        runbook: Some(text("https://wiki/x")),
        labels: labels(),
        detected: at(55_005),
        events: vec![OffsetRange { source: text("auth"), partition: 3, from: 5, to: 9 }],
    }
}

/// A notification with every optional member.
fn full() -> Notification {
    Notification {
        id: text("00ff-1"),
        kind: NotificationKind::Resolved,
        incident: EpisodeId(255),
        facts: AlertFacts {
            alert: text("認証\"失敗\n"),
            severity: Severity::Critical,
            key: key(),
            at: at(54_000),
            since: at(1_500),
        },
        detected: at(55_000),
        deadline: Some(at(1_854_000)),
        measured: Measurement {
            value: number("12345678901234567.123456789"),
            threshold: number("0.05"),
        },
        reason: Some(EndReason::NoData),
        message: text("m\t\u{1}"),
        reading: text("r"),
        runbook: Some(text("https://wiki/x")),
        labels: labels(),
        by: Some(text("b")),
        missed: Some(MissedDelivery { at: at(0), why: Some(text("500")) }),
        digest: Some(Arc::new(Digest {
            news: 12,
            ended: 3,
            is_flapping: true,
            alerts: vec![(text("z"), 9), (text("a"), 3)],
        })),
    }
}

/// A notification with none of them.
fn bare(kind: NotificationKind, severity: Severity) -> Notification {
    Notification {
        kind,
        facts: AlertFacts { severity, key: Vec::new(), ..full().facts },
        deadline: None,
        measured: Measurement::default(),
        reason: None,
        runbook: None,
        labels: Vec::new(),
        by: None,
        missed: None,
        digest: None,
        ..full()
    }
}

fn happenings() -> Vec<IncidentEvent> {
    let (receiver, kind, why) = (text("soc"), NotificationKind::Again, text("500"));
    vec![
        IncidentEvent::Fired,
        IncidentEvent::SeverityRaised(Severity::High),
        IncidentEvent::MatchedAgain,
        IncidentEvent::Ended(Some(EndReason::RuleChanged)),
        IncidentEvent::Ended(None),
        IncidentEvent::Delivered { receiver: receiver.clone(), kind },
        IncidentEvent::NotificationDropped { receiver: receiver.clone(), kind, why: why.clone() },
        IncidentEvent::Suppressed { receiver: receiver.clone(), why },
        IncidentEvent::Escalated { step: 2, receivers: vec![receiver] },
        IncidentEvent::Breached,
        IncidentEvent::Reminded,
        IncidentEvent::Acknowledged,
        IncidentEvent::Assigned(text("a")),
        IncidentEvent::Noted(text("n")),
        IncidentEvent::Mitigated(text("m")),
        IncidentEvent::CauseFound(text("c")),
        IncidentEvent::Fixed(text("f")),
        IncidentEvent::Resolved(text("r")),
        IncidentEvent::Closed(text("c")),
    ]
}

fn full_incident() -> Incident {
    let entry = |(index, what): (usize, IncidentEvent)| IncidentEntry {
        at: at(index as i64),
        by: (index % 2 == 1).then(|| text("b")),
        what,
    };
    let every = Some(at(60_000));
    Incident {
        id: EpisodeId(u128::MAX),
        alert: text("認証失敗多発"),
        key: key(),
        since: at(0),
        severity: Severity::High,
        state: IncidentState::Acknowledged,
        times: LifecycleTimes {
            event: at(1),
            fired: at(2),
            notified: every,
            acknowledged: every,
            mitigated: every,
            resolved: every,
            cause_found: every,
            fixed: every,
            closed: every,
        },
        at_fire: Measurement { value: number("10"), threshold: number("-0.000000001") },
        at_end: Some(Measurement { value: None, threshold: number("100000000000000000000") }),
        reason: Some(EndReason::Cleared),
        text: alert_text(),
        end_text: Some(AlertText::default()),
        owner: Some(text("o")),
        deadline: every,
        is_breached: true,
        is_flapping: true,
        batch: every,
        escalation: Some(Escalation { from: at(0), step: 1, round: 2, due: at(3) }),
        reminder: every,
        receivers: BTreeMap::from([
            (text("a"), DeliveryState::Waiting),
            (text("b"), DeliveryState::Sent),
            (text("c"), DeliveryState::Delivered { receipt: text("17.1") }),
            (text("d"), DeliveryState::Failed),
            (text("e"), DeliveryState::Summed),
        ]),
        timeline: happenings().into_iter().enumerate().map(entry).collect(),
        unlisted: 7,
    }
}

fn bare_incident() -> Incident {
    Incident {
        id: EpisodeId(1),
        key: Vec::new(),
        severity: Severity::Low,
        state: IncidentState::Firing,
        times: LifecycleTimes { event: at(1), fired: at(2), ..LifecycleTimes::default() },
        at_fire: Measurement::default(),
        at_end: None,
        reason: None,
        end_text: None,
        owner: None,
        deadline: None,
        is_breached: false,
        is_flapping: false,
        batch: None,
        escalation: None,
        reminder: None,
        receivers: BTreeMap::new(),
        timeline: Vec::new(),
        unlisted: 0,
        ..full_incident()
    }
}

fn failure(reason: FailureReason) -> DeliveryFailure {
    DeliveryFailure { reason, why: text("503") }
}

fn outgoing(
    number: u64,
    notification: Notification,
    failure: Option<DeliveryFailure>,
) -> OnCallRow {
    let notification = Arc::new(notification);
    let (receiver, attempts, at, expires) = (0, 2, at(70_000), at(86_400_000));
    let row = OutboxEntry { number, receiver, notification, attempts, at, expires, failure };
    OnCallRow::Outgoing(text("soc"), row)
}

fn dead(number: u64, why: DropReason) -> OnCallRow {
    let notification = Arc::new(bare(NotificationKind::Reminder, Severity::Low));
    OnCallRow::Dead(DeadNotification {
        number,
        at: at(9),
        receiver: text("soc"),
        notification,
        attempts: 1,
        why,
    })
}

fn rows() -> Vec<OnCallRow> {
    let written = ["alert=a", "severity=~\"high|low\"", "user.name!=\"b c\""];
    let matchers = written.map(|text| Matcher::parse(text).unwrap()).to_vec();
    let silence = Silence {
        id: 4,
        matchers,
        receivers: vec![text("soc")],
        from: at(0),
        until: at(60_000),
        until_resolved: true,
        by: text("b"),
        reason: text("r"),
        ended: Some(at(30_000)),
    };
    let digest = PendingDigest {
        number: 6,
        receiver: text("soc"),
        service: text("pay"),
        severity: Severity::Medium,
        since: at(0),
        due: at(30_000),
        news: BTreeMap::from([(text("a"), 2), (text("z"), 5)]),
        unnamed: 1,
        ended: 2,
    };
    let flapping = FlappingAlert {
        number: 8,
        alert: text("a"),
        key: key(),
        severity: Severity::High,
        since: at(0),
        due: at(3_600_000),
        receivers: BTreeSet::from([text("a"), text("b")]),
    };
    let mut rows = vec![
        OnCallRow::Position(7),
        OnCallRow::Case(Box::new(full_incident())),
        OnCallRow::Case(Box::new(bare_incident())),
        outgoing(1, full(), Some(failure(FailureReason::RateLimited))),
        dead(20, DropReason::Rejected(failure(FailureReason::TooLarge))),
        dead(21, DropReason::Expired(None)),
        dead(22, DropReason::Expired(Some(failure(FailureReason::Gone)))),
        dead(23, DropReason::QueueFull),
        dead(24, DropReason::ReceiverRemoved),
        OnCallRow::Silence(silence),
        OnCallRow::Audit(AuditRecord {
            number: 5,
            at: at(1),
            by: text("b"),
            what: text("ack 00ff"),
        }),
        OnCallRow::Digest(digest),
        OnCallRow::Fallbacks(BTreeMap::from([(text("soc"), text("desk"))])),
        OnCallRow::Flapping(flapping),
    ];
    let kinds = NotificationKind::ALL.into_iter().zip(Severity::ALL.into_iter().cycle());
    rows.extend(
        kinds.zip(30..).map(|((kind, severity), n)| outgoing(n, bare(kind, severity), None)),
    );
    rows
}

#[test]
fn rows_are_written_and_read_as_they_always_were() {
    let rows = rows();
    let lines: Vec<&str> = GOLDEN.lines().collect();
    let written: Vec<String> = rows.iter().map(|row| serde_json::to_string(row).unwrap()).collect();
    assert_eq!(written, lines);
    for (row, line) in rows.iter().zip(lines) {
        assert_eq!(&serde_json::from_str::<OnCallRow>(line).unwrap(), row);
    }
}

#[test]
fn rows_of_earlier_builds_without_later_members_are_read() {
    let later = [
        ",\"is_flapping\":false",
        ",\"batch\":null",
        ",\"events\":[{\"source\":\"auth\",\"partition\":3,\"from\":5,\"to\":9}]",
        ",\"digest\":null",
    ];
    for (row, line) in rows().iter().zip(GOLDEN.lines()) {
        let old = later.iter().fold(line.to_owned(), |line, member| line.replace(member, ""));
        let mut row = row.clone();
        if let OnCallRow::Case(incident) = &mut row {
            incident.text.events.clear();
        }
        assert_eq!(serde_json::from_str::<OnCallRow>(&old).unwrap(), row, "{old}");
    }
}

#[test]
fn a_member_that_means_nothing_is_refused() {
    for (good, bad) in [
        ("\"2026-01-01T00:00:54Z\"", "\"2026-01-01\""),
        ("\"critical\"", "\"dire\""),
        ("\"no data\"", "\"none\""),
        ("\"resolved\"", "\"solved\""),
        ("\"0.05\"", "\"five\""),
        ("\"000000000000000000000000000000ff\"", "\"ff\""),
        ("{\"int\":", "{\"float\":"),
    ] {
        let line = GOLDEN.lines().find(|line| line.contains("00ff-1")).unwrap();
        assert!(line.contains(good), "{line}");
        assert!(serde_json::from_str::<OnCallRow>(&line.replacen(good, bad, 1)).is_err(), "{bad}");
    }
}

/// Names in rows of earlier builds, and what they are called now.
const RENAMED: [(&str, &str); 7] = [
    ("\"Summed\"", "\"InDigest\""),
    ("{\"Rose\":", "{\"SeverityRaised\":"),
    ("{\"Undelivered\":", "{\"NotificationDropped\":"),
    ("{\"HeldBack\":", "{\"Suppressed\":"),
    ("{\"TooOld\":", "{\"Expired\":"),
    ("\"why\":\"Crowded\"", "\"why\":\"QueueFull\""),
    ("\"why\":\"Unknown\"", "\"why\":\"ReceiverRemoved\""),
];

#[test]
fn rows_of_earlier_builds_with_old_names_are_read() {
    for (old, new) in RENAMED {
        let of_new = |line: &&str| line.contains(new);
        let line = GOLDEN.lines().find(of_new).unwrap_or_else(|| panic!("no row has {new}"));
        let row: OnCallRow = serde_json::from_str(line).unwrap();
        let earlier: OnCallRow = serde_json::from_str(&line.replace(new, old)).unwrap();
        assert_eq!(earlier, row, "{old}");
    }
}
